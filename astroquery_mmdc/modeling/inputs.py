"""Parameters as people write them: the service's names, or natural ones with Quantities."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.parameters import MODELS, Parameter, check_value

__all__ = ["known_names", "read_parameters"]


def read_parameters(
    model_type: str, given: Mapping[str, Any], *, names: Collection[str], strict: bool = True
) -> dict[str, float]:
    """Return the numbers of parameters, whichever way they were written.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"HADRONIC"``.
    given : mapping
        The service's names with their numbers (``log_B=-1.5``) or natural names with a Quantity
        (``B=0.03*u.G``), a plain number where there is no unit (``gamma_min=100``).
    names : collection of str
        The service's names that this model takes: fewer where the electrons are given.
    strict : bool, optional
        Whether a value outside the range of runs is an error; otherwise it is a warning.

    Returns
    -------
    dict
        The service's names and their numbers, for what was given.

    Raises
    ------
    InvalidRequestError
        A name is unknown or given in two ways, a unit is missing or wrong, or a value is out of
        range or no number.

    Examples
    --------
    >>> from astropy import units as u
    >>> read_parameters("SSC", {"B": 3 * u.uT, "p": 2.2}, names=("log_B", "spectral_index"))
    {'log_B': -1.5228787452803376, 'spectral_index': 2.2}
    """
    known = known_names(model_type)
    found: dict[str, float] = {}
    sources: dict[str, str] = {}
    for key, value in given.items():
        if key not in known or known[key][0].name not in names:
            _refuse(model_type, key, names)
        parameter, is_natural = known[key]
        if parameter.name in sources:
            msg = f"{key}: {sources[parameter.name]} is given too and means the same; leave one out"
            raise InvalidRequestError(msg, parameter=key)
        sources[parameter.name] = key
        found[parameter.name] = (
            _from_natural(parameter, key, value, strict)
            if is_natural
            else _from_number(parameter, value, strict)
        )
    return found


@lru_cache
def known_names(model_type: str) -> Mapping[str, tuple[Parameter, bool]]:
    """Return every name of a model's parameters, and whether it stands for the value itself."""
    known: dict[str, tuple[Parameter, bool]] = {}
    for parameter in MODELS[model_type].values():
        for alias in parameter.aliases:
            known[alias] = (parameter, parameter.is_log)
            if parameter.is_log:
                known[f"log_{alias}"] = (parameter, False)
    # The service's own names come last: nothing may hide them.
    known.update({name: (one, False) for name, one in MODELS[model_type].items()})
    return known


def _refuse(model_type: str, key: str, names: Collection[str]) -> None:
    naturals = [MODELS[model_type][name].natural_name for name in names]
    close = get_close_matches(key, [*names, *naturals], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    pairs = ", ".join(
        name if name == natural else f"{name} or {natural}"
        for name, natural in zip(names, naturals, strict=True)
    )
    msg = f"{key}: {model_type} has no such parameter here; {hint}It takes {pairs}"
    raise InvalidRequestError(msg, parameter=key)


def _from_number(parameter: Parameter, value: Any, strict: bool) -> float:
    if isinstance(value, u.Quantity):
        if not value.unit.is_equivalent(u.dimensionless_unscaled):
            msg = f"{parameter.name}: {value} has a unit"
            if parameter.is_log:
                msg += f", but this is log10 of a number of {parameter.unit}"
                msg += f"; write {parameter.natural_name}={value}"
            raise InvalidRequestError(msg, parameter=parameter.name)
        value = value.to_value(u.dimensionless_unscaled)
    return check_value(parameter, value, strict=strict)


def _from_natural(parameter: Parameter, key: str, value: Any, strict: bool) -> float:
    number = _in_unit(parameter, key, value)
    if not math.isfinite(number) or number <= 0:
        shown = _with_unit(number, parameter.unit)
        msg = f"{key}: {shown} is not above 0; a run takes {_natural_range(parameter)}"
        raise InvalidRequestError(msg, parameter=key)
    log = math.log10(number)
    # 10 ** low read back must be inside, whatever the rounding.
    for end in (parameter.low, parameter.high):
        if math.isclose(log, end, rel_tol=0, abs_tol=1e-12):
            return float(end)
    if strict and not parameter.low <= log <= parameter.high:
        shown = _with_unit(number, parameter.unit)
        msg = f"{key}: {shown} is outside {_natural_range(parameter)}"
        raise InvalidRequestError(msg, parameter=key)
    return check_value(parameter, log, strict=strict)


def _in_unit(parameter: Parameter, key: str, value: Any) -> float:
    unit = u.Unit(parameter.unit)
    if not isinstance(value, u.Quantity) and parameter.unit:
        msg = f"{key}: {value!r} has no unit; write it as a Quantity, for example in {unit}"
        raise InvalidRequestError(msg, parameter=key)
    try:
        return float(u.Quantity(value).to_value(unit))
    except u.UnitConversionError as err:
        msg = f"{key}: {value} is not in a unit of {unit.physical_type}; use {unit or 'a number'}"
        raise InvalidRequestError(msg, parameter=key) from err
    except (TypeError, ValueError) as err:
        msg = f"{key}: {value!r} is not one number"
        raise InvalidRequestError(msg, parameter=key) from err


def _natural_range(parameter: Parameter) -> str:
    low = _with_unit(10.0**parameter.low, parameter.unit)
    high = _with_unit(10.0**parameter.high, parameter.unit)
    return f"{low} to {high} ({parameter.name} {parameter.low:g} to {parameter.high:g})"


def _with_unit(number: float, unit: str) -> str:
    return f"{number:.4g} {unit}".rstrip()
