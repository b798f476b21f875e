from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable
from astropy.time import Time
from astropy.utils.masked import Masked

pytest.importorskip("matplotlib")

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.plotting import plot_lightcurve, plot_sed, save_figure
from astroquery_mmdc.plotting.style import COLORS, MARKERS, flux_label, looks, new_figure
from astroquery_mmdc.sed import SED

FLUX = u.Unit("erg s-1 cm-2")


@pytest.fixture
def sed() -> SED:
    return SED.from_columns(
        nu=[1.4e9, 5e14, 2.4e17, 2.4e18, 2.4e25] * u.Hz,
        nufnu=[1e-14, 4e-11, 1e-10, -1e-12, 2e-11] * FLUX,
        nufnu_err=[3e-16, 9e-11, np.nan, 5e-12, np.nan] * FLUX,
        is_upper_limit=[False, False, False, False, True],
        mjd_start=[np.nan, 58001.3, 58001.4, 58002.0, 57900.0],
        catalog=["NVSS", "ZTF", "XRT", "XRT", "VERITAS"],
        source={"name": "Mrk 421"},
    )


def labels(ax) -> list[str]:
    return [entry.get_text() for entry in ax.get_legend().get_texts()]


def test_axes_title_and_legend(sed):
    ax = plot_sed(sed)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_xlabel() == "Frequency [Hz]"
    assert ax.get_title() == "Mrk 421"
    assert labels(ax) == ["NVSS", "ZTF", "XRT", "VERITAS", "upper limit", "hollow: no date"]
    assert plot_sed(sed, legend=False).get_legend() is None
    assert plot_sed(sed, title="mine").get_title() == "mine"


def test_what_has_no_place_is_counted(sed):
    sed["nufnu"] = Masked(sed["nufnu"], mask=[False, False, True, False, False])
    notes = [text.get_text() for text in plot_sed(sed).texts]
    assert notes == ["1 points with flux ≤ 0 not shown; 1 points without a value not shown"]
    assert not plot_sed(sed[:1]).texts


def test_bars_never_reach_zero(sed):
    ax = plot_sed(sed)
    lows = [
        segment[:, 1].min()
        for bars in ax.collections
        for segment in getattr(bars, "get_segments", list)()
    ]
    assert lows
    assert min(lows) > 0
    assert ax.get_ylim()[0] > 0


def test_asymmetric_errors_are_drawn():
    sed = SED.from_columns(
        nu=[1e15] * u.Hz,
        nufnu=[4] * FLUX,
        nufnu_errn=[1] * FLUX,
        nufnu_errp=[3] * FLUX,
        catalog="a",
    )
    segment = plot_sed(sed).collections[0].get_segments()[0]
    assert segment[:, 1].tolist() == pytest.approx([3, 7])


def test_bands_keep_their_colours(sed):
    everything, part = (plot_sed(table, color_by="band") for table in (sed, sed[2:3]))
    colors = [
        dict(zip(labels(ax), [h.get_color() for h in ax.get_legend().legend_handles], strict=True))
        for ax in (everything, part)
    ]
    assert colors[0]["x rays"] == colors[1]["x rays"]


def test_epochs_have_a_colour_bar(sed):
    ax = plot_sed(sed, color_by="epoch")
    assert len(ax.figure.axes) == 2
    assert ax.figure.axes[1].get_ylabel() == "MJD"
    assert labels(ax) == ["no date", "upper limit"]
    assert len(plot_sed(sed[:1], color_by="epoch").figure.axes) == 1


@pytest.mark.parametrize("x", ["Hz", "eV", "Angstrom"])
@pytest.mark.parametrize("y", ["erg cm-2 s-1", "Jy", "dN/dE", "W m-2"])
def test_units_and_the_other_axis(sed, x, y, tmp_path):
    ax = plot_sed(sed, x=x, y=y)
    top = ax.child_axes[0]
    assert top.get_xlabel() == ("Frequency [Hz]" if x == "eV" else "Energy [eV]") or x == "Angstrom"
    save_figure(ax, tmp_path / "x.png", dpi=20)
    if x == "Hz":
        low, high = ax.get_xlim()
        expected = (np.array([low, high]) * u.Hz).to_value(u.eV, u.spectral())
        assert top.get_xlim() == pytest.approx(tuple(expected))


def test_models_are_lines(sed):
    nu = np.array([1e10, 1e20]) * u.Hz
    nufnu = np.array([1e-12, 1e-11]) * FLUX
    models = [ModelSpectrum(nu, nufnu), (nu, nufnu), (nu, nufnu, "mine")]
    ax = plot_sed(sed, models=models, x="eV", y="Jy")
    assert labels(ax)[:3] == ["model", "model 2", "mine"]
    line = ax.get_lines()[0]
    assert line.get_xdata() == pytest.approx((nu).to_value(u.eV, u.spectral()))
    assert line.get_ydata() == pytest.approx((nufnu / nu).to_value(u.Jy))


def test_a_given_axes_is_used(sed):
    figure = new_figure(4, 3)
    ax = figure.add_subplot()
    assert plot_sed(sed, ax=ax) is ax


def test_odd_tables(sed, tmp_path):
    masked = sed.copy()
    masked["nufnu"] = Masked(sed["nufnu"], mask=True)
    for table in (sed[:0], masked, sed[:1], sed[4:]):
        for color_by in ("catalog", "band", "epoch"):
            save_figure(plot_sed(table, color_by=color_by), tmp_path / "x.png", dpi=20)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"color_by": "colour"}, "color_by: 'colour'"), ({"x": "parrot"}, "x: 'parrot'")],
)
def test_wrong_parameters_are_refused(sed, options, words):
    with pytest.raises(InvalidRequestError, match=words):
        plot_sed(sed, **options)


