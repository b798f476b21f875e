"""The manifest of a store that lies elsewhere: fetched as a whole, and kept."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from astroquery_mmdc.cache.layout import Layout
from astroquery_mmdc.cache.remote_files import RemoteFiles
from astroquery_mmdc.exceptions import CacheError

__all__ = ["fetched_manifest", "kept_manifest"]

_NAME = Layout(Path()).manifest.name
# Readings of a manifest that is being written; each takes some milliseconds.
_ATTEMPTS = 10
# Seconds after which nobody is about to open a copy any more.
_OLD = 3600.0


def fetched_manifest(files: RemoteFiles, folder: Path) -> Path:
    """Return a copy of the manifest as it is now.

    Parameters
    ----------
    files : RemoteFiles
        The store.
    folder : Path
        Where copies are; the name of a copy changes with its content.

    Raises
    ------
    CacheError
        There is none, or it cannot be read.
    """
    main, log = _consistent(files)
    path = folder / f"{hashlib.sha256(main + log).hexdigest()}.sqlite"
    if path.exists():
        os.utime(path)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
        copy = Path(scratch) / _NAME
        copy.write_bytes(main)
        if log:
            copy.with_name(f"{_NAME}-wal").write_bytes(log)
        _in_one_file(copy, files.url)
        copy.replace(path)
    _remove_others(path)
    return path


def kept_manifest(folder: Path) -> Path | None:
    """Return the copy that was fetched last."""
    copies = sorted(folder.glob("*.sqlite"), key=lambda path: path.stat().st_mtime)
    return copies[-1] if copies else None


def _consistent(files: RemoteFiles) -> tuple[bytes, bytes]:
    """Read the manifest and its log until two readings agree: then no commit was in between."""
    before: tuple[bytes, bytes] | None = None
    for _ in range(_ATTEMPTS):
        main = files.whole(_NAME)
        if main is None:
            msg = f"url: {files.url} holds no observations; give the folder of a store"
            raise CacheError(msg)
        now = main, files.whole(f"{_NAME}-wal") or b""
        if now == before:
            return now
        before = now
    msg = f"{files.url} is written to all the time; try again later"
    raise CacheError(msg)


def _in_one_file(path: Path, url: str) -> None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            found = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as err:
        found = (str(err),)
    if found != ("ok",):
        msg = f"url: the manifest of {url} is damaged or is none ({found[0]})"
        raise CacheError(msg)


def _remove_others(path: Path) -> None:
    for other in path.parent.glob("*.sqlite"):
        # Another process may be before us; on some systems one that is open stays.
        with suppress(OSError):
            if other != path and time.time() - other.stat().st_mtime > _OLD:
                other.unlink()
