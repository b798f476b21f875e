"""Reading and writing SEDs: formats are found by content, files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astropy.table.connect import TableRead, TableWrite

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["SEDRead", "SEDWrite", "new_file"]


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a path to write to; an existing file is an `OSError`, as with astropy's writers."""
    if Path(path).expanduser().exists() and not overwrite:
        msg = f"file exists: {path}; give another name or overwrite=True"
        raise OSError(msg)
    with atomic_path(path) as temporary:
        yield temporary


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
        with new_file(path, overwrite=overwrite) as temporary:
            super().__call__(temporary, *args[1:], overwrite=True, **kwargs)