def test_many_catalogues_stay_apart():
    names = [f"C{index}" for index in range(100)]
    assert len(set(looks(names).values())) == 100
    assert len(set(COLORS)) == len(COLORS)
    assert np.gcd(len(COLORS), len(MARKERS)) == 1


def test_labels():
    assert flux_label(u.Jy).startswith(r"$F_\nu$")
    assert flux_label(u.Unit("ph s-1 cm-2")).startswith("Flux")
    assert flux_label(u.Unit("erg s-1 cm-2 AA-1")).startswith(r"$F_\lambda$")


# ---------------------------------------------------------------- light curves


@pytest.fixture
def curve() -> QTable:
    time = Time([58003.0, 58001.0, 58002.0, 58004.0, 58005.0], format="mjd")
    return QTable(
        {
            "time": time,
            "flux": Masked([3e-11, 1e-11, 2e-11, 4e-11, np.nan] * FLUX, mask=[False] * 4 + [True]),
            "flux_err": [3e-12, 1e-12, 2e-12, 0.0, 0.0] * FLUX,
            "photon_flux": Masked(
                [0, 0, 0, 0, 2e-8] * u.Unit("ph s-1 cm-2"), mask=[True] * 4 + [False]
            ),
            "photon_flux_err": [0, 0, 0, 0, 1e-8] * u.Unit("ph s-1 cm-2"),
            "is_upper_limit": [False, False, False, True, False],
            "nu": Masked([5e14, 6e14, 5.5e14, 5e14, 1] * u.Hz, mask=[False] * 4 + [True]),
            "filter_band": MaskedColumn(["r", "g", "V", "r", ""], mask=[False] * 4 + [True]),
            "catalog": ["ZTF", "ZTF", "ASAS-SN", "ZTF", "MMDCGR"],
        }
    )


def panel_names(figure) -> list[str]:
    return [ax.texts[0].get_text() for ax in figure.axes]


def test_panels_are_in_the_order_of_energy(curve):
    assert panel_names(plot_lightcurve(curve)) == ["MMDCGR", "ASAS-SN", "ZTF"]
    by_band = plot_lightcurve(curve, panel_by="band", title="x")
    assert panel_names(by_band) == ["MMDCGR", "ZTF g", "ASAS-SN V", "ZTF r"]


def test_units_scales_and_bands(curve):
    gamma, _, ztf = plot_lightcurve(curve).axes
    assert gamma.get_ylabel().startswith("Flux [$10^{-8}$ ")
    assert ztf.get_ylabel().startswith(r"$\nu F_\nu$ [$10^{-11}$ ")
    assert [text.get_text() for text in ztf.get_legend().get_texts()] == ["g", "r"]
    assert ztf.get_xlabel() == "MJD (UTC)"


def test_calendar_agrees_with_mjd(curve):
    from matplotlib.dates import num2date

    figure = plot_lightcurve(curve)
    top = figure.axes[0].child_axes[0]
    figure.draw_without_rendering()
    first = num2date(top.get_xlim()[0])
    expected = Time(figure.axes[0].get_xlim()[0], format="mjd").datetime
    assert first.replace(tzinfo=None) == pytest.approx(expected, abs=np.timedelta64(1, "s").item())


def test_odd_light_curves(curve, tmp_path):
    bare = QTable({"time": Time([58000.0], format="mjd"), "flux": [0.0] * FLUX})
    for table in (curve[:0], curve[:1], bare, curve[4:]):
        save_figure(plot_lightcurve(table), tmp_path / "x.png", dpi=20)


def test_light_curves_refuse_what_they_do_not_know(curve):
    with pytest.raises(InvalidRequestError, match="panel_by: 'x'"):
        plot_lightcurve(curve, panel_by="x")
    with pytest.raises(InvalidRequestError, match="time and flux are needed"):
        plot_lightcurve(curve["nu", "catalog"])


# ---------------------------------------------------------------- files and state


@pytest.mark.parametrize(
    ("ending", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_files(sed, tmp_path, ending, magic):
    path = save_figure(plot_sed(sed), tmp_path / f"sed.{ending}")
    assert path.read_bytes().startswith(magic)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_files_that_cannot_be_written(sed, tmp_path):
    ax = plot_sed(sed)
    with pytest.raises(InvalidRequestError, match=r"does not end with \.png, \.svg or \.pdf"):
        save_figure(ax, tmp_path / "x.jpg")
    save_figure(ax.figure, tmp_path / "x.png")
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        save_figure(ax, tmp_path / "x.png", overwrite=False)


def test_pyplot_is_left_alone():
    code = (
        "import sys; from astropy import units as u; import astroquery_mmdc.plotting as p;"
        "assert 'matplotlib' not in sys.modules;"
        "from astroquery_mmdc.sed import SED;"
        "s = SED({'nu': [1e15] * u.Hz, 'nufnu': [1.0] * u.Unit('erg s-1 cm-2')});"
        "p.plot_sed(s, color_by='epoch'); p.plot_sed(s);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_threads_draw_the_same(sed, tmp_path):
    def draw(index: int) -> None:
        save_figure(plot_sed(sed), tmp_path / f"{index}.png", dpi=40)

    threads = [threading.Thread(target=draw, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
