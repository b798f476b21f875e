"""Results kept on disk, in formats that other programs read: Parquet, ECSV and JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.collection import DataCollection
from astroquery_mmdc.mmoda.origin import Origin
from astroquery_mmdc.mmoda.stored_products import load_product, store_product

__all__ = ["ResultCache", "request_key"]

_log = logging.getLogger(__name__)
_VERSION = 1
_INDEX = "collection.json"
# What differs from request to request without changing the result.
_PASSING = {
    "token",
    "session_id",
    "job_id",
    "query_status",
    "off_line",
    "api",
    "oda_api_version",
    "verbose",
    "dry_run",
    "async_dispatcher",
}


def request_key(url: str, parameters: Mapping[str, Any], *, user: str = "") -> str:
    """Return the key of a request.

    Parameters
    ----------
    url : str
        Address of the dispatcher.
    parameters : mapping
        What is sent; the token and the state of the job make no difference.
    user : str, optional
        Who asks (the token's ``sub``): results may depend on the rights of the user.

    Examples
    --------
    >>> request_key("https://here", {"RA": 1, "token": "x"})[:8]
    'c7170bd7'
    >>> request_key("https://here", {"RA": 1})[:8]
    'c7170bd7'
    """
    kept = {str(key): value for key, value in parameters.items() if key not in _PASSING}
    text = json.dumps([url.rstrip("/"), user, kept], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


class ResultCache:
    """A folder of results.

    Parameters
    ----------
    folder : path-like
        Where; it is made with the first result.
    max_age : float, optional
        Seconds after which a result is not used any more; None for no limit.
    """

    def __init__(self, folder: str | os.PathLike[str], *, max_age: float | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self.max_age = max_age

    def get(self, key: str) -> DataCollection | None:
        """Return the result of a request, or None if it is not held, too old or damaged."""
        place = self._place(key)
        try:
            index = json.loads((place / _INDEX).read_text(encoding="utf-8"))
            if index["version"] != _VERSION or self._is_old(index["stored"]):
                return None
            return _load(place, index)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, ParseError) as err:
            # Whatever is wrong with the copy: the dispatcher has the original.
            _log.warning("the kept result %s is damaged and left aside: %s", place, err)
            return None

    def put(self, key: str, collection: DataCollection) -> bool:
        """Keep a result; it appears whole or not at all.

        Returns
        -------
        bool
            False where the result holds something that the formats cannot hold exactly.
        """
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{uuid.uuid4().hex}")
        temporary.mkdir()
        try:
            index = _store(temporary, collection)
            text = json.dumps(index, indent=1)
            (temporary / _INDEX).write_text(text, encoding="utf-8")
            _replace(temporary, place)
        except (TypeError, ValueError) as err:
            _log.info("a result is not kept: %s", err)
            return False
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def clear(self) -> None:
        """Forget everything."""
        for place in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if (place / _INDEX).is_file():
                shutil.rmtree(place)

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob(f"[0-9a-f][0-9a-f]/[0-9a-f]*/{_INDEX}"))

    def _is_old(self, stored: float) -> bool:
        return self.max_age is not None and time.time() - stored > self.max_age

    def _place(self, key: str) -> Path:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            msg = f"key: {key!r} is none; request_key() makes them"
            raise ValueError(msg)
        return self.folder / key[:2] / key


def _replace(new: Path, place: Path) -> None:
    """Put a finished folder into its place; a folder that is there cannot be replaced at once."""
    old = place.with_name(f".{uuid.uuid4().hex}")
    with contextlib.suppress(FileNotFoundError):
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        # Another process was faster: its result is as good.
        if not (place / _INDEX).is_file():
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


# ---------------------------------------------------------------- collections


def _store(folder: Path, collection: DataCollection) -> dict[str, Any]:
    products = [
        store_product(folder, f"{place:03d}", item) for place, item in enumerate(collection)
    ]
    files = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    return {
        "version": _VERSION,
        "stored": time.time(),
        "instrument": collection.instrument,
        "product": collection.product,
        "origin": None if collection.origin is None else _plain(collection.origin),
        "products": products,
        "files": files,
    }


def _plain(origin: Origin) -> dict[str, Any]:
    said = {**asdict(origin)}
    for part in ("request", "analysis_parameters"):
        said[part] = {key: value for key, value in said[part].items() if key != "token"}
    return said


def _load(folder: Path, index: Mapping[str, Any]) -> DataCollection:
    for name, expected in index["files"].items():
        if Path(name).name != name or _checksum(folder / name) != expected:
            msg = f"the file {name} is not as it was written"
            raise ValueError(msg)
    return DataCollection(
        [load_product(folder, said) for said in index["products"]],
        instrument=index["instrument"],
        product=index["product"],
        origin=None if index["origin"] is None else Origin(**index["origin"]),
    )


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
