"""How probable data are, given what a model says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.data import FitData
from astroquery_mmdc.modeling.fits.priors import LogUniform, Normal, Prior, Uniform

__all__ = ["Comparison", "Likelihood", "Terms"]

Array = NDArray[np.float64]

LN10 = math.log(10.0)
_FAINTEST = 1e-40
"""Flux [erg/s/cm2] of a model that emits nothing where there is a point."""

_PRIORS: dict[str, Prior] = {
    "systematic": LogUniform(0.003, 1.0),
    "outlier_fraction": Uniform(0.0, 0.5),
}


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The choices of a comparison between data and model.

    Parameters
    ----------
    kind : {"gaussian", "mmdc"}
        ``"gaussian"``: see the notes. ``"mmdc"``: the formula of the service, which divides the
        squares of the residuals by sigma instead of its square; for comparison only.
    systematic : float or "free"
        Relative error that is added to every point in quadrature: calibration, variability within
        the epoch, and what one zone cannot describe. ``"free"`` lets the fit find it. Points with
        a systematic error of their own keep that.
    outliers : float, "free" or None
        Part of the points that may lie anywhere within `outlier_width`; None for none.
    outlier_width : float
        Scatter of outliers [dex].
    offsets : mapping of str to float
        Catalogues whose calibration may be off, with the one-sigma size of that [dex]; the offset
        becomes a parameter.
    limit_width : float
        Softness of upper limits without an error [dex].
    neutrinos : object or None
        A term for neutrinos, see `astroquery_mmdc.modeling.fits.neutrino_likelihood`.

    Notes
    -----
    For a detection, with d = log10 F_model - log10 F,

        ln L = -d^2 / (2 sigma^2) - ln(sigma sqrt(2 pi)),
        sigma^2 = (sigma_F / (F ln 10))^2 + (s / ln 10)^2,

    and for an upper limit ln L = ln Phi(-d / sigma): the probability that a flux as the model's is
    measured below the limit. Where the errors differ, sigma is the upper one for models above the
    point and the lower one below, and their mean in the norm. With outliers,
    L = (1 - f) L_point + f L_wide.
    """

    kind: Literal["gaussian", "mmdc"] = "gaussian"
    systematic: float | Literal["free"] = 0.1
    outliers: float | Literal["free"] | None = None
    outlier_width: float = 0.5
    offsets: Mapping[str, float] = field(default_factory=dict, hash=False)
    limit_width: float = 0.1
    neutrinos: Any = None

    def __post_init__(self) -> None:
        if self.kind not in ("gaussian", "mmdc"):
            msg = f"likelihood: {self.kind!r} is unknown; use 'gaussian' or 'mmdc'"
            raise InvalidRequestError(msg, parameter="likelihood")
        if self.systematic != "free":
            _check_between("systematic", self.systematic, 0.0, 10.0, "a relative error, as 0.1")
        if self.outliers not in (None, "free"):
            _check_between("outliers", self.outliers, 0.0, 0.5, "a part of the points, to 0.5")
        _check_between("outlier_width", self.outlier_width, 1e-3, 10.0, "a scatter in dex")
        _check_between("limit_width", self.limit_width, 1e-6, 10.0, "a width in dex")
        for name, size in self.offsets.items():
            _check_between(f"offsets: {name}", size, 1e-6, 10.0, "a size in dex")
        free = self.systematic == "free" or self.outliers is not None or self.offsets
        if self.kind == "mmdc" and free:
            msg = "likelihood: 'mmdc' knows neither outliers, offsets nor a free systematic error"
            raise InvalidRequestError(msg, parameter="likelihood")

    def priors(self) -> dict[str, Prior]:
        """Return the parameters of the noise that are free, with their usual priors."""
        found: dict[str, Prior] = {}
        if self.systematic == "free":
            found["systematic"] = _PRIORS["systematic"]
        if self.outliers == "free":
            found["outlier_fraction"] = _PRIORS["outlier_fraction"]
        for name, size in self.offsets.items():
            found[f"offset_{name}"] = Normal(0.0, float(size))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the provenance."""
        return {
            "kind": self.kind,
            "systematic": self.systematic,
            "outliers": self.outliers,
            "outlier_width": self.outlier_width,
            "offsets": dict(self.offsets),
            "limit_width": self.limit_width,
            "neutrinos": None if self.neutrinos is None else self.neutrinos.as_dict(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Each point's part of a likelihood.

    Parameters
    ----------
    log_likelihood : ndarray
        ln L of each point.
    residuals : ndarray
        Numbers whose squares make up -2 ln L, but for a constant: what least squares minimises.
    """

    log_likelihood: Array
    residuals: Array


