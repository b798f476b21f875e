"""Parameters of the models: names, units, ranges of runs and priors of fits.

`MODELS` is the one table that the checks, the local models, the client, the local server, the
fits and the documentation read.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.schema.wire import Limit

__all__ = [
    "MODELS",
    "Parameter",
    "check_fixed_parameters",
    "check_model_type",
    "check_order",
    "check_parameters",
    "check_redshift",
    "check_value",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model.

    Parameters
    ----------
    name : str
        The service's name; a leading ``log_`` means log10 of the value in ``unit``.
    symbol : str
        How papers write it, in plain letters.
    unit : str
        Unit of the value itself, empty for a pure number.
    low, high : float
        Range of a model run, ends included.
    description : str
        One line for the reader.
    fit_low, fit_high : float
        Range that the service's fits explore.
    aliases : tuple of str
        Other names for the value itself, as a Quantity where there is a unit; the first one is
        the natural name.
    latex : str
        The symbol in LaTeX, without dollars.
    fit_mean, fit_sigma : float or None
        A Gaussian prior inside the range of fits; None for a uniform one.

    Examples
    --------
    >>> MODELS["SSC"]["log_B"].is_log, MODELS["SSC"]["log_B"].natural_name
    (True, 'B')
    """

    name: str
    symbol: str
    unit: str
    low: float
    high: float
    description: str
    fit_low: float
    fit_high: float
    aliases: tuple[str, ...] = ()
    latex: str = ""
    fit_mean: float | None = None
    fit_sigma: float | None = None

    @property
    def is_log(self) -> bool:
        """Whether the parameter is log10 of the value."""
        return self.name.startswith("log_")

    @property
    def natural_name(self) -> str:
        """Name of the value itself."""
        return self.aliases[0] if self.aliases else self.name

    @property
    def prior(self) -> str:
        """The prior of the service's fits in words."""
        inside = f"{self.fit_low:g} to {self.fit_high:g}"
        if self.fit_mean is None:
            return f"uniform, {inside}"
        return f"Gaussian {self.fit_mean:g} ± {self.fit_sigma:g}, {inside}"

    def value(self, number: float) -> float:
        """Return the value itself for the parameter's number."""
        return 10.0**number if self.is_log else number


# What a parameter is, whatever the model: symbol, unit, description, other names, LaTeX.
_Kind = tuple[str, str, str, tuple[str, ...], str]
_KINDS: dict[str, _Kind] = {
    "B": ("B", "G", "Magnetic field", ("B", "magnetic_field"), "B"),
    "L_e": (
        "L_e",
        "erg / s",
        "Power in electrons",
        ("L_e", "Le", "electron_luminosity"),
        r"L_\mathrm{e}",
    ),
    "R": ("R", "cm", "Radius of the emitting region", ("R", "radius"), "R"),
    "delta": (
        "delta",
        "",
        "Doppler factor (= Lorentz factor)",
        ("delta", "Gamma", "doppler_factor"),
        r"\delta",
    ),
    "p": ("p", "", "Index of the electrons", ("p",), "p"),
    "gamma_min": (
        "gamma_min",
        "",
        "Lowest Lorentz factor of the electrons",
        ("gamma_min",),
        r"\gamma_\mathrm{min}",
    ),
    "gamma_cut": (
        "gamma_cut",
        "",
        "Cut-off of the electrons (exponential)",
        ("gamma_cut",),
        r"\gamma_\mathrm{cut}",
    ),
    "L_d": (
        "L_d",
        "erg / s",
        "Luminosity of the disk",
        ("L_d", "Ld", "disk_luminosity"),
        r"L_\mathrm{d}",
    ),
    "M_BH": (
        "M_BH",
        "solMass",
        "Mass of the black hole",
        ("M_BH", "MBH", "black_hole_mass"),
        r"M_\mathrm{BH}",
    ),
    "nu_BLR": (
        "nu_BLR",
        "Hz",
        "Frequency of the BLR, not used by the service",
        ("nu_BLR",),
        r"\nu_\mathrm{BLR}",
    ),
    "nu_DT": (
        "nu_DT",
        "Hz",
        "Frequency of the torus, not used by the service",
        ("nu_DT",),
        r"\nu_\mathrm{DT}",
    ),
    "p_e": ("p_e", "", "Index of the electrons", ("p_e", "p"), r"p_\mathrm{e}"),
    "gamma_e_min": (
        "gamma_e,min",
        "",
        "Lowest Lorentz factor of the electrons",
        ("gamma_e_min", "gamma_min"),
        r"\gamma_\mathrm{e,min}",
    ),
    "gamma_e_cut": (
        "gamma_e,cut",
        "",
        "Cut-off of the electrons (exponential)",
        ("gamma_e_cut", "gamma_cut"),
        r"\gamma_\mathrm{e,cut}",
    ),
    "p_p": ("p_p", "", "Index of the protons", ("p_p",), r"p_\mathrm{p}"),
    "gamma_p_cut": (
        "gamma_p,cut",
        "",
        "Cut-off of the protons (exponential)",
        ("gamma_p_cut",),
        r"\gamma_\mathrm{p,cut}",
    ),
    "L_p": (
        "L_p",
        "erg / s",
        "Power in protons",
        ("L_p", "Lp", "proton_luminosity"),
        r"L_\mathrm{p}",
    ),
}

