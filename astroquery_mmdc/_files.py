"""Files that are either complete or not there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["atomic_path", "is_url", "write_atomic"]


def is_url(place: object) -> bool:
    """Return whether a place is an URL and no path.

    Examples
    --------
    >>> is_url("s3://bucket/folder"), is_url("/a/folder")
    (True, False)
    """
    return isinstance(place, str) and "://" in place


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
        _to_disk(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until the content is on the disk: only then may the name point at it."""
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
