"""What is known of parameters before a fit, and how some follow others."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.parameters import MODELS, Parameter

__all__ = [
    "Link",
    "LogUniform",
    "Normal",
    "Prior",
    "Tabulated",
    "Uniform",
    "as_prior",
    "default_prior",
    "prior_from_dict",
]

Array = NDArray[np.float64]

_TAIL = 1e-9
"""Probability beyond which an open end of a prior is not searched for an optimum."""


@dataclass(frozen=True, slots=True)
class Prior(ABC):
    """What every prior can do; use `Uniform`, `Normal`, `LogUniform` or `Tabulated`."""

    kind: ClassVar[str] = ""

    @abstractmethod
    def ppf(self, u: Array) -> Array:
        """Return the value below which the probability is `u`."""

    @abstractmethod
    def cdf(self, x: Array) -> Array:
        """Return the probability below a value."""

    @abstractmethod
    def log_pdf(self, x: Array) -> Array:
        """Return the natural logarithm of the density; -inf outside."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value; infinite where there is none."""

    @property
    def range(self) -> tuple[float, float]:
        """The ends; where the prior has none, where next to nothing lies beyond."""
        far_low, far_high = self.ppf(np.array([_TAIL, 1.0 - _TAIL])).tolist()
        low, high = self.ends
        return low if math.isfinite(low) else far_low, high if math.isfinite(high) else far_high

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, which `prior_from_dict` reads."""
        fields = {
            name: value
            for name, value in asdict(self).items()
            # An open end is no number that JSON knows.
            if not (isinstance(value, float) and math.isinf(value))
        }
        return {"kind": self.kind, **fields}

    @property
    def peak(self) -> float:
        """Where the density is highest; of equal ones any."""
        low, high = self.range
        return 0.5 * (low + high)

    def __str__(self) -> str:
        low, high = self.range
        return f"{self.kind}, {low:g} to {high:g}"


@dataclass(frozen=True, slots=True)
class Uniform(Prior):
    """The same density everywhere between two ends.

    Examples
    --------
    >>> float(Uniform(-3, 1).ppf(0.25))
    -2.0
    """

    low: float
    high: float
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        _check_ends(self, self.low, self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high

    def ppf(self, u: Array) -> Array:
        """Return the value below which the probability is `u`."""
        return self.low + (self.high - self.low) * np.asarray(u, dtype=float)

    def cdf(self, x: Array) -> Array:
        """Return the probability below a value."""
        return np.clip((np.asarray(x, dtype=float) - self.low) / (self.high - self.low), 0.0, 1.0)

    def log_pdf(self, x: Array) -> Array:
        """Return the natural logarithm of the density; -inf outside."""
        return np.where(_inside(x, self.low, self.high), -math.log(self.high - self.low), -np.inf)


@dataclass(frozen=True, slots=True)
class LogUniform(Prior):
    """The same probability for every factor of the value.

    Examples
    --------
    >>> float(LogUniform(0.01, 1).ppf(0.5).round(6))
    0.1
    """

    low: float
    high: float
    kind: ClassVar[str] = "log-uniform"

    def __post_init__(self) -> None:
        _check_ends(self, self.low, self.high)
        if self.low <= 0:
            msg = f"low: {self.low} is not above 0, as a log-uniform prior needs"
            raise InvalidRequestError(msg, parameter="low")

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high

    def ppf(self, u: Array) -> Array:
        """Return the value below which the probability is `u`."""
        return self.low * (self.high / self.low) ** np.asarray(u, dtype=float)

    def cdf(self, x: Array) -> Array:
        """Return the probability below a value."""
        safe = np.clip(np.asarray(x, dtype=float), self.low, self.high)
        return np.log(safe / self.low) / math.log(self.high / self.low)

    def log_pdf(self, x: Array) -> Array:
        """Return the natural logarithm of the density; -inf outside."""
        inside = _inside(x, self.low, self.high)
        safe = np.where(inside, x, self.low)
        norm = math.log(math.log(self.high / self.low))
        return np.where(inside, -np.log(safe) - norm, -np.inf)

    @property
    def peak(self) -> float:
        """Where the density is highest."""
        return self.low


@dataclass(frozen=True, slots=True)
class Normal(Prior):
    """A Gaussian, cut off at the ends where they are given.

    Examples
    --------
    >>> float(Normal(30, 7.1, low=3, high=100).ppf(0.5).round(2))
    30.0
    """

    mean: float
    sigma: float
    low: float = -math.inf
    high: float = math.inf
    kind: ClassVar[str] = "Gaussian"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and self.sigma > 0 and math.isfinite(self.sigma)):
            msg = f"sigma: a Gaussian of {self.mean} ± {self.sigma} is no prior; sigma is above 0"
            raise InvalidRequestError(msg, parameter="sigma")
        if not self.low < self.high:
            _check_ends(self, self.low, self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value; infinite where it is not cut off."""
        return self.low, self.high

    def _cut(self) -> tuple[float, float]:
        from scipy.special import ndtr

        ends = (np.array([self.low, self.high]) - self.mean) / self.sigma
        below, upto = ndtr(ends)
        return float(below), float(upto)

    def ppf(self, u: Array) -> Array:
        """Return the value below which the probability is `u`."""
        from scipy.special import ndtri

        below, upto = self._cut()
        return self.mean + self.sigma * ndtri(below + (upto - below) * np.asarray(u, dtype=float))

    def cdf(self, x: Array) -> Array:
        """Return the probability below a value."""
        from scipy.special import ndtr

        below, upto = self._cut()
        inside = ndtr((np.asarray(x, dtype=float) - self.mean) / self.sigma)
        return np.clip((inside - below) / (upto - below), 0.0, 1.0)

    def log_pdf(self, x: Array) -> Array:
        """Return the natural logarithm of the density; -inf outside."""
        below, upto = self._cut()
        norm = math.log(self.sigma * math.sqrt(2.0 * math.pi) * (upto - below))
        y = (np.asarray(x, dtype=float) - self.mean) / self.sigma
        return np.where(_inside(x, self.low, self.high), -0.5 * y**2 - norm, -np.inf)

    @property
    def peak(self) -> float:
        """Where the density is highest."""
        return min(max(self.mean, self.low), self.high)

    def __str__(self) -> str:
        if not (math.isfinite(self.low) or math.isfinite(self.high)):
            return f"Gaussian, {self.mean:g} ± {self.sigma:g}"
        return f"Gaussian, {self.mean:g} ± {self.sigma:g}, {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Tabulated(Prior):
    """A density given at some values, straight lines between them and nothing outside.

    Parameters
    ----------
    values : sequence of float
        Rising.
    density : sequence of float
        Of any normalisation, none below 0.

    Examples
    --------
    >>> float(Tabulated((0, 1, 2), (0, 1, 0)).ppf(0.5))
    1.0
    """

    values: tuple[float, ...]
    density: tuple[float, ...]
    kind: ClassVar[str] = "tabulated"

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(x) for x in self.values))
        object.__setattr__(self, "density", tuple(float(x) for x in self.density))
        x, y = self._arrays()
        if len(x) != len(y) or len(x) < 2 or not np.all(np.diff(x) > 0):
            msg = "values: a tabulated prior needs two or more rising values, a density for each"
            raise InvalidRequestError(msg, parameter="values")
        if not (np.all(np.isfinite(y)) and np.all(y >= 0) and np.any(y > 0)):
            msg = "density: every density has to be finite and not below 0, one of them above 0"
            raise InvalidRequestError(msg, parameter="density")

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.values[0], self.values[-1]

    def _arrays(self) -> tuple[Array, Array]:
        return np.array(self.values), np.array(self.density)

    def _sums(self) -> Array:
        """Return the probability below each value, before the normalisation."""
        x, y = self._arrays()
        return np.concatenate([[0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x))])

    def ppf(self, u: Array) -> Array:
        """Return the value below which the probability is `u`."""
        x, y = self._arrays()
        sums = self._sums()
        wanted = np.asarray(u, dtype=float) * sums[-1]
        cell = np.clip(np.searchsorted(sums, wanted, side="right") - 1, 0, len(x) - 2)
        rest = wanted - sums[cell]
        slope = (y[cell + 1] - y[cell]) / (x[cell + 1] - x[cell])
        # The form of the root that does not cancel where the slope is small.
        root = np.sqrt(np.maximum(y[cell] ** 2 + 2.0 * slope * rest, 0.0))
        step = np.divide(2.0 * rest, y[cell] + root, out=np.zeros_like(rest), where=rest > 0)
        return np.minimum(x[cell] + step, x[-1])

    def cdf(self, x: Array) -> Array:
        """Return the probability below a value."""
        nodes, y = self._arrays()
        sums = self._sums()
        x = np.clip(np.asarray(x, dtype=float), nodes[0], nodes[-1])
        cell = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
        step = x - nodes[cell]
        slope = (y[cell + 1] - y[cell]) / (nodes[cell + 1] - nodes[cell])
        return (sums[cell] + step * (y[cell] + 0.5 * slope * step)) / sums[-1]

    def log_pdf(self, x: Array) -> Array:
        """Return the natural logarithm of the density; -inf outside."""
        nodes, y = self._arrays()
        density = np.interp(x, nodes, y, left=0.0, right=0.0) / self._sums()[-1]
        with np.errstate(divide="ignore"):
            return np.log(density)

    @property
    def peak(self) -> float:
        """Where the density is highest."""
        return self.values[int(np.argmax(self.density))]


