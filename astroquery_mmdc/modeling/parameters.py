"""Parameters of the models: names, units and the ranges in which the service computes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import Limit

__all__ = [
    "MODELS",
    "Parameter",
    "check_fixed_parameters",
    "check_model_type",
    "check_parameters",
    "check_redshift",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model.

    Parameters
    ----------
    name : str
        The service's name; a leading ``log_`` means log10 of the value in ``unit``.
    symbol : str
        How papers write it.
    unit : str
        Unit of the value itself, empty for a pure number.
    low, high : float
        Range of a model run, ends included.
    description : str
        One line for the reader.
    fit_low, fit_high : float
        Range that the service's fits explore.
    """

    name: str
    symbol: str
    unit: str
    low: float
    high: float
    description: str
    fit_low: float
    fit_high: float


def _electrons(
    *,
    doppler: tuple[float, float],
    radius: tuple[float, float],
    magnetic_field: tuple[float, float],
    index: tuple[float, float],
    gamma_min: tuple[float, float],
    gamma_cut: tuple[float, float],
    luminosity: tuple[float, float],
    cut_run: tuple[float, float] = (2, 8),
    field_run: tuple[float, float] = (-3, 2),
) -> tuple[Parameter, ...]:
    return (
        Parameter("log_B", "B", "G", *field_run, "Magnetic field", *magnetic_field),
        Parameter(
            "log_electron_luminosity", "L_e", "erg / s", 42, 48, "Power in electrons", *luminosity
        ),
        Parameter(
            "log_gamma_cut", "gamma_cut", "", *cut_run, "Cut-off of the electrons", *gamma_cut
        ),
        Parameter("log_gamma_min", "gamma_min", "", 1.5, 5, "Lowest Lorentz factor", *gamma_min),
        Parameter("log_radius", "R", "cm", 15, 18, "Radius of the emitting region", *radius),
        Parameter(
            "lorentz_factor", "delta", "", 3, 50, "Doppler factor (= Lorentz factor)", *doppler
        ),
        Parameter("spectral_index", "p", "", 1.8, 5, "Index of the electrons", *index),
    )


_SSC = _electrons(
    doppler=(3, 100),
    radius=(15.2, 17.8),
    magnetic_field=(-2.95, 1.98),
    index=(1.8, 4.9),
    gamma_min=(1.5, 5),
    gamma_cut=(2.2, 7.8),
    luminosity=(42.1, 47.8),
)
_EIC = (
    *_electrons(
        doppler=(3, 100),
        radius=(14.5, 18.5),
        magnetic_field=(-3, 2.5),
        index=(1.8, 5),
        gamma_min=(1.5, 5),
        gamma_cut=(2, 7.5),
        luminosity=(42, 48.5),
        cut_run=(2, 6),
        field_run=(-3, 2.5),
    ),
    Parameter("log_Ld", "L_d", "erg / s", 43.5, 47, "Luminosity of the disk", 43.5, 47.5),
    Parameter("log_MBH", "M_BH", "solMass", 7, 10, "Mass of the black hole", 7, 10),
    Parameter("log_nu_BLR", "nu_BLR", "Hz", 14.5, 16, "Frequency of the BLR, not used", 14.5, 16),
    Parameter("log_nu_DT", "nu_DT", "Hz", 12.5, 14, "Frequency of the torus, not used", 12.5, 14),
)
_HADRONIC = (
    Parameter("log_B", "B", "G", -3, 3.5, "Magnetic field", -3, 3.5),
    Parameter("log_Le", "L_e", "erg / s", 42.5, 48.5, "Power in electrons", 42.5, 48.5),
    Parameter("log_gamma_e_min", "gamma_e,min", "", 1.5, 2, "Lowest electron energy", 1.5, 2),
    Parameter("log_gamma_e_cut", "gamma_e,cut", "", 2, 8, "Cut-off of the electrons", 2, 8),
    Parameter("log_gamma_p_cut", "gamma_p,cut", "", 3, 11, "Cut-off of the protons", 3, 11),
    Parameter("log_Lp", "L_p", "erg / s", 42, 52, "Power in protons", 42, 52),
    Parameter("log_R", "R", "cm", 14.5, 18, "Radius of the emitting region", 14.5, 18),
    Parameter(
        "lorentz_factor", "delta", "", 3.5, 80, "Doppler factor (= Lorentz factor)", 3.5, 100
    ),
    Parameter("pe", "p_e", "", 1.75, 5, "Index of the electrons", 1.75, 5),
    Parameter("pp", "p_p", "", 1.65, 3.45, "Index of the protons", 1.65, 3.45),
)

