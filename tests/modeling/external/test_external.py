"""External Compton scattering against quadrature, its limits, and where its energy comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.electrons import ExponentialCutoffPowerLaw, LogParabola, PowerLaw
from astroquery_mmdc.modeling.external.disk import Disk
from astroquery_mmdc.modeling.external.fields import collapse
from astroquery_mmdc.modeling.external.geometry import (
    REST,
    Motion,
    Seeds,
    boosted_seeds,
    disk_seeds,
    isotropic_seeds,
    isotropized,
    ring_seeds,
    shell_seeds,
)
from astroquery_mmdc.modeling.external.headon import scatter
from astroquery_mmdc.modeling.kernels import compton, kinetic
from astroquery_mmdc.modeling.kernels.constants import ME_C2, SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute_external as brute

GRID = Grid.default()
CURVED = LogParabola(1.0, 2.0, 0.2, 100.0, 30.0, 1e8)
CUT = ExponentialCutoffPowerLaw(1.0, 2.5, 1e4, 30.0, 1e8)
HARD = ExponentialCutoffPowerLaw(1.0, 1.5, 1e6, 30.0, 1e8)
STEEP = PowerLaw(1.0, 4.0, 30.0, 1e8)
LINE = 2e-5


def emitted(shape: electrons.Distribution, seeds: Seeds, motion: Motion) -> np.ndarray:
    density = electrons.sample(shape, GRID.gamma_fine)
    return scatter(GRID, density, collapse(GRID, seeds, motion).headon)


def truth(
    shape: electrons.Distribution, rays: brute.Rays, motion: Motion, nodes: np.ndarray
) -> np.ndarray:
    given = brute.Electrons(shape, shape.gamma_min, shape.gamma_max)
    return brute.emissivity(given, rays, motion.bulk, 1.0 - motion.off_axis, GRID.eps[nodes])


def compared(
    q: np.ndarray, exact: np.ndarray, nodes: np.ndarray, floor: float = 1e-3
) -> np.ndarray:
    """Return relative errors where nu F_nu is above a part of its peak."""
    power = exact * GRID.eps[nodes] ** 2
    seen = power > floor * power.max()
    return np.abs(q[nodes] / np.where(seen, exact, 1.0) - 1.0)[seen]


@pytest.mark.parametrize("shape", [CURVED, CUT, HARD, STEEP])
@pytest.mark.parametrize("bulk", [3.0, 20.0, 60.0])
def test_ring_against_quadrature(shape: electrons.Distribution, bulk: float) -> None:
    motion = Motion.critical(bulk)
    seeds = ring_seeds(1e45, 2.6e18, 1e17, 4e-7, thermal=False)
    nodes = np.arange(120, 235, 4)
    exact = truth(shape, brute.ring(1e45, 2.6e18, 1e17, 4e-7, 40), motion, nodes)
    error = compared(emitted(shape, seeds, motion), exact, nodes)
    assert np.median(error) < 5e-4
    # One point lies in the step of the grid where the sharp lower end of the electrons shows.
    assert np.sort(error)[-2] < 4e-3
    assert np.max(error) < 3e-2


@pytest.mark.parametrize("distance", [0.02, 0.5, 0.97, 1.5, 20.0])
def test_shell_against_quadrature(distance: float) -> None:
    motion = Motion.beamed(20.0, 25.0)
    radius = 2.6e17
    seeds = shell_seeds(1e45, radius, distance * radius, LINE)
    rays = brute.shell(1e45, radius, distance * radius, LINE, rings=40, azimuths=12)
    nodes = np.arange(156, 215, 19)
    error = compared(emitted(CURVED, seeds, motion), truth(CURVED, rays, motion, nodes), nodes)
    assert np.max(error) < 2e-3


def test_black_body_against_quadrature() -> None:
    motion = Motion.critical(15.0)
    seeds = ring_seeds(1e45, 2.6e18, 1e18, 1e-7, thermal=True)
    line = brute.ring(1e45, 2.6e18, 1e18, 1e-7 * 2.7011780, 12)
    line = brute.Rays(line.density, line.energy / 2.7011780, line.mu, line.phi)
    rays = brute.black_body(line, 20)
    nodes = np.arange(140, 215, 12)
    error = compared(emitted(CURVED, seeds, motion), truth(CURVED, rays, motion, nodes), nodes)
    assert np.max(error) < 3e-3


def test_isotropic_field_of_the_host_against_quadrature() -> None:
    motion = Motion.viewed(10.0, math.radians(4.0))
    seeds = isotropic_seeds(1e-3, 1e-6, thermal=False)
    rays = brute.isotropic(1e-3, 1e-6, rings=24, azimuths=12)
    nodes = np.arange(130, 215, 15)
    error = compared(emitted(CURVED, seeds, motion), truth(CURVED, rays, motion, nodes), nodes)
    assert np.max(error) < 3e-3


@pytest.mark.parametrize("energy", [1e-8, 1e-4, 1e-2])
def test_field_at_rest_is_scattered_as_the_isotropic_kernel_says(energy: float) -> None:
    """Jones's kernel is the head-on one averaged over directions; a different table holds it."""
    field = collapse(GRID, isotropic_seeds(1.0, energy, thermal=True), REST)
    cooled = ExponentialCutoffPowerLaw(1.0, 2.5, 1e4, 1.0, 1e8)
    density = electrons.sample(cooled, GRID.gamma_fine)
    q = scatter(GRID, density, field.headon)
    jones = compton.emissivity(GRID, kinetic.coarsen(GRID, density), field.density)
    power = jones * GRID.eps**2
    seen = (power > 0.1 * power.max()) & (GRID.eps > 100.0 * energy)
    assert seen.sum() > 5
    np.testing.assert_allclose(q[seen], jones[seen], rtol=6e-3)


