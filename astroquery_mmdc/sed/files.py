"""Reading and writing SEDs: formats are found by content, files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from astropy.table.connect import TableRead, TableWrite

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["SEDRead", "SEDWrite", "atomic_path"]


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a path to write to that takes the place of ``path`` only when all went well.

    Parameters
    ----------
    path : path
        Where the file belongs.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.

    Raises
    ------
    OSError
        The file exists and ``overwrite`` is False, as astropy's own writers do it.
    """
    target = Path(path).expanduser()
    if target.exists() and not overwrite:
        msg = f"file exists: {target}; give another name or overwrite=True"
        raise OSError(msg)
    # It keeps the endings, from which astropy finds the format and the compression.
    temporary = target.with_name(f".{uuid4().hex}{''.join(target.suffixes[-2:])}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class SEDRead(TableRead):
    """Read an SED from a file in any of the known dialects.

    Parameters
    ----------
    *args : tuple
        The file, first of all.
    format : str, optional
        Name of the dialect; where it is left out, it is found from the content.
    **kwargs : dict
        For the reader; ``SED.read.help("jetset")`` shows them.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Read the file."""
        try:
            return super().__call__(*args, **kwargs)
        except TypeError as err:
            # Astropy hides why the columns do not make an SED.
            cause = err.__context__
            if isinstance(cause, InvalidRequestError):
                raise cause from None
            raise


class SEDWrite(TableWrite):
    """Write an SED to a file in any of the known dialects.

    The file appears whole or not at all.

    Parameters
    ----------
    *args : tuple
        The file, first of all.
    format : str, optional
        Name of the dialect; where it is left out, it is found from the ending of the file's name.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.
    **kwargs : dict
        For the writer; ``SED.write.help("jetset")`` shows them.
    """

    def __call__(self, *args: Any, overwrite: bool = False, **kwargs: Any) -> None:
        """Write the file."""
        path = args[0] if args else None
        if not isinstance(path, str | os.PathLike) or "append" in kwargs:
            super().__call__(*args, **({"overwrite": True} if overwrite else {}), **kwargs)
            return
        with atomic_path(path, overwrite=overwrite) as temporary:
            super().__call__(temporary, *args[1:], overwrite=True, **kwargs)
