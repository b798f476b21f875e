"""A change of coordinates that straightens bent posteriors and keeps volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Warp"]

Array = NDArray[np.float64]

_REACH = 3.5
"""Deviations up to which a bend is followed; further out it would be made up."""
_RIDGE = 5.0
"""Points' worth of no bend at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Principal axes, each sheared by a quadratic function of the longer ones.

    Parameters
    ----------
    mean : ndarray
        [k].
    axes : ndarray
        [k, k]; rows are unit vectors over their deviation, longest first.
    bends : tuple of ndarray
        Coefficients of the quadratic function for each axis after the first.

    Notes
    -----
    With y = axes (z - mean), u_j = y_j - q_j(y_1 ... y_{j-1}): a triangular map, so that its
    determinant is that of `axes` alone and its inverse goes axis by axis.
    """

    mean: Array
    axes: Array
    bends: tuple[Array, ...]

    @classmethod
    def learnt(cls, z: Array, weights: Array) -> Self:
        """Return the warp of weighted points [n, k]."""
        mean = weights @ z
        away = z - mean
        size = z.shape[1]
        spread, vectors = np.linalg.eigh(away.T @ (away * weights[:, None]))
        spread = np.maximum(spread[::-1], 1e-12)
        axes = (vectors[:, ::-1] / np.sqrt(spread)).T
        y = away @ axes.T
        scaled = weights / np.sum(weights**2)
        bends = []
        for index in range(1, size):
            terms = _terms(y[:, :index])
            normal = terms.T @ (terms * scaled[:, None]) + _RIDGE * np.eye(terms.shape[1])
            bends.append(np.linalg.solve(normal, terms.T @ (scaled * y[:, index])))
        return cls(mean, axes, tuple(bends))

    @property
    def log_volume(self) -> float:
        """Logarithm of the volume in u for that in z."""
        return float(np.linalg.slogdet(self.axes)[1])

    def straight(self, z: Array) -> Array:
        """Return u for points z [n, k]."""
        y = (z - self.mean) @ self.axes.T
        u = y.copy()
        for index, bend in enumerate(self.bends, start=1):
            u[:, index] -= _terms(y[:, :index]) @ bend
        return u

    def bent(self, u: Array) -> Array:
        """Return z for points u [n, k]."""
        y = u.copy()
        for index, bend in enumerate(self.bends, start=1):
            y[:, index] += _terms(y[:, :index]) @ bend
        return np.asarray(self.mean + np.linalg.solve(self.axes, y.T).T)


def _terms(y: Array) -> Array:
    near = np.clip(y, -_REACH, _REACH)
    first, second = np.triu_indices(y.shape[1])
    return np.hstack([np.ones((len(y), 1)), near, near[:, first] * near[:, second]])