@pytest.mark.parametrize("thermal", [False, True])
@pytest.mark.parametrize("energy", [1e-9, 1e-6, 1e-4, 1e-2])
def test_scattered_power_is_the_loss_of_the_electrons(energy: float, thermal: bool) -> None:
    """From the Thomson limit far into the Klein-Nishina one, over all directions."""
    field = collapse(GRID, isotropic_seeds(1.0, energy, thermal=thermal), REST)
    shape = PowerLaw(1.0, 2.2, 300.0, 1e6)
    density = electrons.sample(shape, GRID.gamma_fine)
    out = np.sum(scatter(GRID, density, field.headon) * GRID.eps**2) * GRID.step
    rate = -kinetic.refine_rates(GRID, compton.cooling(GRID, field.density))
    step = GRID.step / GRID.refinement
    lost = np.sum(rate * density * GRID.gamma_fine) * step
    # What is scattered carries the energy that the seed photons had as well.
    number = np.sum(scatter(GRID, density, field.headon) * GRID.eps) * GRID.step
    brought = number * energy * (2.7012 if thermal else 1.0)
    assert out - min(brought, 0.02 * out) == pytest.approx(lost, rel=1e-2)


@pytest.mark.parametrize("bulk", [3.0, 20.0])
def test_emission_in_all_directions_adds_up_to_the_loss(bulk: float) -> None:
    """In the field of a shell one line of sight alone conserves nothing."""
    shape = PowerLaw(1.0, 2.2, 300.0, 1e5)
    density = electrons.sample(shape, GRID.gamma_fine)
    seeds = shell_seeds(1e45, 2.6e17, 1e17, LINE)
    beta = math.sqrt(1.0 - 1.0 / bulk**2)
    node, weight = np.polynomial.legendre.leggauss(12)
    total = 0.0
    for mu_blob, share in zip(node, 0.5 * weight, strict=True):
        off_axis = (1.0 - beta) * (1.0 - mu_blob) / (1.0 + beta * mu_blob)
        motion = Motion(bulk, 1.0 - beta, off_axis)
        field = collapse(GRID, seeds, motion)
        total += share * np.sum(scatter(GRID, density, field.headon) * GRID.eps**2) * GRID.step
    rate = -kinetic.refine_rates(GRID, compton.cooling(GRID, field.density))
    lost = np.sum(rate * density * GRID.gamma_fine) * GRID.step / GRID.refinement
    assert total == pytest.approx(lost, rel=1e-2)


def test_thomson_limit() -> None:
    field = collapse(GRID, isotropic_seeds(1.0, 1e-12, thermal=True), REST)
    rate = compton.cooling(GRID, field.density)
    expected = -4.0 / 3.0 * SIGMA_T * C * GRID.gamma**2 / ME_C2
    np.testing.assert_allclose(rate[:60], expected[:60], rtol=1e-4)


def test_klein_nishina_limit_ends_at_the_energy_of_the_electrons() -> None:
    field = collapse(GRID, isotropic_seeds(1.0, 1e-1, thermal=False), REST)
    density = electrons.sample(PowerLaw(1.0, 2.0, 1e4, 1e5), GRID.gamma_fine)
    q = scatter(GRID, density, field.headon)
    assert not q[GRID.eps > 1.3e5].any()
    assert GRID.eps[np.argmax(q * GRID.eps**2)] > 1e4


def boosted(luminosity: float, radius: float, distance: float, bulk: float) -> Seeds:
    motion = Motion.critical(bulk)
    return boosted_seeds(luminosity, radius, distance, LINE, motion, thermal=False)


