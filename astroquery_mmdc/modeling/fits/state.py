"""What a fit hands to its result: plain values and arrays, nothing derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.data import FitData
    from astroquery_mmdc.modeling.fits.likelihood import Likelihood
    from astroquery_mmdc.modeling.fits.priors import Link, Prior
    from astroquery_mmdc.modeling.model import Model

__all__ = ["Fit"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The outcome of a fit.

    Parameters
    ----------
    model : Model
        The model at the optimum.
    data : FitData
        The points that were fitted, and what was left out.
    likelihood : Likelihood
        How model and data were compared.
    priors : mapping of str to Prior
        The free parameters in the order of every array here: those of the model, then those of
        the noise (``systematic``, ``outlier_fraction``, ``offset_<catalog>``).
    fixed : mapping of str to float
        Parameters of the model that were held.
    links : mapping of str to Link
        Parameters of the model that followed others.
    best : mapping of str to float
        The free parameters at the optimum.
    covariance : ndarray or None
        Of the free parameters at the optimum [k, k]; NaN where the data do not constrain.
    log_likelihood : float
        At the optimum.
    at_bound : tuple of str
        Free parameters whose optimum is an end of their prior.
    method : str
        What was run: ``"least-squares"``, ``"importance"``, ``"nested"`` or ``"emcee"``.
    seed : int
        Of every random number.
    evaluations : int
        How often the model was computed.
    samples : ndarray or None
        Equally weighted samples of the posterior [n, k].
    sample_log_likelihood : ndarray or None
        Their log-likelihoods [n].
    log_evidence, log_evidence_err : float or None
        ln Z and its error.
    n_effective : float or None
        The number of independent samples that the posterior is worth.
    timings : mapping of str to float
        Seconds of each stage.
    diagnostics : mapping
        What the sampler says of itself, such as ``pareto_k``.
    warnings : tuple of str
        What the reader of the result should know.
    is_complete : bool
        False where the fit was interrupted and this is what was there.
    """

    model: Model
    data: FitData
    likelihood: Likelihood
    priors: Mapping[str, Prior]
    best: Mapping[str, float]
    log_likelihood: float
    method: str
    seed: int
    evaluations: int
    fixed: Mapping[str, float] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    covariance: Array | None = None
    at_bound: tuple[str, ...] = ()
    samples: Array | None = None
    sample_log_likelihood: Array | None = None
    log_evidence: float | None = None
    log_evidence_err: float | None = None
    n_effective: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters, in the order of every array."""
        return tuple(self.priors)
