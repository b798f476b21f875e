"""Forms of the dispatcher with files: read into plain fields, and nothing of them is stored.

A catalogue becomes the field ``selected_catalog`` and a list of science windows the field
``scw_list``, as dispatchers do it. The name that a client gives a file is not looked at.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from io import BytesIO

from astropy.io import fits
from astropy.table import Column, Table
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.ecsv import read_ecsv
from astroquery_mmdc.schema.source_catalog import SourceCatalog

__all__ = ["read_fields"]

_MAX_FILES = 4
_MAX_FIELDS = 2000
_MAX_HDUS = 20
_WINDOW = re.compile(r"\d{12}(\.\d{3})?\Z")
_WINDOWS = "scw_list"
_USE = "use_scws"


async def read_fields(request: Request, *, file_bytes: int) -> dict[str, str]:
    """Return the fields of the address and of the form, files turned into fields.

    Parameters
    ----------
    request : Request
    file_bytes : int
        The largest file that is taken.

    Raises
    ------
    InvalidRequestError
        A file is too large, unreadable, or not one that a dispatcher takes.
    """
    given = request.query_params.multi_items()
    files: list[tuple[str, bytes]] = []
    if request.method == "POST":
        async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files.append((name, await _content(name, value, file_bytes)))
                else:
                    given.append((name, value))
    fields = dict(given)
    windows = [value for name, value in given if name == _WINDOWS]
    if windows:
        fields[_WINDOWS] = _windows(_WINDOWS, ",".join(windows).encode())
    for name, content in files:
        into, read = _reader(name)
        fields[into] = await run_in_threadpool(read, name, content)
    _check_use(fields, {name for name, _ in files})
    return fields


async def _content(name: str, file: UploadFile, largest: int) -> bytes:
    content = await file.read(largest + 1)
    if not content:
        msg = f"{name}: the file is empty"
        raise InvalidRequestError(msg, parameter=name)
    if len(content) > largest:
        msg = f"{name}: the file is larger than {largest} bytes; send a shorter one"
        raise InvalidRequestError(msg, parameter=name)
    return content


def _reader(name: str) -> tuple[str, Callable[[str, bytes], str]]:
    """Return the field that a file becomes, and what makes it."""
    if name in _FILES:
        return _FILES[name]
    msg = f"{name}: a file is not taken here, send a value; files are taken as {', '.join(_FILES)}"
    raise InvalidRequestError(msg, parameter=name)


def _check_use(fields: dict[str, str], files: set[str]) -> None:
    """Check what is said about the science windows against what came; nothing else needs it."""
    use = fields.pop(_USE, None)
    if use == "user_file" and "user_scw_list_file" not in files:
        msg = f"{_USE}: 'user_file' was given without a file; upload it as user_scw_list_file"
        raise InvalidRequestError(msg, parameter=_USE)


# ---------------------------------------------------------------- science windows


def _windows(name: str, content: bytes) -> str:
    """Return the identifiers of a text as JSON."""
    found = [one for one in re.split(r"[\s,]+", content.decode("utf-8", "replace")) if one]
    wrong = next((one for one in found if not _WINDOW.match(one)), None)
    if wrong is not None:
        msg = f"{name}: {wrong[:40]!r} is no science window; they look like 066500220010.001"
        raise InvalidRequestError(msg, parameter=name)
    return json.dumps(found)


# ---------------------------------------------------------------- catalogues


def _catalog(name: str, content: bytes) -> str:
    """Return a table of sources, FITS or ECSV, as the text of a catalogue."""
    try:
        table = Table(_table(content))  # units stay with the columns, and out of the values
        said = _coordinates(table)
        for column in (said["lon_name"], said["lat_name"]):
            if column in table.colnames and table[column].unit is not None:
                table[column] = Column(table[column].quantity.to_value(said["coord_units"]))
        catalog = SourceCatalog.of_table(table, **said)
        catalog.positions()
        return json.dumps(catalog.as_json(), allow_nan=False)
    except Exception as err:  # the readers' errors have no common base
        msg = f"{name}: no table of sources can be read from it ({str(err)[:200]})"
        raise InvalidRequestError(msg, parameter=name) from err


def _table(content: bytes) -> Table:
    if content.startswith(b"SIMPLE  ="):
        return _fits_table(content)
    if content.startswith(b"# %ECSV"):
        return read_ecsv(content.decode())
    msg = "it is neither FITS nor ECSV"
    raise ParseError(msg)


def _fits_table(content: bytes) -> Table:
    with warnings.catch_warnings():
        # What is odd about the file is its sender's matter, as long as it can be read.
        warnings.simplefilter("ignore")
        with fits.open(BytesIO(content)) as hdus:
            some = (hdus[place] for place in range(min(len(hdus), _MAX_HDUS)))
            tables = (hdu for hdu in some if isinstance(hdu, fits.BinTableHDU | fits.TableHDU))
            found = next(tables, None)
            if found is None:
                msg = "it holds no table"
                raise ParseError(msg)
            return Table.read(found)


def _coordinates(table: Table) -> dict[str, str | None]:
    """Return what the file says about its coordinates; dispatchers write it into the header."""
    meta = {str(key).upper(): value for key, value in table.meta.items()}
    names = {name.lower(): name for name in table.colnames}
    said = {key: str(meta[key]) if meta.get(key) else None for key in _KEYWORDS}
    return {
        "frame": said["FRAME"] or "icrs",
        "coord_units": said["COORD_UNIT"] or "deg",
        "lon_name": said["LON_NAME"] or names.get("ra"),
        "lat_name": said["LAT_NAME"] or names.get("dec"),
    }


_KEYWORDS = ("FRAME", "COORD_UNIT", "LON_NAME", "LAT_NAME")
_FILES: dict[str, tuple[str, Callable[[str, bytes], str]]] = {
    "user_catalog_file": ("selected_catalog", _catalog),
    "user_scw_list_file": (_WINDOWS, _windows),
}