def test_energy_density_of_the_simple_broad_line_region_does_not_depend_on_the_disk() -> None:
    for luminosity in (1e43, 1e45, 1e47):
        radius = 1e17 * math.sqrt(luminosity / 1e45)
        found = boosted(0.1 * luminosity, radius, 0.3 * radius, 13.0).energy_density
        # The 12 pi of the literature has c rounded to 3e10 cm/s.
        assert found == pytest.approx(17.0 / 12.0 * 13.0**2 / (12.0 * math.pi), rel=1e-3)


def test_simple_field_falls_outside_without_a_step() -> None:
    places = np.logspace(-1, 2, 400)
    values = [boosted(1e45, 1e17, place * 1e17, 10.0).energy_density for place in places]
    steps = np.diff(np.log(values))
    assert np.all(steps <= 1e-9)
    assert np.all(steps > -0.5)
    # Far away the shell is a point behind the jet.
    point = 1e45 / (4.0 * math.pi * 1e38 * C) * Motion.critical(10.0).boost(0.0) ** 2
    assert values[-1] == pytest.approx(point, rel=0.05)


def test_field_in_the_middle_of_a_shell_is_isotropic() -> None:
    bulk = 20.0
    seeds = shell_seeds(1e45, 1e17, 1e11, LINE)
    beta = math.sqrt(1.0 - 1.0 / bulk**2)
    still = 1e45 / (4.0 * math.pi * 1e34 * C)
    field = collapse(GRID, seeds, Motion.critical(bulk))
    assert seeds.energy_density == pytest.approx(still, rel=1e-9)
    assert field.energy_density == pytest.approx(still * bulk**2 * (1.0 + beta**2 / 3.0), rel=1e-9)


@pytest.mark.parametrize("place", [30.0, 300.0])
def test_distant_sources_become_points_behind_the_jet(place: float) -> None:
    """u' = u / (Gamma^2 (1 + beta)^2), as long as the source is smaller than r / Gamma."""
    bulk = 2.0
    unbeta = 1.0 - math.sqrt(0.75)
    still = 1e45 / (4.0 * math.pi * (place * 1e17) ** 2 * C)
    for seeds in (
        shell_seeds(1e45, 1e17, place * 1e17, LINE),
        ring_seeds(1e45, 1e17, place * 1e17, LINE, thermal=False),
        disk_seeds(Disk(1e45, 1e8, 1e16, 1e17), place * 1e17),
    ):
        field = collapse(GRID, seeds, Motion.critical(bulk))
        assert seeds.energy_density == pytest.approx(still, rel=2.0 / place**2)
        boosted = still * bulk**2 * unbeta**2
        assert field.energy_density == pytest.approx(boosted, rel=10.0 / place**2)


def test_opaque_disk_doubles_the_field_on_the_axis() -> None:
    disk = Disk.standard(1e46, 1e9)
    ratio = [
        disk_seeds(disk, r, lambert=True).energy_density / disk_seeds(disk, r).energy_density
        for r in (1e14, 1e20)
    ]
    assert ratio[0] < 1.0
    assert ratio[1] == pytest.approx(2.0, rel=1e-5)


def test_forgetting_directions_keeps_the_energy() -> None:
    motion = Motion.critical(20.0)
    seeds = disk_seeds(Disk.standard(1e46, 1e9), 1e17)
    one, other = collapse(GRID, seeds, motion), collapse(GRID, isotropized(seeds, motion), REST)
    assert other.energy_density == pytest.approx(one.energy_density, rel=1e-6)
    np.testing.assert_allclose(other.density, one.density, rtol=1e-6, atol=0.0)
    assert REST.doppler == 1.0


def test_motion() -> None:
    assert Motion.critical(20.0).doppler == pytest.approx(20.0, rel=1e-12)
    assert Motion.beamed(20.0, 25.0).doppler == pytest.approx(25.0, rel=1e-12)
    assert Motion.viewed(20.0, 0.0).doppler == pytest.approx(39.97498, rel=1e-6)
    assert Motion.beamed(20.0, Motion.viewed(20.0, 0.0).doppler).off_axis == 0.0
    with pytest.raises(ValueError, match=r"doppler: 41.0 .* at most 39.97"):
        Motion.beamed(20.0, 41.0)


def test_no_electrons_and_no_seeds_give_no_emission() -> None:
    nothing = np.zeros_like(GRID.gamma_fine)
    field = collapse(GRID, isotropic_seeds(1.0, 1e-6, thermal=True), REST)
    assert not scatter(GRID, nothing, field.headon).any()
    assert not scatter(GRID, nothing + 1.0, np.zeros_like(field.headon)).any()
