from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from astroquery_mmdc.modeling.fits.priors import Uniform
from astroquery_mmdc.modeling.fits.problem import PriorSpace
from astroquery_mmdc.modeling.fits.scaled import Scaled

SLOPES = np.random.default_rng(0).normal(size=(12, 3))


@dataclass(frozen=True)
class Curved(PriorSpace):
    """Residuals that are linear in the parameters but for a bend."""

    bend: float = 0.0
    priors: dict = field(default_factory=lambda: {f"p{i}": Uniform(-2.0, 3.0) for i in range(3)})

    def residuals(self, x):
        return SLOPES @ x + self.bend * np.sum(x**2)


def nothing(stage, part):
    pass


def test_derivatives_are_brought_up_to_date_without_evaluations():
    scaled = Scaled(Curved(), nothing)
    t = np.array([0.3, 0.5, 0.7])
    scaled(t)
    np.testing.assert_allclose(scaled.jacobian(t), 5.0 * SLOPES, rtol=1e-8)
    # The point itself was known: only the steps were computed.
    assert scaled.count == 1 + 3
    for step, used in ((0.1, 5), (-0.05, 6)):
        scaled(t + step)
        np.testing.assert_allclose(scaled.jacobian(t + step), 5.0 * SLOPES, rtol=1e-6)
        assert scaled.count == used
    # Two in a row are enough.
    scaled(t + 0.2)
    scaled.jacobian(t + 0.2)
    assert scaled.count == 7 + 3


def test_derivatives_that_foretold_wrongly_are_computed_anew():
    scaled = Scaled(Curved(bend=20.0), nothing)
    t, far = np.array([0.3, 0.5, 0.7]), np.array([0.9, 0.1, 0.2])
    scaled.jacobian(t)
    scaled(far)
    found = scaled.jacobian(far)
    assert scaled.count == 4 + 4
    free = np.arange(3)
    np.testing.assert_allclose(found, scaled.central(far, free), atol=0.6, rtol=1e-2)


def test_another_walk_starts_without_derivatives():
    scaled = Scaled(Curved(), nothing)
    t = np.array([0.3, 0.5, 0.7])
    scaled.jacobian(t)
    scaled.forget()
    scaled.jacobian(t + 0.01)
    assert scaled.count == 2 * 4


def test_the_best_is_remembered_and_a_watch_may_end_it():
    heard = []

    def watch(stage, part):
        heard.append(part)
        if len(heard) == 3:
            raise KeyboardInterrupt

    scaled = Scaled(Curved(), watch)
    scaled(np.full(3, 0.41))
    scaled(np.full(3, 0.9))
    with pytest.raises(KeyboardInterrupt):
        scaled(np.full(3, 0.4))
    assert scaled.best[0] == pytest.approx(0.0)
    assert scaled.best[1].tolist() == [0.4] * 3