class Comparison:
    """A likelihood on one set of points, ready to be evaluated.

    Parameters
    ----------
    data : FitData
    likelihood : Likelihood
    """

    def __init__(self, data: FitData, likelihood: Likelihood) -> None:
        self.data = data
        self.likelihood = likelihood
        if likelihood.kind == "mmdc":
            self._for_mmdc()
            return
        self._log_flux = data.log_flux
        self._low, self._high = data.sigma_low, data.sigma_high
        limit = data.is_limit
        bare = limit & (self._low == 0.0)
        self._low = np.where(bare, likelihood.limit_width, self._low)
        self._high = np.where(bare, likelihood.limit_width, self._high)
        self._limit = np.flatnonzero(limit)
        self._own = np.isfinite(data.systematic)
        self._members = {
            name: np.array([one == name for one in data.catalog]) for name in likelihood.offsets
        }
        for name, rows in self._members.items():
            if not rows.any():
                there = ", ".join(sorted(set(data.catalog)))
                msg = f"offsets: no point is of {name!r}; there are {there}"
                raise InvalidRequestError(msg, parameter="offsets")
        self._fixed = None if likelihood.systematic == "free" else self._widths({})
        # The smallest errors that a free systematic allows: what ln sigma is counted from.
        smallest = likelihood.priors().get("systematic", Uniform(0.0, 1.0)).range[0]
        start = self._fixed or self._widths({"systematic": smallest})
        self._least = 0.5 * (start[0] + start[1])

    def _for_mmdc(self) -> None:
        used = ~self.data.is_limit
        self._used = np.flatnonzero(used)
        self._log_flux = self.data.log_flux[used]
        self._low = 0.5 * (self.data.sigma_low + self.data.sigma_high)[used]

    def _widths(self, noise: Mapping[str, float]) -> tuple[Array, Array]:
        common = noise.get("systematic", self.likelihood.systematic)
        relative = np.where(self._own, self.data.systematic, common) / LN10
        return np.hypot(self._low, relative), np.hypot(self._high, relative)

    def terms(self, flux: Array, noise: Mapping[str, float]) -> Terms:
        """Return each point's part of the likelihood.

        Parameters
        ----------
        flux : ndarray
            What the model says, nu F_nu [erg/s/cm2] at the points.
        noise : mapping of str to float
            The free parameters of the noise.
        """
        log_model = np.log10(np.maximum(flux, _FAINTEST))
        if self.likelihood.kind == "mmdc":
            distance = log_model[self._used] - self._log_flux
            return Terms(-0.5 * distance**2 / self._low, distance / np.sqrt(self._low))
        for name, rows in self._members.items():
            log_model = log_model + noise[f"offset_{name}"] * rows
        distance = log_model - self._log_flux
        low, high = self._fixed or self._widths(noise)
        sigma = np.where(distance > 0, high, low)
        return self._gaussian(distance, sigma, 0.5 * (low + high), noise)

    def _gaussian(
        self, distance: Array, sigma: Array, mean: Array, noise: Mapping[str, float]
    ) -> Terms:
        pull = distance / sigma
        norm = np.log(mean) + 0.5 * math.log(2.0 * math.pi)
        values = -0.5 * pull**2 - norm
        best = -np.log(self._least) - 0.5 * math.log(2.0 * math.pi)
        if self.likelihood.outliers is not None:
            values = self._with_outliers(values, distance, mean, noise)
        if len(self._limit):
            values[self._limit] = _log_ndtr(-pull[self._limit])
            best[self._limit] = 0.0
        if self._fixed is not None and self.likelihood.outliers is None:
            residuals = pull
            residuals[self._limit] = np.sqrt(-2.0 * values[self._limit])
        else:
            residuals = np.sign(distance) * np.sqrt(np.maximum(2.0 * (best - values), 0.0))
        return Terms(values, residuals)

    def _with_outliers(
        self, values: Array, distance: Array, mean: Array, noise: Mapping[str, float]
    ) -> Array:
        fixed = self.likelihood.outliers
        part = float(noise["outlier_fraction"] if fixed == "free" or fixed is None else fixed)
        wide = np.hypot(mean, self.likelihood.outlier_width)
        far = -0.5 * (distance / wide) ** 2 - np.log(wide) - 0.5 * math.log(2.0 * math.pi)
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(values + np.log1p(-part), far + np.log(part)))


def _log_ndtr(x: Array) -> Array:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(x))


def _check_between(name: str, value: Any, low: float, high: float, what: str) -> None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not ok:
        msg = f"{name}: {value!r} is not {what}; it lies between {low:g} and {high:g}"
        raise InvalidRequestError(msg, parameter=name.split(":")[0])
