"""Bethe-Heitler pairs: their number, their energy and the loss of the protons."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.modeling.hadronic import bethe_heitler, photohadronic
from astroquery_mmdc.modeling.kernels.constants import ALPHA, MP_ME, R_E, C
from astroquery_mmdc.modeling.kernels.grid import Grid

GRID = Grid.hadronic()
GENERATOR = Path(__file__).parents[3] / "tools" / "make_bethe_heitler_table.py"


def table_of(grid: Grid, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    table = bethe_heitler.table(grid)
    rate = photohadronic.rates(table, grid, n)
    return rate, photohadronic.energy_loss(table, grid, rate)


@pytest.mark.parametrize("per_decade", [8, 10, 20])
@pytest.mark.parametrize("index", [1.2, 1.8, 2.5])
def test_loss_agrees_with_the_analytic_fit(per_decade: int, index: float) -> None:
    grid = Grid(per_decade, gamma_decades=12, eps_high=12)
    n = np.where((grid.eps > 1e-9) & (grid.eps < 1e-1), grid.eps**-index, 0.0)
    _, loss = table_of(grid, n)
    fit = bethe_heitler.chodorowski_loss(grid, n)
    safe = (grid.gamma > 1e3) & (grid.gamma < 1e5)
    assert loss[safe] == pytest.approx(fit[safe], rel=1e-2)


@pytest.mark.parametrize("index", [1.2, 1.8, 2.5])
def test_energy_is_conserved(index: float) -> None:
    n = np.where((GRID.eps > 1e-9) & (GRID.eps < 1e2), GRID.eps**-index, 0.0)
    rate, loss = table_of(GRID, n)
    protons = np.where(GRID.gamma < 1e9, GRID.gamma**-2.0, 0.0)
    pairs = bethe_heitler.pairs(GRID, rate, protons)
    carried = np.sum(pairs * GRID.gamma**2)
    assert carried == pytest.approx(-np.sum(loss * protons * GRID.gamma) * MP_ME, rel=1e-2)
    # The same with the independent fit of the loss.
    fit = bethe_heitler.chodorowski_loss(GRID, n)
    assert carried == pytest.approx(-np.sum(fit * protons * GRID.gamma) * MP_ME, rel=1e-2)


def total_cross_section(omega: float) -> float:
    """Expansions of the Bethe-Heitler formula for a proton, in units of alpha r_e^2."""
    if omega < 4.0:
        r = (2.0 * omega - 4.0) / (omega + 2.0 + 2.0 * np.sqrt(2.0 * omega))
        series = 1.0 + r / 2.0 + 23.0 / 40.0 * r**2 + 11.0 / 60.0 * r**3 + 29.0 / 960.0 * r**4
        return float(2.0 * np.pi / 3.0 * ((omega - 2.0) / omega) ** 3 * series)
    log, zeta = np.log(2.0 * omega), 1.2020569031595942
    second = 2 / 3 * log**3 - log**2 + (6 - np.pi**2 / 3) * log + 2 * zeta + np.pi**2 / 6 - 3.5
    tail = -((2 / omega) ** 4) * (3 / 16 * log + 1 / 8)
    tail -= (2 / omega) ** 6 * (29 / 2304 * log - 77 / 13824)
    return float(28 / 9 * log - 218 / 27 + (2 / omega) ** 2 * second + tail)


@pytest.mark.parametrize("kappa", [3.0, 10.0, 100.0, 1e4])
def test_number_of_pairs_is_the_cross_section(kappa: float) -> None:
    """Two leptons per event: the integral of the table over y is that of the cross-section."""
    log_kappa, log_y, spectrum = bethe_heitler._spectra()
    row = int(np.argmin(np.abs(log_kappa - np.log10(kappa))))
    at = 10 ** log_kappa[row]
    y = 10**log_y
    number = np.sum(spectrum[row] * y) * np.log(y[1] / y[0])
    omega = np.logspace(np.log10(2.0), np.log10(at), 2001)
    sigma = np.array([total_cross_section(w) for w in omega])
    expected = 4.0 / at**2 * np.trapezoid(sigma * omega**2, np.log(omega))
    assert number == pytest.approx(expected, rel=3e-3 if kappa > 5 else 1e-2)


def test_monochromatic_photons_at_the_peak_of_the_loss() -> None:
    """At kappa = 47 the loss integral phi / kappa^2 is 1.16."""
    n = np.zeros_like(GRID.eps)
    k = int(np.searchsorted(GRID.eps, 0.999e-3))
    n[k] = 1.0 / (GRID.eps[k] * GRID.step)
    i = int(np.argmin(np.abs(GRID.gamma * 2e-3 - 47.0)))
    _, loss = table_of(GRID, n)
    unit = ALPHA * R_E**2 * C / MP_ME
    assert -loss[i] / (2.0 * GRID.gamma[i] * unit) == pytest.approx(1.16, rel=0.02)


def test_pairs_sit_where_kinematics_allows() -> None:
    n = np.zeros_like(GRID.eps)
    n[np.searchsorted(GRID.eps, 0.999e-4)] = 1.0
    rate, _ = table_of(GRID, n)
    i = int(np.searchsorted(GRID.gamma, 0.999e6))
    y = 10.0 ** ((bethe_heitler.table(GRID).first_difference + np.arange(rate.shape[2])) / 10)
    found = y[rate[i, 0] > 0]
    kappa = 2.0 * 1e2
    assert found.min() > 0.25 / (2.0 * kappa)
    assert found.max() < 4.0 * 2.0 * kappa


def test_the_shipped_table_is_what_its_generator_makes() -> None:
    spec = importlib.util.spec_from_file_location("make_bethe_heitler_table", GENERATOR)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    log_kappa, log_y, spectrum = bethe_heitler._spectra()
    rows, columns = slice(0, 12), slice(180, 340, 40)
    made = generator.table(
        10 ** log_kappa[rows],
        10 ** log_y[columns],
        generator._NODES,
        generator._WEIGHTS,
        generator._FEW_NODES,
        generator._FEW_WEIGHTS,
    )
    assert made == pytest.approx(spectrum[rows, columns], rel=1e-5, abs=1e-9)
