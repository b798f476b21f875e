"""Figures of the retriever: what is drawn, with which labels, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.plotting import save_figure
from astroquery_mmdc.retriever import Histogram, Project
from astroquery_mmdc.retriever.count_plots import plot_efficiency, plot_histogram
from astroquery_mmdc.retriever.efficiency import EFFICIENCY_COORDS, efficiency
from astroquery_mmdc.retriever.plots import plot_lightcurve, plot_photometry
from astroquery_mmdc.retriever.running.runs import project_session


@pytest.fixture
def project():
    """A project that was run, in which some injected events were found."""
    made = Project(
        "plots", obs_names="demo", cfg_file=False, analysis_kwargs={"num_injections": 20}
    )
    made.run(progress=False)
    return made


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def is_png(path):
    return path.read_bytes()[:4] == b"\x89PNG"


def test_a7_14_data_and_lightcurves_plot_themselves(project, tmp_path):
    with project_session(project) as session:
        source = session.scalars(project.select_sources()).first()
        raw = source.raw_photometry["demo"].plot()
        light = source.reduced_lightcurves[0].plot(
            ttype="times", ftype="flux", threshold=5, font_size=14
        )
        figure = source.plot_photometry()
    assert (raw.get_xlabel(), raw.get_ylabel()) == ("MJD (UTC)", "Magnitude [mag]")
    assert raw.yaxis_inverted()
    assert raw.get_title() == f"DEMO  {source.name}"
    assert (light.get_xlabel(), light.get_ylabel()) == ("UTC", "Flux [uJy]")
    assert light.xaxis.label.get_size() == 14
    assert "mean ± 5 standard deviations" in labels(light)
    assert len(figure.axes) == 1
    for number, drawn in enumerate((raw, light, figure)):
        assert is_png(save_figure(drawn, tmp_path / f"{number}.png"))


def test_a7_14_lightcurves_go_into_given_axes(make_lightcurve):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot_lightcurve(make_lightcurve(), ax=ax) is ax
    assert plot_lightcurve(make_lightcurve(), ax=ax).yaxis_inverted()  # not back again
    assert ax.get_title() == ""


def test_detected_and_refused_epochs_are_marked(project, tmp_path):
    with project_session(project) as session:
        found = session.scalars(project.select_detections(simulated=True)).first()
        light = found.lightcurve.lightcurve
        data = light.data.copy()
        data["flag"][:3] = True
        ax = plot_lightcurve(light.replace(data=data), detections=[found])
        by_date = plot_lightcurve(light, ttype="times", detections=[found])
    assert set(labels(ax)) == {"R", "refused", "detected", "injected event"}
    (band,) = ax.patches
    start = found.peak_mjd - band.get_x()
    assert -1e-6 <= start <= band.get_width() + 1e-6
    low, high = by_date.get_xlim()
    assert low < by_date.patches[0].get_x() < high
    assert is_png(save_figure(by_date, tmp_path / "dates.png"))


def test_a_panel_for_each_observatory_and_a_name_for_each_filter(make_lightcurve):
    curves = [
        make_lightcurve(observatory="ZTF", band=band, series=n) for n in (1, 2) for band in "gr"
    ]
    curves.append(make_lightcurve(observatory="TESS", band="T"))
    figure = plot_photometry(curves, title="seen by two")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["TESS", "ZTF"]
    assert labels(figure.axes[1]) == ["g", "r"]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "MJD (UTC)"]
    assert figure.get_suptitle() == "seen by two"


def test_what_cannot_be_drawn_is_refused(make_lightcurve):
    light = make_lightcurve()
    with pytest.raises(InvalidRequestError, match=r"ttype: 'jd' is not known; choose from"):
        plot_lightcurve(light, ttype="jd")
    bare = light.replace(data=light.data[["time", "mjd", "filter"]])
    with pytest.raises(InvalidRequestError, match="has no column mag; it has"):
        plot_lightcurve(bare)
    with pytest.raises(InvalidRequestError, match="has no light curves; run the project"):
        plot_photometry([])


def test_light_curves_without_values_are_drawn_empty(make_lightcurve):
    light = make_lightcurve(rows=3)
    data = light.data.copy()
    data["mag"] = data["mag_err"] = np.nan
    assert plot_lightcurve(light.replace(data=data), threshold=3).lines
    assert plot_lightcurve(light.replace(data=data[:0])) is not None


def test_efficiencies_have_intervals_and_numbers(project, tmp_path):
    counts = project.get_histograms()
    made = efficiency(counts["injected"], counts["recovered"])
    ax = plot_efficiency(made, title="found again")
    assert ax.get_xlabel() == "Amplitude [S/N]"
    assert ax.get_ylabel() == r"$\log_{10}$ FWHM [d]"
    assert sum(int(text.get_text()) for text in ax.texts) == 10 * 20
    assert is_png(save_figure(ax, tmp_path / "map.png"))
    curve = plot_efficiency(efficiency(counts["injected"], counts["recovered"], over=()))
    assert curve.get_ylim() == (-0.03, 1.03)
    assert is_png(save_figure(curve, tmp_path / "curve.png"))
    with pytest.raises(InvalidRequestError, match="choose with over="):
        plot_efficiency(
            efficiency(counts["injected"], counts["recovered"], over=("mag", "log_width"))
        )


def test_a_map_of_one_bin_is_as_wide_as_the_bin():
    tried, found = (Histogram(**EFFICIENCY_COORDS) for _ in range(2))
    event = {"amplitude": [7.0], "mag_change": [0.5], "log_width": [0.3]}
    for each in (tried, found):
        each.add_data(event, source={"mag": 17.0})
    ax = plot_efficiency(efficiency(tried, found))
    assert np.diff(ax.get_xlim()) == pytest.approx([2.0])
    assert np.diff(ax.get_ylim()) == pytest.approx([0.25])


def test_histograms_are_summed_or_split(project, tmp_path):
    scores = project.get_histograms()["all_scores"]
    ax = plot_histogram(scores)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("S/N", "Epochs", "log")
    assert sum(ax.patches[0].get_data().values) == scores.get_sum_scores("snr")
    by_filter = plot_histogram(scores, "snr", by="filter")
    assert labels(by_filter) == ["R"]
    assert is_png(save_figure(by_filter, tmp_path / "filters.png"))
    with pytest.raises(InvalidRequestError, match="score: 'nosuch' is not known"):
        plot_histogram(scores, "nosuch")
    with pytest.raises(InvalidRequestError, match="by: 'nosuch' is not known"):
        plot_histogram(scores, by="nosuch")
