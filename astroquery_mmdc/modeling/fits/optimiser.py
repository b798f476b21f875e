"""The optimum of a fit, by bounded least squares from many starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.fits.scaled import Scaled, Watch

__all__ = ["Optimum", "optimise", "separate"]

Array = NDArray[np.float64]

_SCREENED = 96
"""Points of the prior among which the starts are chosen; fewer of few parameters."""
_FEW, _STARTS, _MORE = 7, 8, 12
"""Starts: eight for up to so many parameters, twelve for more."""
_STEPS = 40
_QUICK = ((_MORE, 3), (4, 4), (2, 10), (1, _STEPS))
"""How many of the starts go on at most, and for how many steps."""
_THOROUGH = ((_MORE, 8), (4, _STEPS))
_POOR = 2.0
"""Cost per degree of freedom above which a quick search was perhaps too quick."""
_WORSE = 60.0
"""Optima that are worse than the best by more do not matter to any posterior."""
_BOUND = 1e-3
_AGAIN, _SAME = 3, 0.1
"""Walks that end with the best cost, to within so much, until it counts as the lowest."""
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
    scaled = Scaled(problem, watch or _unwatched)
    points: list[tuple[float, Array]] = []
    try:
        points = _search(scaled, seed, start, thorough)
    except KeyboardInterrupt:
        if scaled.best is None:
            raise
        scaled.watch = _unwatched
        points = [*points, scaled.best]
        return [_at(scaled, t) for t in _distinct(points)[:1]], scaled.count, False
    return separate([_at(scaled, t) for t in _distinct(points)]), scaled.count, True


def _unwatched(stage: str, part: float) -> None:
    """Take no notice."""


def _search(
    scaled: Scaled, seed: int, start: Array | None, thorough: bool
) -> list[tuple[float, Array]]:
    points = _screened(scaled, seed, start)[: _STARTS if len(scaled.low) <= _FEW else _MORE]
    rounds = _THOROUGH if thorough else _QUICK
    walks, total = 0, sum(min(keep, len(points)) for keep, _ in rounds)
    for keep, steps in rounds:
        walked = []
        for _, t in points[:keep]:
            walked.append(_walk(scaled, t, steps))
            walks += 1
            scaled.part = walks / total
        points = sorted(walked + points[keep:], key=lambda point: point[0])
    degrees = max(scaled.problem.n_points - len(scaled.low), 1)
    for _, t in points[1:] if not thorough else []:
        # A fit as poor as this may sit in a side valley: the other starts get their turn.
        if points[0][0] < _POOR * degrees or _is_confirmed(points):
            break
        points = sorted([*points, _walk(scaled, t, _STEPS)], key=lambda point: point[0])
    ended = rounds[-1][0]
    return [point for point in points[:ended] if point[0] < points[0][0] + _WORSE]


def _is_confirmed(points: list[tuple[float, Array]]) -> bool:
    """Whether several walks from different starts ended as low as the best."""
    return sum(cost < points[0][0] + _SAME for cost, _ in points) >= _AGAIN


def _screened(scaled: Scaled, seed: int, start: Array | None) -> list[tuple[float, Array]]:
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


def _walk(scaled: Scaled, t: Array, steps: int) -> tuple[float, Array]:
    from scipy.optimize import least_squares

    scaled.forget()
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


def _at(scaled: Scaled, t: Array) -> Optimum:
    """Return a point with its covariance; parameters at a bound are held for it."""
    at_bound = (t < _BOUND) | (t > 1.0 - _BOUND)
    cost = float(np.sum(scaled(t) ** 2))
    free = np.flatnonzero(~at_bound)
    covariance = np.full((len(t), len(t)), np.nan)
    if len(free):
        inverse = _inverse(scaled.central(t, free))
        scale = scaled.width[free]
        # A parameter that is known no better than by its prior has no error of the data's.
        unknown = np.diag(inverse) > 1.0 / 12.0
        inverse[unknown] = np.nan
        inverse[:, unknown] = np.nan
        covariance[np.ix_(free, free)] = inverse * np.outer(scale, scale)
    return Optimum(scaled.x(t), cost, covariance, tuple(bool(one) for one in at_bound))


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
