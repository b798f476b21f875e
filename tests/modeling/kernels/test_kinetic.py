"""The kinetic equation against its integral, in both limits, and in time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.electrons import ExponentialCutoffPowerLaw
from astroquery_mmdc.modeling.kernels import kinetic, synchrotron
from astroquery_mmdc.modeling.kernels.constants import ME_C2
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.modeling import brute

GRID = Grid.default()
FINE = GRID.gamma_fine
H = GRID.step / GRID.refinement


@pytest.mark.parametrize("index", [1.8, 2.0, 3.3, 4.8])
@pytest.mark.parametrize("gamma_cooling", [1e1, 3e3, 1e5, 1e9])
@pytest.mark.parametrize("klein_nishina", [False, True])
def test_against_quadrature(index: float, gamma_cooling: float, klein_nishina: bool) -> None:
    escape = 1e5

    def speed(gamma: np.ndarray) -> np.ndarray:
        rate = gamma**2 / (gamma_cooling * escape)
        return rate / (1.0 + gamma / 3e3) ** 1.2 if klein_nishina else rate

    shape = ExponentialCutoffPowerLaw(100.0**index, index, 1e5, 100.0, 1e9)

    def source(gamma: np.ndarray) -> np.ndarray:
        return np.where(gamma >= 100.0, shape(gamma), 0.0)

    density = kinetic.steady(FINE, electrons.sample(shape, FINE), -speed(FINE), escape)
    at = np.array([2, 40, 66, 75, 90, 110, 130, 140, 150, 155])
    truth = brute.steady_state(FINE[at], source, speed, escape, [1.0, 100.0, 4e6])
    # Where cooling is slow the step at gamma_min stays one: its value is not asked for below.
    asked = (FINE[at] > 130.0) | (truth > 1e-3 * np.max(truth))
    np.testing.assert_allclose(density[at][asked], truth[asked], rtol=3e-3)
    assert np.median(np.abs(density[at][asked] / truth[asked] - 1.0)) < 1e-3


@pytest.mark.parametrize("escape", [1e2, 1e4, 1e6, math.inf])
def test_energy_is_kept(escape: float) -> None:
    injected = electrons.injection(FINE, 1.0, 2.2, 30.0, 1e5)
    gamma_dot = synchrotron.cooling(FINE, 2.0)
    density = kinetic.steady(FINE, injected, gamma_dot, escape)
    lost = -H * np.sum(FINE * density * gamma_dot) * ME_C2
    escaped = H * np.sum(FINE**2 * density) * ME_C2 / escape
    cooled = -gamma_dot[0] * density[0] * ME_C2
    assert lost + escaped + cooled == pytest.approx(1.0, abs=1e-3)


def test_slow_and_fast_cooling_slopes() -> None:
    escape = 1e6
    injected = electrons.injection(FINE, 1.0, 2.4, 1e2, 1e9)
    break_at = 1e4
    density = kinetic.steady(FINE, injected, -(FINE**2) / (break_at * escape), escape)
    slope = np.gradient(np.log(density + 1e-300), np.log(FINE))
    assert slope[np.searchsorted(FINE, 6e2)] == pytest.approx(-2.4, abs=0.1)
    assert slope[np.searchsorted(FINE, 1e6)] == pytest.approx(-3.4, abs=0.02)
    # All electrons cool: N ~ gamma^-2 below gamma_min.
    density = kinetic.steady(FINE, injected, -(FINE**2) / (1e-2 * escape), escape)
    slope = np.gradient(np.log(density + 1e-300), np.log(FINE))
    assert slope[np.searchsorted(FINE, 20.0)] == pytest.approx(-2.0, abs=1e-3)


def test_without_losses_only_escape_remains() -> None:
    injected = electrons.injection(FINE, 1.0, 2.4, 1e2, 1e5)
    density = kinetic.steady(FINE, injected, np.zeros_like(FINE), 7.0)
    np.testing.assert_allclose(density[:-1], 7.0 * injected[:-1], rtol=1e-9, atol=1e-30)


def test_never_negative() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        injected = 10.0 ** rng.uniform(-30.0, 0.0, len(FINE)) * (rng.random(len(FINE)) > 0.5)
        speed = FINE**2 * 10.0 ** rng.uniform(-12.0, 3.0)
        density = kinetic.steady(FINE, injected, -speed, 10.0 ** rng.uniform(-3.0, 12.0))
        assert np.all(np.isfinite(density))
        assert np.all(density >= 0.0)


def test_steps_end_in_the_steady_state() -> None:
    injected = electrons.injection(FINE, 1.0, 2.2, 30.0, 1e5)
    gamma_dot, escape = synchrotron.cooling(FINE, 0.3), 1e5
    steady = kinetic.steady(FINE, injected, gamma_dot, escape)
    density = np.zeros_like(FINE)
    for _ in range(40):
        density = kinetic.step(FINE, density, injected, gamma_dot, escape, escape)
    np.testing.assert_allclose(density, steady, rtol=1e-4, atol=1e-10 * np.max(steady))
    # And of a steady state any step makes the same.
    after = kinetic.step(FINE, steady, injected, gamma_dot, escape, 1e-2 * escape)
    kept = (steady > 1e-12 * np.max(steady)) & (FINE > 1e2) & (FINE < 3e5)
    np.testing.assert_allclose(after[kept], steady[kept], rtol=2e-3)


def test_steps_follow_the_exact_growth() -> None:
    """Without cooling N = Q t_esc (1 - exp(-t / t_esc)); the error falls with the step."""
    injected = electrons.injection(FINE, 1.0, 2.2, 30.0, 1e5)
    errors = []
    for count in (20, 40):
        density = np.zeros_like(FINE)
        for _ in range(count):
            density = kinetic.step(FINE, density, injected, np.zeros_like(FINE), 1.0, 1.0 / count)
        exact = injected * (1.0 - math.exp(-1.0))
        errors.append(abs(np.sum(density) / np.sum(exact) - 1.0))
    assert errors[1] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 2.0, rel=0.1)
