"""What makes a table an SED: required columns, their units, and what fills the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.catalogs import band_of
from astroquery_mmdc.schema.columns import SED_POINT, Column, by_name
from astroquery_mmdc.schema.tables import build_column

__all__ = ["OPTIONAL", "POINT", "REQUIRED", "complete", "filled", "text"]

_FLUX = "erg / (s cm2)"

REQUIRED = ("nu", "nufnu")
"""Columns without which a table is no SED."""

POINT: dict[str, Column] = by_name(SED_POINT)
"""The columns that every SED has, in their order."""

OPTIONAL: dict[str, Column] = by_name(
    (
        Column("", "nufnu_errn", "float", _FLUX, "stat.error", "One-sigma error downwards"),
        Column("", "nufnu_errp", "float", _FLUX, "stat.error", "One-sigma error upwards"),
        Column("", "nu_min", "float", "Hz", "em.freq;stat.min", "Lower edge of the band"),
        Column("", "nu_max", "float", "Hz", "em.freq;stat.max", "Upper edge of the band"),
        Column("", "instrument", "str", None, "meta.id;instr", "Instrument or filter"),
        Column("", "bibcode", "str", None, "meta.bib.bibcode", "ADS bibcode of the reference"),
        Column("", "corrections", "str", None, "meta.note", "Corrections that are in the flux"),
    )
)
"""Columns that an SED may have besides."""

# Numbers of days are read as MJD; every other number needs its unit.
_DAYS = ("mjd_start", "mjd_end")


def complete(table: QTable) -> None:
    """Check the columns of an SED in place, convert their units and add those that are missing.

    Raises
    ------
    InvalidRequestError
        A required column is missing, has no unit or the wrong one, or holds impossible values.
    """
    _check_required(table)
    for name, spec in (POINT | OPTIONAL).items():
        if name in table.colnames:
            table[name] = _conformed(spec, table[name])
    _fill_errors(table)
    _fill_dates(table)
    _fill_labels(table)
    _describe_and_order(table)


def filled(column: Any) -> Any:
    """Return the values of a column as a plain float array, NaN where masked."""
    values = np.array(getattr(column, "unmasked", column), dtype=float)
    mask = getattr(column, "mask", None)
    if mask is not None:
        values[np.broadcast_to(mask, values.shape)] = np.nan
    return values


def text(column: Any) -> Any:
    """Return the values of a string column as a plain array, "" where masked."""
    values = column.filled("") if hasattr(column, "filled") else column
    return np.asarray(values, dtype=str)


def _check_required(table: QTable) -> None:
    missing = [name for name in REQUIRED if name not in table.colnames]
    if missing:
        msg = (
            f"an SED needs the columns nu and nufnu; {' and '.join(missing)} missing among "
            f"{table.colnames}; rename the columns or use SED.from_columns(nu=..., nufnu=...)"
        )
        raise InvalidRequestError(msg, parameter=missing[0])


def _conformed(spec: Column, column: Any) -> Any:
    if spec.kind == "float":
        return _conformed_float(spec, column)
    if spec.kind == "bool":
        return _conformed_bool(spec, column)
    values: Any = np.ma.asarray(column)
    if values.dtype.kind == "U" and spec.nullable:
        return column
    if values.dtype.kind not in "SUO":
        values = values.astype(str)
    return build_column(spec, [_word(spec, value) for value in values.tolist()])


def _word(spec: Column, value: Any) -> str | None:
    if value is None:
        return None if spec.nullable else ""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _conformed_float(spec: Column, column: Any) -> Any:
    quantity = _quantity(spec, column)
    values = filled(quantity)
    impossible = np.isinf(values)
    if spec.unit == "Hz":
        impossible |= values <= 0
    if impossible.any():
        row = int(np.flatnonzero(impossible)[0])
        msg = (
            f"{spec.name}: row {row} is {values[row]} {spec.unit}; "
            "remove the row, or mask the value if it is not known"
        )
        raise InvalidRequestError(msg, parameter=spec.name)
    return build_column(spec, values)


def _quantity(spec: Column, column: Any) -> Any:
    if isinstance(column, Time):
        column = column.utc.mjd
    unit = getattr(column, "unit", None)
    if unit is None and spec.name in _DAYS:
        column, unit = _number(spec, column) * u.d, u.d
    if unit is None:
        msg = f"{spec.name}: the values have no unit; multiply them with {spec.unit}"
        raise InvalidRequestError(msg, parameter=spec.name)
    try:
        return column.to(spec.unit, equivalencies=u.spectral() if spec.unit == "Hz" else [])
    except u.UnitConversionError as err:
        msg = f"{spec.name}: the unit {unit} does not lead to {spec.unit}; convert it first"
        raise InvalidRequestError(msg, parameter=spec.name) from err


def _number(spec: Column, column: Any) -> Any:
    try:
        return np.ma.filled(np.ma.asarray(column).astype(float), np.nan)
    except (TypeError, ValueError) as err:
        msg = f"{spec.name}: the values are not numbers ({err}); give MJDs or a Time"
        raise InvalidRequestError(msg, parameter=spec.name) from err


def _conformed_bool(spec: Column, column: Any) -> Any:
    values = np.ma.filled(np.ma.asarray(column), False)
    if values.size and (values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all()):
        msg = (
            f"{spec.name}: the values are not True or False but {values[:3].tolist()}; convert them"
        )
        raise InvalidRequestError(msg, parameter=spec.name)
    return build_column(spec, values.astype(bool))


def _fill_errors(table: QTable) -> None:
    """Add nufnu_err: the mean of the asymmetric errors, or nothing known."""
    if "nufnu_err" in table.colnames:
        return
    errors = np.full(len(table), np.nan)
    if {"nufnu_errn", "nufnu_errp"} <= set(table.colnames):
        errors = 0.5 * (filled(table["nufnu_errn"]) + filled(table["nufnu_errp"]))
    table["nufnu_err"] = build_column(POINT["nufnu_err"], errors)


def _fill_dates(table: QTable) -> None:
    """Make ``undated`` and the MJDs agree: a point without any date is undated, and vice versa."""
    size = len(table)
    dates = {
        name: filled(table[name]) if name in table.colnames else np.full(size, np.nan)
        for name in _DAYS
    }
    undated = np.isnan(dates["mjd_start"]) & np.isnan(dates["mjd_end"])
    if "undated" in table.colnames:
        undated |= np.asarray(table["undated"], dtype=bool)
    for name, values in dates.items():
        table[name] = build_column(POINT[name], np.where(undated, np.nan, values))
    table["undated"] = build_column(POINT["undated"], undated)


def _fill_labels(table: QTable) -> None:
    size = len(table)
    if "is_upper_limit" not in table.colnames:
        table["is_upper_limit"] = build_column(POINT["is_upper_limit"], np.zeros(size, dtype=bool))
    if "catalog" not in table.colnames:
        table["catalog"] = build_column(POINT["catalog"], np.full(size, ""))
    if "band" not in table.colnames:
        table["band"] = build_column(POINT["band"], band_of(filled(table["nu"])))
    if "reference" not in table.colnames:
        table["reference"] = build_column(POINT["reference"], [None] * size)


def _describe_and_order(table: QTable) -> None:
    extras = [name for name in table.colnames if name not in POINT]
    for name in (*POINT, *extras):
        table.columns.move_to_end(name)
        spec = POINT.get(name) or OPTIONAL.get(name)
        if spec is not None:
            info = table[name].info
            info.description = info.description or spec.description
            info.meta = info.meta or {"ucd": spec.ucd}
