"""Absorption of gamma rays by the fields of the host."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astroquery_mmdc.modeling.external.field_opacity import optical_depth, photon_column
from astroquery_mmdc.modeling.external.geometry import (
    Seeds,
    isotropic_seeds,
    ring_seeds,
    shell_seeds,
)
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute_external as brute

GRID = Grid.default()
LUMINOSITY, RADIUS, LINE = 6.7e44, 2.6e17, 2e-5


def shell(distance: float) -> Seeds:
    return shell_seeds(LUMINOSITY, RADIUS, distance, LINE)


@pytest.mark.parametrize("distance", [1e16, 1e17, 2.5e17, 4e17])
def test_shell_against_quadrature(distance: float) -> None:
    eps = np.array([1.3, 2.0, 5.0, 30.0, 1e3]) * 1e5
    found = optical_depth(GRID, photon_column(GRID, shell, distance, RADIUS), eps)
    inside = distance < RADIUS
    for value, energy in zip(found, eps, strict=True):
        # A blob that has left the shell meets photons from behind only: nothing near threshold.
        exact = brute.shell_opacity(LUMINOSITY, RADIUS, distance, LINE, energy) if inside else None
        if exact is not None:
            assert value == pytest.approx(exact, rel=2e-2)
    if not inside:
        assert (
            found[-1]
            < 0.25 * optical_depth(GRID, photon_column(GRID, shell, 1e17, RADIUS), eps)[-1]
        )
        assert found[0] < 1e-6


def test_ring_far_above_threshold() -> None:
    """In the plane of the ring and far above threshold the integral over the path is elementary."""
    ring, size = 1e-7, 1e18
    column = photon_column(
        GRID, lambda r: ring_seeds(1e45, size, r, ring, thermal=False), 1e12, size
    )
    # Photons per area, weighted by 1 - mu: n0 R (pi/2 - 1), n0 the density at the centre.
    density = 1e45 / (4.0 * math.pi * C * size**2 * ring * 8.1871057769e-07)
    # The angles between 1 - mu = 0 and what the path's end at 300 R leaves.
    assert column.sum() == pytest.approx(density * size * (math.pi / 2.0 - 1.0), rel=2e-3)


def test_uniform_field_gives_the_isotropic_average() -> None:
    """One centimetre of an isotropic field: sigma_T n times the rate of Gould & Schreder."""
    seeds = isotropic_seeds(1.0, 1e-3, thermal=False, bundles=200)
    column = photon_column(GRID, lambda r: seeds, 1.0, 1e-9)
    length = 300.0 - 1.0
    s = np.linspace(1.0 + 1e-9, 10.0, 200_001)
    sigma = brute.opacity_cross_section(s) / SIGMA_T
    rate = 2.0 / 100.0 * np.trapezoid(s * sigma, s)
    number = float(seeds.density.sum())
    found = optical_depth(GRID, column, np.array([1e4]))
    assert found[0] == pytest.approx(SIGMA_T * number * rate * length, rel=2e-2)


def test_below_threshold_nothing_is_absorbed() -> None:
    column = photon_column(GRID, shell, 1e17, RADIUS)
    assert not optical_depth(GRID, column, np.array([1.0, 1e4, 4.5e4])).any()
