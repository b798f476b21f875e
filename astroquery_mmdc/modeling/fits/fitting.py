"""Fit a model to an SED."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.optimiser import Optimum
from astroquery_mmdc.modeling.fits.priors import Link
from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.fits.progress import Step
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.modeling.fits.samplers.posterior import resampled
from astroquery_mmdc.modeling.fits.samplers.task import MAX_EVALUATIONS
from astroquery_mmdc.modeling.fits.search import METHODS, Method, Search, search
from astroquery_mmdc.modeling.fits.setup import Fixed, as_problem, template
from astroquery_mmdc.modeling.fits.state import Fit

__all__ = ["METHODS", "as_likelihood", "caveats", "fit", "solved"]


def fit(
    sed: Any,
    model: Any,
    *,
    z: float | None = None,
    method: Method = "least-squares",
    fixed: Fixed = None,
    links: Mapping[str, Link | str] | None = None,
    priors: Mapping[str, Any] | None = None,
    likelihood: Likelihood | Literal["gaussian", "mmdc"] = "gaussian",
    systematic: float | Literal["free"] | None = None,
    outliers: float | Literal["free"] | None = None,
    offsets: Mapping[str, float] | None = None,
    neutrinos: Any = None,
    n_effective: float = 2000,
    max_evaluations: int = MAX_EVALUATIONS,
    seed: int = 1,
    processes: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[Step], Any] | None = None,
    data: Mapping[str, Any] | None = None,
    **choices: Any,
) -> FitResult:
    """Fit a model to an SED.

    Parameters
    ----------
    sed : SED, Table, path or FitData
        What `astroquery_mmdc.modeling.fits.data.prepare` takes.
    model : Model, type or str
        A model whose numbers hold for what is fixed and are one of the starts; or `SSC`, `EIC`,
        `Hadronic` or one of their names.
    z : float, optional
        Redshift, where the model does not know it; by default that of the SED.
    method : str, optional
        ``"least-squares"``: the optimum and its covariance. ``"importance"``: posterior and
        evidence, from the optima outwards. ``"nested"``: the same from the prior inwards, by
        nautilus. ``"emcee"``: a posterior by walkers.
    fixed : mapping or iterable of str, optional
        Parameters to hold, with their values (the service's names or natural ones with
        Quantities), or names to hold as they are in `model`.
    links : mapping of str to Link or str, optional
        Parameters that follow others, such as ``{"pp": "pe"}``.
    priors : mapping, optional
        Priors or pairs of ends by parameter; by default those of the service's fits.
    likelihood : Likelihood or str, optional
        ``"gaussian"``, or ``"mmdc"`` for the service's formula, which is for comparison only.
    systematic, outliers, offsets, neutrinos
        Fields of `Likelihood`; the systematic error is 0.1 by default.
    n_effective : float, optional
        Independent samples of the posterior to reach.
    max_evaluations : int, optional
        Models after which a posterior ends with the samples that it has, by default 200,000: the
        result is then not complete, and says so. With `checkpoint` and more, it goes on.
    seed : int, optional
        Of every random number: the same fit gives the same result with any number of processes.
    processes : int, optional
        Processes to compute posteriors in; by default all cores, and one for an optimum. In a
        script, more than one needs the usual ``if __name__ == "__main__":``.
    checkpoint : path, optional
        A file to which the posterior's samples are written on the way; the same fit goes on there.
    progress : bool or callable, optional
        True draws a bar; a function is called with each `Step`.
    data : mapping, optional
        Keywords of `prepare`: ``nu_min``, ``catalogs``, ``bin_dex`` and others.
    **choices
        Keywords of the model, where it is not made yet: ``ebl``, ``points_per_decade``, ...

    Returns
    -------
    FitResult

    Raises
    ------
    InvalidRequestError
        Something asked for does not make sense; the message says what does.

    Notes
    -----
    Best values are the maximum of the posterior density: that of the likelihood where priors are
    uniform. Where a cut-off would lie below the lowest energy there is no model: the likelihood is
    0 there, and evidences are those of the whole box.

    Ctrl-C ends the fit; what there is by then is returned, and its warnings say so.
    """
    found, is_start = template(sed, model, z, choices)
    points = prepare(sed, **{"redshift": found.z, **dict(data or {})})
    how = as_likelihood(
        likelihood, systematic=systematic, outliers=outliers, offsets=offsets, neutrinos=neutrinos
    )
    problem = as_problem(found, points, how, fixed=fixed, links=links, priors=priors)
    start = _start(problem) if is_start else None
    state = solved(
        problem,
        method=method,
        n_effective=n_effective,
        max_evaluations=max_evaluations,
        seed=seed,
        processes=processes,
        checkpoint=checkpoint,
        progress=progress,
        start=start,
    )
    return FitResult.from_fit(state)


def as_likelihood(likelihood: Any, **given: Any) -> Likelihood:
    """Return the likelihood for what was asked for."""
    asked = {name: value for name, value in given.items() if value is not None}
    if isinstance(likelihood, Likelihood):
        if asked:
            name = next(iter(asked))
            msg = f"{name}: the likelihood has its own; set it there: Likelihood({name}=...)"
            raise InvalidRequestError(msg, parameter=name)
        return likelihood
    how = Likelihood(kind=likelihood, **asked)
    if how.kind == "mmdc":
        warnings.warn(
            "likelihood: 'mmdc' divides squared residuals by sigma instead of sigma squared and "
            "leaves upper limits out, as the service does: errors, evidences and Bayes factors "
            "that come of it mean nothing; use it to compare with the service only",
            InputWarning,
            stacklevel=3,
        )
    return how


def _start(problem: Problem) -> Any:
    """Return the user's numbers as a start, noise at its usual place."""
    known = problem.model.parameters
    return np.array([known.get(name, prior.peak) for name, prior in problem.priors.items()])


