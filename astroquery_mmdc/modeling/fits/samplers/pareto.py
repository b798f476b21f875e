"""Whether importance weights can be trusted."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["effective_size", "pareto_k"]

Array = NDArray[np.float64]


def effective_size(log_weights: Array) -> float:
    """Return (sum w)^2 / sum w^2.

    Examples
    --------
    >>> effective_size(np.zeros(10))
    10.0
    """
    top = np.max(log_weights)
    if not math.isfinite(top):
        return 0.0
    weights = np.exp(log_weights - top)
    return float(np.sum(weights) ** 2 / np.sum(weights**2))


def pareto_k(log_weights: Array) -> float:
    """Return the shape k of the generalised Pareto distribution of the largest weights.

    Parameters
    ----------
    log_weights : ndarray
        Natural logarithms of the weights, of any norm.

    Returns
    -------
    float
        Below 0.5 the weights have a variance; above 0.7 their means cannot be trusted.

    Notes
    -----
    Vehtari et al. (2024, Pareto smoothed importance sampling), with the estimate of Zhang &
    Stephens (2009) and its weak prior k = 0.5 for few points.
    """
    n_all = len(log_weights)
    count = int(min(0.2 * n_all, 3.0 * math.sqrt(n_all)))
    if count < 5:
        return math.inf
    ordered = np.sort(log_weights[np.isfinite(log_weights)])
    if len(ordered) <= count:
        return math.inf
    tail = np.exp(ordered[-count:] - ordered[-1]) - math.exp(ordered[-count - 1] - ordered[-1])
    return _shape(tail)


def _shape(tail: Array) -> float:
    count = len(tail)
    largest, quartile = tail[-1], tail[max(int(count / 4 + 0.5) - 1, 0)]
    if largest <= 0.0 or quartile <= 0.0:
        return -math.inf
    size = 30 + int(math.sqrt(count))
    steps = 1.0 - np.sqrt(size / (np.arange(1, size + 1) - 0.5))
    trial = 1.0 / largest + steps / (3.0 * quartile)
    shape = np.mean(np.log1p(-trial[:, None] * tail), axis=1)
    log_like = count * (np.log(-trial / shape) - shape - 1.0)
    weight = np.exp(log_like - np.logaddexp.reduce(log_like))
    best = float(np.sum(trial * weight))
    found = float(np.mean(np.log1p(-best * tail)))
    return (count * found + 10.0 * 0.5) / (count + 10.0)
