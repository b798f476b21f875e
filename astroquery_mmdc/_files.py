"""Files that are either complete or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["atomic_file", "write_atomic"]


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes its name only when it is complete.

    Parameters
    ----------
    path : path-like
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Raises
    ------
    InvalidRequestError
        The file exists and must not be replaced.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        msg = f"path: {target} exists; choose another name or pass overwrite=True"
        raise InvalidRequestError(msg, parameter="path")
    handle: Any = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it must outlive a with block
        dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
    )
    try:
        with handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        Path(handle.name).replace(target)
    except BaseException:
        Path(handle.name).unlink(missing_ok=True)
        raise


def write_atomic(
    path: str | os.PathLike[str], content: bytes | str, *, overwrite: bool = True
) -> Path:
    """Write a whole file at once; on an error nothing is left behind."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_file(path, overwrite=overwrite) as handle:
        handle.write(data)
    return Path(path)
