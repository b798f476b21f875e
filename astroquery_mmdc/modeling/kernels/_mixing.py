"""Anderson's mixing: a fixed-point iteration that learns from its last steps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mixer", "warn_unsettled"]

Array = NDArray[np.float64]


@dataclass(slots=True)
class Mixer:
    """Proposes the next point of the iteration x -> g(x).

    Parameters
    ----------
    depth : int
        Number of past steps that take part.
    """

    depth: int = 4
    _points: list[Array] = field(default_factory=list)
    _steps: list[Array] = field(default_factory=list)

    def propose(self, point: Array, step: Array, weight: Array) -> Array:
        """Return the next point.

        Parameters
        ----------
        point : ndarray
            Where the map was evaluated.
        step : ndarray
            g(point) - point.
        weight : ndarray
            How much each entry matters for the residual.

        Notes
        -----
        The combination of past steps with the least residual is found by least squares. A loop in
        which cooling makes its own photons swings with a gain near -1, hence the half step first.
        """
        points, steps = self._points, self._steps
        points.append(point)
        steps.append(step)
        if len(points) > self.depth:
            del points[0], steps[0]
        if len(points) == 1:
            return point + _bounded(0.5 * step if np.max(np.abs(weight * step)) > 0.3 else step)
        moves = np.diff(np.array(points), axis=0)
        changes = np.diff(np.array(steps), axis=0)
        seen = changes * weight
        matrix = seen @ seen.T
        # A trace of the diagonal keeps nearly equal steps from making the system singular.
        matrix[np.diag_indices_from(matrix)] *= 1.0 + 1e-9
        matrix[np.diag_indices_from(matrix)] += 1e-300
        share = np.linalg.solve(matrix, seen @ (weight * step))
        return point + _bounded(step - share @ (moves + changes))

    def forget(self) -> None:
        """Drop what was learnt, because the map has changed."""
        self._points.clear()
        self._steps.clear()


def _bounded(step: Array) -> Array:
    """Return the step, no longer than a factor of thirty in any entry."""
    return np.clip(step, -3.4, 3.4)


def warn_unsettled(residual: float, steps: int) -> None:
    """Tell how far an iteration was from its end when it reached its bound."""
    from astroquery_mmdc.exceptions import IncompleteResultWarning

    msg = (
        f"particles and their radiation still change by {residual:.2g} after {steps} "
        "iterations; raise max_iterations or the tolerance"
    )
    warnings.warn(msg, IncompleteResultWarning, stacklevel=5)
