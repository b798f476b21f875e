"""Samples of a posterior, whatever drew them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Posterior", "resampled"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Weighted samples of a posterior.

    Parameters
    ----------
    x : ndarray
        Free parameters [n, k].
    log_likelihood, log_weight : ndarray
        Of each sample [n].
    n_effective : float
        Independent samples that they are worth.
    log_evidence, log_evidence_err : float or None
        ln Z and its error.
    is_complete : bool
        False where it was interrupted.
    trouble : str
        Why the samples cannot be trusted; empty where they can.
    diagnostics : mapping
        What the sampler says of itself.
    """

    x: Array
    log_likelihood: Array
    log_weight: Array
    n_effective: float
    log_evidence: float | None = None
    log_evidence_err: float | None = None
    is_complete: bool = True
    trouble: str = ""
    diagnostics: Mapping[str, Any] = field(default_factory=dict)


def resampled(posterior: Posterior, seed: int) -> tuple[Array, Array]:
    """Return equally weighted samples [n, k] and their log-likelihoods [n].

    There are as many as the weighted ones are worth; they are drawn systematically, which adds
    the least noise, and shuffled.
    """
    count = max(int(posterior.n_effective), 1)
    weights = np.exp(posterior.log_weight - np.max(posterior.log_weight))
    sums = np.cumsum(weights) / np.sum(weights)
    rng = np.random.default_rng([seed, 4])
    rows = np.searchsorted(sums, (np.arange(count) + rng.random()) / count, side="right")
    rows = rng.permutation(np.minimum(rows, len(weights) - 1))
    return posterior.x[rows], posterior.log_likelihood[rows]
