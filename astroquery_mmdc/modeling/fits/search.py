"""The work of a fit: the optima, and the posterior where it is wanted."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.optimiser import Optimum, optimise
from astroquery_mmdc.modeling.fits.progress import Progress, Step
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Checkpoint, fingerprint
from astroquery_mmdc.modeling.fits.samplers.importance import adapted
from astroquery_mmdc.modeling.fits.samplers.mcmc import walked
from astroquery_mmdc.modeling.fits.samplers.nested import is_installed, nested
from astroquery_mmdc.modeling.fits.samplers.posterior import Posterior
from astroquery_mmdc.modeling.fits.samplers.task import MAX_EVALUATIONS, Task
from astroquery_mmdc.modeling.fits.workers import Evaluator, usable_cores
from astroquery_mmdc.modeling.parameters import check_model_type

__all__ = ["METHODS", "Method", "Search", "search", "usual_method"]

Method = Literal["least-squares", "importance", "nested", "emcee"]
METHODS = ("least-squares", "importance", "nested", "emcee")
"""How a fit can be made; all but the first give a posterior, the middle two an evidence."""

_FEWEST = 10_000
"""Evaluations with which every sampler gets beyond its first steps."""


def usual_method(model_type: str) -> Method:
    """Return how a fit is made where nobody says: a posterior, but of hadronic models the optimum.

    A hadronic model takes some twenty times as long as others: its optimum is a matter of half a
    minute, its posterior one of many minutes, for which one should have asked.

    Examples
    --------
    >>> usual_method("SSC"), usual_method("HADRONIC")
    ('importance', 'least-squares')
    """
    return "least-squares" if check_model_type(model_type) == "HADRONIC" else "importance"


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What was found.

    Parameters
    ----------
    optima : sequence of Optimum
        Best first.
    posterior : Posterior or None
    method : str
        What was run in the end.
    seed, evaluations : int
    timings : mapping of str to float
        Seconds of each stage.
    is_complete : bool
        False where it was interrupted.
    """

    optima: Sequence[Optimum]
    posterior: Posterior | None
    method: Method
    seed: int
    evaluations: int
    timings: Mapping[str, float]
    is_complete: bool


def search(
    problem: Any,
    *,
    method: Method = "least-squares",
    n_effective: float = 2000,
    max_evaluations: int = MAX_EVALUATIONS,
    seed: int = 1,
    processes: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[Step], Any] | None = None,
    start: Any = None,
) -> Search:
    """Find the optima of a problem, and its posterior; keywords as those of `fit`."""
    _check(problem, method, n_effective, seed)
    _check_evaluations(max_evaluations)
    wants_posterior = method != "least-squares"
    mark = fingerprint(problem, method=method, n_effective=n_effective, seed=int(seed))
    memory = Checkpoint(checkpoint, mark)
    # A file of another fit is an error now and not after the work.
    memory.load()
    count = usable_cores() if processes is None else processes
    watch, timings = Progress(progress), {}
    with Evaluator(problem, count if wants_posterior else 1) as evaluate:
        began = time.perf_counter()
        optima, n_optimum, is_complete = _optima(problem, int(seed), start, watch, wants_posterior)
        timings["optimum"] = time.perf_counter() - began
        found, used = None, method
        if wants_posterior and is_complete:
            began = time.perf_counter()
            task = Task(problem, evaluate, int(seed), n_effective, memory, watch, max_evaluations)
            found, used = _posterior(task, optima, method)
            timings["posterior"] = time.perf_counter() - began
            is_complete = found.is_complete
        watch.close()
    evaluations = n_optimum + evaluate.count
    return Search(optima, found, used, int(seed), evaluations, timings, is_complete)


def _optima(
    problem: Any, seed: int, start: Any, watch: Progress, thorough: bool
) -> tuple[list[Optimum], int, bool]:
    with warnings.catch_warnings():
        # Of corners of the prior where a source does not settle, the data know better.
        warnings.simplefilter("ignore", IncompleteResultWarning)
        return optimise(problem, seed, start=start, watch=watch, thorough=thorough)


def _posterior(task: Task, optima: Sequence[Optimum], method: Method) -> tuple[Posterior, Method]:
    """Return the posterior, and the method that it is of in the end."""
    if method == "nested":
        return nested(task), method
    if method == "emcee":
        return walked(task, optima), method
    # Half of the evaluations, where there is another sampler to do better with the rest.
    limit = task.max_evaluations
    found = adapted(replace(task, max_evaluations=limit // 2) if is_installed() else task, optima)
    if not found.trouble or not is_installed():
        return found, method
    warnings.warn(
        f"method: importance sampling does not do for this posterior ({found.trouble}); "
        "nested sampling takes over",
        InputWarning,
        stacklevel=5,
    )
    # The checkpoint holds the points of the other sampler.
    rest = max(limit - found.diagnostics["calls"], _FEWEST // 2)
    other = nested(replace(task, checkpoint=Checkpoint(None, ""), max_evaluations=rest))
    return _better(found, method, other)


def _better(found: Posterior, method: Method, other: Posterior) -> tuple[Posterior, Method]:
    """Return what nested sampling found, unless it ended early with less than there was before."""
    if other.is_complete or other.n_effective >= found.n_effective:
        return other, "nested"
    trouble = f"{found.trouble}; nested sampling, stopped after {other.diagnostics['calls']} models"
    trouble += ", was worth less (max_evaluations allows more)"
    return replace(found, is_complete=False, trouble=trouble), method


def _check(problem: Any, method: str, n_effective: float, seed: Any) -> None:
    if method not in METHODS:
        msg = f"method: {method!r} is unknown; use one of {', '.join(METHODS)}"
        raise InvalidRequestError(msg, parameter="method")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        msg = f"seed: {seed!r} is no seed; use a whole number from 0 on"
        raise InvalidRequestError(msg, parameter="seed")
    if not 10 <= n_effective <= 1e6:
        msg = f"n_effective: {n_effective!r} is outside 10 to 1e6 samples"
        raise InvalidRequestError(msg, parameter="n_effective")
    count, free = problem.n_detections, len(problem.priors)
    if count < free:
        msg = (
            f"sed: {count} detections for {free} free parameters ({', '.join(problem.priors)}); "
            "fix some of them (fixed=...), or add data"
        )
        raise InvalidRequestError(msg, parameter="sed")


def _check_evaluations(given: Any) -> None:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < _FEWEST:
        msg = f"max_evaluations: {given!r} is too few or no number; use {_FEWEST} or more"
        raise InvalidRequestError(msg, parameter="max_evaluations")
