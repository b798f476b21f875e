from __future__ import annotations

import shutil
import subprocess
import threading
import warnings

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.results.result import FitResult
from tests.modeling.made_fits import SSC_FREE, SSC_NUMBERS, hadronic, made_fit, made_points, ssc

pytest.importorskip("corner")

from astroquery_mmdc import plotting
from astroquery_mmdc.plotting.report_pages import (
    catalog_rows,
    derived_rows,
    parameter_rows,
)


@pytest.fixture(scope="module")
def result():
    return FitResult.from_fit(made_fit())


@pytest.fixture(scope="module")
def served(result):
    return FitResult.from_json(result.to_json(), meta={"mmdc": {"service": "x", "job_id": "7"}})


def pages_of(path):
    """The text of each page, as a reader sees it."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext (poppler-utils)")
    command = ["pdftotext", "-layout", path, "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return text.split("\f")[:-1]


# ---------------------------------------------------------------- the report


def test_the_report_of_a_posterior(result, tmp_path):
    path = plotting.write_report(result, tmp_path / "fit.pdf", title="Mrk 421 at 5 $ a page")
    pages = pages_of(path)
    assert len(pages) == 4
    assert "Mrk 421 at 5 $ a page" in pages[0]
    assert "4/4" in pages[3].replace(" ", "")
    assert "Parameters" in pages[1]
    assert "Gaussian, 30 ± 7.1, 3 to 100" in pages[1]
    assert "Derived quantities" in pages[1]
    assert "Posterior" in pages[2]
    assert "Caveats" in pages[3]
    assert "systematic error" in pages[3]
    assert "SHA-256" in pages[3]
    assert "Fermi" in pages[3]


def test_the_same_fit_gives_the_same_bytes(result):
    assert plotting.report_pdf(result) == plotting.report_pdf(result)


def test_without_a_posterior_there_is_no_corner(tmp_path):
    best = FitResult.from_fit(made_fit(n_samples=0, method="least-squares"))
    pages = pages_of(plotting.write_report(best, tmp_path / "fit.pdf"))
    assert len(pages) == 3
    assert "SSC, z = 0.031" in pages[0]
    assert "Gaussian and know nothing of" in pages[2]


def test_a_fit_without_anything_but_an_optimum(tmp_path):
    bare = FitResult.from_fit(made_fit(n_samples=0, covariance=None))
    assert len(pages_of(plotting.write_report(bare, tmp_path / "fit.pdf"))) == 3


def test_many_parameters_take_a_page_more(tmp_path):
    free = ("log_Lp", "log_B", "pe", "pp")
    names = ["Fermi", "Swift", "SMA", "MAGIC"]
    likelihood = Likelihood(systematic="free", offsets=dict.fromkeys(names, 0.1))
    found = FitResult.from_fit(made_fit(hadronic(), free, n_samples=40, likelihood=likelihood))
    pages = pages_of(plotting.write_report(found, tmp_path / "fit.pdf"))
    assert len(pages) == 5
    assert "Derived quantities" in pages[2]


def test_the_report_of_a_fit_of_the_service(served, tmp_path):
    pages = pages_of(plotting.write_report(served, tmp_path / "fit.pdf"))
    assert len(pages) == 4
    assert "no statistical statements" in " ".join(" ".join(pages).split())
    assert "job 7" in pages[-1]


def test_a_result_of_next_to_nothing(tmp_path):
    empty = FitResult.from_json({"model_type": "SSC"}, meta={})
    pages = pages_of(plotting.write_report(empty, tmp_path / "fit.pdf"))
    assert "no spectrum or no points" in pages[0]


def test_a_loaded_result_has_the_same_report(result, tmp_path):
    back = FitResult.load(result.save(tmp_path / "fit.zip"))
    assert pages_of_bytes(back, tmp_path) == pages_of_bytes(result, tmp_path)


def pages_of_bytes(result, folder):
    return pages_of(plotting.write_report(result, folder / "report.pdf"))


def test_no_latex_is_called(result, monkeypatch):
    # A PATH without anything: neither latex nor dvipng can be found.
    monkeypatch.setenv("PATH", "")
    assert plotting.report_pdf(result).startswith(b"%PDF")


def test_a_report_is_there_whole_or_not_at_all(result, tmp_path, monkeypatch):
    path = tmp_path / "fit.pdf"
    path.write_text("old")
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        plotting.write_report(result, path, overwrite=False)
    with pytest.raises(InvalidRequestError, match=r"name it fit\.pdf"):
        plotting.write_report(result, tmp_path / "fit.txt")
    monkeypatch.setattr("astroquery_mmdc.plotting.report.plot_fit", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plotting.write_report(result, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_signs_of_mathematics_are_written_as_they_are(tmp_path):
    table = made_points(ssc())
    table["catalog"] = ["a_b^c $x$ {y}"] * len(table)
    found = FitResult.from_fit(made_fit(data=prepare(table, warn=False)))
    text = pages_of(plotting.write_report(found, tmp_path / "fit.pdf"))[-1]
    assert "a_b^c $x$ {y}" in text


def test_reports_from_threads(result):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(plotting.report_pdf(result))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3


# ---------------------------------------------------------------- its tables


def test_the_rows_of_parameters_say_what_is_special():
    samples = np.tile([SSC_NUMBERS[name] for name in SSC_FREE], (500, 1))
    rng = np.random.default_rng(1)
    samples[:, 0] = 1.98 - np.abs(rng.normal(0, 0.1, 500))
    samples[:, 1:] += rng.normal(0, 0.01, (500, 3))
    found = FitResult.from_fit(
        made_fit(samples=samples, sample_log_likelihood=None, at_bound=("log_B",))
    )
    rows = parameter_rows(found)
    assert rows[0][0] == "parameter"
    assert rows[1][-1] == "at the end of its prior, lower limit"
    assert rows[3][4] == "fixed"
    assert rows[1][1] == "\N{MINUS SIGN}1.400"
    assert rows[1][4] == "uniform, \N{MINUS SIGN}2.95 to 1.98"
    assert len(rows) == 8


def test_the_rows_of_catalogues_add_up(result, served):
    rows = catalog_rows(result)
    assert [row[0] for row in rows[1:]] == ["SMA", "Swift", "Fermi", "MAGIC"]
    assert sum(int(row[1]) for row in rows[1:]) == 28
    assert sum(int(row[2] or 0) for row in rows[1:]) == 2
    total = sum(float(row[4]) for row in rows[1:])
    assert total == pytest.approx(result.goodness.chi_square, abs=0.3)
    assert catalog_rows(served)[1][:2] == ["unknown", "28"]
    assert derived_rows(served) == []


# ---------------------------------------------------------------- figures


def test_the_figure_of_a_fit(result):
    figure = plotting.plot_fit(result, title="made up")
    ax, below = figure.axes[:2]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["68 % of the posterior", "95 % of the posterior"]
    assert {"Fermi", "MAGIC", "synchrotron", "upper limit"} <= set(labels)
    assert ax.get_title() == "made up"
    assert ax.get_xlim() == below.get_xlim()
    low, high = ax.get_ylim()
    flux = result.data["nufnu"].value
    assert low < flux.min() < flux.max() < high
    assert below.get_ylabel() == r"residual [$\sigma$]"


def test_the_figure_in_other_units(result):
    figure = plotting.plot_fit(result, x="GeV", y="Jy", residuals=False, components=False)
    ax = figure.axes[0]
    assert ax.get_xlabel() == "Energy [GeV]"
    assert "Jy" in ax.get_ylabel()
    wide = plotting.plot_fit(result, x=u.nm).axes[1]
    assert wide.get_xlabel() == "Wavelength [nm]"


def test_the_figure_of_neutrinos():
    found = FitResult.from_fit(made_fit(hadronic(), ("log_Lp", "log_B"), n_samples=30))
    ax = plotting.plot_fit(found).axes[0]
    assert "neutrinos, all flavours" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_figure_of_a_fit_of_the_service(served):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plotting.plot_fit(served)
    assert len(figure.axes) >= 2


def test_nothing_to_draw():
    with pytest.raises(InvalidRequestError, match="no points or no best spectrum"):
        plotting.plot_fit(FitResult.from_json({"model_type": "SSC"}, meta={}))


def test_the_corner_plot(result):
    figure = plotting.plot_corner(result)
    assert len(figure.axes) == len(SSC_FREE) ** 2
    some = plotting.plot_corner(result, names=["log_B", "lorentz_factor"])
    assert len(some.axes) == 4
    assert some.axes[2].get_xlabel() == r"$\log_{10} (B / \mathrm{G})$"
    assert "^{+" in some.axes[0].get_title()


def test_a_corner_plot_needs_what_it_draws(result):
    with pytest.raises(InvalidRequestError, match="no log_X; it has log_B"):
        plotting.plot_corner(result, names=["log_X"])
    with pytest.raises(InvalidRequestError, match="no posterior to draw; fit with method="):
        plotting.plot_corner(FitResult.from_fit(made_fit(n_samples=0)))


def test_a_corner_plot_of_few_or_equal_samples():
    samples = np.tile([SSC_NUMBERS[name] for name in SSC_FREE], (6, 1))
    samples[:, 0] += np.linspace(0, 0.1, 6)
    found = FitResult.from_fit(made_fit(samples=samples, sample_log_likelihood=None))
    (ax,) = plotting.plot_corner(found).axes
    assert ax.get_xlim()[0] < SSC_NUMBERS["log_B"] < ax.get_xlim()[1] < -1.2
    both = plotting.plot_corner(found, names=["log_B", "spectral_index"])
    assert len(both.axes) == 4