MODELS: dict[str, dict[str, Parameter]] = {
    name: {parameter.name: parameter for parameter in parameters}
    for name, parameters in (("SSC", _SSC), ("EIC", _EIC), ("HADRONIC", _HADRONIC))
}
"""Model to parameter name to `Parameter`."""


def check_model_type(model_type: str) -> str:
    """Return ``"SSC"``, ``"EIC"`` or ``"HADRONIC"`` for any spelling of it.

    Examples
    --------
    >>> check_model_type("hadronic")
    'HADRONIC'
    """
    name = str(model_type).strip().upper()
    if name not in MODELS:
        msg = f"model_type: {model_type!r} is no model; use one of {', '.join(MODELS)}"
        raise InvalidRequestError(msg, parameter="model_type")
    return name


def check_redshift(z: Any, *, ebl: bool) -> float:
    """Return a redshift that the service accepts: 0 < z <= 10, and <= 4.99 with the EBL.

    Examples
    --------
    >>> check_redshift(0.031, ebl=True)
    0.031
    """
    high = Limit.REDSHIFT_MAX_EBL if ebl else Limit.REDSHIFT_MAX
    value = _number("z", z)
    if not 0 < value <= high:
        hint = "; the EBL tables end there, ebl=False allows 10" if ebl and value > high else ""
        msg = f"z: {value} is outside 0 < z <= {high}{hint}"
        raise InvalidRequestError(msg, parameter="z")
    return value


def check_parameters(model_type: str, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return a complete set of parameters in the model's own order.

    Raises
    ------
    InvalidRequestError
        A name is unknown or missing, or a value lies outside the range of model runs.
    """
    model = MODELS[check_model_type(model_type)]
    _check_names(model_type, parameters)
    missing = [name for name in model if name not in parameters]
    if missing:
        msg = f"parameters: {model_type} also needs {', '.join(missing)}"
        raise InvalidRequestError(msg, parameter="parameters")
    return {
        name: _in_range(name, parameters[name], parameter.low, parameter.high)
        for name, parameter in model.items()
    }


def check_fixed_parameters(
    model_type: str, parameters: Mapping[str, Any] | None
) -> dict[str, float]:
    """Return the parameters that a fit holds fixed, checked against the ranges of fits."""
    model = MODELS[check_model_type(model_type)]
    _check_names(model_type, parameters or {})
    return {
        name: _in_range(name, value, model[name].fit_low, model[name].fit_high)
        for name, value in (parameters or {}).items()
    }


def _check_names(model_type: str, parameters: Mapping[str, Any]) -> None:
    model = MODELS[check_model_type(model_type)]
    for name in parameters:
        if name not in model:
            close = get_close_matches(name, model, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            msg = f"parameters: {model_type} has no {name!r}; {hint}It has {', '.join(model)}"
            raise InvalidRequestError(msg, parameter=name)


def _in_range(name: str, value: Any, low: float, high: float) -> float:
    number = _number(name, value)
    if not low <= number <= high:
        msg = f"{name}: {number} is outside {low} to {high}"
        raise InvalidRequestError(msg, parameter=name)
    return number


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as err:
        msg = f"{name}: {value!r} is not a number"
        raise InvalidRequestError(msg, parameter=name) from err
    if not math.isfinite(number):
        msg = f"{name}: {value!r} is not a finite number"
        raise InvalidRequestError(msg, parameter=name)
    return number
