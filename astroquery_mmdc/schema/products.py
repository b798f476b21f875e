"""Products as a dispatcher sends them, without pickles: tables, images, pictures, texts, files.

Arrays travel as JSON rows with the description of their type, which clients of every age decode.
Some of them read the rows as Python, so they hold no ``NaN``, ``Infinity`` or ``true``: a missing
number is the text ``"nan"``, which numpy turns into one, and a truth value is 0 or 1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "ProductList",
    "array_unit",
    "binary_product",
    "numpy_product",
    "picture_product",
    "primary_unit",
    "record_array",
    "table_product",
    "table_unit",
    "text_product",
]

# What the data themselves tell, or what comes in ``units_dict``.
_STRUCTURAL: tuple[str, ...] = (
    "SIMPLE",
    "XTENSION",
    "BITPIX",
    "NAXIS",
    "EXTEND",
    "PCOUNT",
    "GCOUNT",
    "TFIELDS",
)
_STRUCTURAL += ("TTYPE", "TFORM", "TUNIT", "TDIM", "TNULL", "TSCAL", "TZERO", "TDISP", "THEAP")
_STRUCTURAL += ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "END", "EXTNAME")
_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"BM": "bmp"}
_KINDS = frozenset("biufSU")


@dataclass(slots=True)
class ProductList:
    """Products of one answer, each kind under its key."""

    entries: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, key: str, product: Mapping[str, Any]) -> None:
        """Append a product."""
        self.entries.setdefault(key, []).append(dict(product))

    def add_arrays(self, product: Mapping[str, Any]) -> None:
        """Append what `numpy_product` returned."""
        self.add("numpy_data_product_list", product)

    def add_table(self, product: Mapping[str, Any]) -> None:
        """Append what `table_product` returned."""
        self.add("astropy_table_product_ascii_list", product)

    def add_picture(self, product: Mapping[str, Any]) -> None:
        """Append what `picture_product` returned."""
        self.add("binary_image_product_list", product)

    def add_text(self, product: Mapping[str, Any]) -> None:
        """Append what `text_product` returned."""
        self.add("text_product_list", product)

    def add_binary(self, product: Mapping[str, Any]) -> None:
        """Append what `binary_product` returned."""
        self.add("binary_data_product_list", product)


def numpy_product(
    name: str, units: Iterable[Mapping[str, Any]], meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a product of arrays.

    Parameters
    ----------
    name : str
    units : iterable of mapping
        From `primary_unit`, `array_unit` and `table_unit`.
    meta : mapping, optional
        What else is known about it; ``src_name`` becomes a part of its name at the client.
    """
    return {"name": name, "data_unit_list": list(units), "meta_data": json.dumps(dict(meta or {}))}


