"""The store of Parquet shards: many sources in one file, in the layout of HATS.

::

    <folder>/ZTF_photometry_reduced/          a HATS catalogue, once `describe` was called
      dataset/Norder=0/Dir=0/Npix=4/<id>.parquet

What is written waits in memory until `flush`, which makes one shard per cell of the sky.
"""

from __future__ import annotations

import fnmatch
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from astroquery_mmdc.cache.healpix import ORDER, ang2pix_nest
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.paths import escape, file_key, legalise, safe_mkdir
from astroquery_mmdc.retriever.storage.base import (
    DamagedDataError,
    LightCurveStore,
    Location,
    MissingDataError,
    Naming,
    disk_errors,
    same_file,
    sync_path,
)
from astroquery_mmdc.retriever.storage.hats import describe_catalog
from astroquery_mmdc.retriever.storage.per_source import replaced, sweep
from astroquery_mmdc.retriever.storage.shards import (
    Columns,
    Entry,
    Shard,
    columns_together,
    write_shard,
)
from astroquery_mmdc.retriever.storage.tile_index import TileIndex

__all__ = ["ParquetStore"]

_MEMORY = 16 << 20
"""Bytes of the shards that are kept: sources come in about the order of their shards."""


@dataclass(slots=True)
class _Open:
    """A shard that is not on the disk yet."""

    folder: str
    filename: str
    columns: Columns = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


