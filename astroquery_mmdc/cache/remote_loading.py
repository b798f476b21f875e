"""Keeping what is read from elsewhere in step with the manifest there."""

from __future__ import annotations

import io
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from astroquery_mmdc._config import conf
from astroquery_mmdc.cache.coverage import Coverage, touching
from astroquery_mmdc.cache.hats import decoded
from astroquery_mmdc.cache.healpix import whole_sky
from astroquery_mmdc.cache.layout import KEY, STORE_SCHEMA, Layout, Tile
from astroquery_mmdc.cache.manifest import Manifest, Segment, State
from astroquery_mmdc.cache.part import Codes, Part
from astroquery_mmdc.cache.remote_files import Piece, RemoteFiles
from astroquery_mmdc.cache.remote_manifest import fetched_manifest, kept_manifest
from astroquery_mmdc.cache.row_groups import SUMS, read_sums, spans
from astroquery_mmdc.cache.snapshot import Delta, Snapshot, Where
from astroquery_mmdc.exceptions import CacheError, StaleResultWarning

__all__ = ["RemoteLoader"]

_PLACES = Layout(Path())
# Rows of snapshots that are kept in memory; a row takes about 200 bytes.
_ROWS = 500_000


@dataclass(frozen=True, slots=True)
class _Groups:
    """The row groups of a generation, along the sky."""

    metadata: pq.FileMetaData | None
    pieces: tuple[Piece, ...]
    ranges: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Held:
    """A store as one manifest describes it; the manifest is not needed any more."""

    path: Path
    state: State
    known: tuple[NDArray[np.int64], ...]
    coverage: Coverage
    groups: _Groups

    @classmethod
    def of(cls, path: Path, files: RemoteFiles) -> _Held:
        """Read a manifest, and where the row groups are."""
        try:
            opened = Manifest(path, read_only=True)
        except CacheError as err:
            msg = f"url: the manifest of {files.url} cannot be used: {err}"
            raise CacheError(msg) from err
        with closing(opened) as manifest:
            state = manifest.state()
            known = tuple(manifest.ranges(segment.id) for segment in state.segments)
            coverage = Coverage.from_rows(manifest.covers()[1])
            named = manifest.files(state.generation.id) if state.generation else {}
        groups = _groups(files, state.generation.path, named) if state.generation else _NO_GROUPS
        return cls(path, state, known, coverage, groups)


_NO_GROUPS = _Groups(None, (), np.empty((0, 2), dtype=np.int64))


def _groups(files: RemoteFiles, generation: str, named: Mapping[str, str]) -> _Groups:
    if SUMS not in named:
        msg = (
            f"url: {files.url} was written by an earlier version of the package, without checksums "
            "of row groups; run compact(force=True) where it lies"
        )
        raise CacheError(msg)
    wanted = [Piece(f"{generation}/{name}", named[name]) for name in ("dataset/_metadata", SUMS)]
    described, summed = files.pieces(wanted)
    metadata = pq.read_metadata(io.BytesIO(described))
    sums = read_sums(summed)
    key = metadata.schema.names.index(KEY)
    pieces, bounds = [], []
    for number, ((offset, length), (order, pixel, digest)) in enumerate(
        zip(spans(metadata), sums, strict=True)
    ):
        path = f"{generation}/dataset/{Tile.of(order, pixel).path}"
        pieces.append(Piece(path, digest, offset, length))
        column = metadata.row_group(number).column(key).statistics
        bounds.append((column.min, column.max + 1))
    return _Groups(metadata, tuple(pieces), np.array(bounds, dtype=np.int64).reshape(-1, 2))


