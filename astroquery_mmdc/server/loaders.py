"""Filling the store: the embedded sample, or data of your own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.arrow import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.columns import REFERENCE_FIELDS
from astroquery_mmdc.server.sources import Source, SourceList
from astroquery_mmdc.server.store import ObservationStore
from astroquery_mmdc.server.surveys import (
    BLAZAR_POINTS,
    ZTF_COLUMNS,
    read_blazar_seds,
    read_ztf,
)

__all__ = ["load"]

log = logging.getLogger(__name__)

Dataset = tuple[pa.Table, list[Source]]

_REQUIRED = ("id", "catalog", "ra", "dec", "flux", "is_lightcurve", "is_upper_limit")


def load(data: str | Path | None = None) -> ObservationStore:
    """Return a store of observations.

    Parameters
    ----------
    data : path-like, optional
        * nothing: the embedded sample;
        * a directory with ``observed_points.csv.gz`` and ``am3_parameters.csv``: measured SEDs;
        * a ZTF light curve as CSV, or a directory with such files;
        * a Parquet file of observations in the service's columns, or a directory with such files;
        * a directory that holds several of these: all of them.

    Raises
    ------
    InvalidRequestError
        There is no such path, or nothing in it is known.
    ParseError
        A file is damaged or lacks a column.
    """
    datasets = [_sample()] if data is None else _datasets(Path(data))
    tables = [table for table, _ in datasets if table.num_rows]
    table = pa.concat_tables(tables) if tables else OBSERVATION_SCHEMA.empty_table()
    sources = [source for _, found in datasets for source in found]
    return ObservationStore(_with_unique_ids(table), SourceList(sources))


def _sample() -> Dataset:
    folder = resources.files("astroquery_mmdc.server") / "data"
    with (folder / "observations.parquet").open("rb") as stream:
        table = pq.read_table(stream)
    entries = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    sources = [Source(**{**entry, "aliases": tuple(entry["aliases"])}) for entry in entries]
    return table.cast(OBSERVATION_SCHEMA), sources


def _datasets(path: Path) -> list[Dataset]:
    if not path.exists():
        msg = f"data: {path} does not exist; give a file or directory of observations"
        raise InvalidRequestError(msg, parameter="data")
    found = _read_file(path) if path.is_file() else _read_folder(path)
    if path.is_dir():
        for child in sorted(path.iterdir()):
            found += _read_folder(child) if child.is_dir() else []
    if not found:
        msg = (
            f"data: nothing in {path} is known; expected {BLAZAR_POINTS} with am3_parameters.csv, "
            "a ZTF light curve (.csv) or observations (.parquet)"
        )
        raise InvalidRequestError(msg, parameter="data")
    return found


def _read_folder(folder: Path) -> list[Dataset]:
    if (folder / BLAZAR_POINTS).exists():
        return [read_blazar_seds(folder)]
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [dataset for path in files for dataset in _read_file(path)]


def _read_file(path: Path) -> list[Dataset]:
    if path.suffix == ".parquet":
        return [_read_parquet(path)]
    if path.suffix == ".csv" and _looks_like_ztf(path):
        return [read_ztf(path)]
    log.debug("%s: not data of the server", path)
    return []


def _looks_like_ztf(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as stream:
        header = stream.readline().strip().split(",")
    return set(ZTF_COLUMNS) <= set(header)


# ---------------------------------------------------------------- Parquet


def _read_parquet(path: Path) -> Dataset:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as err:
        msg = f"{path}: cannot be read as Parquet ({err})"
        raise ParseError(msg) from err
    if "flux" not in table.column_names and {"ra", "dec"} <= set(table.column_names):
        return OBSERVATION_SCHEMA.empty_table(), list(_sources(table))
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        msg = f"{path}: has no column {', '.join(missing)}; its columns are {table.column_names}"
        raise ParseError(msg)
    try:
        columns = [_wire_column(table, field) for field in OBSERVATION_SCHEMA]
        return pa.table(columns, schema=OBSERVATION_SCHEMA), []
    except (pa.ArrowException, ValueError, TypeError) as err:
        msg = f"{path}: a column is not of the service's type ({err})"
        raise ParseError(msg) from err


def _sources(table: pa.Table) -> Iterable[Source]:
    for number, row in enumerate(table.to_pylist()):
        name = str(row.get("name") or f"source {row.get('source', number)}")
        yield Source(name, float(row["ra"]), float(row["dec"]), redshift=row.get("redshift"))


def _wire_column(table: pa.Table, field: pa.Field) -> Any:
    if field.name == "sky_identifier":  # the store computes it
        return pa.repeat(pa.scalar(0, field.type), table.num_rows)
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    column = table.column(field.name)
    if field.name == "reference":
        return _reference(column.combine_chunks())
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring(column.cast(field.type), " ", "T")
    return column.cast(field.type)


def _reference(column: Any) -> pa.Array:
    parts = [pc.struct_field(column, name).cast(pa.string()) for name in REFERENCE_FIELDS]
    # A reference without words is none; the service writes null then.
    empty = pc.or_(pc.is_null(column), pc.is_null(parts[0]))
    return pa.StructArray.from_arrays(parts, list(REFERENCE_FIELDS), mask=empty)


def _with_unique_ids(table: pa.Table) -> pa.Table:
    ids = table.column("id")
    if pc.count_distinct(ids).as_py() == table.num_rows:
        return table
    numbers = pa.array(np.arange(1, table.num_rows + 1))
    return table.set_column(
        table.schema.get_field_index("id"), OBSERVATION_SCHEMA.field("id"), numbers
    )