class ParquetStore(LightCurveStore):
    """Light curves of many sources in a file, which readers of HATS open as a catalogue.

    Parameters
    ----------
    root : Path, optional
        The data root.
    naming : Naming, optional
        How files are called; there are no folders of right ascension.

    Notes
    -----
    Shards are never changed by `write`: a light curve that is written again is in two of them,
    and the location tells which one counts. `prune` removes what no location names any more.
    """

    format = "parquet"

    def __init__(self, root: Path | None = None, naming: Naming | None = None) -> None:
        super().__init__(root, naming)
        self._lock = threading.RLock()
        self._open: dict[str, _Open] = {}
        self._tiles: dict[str, TileIndex] = {}
        self._read: OrderedDict[Path, tuple[tuple[int, int], Shard]] = OrderedDict()

    # --- writing ------------------------------------------------------------------------------

    def write(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Take light curves for the next `flush`: see `LightCurveStore.write`."""
        if not lightcurves:
            return []
        same_file(lightcurves)
        cell = _cell(ra, dec)
        with self._lock:
            return [self._take(lightcurve, ra, dec, cell) for lightcurve in lightcurves]

    def _take(self, lightcurve: LightCurve, ra: float, dec: float, cell: int) -> Location:
        key = file_key(lightcurve, self.naming.prefix, self.naming.suffix)
        shard = self._shard_for(lightcurve, cell)
        shard.entries[key] = Entry(lightcurve, key, ra, dec, cell)
        size = lightcurve.data.nbytes
        return Location(shard.folder, shard.filename, key, self.format, size)

    def _shard_for(self, lightcurve: LightCurve, cell: int) -> _Open:
        folder = self.naming.folder(lightcurve.observatory, lightcurve.level)
        where = _catalog(lightcurve.observatory, lightcurve.level) + "/" + _tile(cell)
        for shard in self._open.values():
            if shard.folder == folder and shard.filename.startswith(f"{where}/"):
                together = columns_together(shard.columns, lightcurve)
                if together is not None:
                    shard.columns = together
                    return shard
        new = _Open(folder, f"{where}/{uuid.uuid4().hex}.parquet")
        new.columns = columns_together({}, lightcurve) or {}
        self._open[f"{folder}/{new.filename}"] = new
        return new

    def flush(self) -> None:
        """Write the shards, and wait until they are on the disk."""
        with self._lock:
            waiting = list(self._open.values())
            for shard in waiting:
                self._save(shard.folder, shard.filename, list(shard.entries.values()))
            self._open.clear()

    def _save(self, folder: str, filename: str, entries: list[Entry]) -> None:
        path = self.root / folder / filename
        columns: Columns = {}
        for entry in entries:
            columns = columns_together(columns, entry.lightcurve) or columns
        with disk_errors(path):
            partial = safe_mkdir(self.root / ".partial", self.root)
            sweep(partial)
            safe_mkdir(path.parent, self.root)
            with replaced(path, partial) as temporary:
                write_shard(temporary, entries, columns)
                sync_path(temporary)
            sync_path(path.parent)

    def discard(self) -> None:
        """Forget what was not flushed."""
        with self._lock:
            self._open.clear()

    # --- reading ------------------------------------------------------------------------------

    def read(self, location: Location) -> LightCurve:
        """Return a light curve: see `LightCurveStore.read`."""
        with self._lock:
            waiting = self._open.get(f"{location.folder}/{location.filename}")
            if waiting is not None and location.filekey in waiting.entries:
                return waiting.entries[location.filekey].lightcurve
            return self._shard(location.path(self.root)).read(location.filekey)

    def _shard(self, path: Path) -> Shard:
        try:
            stat = path.stat()
        except OSError as err:
            msg = f"{path} is missing; fetch or reduce its sources again"
            raise MissingDataError(msg) from err
        version = (stat.st_mtime_ns, stat.st_size)
        known = self._read.get(path)
        if known is None or known[0] != version:
            known = (version, Shard(path))
            self._read[path] = known
        self._read.move_to_end(path)
        while len(self._read) > 1 and sum(s.nbytes for _, s in self._read.values()) > _MEMORY:
            self._read.popitem(last=False)
        return known[1]

    def find(
        self, source: str, observatory: str, level: str, *, ra: float, dec: float
    ) -> list[Location]:
        """Return what is on disk for a source: see `LightCurveStore.find`.

        Of a light curve that is in several shards, the one in the newest.
        """
        folder = self.naming.folder(observatory, level)
        where = _catalog(observatory, level) + "/" + _tile(_cell(ra, dec))
        head = f"{self.naming.prefix}photometry_{escape(source)}{self.naming.suffix}"
        with self._lock:
            index = self._tiles.setdefault(
                f"{folder}/{where}", TileIndex(self.root / folder / where)
            )
            names = index.of(source)
        return [
            Location(folder, f"{where}/{names[key]}", key, self.format)
            for key in sorted(names)
            if key.startswith(head)
        ]

    def scan(
        self, observatory: str, level: str = "raw", pattern: str | None = None
    ) -> Iterator[Location]:
        """Go through all light curves on disk: see `LightCurveStore.scan`."""
        folder = self.naming.folder(observatory, level)
        base = self.root / folder
        for path in self._shards(observatory, level):
            filename = path.relative_to(base).as_posix()
            if pattern is not None and not fnmatch.fnmatch(filename, pattern):
                continue
            try:
                keys = list(self._shard(path).rows)
            except (MissingDataError, DamagedDataError):
                continue
            yield from (Location(folder, filename, key, self.format) for key in keys)

    def _shards(self, observatory: str, level: str) -> list[Path]:
        """Return the shards, the oldest first."""
        folder = self.root / self.naming.folder(observatory, level) / _catalog(observatory, level)
        paths = folder.glob("dataset/*/*/*/*.parquet")
        return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))

    # --- tidying ------------------------------------------------------------------------------

    def delete(self, location: Location) -> None:
        """Remove a light curve: see `LightCurveStore.delete`."""
        with self._lock:
            waiting = self._open.get(f"{location.folder}/{location.filename}")
            if waiting is not None:
                waiting.entries.pop(location.filekey, None)
                return
            path = location.path(self.root)
            try:
                shard = self._shard(path)
            except (MissingDataError, DamagedDataError):
                path.unlink(missing_ok=True)
                return
            keep = set(shard.rows) - {location.filekey}
            self._keep(path, shard, location.folder, location.filename, keep)

    def _keep(self, path: Path, shard: Shard, folder: str, filename: str, keep: set[str]) -> None:
        if not keep:
            path.unlink(missing_ok=True)
        elif len(keep) < len(shard):
            entries = [entry for entry in shard.entries() if entry.filekey in keep]
            self._save(folder, filename, entries)

    def prune(
        self,
        observatory: str,
        level: str,
        keep: Collection[tuple[str, str]],
        *,
        older_than: float = 3600,
    ) -> int:
        """Remove light curves that nothing points at: of batches that were never committed.

        Parameters
        ----------
        observatory, level : str
            Which light curves.
        keep : collection of (str, str)
            File name and key of those that the database knows.
        older_than : float, optional
            Seconds; younger shards may belong to a batch that is being committed.

        Returns
        -------
        int
            How many were removed.
        """
        folder = self.naming.folder(observatory, level)
        base = self.root / folder
        wanted: dict[str, set[str]] = {}
        for filename, key in keep:
            wanted.setdefault(filename, set()).add(key)
        removed = 0
        for path in self._shards(observatory, level):
            if time.time() - path.stat().st_mtime < older_than:
                continue
            filename = path.relative_to(base).as_posix()
            shard = self._shard(path)
            kept = set(shard.rows) & wanted.get(filename, set())
            removed += len(shard) - len(kept)
            self._keep(path, shard, folder, filename, kept)
        return removed

    def describe(self, observatory: str, level: str) -> Path:
        """Write what makes the shards a HATS catalogue, for `lsdb.open_catalog`.

        Parameters
        ----------
        observatory, level : str
            Which light curves.

        Returns
        -------
        Path
            The catalogue.
        """
        name = _catalog(observatory, level)
        folder = self.root / self.naming.folder(observatory, level) / name
        describe_catalog(folder, name)
        return folder


def _catalog(observatory: str, level: str) -> str:
    return f"{legalise(observatory)}_photometry_{level}"


@lru_cache(maxsize=1024)
def _cell(ra: float, dec: float) -> int:
    """Return the HEALPix cell of a source: its light curves come one after the other."""
    return int(ang2pix_nest(ORDER, ra, dec))


def _tile(cell: int) -> str:
    # Twelve cells keep the number of files small; a reader splits them by row groups.
    return f"dataset/Norder=0/Dir=0/Npix={np.int64(cell) >> (2 * ORDER)}"
