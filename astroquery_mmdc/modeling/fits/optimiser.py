"""The optimum of a fit, by bounded least squares from many starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.problem import Problem

__all__ = ["Optimum", "optimise", "separate"]

Array = NDArray[np.float64]
Watch = Callable[[str, float], None]

_SCREENED = 96
"""Points of the prior among which the starts are chosen; fewer of few parameters."""
_STARTS, _STEPS = 8, 40
_QUICK = ((_STARTS, 6), (3, 10), (1, _STEPS))
"""How many of the starts go on, and for how many steps."""
_THOROUGH = ((_STARTS, 8), (4, _STEPS))
_POOR = 2.0
"""Cost per degree of freedom above which a quick search was perhaps too quick."""
_WORSE = 60.0
"""Optima that are worse than the best by more do not matter to any posterior."""
_STEP = 1e-3
"""Step of the derivatives, as part of the prior's range; the models are smooth on this scale."""
_LARGEST = 300.0
"""Residuals that count: beyond, a point says no more than that it is far off."""
_BOUND = 1e-3
_APART = 1.0
"""Distance of two optima, in errors, up to which they are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """A maximum of the posterior density.

    Parameters
    ----------
    x : ndarray
        The free parameters.
    cost : float
        Sum of the squared residuals: -2 ln(likelihood x prior), but for a constant.
    covariance : ndarray
        Of the free parameters; NaN where the data do not constrain.
    at_bound : tuple of bool
        Which parameters ended at an end of their prior.
    """

    x: Array
    cost: float
    covariance: Array
    at_bound: tuple[bool, ...]


class _Scaled:
    """Residuals as a function of the parameters in units of their range; counts and remembers."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        ends = np.array([prior.range for prior in problem.priors.values()])
        self.low, self.width = ends[:, 0], ends[:, 1] - ends[:, 0]
        self.count = 0
        self.best: tuple[float, Array] | None = None

    def __call__(self, t: Array) -> Array:
        self.count += 1
        residuals = np.clip(self.problem.residuals(self.x(t)), -_LARGEST, _LARGEST)
        cost = float(residuals @ residuals)
        if self.best is None or cost < self.best[0]:
            self.best = (cost, t.copy())
        return residuals

    def x(self, t: Array) -> Array:
        return np.asarray(self.low + self.width * t)

    def jacobian(self, t: Array) -> Array:
        """Return the derivatives by steps towards the middle of the range."""
        here = self(t)
        columns = []
        for index in range(len(t)):
            step = _STEP if t[index] < 0.5 else -_STEP
            moved = t.copy()
            moved[index] += step
            columns.append((self(moved) - here) / step)
        return np.stack(columns, axis=1)


def optimise(
    problem: Problem,
    seed: int,
    *,
    start: Array | None = None,
    watch: Watch | None = None,
    thorough: bool = False,
) -> tuple[list[Optimum], int, bool]:
    """Return the distinct optima, best first, the evaluations, and whether the search ended.

    Parameters
    ----------
    problem : Problem
    seed : int
        Of the starts.
    start : ndarray, optional
        A start of your own, besides those of the prior.
    watch : callable, optional
        Called with a stage and the part of the work that is done.
    thorough : bool, optional
        Follow more of the starts to their end, to learn of further optima.

    Notes
    -----
    A Latin hypercube of the prior is screened; from the best ones trust-region least
    squares (Branch, Coleman & Li 1999, as in scipy) walks a few steps each, and those that got
    lowest walk on. Gaussian priors count as further residuals: the optimum is the maximum of the
    posterior density, which is that of the likelihood where priors are uniform.

    An interrupt ends the search; what was found so far is returned, if anything was.
    """
    scaled = _Scaled(problem)
    watch = watch or (lambda stage, part: None)
    points: list[tuple[float, Array]] = []
    try:
        points = _search(scaled, seed, start, watch, thorough)
    except KeyboardInterrupt:
        if scaled.best is None:
            raise
        points = [*points, scaled.best]
        return [_at(scaled, t) for t in _distinct(points)[:1]], scaled.count, False
    return separate([_at(scaled, t) for t in _distinct(points)]), scaled.count, True