@dataclass(frozen=True, slots=True)
class Link:
    """A parameter that follows another one: ``factor * parameter + offset``.

    Examples
    --------
    >>> Link("pe").value({"pe": 2.2}), Link("log_gamma_cut", offset=-3).value({"log_gamma_cut": 6})
    (2.2, 3.0)
    """

    parameter: str
    factor: float = 1.0
    offset: float = 0.0

    def value(self, numbers: Mapping[str, float]) -> float:
        """Return the number for those of the other parameters."""
        return self.factor * numbers[self.parameter] + self.offset


_KINDS: dict[str, type[Prior]] = {one.kind: one for one in (Uniform, LogUniform, Normal, Tabulated)}


def prior_from_dict(record: Mapping[str, Any]) -> Prior:
    """Return the prior of a record that `Prior.as_dict` made.

    Examples
    --------
    >>> prior_from_dict(Uniform(0.0, 1.0).as_dict())
    Uniform(low=0.0, high=1.0)
    """
    fields = dict(record)
    kind = str(fields.pop("kind", ""))
    if kind not in _KINDS:
        msg = f"kind: {kind!r} is no kind of prior; use one of {', '.join(_KINDS)}"
        raise InvalidRequestError(msg, parameter="kind")
    return _KINDS[kind](**fields)


