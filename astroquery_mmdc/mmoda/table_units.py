"""Units of columns as dispatchers and FITS files write them."""

from __future__ import annotations

import warnings
from typing import Any

from astropy import units as u
from numpy.typing import NDArray

__all__ = ["unit_from_text", "with_unit"]

# Written in files of many missions, known to no standard.
_PLURALS = {"counts": "ct", "count": "ct", "cts": "ct", "photons": "ph", "sec": "s", "cm2": "cm**2"}
_FORMATS = ("fits", "ogip", "cds", "generic")


def unit_from_text(text: Any) -> u.UnitBase | None:
    """Return the unit, one that is only a name where nobody knows it, or None for none.

    Examples
    --------
    >>> unit_from_text("counts/s"), unit_from_text("keV"), unit_from_text("")
    (Unit("ct / s"), Unit("keV"), None)
    """
    if text is None or not str(text).strip():
        return None
    text = str(text).strip()
    for candidate in (text, _singular(text)):
        for form in _FORMATS:
            unit = _parsed(candidate, form)
            if unit is not None:
                return unit
    return u.UnrecognizedUnit(text)


def _parsed(text: str, form: str) -> u.UnitBase | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        try:
            return u.Unit(text, format=form)
        except (ValueError, TypeError):
            return None


def _singular(text: str) -> str:
    parts = text.replace("*", " * ").replace("/", " / ").split()
    return " ".join(_PLURALS.get(part, part) for part in parts)


def with_unit(values: NDArray[Any], unit: u.UnitBase | None) -> Any:
    """Return a Quantity of numbers; texts, flags and arrays of arrays stay as they are."""
    if unit is None or values.dtype.kind not in "iufc":
        return values
    return u.Quantity(values, unit, copy=False)
