"""What only one kind of model can be told, with units: its geometry and the like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["EIC_EXTRAS", "HADRONIC_EXTRAS", "Extra", "extras_cgs", "read_extras"]


@dataclass(frozen=True, slots=True)
class Extra:
    """One such choice.

    Parameters
    ----------
    field : str
        Name of the solver's option.
    unit : str or None
        Unit that the solver takes; empty for a number, None for a word or a truth value.
    description : str
        One line for the reader.
    words : tuple of str
        What a word may be.
    """

    field: str
    unit: str | None
    description: str
    words: tuple[Any, ...] = ()


_TRUTH = (True, False)

EIC_EXTRAS: dict[str, Extra] = {
    "distance": Extra("distance", "cm", "Of the blob from the black hole; half of R_BLR"),
    "R_BLR": Extra("blr_radius", "cm", "Of the broad-line region; 1e17 cm (L_d / 1e45 erg/s)^1/2"),
    "R_DT": Extra("torus_radius", "cm", "Of the torus; 2.5e18 cm (L_d / 1e45 erg/s)^1/2"),
    "xi_BLR": Extra("xi_blr", "", "Part of L_d that the broad-line region re-emits; 0.1"),
    "xi_DT": Extra("xi_torus", "", "Part of L_d that the torus re-emits; 0.5"),
    "eta": Extra("eta", "", "Efficiency of the disk; by default its light is L_d"),
    "disk_inner": Extra("disk_inner", "cm", "Inner radius of the disk; 3 Schwarzschild radii"),
    "disk_outer": Extra("disk_outer", "cm", "Outer radius of the disk; 500 Schwarzschild radii"),
    "geometry": Extra(
        "geometry",
        None,
        "'simple': boosted fields, isotropic in the blob; 'finke': shell, ring and disk",
        ("simple", "finke"),
    ),
    "disk_pattern": Extra(
        "disk_pattern", None, "How an annulus of the disk shines", ("isotropic", "lambert")
    ),
    "torus_spectrum": Extra("torus_spectrum", None, "Spectrum of the torus", ("blackbody", "line")),
    "cmb": Extra("cmb", None, "Whether the microwave background is scattered too; no", _TRUTH),
    "host_absorption": Extra(
        "absorption", None, "Whether these fields absorb gamma rays on their way; no", _TRUTH
    ),
    "use_frequencies": Extra(
        "use_frequencies",
        None,
        "Whether nu_BLR and nu_DT are used, which the service ignores; no",
        _TRUTH,
    ),
}
HADRONIC_EXTRAS: dict[str, Extra] = {
    "gamma_p_min": Extra("proton_gamma_min", "", "Lowest Lorentz factor of the protons, 1"),
    "proton_escape": Extra("proton_escape", "", "Time after which protons leave, in R/c, 1"),
}


def read_extras(
    known: Mapping[str, Extra], parameters: dict[str, Any]
) -> tuple[tuple[str, Any], ...]:
    """Take what is known out of the parameters, and check it."""
    given = {name: parameters.pop(name) for name in known if name in parameters}
    return tuple((name, _checked(name, known[name], value)) for name, value in given.items())


def extras_cgs(known: Mapping[str, Extra], extras: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return what the solver is given, plain numbers under its own names."""
    return {
        known[name].field: value.to_value(known[name].unit)
        if isinstance(value, u.Quantity)
        else value
        for name, value in extras
    }


def _checked(name: str, one: Extra, value: Any) -> Any:
    if one.unit is None:
        if one.words and value not in one.words:
            msg = f"{name}: {value!r} is unknown; use one of {', '.join(map(repr, one.words))}"
            raise InvalidRequestError(msg, parameter=name)
        return value
    if value is None:
        return None
    if one.unit and not isinstance(value, u.Quantity):
        msg = f"{name}: {value!r} has no unit; write it as a Quantity, for example in {one.unit}"
        raise InvalidRequestError(msg, parameter=name)
    try:
        number = float(u.Quantity(value).to_value(one.unit))
    except (u.UnitConversionError, TypeError, ValueError) as err:
        msg = f"{name}: {value!r} is not one number in {one.unit or 'no unit'}"
        raise InvalidRequestError(msg, parameter=name) from err
    is_part = name.startswith("xi_")
    if not (0 <= number <= 1 if is_part else 0 < number < math.inf):
        allowed = "between 0 and 1" if is_part else "above 0"
        msg = f"{name}: {value} is not {allowed}"
        raise InvalidRequestError(msg, parameter=name)
    return number * u.Unit(one.unit) if one.unit else number