class RemoteLoader:
    """Gives snapshots of the part of a store that a question is about.

    Parameters
    ----------
    files : RemoteFiles
        The store.
    folder : Path
        Where copies of its manifest are kept.
    check_after : float
        Seconds after which the manifest is fetched again.
    """

    def __init__(self, files: RemoteFiles, folder: Path, check_after: float) -> None:
        self._files, self._folder, self._check_after = files, folder, check_after
        self._lock = threading.RLock()
        self._held: _Held | None = None
        self._checked = -np.inf
        self._snapshots: OrderedDict[object, Snapshot] = OrderedDict()

    def close(self) -> None:
        """Let go of what is held in memory."""
        with self._lock:
            self._held = None
            self._snapshots.clear()

    def forget(self) -> None:
        """Look for a newer manifest when the next question comes."""
        self._checked = -np.inf

    # ------------------------------------------------------------ the manifest

    @property
    def state(self) -> State:
        """What the store consists of."""
        return self._current().state

    def rows(self) -> int:
        """Return the number of rows of the generation, those that are replaced since included."""
        metadata = self._current().groups.metadata
        return int(metadata.num_rows) if metadata is not None else 0

    def coverage(self) -> Coverage:
        """Return what is known as of the last look at the manifest."""
        return self._current().coverage

    def _current(self) -> _Held:
        with self._lock:
            if self._held is None or time.monotonic() - self._checked > self._check_after:
                path = self._newest()
                if self._held is None or self._held.path != path:
                    self._held = _Held.of(path, self._files)
                    self._snapshots.clear()
                self._checked = time.monotonic()
            return self._held

    def _newest(self) -> Path:
        kept = self._held.path if self._held else kept_manifest(self._folder)
        if kept and conf.offline and self._files.is_elsewhere:
            return kept
        try:
            return fetched_manifest(self._files, self._folder)
        except CacheError as err:
            if self._held is None or not conf.stale_if_error:
                raise
            msg = f"{err}; it is taken as it was before"
            warnings.warn(msg, StaleResultWarning, stacklevel=6)
            return self._held.path

    # ------------------------------------------------------------ rows

    def snapshot(self, where: Where | None = None) -> Snapshot:
        """Return a snapshot that holds all rows of the ranges of a question."""
        ranges = whole_sky() if where is None else where()
        with self._lock:
            held = self._current()
            groups = held.groups
            wanted: list[int] = np.flatnonzero(touching(groups.ranges, ranges)).tolist()
            segments = [
                (segment, known)
                for segment, known in zip(held.state.segments, held.known, strict=True)
                if touching(known, ranges).any()
            ]
            name = (tuple(wanted), tuple(segment.id for segment, _ in segments))
            if name not in self._snapshots:
                base = self._base(groups, wanted)
                deltas = self._deltas(segments)
                snapshot = Snapshot((base,), (None,), held.state.generation, ())
                for delta in deltas:
                    snapshot = snapshot.with_delta(delta)
                self._keep(name, snapshot)
            self._snapshots.move_to_end(name)
            return self._snapshots[name]

    def _keep(self, name: object, snapshot: Snapshot) -> None:
        self._snapshots[name] = snapshot
        rows = sum(held.offsets[-1] for held in self._snapshots.values())
        while rows > _ROWS and len(self._snapshots) > 1:
            rows -= self._snapshots.popitem(last=False)[1].offsets[-1]

    def _base(self, groups: _Groups, wanted: list[int]) -> Part:
        contents = self._files.pieces([groups.pieces[number] for number in wanted])
        tables = [
            decoded(
                _Window(content, groups.pieces[number].offset or 0),
                groups.pieces[number].path,
                metadata=groups.metadata,
                group=number,
            )
            for number, content in zip(wanted, contents, strict=True)
        ]
        table = pa.concat_tables(tables) if tables else STORE_SCHEMA.empty_table()
        return Part.of(table, Codes(), Codes())

    def _deltas(self, segments: list[tuple[Segment, NDArray[np.int64]]]) -> list[Delta]:
        pieces = [
            Piece((_PLACES.deltas / segment.path).as_posix(), segment.checksum or "")
            for segment, _ in segments
            if segment.path is not None
        ]
        contents = iter(self._files.pieces(pieces))
        return [
            Delta(
                segment,
                STORE_SCHEMA.empty_table()
                if segment.path is None
                else decoded(io.BytesIO(next(contents)), segment.path),
                known,
            )
            for segment, known in segments
        ]


class _Window(io.RawIOBase):
    """A part of a file at its place; nothing else of the file can be read."""

    def __init__(self, content: bytes, offset: int) -> None:
        self._content, self._offset, self._place = content, offset, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._offset + len(self._content)
        self._place = offset + (0, self._place, end)[whence]
        return self._place

    def read(self, size: int = -1) -> bytes:
        first = self._place - self._offset
        if first < 0:
            msg = f"byte {self._place} is not at hand"
            raise OSError(msg)
        found = self._content[first:] if size < 0 else self._content[first : first + size]
        self._place += len(found)
        return found