def primary_unit(header: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the empty unit that a FITS file of tables begins with."""
    return _unit("PRIMARY", "primary", None, None, header)


def array_unit(
    name: str,
    data: NDArray[Any],
    *,
    header: Mapping[str, Any] | None = None,
    hdu_type: str = "image",
) -> dict[str, Any]:
    """Return a unit that holds an image of two or more dimensions."""
    data = np.asarray(data)
    if data.ndim < 2 or data.dtype.kind not in "biuf":
        msg = f"{name}: an array of {data.dtype} with {data.ndim} dimensions is no image"
        raise InvalidRequestError(msg, parameter=name)
    rows = json.dumps(_plain(data), allow_nan=False)
    return _unit(name, hdu_type, rows, data.dtype.newbyteorder("<").str, header)


def table_unit(
    name: str,
    data: NDArray[Any],
    *,
    units: Mapping[str, str] | None = None,
    header: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a unit that holds a table.

    Parameters
    ----------
    name : str
    data : ndarray
        A structured array, see `record_array`.
    units : mapping of str to str, optional
        Units of columns, in the notation of FITS.
    header : mapping, optional
    """
    fields = [_field(name, data.dtype, column) for column in data.dtype.names or ()]
    columns = [_plain(data[column]) for column in data.dtype.names or ()]
    rows = json.dumps(list(zip(*columns, strict=True)), allow_nan=False)
    unit = _unit(name, "bintable", rows, f"(numpy.record, {fields!r})", header)
    return {**unit, "units_dict": dict(units) if units else None}


def _field(table: str, dtype: np.dtype[Any], column: str) -> tuple[Any, ...]:
    kind = dtype[column]
    base, shape = kind.subdtype or (kind, ())
    if base.kind not in _KINDS or (base.kind in "iuf" and base.itemsize > 8):
        msg = f"{table}: column {column} is of type {base}; make it numbers or texts"
        raise InvalidRequestError(msg, parameter=column)
    code = f"<U{max(1, base.itemsize)}" if base.kind == "S" else base.newbyteorder("<").str
    return (column, code, shape) if shape else (column, code)


def _plain(values: NDArray[Any]) -> Any:
    """Return nested lists that JSON and Python write alike."""
    kind = values.dtype.kind
    if kind == "b":
        return values.astype(np.uint8).tolist()
    if kind == "S":
        return np.char.decode(values, "utf-8", "replace").tolist()
    plain = values.tolist()
    if kind == "f" and not np.isfinite(values).all():
        return _spelled(plain)
    return plain


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value if math.isfinite(value) else str(value)


def record_array(columns: Mapping[str, Any]) -> NDArray[Any]:
    """Return columns as one structured array.

    Examples
    --------
    >>> record_array({"TIME": [1.0, 2.0], "BAND": ["g", "r"]}).dtype.names
    ('TIME', 'BAND')
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    length = len(next(iter(arrays.values()), ()))
    dtype = [(name, values.dtype, values.shape[1:]) for name, values in arrays.items()]
    records = np.zeros(length, dtype=dtype)
    for name, values in arrays.items():
        records[name] = values
    return records


def _unit(
    name: str, hdu_type: str, rows: str | None, dtype: str | None, header: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "name": name,
        "hdu_type": hdu_type,
        "header": _cards(header or {}),
        "meta_data": {},
        "units_dict": None,
        "data": rows,
        "dt": dtype,
        "binarys": None,
    }


def _cards(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cards that do not follow from the data, as plain values."""
    return {
        name: value
        for name, value in ((name, _card(value)) for name, value in header.items())
        if value is not None and name and not _is_structural(name)
    }


def _is_structural(name: str) -> bool:
    return name.rstrip("0123456789") in _STRUCTURAL or name in ("COMMENT", "HISTORY")


def _card(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else None


def table_product(name: str, table: Table, meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a product that holds a table with units, texts and missing values.

    Parameters
    ----------
    name : str
    table : `~astropy.table.Table`
        Written as ECSV.
    meta : mapping, optional
    """
    from astropy.table import Table as PlainTable

    text = StringIO()
    # Quantities as columns with a unit: that is what every reader of ECSV understands.
    PlainTable(table).write(text, format="ascii.ecsv")
    return {"name": name, "ascii": text.getvalue(), "binary": None, "meta_data": dict(meta or {})}


def picture_product(
    name: str, content: bytes, meta: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a picture: PNG, JPEG, GIF or BMP."""
    kind = next((kind for head, kind in _PICTURES.items() if content.startswith(head)), None)
    if kind is None:
        msg = f"{name}: this is no picture; PNG, JPEG, GIF and BMP are known"
        raise InvalidRequestError(msg, parameter=name)
    data = base64.urlsafe_b64encode(content).decode()
    return {"name": name, "img_type": kind, "b64data": data, "metadata": dict(meta or {})}


def text_product(name: str, value: str, meta: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a text."""
    return {"name": name, "value": value, "meta_data": dict(meta or {})}


def binary_product(name: str, content: bytes) -> dict[str, Any]:
    """Return the content of a file of any kind."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return {"name": name, "data": base64.urlsafe_b64encode(content).decode(), "md5": digest}
