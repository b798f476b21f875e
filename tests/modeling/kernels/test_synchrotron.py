"""Synchrotron emission against quadrature, its power, its slopes, its self-absorption."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.electrons import BrokenPowerLaw, LogParabola, PowerLaw
from astroquery_mmdc.modeling.kernels import synchrotron
from astroquery_mmdc.modeling.kernels.constants import HZ, ME_C2, MP_ME
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute

GRID = Grid.default()
FINE = GRID.gamma_fine
CASES = [
    (BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7), 0.038),
    (PowerLaw(1.0, 2.0, 33.0, 1.7e4), 3.3),
    (LogParabola(1.0, 2.1, 0.3, 1e3, 5.0, 3e6), 1e-3),
]


def ends(shape: electrons.Distribution) -> list[float]:
    return [shape.gamma_min, *getattr(shape, "breaks", ()), shape.gamma_max]


def nu_l_nu(q: np.ndarray) -> np.ndarray:
    """Emitted nu j_nu [erg / (s cm3)] of photons per unit eps."""
    return q * GRID.eps**2 * ME_C2


@pytest.mark.parametrize(("shape", "field"), CASES, ids=repr)
def test_against_quadrature(shape: electrons.Distribution, field: float) -> None:
    q = synchrotron.emissivity(GRID, electrons.sample(shape, FINE), field)
    sed = nu_l_nu(q)
    at = np.flatnonzero(sed > 1e-3 * np.max(sed))[::4]
    truth = GRID.nu[at] * brute.synchrotron(GRID.nu[at], shape, ends(shape), field)
    error = np.abs(sed[at] / truth - 1.0)
    assert np.median(error) < 2e-5
    assert np.max(error[sed[at] > 1e-2 * np.max(sed)]) < 2e-4
    # In the exponential tail behind a sharp end.
    assert np.max(error) < 1e-2


def test_common_nodes_are_good_to_a_part_in_a_thousand() -> None:
    shape, field = CASES[2]
    fine = synchrotron.emissivity(GRID, electrons.sample(shape, FINE), field)
    coarse = synchrotron.emissivity(GRID, electrons.sample(shape, GRID.gamma), field)
    seen = nu_l_nu(fine) > 1e-2 * np.max(nu_l_nu(fine))
    np.testing.assert_allclose(coarse[seen], fine[seen], rtol=2e-2)
    assert np.median(np.abs(coarse[seen] / fine[seen] - 1.0)) < 2e-4


@pytest.mark.parametrize("per_decade", [8, 10, 20])
@pytest.mark.parametrize("field", [1e-3, 0.7, 100.0])
def test_power_is_the_loss(per_decade: int, field: float) -> None:
    grid = Grid.default(per_decade)
    density = electrons.sample(PowerLaw(1.0, 2.3, 30.0, 1e6), grid.gamma_fine)
    emitted = np.sum(synchrotron.emissivity(grid, density, field) * grid.eps**2) * grid.step
    speed = synchrotron.cooling(grid.gamma_fine, field)
    lost = -np.sum(grid.gamma_fine * density * speed) * grid.step / grid.refinement
    assert emitted == pytest.approx(lost, rel=1e-4)


def test_protons() -> None:
    shape, field = PowerLaw(1.0, 2.0, 1e3, 1e9), 50.0
    density = electrons.sample(shape, FINE)
    q = synchrotron.emissivity(GRID, density, field, MP_ME)
    sed = nu_l_nu(q)
    at = np.flatnonzero(sed > 1e-2 * np.max(sed))[::8]
    truth = GRID.nu[at] * brute.synchrotron(GRID.nu[at], shape, ends(shape), field, MP_ME)
    np.testing.assert_allclose(sed[at], truth, rtol=1e-3)
    speed = synchrotron.cooling(FINE, field, MP_ME)
    lost = -np.sum(FINE * density * speed) * GRID.step / 3 * MP_ME
    assert np.sum(sed) * GRID.step / ME_C2 == pytest.approx(lost, rel=1e-3)


def test_slope_one_third_below_the_lowest_electrons() -> None:
    q = synchrotron.emissivity(GRID, electrons.sample(PowerLaw(1, 2.2, 1e4, 1e6), FINE), 0.1)
    slope = np.gradient(np.log(q + 1e-300), np.log(GRID.eps))
    low = GRID.nu < 1e-3 * 4.2e6 * 0.1 * 1e8
    np.testing.assert_allclose(slope[low][2:], 1 / 3 - 1, atol=0.02)
    np.testing.assert_allclose(slope[5:20], 1 / 3 - 1, atol=1e-3)


def test_slope_of_a_power_law() -> None:
    q = synchrotron.emissivity(GRID, electrons.sample(PowerLaw(1, 2.6, 1e2, 1e8), FINE), 0.1)
    slope = np.gradient(np.log(q + 1e-300), np.log(GRID.eps))
    middle = np.searchsorted(GRID.nu, 1e15)
    assert slope[middle] == pytest.approx(-(2.6 - 1) / 2 - 1, abs=1e-3)


@pytest.mark.parametrize("nu", [1e7, 1e9, 1e11, 1e13])
def test_absorption_against_quadrature(nu: float) -> None:
    """Integrated by parts here, by the derivative and the steps there."""
    shape, field = PowerLaw(1e3, 2.4, 30.0, 1e6), 0.1
    alpha = synchrotron.absorption(GRID, electrons.sample(shape, FINE), field)
    at = int(np.argmin(np.abs(GRID.nu - nu)))
    truth = brute.self_absorption(GRID.nu[at], shape, ends(shape), field)
    assert alpha[at] == pytest.approx(truth, rel=1e-3, abs=0.0)


def test_thick_slope_is_five_halves() -> None:
    density = electrons.sample(PowerLaw(1.0, 2.5, 3.0, 1e6), FINE)
    q, alpha = synchrotron.emission(GRID, density, 0.1)
    between = (GRID.nu > 1e8) & (GRID.nu < 1e13)
    source_function = (q * GRID.eps)[between] / alpha[between]
    slope = np.gradient(np.log(source_function), np.log(GRID.eps[between]))
    np.testing.assert_allclose(slope, 2.5, atol=0.01)


def test_without_a_field_nothing() -> None:
    q, alpha = synchrotron.emission(GRID, electrons.sample(PowerLaw(1, 2, 10, 1e5), FINE), 0.0)
    assert not q.any()
    assert not alpha.any()
    assert not synchrotron.cooling(FINE, 0.0).any()


def test_linear_in_the_density() -> None:
    density = electrons.sample(PowerLaw(1.0, 2.5, 3.0, 1e6), FINE)
    one, two = (synchrotron.emissivity(GRID, n * density, 0.1) for n in (1.0, 2.0))
    np.testing.assert_allclose(two, 2.0 * one, rtol=1e-12)


def test_peak_of_one_energy() -> None:
    """Electrons of one energy radiate most at about 1.3 of nu_c / 4 pi ..., where x G peaks."""
    at = np.zeros_like(FINE)
    node = len(FINE) // 2
    at[node] = 1.0
    q = synchrotron.emissivity(GRID, at, 1.0)
    x = np.geomspace(0.1, 10, 400)
    expected = x[np.argmax(x * brute.pitch_averaged(x))]
    nu_c = 3 * brute.E * FINE[node] ** 2 / (4 * math.pi * brute.M_E * brute.C)
    peak = GRID.eps[np.argmax(q * GRID.eps**2)] * HZ / nu_c
    assert peak == pytest.approx(expected, rel=0.15)
