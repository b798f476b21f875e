"""From the source to the observer, and between the points of a spectrum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import cosmology
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.between import between
from astroquery_mmdc.modeling.interpolation import Curve
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.observer import (
    Observed,
    Observer,
    doppler_factor,
    luminosity_distance_cgs,
)
from astroquery_mmdc.modeling.settings import frequencies_cgs, viewing_angle_of

MPC = u.Mpc.to(u.cm)


# ---------------------------------------------------------------- distances and Doppler factors


def test_distance_of_the_service():
    assert luminosity_distance_cgs(0.03179) / MPC == pytest.approx(137.6, abs=0.05)


@pytest.mark.parametrize("z", [1e-4, 0.01, 0.5, 3.0, 10.0])
def test_distances_are_those_of_astropy(z):
    # No neutrino masses: three massless species, as in the service's cosmology.
    theirs = cosmology.FlatLambdaCDM(H0=71, Om0=0.27, Tcmb0=2.725, Neff=3.0)
    assert luminosity_distance_cgs(z) == pytest.approx(luminosity_distance_cgs(z, theirs), rel=2e-4)
    plain = cosmology.FlatLambdaCDM(H0=71, Om0=0.27)
    assert luminosity_distance_cgs(z) == pytest.approx(luminosity_distance_cgs(z, plain), rel=2e-3)


def test_a_cosmology_without_a_distance():
    class Nowhere:
        def luminosity_distance(self, z):
            return np.nan * u.Mpc

    with pytest.raises(InvalidRequestError, match=r"cosmology: its distance to z = 0.1 is nan"):
        Observer.at(0.1, ebl=False, cosmology=Nowhere())


@pytest.mark.parametrize("bulk", [3.0, 20.0, 100.0])
@pytest.mark.parametrize("angle", [0.0, 0.001, 0.05, 1.0, math.pi])
def test_doppler_factors(bulk, angle):
    beta = math.sqrt(1 - bulk**-2)
    expected = 1 / (bulk * (1 - beta * math.cos(angle)))
    assert doppler_factor(bulk, angle) == pytest.approx(expected, rel=1e-9)
    back = viewing_angle_of(bulk, doppler_factor(bulk, angle))
    assert back.to_value(u.rad) == pytest.approx(angle, abs=1e-6)


def test_doppler_factor_without_an_angle():
    assert doppler_factor(20.0) == 20.0
    assert viewing_angle_of(20, 20).to_value(u.rad) == pytest.approx(math.acos(math.sqrt(399) / 20))
    with pytest.raises(InvalidRequestError, match=r"delta: 50 is seen under no angle .* 39.97"):
        viewing_angle_of(20, 50)


def test_a_line_arrives_where_it_should_with_the_luminosity_it_should():
    """Integrated over frequency, delta^4 L' / (4 pi d_L^2) arrives."""
    grid = Grid.default()
    line = np.exp(-0.5 * (np.log(grid.eps / 1e-3) / 0.3) ** 2)
    luminosity = 1e42
    scale = luminosity / (np.sum(line) * grid.step)
    emission = Emission(grid, np.zeros_like(grid.gamma), {"line": line * scale}, np.zeros(1))
    observer = Observer.at(0.5, ebl=False)
    seen = Observed(emission, observer, delta=10.0)
    nu = np.geomspace(1e10, 1e25, 5000)
    flux = seen.flux_cgs(nu)
    peak = grid.nu[np.argmin(abs(grid.eps - 1e-3))] * 10 / 1.5
    assert nu[np.argmax(flux)] == pytest.approx(peak, rel=0.01)
    total = np.trapezoid(flux, np.log(nu))
    assert total == pytest.approx(1e4 * luminosity / (4 * np.pi * observer.distance**2), rel=1e-3)
    assert seen.nodes_cgs().min() < peak < seen.nodes_cgs().max()


