"""Files that are either complete or not there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["atomic_path", "is_url", "path_ending", "remove_oldest", "sync", "write_atomic"]


def is_url(place: object) -> bool:
    """Return whether a place is an URL and no path.

    Examples
    --------
    >>> is_url("s3://bucket/folder"), is_url("/a/folder")
    (True, False)
    """
    return isinstance(place, str) and "://" in place


def path_ending(path: str | os.PathLike[str], endings: Sequence[str]) -> Path:
    """Return a path that has one of some endings, in upper or lower case.

    Parameters
    ----------
    path : path-like
        Where a file is to be written.
    endings : sequence of str
        Such as ``".pdf"``.

    Raises
    ------
    InvalidRequestError
        It has another ending.

    Examples
    --------
    >>> path_ending("report.PDF", [".pdf"]).name
    'report.PDF'
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in endings:
        known = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        msg = f"path: {target.name!r} does not end with {known}; name it {target.stem}{endings[0]}"
        raise InvalidRequestError(msg, parameter="path")
    return target


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Give a path to write to that takes the place of ``path`` only when all went well.

    Parameters
    ----------
    path : path-like
        Where the file belongs.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidRequestError
        The file exists and must not be replaced.
    """
    target = Path(path).expanduser()
    if target.exists() and not overwrite:
        msg = f"path: {target} exists; choose another name or pass overwrite=True"
        raise InvalidRequestError(msg, parameter="path")
    # It keeps the endings, from which astropy finds the format and the compression.
    temporary = target.with_name(f".{uuid.uuid4().hex}{''.join(target.suffixes[-2:])}")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the content of a file is on the disk: only then may a name point at it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(
    path: str | os.PathLike[str], content: bytes | str, *, overwrite: bool = True
) -> Path:
    """Write a whole file at once; on an error nothing is left behind."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
    return Path(path).expanduser()


def remove_oldest(folder: Path, limit: int) -> int:
    """Remove the files of a folder that changed longest ago, where all take more than a limit.

    Parameters
    ----------
    folder : Path
        Its subfolders are part of it.
    limit : int
        In bytes. A tenth of it is free afterwards, so that this is not needed again at once.

    Returns
    -------
    int
        Bytes that are left.
    """
    files = []
    for path in folder.rglob("*"):
        # Another process may have removed it.
        with suppress(OSError):
            stat = path.stat()
            if path.is_file():
                files.append((stat.st_mtime, stat.st_size, path))
    size = sum(length for _, length, _ in files)
    if size <= limit:
        return size
    for _, length, path in sorted(files):
        if size <= 0.9 * limit:
            break
        path.unlink(missing_ok=True)
        size -= length
    return size
