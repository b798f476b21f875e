"""Interpolation on the grid of the kernels, compiled: it is called in every step of a fit."""

from __future__ import annotations

import math

import numpy as np

from astroquery_mmdc.modeling.kernels._compiled import compiled

__all__ = ["between"]


@compiled
def between(log_x, first, step, values):  # type: ignore[no-untyped-def]
    """Return a spectrum between the nodes of an even grid, by the rules of `Curve`.

    Parameters
    ----------
    log_x : ndarray
        Natural logarithms, of one dimension.
    first, step : float
        Natural logarithm of the first node, and the step.
    values : ndarray
        Not negative.
    """
    tiny = 1e-290
    out = np.zeros(len(log_x))
    last = len(values) - 1
    for i in range(len(log_x)):
        place = (log_x[i] - first) / step
        if not -1e-9 <= place <= last + 1e-9:
            continue
        k = min(max(math.floor(place), 0), last - 1)
        if values[k] <= tiny or values[k + 1] <= tiny:
            continue
        t = place - k
        low, high = math.log(values[k]), math.log(values[k + 1])
        value = low + t * (high - low)
        # Second differences of ln F about both ends of the interval.
        left, right = math.inf, math.inf
        if k > 0 and values[k - 1] > tiny:
            left = high - 2.0 * low + math.log(values[k - 1])
        if k < last - 1 and values[k + 2] > tiny:
            right = math.log(values[k + 2]) - 2.0 * high + low
        # Beyond an edge nothing is learned about this side of it.
        if abs(left) >= 1.0:
            left = right
        elif abs(right) >= 1.0:
            right = left
        if abs(left) < 1.0:
            value -= t * (1.0 - t) * (0.5 * left + (right - left) * (1.0 + t) / 6.0)
        out[i] = math.exp(value)
    return out
