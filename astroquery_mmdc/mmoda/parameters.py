"""Parameters of a product: checked here, and written as the dispatcher reads them."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.time import Time
from astropy.utils.exceptions import AstropyUserWarning
from astroquery.exceptions import InputWarning

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.description import Description, Parameter
from astroquery_mmdc.mmoda.protocol import ProductRequest, Wire
from astroquery_mmdc.net import Job

__all__ = ["UnknownParameterWarning", "build_request", "is_upload"]

# Understood by every dispatcher, though not each of them says so.
_ALWAYS_VALID = frozenset(
    {"T_format", "src_name", "token", "use_scws", "scw_list", "selected_catalog"}
    | {"user_catalog", "user_catalog_file", "user_scw_list_file"}
)
_REPEATED = frozenset({"scw_list", "catalog_selected_objects"})
_UPLOADS = frozenset({"user_catalog_file", "user_scw_list_file"})
# What stands where a unit is expected but is a kind of value.
_KINDS = frozenset({"str", "isot", "mjd", "names_list", "bool", "int", "float", "string", ""})
_UNIT_NAMES = {"sec": "s", "seconds": "s", "degree": "deg", "degrees": "deg"}
_NULL = "\x00"


class UnknownParameterWarning(InputWarning, AstropyUserWarning):
    """A parameter that the product does not have; the message lists those that it has."""


def build_request(
    instrument: str,
    product: str,
    query_type: str,
    given: Mapping[str, Any],
    *,
    description: Description | None,
    job: Job,
    strict: bool = False,
) -> ProductRequest:
    """Check parameters and return the request.

    Parameters
    ----------
    instrument, product, query_type : str
    given : mapping
        Parameters as the user gave them.
    description : Description or None
        What the instrument knows; None where the dispatcher does not tell it.
    job : Job
        Keeps warnings about unknown parameters.
    strict : bool, optional
        Whether an unknown parameter is an error.

    Raises
    ------
    InvalidRequestError
        A value is of the wrong unit, out of range, or none of the choices.
    """
    known: Mapping[str, Parameter] = {}
    if description is not None:
        _check_product(description, product)
        known = description.parameters(product)
        _check_names(given, known, product, job, strict=strict)
    given = _with_time_format(given)
    files = {name: _upload(name, value) for name, value in given.items() if is_upload(name, value)}
    fields = {
        name: _wire(name, value, known.get(name), given.get("T_format"))
        for name, value in given.items()
        if name not in files
    }
    if "user_scw_list_file" in files:
        fields.setdefault("use_scws", "user_file")
    elif "scw_list" in fields:
        fields.setdefault("use_scws", "form_list")
    sent = {name: value for name, value in fields.items() if value is not None}
    return ProductRequest(instrument, product, query_type, sent, files)


def _check_product(description: Description, product: str) -> None:
    if product in description.products:
        return
    near = difflib.get_close_matches(product, description.products, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    msg = (
        f"product: {description.instrument} has no {product!r}; {hint}"
        f"It has {', '.join(description.products)}"
    )
    raise InvalidRequestError(msg, parameter="product")


def _check_names(
    given: Iterable[str], known: Iterable[str], product: str, job: Job, *, strict: bool
) -> None:
    known = list(known)
    for name in given:
        if name in known or name in _ALWAYS_VALID:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        valid = ", ".join(item for item in known if item != "token")
        msg = f"{name}: no parameter of {product}; {hint}Valid ones are {valid}"
        if strict:
            raise InvalidRequestError(msg, parameter=name)
        job.warn(msg, UnknownParameterWarning)


def _with_time_format(given: Mapping[str, Any]) -> dict[str, Any]:
    """Say the format of times where the user gave `Time` objects and no format."""
    given = dict(given)
    if given.get("T_format") is None:
        given.pop("T_format", None)
        if any(isinstance(value, Time) for value in given.values()):
            given["T_format"] = "isot"
    return given


# ---------------------------------------------------------------- uploads


def is_upload(name: str, value: Any) -> bool:
    """Return whether a value is sent as a file."""
    if value is None:
        return False
    return name in _UPLOADS or isinstance(value, os.PathLike | bytes)


def _upload(name: str, value: Any) -> tuple[str, bytes]:
    if isinstance(value, bytes):
        return name, value
    if isinstance(value, Table):
        return f"{name}.ecsv", _as_ecsv(value)
    path = Path(value).expanduser()
    try:
        return path.name, path.read_bytes()
    except OSError as err:
        msg = f"{name}: {path} cannot be read ({err.strerror}); give the path of a file"
        raise InvalidRequestError(msg, parameter=name) from err


def _as_ecsv(table: Table) -> bytes:
    import io

    buffer = io.StringIO()
    table.write(buffer, format="ascii.ecsv")
    return buffer.getvalue().encode()


# ---------------------------------------------------------------- values


def _wire(name: str, value: Any, parameter: Parameter | None, time_format: Any) -> Wire | None:
    """Return a value as text, after a look at its unit, range and choices."""
    if value is None:
        return _null(parameter)
    if hasattr(value, "to_api"):
        value = value.to_api()
    if isinstance(value, Time):
        return _time(name, value, time_format)
    if isinstance(value, u.Quantity):
        value = _in_unit(name, value, parameter)
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if parameter is not None:
        _check_range(value, parameter)
        _check_choice(value, parameter)
    if name in _REPEATED and not isinstance(value, str):
        return [str(item) for item in value]
    return _text(name, value)


def _null(parameter: Parameter | None) -> str | None:
    # A default would take the place of nothing at all, so an empty value has to be said.
    has_default = parameter is not None and parameter.default is not None
    return _NULL if has_default and parameter.is_optional else None  # type: ignore[union-attr]


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as err:
        msg = (
            f"{name}: a {type(value).__name__} cannot be sent; give a number, a text, "
            "a Quantity, a Time, a list or a dict"
        )
        raise InvalidRequestError(msg, parameter=name) from err


def _time(name: str, time: Time, time_format: Any) -> str:
    if not time.isscalar:
        msg = f"{name}: {len(time)} times were given; give one"
        raise InvalidRequestError(msg, parameter=name)
    if time_format == "mjd":
        return repr(float(time.utc.mjd))
    if time_format not in (None, "isot"):
        msg = f"T_format: {time_format!r} with a Time; leave it out, or use 'isot' or 'mjd'"
        raise InvalidRequestError(msg, parameter="T_format")
    text = Time(time, precision=9).utc.isot
    # At least the milliseconds, as the dispatcher itself writes times.
    return text[:-6] + text[-6:].rstrip("0")


def _in_unit(name: str, value: u.Quantity, parameter: Parameter | None) -> Any:
    unit = _unit(parameter)
    if unit is None:
        if value.unit.is_equivalent(u.dimensionless_unscaled):
            return value.to_value(u.dimensionless_unscaled)
        if parameter is None and name in ("RA", "DEC"):
            return value.to_value(u.deg)
        has = "is of no known unit" if parameter is None else "has no unit there"
        msg = f"{name}: {value} cannot be converted, the parameter {has}; give a number"
        raise InvalidRequestError(msg, parameter=name)
    try:
        return value.to_value(unit, equivalencies=u.spectral())
    except u.UnitConversionError as err:
        msg = f"{name}: {value} is not in a unit like {unit}; give a Quantity in {unit}"
        raise InvalidRequestError(msg, parameter=name) from err


def _unit(parameter: Parameter | None) -> u.UnitBase | None:
    text = (parameter.unit or "") if parameter else ""
    if text in _KINDS:
        return None
    try:
        return u.Unit(_UNIT_NAMES.get(text, text))
    except ValueError:
        return None


def _check_range(value: Any, parameter: Parameter) -> None:
    low, high = parameter.minimum, parameter.maximum
    if low is None and high is None:
        return
    name = parameter.name
    try:
        number = float(value)
    except (TypeError, ValueError) as err:
        msg = f"{name}: {value!r} is no number"
        raise InvalidRequestError(msg, parameter=name) from err
    # Written so that NaN fails as well.
    if (low is None or number >= low) and (high is None or number <= high):
        return
    limits = " and ".join(
        text
        for text in (
            "" if low is None else f"at least {low:g}",
            "" if high is None else f"at most {high:g}",
        )
        if text
    )
    unit = f" {parameter.unit}" if _unit(parameter) is not None else ""
    msg = f"{name}: {value} is out of range; it has to be {limits}{unit}"
    raise InvalidRequestError(msg, parameter=name)


def _check_choice(value: Any, parameter: Parameter) -> None:
    if not parameter.choices or str(value) in map(str, parameter.choices):
        return
    choices = ", ".join(str(choice) for choice in parameter.choices)
    msg = f"{parameter.name}: {value!r} is none of {choices}"
    raise InvalidRequestError(msg, parameter=parameter.name)
