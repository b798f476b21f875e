"""Inverse Compton scattering against quadrature, its power, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.modeling import SSC, electrons
from astroquery_mmdc.modeling.electrons import BrokenPowerLaw, PowerLaw
from astroquery_mmdc.modeling.kernels import compton, kinetic, synchrotron
from astroquery_mmdc.modeling.kernels.compton_tables import losses
from astroquery_mmdc.modeling.kernels.constants import HZ, ME_C2, SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute

GRID = Grid.default()
BPL = BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7)
ENDS = [BPL.gamma_min, BPL.gamma_break, BPL.gamma_max]
FIELD, RADIUS = 0.038, 5.2e16


@pytest.fixture(scope="module")
def seeds() -> brute.Seeds:
    """Synchrotron photons of BPL, by quadrature."""
    eps = np.logspace(-13, -1.5, 600)
    j = brute.synchrotron(eps * HZ, BPL, ENDS, FIELD)
    return brute.Seeds(eps, j * HZ / (eps * ME_C2) * 0.75 * RADIUS / C)


def scattered(per_decade: int, shape: electrons.Distribution) -> tuple[Grid, np.ndarray]:
    grid = Grid.default(per_decade)
    density = electrons.sample(shape, grid.gamma_fine)
    photons = synchrotron.emissivity(grid, density, FIELD) * 0.75 * RADIUS / C
    return grid, compton.emissivity(grid, kinetic.coarsen(grid, density), photons)


@pytest.mark.parametrize(
    ("per_decade", "median", "everywhere"), [(10, 1e-3, 2e-3), (20, 2e-4, 5e-4)]
)
def test_ssc_against_quadrature(
    seeds: brute.Seeds, per_decade: int, median: float, everywhere: float
) -> None:
    grid, q = scattered(per_decade, BPL)
    at = np.searchsorted(grid.nu, 10.0 ** np.arange(17.0, 26.6, 0.8))
    truth = np.array([brute.inverse_compton(grid.eps[m], BPL, ENDS, seeds) for m in at])
    error = np.abs(q[at] / truth - 1.0)
    assert np.median(error) < median
    assert np.max(error) < everywhere


@pytest.mark.parametrize(("per_decade", "limit"), [(10, 0.015), (20, 0.0075), (30, 0.005)])
def test_last_third_of_a_decade_before_the_edge(
    seeds: brute.Seeds, per_decade: int, limit: float
) -> None:
    """Every node up to the last one below a sharp end of the electrons."""
    grid, q = scattered(per_decade, BPL)
    at = np.flatnonzero((grid.eps > 10**6.7) & (grid.eps < 10**6.99))
    truth = np.array([brute.inverse_compton(grid.eps[m], BPL, ENDS, seeds) for m in at])
    np.testing.assert_allclose(q[at], truth, rtol=limit)


@pytest.mark.parametrize(
    ("per_decade", "bright", "edge"), [(10, 0.004, 0.05), (20, 0.001, 0.006), (30, 0.001, 0.002)]
)
def test_between_the_nodes_before_the_edge(
    seeds: brute.Seeds, per_decade: int, bright: float, edge: float
) -> None:
    """Above 1e-3 of the peak, and on to 0.11 decades before the end of the electrons."""
    model = SSC(
        z=0.0308, B=FIELD * u.G, R=RADIUS * u.cm, delta=21, electrons=BPL, pairs=False, ebl=False,
        points_per_decade=per_decade,
    )  # fmt: skip
    log_eps = np.array([5.333, 5.77, 6.313, 6.613, 6.787, 6.837, 6.863, 6.887])
    eps = 10.0**log_eps
    truth = [brute.inverse_compton(one, BPL, ENDS, seeds) for one in eps]
    volume = 4.0 / 3.0 * math.pi * RADIUS**3
    emitted = volume * ME_C2 * eps**2 * np.array(truth) * model.observer.beaming(21)
    seen = model.flux_cgs(eps * HZ * 21 / 1.0308)
    assert seen[4] == pytest.approx(
        1e-3 * np.max(model.flux_cgs(np.logspace(22, 29, 200))), rel=0.1
    )
    np.testing.assert_allclose(seen[:5], emitted[:5], rtol=bright)
    np.testing.assert_allclose(seen, emitted, rtol=edge)


def test_nothing_beyond_the_most_energetic_electron() -> None:
    grid, q = scattered(10, BPL)
    assert not q[grid.eps > BPL.gamma_max * 10.0 ** (4.0 / grid.per_decade)].any()


@pytest.mark.parametrize("b", [1e-4, 1e-2, 0.3, 3.0, 100.0, 1e5])
def test_losses_are_the_power_of_the_kernel(b: float) -> None:
    index = np.argmin(np.abs(np.log(4.0 * 10.0 ** (np.arange(-150, 181) / 10)) - math.log(b)))
    b_node = 4.0 * 10.0 ** ((index - 150) / 10)
    gamma = 1e4
    thomson = 4 / 3 * SIGMA_T * C * gamma**2 * (b_node / 4.0 / gamma)
    truth = brute.compton_loss(gamma, b_node / 4.0 / gamma) / thomson
    assert losses(GRID)[index] == pytest.approx(truth, rel=2e-5)


@pytest.mark.parametrize("per_decade", [8, 10, 20])
@pytest.mark.parametrize("seed_energy", [1e-10, 1e-6, 1e-3, 1.0])
@pytest.mark.parametrize("index", [2.0, 3.5])
def test_power_is_the_loss(per_decade: int, seed_energy: float, index: float) -> None:
    """From Thomson's regime deep into that of Klein and Nishina."""
    grid = Grid.default(per_decade)
    photons = np.where(
        grid.eps > seed_energy / 30.0, grid.eps**-1.3 * np.exp(-grid.eps / seed_energy), 0.0
    )
    density = kinetic.coarsen(
        grid, electrons.sample(PowerLaw(1.0, index, 100.0, 3e6), grid.gamma_fine)
    )
    emitted = np.sum(compton.emissivity(grid, density, photons) * grid.eps**2)
    lost = -np.sum(grid.gamma * density * compton.cooling(grid, photons))
    assert emitted == pytest.approx(lost, rel=3e-3)


