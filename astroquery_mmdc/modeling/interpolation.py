"""Interpolation of spectra in log-log that never makes up flux where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve"]

Array = NDArray[np.float64]

_TINY = 1e-290
_BEND = 1.0
"""Largest second difference of ln F for a cubic; where a spectrum breaks off, a line is safer."""
_GAP = 3.0
"""A gap is a step this many times longer than the usual one."""


class Curve:
    """A spectrum between its nodes.

    Parameters
    ----------
    log_x : ndarray
        Natural logarithm of the nodes, increasing.
    values : ndarray
        Not negative; 0 where there is nothing.

    Notes
    -----
    Between two nodes the cubic through the four nearest ones is used (Lagrange, in ln x and
    ln F). Where it would bend too much, a node is 0 or there are no four, it is the straight
    line. Outside the nodes, beside a node that is 0, and inside a gap it is 0.

    Examples
    --------
    >>> curve = Curve(np.log([1.0, 10.0, 100.0]), np.array([1.0, 10.0, 100.0]))
    >>> curve(np.log([0.5, 5.0, 200.0])).round(12).tolist()
    [0.0, 5.0, 0.0]
    """

    __slots__ = ("_cubic", "_line", "_log_f", "_log_x", "_weights")

    def __init__(self, log_x: Array, values: Array) -> None:
        self._log_x = np.asarray(log_x, dtype=float)
        values = np.asarray(values, dtype=float)
        self._log_f = np.log(np.maximum(values, _TINY))
        steps = np.diff(self._log_x)
        usual = np.median(steps) if len(steps) else 0.0
        self._line = (values[:-1] > _TINY) & (values[1:] > _TINY) & (steps <= _GAP * usual)
        self._cubic, self._weights = self._cubics(steps)

    def _cubics(self, steps: Array) -> tuple[NDArray[np.bool_], Array]:
        """Return for each interval whether a cubic serves, and what it adds to the line.

        With t from 0 to 1 inside the interval, ln F = line + t (1 - t) (a + b t).
        """
        n = len(steps)
        serves, weights = np.zeros(n, dtype=bool), np.zeros((2, n))
        if n < 3:
            return serves, weights
        f, h = self._log_f, steps
        slope = np.diff(f) / h
        second = np.diff(slope) / (h[:-1] + h[1:])  # divided differences of three nodes
        third = np.diff(second) / (h[:-2] + h[1:-1] + h[2:])
        inner = h[1:-1]
        bend = 2 * np.abs(second) * h[1:] * h[:-1]
        inside = self._line[:-2] & self._line[1:-1] & self._line[2:]
        serves[1:-1] = inside & (bend[:-1] < _BEND) & (bend[1:] < _BEND)
        # Newton's form over the nodes 1, 2 (the interval), 0, 3, written in t.
        weights[0, 1:-1] = -(inner**2) * (second[:-1] + third * h[:-2])
        weights[1, 1:-1] = -(inner**3) * third
        weights[:, ~serves] = 0.0
        return serves, weights

    def __call__(self, log_x: Array) -> Array:
        """Return the values at natural logarithms of x, of any shape and order."""
        nodes, log_f = self._log_x, self._log_f
        if len(nodes) < 2:
            return np.zeros(np.shape(log_x))
        right = np.searchsorted(nodes, log_x, side="right")
        index = np.clip(right - 1, 0, len(nodes) - 2)
        low = nodes[index]
        t = (log_x - low) / (nodes[index + 1] - low)
        first = log_f[index]
        bow = (1 - t) * (self._weights[0][index] + self._weights[1][index] * t)
        log_value = first + t * (log_f[index + 1] - first + bow)
        # Nodes and input are logarithms of the same numbers, up to rounding.
        inside = (t >= -1e-9) & (t <= 1 + 1e-9) & self._line[index]
        return np.where(inside, np.exp(np.where(inside, log_value, 0.0)), 0.0)