def as_prior(value: Any, *, name: str) -> Prior:
    """Return a prior for what was given: a prior, a record of one, or the ends of a uniform one."""
    if isinstance(value, Prior):
        return value
    if isinstance(value, Mapping):
        return prior_from_dict(value)
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError) as err:
        msg = f"priors: {name} has {value!r}; give (low, high), Uniform, Normal or another prior"
        raise InvalidRequestError(msg, parameter="priors") from err
    return Uniform(low, high)


def default_prior(model_type: str, name: str) -> Prior:
    """Return the prior of the service's fits.

    Examples
    --------
    >>> print(default_prior("SSC", "lorentz_factor"))
    Gaussian, 30 ± 7.1, 3 to 100
    """
    return _from_parameter(MODELS[model_type][name])


def _from_parameter(parameter: Parameter) -> Prior:
    low, high = float(parameter.fit_low), float(parameter.fit_high)
    if parameter.fit_mean is None or parameter.fit_sigma is None:
        return Uniform(low, high)
    return Normal(parameter.fit_mean, parameter.fit_sigma, low, high)


def _inside(x: Any, low: float, high: float) -> Any:
    return (np.asarray(x) >= low) & (np.asarray(x) <= high)


def _check_ends(prior: Prior, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        msg = f"low: a {prior.kind} prior from {low} to {high} is empty; low has to be below high"
        raise InvalidRequestError(msg, parameter="low")
