"""Taking in many rows: an external sort along the sky."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from astroquery_mmdc.cache.build import Base, Progress, Run
from astroquery_mmdc.cache.hats import CODED
from astroquery_mmdc.cache.layout import KEY, MAX_KEY, STORE_SCHEMA, Layout
from astroquery_mmdc.cache.maintenance import (
    commit_generation,
    merged_covers,
    new_folder,
    snapshot_sources,
    space_errors,
)
from astroquery_mmdc.cache.manifest import Manifest
from astroquery_mmdc.cache.pipeline import ahead
from astroquery_mmdc.cache.rows import normalised, taken
from astroquery_mmdc.cache.snapshot import Snapshot
from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Source", "batches_of", "newest_ids", "spooled", "take_in", "without_older"]

Source: TypeAlias = str | Path | Iterable[Any]
"""A table or batch of Arrow, a Parquet file, a folder with some, or an iterable of these."""

# Rows that are sorted at once. Columns of this size use the same memory again and again: of larger
# ones each comes fresh from the system, which takes as long as the sorting.
_BATCH = 125_000
# Of this many numbers, or fewer, one is an id: then a table of all of them pays.
_SPARSE = 16
# Bytes of rows that wait in memory for the others; more go to the disk.
_IN_MEMORY = 1 << 30
# A group of more rows is read piece by piece, which is slower.
_LARGE_GROUP = 2_000_000


def batches_of(source: Source) -> Iterator[pa.Table]:
    """Give the rows of whatever `ObservationCache.ingest` takes, some at a time."""
    if isinstance(source, pa.Table | pa.RecordBatch):
        table = source if isinstance(source, pa.Table) else pa.Table.from_batches([source])
        for start in range(0, table.num_rows, _BATCH):
            yield table.slice(start, _BATCH)
    elif isinstance(source, str | Path):
        yield from _file_batches(Path(source).expanduser())
    elif isinstance(source, Iterable):
        for item in source:
            yield from batches_of(item)
    else:
        msg = f"source: {source!r} holds no rows; give a table, Parquet files or batches"
        raise InvalidRequestError(msg, parameter="source")


def _file_batches(path: Path) -> Iterator[pa.Table]:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        msg = f"source: there is no Parquet file in {path}; give a file or a folder with some"
        raise InvalidRequestError(msg, parameter="source")
    for file in files:
        try:
            coded = _coded(pq.read_metadata(file))
            with pq.ParquetFile(file, read_dictionary=coded) as opened:
                yield from _joined(
                    table
                    for group in range(opened.num_row_groups)
                    for table in _group_tables(opened, group)
                )
        except (OSError, pa.ArrowInvalid) as err:
            msg = f"source: {file} cannot be read as Parquet ({err}); give another file"
            raise InvalidRequestError(msg, parameter="source") from err


def _coded(metadata: pq.FileMetaData) -> list[str]:
    """Return the columns of a file that are read as codes; it may lack some of them."""
    paths = {metadata.schema.column(place).path for place in range(metadata.num_columns)}
    return [name for name in CODED if name in paths]


def _group_tables(opened: pq.ParquetFile, group: int) -> Iterator[pa.Table]:
    # Codes inside a struct can be read from one row group at a time only.
    if opened.metadata.row_group(group).num_rows <= _LARGE_GROUP:
        table = opened.read_row_group(group)
        for start in range(0, table.num_rows, _BATCH):
            yield table.slice(start, _BATCH)
    else:
        for batch in opened.iter_batches(_BATCH, row_groups=[group]):
            yield pa.Table.from_batches([batch])


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Give larger tables where small ones come."""
    held: list[pa.Table] = []
    for table in tables:
        if held and sum(some.num_rows for some in held) + table.num_rows > _BATCH:
            yield pa.concat_tables(held)
            held = []
        held.append(table)
    if held:
        yield pa.concat_tables(held)


