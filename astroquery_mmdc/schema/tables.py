"""JSON and Arrow to tables with units and masks, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from astropy import units as u
from astropy.table import Column as TableColumn
from astropy.table import MaskedColumn, QTable
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import (
    OBSERVATION,
    PHOTON_FLUX,
    PHOTON_FLUX_CATALOGS,
    REFERENCE_FIELDS,
    SED_POINT,
    Column,
    by_name,
)
from astroquery_mmdc.schema.rows import rows_from_objects
from astroquery_mmdc.schema.wire import UNDATED_MJD, UNDATED_MJD_LEGACY

__all__ = [
    "build_column",
    "decode_json",
    "missing_value",
    "observation_table",
    "observation_values",
    "observations_from_rows",
    "sed_columns",
    "sed_to_json",
    "undated_mask",
    "wire_values",
]

_DTYPES = {"float": np.float64, "int": np.int64, "bool": np.bool_}
# Kinds of numpy arrays that a list without gaps turns into.
_COMPLETE = {"int": "iu", "bool": "b", "str": "U"}
_FILL = {"float": np.nan, "int": 0, "bool": False, "str": ""}


def decode_json(body: bytes | str) -> Any:
    """Parse JSON; NaN and Infinity are allowed, as Python's servers write them.

    Raises
    ------
    ParseError
        With the first characters of the answer, for example of an HTML page; also where lists and
        objects are nested deeper than Python can go.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Python's own servers write NaN and Infinity, which strict parsers refuse.
        pass
    try:
        return json.loads(body)
    except ValueError as err:
        raise _no_json(body, f"is not JSON ({err})") from err
    except RecursionError as err:
        raise _no_json(body, "is nested too deeply to be read") from err


def _no_json(body: bytes | str, what: str) -> ParseError:
    text = body[:400] if isinstance(body, str) else body[:400].decode("utf-8", "replace")
    excerpt = " ".join(text.split())[:120]
    return ParseError(f"the answer {what}; it begins with {excerpt!r}", excerpt=excerpt)


# ---------------------------------------------------------------- values -> columns


def build_column(spec: Column, values: Sequence[Any] | NDArray[Any]) -> Any:
    """Return the column that ``spec`` describes.

    Parameters
    ----------
    spec : Column
        Kind, unit and description.
    values : sequence or array
        One value for each row; None, or masked, where missing.

    Returns
    -------
    Column, MaskedColumn or Quantity
        Masked only where something is missing, as astropy's own readers do it.
    """
    data, mask = _checked(spec, values)
    if spec.unit is not None:
        return _describe(spec, _quantity(spec, data, mask))
    return _plain_column(data, mask, name=spec.name, description=spec.description, meta=_meta(spec))


