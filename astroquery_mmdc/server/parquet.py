"""Parquet files of observations, read in the service's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from astroquery_mmdc.cache.ingest import batches_of
from astroquery_mmdc.cache.layout import ROW_SCHEMA
from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.columns import REFERENCE_FIELDS

__all__ = ["ParquetRows", "check_columns"]

_REQUIRED = ("id", "catalog", "ra", "dec", "flux", "is_lightcurve", "is_upper_limit")
_SERVICE_TIME = pa.timestamp("us", "UTC")


class ParquetRows:
    """The observations of a file; they are read when they are asked for, some at a time.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ParseError
        It is damaged; or, from the methods, a column is not of the service's type.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reading(path):
            metadata = pq.read_metadata(path)
        self.size: int = metadata.num_rows
        self.columns: list[str] = metadata.schema.to_arrow_schema().names

    def ids(self) -> pa.ChunkedArray:
        """Return the ids of all rows."""
        with _reading(self._path):
            column = pq.read_table(self._path, columns=["id"]).column("id")
        with _converting(self._path):
            return column.cast(pa.int64())

    def tables(self) -> Iterator[pa.Table]:
        """Give the rows in the service's columns; what the file lacks is left out."""
        with _reading(self._path):
            for table in batches_of(self._path):
                yield self._in_service_columns(table)

    def _in_service_columns(self, table: pa.Table) -> pa.Table:
        # The sky identifier follows from the position; what a file says does not count.
        wanted = {*table.column_names} - {"sky_identifier"}
        with _converting(self._path):
            return pa.table(
                {
                    field.name: _service_column(table.column(field.name), field)
                    for field in ROW_SCHEMA
                    if field.name in wanted
                }
            )


def check_columns(where: str, names: Sequence[str]) -> None:
    """Raise `ParseError` if a column is missing that every row needs."""
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        msg = f"{where}: has no column {', '.join(missing)}; its columns are {list(names)}"
        raise ParseError(msg)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, InvalidRequestError) as err:
        msg = f"{path}: cannot be read as Parquet ({err})"
        raise ParseError(msg) from err


@contextmanager
def _converting(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ValueError, TypeError) as err:
        msg = f"{path}: a column is not of the service's type ({err})"
        raise ParseError(msg) from err


def _service_column(column: pa.ChunkedArray, field: pa.Field) -> Any:
    if field.name == "reference":
        return _reference(column.combine_chunks())
    if pa.types.is_timestamp(column.type):
        # The store writes these itself, as the service does.
        is_plain = column.type == _SERVICE_TIME
        return column if is_plain else pc.replace_substring(column.cast(field.type), " ", "T")
    if pa.types.is_dictionary(field.type):
        return _text(column)
    return column.cast(field.type)


def _reference(column: Any) -> pa.Array:
    parts = [_text(pc.struct_field(column, name)) for name in REFERENCE_FIELDS]
    # A reference without words is none; the service writes null then.
    empty = pc.or_(pc.is_null(column), pc.is_null(parts[0]))
    return pa.StructArray.from_arrays(parts, list(REFERENCE_FIELDS), mask=empty)


def _text(column: Any) -> Any:
    kind = column.type
    is_coded = pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)
    return column if is_coded else column.cast(pa.string())