def _search(
    scaled: _Scaled, seed: int, start: Array | None, watch: Watch, thorough: bool
) -> list[tuple[float, Array]]:
    points = _screened(scaled, seed, start)
    rounds = _THOROUGH if thorough else _QUICK
    walks, total = 0, sum(keep for keep, _ in rounds)
    for keep, steps in rounds:
        walked = []
        for _, t in points[:keep]:
            walked.append(_walk(scaled, t, steps))
            walks += 1
            watch("optimum", min(1.0, walks / total))
        points = sorted(walked + points[keep:_STARTS], key=lambda point: point[0])
    degrees = max(scaled.problem.n_points - len(scaled.low), 1)
    for _, t in points[1:] if not thorough else []:
        # A fit as poor as this may sit in a side valley: the other starts get their turn.
        if points[0][0] < _POOR * degrees:
            break
        points = sorted([*points, _walk(scaled, t, _STEPS)], key=lambda point: point[0])
    ended = rounds[-1][0]
    return [point for point in points[:ended] if point[0] < points[0][0] + _WORSE]


def _screened(scaled: _Scaled, seed: int, start: Array | None) -> list[tuple[float, Array]]:
    n_free = len(scaled.low)
    count = min(_SCREENED, 16 * n_free)
    rng = np.random.default_rng([seed, 1])
    # A Latin hypercube: every slice of the range of every parameter is tried.
    slices = rng.permuted(np.tile(np.arange(count), (n_free, 1)), axis=1).T
    drawn = scaled.problem.from_cube((slices + rng.random((count, n_free))) / count)
    drawn = (drawn - scaled.low) / scaled.width
    found = [(float(np.sum(scaled(t) ** 2)), t) for t in np.clip(drawn, 0.0, 1.0)]
    found.sort(key=lambda point: point[0])
    if start is not None:
        t = np.clip((start - scaled.low) / scaled.width, 1e-6, 1.0 - 1e-6)
        found.insert(0, (float(np.sum(scaled(t) ** 2)), t))
    return found


def _walk(scaled: _Scaled, t: Array, steps: int) -> tuple[float, Array]:
    from scipy.optimize import least_squares

    found = least_squares(
        scaled,
        np.clip(t, 1e-6, 1.0 - 1e-6),
        jac=scaled.jacobian,
        bounds=(0.0, 1.0),
        max_nfev=steps,
        xtol=1e-5,
        ftol=1e-5,
        gtol=1e-8,
    )
    return 2.0 * float(found.cost), np.asarray(found.x)


def _distinct(points: list[tuple[float, Array]]) -> list[Array]:
    """Leave out points that are the same but for rounding, to save their covariances."""
    kept: list[Array] = []
    for _, t in sorted(points, key=lambda point: point[0]):
        if all(np.max(np.abs(t - other)) > 0.02 for other in kept):
            kept.append(t)
    return kept


def _at(scaled: _Scaled, t: Array) -> Optimum:
    """Return a point with its covariance; parameters at a bound are held for it."""
    at_bound = (t < _BOUND) | (t > 1.0 - _BOUND)
    cost = float(np.sum(scaled(t) ** 2))
    free = np.flatnonzero(~at_bound)
    covariance = np.full((len(t), len(t)), np.nan)
    if len(free):
        inverse = _inverse(_central(scaled, t, free))
        scale = scaled.width[free]
        # A parameter that is known no better than by its prior has no error of the data's.
        unknown = np.diag(inverse) > 1.0 / 12.0
        inverse[unknown] = np.nan
        inverse[:, unknown] = np.nan
        covariance[np.ix_(free, free)] = inverse * np.outer(scale, scale)
    return Optimum(scaled.x(t), cost, covariance, tuple(bool(one) for one in at_bound))


def _central(scaled: _Scaled, t: Array, free: NDArray[np.int_]) -> Array:
    columns = []
    for index in free:
        up, down = t.copy(), t.copy()
        up[index] += _BOUND
        down[index] -= _BOUND
        columns.append((scaled(up) - scaled(down)) / (2.0 * _BOUND))
    return np.stack(columns, axis=1)


def _inverse(jacobian: Array) -> Array:
    """Return (J^T J)^-1; directions without information keep a very large variance."""
    _, size, rows = np.linalg.svd(jacobian, full_matrices=False)
    size = np.maximum(size, 1e-3)
    return np.asarray((rows.T / size**2) @ rows)


def separate(optima: list[Optimum]) -> list[Optimum]:
    """Return the optima that are apart by more than their errors, best first."""
    kept: list[Optimum] = []
    for one in sorted(optima, key=lambda optimum: optimum.cost):
        if not any(_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _same(one: Optimum, other: Optimum) -> bool:
    error = np.sqrt(np.diag(other.covariance))
    known = np.isfinite(error)
    if not known.any():
        return bool(np.allclose(one.x, other.x))
    return bool(np.max(np.abs(one.x - other.x)[known] / error[known]) < _APART)
