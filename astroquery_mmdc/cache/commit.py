"""Committing a fetch: its rows and what it says of the sky at once.

Of fetches of the same place that overlap in time, the one that was asked for last counts, whichever
is committed first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.coverage import Coverage, contains, intersect, merge
from astroquery_mmdc.cache.files import checksum, sync_folder
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.hats import write_rows
from astroquery_mmdc.cache.layout import KEY, Layout
from astroquery_mmdc.cache.maintenance import space_errors
from astroquery_mmdc.cache.manifest import CoverRow, Generation, Manifest, Segment
from astroquery_mmdc.cache.rows import normalised, sort_rows
from astroquery_mmdc.exceptions import CacheError

__all__ = ["Fetch", "commit"]

# Each time, another fetch or a compaction has come in between.
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Fetch:
    """All rows of some ranges for a filter key, in `STORE_SCHEMA`, and when they were asked for."""

    rows: pa.Table
    key: str
    ranges: NDArray[np.int64]
    fetched: float


def commit(layout: Layout, manifest: Manifest, fetch: Fetch, held: Callable[..., pa.Table]) -> None:
    """Commit a fetch.

    Parameters
    ----------
    layout, manifest
        The store.
    fetch : Fetch
        What came.
    held : callable
        `Reader.region` of the store.

    Raises
    ------
    CacheError
        It could not be written; nothing was changed.
    """
    for _ in range(_ATTEMPTS):
        before = _newer(manifest, fetch)
        rows = with_newer(fetch, before[0], held) if before[0] else fetch.rows
        segment = _written(layout, sort_rows(rows), fetch.key)
        with manifest.transaction() as cursor:
            # Another process may have taken the file for one that a crash left behind.
            present = segment.path is None or (layout.deltas / segment.path).exists()
            if present and _newer(manifest, fetch) == before:
                manifest.add_segment(cursor, segment, ranges=fetch.ranges, fetched=fetch.fetched)
                return
        if segment.path is not None:
            (layout.deltas / segment.path).unlink(missing_ok=True)
    msg = f"{layout.deltas} changes faster than it can be written to; nothing was changed"
    raise CacheError(msg)


def _newer(manifest: Manifest, fetch: Fetch) -> tuple[list[CoverRow], Generation | None]:
    """Return what is known there of a later time, and the generation that may hold its rows."""
    newer = manifest.newer_covers(fetch.ranges, fetch.fetched)
    return newer, manifest.state().generation if newer else None


def with_newer(fetch: Fetch, newer: Sequence[CoverRow], held: Callable[..., pa.Table]) -> pa.Table:
    """Return the rows of a fetch; where something newer is known, the rows that are held.

    So the age of what is known, the newest of each place and key, is that of the rows.
    """
    known = [
        (Filters.from_key(key), intersect(fetch.ranges, timeline.ranges))
        for key, timeline in Coverage.from_rows(newer).timelines.items()
    ]
    places = merge(np.concatenate([where for _, where in known]))
    if not len(places):
        return fetch.rows
    old = normalised(held(places, mask_filters=Filters.from_key(fetch.key)))
    kept = old.filter(pa.array(_is_known(old, known)))
    fresh = fetch.rows.filter(pa.array(~_is_known(fetch.rows, known)))
    return pa.concat_tables([fresh, kept]).combine_chunks()


def _is_known(
    table: pa.Table, known: Sequence[tuple[Filters, NDArray[np.int64]]]
) -> NDArray[np.bool_]:
    keys = table.column(KEY).to_numpy()
    masks = [contains(where, keys) & filters.mask(table) for filters, where in known]
    return np.asarray(np.logical_or.reduce(masks))


def _written(layout: Layout, table: pa.Table, key: str) -> Segment:
    if not table.num_rows:
        return Segment(0, None, key, 0, None)
    path = layout.deltas / f"{uuid.uuid4().hex}.parquet"
    try:
        with space_errors("writing the rows"):
            write_rows(path, table)
            sync_folder(layout.deltas)
            return Segment(0, path.name, key, table.num_rows, checksum(path))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
