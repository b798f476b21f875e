"""Tables of other programs with our columns besides theirs, so that nothing is lost."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.sed.build import OPTIONAL, POINT, filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import FLUX, read_bytes, write_text

__all__ = [
    "add_companions",
    "companions",
    "ecsv_dialect",
    "error_columns",
    "informative",
    "read_table",
    "write_table",
]

# Columns that belong to one dialect only.
_ECSV = {"gammapy": {"e_ref"}, "jetset": {"x", "y", "data_set"}, "naima": {"energy", "flux"}}
_NAME = re.compile(r"^#(?: -)? +\{?name: '?([^,'}\n]+)'?", re.MULTILINE)


def ecsv_dialect(head: str) -> str:
    """Return the name of the dialect of an ECSV file, "" for other files."""
    if not head.startswith("# %ECSV"):
        return ""
    names = set(_NAME.findall(head))
    return next((name for name, marks in _ECSV.items() if marks <= names), "ascii.ecsv")


def read_table(source: Any, required: tuple[str, ...], dialect: str) -> QTable:
    """Read an ECSV or FITS file and check that it has the columns of a dialect.

    Raises
    ------
    ParseError
        A column is missing.
    """
    data = read_bytes(source)
    name = "fits" if data.startswith(b"SIMPLE") else "ascii.ecsv"
    content: Any = io.BytesIO(data) if name == "fits" else data.decode("utf-8-sig")
    table = QTable.read(content, format=name, **({"hdu": 1} if name == "fits" else {}))
    missing = [column for column in required if column not in table.colnames]
    if missing:
        msg = f"{dialect}: no column {missing[0]!r} among {table.colnames}; is it another format?"
        raise ParseError(msg)
    return table


def write_table(table: QTable, target: Any, *, overwrite: bool = False) -> None:
    """Write a table as FITS where the name of the file says so, as ECSV otherwise."""
    name = str(target).lower().removesuffix(".gz")
    if not hasattr(target, "write") and name.endswith((".fits", ".fit")):
        table.write(target, format="fits", overwrite=overwrite)
        return
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    write_text(target, content.getvalue(), overwrite=overwrite)


def informative(sed: SED, name: str) -> bool:
    """Tell whether a column says anything at all."""
    column = sed[name]
    if getattr(column, "dtype", np.dtype(object)).kind == "U":
        return bool((text(column) != "").any())
    mask = np.asarray(getattr(column, "mask", False))
    return bool((~np.broadcast_to(mask, len(sed))).any())


def add_companions(table: QTable, sed: SED, *, held: set[str]) -> None:
    """Add those columns of an SED that a dialect has no place for, under our own names."""
    for name in sed.colnames:
        if name in held or name == "undated" or name in table.colnames:
            continue
        if not informative(sed, name):
            continue
        column = sed[name]
        if getattr(column, "dtype", np.dtype(object)).kind == "U":
            table[name] = text(column)
        elif getattr(column, "unit", None) is not None:
            table[name] = filled(column) << column.unit
        else:
            table[name] = column


def companions(table: QTable, *, theirs: set[str]) -> dict[str, Any]:
    """Return our own columns of a table; empty texts are missing ones."""
    found: dict[str, Any] = {}
    for name in table.colnames:
        if name in theirs:
            continue
        spec = POINT.get(name) or OPTIONAL.get(name)
        column = table[name]
        if spec is not None and spec.kind == "str" and spec.nullable:
            column = [word or None for word in text(column).tolist()]
        found[name] = column
    return found


def error_columns(low: Any, high: Any, mean: Any = None) -> dict[str, Any]:
    """Return the columns of errors in erg/s/cm2; both sides only where they differ."""
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    middle = 0.5 * (low + high) if mean is None else np.asarray(mean, dtype=float)
    values = {"nufnu_err": middle * u.Unit(FLUX)}
    if (
        np.isclose(low, middle, rtol=1e-9, atol=0, equal_nan=True).all()
        and np.isclose(high, middle, rtol=1e-9, atol=0, equal_nan=True).all()
    ):
        return values
    return values | {"nufnu_errn": low * u.Unit(FLUX), "nufnu_errp": high * u.Unit(FLUX)}