def test_unbeamed_light_is_not_beamed():
    grid = Grid.default()
    none = np.zeros_like(grid.eps)
    nu = np.geomspace(1e14, 1e16, 50)
    emission = Emission(
        grid,
        np.zeros_like(grid.gamma),
        {"synchrotron": none},
        none,
        thermal={"disk": np.full(50, 1e45)},
        thermal_nu=nu,
    )
    near, far = (Observed(emission, Observer.at(1.0, ebl=False), delta) for delta in (1.0, 50.0))
    at = np.array([1e14, 1e15])
    assert np.array_equal(near.flux_cgs(at), far.flux_cgs(at))
    expected = 1e45 / (4 * np.pi * luminosity_distance_cgs(1.0) ** 2)
    assert near.flux_cgs(at)[1] == pytest.approx(expected)
    assert set(near.components_cgs(at)) == {"synchrotron", "disk"}


# ---------------------------------------------------------------- frequencies


@pytest.mark.parametrize(
    ("nu", "message"),
    [
        (1e15, "nu: float has no unit; give a Quantity"),
        (1 * u.G, "nu: G is a unit neither of frequency, energy nor wavelength"),
        ([1e15, -1] * u.Hz, "nu: every frequency has to be above 0 and finite"),
        ([1e15, np.nan] * u.Hz, "nu: every frequency has to be above 0 and finite"),
        ([1e15, np.inf] * u.Hz, "nu: every frequency has to be above 0 and finite"),
    ],
)
def test_no_frequency(nu, message):
    with pytest.raises(InvalidRequestError, match=message):
        frequencies_cgs(nu)


def test_frequencies_energies_and_wavelengths():
    assert frequencies_cgs(1 * u.keV) == pytest.approx(2.418e17, rel=1e-3)
    assert frequencies_cgs(21.106 * u.cm) == pytest.approx(1.42e9, rel=1e-3)
    assert frequencies_cgs([] * u.Hz).shape == (0,)
    assert frequencies_cgs(np.array([1e15], dtype="f4") * u.Hz).dtype == float


# ---------------------------------------------------------------- interpolation


def smooth(x):
    return np.exp(x / 3 - 0.01 * x**2 - np.exp(x - 20))


def test_smooth_spectra_are_met_between_nodes():
    nodes = np.arange(-30, 30, math.log(10) / 10)
    at = np.linspace(-29, 20, 1000)
    error = Curve(nodes, smooth(nodes))(at) / smooth(at) - 1
    assert np.median(abs(error)) < 1e-6
    assert np.max(abs(error)) < 1e-4


def test_the_compiled_interpolation_is_the_same():
    step = math.log(10) / 10
    nodes = -30 + step * np.arange(250)
    values = smooth(nodes)
    values[40] = 0.0
    at = np.random.default_rng(2).uniform(-35, 30, 2000)
    compiled = between(at, nodes[0], step, values)
    assert np.allclose(compiled, Curve(nodes, values)(at), rtol=1e-9, atol=0)
    assert between(np.array([np.nan]), nodes[0], step, values).tolist() == [0]


def test_uneven_nodes():
    nodes = np.cumsum(np.random.default_rng(1).uniform(0.1, 0.25, 200)) - 20
    at = np.linspace(nodes[1], 15, 500)
    error = Curve(nodes, smooth(nodes))(at) / smooth(at) - 1
    assert np.max(abs(error)) < 1e-3


def test_nothing_is_made_up():
    nodes = np.log([1.0, 2, 4, 8, 16, 1e6, 2e6])
    values = np.array([1.0, 1, 0, 1, 1, 1, 1])
    curve = Curve(nodes, values)
    at = np.log([0.5, 1, 1.5, 3, 6, 12, 1e3, 1.5e6, 2e6, 3e6])
    # Outside; beside a zero; inside a gap.
    assert curve(at).tolist() == pytest.approx([0, 1, 1, 0, 0, 1, 0, 1, 1, 0])
    assert Curve(np.array([1.0]), np.array([1.0]))(np.array([1.0])).tolist() == [0]
    assert Curve(np.array([]), np.array([]))(np.array([1.0])).tolist() == [0]
    assert curve(np.array([])).shape == (0,)


def test_a_sharp_edge_does_not_overshoot():
    nodes = np.arange(0, 20, 0.2)
    values = np.where(nodes < 10, np.exp(nodes), np.exp(nodes - 30 * (nodes - 10)))
    at = np.linspace(0, 19, 4000)
    assert Curve(nodes, values)(at).max() <= values.max() * 1.0001