def solved(problem: Problem, *, start: Any = None, **choices: Any) -> Fit:
    """Return the outcome of a fit for a problem that is set up; choices as those of `search`."""
    found = search(problem, start=start, **choices)
    state = _state(problem, found)
    for text in state.warnings:
        warnings.warn(text, IncompleteResultWarning, stacklevel=3)
    return state


def _said_of(problem: Problem, best: Optimum) -> list[str]:
    """Return what the model at the optimum warns of; on the way there nobody wants to know."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        problem.flux(best.x)
    return list(dict.fromkeys(str(one.message) for one in heard))


def _state(problem: Problem, found: Search) -> Fit:
    best, posterior = found.optima[0], found.posterior
    log_like = problem.log_likelihood(best.x)
    samples, likes = (None, None) if posterior is None else resampled(posterior, found.seed)
    at_bound = tuple(n for n, at in zip(problem.priors, best.at_bound, strict=True) if at)
    return Fit(
        model=problem.model_at(best.x),
        data=problem.data,
        likelihood=problem.likelihood,
        priors=dict(problem.priors),
        best={name: float(v) for name, v in zip(problem.priors, best.x, strict=True)},
        log_likelihood=log_like if math.isfinite(log_like) else -math.inf,
        method=found.method,
        seed=found.seed,
        evaluations=found.evaluations,
        fixed=problem.fixed,
        links=dict(problem.links),
        covariance=best.covariance,
        at_bound=at_bound,
        samples=samples,
        sample_log_likelihood=likes,
        log_evidence=None if posterior is None else posterior.log_evidence,
        log_evidence_err=None if posterior is None else posterior.log_evidence_err,
        n_effective=None if posterior is None else posterior.n_effective,
        timings=found.timings,
        diagnostics={} if posterior is None else posterior.diagnostics,
        warnings=(*_said_of(problem, best), *caveats(found, at_bound)),
        is_complete=found.is_complete,
    )


def caveats(found: Search, at_bound: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the reader of a result should know."""
    said = []
    if at_bound:
        said.append(f"the optimum lies at an end of the prior of {', '.join(at_bound)}")
    if found.posterior is not None and found.posterior.trouble:
        said.append(f"the posterior cannot be trusted: {found.posterior.trouble}")
    elif not found.is_complete:
        said.append("the fit was interrupted: this is what there was")
    return tuple(said)
