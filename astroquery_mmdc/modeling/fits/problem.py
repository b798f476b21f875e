"""A fit as a function of numbers: free parameters in, probabilities out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import FitData
from astroquery_mmdc.modeling.fits.likelihood import Comparison, Likelihood
from astroquery_mmdc.modeling.fits.priors import Link, Prior, Uniform

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.model import Model

__all__ = ["PriorSpace", "Problem"]

Array = NDArray[np.float64]

_NOWHERE = 1e6
"""Residual of a model that cannot be computed."""


class PriorSpace:
    """What needs the priors alone: the coordinates in which they are simple.

    Attributes
    ----------
    priors : mapping of str to Prior
        The free parameters in the order of every array.
    """

    __slots__ = ()

    priors: Mapping[str, Prior]

    def pulls(self, x: Array) -> Array:
        """Return the part of the priors in `residuals`; nothing where they are uniform."""
        return np.array(
            [_pull(one, value) for one, value in zip(self.priors.values(), x, strict=True)]
        )

    def from_cube(self, u: Array) -> Array:
        """Return parameters for points of the unit cube [..., k], in which priors are flat."""
        return np.stack(
            [prior.ppf(u[..., i]) for i, prior in enumerate(self.priors.values())], axis=-1
        )

    def to_cube(self, x: Array) -> Array:
        """Return points of the unit cube for parameters [..., k]."""
        return np.stack(
            [prior.cdf(x[..., i]) for i, prior in enumerate(self.priors.values())], axis=-1
        )

    def from_normal(self, z: Array) -> Array:
        """Return parameters for points of a space in which the prior is a standard Gaussian.

        Posteriors that pile up at the end of a prior, or fill it, have no edge there.
        """
        from scipy.special import ndtr

        return self.from_cube(ndtr(z))

    def to_normal(self, x: Array) -> Array:
        """Return points of the space in which the prior is a standard Gaussian."""
        from scipy.special import ndtri

        return np.asarray(ndtri(np.clip(self.to_cube(x), 1e-12, 1.0 - 1e-12)))


@dataclass(frozen=True, slots=True, eq=False)
class Problem(PriorSpace):
    """Model, data, likelihood and priors together; it can be sent to other processes.

    Parameters
    ----------
    model : Model
        Its numbers hold for the parameters that are not free.
    data : FitData
    likelihood : Likelihood
    priors : mapping of str to Prior
        The free parameters in the order of every array: of the model, then of the noise.
    links : mapping of str to Link
        Parameters of the model that follow others.
    """

    model: Model
    data: FitData
    likelihood: Likelihood
    priors: Mapping[str, Prior]
    links: Mapping[str, Link] = field(default_factory=dict)
    _comparison: Comparison = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_comparison", Comparison(self.data, self.likelihood))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return tuple(self.priors)

    @property
    def fixed(self) -> dict[str, float]:
        """Parameters of the model that are held."""
        free = {*self.priors, *self.links}
        return {name: v for name, v in self.model.parameters.items() if name not in free}

    @property
    def n_points(self) -> int:
        """Number of points that the likelihood uses."""
        return self.data.detections if self.likelihood.kind == "mmdc" else len(self.data)

    @property
    def n_detections(self) -> int:
        """Number of points that are no limits."""
        return self.data.detections

    def record(self) -> dict[str, Any]:
        """Return what tells this problem from others, in plain values."""
        return {
            "data": self.data.digest,
            "model": repr(self.model),
            "likelihood": self.likelihood.as_dict(),
            "priors": {name: prior.as_dict() for name, prior in self.priors.items()},
            "links": {name: repr(link) for name, link in self.links.items()},
        }

    def numbers(self, x: Array) -> tuple[dict[str, float], dict[str, float]]:
        """Return the numbers of the model that change, and those of the noise."""
        known = self.model.parameters
        values = {name: float(value) for name, value in zip(self.priors, x, strict=True)}
        own = {name: value for name, value in values.items() if name in known}
        if self.links:
            everything = {**known, **own}
            own |= {name: link.value(everything) for name, link in self.links.items()}
        return own, {name: value for name, value in values.items() if name not in known}

    def model_at(self, x: Array) -> Model:
        """Return the model with the free parameters at `x`."""
        return self.model.stepped(self.numbers(x)[0])

    def flux(self, x: Array) -> Array:
        """Return what the model says of the points, nu F_nu [erg/s/cm2]."""
        return self._flux(self.model_at(x))

    def _flux(self, model: Model) -> Array:
        data = self.data
        if not data.is_unabsorbed.any():
            return model.flux_cgs(data.nu)
        before = model.observed.intrinsic_cgs(data.nu)
        return np.where(data.is_unabsorbed, before, model.flux_cgs(data.nu))

    # ---------------------------------------------------------------- of one point

    def log_likelihood(self, x: Array) -> float:
        """Return the log-likelihood; -inf where there is no such model."""
        own, noise = self.numbers(x)
        try:
            model = self.model.stepped(own)
        except InvalidRequestError:
            return -math.inf
        total = float(np.sum(self._comparison.terms(self._flux(model), noise).log_likelihood))
        if self.likelihood.neutrinos is not None:
            total += self.likelihood.neutrinos.log_likelihood(*model.observed.neutrinos_cgs())
        return total if math.isfinite(total) else -math.inf

    def misfits(self, x: Array) -> Array:
        """Return numbers whose squares make up -2 ln(likelihood), but for a constant."""
        own, noise = self.numbers(x)
        term = self.likelihood.neutrinos
        try:
            model = self.model.stepped(own)
        except InvalidRequestError:
            return np.full(self.n_points + (0 if term is None else term.size), _NOWHERE)
        found = self._comparison.terms(self._flux(model), noise).residuals
        if term is not None:
            found = np.append(found, term.residuals(*model.observed.neutrinos_cgs()))
        return np.nan_to_num(found, nan=_NOWHERE, posinf=_NOWHERE, neginf=-_NOWHERE)

    def residuals(self, x: Array) -> Array:
        """Return numbers whose squares make up -2 ln(likelihood x prior), but for a constant."""
        return np.concatenate([self.misfits(x), self.pulls(x)])

    # ---------------------------------------------------------------- of many points

    def log_likelihoods(self, points: Array) -> Array:
        """Return the log-likelihoods of several points [n, k]."""
        with warnings.catch_warnings():
            # Of the corners of the prior where a source does not settle, the data know better.
            warnings.simplefilter("ignore", IncompleteResultWarning)
            return np.array([self.log_likelihood(x) for x in points])


def _pull(prior: Prior, value: float) -> float:
    if isinstance(prior, Uniform):
        return 0.0
    peak = prior.peak
    at_peak, here = prior.log_pdf(np.array([peak, value]))
    fall = float(at_peak - here)
    return math.copysign(math.sqrt(2.0 * max(fall, 0.0)), value - peak) if fall != 0.0 else 0.0
