"""Work on a store that happens aside: compaction, ingestion, clearing, sweeping."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.build import Base, Progress, Run, build_generation
from astroquery_mmdc.cache.coverage import Coverage, subtract
from astroquery_mmdc.cache.hats import write_collection
from astroquery_mmdc.cache.layout import Layout
from astroquery_mmdc.cache.manifest import CoverRow, Manifest
from astroquery_mmdc.cache.snapshot import Snapshot
from astroquery_mmdc.exceptions import CacheError

__all__ = [
    "SPOOL",
    "commit_generation",
    "cover_rows",
    "covers_outside",
    "exclusive",
    "merged_covers",
    "new_folder",
    "snapshot_sources",
    "space_errors",
    "sweep",
]

SPOOL = ".spool-"
"""Folders of work in progress begin so."""

# A fetch writes its file a moment before it commits; see also `ObservationCache.put`.
_GRACE = 60.0


@contextmanager
def exclusive(layout: Layout, *, wait: float) -> Iterator[bool]:
    """Hold the lock of maintenance; False where another process has it.

    Parameters
    ----------
    layout : Layout
        Paths of the store.
    wait : float
        Seconds to wait for it.
    """
    lock = filelock.FileLock(layout.lock)
    try:
        lock.acquire(timeout=wait)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def space_errors(what: str) -> Iterator[None]:
    """Say what happened when a file cannot be written."""
    try:
        yield
    except (OSError, pa.ArrowException) as err:
        msg = f"{what} failed ({err}); nothing was changed. Free some space, or check the folder"
        raise CacheError(msg) from err


def sweep(layout: Layout, manifest: Manifest) -> int:
    """Remove what no commit refers to, and repair what a crash left behind it.

    Call it with the lock of maintenance held.

    Returns
    -------
    int
        Number of files and folders removed.
    """
    state = manifest.state()
    current = state.generation.path if state.generation else None
    _repair_collection(layout, current)
    removed = 0
    # Within a transaction nobody can commit a file that is just being removed.
    with manifest.transaction():
        known, merged = manifest.known_paths(), manifest.merged_paths()
        for path in [*_folders(layout.root), *_folders(layout.indexes)]:
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
        for path in _files(layout.deltas):
            if path.name in merged or (path.name not in known and _age(path) > _GRACE):
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _repair_collection(layout: Layout, current: str | None) -> None:
    if current is None:
        layout.collection.unlink(missing_ok=True)
        return
    line = f"hats_primary_table_url={current}\n"
    if not layout.collection.exists() or line not in layout.collection.read_text(encoding="utf-8"):
        write_collection(layout.collection, current)


def _folders(parent: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return [path for path in parent.iterdir() if path.name.startswith(("generation-", SPOOL))]
    return []


def _files(parent: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return list(parent.iterdir())
    return []


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def new_folder(layout: Layout) -> Iterator[Path]:
    """Give a folder for work in progress."""
    folder = layout.root / f"{SPOOL}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def snapshot_sources(
    layout: Layout, manifest: Manifest, snapshot: Snapshot
) -> tuple[Base | None, list[Run]]:
    """Return what a new generation is made of."""
    generation = snapshot.generation
    base = None
    if generation is not None:
        checksums = manifest.files(generation.id)
        base = Base(layout, generation.path, snapshot.parts[0], snapshot.tiles, checksums)
    runs = [
        Run(table.combine_chunks(), part.dead)
        for part, table in zip(snapshot.parts, snapshot.tables, strict=True)
        if table is not None and table.num_rows
    ]
    return base, runs


def commit_generation(
    layout: Layout,
    manifest: Manifest,
    upto: int,
    base: Base | None,
    runs: Sequence[Run],
    *,
    covers: Iterable[CoverRow],
    fixed: bool = True,
    progress: Progress | None = None,
) -> None:
    """Build the next generation and make it the current one, with the coverage it has.

    Parameters
    ----------
    layout, manifest
        The store; its lock of maintenance is held.
    upto : int
        Last segment that is part of it.
    base, runs
        See `build_generation`.
    covers : iterable of CoverRow
        Coverage in the place of that of all segments up to ``upto``.
    """
    name = layout.generation_name(manifest.next_generation())
    _discard(layout, name)
    try:
        with space_errors(f"writing {name}"):
            files = build_generation(layout, name, base, runs, fixed=fixed, progress=progress)
    except BaseException:
        _discard(layout, name)
        raise
    with manifest.transaction() as cursor:
        manifest.add_generation(cursor, name, upto, files)
        manifest.replace_covers(cursor, upto, covers)
        # Whoever reads the folder without the manifest may be in the middle of the one before.
        manifest.drop_retired(cursor, keep=1)
    with space_errors("naming the new generation"):
        write_collection(layout.collection, name)
    sweep(layout, manifest)


def _discard(layout: Layout, name: str) -> None:
    """Remove what is left of a generation that was never committed."""
    shutil.rmtree(layout.generation(name), ignore_errors=True)
    shutil.rmtree(layout.index(name), ignore_errors=True)


def merged_covers(manifest: Manifest, upto: int) -> list[CoverRow]:
    """Return the coverage of the segments up to a number, each place with its newest time only."""
    return cover_rows(Coverage.from_rows(manifest.covers_upto(upto)))


def cover_rows(coverage: Coverage) -> list[CoverRow]:
    """Return a coverage as rows of the manifest."""
    return [
        (key, low, high, fetched)
        for key, timeline in coverage.timelines.items()
        for (low, high), fetched in zip(
            timeline.ranges.tolist(), timeline.fetched.tolist(), strict=True
        )
    ]


def covers_outside(rows: Iterable[CoverRow], ranges: NDArray[np.int64]) -> list[CoverRow]:
    """Return coverage without that of ranges."""
    return [
        (key, low, high, fetched)
        for key, start, stop, fetched in rows
        for low, high in subtract(np.array([[start, stop]]), ranges).tolist()
    ]
