"""The residuals of a fit for its optimiser, in coordinates from 0 to 1, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.problem import Problem

__all__ = ["Scaled", "Watch"]

Array = NDArray[np.float64]
Watch = Callable[[str, float], None]

_STEP = 1e-3
"""Step of the derivatives, as part of the prior's range; the models are smooth on this scale."""
_LARGEST = 300.0
"""Residuals that count: beyond, a point says no more than that it is far off."""
_UPDATES = 2
"""How often in a row derivatives are brought up to date instead of being computed."""
_FORETOLD = 0.5
"""Part of a change of the residuals that the derivatives may have missed to be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class _Slopes:
    """Derivatives at a point, and how often they may still be brought up to date."""

    t: Array
    residuals: Array
    jacobian: Array
    updates: int

    def moved(self, t: Array, residuals: Array) -> _Slopes | None:
        """Return them at another point, or None where they do not hold that far."""
        step, change = t - self.t, residuals - self.residuals
        missed = change - self.jacobian @ step
        if not self.updates or missed @ missed >= _FORETOLD**2 * (change @ change):
            return None
        better = self.jacobian + np.outer(missed, step) / (step @ step)
        return _Slopes(t.copy(), residuals, better, self.updates - 1)


class Scaled:
    """Residuals as a function of the parameters in units of their range; counts and remembers.

    Parameters
    ----------
    problem : Problem
    watch : callable
        Called with a stage and its part that is done after each evaluation; what it raises ends
        the search.

    Attributes
    ----------
    count : int
        How often the model was computed.
    part : float
        Part of the search that is done.
    best : tuple or None
        The lowest sum of squares so far, and where.
    """

    def __init__(self, problem: Problem, watch: Watch) -> None:
        self.problem, self.watch = problem, watch
        self.part = 0.0
        ends = np.array([prior.range for prior in problem.priors.values()])
        self.low, self.width = ends[:, 0], ends[:, 1] - ends[:, 0]
        self.count = 0
        self.best: tuple[float, Array] | None = None
        self._last: tuple[Array, Array] | None = None
        self._slopes: _Slopes | None = None

    def __call__(self, t: Array) -> Array:
        """Return the residuals at a point [k] of the unit cube."""
        residuals = self._computed(t)
        self._last = t.copy(), residuals
        return residuals

    def _computed(self, t: Array) -> Array:
        self.count += 1
        residuals = np.clip(self.problem.residuals(self.x(t)), -_LARGEST, _LARGEST)
        cost = float(residuals @ residuals)
        if self.best is None or cost < self.best[0]:
            self.best = (cost, t.copy())
        self.watch("optimum", self.part)
        return residuals

    def x(self, t: Array) -> Array:
        """Return the parameters at a point of the unit cube."""
        return np.asarray(self.low + self.width * t)

    def jacobian(self, t: Array) -> Array:
        """Return the derivatives for a walk: computed, or brought up to date.

        Between two computations they follow Broyden (1965): the least change that explains the
        step just made. That costs no evaluation, where computing them costs one per parameter.
        """
        known = self._last is not None and np.array_equal(self._last[0], t)
        here = self._last[1] if known and self._last is not None else self(t)
        slopes = None if self._slopes is None else self._slopes.moved(t, here)
        if slopes is None:
            slopes = _Slopes(t.copy(), here, self._forward(t, here), _UPDATES)
        self._slopes = slopes
        return slopes.jacobian

    def forget(self) -> None:
        """Begin another walk: the derivatives of the last one say nothing of it."""
        self._slopes = None

    def _forward(self, t: Array, here: Array) -> Array:
        """Return derivatives by steps towards the middle of the range."""
        columns = []
        for index in range(len(t)):
            step = _STEP if t[index] < 0.5 else -_STEP
            moved = t.copy()
            moved[index] += step
            columns.append((self._computed(moved) - here) / step)
        return np.stack(columns, axis=1)

    def central(self, t: Array, free: NDArray[np.int_]) -> Array:
        """Return derivatives by steps to both sides, for some of the parameters."""
        columns = []
        for index in free:
            up, down = t.copy(), t.copy()
            up[index] += _STEP
            down[index] -= _STEP
            columns.append((self._computed(up) - self._computed(down)) / (2.0 * _STEP))
        return np.stack(columns, axis=1)
