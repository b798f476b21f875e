"""Finding observations and sources in whatever is given to the server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import QTable, Table

from astroquery_mmdc.cache.layout import Layout
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.arrow import observations_to_arrow
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.server.parquet import ParquetRows, check_columns
from astroquery_mmdc.server.sources import Source
from astroquery_mmdc.server.surveys import (
    BLAZAR_POINTS,
    ZTF_COLUMNS,
    read_blazar_seds,
    read_ztf,
)

__all__ = ["Dataset", "Rows", "datasets_of", "sample_rows", "sample_sources"]

log = logging.getLogger(__name__)

_DATA = resources.files("astroquery_mmdc.server") / "data"


class Rows(Protocol):
    """Observations that are read when they are asked for."""

    @property
    def size(self) -> int:
        """Number of rows."""

    def ids(self) -> pa.ChunkedArray:
        """Return the ids of all rows."""

    def tables(self) -> Iterator[pa.Table]:
        """Give the rows in the service's columns, without the sky identifier."""


Dataset = tuple[Rows, list[Source]]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows in memory."""

    table: pa.Table

    @property
    def size(self) -> int:
        return int(self.table.num_rows)

    def ids(self) -> pa.ChunkedArray:
        return self.table.column("id")

    def tables(self) -> Iterator[pa.Table]:
        # The sky identifier follows from the position.
        names = [name for name in self.table.column_names if name != "sky_identifier"]
        yield self.table.select(names)


def datasets_of(data: str | Path | pa.Table | Table) -> list[Dataset]:
    """Return what is given, file by file; see `~astroquery_mmdc.server.load`."""
    if isinstance(data, Table):
        data = observations_to_arrow(QTable(data, copy=False))
    if isinstance(data, pa.Table):
        check_columns("data", data.column_names)
        return [(_Table(data), [])]
    return _of_path(Path(data).expanduser())


def sample_rows() -> pa.Table:
    """Return the observations of the embedded sample."""
    with (_DATA / "observations.parquet").open("rb") as stream:
        return pq.read_table(stream).drop_columns(["sky_identifier"])


def sample_sources() -> list[Source]:
    """Return the sources of the embedded sample."""
    entries = json.loads((_DATA / "sources.json").read_text(encoding="utf-8"))
    return [Source(**{**entry, "aliases": tuple(entry["aliases"])}) for entry in entries]


# ---------------------------------------------------------------- files


def _of_path(path: Path) -> list[Dataset]:
    if not path.exists():
        msg = f"data: {path} does not exist; give a file or directory of observations"
        raise InvalidRequestError(msg, parameter="data")
    if Layout(path).manifest.is_file():
        msg = f"data: {path} is a cache, not data; give it as store="
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
        return [_held(*read_blazar_seds(folder))]
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [dataset for path in files for dataset in _read_file(path)]


def _read_file(path: Path) -> list[Dataset]:
    if path.suffix == ".parquet":
        return [_read_parquet(path)]
    if path.suffix == ".csv" and _looks_like_ztf(path):
        return [_held(*read_ztf(path))]
    log.debug("%s: not data of the server", path)
    return []


def _held(table: pa.Table, sources: list[Source]) -> Dataset:
    return _Table(table), sources


def _looks_like_ztf(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as stream:
        header = stream.readline().strip().split(",")
    return set(ZTF_COLUMNS) <= set(header)


def _read_parquet(path: Path) -> Dataset:
    rows = ParquetRows(path)
    if "flux" not in rows.columns and {"ra", "dec"} <= set(rows.columns):
        return _Table(OBSERVATION_SCHEMA.empty_table()), list(_sources(pq.read_table(path)))
    check_columns(str(path), rows.columns)
    return rows, []


def _sources(table: pa.Table) -> Iterable[Source]:
    for number, row in enumerate(table.to_pylist()):
        name = str(row.get("name") or f"source {row.get('source', number)}")
        yield Source(name, float(row["ra"]), float(row["dec"]), redshift=row.get("redshift"))
