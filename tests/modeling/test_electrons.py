"""Sampled distributions: sums over the nodes are the integrals, ends and breaks included."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from astropy import constants
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.electrons import (
    BrokenPowerLaw,
    ExponentialCutoffPowerLaw,
    LogParabola,
    PowerLaw,
)
from astroquery_mmdc.modeling.kernels import constants as own
from astroquery_mmdc.modeling.kernels import kinetic
from astroquery_mmdc.modeling.kernels.grid import Grid

GRID = Grid.default()
FINE = GRID.gamma_fine
SHAPES = [
    PowerLaw(2.0, 2.3, 33.0, 4.4e5),
    PowerLaw(2.0, 4.9, 1234.5, 1e8),
    PowerLaw(1.0, 2.0, 100.0, 1e6),
    BrokenPowerLaw(1e-9, 1.8, 4.1, 7.7e4, 123.0, 9.9e6),
    LogParabola(1.0, 2.0, 0.4, 1e3, 50.0, 3e5),
    ExponentialCutoffPowerLaw(1.0, 2.2, 1e5, 77.0),
    ExponentialCutoffPowerLaw(1.0, 2.2, 1e3, 1e4),
    PowerLaw(1.0, 2.0, 1000.0, 1050.0),
    PowerLaw(1.0, 2.0, 1000.0, 1450.0),
]


def integral(shape: electrons.Distribution, power: float) -> float:
    """Integral of gamma^power N by adaptive quadrature in ln(gamma)."""
    inner = getattr(shape, "breaks", ())
    top = min(shape.gamma_max, getattr(shape, "gamma_cut", math.inf) * 60 + shape.gamma_min * 60)
    ends = [shape.gamma_min, *inner, top]
    total = 0.0
    for a, b in pairwise(ends):
        total += quad(
            lambda u: float(shape(np.exp(u))) * math.exp((power + 1.0) * u),
            math.log(a),
            math.log(b),
            epsabs=0.0,
            epsrel=1e-10,
            limit=400,
        )[0]
    return total


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_moments(shape: electrons.Distribution, power: float) -> None:
    sampled = electrons.sample(shape, FINE)
    h = math.log(FINE[1] / FINE[0])
    # The energy is exact; the number of very few cells is that of the narrow rule, exact, too.
    tolerance = {0.0: 3e-4, 1.0: 1e-4, 2.0: 3e-3}[power]
    if shape.gamma_min > getattr(shape, "gamma_cut", math.inf):
        tolerance = 6e-3  # an exponential from its first node on
    assert h * np.sum(FINE ** (power + 1.0) * sampled) == pytest.approx(
        integral(shape, power), rel=tolerance
    )


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_not_negative_and_zero_outside(shape: electrons.Distribution) -> None:
    sampled = electrons.sample(shape, FINE)
    assert np.all(sampled >= 0.0)
    first, last = np.searchsorted(FINE, [shape.gamma_min, shape.gamma_max])
    assert not sampled[: max(first - 1, 0)].any()
    assert not sampled[last + 1 :].any()


def test_inside_the_values_are_those_of_the_distribution() -> None:
    shape = PowerLaw(3.0, 2.2, 100.0, 1e6)
    sampled = electrons.sample(shape, FINE)
    inside = (FINE > 200.0) & (FINE < 5e5)
    np.testing.assert_allclose(sampled[inside], shape(FINE[inside]), rtol=1e-12)


@pytest.mark.parametrize("index", [1.7, 2.0, 2.0 + 1e-9, 3.0, 5.0])
@pytest.mark.parametrize("gamma_cut", [1e2, 1e5, 1e8])
def test_injected_power(index: float, gamma_cut: float) -> None:
    injected = electrons.injection(FINE, 1e-3, index, 50.0, gamma_cut)
    assert electrons.energy_density(FINE, injected) == pytest.approx(1e-3, rel=1e-12)
    # The shape is right, too: the first moment fixes the norm, the number must follow.
    shape = ExponentialCutoffPowerLaw(50.0**index, index, gamma_cut, 50.0, 1e9)
    mean = integral(shape, 1.0) / integral(shape, 0.0)
    number = electrons.number_density(FINE, injected)
    assert 1e-3 / own.ME_C2 / number == pytest.approx(mean, rel=5e-4)


def test_service_normalization_ignores_the_cut_off() -> None:
    low = electrons.injection(FINE, 1.0, 2.5, 100.0, 1e4, normalization="mmdc")
    high = electrons.injection(FINE, 1.0, 2.5, 100.0, 1e7, normalization="mmdc")
    at = np.searchsorted(FINE, 200.0)
    expected = math.exp(-FINE[at] / 1e4 + FINE[at] / 1e7)
    assert low[at] / high[at] == pytest.approx(expected, rel=1e-9)
    textbook = electrons.injection(FINE, 1.0, 2.5, 100.0, 1e8)
    assert high[at] / textbook[at] == pytest.approx(1.7, rel=0.01)


def test_service_normalization_at_an_index_without_an_integral() -> None:
    service = electrons.injection(FINE, 1.0, 1.9, 100.0, 1e4, normalization="mmdc")
    textbook = electrons.injection(FINE, 1.0, 1.9, 100.0, 1e4)
    np.testing.assert_allclose(service, 1.7 * textbook)


def test_protons_carry_their_rest_energy() -> None:
    injected = electrons.injection(FINE, 1.0, 2.0, 1.0, 1e6, rest_energy=own.MP_C2)
    assert electrons.energy_density(FINE, injected, own.MP_C2) == pytest.approx(1.0)


def test_nothing_beyond_the_grid() -> None:
    assert not electrons.sample(PowerLaw(1.0, 2.0, 2e9, 1e10), FINE).any()
    assert not electrons.injection(FINE, 1.0, 2.0, 2e9, 1e10).any()


@settings(max_examples=40, deadline=None)
@given(
    index=st.floats(1.5, 5.0),
    low=st.floats(0.1, 5.0),
    span=st.floats(0.3, 3.5),
    per_decade=st.sampled_from([8, 10, 20]),
)
def test_coarser_nodes_keep_number_and_energy(
    index: float, low: float, span: float, per_decade: int
) -> None:
    grid = Grid.default(per_decade)
    shape = PowerLaw(10.0 ** (low * index), index, 10.0**low, 10.0 ** (low + span))
    fine = electrons.sample(shape, grid.gamma_fine)
    coarse = kinetic.coarsen(grid, fine)
    for measure in (electrons.number_density, electrons.energy_density):
        assert measure(grid.gamma, coarse) == pytest.approx(
            measure(grid.gamma_fine, fine), rel=1.5e-2
        )


def test_refined_values_are_those_between() -> None:
    fine = kinetic.refine(GRID, GRID.gamma**-2.2)
    np.testing.assert_allclose(fine[30:-30], FINE[30:-30] ** -2.2, rtol=2e-4)


def test_constants_are_those_of_astropy() -> None:
    pairs = {
        "C": constants.c.cgs,
        "H_PLANCK": constants.h.cgs,
        "K_B": constants.k_B.cgs,
        "M_E": constants.m_e.cgs,
        "M_P": constants.m_p.cgs,
        "M_SUN": constants.M_sun.cgs,
        "G_NEWTON": constants.G.cgs,
        "SIGMA_T": constants.sigma_T.cgs,
        "SIGMA_SB": constants.sigma_sb.cgs,
        "E_CHARGE": constants.e.esu,
        "ALPHA": constants.alpha,
    }
    for name, value in pairs.items():
        assert getattr(own, name) == pytest.approx(value.value, rel=1e-8), name
