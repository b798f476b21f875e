"""Arrow: the schema of an observation, and any table as Arrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.table import Table
from astropy.time import Time
from msgspec import to_builtins

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import OBSERVATION, REFERENCE_FIELDS
from astroquery_mmdc.schema.tables import wire_values

__all__ = ["META_KEY", "OBSERVATION_SCHEMA", "rows_to_arrow", "table_to_arrow"]

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
