"""The store of one HDF5 file per source."""

from __future__ import annotations

import fnmatch
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.paths import escape, file_key, file_name, legalise, safe_mkdir
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
from astroquery_mmdc.retriever.storage.hdf5 import keys_in, read_dataset, write_file

__all__ = ["HDF5Store", "replaced"]

_PARTIAL = ".partial"
_AT_ONCE = 8
_STALE = 86400.0
"""Seconds after which a file that was never finished belongs to no living process."""


class HDF5Store(LightCurveStore):
    """Light curves in one file per source, observatory and level.

    Parameters
    ----------
    root : Path, optional
        The data root.
    naming : Naming, optional
        How files are called.
    """

    format = "hdf5"

    def __init__(self, root: Path | None = None, naming: Naming | None = None) -> None:
        super().__init__(root, naming)
        self._folders: set[Path] = set()
        self._unsynced: list[Path] = []

    def write(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write all light curves of one file: see `LightCurveStore.write`."""
        return self._write(lightcurves, ra, {}) if lightcurves else []

    def add(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write light curves and keep the others of their file: see `LightCurveStore.add`."""
        if not lightcurves:
            return []
        first = same_file(lightcurves)
        folder = self.naming.folder(first.observatory, first.level)
        path = self.root / folder / self._filename(first.source, first.observatory, first.level, ra)
        there = keys_in(path) if path.exists() else []
        return self._write(lightcurves, ra, {key: read_dataset(path, key) for key in there})

    def _write(
        self, lightcurves: Sequence[LightCurve], ra: float, others: dict[str, LightCurve]
    ) -> list[Location]:
        first = same_file(lightcurves)
        folder = self.naming.folder(first.observatory, first.level)
        filename = self._filename(first.source, first.observatory, first.level, ra)
        keys = [file_key(item, self.naming.prefix, self.naming.suffix) for item in lightcurves]
        path = self.root / folder / filename
        with disk_errors(path), replaced(path, self._partial()) as temporary:
            self._make(path.parent)
            write_file(temporary, others | dict(zip(keys, lightcurves, strict=True)))
        self._unsynced.append(path)
        return [
            Location(folder, filename, key, self.format, lightcurve.data.nbytes)
            for key, lightcurve in zip(keys, lightcurves, strict=True)
        ]

    def read(self, location: Location) -> LightCurve:
        """Return a light curve: see `LightCurveStore.read`."""
        return read_dataset(location.path(self.root), location.filekey)

    def find(
        self, source: str, observatory: str, level: str, *, ra: float, dec: float
    ) -> list[Location]:
        """Return what is on disk for a source: see `LightCurveStore.find`."""
        folder = self.naming.folder(observatory, level)
        filename = self._filename(source, observatory, level, ra)
        try:
            keys = keys_in(self.root / folder / filename)
        except (MissingDataError, DamagedDataError):
            return []
        return [
            Location(folder, filename, key, self.format)
            for key in sorted(keys)
            if self._is_of(key, source, level)
        ]

    def _is_of(self, key: str, source: str, level: str) -> bool:
        """Whether a key is one of a source; that may be all of it, as in older files."""
        name = f"{self.naming.prefix}photometry_{escape(source)}{self.naming.suffix}"
        heads = (name, escape(source))
        if level == "raw":
            return key in heads
        word = "_reduction_" if level == "reduced" else "_processed_"
        simulated = "_simulated_" in key
        return simulated == (level == "simulated") and any(key.startswith(h + word) for h in heads)

    def scan(
        self, observatory: str, level: str = "raw", pattern: str | None = None
    ) -> Iterator[Location]:
        """Go through all light curves on disk: see `LightCurveStore.scan`.

        Files that cannot be read are left out.
        """
        folder = self.naming.folder(observatory, level)
        base = self.root / folder
        ending = {"raw": "", "reduced": "_reduced"}.get(level, "_processed")
        for path in sorted(base.rglob(f"{legalise(observatory)}_photometry_*{ending}.h5")):
            filename = path.relative_to(base).as_posix()
            if pattern is not None and not fnmatch.fnmatch(filename, pattern):
                continue
            try:
                keys = keys_in(path)
            except (MissingDataError, DamagedDataError):
                continue
            simulated = level == "simulated"
            for key in keys:
                if level not in ("processed", "simulated") or ("_simulated_" in key) == simulated:
                    yield Location(folder, filename, key, self.format)

    def delete(self, location: Location) -> None:
        """Remove a light curve: see `LightCurveStore.delete`."""
        path = location.path(self.root)
        try:
            others = [key for key in keys_in(path) if key != location.filekey]
        except (MissingDataError, DamagedDataError):
            others = []
        if not others:
            path.unlink(missing_ok=True)
            return
        kept = {key: read_dataset(path, key) for key in others}
        with disk_errors(path), replaced(path, self._partial()) as temporary:
            write_file(temporary, kept)

    def flush(self) -> None:
        """Wait until files and their folders are on the disk."""
        paths, self._unsynced = self._unsynced, []
        for group in (paths, {path.parent for path in paths}):
            # A disk writes many files at once in about the time of one.
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(sync_path, group))

    def discard(self) -> None:
        """Do not wait for what was written; the files themselves are whole and may stay."""
        self._unsynced = []

    def _filename(self, source: str, observatory: str, level: str, ra: float) -> str:
        return f"{self.naming.ra_folder(ra)}/{file_name(source, observatory, level)}.h5"

    def _make(self, folder: Path) -> None:
        if folder not in self._folders:
            safe_mkdir(folder, self.root)
            self._folders.add(folder)

    def _partial(self) -> Path:
        folder = self.root / _PARTIAL
        if folder not in self._folders:
            self._make(folder)
            sweep(folder)
        return folder


@contextmanager
def replaced(path: Path, partial: Path) -> Iterator[Path]:
    """Give a path to write to that takes the place of ``path`` when all went well."""
    temporary = partial / f"{os.getpid()}-{uuid.uuid4().hex}{path.suffix}"
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what processes left behind that were killed while they wrote."""
    for path in folder.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()
        except FileNotFoundError:
            continue  # another process sweeps, too
