"""Tables of FITS files from a pickle: raw columns become the values that they stand for.

Such a table carries its raw columns, the values of those columns that somebody had looked at, and
a description of each column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.mmoda.limits import Budget
from astroquery_mmdc.mmoda.pickled import Name, Pending, Said, refuse, settled
from astroquery_mmdc.mmoda.pickled_numpy import PendingArray

__all__ = ["NAMES", "table_of"]

_TRUE = ord("T")


class _PendingTable(PendingArray):
    """A table of a FITS file: raw columns, then what is known about them."""

    __slots__ = ()

    def build(self, state: Any, budget: Budget) -> None:
        super().build(state, budget)
        if len(self.extra) != 2 or not all(isinstance(part, list) for part in self.extra):
            refuse("a FITS table with a state of another form")
        values, names = self.extra
        known = dict(zip(names, values, strict=True))
        self.value = table_of(self.value, known, budget)


def table_of(raw: NDArray[Any], known: dict[Any, Any], budget: Budget) -> NDArray[Any]:
    """Return the record array of values for raw columns and what is known about them.

    Parameters
    ----------
    raw : ndarray
        Record array as it lies in the file.
    known : dict
        ``_converted`` (columns already turned into values) and ``_coldefs`` (descriptions).
    budget : `~astroquery_mmdc.mmoda.limits.Budget`
        What may still be spent.
    """
    converted = known.get("_converted") or {}
    names = raw.dtype.names
    if names is None or not isinstance(converted, dict):
        refuse("a FITS table without fields")
    described = _descriptions(known.get("_coldefs"))
    columns = {}
    for name in names:
        if name in converted:
            columns[name] = _looked_at(converted[name], name, len(raw))
        else:
            columns[name] = _values(raw[name], described.get(name, {}), name, known.get("_uint"))
    if all(columns[name].dtype == raw.dtype[name].base for name in names):
        return raw
    return _joined(columns, len(raw), budget)


def _looked_at(said: Any, name: str, length: int) -> NDArray[Any]:
    values = settled(said)
    if not isinstance(values, np.ndarray) or values.ndim == 0 or len(values) != length:
        refuse(f"the values of the column {name!r}, which do not match its length")
    return _stripped(values)


def _joined(columns: dict[str, NDArray[Any]], length: int, budget: Budget) -> NDArray[Any]:
    fields = [(name, values.dtype, values.shape[1:]) for name, values in columns.items()]
    dtype = np.dtype((np.record, np.dtype(fields)))
    budget.take_bytes(dtype.itemsize * length)
    out = np.empty(length, dtype)
    for name, values in columns.items():
        out[name] = values
    return out


def _descriptions(coldefs: Any) -> dict[str, dict[str, Any]]:
    """Return what is said about each column by its name."""
    if not isinstance(coldefs, Said):
        return {}
    columns = coldefs.state.get("columns", [])
    if not isinstance(columns, list):
        refuse("descriptions of columns that are no list")
    states = [column.state for column in columns if isinstance(column, Said)]
    return {str(state.get("_name", state.get("name"))): state for state in states}


def _values(raw: NDArray[Any], said: dict[str, Any], name: str, unsigned: Any) -> NDArray[Any]:
    """Return the values of a raw column that nobody had looked at before it was sent."""
    form = said.get("_format")
    letters = form.state if isinstance(form, Said) else {}
    letter = str(letters.get("format", ""))
    if letter in ("P", "Q"):
        refuse(f"the column {name!r} of variable length, which was sent without its values")
    if letter == "L" and raw.dtype.base.itemsize == 1 and raw.dtype.kind != "b":
        return raw.view(np.uint8) == _TRUE if raw.flags.c_contiguous else raw.astype("u1") == _TRUE
    if letter == "X":
        return _bits(raw, letters.get("repeat"))
    if raw.dtype.kind == "S":
        return _stripped(np.char.decode(raw, "latin-1"))
    return _scaled(raw, said.get("_bscale"), said.get("_bzero"), unsigned)


def _bits(raw: NDArray[Any], count: Any) -> NDArray[Any]:
    rows = raw.astype(np.uint8).reshape(len(raw), -1)
    found = np.unpackbits(rows, axis=-1).astype(bool)
    return found[:, :count] if isinstance(count, int) else found


def _scaled(raw: NDArray[Any], scale: Any, zero: Any, unsigned: Any) -> NDArray[Any]:
    scale = 1 if scale in (None, "") else scale
    zero = 0 if zero in (None, "") else zero
    if not all(isinstance(value, int | float) for value in (scale, zero)):
        refuse("a scale of a column that is no number")
    if (scale, zero) == (1, 0):
        return raw
    bits = 8 * raw.dtype.base.itemsize
    if unsigned and raw.dtype.kind == "i" and (scale, zero) == (1, 2 ** (bits - 1)):
        # The files have no unsigned integers and shift them by half their range.
        native = raw.astype(f"i{bits // 8}").view(f"u{bits // 8}")
        return native ^ native.dtype.type(zero)
    return raw.astype(np.float64) * scale + zero


def _stripped(values: NDArray[Any]) -> NDArray[Any]:
    """Return texts without the blanks that fill a column up."""
    return np.char.rstrip(values) if values.dtype.kind in "US" else values


# ---------------------------------------------------------------- what the names make


def _make_said(name: str) -> Any:
    def make(args: tuple[Any, ...], budget: Budget) -> Pending:
        return Said(name, args)

    return make


_COLUMN = "astropy.io.fits.column"
_TABLE = "astropy.io.fits.fitsrec"
NAMES = {
    (_TABLE, "FITS_rec"): Name(_TABLE, "FITS_rec", begin=_PendingTable),
    **{
        (_COLUMN, name): Name(_COLUMN, name, _make_said(name))
        for name in ("ColDefs", "Column", "_ColumnFormat", "_FormatP", "_FormatX", "_FormatQ")
    },
}
