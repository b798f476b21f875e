"""Keeping what queries are answered from in step with the manifest."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa

from astroquery_mmdc.cache.build import rebuild_index
from astroquery_mmdc.cache.coverage import Coverage
from astroquery_mmdc.cache.hats import read_tile
from astroquery_mmdc.cache.index import open_index
from astroquery_mmdc.cache.layout import STORE_SCHEMA, Layout
from astroquery_mmdc.cache.manifest import Generation, Manifest, Segment, State
from astroquery_mmdc.cache.part import Codes, Part
from astroquery_mmdc.cache.snapshot import Delta, Snapshot, Where
from astroquery_mmdc.exceptions import CacheError

__all__ = ["Loader"]

# Each compaction in another process may take away what is just being opened.
_ATTEMPTS = 5


class Loader:
    """Gives the newest snapshot and coverage; both are kept until a commit changes them.

    Parameters
    ----------
    layout : Layout
        Paths of the store.
    manifest : Manifest
        Its commit point.
    read_only : bool
        Whether nothing may be written into the folder.
    """

    def __init__(self, layout: Layout, manifest: Manifest, *, read_only: bool) -> None:
        self._layout, self._manifest, self._read_only = layout, manifest, read_only
        self._lock = threading.Lock()
        self._version: tuple[int, int] | None = None
        self._snapshot: Snapshot | None = None
        self._cover_version: tuple[int, int] | None = None
        self._coverage, self._epoch, self._last_cover = Coverage(), 0, 0
        self._aside: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Forget what is held."""
        self._snapshot = None
        if self._aside is not None:
            self._aside.cleanup()
            self._aside = None

    def forget(self) -> None:
        """Open everything anew when it is needed next."""
        with self._lock:
            self._snapshot = self._version = None

    # ------------------------------------------------------------ rows

    def snapshot(self, where: Where | None = None) -> Snapshot:
        """Return the rows as of now: all of them, wherever the question is."""
        version = self._manifest.version()
        held = self._snapshot
        if held is not None and version == self._version:
            return held
        with self._lock:
            self._snapshot = fresh = self._load()
            self._version = version
            return fresh

    def _load(self) -> Snapshot:
        left = _ATTEMPTS
        while True:
            state = self._manifest.state()
            try:
                return self._advance(state)
            except FileNotFoundError as err:
                left -= 1
                if self._manifest.state() == state or not left:
                    msg = (
                        f"{err.filename or err} is missing from the store {self._layout.root}; "
                        "run verify(repair=True)"
                    )
                    raise CacheError(msg) from err

    def _advance(self, state: State) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is None or not _continues(state, snapshot):
            snapshot = self._open(state.generation)
        for segment in state.segments:
            if segment.id > snapshot.upto:
                ranges = self._manifest.ranges(segment.id)
                snapshot = snapshot.with_delta(Delta(segment, self._delta(segment), ranges))
        return snapshot

    def _open(self, generation: Generation | None) -> Snapshot:
        if generation is None:
            part = Part.of(STORE_SCHEMA.empty_table(), Codes(), Codes())
            return Snapshot((part,), (None,), None, ())
        folder = self._layout.index(generation.path)
        found = open_index(folder)
        if found is None:
            found = open_index(self._rebuilt(generation))
        if found is None:
            msg = f"the index {folder} cannot be built; is the disk full?"
            raise CacheError(msg)
        part, tiles = found
        return Snapshot((part,), (None,), generation, tiles)

    def _rebuilt(self, generation: Generation) -> Path:
        layout = self._layout
        if self._read_only:
            self._aside = tempfile.TemporaryDirectory(prefix="mmdc-index-")
            folder = Path(self._aside.name) / "index"
        else:
            folder = layout.index(generation.path)
        rebuild_index(layout, generation.path, self._manifest.files(generation.id), folder)
        return folder

    def _delta(self, segment: Segment) -> pa.Table:
        if segment.path is None:
            return STORE_SCHEMA.empty_table()
        return read_tile(self._layout.deltas / segment.path, segment.checksum)

    # ------------------------------------------------------------ coverage

    def coverage(self) -> Coverage:
        """Return what is known as of now."""
        version = self._manifest.version()
        if version == self._cover_version:
            return self._coverage
        with self._lock:
            epoch, rows, last = self._manifest.covers(self._last_cover)
            if epoch != self._epoch:
                epoch, rows, last = self._manifest.covers()
                self._coverage = Coverage()
            if self._coverage.timelines:
                for key, low, high, fetched in rows:
                    self._coverage = self._coverage.adding(
                        key, np.array([[low, high]], dtype=np.int64), fetched
                    )
            elif rows:
                self._coverage = Coverage.from_rows(rows)
            self._epoch, self._last_cover, self._cover_version = epoch, last, version
            return self._coverage


def _continues(state: State, snapshot: Snapshot) -> bool:
    """Return whether a store only grew since a snapshot."""
    segments = tuple(segment.id for segment in state.segments)
    same = segments[: len(snapshot.segments)] == snapshot.segments
    return same and state.generation == snapshot.generation
