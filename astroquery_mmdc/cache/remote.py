"""A store that lies elsewhere: a web server, S3, or whatever fsspec reads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from astropy.config import paths

from astroquery_mmdc._files import is_url
from astroquery_mmdc.cache.describe import coverage_facts
from astroquery_mmdc.cache.reading import Reader
from astroquery_mmdc.cache.remote_files import Kept, RemoteFiles
from astroquery_mmdc.cache.remote_loading import RemoteLoader
from astroquery_mmdc.cache.snapshot import Snapshot, Where
from astroquery_mmdc.exceptions import CacheError

__all__ = ["RemoteCache"]

_T = TypeVar("_T")


class RemoteCache(Reader):
    """Observations of a store at an URL, for reading.

    Parameters
    ----------
    url : str
        Folder of a store, such as ``https://host/folder`` or ``s3://bucket/folder``.
    options : mapping, optional
        For the file system of fsspec, such as ``{"anon": True}``.
    keep : path-like, optional
        Folder for what was read; None uses ``MMDC_CACHE_DIR`` or astropy's cache folder.
    keep_bytes : int, optional
        Bytes to keep there; what was used longest ago goes first.
    check_after : float, optional
        Seconds after which to look whether the store has changed.

    Raises
    ------
    InvalidRequestError
        The URL holds a password, or there is no file system for it.

    Notes
    -----
    Only the row groups that a question needs are read, each compared with its SHA-256. They never
    change, so they are kept here by that checksum, and read again from here. The manifest is
    fetched as a whole.

    With ``conf.offline`` only what is kept here is used, unless the store is on this machine.

    Examples
    --------
    >>> store = RemoteCache("memory://mirror")
    >>> store.url
    'memory://mirror'
    """

    def __init__(
        self,
        url: str,
        *,
        options: Mapping[str, Any] | None = None,
        keep: str | os.PathLike[str] | None = None,
        keep_bytes: int = 1 << 30,
        check_after: float = 60.0,
    ) -> None:
        folder = _keep_folder() if keep is None else Path(keep).expanduser()
        self._files = RemoteFiles(url, Kept(folder / "pieces", keep_bytes), options)
        name = hashlib.sha256(self._files.url.encode()).hexdigest()[:32]
        self._loader = RemoteLoader(self._files, folder / "manifests" / name, check_after)
        super().__init__(self._loader)

    is_read_only = True

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is."""
        return self._files.url

    def check(self) -> None:
        """Look for changes of the store before the next question."""
        self._loader.forget()

    def info(self) -> dict[str, Any]:
        """Return what the store holds, as of the last look at it.

        Returns
        -------
        dict
            ``url``, ``generation``, its ``rows`` (those that newer fetches replace included),
            ``open_segments`` (fetches since) and ``coverage``.
        """
        state = self._loader.state
        return {
            "url": self.url,
            "generation": state.generation.path if state.generation else None,
            "rows": self._loader.rows(),
            "open_segments": len(state.segments),
            "coverage": coverage_facts(self.coverage()),
        }

    def _ask(self, question: Callable[[Snapshot], _T], where: Where) -> _T:
        try:
            return super()._ask(question, where)
        except FileNotFoundError as err:
            msg = f"{err.filename} is missing; run verify(repair=True) where the store lies"
            raise CacheError(msg) from err

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Say that nothing can be written here."""
        msg = f"url: {self.url} is for reading only; write to the store where it lies"
        raise CacheError(msg)

    put = ingest = compact = compact_if_many = clear = verify = import_bundle = _refuse


def _keep_folder() -> Path:
    folder = os.environ.get("MMDC_CACHE_DIR")
    if folder and not is_url(folder):
        return Path(folder) / "remote"
    return Path(paths.get_cache_dir()) / "astroquery_mmdc" / "remote"
