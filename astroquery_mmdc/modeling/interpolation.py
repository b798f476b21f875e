"""Interpolation of spectra in log-log that never makes up flux where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve"]

Array = NDArray[np.float64]

_TINY = 1e-290
_BEND = 1.0
"""Largest second difference of ln F for a curve; where a spectrum breaks off, a line is safer."""
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
    ln F). Where a spectrum breaks off on one side, or there is no node, it is the parabola through
    the other three; where it bends too much on both sides, the straight line. Outside the nodes,
    beside a node that is 0, and inside a gap it is 0.

    Examples
    --------
    >>> curve = Curve(np.log([1.0, 10.0, 100.0]), np.array([1.0, 10.0, 100.0]))
    >>> curve(np.log([0.5, 5.0, 200.0])).round(12).tolist()
    [0.0, 5.0, 0.0]
    """

    __slots__ = ("_line", "_log_f", "_log_x", "_weights")

    def __init__(self, log_x: Array, values: Array) -> None:
        self._log_x = np.asarray(log_x, dtype=float)
        values = np.asarray(values, dtype=float)
        self._log_f = np.log(np.maximum(values, _TINY))
        steps = np.diff(self._log_x)
        usual = np.median(steps) if len(steps) else 0.0
        self._line = (values[:-1] > _TINY) & (values[1:] > _TINY) & (steps <= _GAP * usual)
        self._weights = self._bows(steps)

    def _bows(self, steps: Array) -> Array:
        """Return for each interval what a curve adds to the line.

        With t from 0 to 1 inside the interval, ln F = line + t (1 - t) (a + b t).
        """
        n = len(steps)
        weights = np.zeros((2, n))
        if n < 2:
            return weights
        h = steps
        slope = np.diff(self._log_f) / h
        second = np.diff(slope) / (h[:-1] + h[1:])  # divided differences of three nodes
        smooth = self._line[:-1] & self._line[1:]
        smooth &= 2 * np.abs(second) * h[1:] * h[:-1] < _BEND
        left, right = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        left[1:], right[:-1] = smooth, smooth
        about_left, about_right = np.zeros(n), np.zeros(n)
        about_left[1:], about_right[:-1] = second, second
        # Newton's form over the nodes 1, 2 (the interval), 0, 3, written in t.
        before, after = np.zeros(n), np.zeros(n)
        before[1:], after[:-1] = h[:-1], h[1:]
        both = left & right
        third = np.where(both, (about_right - about_left) / (before + h + after), 0.0)
        parabola = np.where(left, about_left, np.where(right, about_right, 0.0))
        weights[0] = -(h**2) * (parabola + third * before)
        weights[1] = -(h**3) * third
        return weights

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