def _checked(
    spec: Column, values: Sequence[Any] | NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    data, mask = _with_mask(spec, values)
    if mask is not None and not spec.nullable:
        raise missing_value(spec, mask)
    return data, mask


def missing_value(spec: Column, mask: NDArray[np.bool_]) -> ParseError:
    """Return the error that says where a value is missing that every row must have."""
    row = int(np.flatnonzero(mask)[0])
    return ParseError(f"{spec.wire}: row {row} has no value, but one is required")


def _with_mask(spec: Column, values: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    if spec.kind == "float":
        data = _as_array(spec, values, np.float64)
        mask = np.isnan(data)
        return data, mask if mask.any() else None
    if isinstance(values, np.ma.MaskedArray):
        return values.data, np.asarray(values.mask)
    dtype = _DTYPES.get(spec.kind, str)
    data = np.asarray(values)
    if data.dtype.kind in _COMPLETE[spec.kind]:
        return data.astype(dtype, copy=False), None
    missing = np.array([value is None for value in values], dtype=bool)
    if spec.kind == "bool":
        return _as_array(spec, [bool(value) for value in values], np.bool_), None
    fill = _FILL[spec.kind]
    filled = [fill if value is None else value for value in values]
    return _as_array(spec, filled, dtype), missing if missing.any() else None


def _as_array(spec: Column, values: Any, dtype: Any) -> NDArray[Any]:
    try:
        return np.asarray(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as err:
        msg = f"{spec.wire}: a value is not of kind {spec.kind} ({err})"
        raise ParseError(msg) from err


def _bare_column(spec: Column, values: Sequence[Any] | NDArray[Any]) -> Any:
    data, mask = _checked(spec, values)
    return _plain_column(data, mask) if spec.unit is None else _quantity(spec, data, mask)


def _plain_column(data: NDArray[Any], mask: NDArray[np.bool_] | None, **facts: Any) -> TableColumn:
    if mask is None:
        return TableColumn(data, copy=False, **facts)
    return MaskedColumn(data, mask=mask, copy=False, **facts)


def _quantity(spec: Column, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> u.Quantity:
    quantity = u.Quantity(data, _unit(str(spec.unit)), copy=False)
    return quantity if mask is None else Masked(quantity, mask)


def _describe(spec: Column, column: Any) -> Any:
    info = column.info
    info.name, info.description, info.meta = spec.name, spec.description, _meta(spec)
    return column


def _meta(spec: Column) -> dict[str, str]:
    return {"ucd": spec.ucd}


@cache
def _unit(name: str) -> u.UnitBase:
    """Parse a unit once: it takes longer than to make a column."""
    return u.Unit(name)


# ---------------------------------------------------------------- columns -> values


def wire_values(column: Any) -> list[Any]:
    """Return a column as plain Python values, None where masked or not a number."""
    mask = np.asarray(getattr(column, "mask", False))
    data = getattr(column, "unmasked", column)
    data = np.asarray(getattr(data, "value", data))
    if data.dtype.kind == "f":
        mask = mask | ~np.isfinite(data)
    values = data.tolist()
    if not mask.any():
        return list(values)
    return [
        None if gone else value
        for value, gone in zip(values, np.broadcast_to(mask, data.shape), strict=True)
    ]


# ---------------------------------------------------------------- observations


def observations_from_rows(rows: Iterable[Any]) -> QTable:
    """Return the rows of ``/api/observations/`` as a table.

    Parameters
    ----------
    rows : iterable
        As `decode_rows` returns them, or as JSON objects; ``reference`` may be null.

    Returns
    -------
    `~astropy.table.QTable`
        All columns of `OBSERVATION` and `PHOTON_FLUX`, also when there is no row.
    """
    records = rows_from_objects(rows)
    values: dict[str, Any] = {}
    for spec in OBSERVATION:
        if spec.wire not in REFERENCE_FIELDS:
            values[spec.name] = list(map(attrgetter(spec.wire), records))
    references = [record.reference for record in records]
    for spec in OBSERVATION:
        if spec.wire in REFERENCE_FIELDS:
            values[spec.name] = [
                None if reference is None else getattr(reference, spec.wire)
                for reference in references
            ]
    return observation_table(values)


def observation_table(values: Mapping[str, Any]) -> QTable:
    """Return the table of observations from the values of its columns, by our names."""
    photons = _photon_rows(values)
    columns = {}
    for spec in OBSERVATION:
        if spec.name in ("flux", "flux_err"):
            data = np.where(photons, np.nan, _as_array(spec, values[spec.name], np.float64))
            columns[spec.name] = _bare_column(spec, data)
        else:
            columns[spec.name] = _bare_column(spec, values[spec.name])
    for spec in PHOTON_FLUX:
        data = np.where(photons, _as_array(spec, values[spec.wire], np.float64), np.nan)
        columns[spec.name] = _bare_column(spec, data)
    table = QTable(columns, copy=False)
    # Described in the table: on its way there a column's meta is copied three times.
    for spec in (*OBSERVATION, *PHOTON_FLUX):
        _describe(spec, table[spec.name])
    return table


def _photon_rows(values: Mapping[str, Any]) -> NDArray[np.bool_]:
    catalogs = np.asarray(values["catalog"], dtype=str)
    lightcurve = np.asarray(values["is_lightcurve"], dtype=bool)
    photons: NDArray[np.bool_] = np.isin(catalogs, PHOTON_FLUX_CATALOGS) & lightcurve
    return photons


def _merged_flux(table: QTable) -> dict[str, list[Any]]:
    merged: dict[str, list[Any]] = {}
    for spec in PHOTON_FLUX:
        plain = wire_values(table[spec.wire])
        photons = wire_values(table[spec.name]) if spec.name in table.colnames else plain
        merged[spec.wire] = [
            photon if value is None else value for value, photon in zip(plain, photons, strict=True)
        ]
    return merged


def observation_values(table: QTable) -> dict[str, list[Any]]:
    """Return the values of a table of observations by the service's names, None where missing."""
    merged = _merged_flux(table)
    return {
        spec.wire: merged.get(spec.wire) or wire_values(table[spec.name]) for spec in OBSERVATION
    }


# ---------------------------------------------------------------- SED points


def undated_mask(mjd_start: Any, mjd_end: Any, *, placeholders: Iterable[float]) -> Any:
    """Return where an interval stands for "no date": missing, or both ends on a placeholder."""
    start = np.asarray(mjd_start, dtype=float)
    end = np.asarray(mjd_end, dtype=float)
    undated = np.isnan(start) & np.isnan(end)
    for placeholder in placeholders:
        undated |= (start == placeholder) & (end == placeholder)
    return undated


def sed_columns(sed: Mapping[str, Any], *, legacy: bool = False) -> dict[str, Any]:
    """Return the points of an SED answer as columns.

    Parameters
    ----------
    sed : mapping
        The ``sed`` object of the answer: lists of equal length, ``catalogs`` and ``catalog_idx``.
    legacy : bool, optional
        Whether MJD 55000 stands for "undated" too, as in the older interface.

    Returns
    -------
    dict
        Name to column, in the order of `SED_POINT`. MJDs of undated points are masked.
    """
    specs = by_name(SED_POINT)
    size = len(sed.get("freq_hz") or ())
    values = {
        spec.name: _sed_values(sed, spec, size)
        for spec in SED_POINT
        if spec.name not in ("catalog", "band", "reference", "undated")
    }
    start, end = (np.array(values[name], dtype=float) for name in ("mjd_start", "mjd_end"))
    undated = _sed_undated(sed, start, end, legacy=legacy)
    values["mjd_start"], values["mjd_end"] = (np.where(undated, np.nan, t) for t in (start, end))
    values["undated"] = undated
    values.update(_catalog_values(sed, size))
    return {name: build_column(spec, values[name]) for name, spec in specs.items()}


def _sed_values(sed: Mapping[str, Any], spec: Column, size: int) -> Any:
    values = sed.get(spec.wire)
    if values is None:
        return [None] * size
    if len(values) != size:
        msg = f"sed.{spec.wire} has {len(values)} values for {size} frequencies"
        raise ParseError(msg)
    return np.array(values, dtype=float) if spec.kind == "float" else values


def _sed_undated(sed: Mapping[str, Any], start: Any, end: Any, *, legacy: bool) -> Any:
    flags = sed.get("undated")
    if flags is not None and len(flags) == len(start):
        return np.array(flags, dtype=bool)
    placeholders = (UNDATED_MJD, UNDATED_MJD_LEGACY) if legacy else (UNDATED_MJD,)
    return undated_mask(start, end, placeholders=placeholders)


def _catalog_values(sed: Mapping[str, Any], size: int) -> dict[str, Any]:
    catalogs = sed.get("catalogs") or []
    index = np.asarray(sed.get("catalog_idx") or [], dtype=np.int64)
    if len(index) != size or (size and (index.min() < 0 or index.max() >= len(catalogs))):
        msg = f"sed.catalog_idx does not point into the {len(catalogs)} catalogues of the answer"
        raise ParseError(msg)
    values: dict[str, Any] = {}
    for name, key in (("catalog", "name"), ("band", "band"), ("reference", "reference")):
        entries = [catalog.get(key) for catalog in catalogs]
        if None in entries:
            values[name] = [entries[position] for position in index.tolist()]
        else:
            values[name] = np.array(entries, dtype=str)[index] if size else np.array([], dtype=str)
    return values


def sed_to_json(table: QTable, *, colors: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return SED points in the service's form: the inverse of `sed_columns`.

    Undated points get the placeholder MJD 50000, as the service writes them today.
    """
    undated = np.asarray(table["undated"], dtype=bool)
    answer: dict[str, Any] = {spec.wire: wire_values(table[spec.name]) for spec in SED_POINT[:-3]}
    for name in ("mjd_start", "mjd_end"):
        answer[name] = [
            UNDATED_MJD if missing else value
            for value, missing in zip(answer[name], undated.tolist(), strict=True)
        ]
    keys = list(zip(*(wire_values(table[spec.name]) for spec in SED_POINT[-3:]), strict=True))
    catalogs = list(dict.fromkeys(keys))
    position = {key: index for index, key in enumerate(catalogs)}
    answer["catalog_idx"] = [position[key] for key in keys]
    answer["catalogs"] = [
        {"name": name, "band": band, "reference": reference, "color": (colors or {}).get(name)}
        for name, band, reference in catalogs
    ]
    return answer
