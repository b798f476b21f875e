"""Arrow: observations as tables and back, and any table as Arrow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import QTable, Table
from astropy.time import Time
from msgspec import to_builtins
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.columnar import Order, is_among, numbers, texts
from astroquery_mmdc.schema.columns import (
    OBSERVATION,
    PHOTON_FLUX,
    PHOTON_FLUX_CATALOGS,
    REFERENCE_FIELDS,
    Column,
)
from astroquery_mmdc.schema.pending import Maker, pending_table
from astroquery_mmdc.schema.tables import (
    build_column,
    missing_value,
    observation_values,
    wire_values,
)

__all__ = [
    "META_KEY",
    "observations_from_arrow",
    "observations_to_arrow",
    "rows_to_arrow",
    "table_to_arrow",
]

META_KEY = b"astroquery_mmdc.meta"
"""Key of a table's ``meta``, as JSON, in the metadata of a Parquet file."""

PHOTON_FLUX_FIELDS = tuple(spec.wire for spec in PHOTON_FLUX)


def observations_from_arrow(
    table: pa.Table, order: Order = None, more: Mapping[str, Maker] | None = None
) -> QTable:
    """Return an Arrow table in the service's form (``reference`` a struct) as a QTable.

    Parameters
    ----------
    table : `pyarrow.Table`
        Rows in `OBSERVATION_SCHEMA`; texts may be dictionary-encoded.
    order : ndarray of int64, optional
        Numbers of the rows that are wanted; all as they come unless given.
    more : mapping of str to callable, optional
        Further columns, at the end, as for `pending_table`.

    Returns
    -------
    `~astropy.table.QTable`
        Its columns are made when they are looked at, see `pending_table`; until then the Arrow
        table is held.

    Raises
    ------
    ParseError
        A value that every row must have is missing.
    """
    rows = _Rows(table, order)
    for spec in OBSERVATION:
        if not spec.nullable:
            rows.check(spec)
    makers: dict[str, Maker] = {spec.name: partial(_made, rows, spec) for spec in OBSERVATION}
    makers |= {spec.name: partial(_made_photons, rows, spec) for spec in PHOTON_FLUX}
    size = table.num_rows if order is None else len(order)
    return pending_table({**makers, **(more or {})}, size)


@dataclass
class _Rows:
    """Rows of an Arrow table, whose columns are read one by one."""

    table: pa.Table
    order: Order

    def check(self, spec: Column) -> None:
        """Raise ParseError where a value is missing that must be there."""
        column = self.table.column(spec.wire)
        missing = np.asarray(column.is_null()) if column.null_count else None
        if spec.kind == "float" and missing is None:
            missing = np.isnan(column.to_numpy())
        if missing is not None and missing.any():
            raise missing_value(spec, missing)

    def values(self, spec: Column) -> NDArray[Any]:
        """Return the values of a column as `build_column` takes them."""
        if spec.wire in REFERENCE_FIELDS:
            column = _child(self.table.column("reference"), spec.wire)
        else:
            column = self.table.column(spec.wire)
        return (texts if spec.kind == "str" else numbers)(column, self.order)

    @cached_property
    def photons(self) -> NDArray[np.bool_]:
        """Where the flux is one of photons."""
        among = is_among(self.table.column("catalog"), PHOTON_FLUX_CATALOGS, self.order)
        among &= numbers(self.table.column("is_lightcurve"), self.order)
        return among


def _child(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    # Without compute functions where nothing is missing: they take longer than all the rest.
    if column.null_count:
        return pc.struct_field(column, name)
    return pa.chunked_array([chunk.field(name) for chunk in column.chunks], column.type[name].type)


def _made(rows: _Rows, spec: Column) -> Any:
    values = rows.values(spec)
    if spec.wire in PHOTON_FLUX_FIELDS:
        values = np.where(rows.photons, np.nan, values)
    return build_column(spec, values)


def _made_photons(rows: _Rows, spec: Column) -> Any:
    return build_column(spec, np.where(rows.photons, rows.values(spec), np.nan))


def observations_to_arrow(table: QTable) -> pa.Table:
    """Return a table of observations as Arrow, in the service's form."""
    values = observation_values(table)
    arrays = [
        _references(values)
        if field.name == "reference"
        else pa.array(values[field.name], field.type)
        for field in OBSERVATION_SCHEMA
    ]
    return pa.table(arrays, schema=OBSERVATION_SCHEMA)


def _references(values: Mapping[str, Sequence[str | None]]) -> pa.StructArray:
    parts = [values[name] for name in REFERENCE_FIELDS]
    missing = pa.array([not any(row) for row in zip(*parts, strict=True)], pa.bool_())
    arrays = [pa.array(part, pa.string()) for part in parts]
    return pa.StructArray.from_arrays(arrays, list(REFERENCE_FIELDS), mask=missing)


def rows_to_arrow(rows: Sequence[Any]) -> pa.Table:
    """Return rows as `decode_rows` gives them as Arrow, in the service's form.

    Raises
    ------
    ParseError
        A value that every row must have is missing.
    """
    arrays = []
    for field in OBSERVATION_SCHEMA:
        if field.name == "reference":
            values = [None if r.reference is None else to_builtins(r.reference) for r in rows]
        else:
            values = list(map(attrgetter(field.name), rows))
        arrays.append(pa.array(values, type=field.type))
        if not field.nullable and arrays[-1].null_count:
            msg = f"{field.name}: row {values.index(None)} has no value, but one is required"
            raise ParseError(msg)
    return pa.table(arrays, schema=OBSERVATION_SCHEMA)


def table_to_arrow(table: Table) -> tuple[pa.Table, list[str]]:
    """Return a table as Arrow, with units and descriptions in the metadata of the fields.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Times become MJDs; what is masked becomes null.

    Returns
    -------
    arrow : `pyarrow.Table`
        The ``meta`` of the table is its metadata, as JSON.
    left_out : list of str
        Names of columns that Arrow cannot hold.
    """
    arrays, fields, left_out = [], [], []
    for name in table.colnames:
        array = _array(table[name])
        if array is None:
            left_out.append(name)
            continue
        unit = "d" if isinstance(table[name], Time) else str(table[name].unit or "")
        facts = {"unit": unit, "description": table[name].info.description or ""}
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=facts))
    meta = json.dumps(dict(table.meta), default=str).encode()
    return pa.table(arrays, schema=pa.schema(fields, metadata={META_KEY: meta})), left_out


def _array(column: Any) -> pa.Array | None:
    values = column.mjd if isinstance(column, Time) else column
    dtype = getattr(values, "dtype", np.dtype(object))
    if dtype.kind not in "biufU" or getattr(values, "ndim", 1) != 1:
        return None
    kind = pa.string() if dtype.kind == "U" else pa.from_numpy_dtype(dtype)
    return pa.array(wire_values(values), type=kind)
