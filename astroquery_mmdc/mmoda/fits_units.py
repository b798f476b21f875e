"""Data units as HDUs of a FITS file: values unchanged, headers as far as FITS can hold them."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray

__all__ = ["fits_header", "make_hdu"]

# What describes the layout of the data is found anew from the data.
_LAYOUT = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|TFIELDS|GROUPS|THEAP|BSCALE|BZERO|BLANK"
    r"|(?:TTYPE|TFORM|TUNIT|TDIM|TSCAL|TZERO|TNULL|TDISP)\d+|EXTNAME|CHECKSUM|DATASUM|END|"
)
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_LETTERS = {
    "f4": "E",
    "f8": "D",
    "c8": "C",
    "c16": "M",
    "u1": "B",
    "i2": "I",
    "i4": "J",
    "i8": "K",
    "b1": "L",
}
# The files have no such integers and shift the range of those that they have.
_SHIFTED = {"i1": ("B", -(2**7)), "u2": ("I", 2**15), "u4": ("J", 2**31), "u8": ("K", 2**63)}
_WIDENED = {"f2": "f4", "f16": "f8", "c32": "c16"}


def make_hdu(
    data: NDArray[Any] | None,
    header: Mapping[str, Any],
    *,
    name: str | None,
    kind: str | None,
    units: Mapping[str, str],
) -> Any:
    """Return the HDU of one data unit.

    Parameters
    ----------
    data : ndarray or None
        Record array for a table, plain array for an image.
    header : mapping
        Keywords; those of the layout are left out and found from the data.
    name : str or None
        Becomes ``EXTNAME``.
    kind : str or None
        ``"primary"``, ``"image"``, ``"table"``, ``"bintable"``; found from the data if None.
    units : mapping
        Unit by column.
    """
    cards = fits_header(header)
    if data is not None and data.dtype.names is not None:
        hdu = _table(data, header, units, cards)
    else:
        make = fits.PrimaryHDU if kind == "primary" else fits.ImageHDU
        hdu = make(_image(data), header=cards)
    if name and not (kind == "primary" and name.upper() == "PRIMARY"):
        hdu.name = name
    return hdu


def _image(data: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return an array of a type that images may have; an empty one is no image."""
    if data is None or data.size == 0:
        return None
    code = f"{data.dtype.kind}{data.dtype.itemsize}"
    if code == "b1":
        return data.astype(np.uint8)
    return data.astype(_WIDENED[code]) if code in _WIDENED else data


# ---------------------------------------------------------------- tables


def _table(
    data: NDArray[Any], header: Mapping[str, Any], units: Mapping[str, str], cards: fits.Header
) -> Any:
    nulls = _nulls(header)
    with warnings.catch_warnings():
        # Names with blanks or brackets are legal; who reads them did not choose them.
        warnings.simplefilter("ignore", VerifyWarning)
        columns = [
            _column(_ascii(name), data[name], units.get(name), nulls.get(name))
            for name in data.dtype.names or ()
        ]
        return fits.BinTableHDU.from_columns(columns, header=cards)


def _nulls(header: Mapping[str, Any]) -> dict[str, int]:
    """Return the integer that stands for a missing value, by column."""
    found = {}
    for key, name in header.items():
        null = header.get(f"TNULL{key[5:]}") if key.startswith("TTYPE") else None
        if isinstance(null, int):
            found[str(name)] = null
    return found


