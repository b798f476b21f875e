"""Files of a store that lies elsewhere: read by fsspec, checked, and kept here."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from astroquery_mmdc._config import conf
from astroquery_mmdc._files import remove_oldest, write_atomic
from astroquery_mmdc.exceptions import CacheError, InvalidRequestError, OfflineError

__all__ = ["Kept", "Piece", "RemoteFiles"]

# Names as this package writes them, which no server or file system reads in another way.
_NAME = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_=.-]*(/[A-Za-z0-9_=-][A-Za-z0-9_=.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HERE = ("file", "local", "memory")
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or a part of one, and its SHA-256.

    Parameters
    ----------
    path : str
        Inside the store.
    checksum : str
    offset, length : int or None
        Which part; the whole file where they are None.
    """

    path: str
    checksum: str
    offset: int | None = None
    length: int | None = None

    @property
    def end(self) -> int | None:
        """Where the part ends."""
        return None if self.offset is None or self.length is None else self.offset + self.length


class Kept:
    """A folder of pieces that were read before, named by their checksums.

    Parameters
    ----------
    folder : Path
        Where; it is made when something is kept.
    limit : int
        Bytes to keep; what was used longest ago goes first.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._size: int | None = None

    def get(self, checksum: str) -> bytes | None:
        """Return a piece; None if it is not here or not as it was."""
        path = self._folder / checksum
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data if _sha256(data) == checksum else None

    def put(self, checksum: str, data: bytes) -> None:
        """Keep a piece, if the disk lets us: nothing depends on it."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._folder / checksum, data)
            # Unknown at first; later the folder is looked through only when it may be full.
            self._size = None if self._size is None else self._size + len(data)
            if self._size is None or self._size > self._limit:
                self._size = remove_oldest(self._folder, self._limit)


class _Place(NamedTuple):
    files: Any
    root: str


class RemoteFiles:
    """Reads the files of a store at an URL.

    Parameters
    ----------
    url : str
        Folder of the store.
    kept : Kept
        Pieces that were read before.
    options : mapping, optional
        For the file system of fsspec, such as credentials.

    Raises
    ------
    InvalidRequestError
        The URL holds a password or a query, or no file system for it is installed.
    """

    def __init__(self, url: str, kept: Kept, options: Mapping[str, Any] | None = None) -> None:
        self.url = _checked(url)
        self._kept = kept
        self._place = _opened(self.url, dict(options or {}))

    @property
    def is_elsewhere(self) -> bool:
        """Whether a network lies between."""
        return self.url.partition("://")[0] not in _HERE

    def whole(self, path: str) -> bytes | None:
        """Return a file as it is now, unchecked; None if there is none."""
        return self._read([Piece(path, "")])[0]

    def pieces(self, wanted: Sequence[Piece]) -> list[bytes]:
        """Return pieces whose checksums are right, those that are kept here from here.

        Raises
        ------
        FileNotFoundError
            One is gone: the store has a newer generation, or is not complete.
        CacheError
            It cannot be read, or is damaged.
        OfflineError
            It is not kept here, and the network is switched off.
        """
        found = {piece: self._kept.get(_hexadecimal(piece)) for piece in wanted}
        missing = [piece for piece, data in found.items() if data is None]
        for piece, data in zip(missing, self._read(missing), strict=True):
            if data is None:
                raise FileNotFoundError(2, "no such file", f"{self.url}/{piece.path}")
            self._check(piece, data)
            self._kept.put(piece.checksum, data)
            found[piece] = data
        return [found[piece] or b"" for piece in wanted]

    def _check(self, piece: Piece, data: bytes) -> None:
        if _sha256(data) == piece.checksum:
            return
        if piece.length is not None and len(data) > piece.length:
            msg = f"{self.url} sends whole files where parts are asked for; use another server"
        else:
            msg = f"{self.url}/{piece.path} is damaged; run verify(repair=True) where it lies"
        raise CacheError(msg)

    def _read(self, wanted: Sequence[Piece]) -> list[bytes | None]:
        left = {place: piece for place, piece in enumerate(wanted)}
        found: list[bytes | None] = [None] * len(wanted)
        if left and conf.offline and self.is_elsewhere:
            msg = f"{self.url}/{wanted[0].path} is not held here and conf.offline is set"
            raise OfflineError(msg)
        # At once: a connection that was kept open may have been closed at the other end.
        for attempt in range(_ATTEMPTS):
            answers = self._answers(list(left.values())) if left else []
            for place, answer in zip(tuple(left), answers, strict=True):
                if isinstance(answer, bytes):
                    found[place] = answer
                elif not isinstance(answer, FileNotFoundError):
                    if attempt + 1 == _ATTEMPTS or isinstance(answer, PermissionError):
                        self._give_up(left[place], answer)
                    continue
                del left[place]
        return found

    def _answers(self, wanted: list[Piece]) -> list[Any]:
        paths = [self._path(piece.path) for piece in wanted]
        starts, ends = [piece.offset for piece in wanted], [piece.end for piece in wanted]
        files = self._place.files
        # Those that read side by side are held back, so that a server is not flooded.
        held_back = {"batch_size": conf.max_connections} if files.async_impl else {}
        try:
            return list(files.cat_ranges(paths, starts, ends, on_error="return", **held_back))
        # Each file system has errors of its own: fsspec names no common base.
        except Exception as err:
            return [err] * len(wanted)

    def _path(self, path: str) -> str:
        if not _NAME.fullmatch(path):
            msg = f"{self.url} names the path {path!r}, which does not belong to a store; beware"
            raise CacheError(msg)
        return f"{self._place.root}/{path}"

    def _give_up(self, piece: Piece, err: BaseException) -> None:
        # Not its text: that may hold what the address was signed with.
        reason = " ".join(
            map(str, filter(None, (type(err).__name__, getattr(err, "status", None))))
        )
        msg = f"{self.url}/{piece.path} cannot be read ({reason}); check the address, or try later"
        raise CacheError(msg) from err


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        msg = f"url: {url!r} is no URL; give one such as https://host/folder or s3://bucket/folder"
        raise InvalidRequestError(msg, parameter="url")
    if "@" in parts.netloc or parts.query or parts.fragment:
        # It is not repeated here: it may hold a password.
        msg = "url: it has a password or a query in it; give credentials as options of fsspec"
        raise InvalidRequestError(msg, parameter="url")
    return url.rstrip("/")


def _opened(url: str, options: dict[str, Any]) -> _Place:
    try:
        from fsspec.core import url_to_fs

        files, root = url_to_fs(url, **(_patience(url) | options))
    except (ImportError, ValueError) as err:
        scheme = url.partition("://")[0]
        msg = (
            f"url: {scheme}:// cannot be read here ({type(err).__name__}); install "
            "astroquery_mmdc[remote]"
        )
        raise InvalidRequestError(msg, parameter="url") from err
    return _Place(files, str(root).rstrip("/"))


def _patience(url: str) -> dict[str, Any]:
    """Return how long a web server may be silent; its file system waits five minutes otherwise."""
    if not url.startswith(("http://", "https://")):
        return {}
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, connect=conf.connect_timeout, sock_read=conf.timeout)
    return {"client_kwargs": {"timeout": timeout}}


def _hexadecimal(piece: Piece) -> str:
    if not _SHA256.fullmatch(piece.checksum):
        msg = f"the checksum {piece.checksum!r} of {piece.path} is no SHA-256; the store is damaged"
        raise CacheError(msg)
    return piece.checksum


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
