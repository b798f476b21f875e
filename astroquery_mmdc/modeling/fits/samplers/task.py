"""What a sampler is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Checkpoint

__all__ = ["MAX_EVALUATIONS", "Array", "ExhaustedError", "Task"]

Array = NDArray[np.float64]

MAX_EVALUATIONS = 200_000
"""Evaluations after which a sampler ends with what it has, unless told otherwise."""


class ExhaustedError(Exception):
    """A sampler has used up its evaluations; it never leaves the sampler."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A posterior to sample.

    Parameters
    ----------
    problem : Problem
        Its priors and coordinates.
    evaluate : callable
        Log-likelihoods of points [n, k]; perhaps in other processes.
    seed : int
        Of every random number.
    n_effective : float
        Wanted effective samples.
    checkpoint : Checkpoint
        Where what was computed is kept.
    watch : callable
        Called with a stage and its part that is done.
    max_evaluations : int, optional
        After which the sampler ends with what it has; the last batch may exceed them.
    """

    problem: Problem
    evaluate: Callable[[Array], Array]
    seed: int
    n_effective: float
    checkpoint: Checkpoint
    watch: Callable[[str, float], None]
    max_evaluations: int = MAX_EVALUATIONS

    def exhaustion(self, have: float) -> str:
        """Return what to say of so many effective samples where the evaluations were used up."""
        return (
            f"its evaluations were used up at {have:.0f} of {self.n_effective:.0f} effective "
            "samples; allow more with max_evaluations, or fix parameters"
        )

    def shortage(self, have: float) -> str:
        """Return what to say of so many effective samples; nothing where they are enough."""
        if have >= 0.9 * self.n_effective:
            return ""
        return f"only {have:.0f} of {self.n_effective:.0f} effective samples were reached"
