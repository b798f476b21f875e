"""Arrow: the schema of an observation, and any table as Arrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from astroquery_mmdc.schema.columns import OBSERVATION, REFERENCE_FIELDS, Column
from astroquery_mmdc.schema.tables import observation_rows, observation_table, wire_values

__all__ = [
    "META_KEY",
    "OBSERVATION_SCHEMA",
    "observations_from_arrow",
    "observations_to_arrow",
    "rows_to_arrow",
    "table_to_arrow",
]

META_KEY = b"astroquery_mmdc.meta"
"""Key of a table's ``meta``, as JSON, in the metadata of a Parquet file."""

_TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "str": pa.string()}

OBSERVATION_SCHEMA = pa.schema(
    [
        pa.field(spec.wire, _TYPES[spec.kind], nullable=spec.nullable or spec.wire == "flux")
        for spec in OBSERVATION
        if spec.wire not in REFERENCE_FIELDS
    ]
    + [pa.field("reference", pa.struct([(field, pa.string()) for field in REFERENCE_FIELDS]))]
)
"""One row of ``/api/observations/``; the reference stays the struct that the service sends."""


def observations_from_arrow(table: pa.Table) -> QTable:
    """Return an Arrow table in the service's form (``reference`` a struct) as a QTable."""
    values: dict[str, Any] = {}
    for spec in OBSERVATION:
        if spec.wire in REFERENCE_FIELDS:
            column = pc.struct_field(table.column("reference"), spec.wire)
        else:
            column = table.column(spec.wire)
        values[spec.name] = _from_arrow(spec, column)
    return observation_table(values)


def _from_arrow(spec: Column, column: pa.ChunkedArray) -> Any:
    if spec.kind == "float":
        return column.to_numpy()
    if spec.kind == "str":
        return _texts_from_arrow(column)
    return column.to_pylist() if column.null_count else column.to_numpy()


def _texts_from_arrow(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return texts as a plain array, masked where null; each different one is made once."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    missing = np.asarray(array.is_null())
    used, places = np.unique(np.asarray(array.indices.fill_null(-1)), return_inverse=True)
    there = used[used >= 0]
    words = [_iso(word) for word in array.dictionary.take(pa.array(there)).to_pylist()]
    # A null has the code -1, which sorts first.
    words = [""] * (len(used) - len(there)) + words
    texts = np.array(words, dtype=str)[places]
    return np.ma.MaskedArray(texts, missing) if missing.any() else texts


def _iso(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def observations_to_arrow(table: QTable) -> pa.Table:
    """Return a table of observations as Arrow, in the service's form."""
    return pa.Table.from_pylist(observation_rows(table), schema=OBSERVATION_SCHEMA)


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
