"""Filling the store: the embedded sample, data of your own, or a cache as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Table

from astroquery_mmdc.cache.memory import HeldRows
from astroquery_mmdc.cache.reading import Reader
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.server.datasets import Rows, datasets_of, sample_rows, sample_sources
from astroquery_mmdc.server.sources import SourceList
from astroquery_mmdc.server.store import ObservationStore, measured

__all__ = ["load", "open_store"]

# More rows than these, at about 500 bytes each, go to the disk.
_IN_MEMORY = 200_000


def load(data: str | Path | pa.Table | Table | None = None) -> ObservationStore:
    """Return a store of observations.

    Parameters
    ----------
    data : path-like or table, optional
        * nothing: the embedded sample;
        * a directory with ``observed_points.csv.gz`` and ``am3_parameters.csv``: measured SEDs;
        * a ZTF light curve as CSV, or a directory with such files;
        * a Parquet file of observations in the service's columns, or a directory with such files;
        * a directory that holds several of these: all of them;
        * a `pyarrow.Table` in the service's columns, or a `~astropy.table.QTable` as
          ``query_region`` returns it.

    Returns
    -------
    ObservationStore
        Up to some 100,000 rows are in memory. More are taken into a temporary folder, which is
        removed when the store is closed or no longer used.

    Raises
    ------
    InvalidRequestError
        There is no such path, or nothing in it is known, or a row has no position.
    ParseError
        A file is damaged or lacks a column.
    """
    if data is None:
        return ObservationStore(_sample(), SourceList(sample_sources()))
    datasets = datasets_of(data)
    sources = SourceList([source for _, found in datasets for source in found])
    rows = [some for some, _ in datasets]
    tables = map(measured, _with_unique_ids(rows))
    if sum(some.size for some in rows) > _IN_MEMORY:
        return _on_disk(tables, sources)
    return ObservationStore(Reader(HeldRows(tables)), sources)


@cache
def _sample() -> Reader:
    # It never changes: one is enough for all servers of a process.
    return Reader(HeldRows([sample_rows()]))


def open_store(folder: str | Path) -> ObservationStore:
    """Return the observations of a cache, read where they are; none of them is changed.

    Parameters
    ----------
    folder : path-like
        Folder of the cache, such as ``MMDC.cache.folder``.

    Returns
    -------
    ObservationStore
        With the names of the embedded sample: a cache holds none.

    Raises
    ------
    CacheError
        There is no cache in the folder, or it is damaged.
    """
    held = ObservationCache(folder, read_only=True)
    store = ObservationStore(held, SourceList(sample_sources()), release=held.close)
    len(store)  # what is wrong with it, and an index that has to be made, shows now
    return store


def _on_disk(tables: Iterable[pa.Table], sources: SourceList) -> ObservationStore:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mmdc-server-"))
        held = stack.enter_context(ObservationCache(folder))
        held.ingest(tables)
        return ObservationStore(held, sources, release=stack.pop_all().close)


def _with_unique_ids(rows: Sequence[Rows]) -> Iterator[pa.Table]:
    """Give the rows; where ids repeat, as in files from different places, all get new ones."""
    ids = pa.chunked_array([chunk for some in rows for chunk in some.ids().chunks], pa.int64())
    unique = pc.count_distinct(ids).as_py() == len(ids)
    first = 1
    for some in rows:
        for table in some.tables():
            yield table if unique else _numbered(table, first)
            first += table.num_rows


def _numbered(table: pa.Table, first: int) -> pa.Table:
    numbers = pa.array(np.arange(first, first + table.num_rows))
    return table.set_column(table.schema.get_field_index("id"), "id", numbers)
