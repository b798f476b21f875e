"""One fit of several epochs that share some parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.fitting import as_likelihood, caveats
from astroquery_mmdc.modeling.fits.priors import Prior
from astroquery_mmdc.modeling.fits.problem import PriorSpace, Problem
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.modeling.fits.samplers.posterior import resampled
from astroquery_mmdc.modeling.fits.search import Search, search
from astroquery_mmdc.modeling.fits.setup import as_problem, template
from astroquery_mmdc.modeling.fits.state import Fit

__all__ = ["JointFit", "JointProblem", "joint_fit"]

Array = NDArray[np.float64]

_SEARCH = (
    "method",
    "n_effective",
    "max_evaluations",
    "seed",
    "processes",
    "checkpoint",
    "progress",
)
_NOISE = ("systematic", "outliers", "offsets", "neutrinos")
_SETUP = ("fixed", "links", "priors")


@dataclass(frozen=True, slots=True, eq=False)
class JointProblem(PriorSpace):
    """Several problems with some parameters in common; it does what a `Problem` does.

    Parameters
    ----------
    parts : mapping of str to Problem
        By epoch.
    shared : tuple of str
        Names of the parameters that are the same in all epochs; the others are called
        ``name[epoch]``.
    """

    parts: Mapping[str, Problem]
    shared: tuple[str, ...]
    priors: Mapping[str, Prior] = field(init=False)
    _columns: Mapping[str, NDArray[np.int_]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        priors: dict[str, Prior] = {}
        names: dict[str, list[str]] = {}
        for epoch, part in self.parts.items():
            names[epoch] = [self._name(epoch, name) for name in part.names]
            priors |= dict(zip(names[epoch], part.priors.values(), strict=True))
        order = {name: index for index, name in enumerate(priors)}
        columns = {epoch: np.array([order[n] for n in own]) for epoch, own in names.items()}
        object.__setattr__(self, "priors", priors)
        object.__setattr__(self, "_columns", columns)

    def _name(self, epoch: str, name: str) -> str:
        return name if name in self.shared else f"{name}[{epoch}]"

    def of(self, epoch: str, x: Array) -> Array:
        """Return the parameters of one epoch among those of all [..., k]."""
        return np.asarray(x[..., self._columns[epoch]])

    def places(self, epoch: str) -> NDArray[np.int_]:
        """Return the places of an epoch's parameters among those of all."""
        return self._columns[epoch]

    @property
    def n_points(self) -> int:
        """Number of points that the likelihood uses."""
        return sum(part.n_points for part in self.parts.values())

    @property
    def n_detections(self) -> int:
        """Number of points that are no limits."""
        return sum(part.n_detections for part in self.parts.values())

    def record(self) -> dict[str, Any]:
        """Return what tells this problem from others, in plain values."""
        parts = {epoch: part.record() for epoch, part in self.parts.items()}
        return {"parts": parts, "shared": list(self.shared)}

    def residuals(self, x: Array) -> Array:
        """Return numbers whose squares make up -2 ln(likelihood x prior), but for a constant."""
        found = [part.misfits(self.of(epoch, x)) for epoch, part in self.parts.items()]
        return np.concatenate([*found, self.pulls(x)])

    def log_likelihoods(self, points: Array) -> Array:
        """Return the log-likelihoods of several points [n, k]."""
        parts = self.parts.items()
        return np.sum([one.log_likelihoods(self.of(name, points)) for name, one in parts], axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class JointFit:
    """What a joint fit found.

    Parameters
    ----------
    results : mapping of str to FitResult
        By epoch, with that epoch's parameters, data and posterior.
    shared : tuple of str
        Parameters that are the same in all.
    log_likelihood : float
        Of all epochs at the optimum.
    log_evidence, log_evidence_err : float or None
        Of all epochs together.
    posterior : `~astropy.table.QTable` or None
        Equally weighted samples of all parameters together.
    n_free : int
        Number of free parameters of all together.
    """

    results: Mapping[str, FitResult]
    shared: tuple[str, ...]
    log_likelihood: float
    log_evidence: float | None
    log_evidence_err: float | None
    posterior: QTable | None
    n_free: int


def joint_fit(
    seds: Mapping[str, Any],
    model: Any,
    *,
    shared: tuple[str, ...] | list[str],
    z: float | None = None,
    likelihood: Any = "gaussian",
    data: Mapping[str, Any] | None = None,
    **choices: Any,
) -> JointFit:
    """Fit several epochs of a source together.

    Parameters
    ----------
    seds : mapping of str to SED
        By the name of the epoch; tables and files as for `fit`.
    model : Model, type or str
        As for `fit`.
    shared : sequence of str
        Parameters that are the same in all epochs, such as ``("lorentz_factor", "log_radius")``;
        the others have a value in each.
    z : float, optional
        Redshift.
    likelihood : Likelihood or str, optional
        As for `fit`; free parameters of the noise may be shared, too.
    data : mapping, optional
        Keywords of `astroquery_mmdc.modeling.fits.data.prepare`.
    **choices
        The other keywords of `fit`.

    Returns
    -------
    JointFit

    Raises
    ------
    InvalidRequestError
        Fewer than two epochs, or a shared parameter that is not free.
    """
    if not isinstance(seds, Mapping) or len(seds) < 2:
        msg = "seds: a joint fit needs two epochs or more, by name: {'low': sed, 'high': other}"
        raise InvalidRequestError(msg, parameter="seds")
    how = as_likelihood(likelihood, **{key: choices.pop(key, None) for key in _NOISE})
    setup = {key: choices.pop(key) for key in _SETUP if key in choices}
    steps = {key: choices.pop(key) for key in _SEARCH if key in choices}
    first = next(iter(seds.values()))
    made, _ = template(first, model, z, choices)
    parts = {
        epoch: as_problem(
            made, prepare(sed, **{"redshift": made.z, **dict(data or {})}), how, **setup
        )
        for epoch, sed in seds.items()
    }
    problem = JointProblem(parts, _known(tuple(shared), parts))
    return _result(problem, search(problem, **steps))


def _known(shared: tuple[str, ...], parts: Mapping[str, Problem]) -> tuple[str, ...]:
    free = next(iter(parts.values())).names
    for name in shared:
        if name not in free:
            msg = f"shared: {name!r} is not free; free are {', '.join(free)}"
            raise InvalidRequestError(msg, parameter="shared")
    return shared


def _result(problem: JointProblem, found: Search) -> JointFit:
    x, posterior = found.optima[0].x, found.posterior
    samples = None if posterior is None else resampled(posterior, found.seed)[0]
    states = {epoch: _state(problem, epoch, found, samples) for epoch in problem.parts}
    for text in caveats(found, _at_bound(problem, found)):
        warnings.warn(text, IncompleteResultWarning, stacklevel=3)
    table = None
    if samples is not None:
        table = QTable({name: samples[:, i] for i, name in enumerate(problem.priors)})
    log_like = float(problem.log_likelihoods(x[None])[0])
    return JointFit(
        results={epoch: FitResult.from_fit(state) for epoch, state in states.items()},
        shared=problem.shared,
        log_likelihood=log_like if math.isfinite(log_like) else -math.inf,
        log_evidence=None if posterior is None else posterior.log_evidence,
        log_evidence_err=None if posterior is None else posterior.log_evidence_err,
        posterior=table,
        n_free=len(problem.priors),
    )


def _at_bound(problem: JointProblem, found: Search) -> tuple[str, ...]:
    pairs = zip(problem.priors, found.optima[0].at_bound, strict=True)
    return tuple(name for name, at in pairs if at)


def _state(problem: JointProblem, epoch: str, found: Search, samples: Array | None) -> Fit:
    """Return what a fit of one epoch would say, with what the others told it."""
    part, best = problem.parts[epoch], found.optima[0]
    x, index = problem.of(epoch, best.x), problem.places(epoch)
    own = None if samples is None else problem.of(epoch, samples)
    bound = tuple(n for n, i in zip(part.names, index, strict=True) if best.at_bound[int(i)])
    return Fit(
        model=part.model_at(x),
        data=part.data,
        likelihood=part.likelihood,
        priors=dict(part.priors),
        best={name: float(value) for name, value in zip(part.names, x, strict=True)},
        log_likelihood=part.log_likelihood(x),
        method=found.method,
        seed=found.seed,
        evaluations=found.evaluations,
        fixed=part.fixed,
        links=dict(part.links),
        covariance=best.covariance[np.ix_(index, index)],
        at_bound=bound,
        samples=own,
        sample_log_likelihood=None if own is None else part.log_likelihoods(own),
        n_effective=None if found.posterior is None else found.posterior.n_effective,
        timings=found.timings,
        diagnostics={} if found.posterior is None else found.posterior.diagnostics,
        warnings=caveats(found, bound),
        is_complete=found.is_complete,
    )
