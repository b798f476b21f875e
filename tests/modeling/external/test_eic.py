"""The external Compton model as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.electrons import LogParabola
from astroquery_mmdc.modeling.external import eic
from astroquery_mmdc.modeling.external.geometry import Motion
from astroquery_mmdc.modeling.external.host import Host
from astroquery_mmdc.modeling.kernels import compton, ssc
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options
from tests.modeling.sources import physical

GRID = Grid.default()
BLOB = {
    "magnetic_field": 1.0,
    "radius": 2e16,
    "lorentz_factor": 20.0,
    "luminosity": 1e45,
    "gamma_min": 100.0,
    "gamma_cut": 1e4,
    "index": 2.2,
}
HOST = {"disk_luminosity": 1e46, "black_hole_mass": 1e9}
CURVED = LogParabola(1.0, 2.0, 0.2, 100.0, 1.0, 3e4)


def test_components() -> None:
    emission = eic.solve(Blob(**BLOB), **HOST)
    assert set(emission.components) >= {"synchrotron", "ssc", "ec_disk", "ec_blr", "ec_torus"}
    assert set(emission.thermal) == {"disk", "blr", "torus"}
    assert emission.thermal_nu is not None
    assert emission.thermal["disk"].shape == emission.thermal_nu.shape
    assert "ec" not in emission.components
    assert "ec_cmb" not in emission.components
    assert "ec_cmb" in eic.solve(Blob(**BLOB), **HOST, cmb=True, redshift=1.0).components


def test_without_external_light_it_is_ssc() -> None:
    host = {"disk_luminosity": 1e20, "black_hole_mass": 1e9, "xi_blr": 0.0, "xi_torus": 0.0}
    dark = eic.solve(Blob(**BLOB), **host, distance=1e17)
    alone = ssc.solve(Blob(**BLOB))
    for name in ("synchrotron", "ssc"):
        np.testing.assert_allclose(dark.components[name], alone.components[name], rtol=1e-6)


@pytest.mark.parametrize("geometry", ["simple", "finke"])
@pytest.mark.parametrize("field", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("radius", [1e15, 1e17])
def test_power_is_conserved(geometry: str, field: float, radius: float) -> None:
    """What is injected leaves as radiation or with the electrons: within 1 per cent."""
    blob = BLOB | {"magnetic_field": field, "radius": radius}
    powers = eic.solve(Blob(**blob), **HOST, geometry=geometry).powers
    absorbed = powers["absorbed"] - powers["pairs"]
    out = powers["radiated"] + powers["escaped"] + powers["cooled"] + absorbed
    assert out == pytest.approx(powers["injected"], rel=1e-2)


def test_simple_components_carry_the_true_power() -> None:
    """In the simple geometry all directions are alike, so the components add up as well."""
    emission = eic.solve(Blob(**BLOB), **HOST)
    radiated = np.sum(emission.total) * emission.grid.step
    assert radiated == pytest.approx(emission.powers["radiated"], rel=1e-2)


def test_electrons_cool_on_external_photons() -> None:
    inside, outside = (
        eic.solve(Blob(**BLOB), **HOST, distance=distance).u_e for distance in (1e17, 1e20)
    )
    assert inside < 0.5 * outside


@pytest.mark.parametrize(("radius", "index"), [(3e15, -2.2), (1e18, -3.2)])
def test_slow_and_fast_cooling_on_external_photons(radius: float, index: float) -> None:
    """The index is p where electrons escape before they cool, and p + 1 where they cool first."""
    blob = BLOB | {"magnetic_field": 1e-3, "radius": radius, "gamma_min": 2.0, "gamma_cut": 1e6}
    host = HOST | {"xi_blr": 0.0, "distance": 1e18}
    emission = eic.solve(Blob(**blob | {"luminosity": 1e40}), **host)
    fields = eic.external_fields(GRID, Host(**host), Motion.critical(20.0))
    photons = np.sum([field.density for field in fields.values()], axis=0)
    cooled = -compton.cooling(GRID, photons) / GRID.gamma * radius / C
    slope = np.gradient(np.log(np.maximum(emission.electrons, 1e-300)), GRID.step)
    chosen = cooled < 0.03 if index > -3.0 else cooled > 30.0
    chosen &= (GRID.gamma > 5.0) & (GRID.gamma < 1500.0)
    assert chosen.sum() > 5
    np.testing.assert_allclose(slope[chosen], index, atol=0.08)


def test_default_fields() -> None:
    """Energy densities of the simple geometry: 17/12 Gamma^2 xi L / (4 pi R^2 c)."""
    fields = eic.external_fields(GRID, Host(**HOST), Motion.critical(20.0))
    blr = 17.0 / 12.0 * 400.0 / (12.0 * math.pi)
    assert fields["blr"].energy_density == pytest.approx(blr, rel=1e-3)
    torus = 17.0 / 12.0 * 400.0 * 0.5e45 / (4.0 * math.pi * 2.5e18**2 * C)
    assert fields["torus"].energy_density == pytest.approx(torus, rel=1e-3)


def test_geometries_are_alike_inside_the_broad_line_region() -> None:
    found = [
        eic.solve(Blob(**BLOB), **HOST, geometry=geometry).components["ec_blr"].max()
        for geometry in ("simple", "finke")
    ]
    assert found[0] == pytest.approx(found[1], rel=0.3)


def test_emission_is_stronger_along_the_axis() -> None:
    """Head-on collisions: the scattered flux rises towards the axis beyond the Doppler boost."""
    given = {"magnetic_field": 1.0, "radius": 2e16, "lorentz_factor": 20.0}
    seen = [
        eic.solve_given(CURVED, **given, **HOST, geometry="finke", viewing_angle=angle)
        .components["ec_blr"]
        .max()
        for angle in (0.0, 0.05, 0.15)
    ]
    assert seen[0] > seen[1] > seen[2]


def test_given_electrons_are_taken_as_they_are() -> None:
    emission = eic.solve_given(CURVED, magnetic_field=1.0, radius=2e16, lorentz_factor=20.0, **HOST)
    density = electrons.sample(CURVED, GRID.gamma_fine)[:: GRID.refinement]
    np.testing.assert_allclose(emission.electrons, density)


def test_absorption_removes_gamma_rays_only() -> None:
    free = eic.solve(Blob(**BLOB), **HOST)
    behind = eic.solve(Blob(**BLOB), **HOST, absorption=True)
    ratio = behind.total / np.where(free.total > 0.0, free.total, 1.0)
    lower = (free.total > 0.0) & (free.grid.eps * 20.0 < 1e3)
    np.testing.assert_allclose(ratio[lower], 1.0, rtol=1e-9)
    hard = (free.total > 0.0) & (free.grid.eps * 20.0 > 3e5)
    assert np.all(ratio[hard] < 0.1)


@pytest.mark.parametrize("geometry", ["simple", "finke"])
def test_finer_grid_changes_little(geometry: str) -> None:
    default = eic.solve(Blob(**BLOB), **HOST, geometry=geometry)
    fine = eic.solve(Blob(**BLOB), Options(per_decade=20), **HOST, geometry=geometry)
    for name in ("ec_disk", "ec_blr", "ec_torus"):
        one, other = default.components[name], fine.components[name][::2]
        seen = other > 1e-2 * other.max()
        error = np.abs(one[seen] / other[seen] - 1.0)
        assert np.median(error) < 5e-3
        assert np.max(error) < 2e-2


BOX = {
    "log_magnetic_field": (-3.0, 2.5),
    "log_radius": (14.5, 18.5),
    "lorentz_factor": (3.0, 100.0),
    "log_luminosity": (42.0, 48.5),
    "log_gamma_min": (1.5, 5.0),
    "log_gamma_cut": (2.0, 7.5),
    "index": (1.8, 5.0),
    "log_disk_luminosity": (43.5, 47.5),
    "log_black_hole_mass": (7.0, 10.0),
}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    numbers=st.fixed_dictionaries({name: st.floats(*ends) for name, ends in BOX.items()}),
    geometry=st.sampled_from(["simple", "finke"]),
    place=st.floats(-2.0, 2.0),
)
@example(
    numbers={name: ends[1] for name, ends in BOX.items()} | {"log_radius": 15.0},
    geometry="finke",
    place=0.0,
)
@pytest.mark.filterwarnings("ignore::astroquery_mmdc.exceptions.IncompleteResultWarning")
def test_whole_prior_box(numbers: dict[str, float], geometry: str, place: float) -> None:
    """Finite and not negative everywhere, and no more power than was injected."""
    values = physical(numbers)
    host = {name: values.pop(name) for name in HOST}
    more = values | {"luminosity": 1.3 * values["luminosity"]}
    place = {"geometry": geometry, "distance": 10.0**place * 1e17}
    emission = eic.solve(Blob(**values), **host, **place)
    for values in (*emission.components.values(), *emission.thermal.values()):
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0.0)
    assert np.all(np.isfinite(emission.electrons))
    assert emission.powers["radiated"] <= 1.05 * emission.powers["injected"]
    brighter = eic.solve(Blob(**more), **host, **place)
    assert brighter.powers["radiated"] > 0.999 * emission.powers["radiated"]


def test_emission_grows_with_the_light_outside() -> None:
    given = {"magnetic_field": 1.0, "radius": 2e16, "lorentz_factor": 20.0}
    dim, bright = (
        eic.solve_given(CURVED, **given, **HOST, xi_blr=xi).components["ec_blr"]
        for xi in (0.05, 0.1)
    )
    seen = dim > 0.0
    np.testing.assert_allclose(bright[seen], 2.0 * dim[seen], rtol=1e-9)
