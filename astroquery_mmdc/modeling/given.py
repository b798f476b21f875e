"""Given distributions of electrons, with units and any of the usual normalisations."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.kernels.constants import ME_C2

__all__ = ["normalized", "plain_distribution"]

_PER_CM3 = u.cm**-3
_STEPS_PER_DECADE = 400


def plain_distribution(electrons: Any) -> Any:
    """Return a distribution whose fields are plain numbers: k in cm-3.

    Raises
    ------
    InvalidRequestError
        It is no distribution, or a value of it makes no sense.
    """
    if not is_dataclass(electrons) or isinstance(electrons, type) or not callable(electrons):
        msg = f"electrons: {electrons!r} is no distribution; use for example BrokenPowerLaw(...)"
        raise InvalidRequestError(msg, parameter="electrons")
    plain = {one.name: _number(one.name, getattr(electrons, one.name)) for one in fields(electrons)}
    low, high = plain["gamma_min"], plain.get("gamma_max", math.inf)
    if not 1 <= low < high:
        msg = f"electrons: gamma_min = {low:g} has to be at least 1 and below gamma_max = {high:g}"
        raise InvalidRequestError(msg, parameter="electrons")
    if plain["k"] <= 0:
        msg = f"electrons: k = {plain['k']:g} has to be above 0"
        raise InvalidRequestError(msg, parameter="electrons")
    return replace(electrons, **plain)


def normalized(
    shape: Any,
    *,
    n_e: u.Quantity | None = None,
    u_e: u.Quantity | None = None,
    W_e: u.Quantity | None = None,  # noqa: N803 - the field's own spelling
    R: u.Quantity | None = None,  # noqa: N803
) -> Any:
    """Return a distribution with a given density, energy density or energy.

    Parameters
    ----------
    shape : PowerLaw, BrokenPowerLaw, LogParabola or ExponentialCutoffPowerLaw
        Its ``k`` may be any number.
    n_e : `~astropy.units.Quantity`, optional
        Number density.
    u_e : `~astropy.units.Quantity`, optional
        Energy density, rest energy included.
    W_e : `~astropy.units.Quantity`, optional
        Energy of all electrons in a sphere of radius ``R``, rest energy included.
    R : `~astropy.units.Quantity`, optional
        Radius of the sphere, with ``W_e``.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc.modeling import PowerLaw
    >>> electrons = normalized(PowerLaw(1, 2, 1, 1e5), n_e=10 / u.cm**3)
    >>> round(electrons.k, 3)
    10.0
    """
    if sum(value is not None for value in (n_e, u_e, W_e)) != 1 or (W_e is None) != (R is None):
        msg = "electrons: give one of n_e, u_e, or W_e together with R"
        raise InvalidRequestError(msg, parameter="electrons")
    plain = plain_distribution(replace(shape, k=1.0))
    if n_e is not None:
        return replace(plain, k=float(n_e.to_value(_PER_CM3)) / _moment(plain, 0))
    energy = u_e if R is None else W_e / (4.0 / 3.0 * math.pi * R**3)
    wanted = float(u.Quantity(energy).to_value(u.erg * _PER_CM3))
    return replace(plain, k=wanted / (_moment(plain, 1) * ME_C2))


def _moment(distribution: Any, power: int) -> float:
    """Return the integral of gamma^power N, by Simpson's rule in ln gamma."""
    low = math.log(distribution.gamma_min)
    cut = getattr(distribution, "gamma_cut", distribution.gamma_max)
    high = min(math.log(distribution.gamma_max), math.log(cut) + 4.5)
    knots = sorted({low, high, *_break(distribution, low, high)})
    total = 0.0
    for left, right in pairwise(knots):
        count = 2 * max(8, math.ceil(_STEPS_PER_DECADE * (right - left) / math.log(10.0) / 2))
        x = np.linspace(left, right, count + 1)
        gamma = np.exp(x)
        values = distribution(gamma) * gamma ** (power + 1)
        rule = np.ones(count + 1)
        rule[1:-1:2], rule[2:-1:2] = 4.0, 2.0
        total += float(rule @ values) * (right - left) / (3.0 * count)
    return total


def _break(distribution: Any, low: float, high: float) -> list[float]:
    knot = getattr(distribution, "gamma_break", None)
    return [math.log(knot)] if knot is not None and low < math.log(knot) < high else []


def _number(name: str, value: Any) -> float:
    unit = _PER_CM3 if name == "k" else u.dimensionless_unscaled
    try:
        number = float(value.to_value(unit)) if isinstance(value, u.Quantity) else float(value)
    except (u.UnitConversionError, TypeError, ValueError) as err:
        msg = f"electrons: {name} = {value!r} is not a number of {unit or 'no unit'}"
        raise InvalidRequestError(msg, parameter="electrons") from err
    if math.isnan(number) or (math.isinf(number) and name != "gamma_max"):
        msg = f"electrons: {name} = {number} is not finite"
        raise InvalidRequestError(msg, parameter="electrons")
    return number
