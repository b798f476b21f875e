"""Files that the service made: reports and tables of fits."""

from __future__ import annotations

import os
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import FitResult
from astroquery_mmdc.net import Job, ServiceClient
from astroquery_mmdc.net.gather import gather

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["download_files"]

_ENDINGS = {"pdf": "pdf", "best_parameters": "csv", "best_model": "csv"}


def download_files(
    self: MMDCClass,
    job: Job,
    result: FitResult,
    folder: str | os.PathLike[str] = ".",
    *,
    overwrite: bool = False,
) -> dict[str, Path] | Coroutine[Any, Any, dict[str, Path]]:
    """Download the files of a fit: the report and the tables of its best model.

    Parameters
    ----------
    result : FitResult
        As `fit_model` returns it.
    folder : path-like, optional
        An existing folder; the names of the files begin with ``fit_`` and the id of the job.
    overwrite : bool, optional
        Whether existing files may be replaced.

    Returns
    -------
    dict
        ``"pdf"``, ``"best_parameters"``, ``"best_model"`` to path, for the files there are. Each
        file is complete or not there.

    Raises
    ------
    InvalidRequestError
        The folder does not exist, or a file exists and must not be replaced.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> paths = MMDC.download_files(result)  # doctest: +SKIP
    """
    target = Path(folder).expanduser()
    if not target.is_dir():
        msg = f"folder: {target} is no folder; make it first"
        raise InvalidRequestError(msg, parameter="folder")
    paths = {name: target / _file_name(result, name) for name in result.links}
    existing = [path for path in paths.values() if path.exists() and not overwrite]
    if existing:
        msg = f"folder: {existing[0]} exists; choose another folder or pass overwrite=True"
        raise InvalidRequestError(msg, parameter="folder")
    return _downloaded(self, result.links, paths)


def _file_name(result: FitResult, name: str) -> str:
    """Return a name of our own: neither an id nor a link of a server becomes a path."""
    job_id = str(result.meta.get("mmdc", {}).get("job_id", ""))
    label = re.sub(r"[^A-Za-z0-9-]", "", job_id)[:36] or "result"
    return f"fit_{label}_{name}.{_ENDINGS.get(name, 'dat')}"


async def _downloaded(
    self: MMDCClass, links: dict[str, str], paths: dict[str, Path]
) -> dict[str, Path]:
    contents = await gather(_content(self, link) for link in links.values())
    for path, content in zip(paths.values(), contents, strict=True):
        await anyio.to_thread.run_sync(write_atomic, path, content)
    return paths


async def _content(self: MMDCClass, link: str) -> bytes:
    parts = urlsplit(link)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else self.client.server
    client = self.client
    if origin != self.client.server:
        # Another host gets neither the key nor the name of the end user.
        client = ServiceClient(origin, app=self.client.app, use_key=False)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return (await client.request("GET", path)).content
