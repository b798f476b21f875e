"""Large files from servers: resumed where they broke off, and complete or not there."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import stamina

from astroquery_mmdc._config import conf
from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import OfflineError, ParseError, ServiceUnavailableError
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.errors import error_from_response, error_from_transport

__all__ = ["download_file", "fetch_catalog", "unzip"]

_CHUNK = 1 << 20


def download_file(url: str, path: Path, *, progress: bool = False) -> Path:
    """Download a file.

    Parameters
    ----------
    url : str
        Where it is.
    path : path-like
        Where it goes. A part of an earlier try, beside it with the ending ``.part``, is continued
        if the server can do that.
    progress : bool, optional
        Whether a bar is shown.

    Returns
    -------
    path-like
        ``path``

    Raises
    ------
    MMDCError
        The server refuses, cannot be reached, or sends a page instead of the file.
    """
    if conf.offline:
        msg = f"{url} needs the network; set conf.offline to False to allow it"
        raise OfflineError(msg)
    portal.start(_download(url, path, progress=progress)).result()
    return path


async def _download(url: str, path: Path, *, progress: bool) -> None:
    part = path.with_name(path.name + ".part")
    timeout = httpx.Timeout(conf.timeout, connect=conf.connect_timeout)
    async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as http:
        async for attempt in stamina.retry_context(
            on=ServiceUnavailableError, attempts=max(1, conf.retries), timeout=None
        ):
            with attempt:
                await _append(http, url, part, progress=progress)
    part.replace(path)


async def _append(http: httpx.AsyncClient, url: str, part: Path, *, progress: bool) -> None:
    have, headers = _already(part)
    try:
        async with http.stream("GET", url, headers=headers) as response:
            if response.status_code == 416:
                # Nothing is left to send, or the file has changed: begin anew.
                part.unlink()
                msg = f"{url} cannot be continued at byte {have}"
                raise ServiceUnavailableError(msg, url=url)
            if response.status_code >= 300:
                await response.aread()
                raise error_from_response(response, url=_bare(url))
            _refuse_page(response, url)
            try:
                begin = have if response.status_code == 206 else 0
                await _write(response, part, begin=begin, progress=progress)
            finally:
                _date(part, response)
    except httpx.TransportError as err:
        raise error_from_transport(err, url=_bare(url)) from err


def _already(part: Path) -> tuple[int, dict[str, str]]:
    """Return the size of what is there, and headers that ask for the rest of the same file."""
    headers = {"Accept-Encoding": "identity"}
    if not part.exists() or part.stat().st_mtime == 0:
        return 0, headers
    have = part.stat().st_size
    since = formatdate(part.stat().st_mtime, usegmt=True)
    return have, headers | {"Range": f"bytes={have}-", "If-Range": since}


def _date(part: Path, response: httpx.Response) -> None:
    """Give a part the date of the file on the server; it is continued only if that stays so."""
    stated = response.headers.get("Last-Modified")
    seconds = parsedate_to_datetime(stated).timestamp() if stated else 0.0
    os.utime(part, (seconds, seconds))


def _bare(url: str) -> str:
    return urlsplit(url)._replace(query="").geturl()


def _refuse_page(response: httpx.Response, url: str) -> None:
    if "text/html" in response.headers.get("Content-Type", ""):
        msg = f"{_bare(url)} sends an HTML page instead of a file; has it moved? Give another url"
        raise ParseError(msg)


async def _write(response: httpx.Response, part: Path, *, begin: int, progress: bool) -> None:
    from tqdm import tqdm

    length = response.headers.get("Content-Length")
    total = begin + int(length) if length else None
    with tqdm(total=total, initial=begin, unit="B", unit_scale=True, disable=not progress) as bar:
        async with await anyio.open_file(part, "ab" if begin else "wb") as file:
            async for chunk in response.aiter_bytes(_CHUNK):
                await file.write(chunk)
                bar.update(len(chunk))


def unzip(path: Path, target: Path) -> Path:
    """Unpack a gzip file; a damaged one leaves nothing behind.

    Raises
    ------
    ParseError
        It is damaged or cut short.
    """
    try:
        with (
            gzip.open(path, "rb") as packed,
            atomic_path(target) as temporary,
            temporary.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, _CHUNK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        msg = f"{path} is no complete gzip file ({err}); load again with force_redownload=True"
        raise ParseError(msg) from err
    return target


def fetch_catalog(url: str, path: Path, *, progress: bool = False) -> Path:
    """Download the file of a catalogue, and unpack it if it is packed and ``path`` is not."""
    packed = urlsplit(url).path.endswith(".gz") and path.suffix != ".gz"
    if not packed:
        return download_file(url, path, progress=progress)
    archive = download_file(url, path.with_name(path.name + ".gz"), progress=progress)
    try:
        return unzip(archive, path)
    finally:
        archive.unlink(missing_ok=True)
