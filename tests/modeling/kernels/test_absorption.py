"""Absorption by photons and its pairs: quadrature, budgets, and escape from a sphere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.modeling.kernels import absorption
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute

GRID = Grid.default()


def photons(index: float = 1.6, low: float = 1e-9, high: float = 1e4) -> np.ndarray:
    return np.where(GRID.eps > low, 1e6 * GRID.eps**-index * np.exp(-GRID.eps / high), 0.0)


@pytest.mark.parametrize("eps1", [1e-2, 1.0, 30.0, 1e4, 1e7])
def test_opacity_against_quadrature(eps1: float) -> None:
    grid = np.logspace(-11, 5.5, 400)
    density = 1e6 * grid**-1.6 * np.exp(-grid / 1e4)
    truth_seeds = brute.Seeds(grid, density)
    at = int(np.argmin(np.abs(GRID.eps - eps1)))
    kappa = absorption.opacity(GRID, np.where(GRID.eps > 1e-11, photons(low=1e-11), 0.0))
    assert kappa[at] == pytest.approx(
        brute.gamma_gamma_opacity(GRID.eps[at], truth_seeds), rel=1e-3
    )


def test_opacity_of_a_line() -> None:
    """Of a narrow line the opacity is the exact rate, with its threshold and its 1 / x fall."""
    line = np.zeros_like(GRID.eps)
    line[100] = 1.0 / (GRID.eps[100] * GRID.step)
    kappa = absorption.opacity(GRID, line)
    x = GRID.eps * GRID.eps[100]
    rate = kappa / SIGMA_T
    assert np.all(rate[x < 10.0**-0.25] == 0.0)
    assert rate[np.argmin(np.abs(x - 10.0))] == pytest.approx(0.15074140, rel=5e-3)
    assert rate[np.argmin(np.abs(x - 1e3))] == pytest.approx(0.00474001, rel=5e-3)
    # Coppi & Blandford's form is within a few per cent in between.
    between = (x > 2.0) & (x < 90.0)
    approximation = 0.652 * (x**2 - 1) * np.log(x) / x**3
    np.testing.assert_allclose(rate[between], approximation[between], rtol=0.05)


@pytest.mark.parametrize("per_decade", [8, 10, 20])
@pytest.mark.parametrize("high", [1e1, 1e3, 1e6])
def test_pairs_carry_what_was_absorbed(per_decade: int, high: float) -> None:
    grid = Grid.default(per_decade)
    n = np.where(grid.eps > 1e-9, 1e6 * grid.eps**-1.7 * np.exp(-grid.eps / high), 0.0)
    absorbed = C * absorption.opacity(grid, n) * n
    made = absorption.pairs(grid, n)
    assert np.all(made >= 0.0)
    energy = np.sum(made * grid.gamma**2) / np.sum(absorbed * grid.eps**2)
    number = np.sum(made * grid.gamma) / np.sum(absorbed * grid.eps)
    # Next to threshold leptons are slow: those below gamma = 1 are put there.
    assert energy == pytest.approx(1.0, abs=0.01)
    assert number == pytest.approx(1.0, abs=1e-4)


def test_two_lines_make_two_leptons_per_event() -> None:
    n = np.zeros_like(GRID.eps)
    soft, hard = 100, 210  # eps 1e-5 and 1e6
    n[soft], n[hard] = 1e10, 1e-6
    rate = np.zeros_like(n)
    rate[hard] = 1.0
    made = absorption.pairs(GRID, n, rate)
    events = rate[hard] * GRID.eps[hard]
    assert np.sum(made * GRID.gamma) / events == pytest.approx(2.0, rel=1e-6)
    assert np.sum(made * GRID.gamma**2) / (events * GRID.eps[hard]) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("s", [2.0, 10.0, 1e3])
def test_spectrum_of_pairs_against_the_formula(s: float) -> None:
    """Cumulative spectra, as sharing between nodes moves a lepton by less than a cell."""
    grid = Grid.default(20)
    hard = int(np.argmin(np.abs(grid.eps - 1e6)))
    soft = int(np.argmin(np.abs(grid.eps - s / 1e6)))
    eps1, eps2 = grid.eps[hard], grid.eps[soft]
    n, rate = np.zeros_like(grid.eps), np.zeros_like(grid.eps)
    n[soft], rate[hard] = 1.0, 1.0
    made = absorption.pairs(grid, n, rate) * grid.gamma
    fine = np.geomspace(eps1 / (4 * s) / 1.5, eps1, 40001)
    truth = brute.pair_spectrum(fine, eps1, eps2) * fine
    total = np.trapezoid(truth, np.log(fine))
    for fraction in (0.02, 0.1, 0.3, 0.7):
        node = int(np.argmin(np.abs(grid.gamma - fraction * eps1)))
        below = (np.sum(made[:node]) + 0.5 * made[node]) / np.sum(made)
        cut = fine <= grid.gamma[node]
        expected = np.trapezoid(truth[cut], np.log(fine[cut])) / total
        assert below == pytest.approx(expected, abs=0.02)


def test_formula_has_one_lepton_with_three_over_thirty_two() -> None:
    """The number in the formula is the rate of annihilation, twice: the known trap."""
    eps1, eps2 = 1e6, 1e-5
    gamma = np.geomspace(1e4, eps1 * (1 - 1e-9), 400001)
    leptons = np.trapezoid(brute.pair_spectrum(gamma, eps1, eps2), gamma)
    rate = absorption._rate(np.log([eps1 * eps2]))[0] * SIGMA_T * C
    assert leptons == pytest.approx(2.0 * rate, rel=5e-3)


def test_escape_from_a_sphere() -> None:
    tau = np.array([0.0, 1e-8, 1e-3, 0.0499, 0.0501, 0.5, 3.0, 100.0, 1e9])
    part = absorption.escape(tau)
    u = 0.5 + np.exp(-3.0) / 3.0 - (1 - np.exp(-3.0)) / 9.0
    assert part[6] == pytest.approx(u)
    assert part[0] == 1.0
    assert part[-1] == pytest.approx(1.5e-9)
    assert np.all(np.diff(part) <= 0.0)
    assert part[3] == pytest.approx(1.0 - 0.375 * 0.0499 * (1 - 4 / 15 * 0.0499), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.floats(-12.0, 15.0))
def test_what_is_made_is_absorbed_or_escapes(log_tau: float) -> None:
    tau = np.array([10.0**log_tau])
    absorbed = 0.375 * tau * absorption.residence(tau)
    escaped = absorption.escape(tau)
    assert 0.0 <= escaped[0] <= 1.0
    assert absorbed[0] + escaped[0] == pytest.approx(1.0, abs=1e-12)
    assert 0.0 < absorption.residence(tau)[0] <= 1.0