# Name, kind, range of runs, range of fits, and mean and sigma where the prior is Gaussian.
_Row = tuple[str, str, tuple[float, float], tuple[float, float], tuple[float, float] | None]
_ROWS: dict[str, tuple[_Row, ...]] = {
    "SSC": (
        ("log_B", "B", (-3, 2), (-2.95, 1.98), None),
        ("log_electron_luminosity", "L_e", (42, 48), (42.1, 47.8), None),
        ("log_gamma_cut", "gamma_cut", (2, 8), (2.2, 7.8), None),
        ("log_gamma_min", "gamma_min", (1.5, 5), (1.5, 5), None),
        ("log_radius", "R", (15, 18), (15.2, 17.8), None),
        ("lorentz_factor", "delta", (3, 50), (3, 100), (30, 7.1)),
        ("spectral_index", "p", (1.8, 5), (1.8, 4.9), None),
    ),
    "EIC": (
        ("log_B", "B", (-3, 2.5), (-3, 2.5), None),
        ("log_electron_luminosity", "L_e", (42, 48), (42, 48.5), None),
        ("log_gamma_cut", "gamma_cut", (2, 6), (2, 7.5), None),
        ("log_gamma_min", "gamma_min", (1.5, 5), (1.5, 5), None),
        ("log_radius", "R", (15, 18), (14.5, 18.5), None),
        ("lorentz_factor", "delta", (3, 50), (3, 100), (35, 8.4)),
        ("spectral_index", "p", (1.8, 5), (1.8, 5), None),
        ("log_Ld", "L_d", (43.5, 47), (43.5, 47.5), None),
        ("log_MBH", "M_BH", (7, 10), (7, 10), None),
        ("log_nu_BLR", "nu_BLR", (14.5, 16), (14.5, 16), None),
        ("log_nu_DT", "nu_DT", (12.5, 14), (12.5, 14), None),
    ),
    "HADRONIC": (
        ("log_B", "B", (-3, 3.5), (-3, 3.5), None),
        ("log_Le", "L_e", (42.5, 48.5), (42.5, 48.5), None),
        ("log_gamma_e_min", "gamma_e_min", (1.5, 2), (1.5, 2), None),
        ("log_gamma_e_cut", "gamma_e_cut", (2, 8), (2, 8), None),
        ("log_gamma_p_cut", "gamma_p_cut", (3, 11), (3, 11), None),
        ("log_Lp", "L_p", (42, 52), (42, 52), None),
        ("log_R", "R", (14.5, 18), (14.5, 18), None),
        ("lorentz_factor", "delta", (3.5, 80), (3.5, 100), None),
        ("pe", "p_e", (1.75, 5), (1.75, 5), None),
        ("pp", "p_p", (1.65, 3.45), (1.65, 3.45), None),
    ),
}


def _parameter(row: _Row) -> Parameter:
    name, kind, run, fit, gaussian = row
    symbol, unit, description, aliases, latex = _KINDS[kind]
    mean, sigma = gaussian or (None, None)
    return Parameter(name, symbol, unit, *run, description, *fit, aliases, latex, mean, sigma)


MODELS: dict[str, dict[str, Parameter]] = {
    model: {row[0]: _parameter(row) for row in rows} for model, rows in _ROWS.items()
}
"""Model to parameter name to `Parameter`."""

# A cut-off below the lowest energy leaves next to nothing: no run of the service has one.
_ORDERED = (("log_gamma_min", "log_gamma_cut"), ("log_gamma_e_min", "log_gamma_e_cut"))


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


def check_parameters(
    model_type: str, parameters: Mapping[str, Any], *, strict: bool = True
) -> dict[str, float]:
    """Return a complete set of parameters in the model's own order.

    Parameters
    ----------
    model_type : str
        Any spelling of a model's name.
    parameters : mapping
        The service's names and their numbers.
    strict : bool, optional
        Whether a value outside the range of runs is an error; otherwise it is a warning.

    Raises
    ------
    InvalidRequestError
        A name is unknown or missing, a value is no number or lies outside the range of model
        runs, or the electrons' cut-off is not above their lowest energy.
    """
    model = MODELS[check_model_type(model_type)]
    _check_names(model_type, parameters)
    missing = [name for name in model if name not in parameters]
    if missing:
        msg = f"parameters: {model_type} also needs {', '.join(missing)}"
        raise InvalidRequestError(msg, parameter="parameters")
    checked = {
        name: check_value(parameter, parameters[name], strict=strict)
        for name, parameter in model.items()
    }
    check_order(checked)
    return checked


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


def check_value(parameter: Parameter, value: Any, *, strict: bool = True) -> float:
    """Return one value as a number inside the range of runs.

    Examples
    --------
    >>> check_value(MODELS["SSC"]["log_B"], "-1.5")
    -1.5
    """
    return _in_range(parameter.name, value, parameter.low, parameter.high, strict=strict)


def check_order(values: Mapping[str, float]) -> None:
    """Raise unless the cut-off of the electrons is above their lowest energy."""
    for low, high in _ORDERED:
        if low in values and values[low] >= values[high]:
            msg = f"{low}: {values[low]:g} is not below {high} = {values[high]:g}; lower it"
            raise InvalidRequestError(msg, parameter=low)


def _check_names(model_type: str, parameters: Mapping[str, Any]) -> None:
    model = MODELS[check_model_type(model_type)]
    for name in parameters:
        if name not in model:
            close = get_close_matches(name, model, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            msg = f"parameters: {model_type} has no {name!r}; {hint}It has {', '.join(model)}"
            raise InvalidRequestError(msg, parameter=name)


def _in_range(name: str, value: Any, low: float, high: float, *, strict: bool = True) -> float:
    number = _number(name, value)
    if not low <= number <= high:
        msg = f"{name}: {number} is outside {low} to {high}"
        if strict:
            raise InvalidRequestError(msg, parameter=name)
        warnings.warn(msg, InputWarning, stacklevel=5)
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