def _column(name: str, values: NDArray[Any], unit: str | None, null: int | None) -> fits.Column:
    if values.dtype.kind == "O":
        return _object_column(name, values, unit)
    code = f"{values.dtype.kind}{values.dtype.itemsize}"
    if code in _WIDENED:
        values, code = values.astype(_WIDENED[code]), _WIDENED[code]
    # In FITS the fastest axis comes first.
    dim = str(values.shape[:0:-1]).replace(" ", "") if values.ndim > 2 else None
    if values.dtype.kind in "US":
        values = np.char.encode(values, "ascii", "backslashreplace") if code[0] == "U" else values
        return fits.Column(name, _text_form(values), unit=unit, array=values, dim=_text_dim(values))
    count = math.prod(values.shape[1:])
    if code in _SHIFTED:
        letter, zero = _SHIFTED[code]
        return fits.Column(name, f"{count}{letter}", unit, bzero=zero, array=values, dim=dim)
    if code not in _LETTERS:
        # Times and the like have no form of their own: they go as text.
        return _column(name, values.astype("U"), unit, None)
    form = f"{count}{_LETTERS[code]}"
    null = null if code[0] in "iu" else None
    return fits.Column(name, form, unit, null=null, array=values, dim=dim)


def _text_form(values: NDArray[Any]) -> str:
    return f"{max(values.dtype.itemsize, 1) * math.prod(values.shape[1:])}A"


def _text_dim(values: NDArray[Any]) -> str | None:
    if values.ndim < 2:
        return None
    sizes = (max(values.dtype.itemsize, 1), *values.shape[:0:-1])
    return "(" + ",".join(map(str, sizes)) + ")"


def _object_column(name: str, values: NDArray[Any], unit: str | None) -> fits.Column:
    """Return a column of arrays of variable length, or of text for other objects."""
    if not all(isinstance(value, np.ndarray) for value in values):
        texts = ["" if value is None else str(value) for value in values]
        return _column(name, np.array(texts, dtype="U"), unit, None)
    filled = [value for value in values if value.size]
    dtype = np.result_type(*filled) if filled else np.dtype("f4")
    code = f"{dtype.kind}{dtype.itemsize}"
    code = _WIDENED.get(code, "f8" if code not in _LETTERS else code)
    # Variable length has no shifted integers: the next wider type holds them.
    rows = np.empty(len(values), dtype=object)
    rows[:] = [np.asarray(value, dtype=code).ravel() for value in values]
    longest = max((len(row) for row in rows), default=0)
    return fits.Column(name, f"P{_LETTERS[code]}({longest})", unit, array=rows)


# ---------------------------------------------------------------- headers


def fits_header(header: Mapping[str, Any]) -> fits.Header:
    """Return a FITS header with all keywords that FITS can hold, and a warning for the others."""
    cards = fits.Header()
    for key, value in header.items():
        if _LAYOUT.fullmatch(str(key).upper()):
            continue
        try:
            with warnings.catch_warnings():
                # A card that is too long would be cut.
                warnings.simplefilter("error", VerifyWarning)
                _add(cards, str(key), value)
        except (ValueError, VerifyWarning) as err:
            msg = f"the keyword {key!r} cannot be written to a FITS header: {err}"
            warnings.warn(msg, AstropyUserWarning, stacklevel=2)
    return cards


def _add(cards: fits.Header, key: str, value: Any) -> None:
    if key.upper() in ("COMMENT", "HISTORY"):
        for line in str(value).splitlines():
            cards.add_history(_ascii(line)) if key.upper() == "HISTORY" else cards.add_comment(
                _ascii(line)
            )
        return
    # Long or lower-case names are kept by the HIERARCH convention.
    keyword = key.upper() if _KEYWORD.fullmatch(key.upper()) else f"HIERARCH {key}"
    card = fits.Card(keyword, _card_value(value))
    # Whether it fits on a card is only known when it is put there.
    str(card)
    cards[keyword] = card.value


def _card_value(value: Any) -> Any:
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float):
        # Neither NaN nor infinity is a number to a FITS header.
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple) and not any(isinstance(v, list | dict) for v in value):
        return _ascii(",".join(map(str, value)))
    return _ascii(value if isinstance(value, str) else json.dumps(value))


def _ascii(text: str) -> str:
    """Return a text of printable ASCII, which is all that a header may hold."""
    plain = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    plain = plain.encode("ascii", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in plain)