def test_thomson_limit() -> None:
    """Rate and power of one electron energy in soft photons."""
    gamma_node, eps_node = 50, 40
    density, photons = np.zeros_like(GRID.gamma), np.zeros_like(GRID.eps)
    density[gamma_node] = 1.0 / (GRID.gamma[gamma_node] * GRID.step)
    photons[eps_node] = 1.0 / (GRID.eps[eps_node] * GRID.step)
    q = compton.emissivity(GRID, density, photons)
    gamma, eps = GRID.gamma[gamma_node], GRID.eps[eps_node]
    number = GRID.step * np.sum(q * GRID.eps)
    power = GRID.step * np.sum(q * GRID.eps**2)
    assert number == pytest.approx(SIGMA_T * C, rel=1e-3)
    assert power == pytest.approx(4 / 3 * SIGMA_T * C * gamma**2 * eps, rel=1e-3)
    assert power == pytest.approx(-compton.cooling(GRID, photons)[gamma_node], rel=1e-3)


def test_klein_nishina_limit() -> None:
    """Photons take nearly all of the energy, at a rate that falls like ln(b) / b."""
    density, photons = np.zeros_like(GRID.gamma), np.zeros_like(GRID.eps)
    density[70], photons[150] = 1.0, 1.0  # gamma 1e7, eps 1
    q = compton.emissivity(GRID, density, photons)
    mean = np.sum(q * GRID.eps**2) / np.sum(q * GRID.eps)
    assert mean > 0.8 * GRID.gamma[70]
    b = 4e7
    expected = 9 / 2 / b**2 * (math.log(b) - 11 / 6)
    assert losses(GRID)[150 + 70] == pytest.approx(expected, rel=1e-3)


def test_slope_of_a_power_law_in_thomsons_regime() -> None:
    photons = np.where(np.abs(GRID.eps / 1e-10 - 1.0) < 0.05, 1.0, 0.0)
    density = kinetic.coarsen(
        GRID, electrons.sample(PowerLaw(1.0, 2.6, 10.0, 1e6), GRID.gamma_fine)
    )
    q = compton.emissivity(GRID, density, photons)
    slope = np.gradient(np.log(q + 1e-300), np.log(GRID.eps))
    assert slope[np.searchsorted(GRID.eps, 1e-4)] == pytest.approx(-(2.6 + 1) / 2, abs=5e-3)


def test_bilinear_and_empty() -> None:
    density, photons = GRID.gamma**-3.0, GRID.eps**-1.6
    q = compton.emissivity(GRID, density, photons)
    np.testing.assert_allclose(compton.emissivity(GRID, 2 * density, 3 * photons), 6 * q)
    assert not compton.emissivity(GRID, 0 * density, photons).any()
    assert not compton.emissivity(GRID, density, 0 * photons).any()
    assert not compton.cooling(GRID, 0 * photons).any()
    assert np.all(q >= 0.0)
    assert np.all(np.isfinite(q))