def spooled(source: Source, folder: Path) -> list[Run]:
    """Return rows as runs, each batch sorted along the sky.

    The first ones stay in memory. The others go to files in a folder and come back as memory maps:
    what is not looked at takes no memory.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="mmdc-spool") as pool:
        files: list[Future[pa.Table]] = []
        tables: list[pa.Table] = []
        first_row = held = 0
        for number, batch in enumerate(ahead(batches_of(source))):
            table = _sorted(newest_ids(normalised(batch, first_row=first_row)))
            first_row += batch.num_rows
            held += table.nbytes
            if held <= _IN_MEMORY:
                tables.append(table)
                continue
            if files:
                # One at a time: rows that wait for the disk are in memory.
                files[-1].result()
            files.append(pool.submit(_spool, folder / f"{number:05d}.arrow", table))
        tables += [file.result() for file in files]
    return [Run(table, np.empty(0, dtype=np.int64)) for table in tables]


def _sorted(table: pa.Table) -> pa.Table:
    return taken(table, np.argsort(table.column(KEY).to_numpy()))


def _spool(path: Path, table: pa.Table) -> pa.Table:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, STORE_SCHEMA) as writer:
        writer.write_table(table)
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def take_in(
    layout: Layout,
    manifest: Manifest,
    snapshot: Snapshot,
    source: Source,
    *,
    complete_at: float | None,
    progress: Progress | None,
) -> int:
    """Make the next generation of a store out of what it holds and new rows.

    Parameters
    ----------
    layout, manifest
        The store; its lock of maintenance is held.
    snapshot : Snapshot
        What it holds.
    source : Source
        New rows.
    complete_at : float or None
        Since when these are all rows there are; None if they are only more.
    progress : callable, optional
        Called with the number of rows stored since the last call.

    Returns
    -------
    int
        Number of rows taken in.
    """
    with new_folder(layout) as spool:
        with space_errors("taking in the rows"):
            runs = spooled(source, spool)
        base: Base | None = None
        older: list[Run] = []
        if complete_at is None:
            snapshot, runs = _newest(snapshot, runs)
            base, older = snapshot_sources(layout, manifest, snapshot)
            covers = merged_covers(manifest, snapshot.upto)
        else:
            _, runs = without_older([], runs)
            covers = [("", 0, MAX_KEY, complete_at)]
        commit_generation(
            layout,
            manifest,
            snapshot.upto,
            base,
            [*older, *runs],
            covers=covers,
            progress=progress,
        )
        return sum(run.table.num_rows - len(run.dead) for run in runs)


def _newest(snapshot: Snapshot, runs: list[Run]) -> tuple[Snapshot, list[Run]]:
    held = [part.rows.values("id") for part in snapshot.parts]
    dead, runs = without_older(held, runs)
    parts = zip(snapshot.parts, dead, strict=True)
    return replace(snapshot, parts=tuple(part.without(gone) for part, gone in parts)), runs


def newest_ids(table: pa.Table) -> pa.Table:
    """Return rows with the last one of each id."""
    ids = table.column("id").to_numpy()
    older = _older(ids)
    if not len(older):
        return table
    keep = np.ones(len(ids), dtype=bool)
    keep[older] = False
    return table.filter(pa.array(keep))


def _older(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of ids that occur again further on, ascending."""
    if _all_differ(ids):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    again = ids[order[1:]] == ids[order[:-1]]
    return np.sort(order[:-1][again])


def _all_differ(ids: NDArray[np.int64]) -> bool:
    if len(ids) < 2 or (np.diff(ids) > 0).all():
        return True
    low, high = int(ids.min()), int(ids.max())
    if high - low < _SPARSE * len(ids):
        # Much faster than sorting, and ids are mostly given in succession.
        seen = np.zeros(high - low + 1, dtype=bool)
        seen[ids - low] = True
        return int(np.count_nonzero(seen)) == len(ids)
    ordered = np.sort(ids)
    return bool((ordered[1:] != ordered[:-1]).all())


def without_older(
    held: list[NDArray[np.int64]], runs: list[Run]
) -> tuple[list[NDArray[np.int64]], list[Run]]:
    """Find the rows whose id comes again in a newer run.

    Parameters
    ----------
    held : list of ndarray
        Ids of what is held already, each array newer than the one before.
    runs : list of Run
        New rows, likewise, and newer than all that is held.

    Returns
    -------
    dead : list of ndarray
        Numbers of the rows that are no longer wanted in each of what is held.
    runs : list of Run
        The runs without those of their rows.
    """
    ids = [*held, *(run.table.column("id").to_numpy() for run in runs)]
    older = _older(np.concatenate(ids)) if ids else np.empty(0, dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(some) for some in ids])]).astype(np.int64)
    cuts = older.searchsorted(offsets)
    dead = [older[cuts[n] : cuts[n + 1]] - offsets[n] for n in range(len(ids))]
    fresh = [
        replace(run, dead=gone) if len(gone) else run
        for run, gone in zip(runs, dead[len(held) :], strict=True)
    ]
    return dead[: len(held)], fresh
