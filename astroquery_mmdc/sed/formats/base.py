"""What the dialects share: registration, reading, numbers, and the count of what is lost."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import registry
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.catalogs import band_of
from astroquery_mmdc.schema.tables import undated_mask
from astroquery_mmdc.schema.wire import UNDATED_MJD, UNDATED_MJD_LEGACY
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED

__all__ = [
    "FLUX",
    "Dialect",
    "FormatLossWarning",
    "csv_columns",
    "dated_or",
    "dates_from",
    "floats",
    "is_limit",
    "known_error",
    "lines_of",
    "number",
    "read_bytes",
    "read_text",
    "register",
    "warn_loss",
    "warn_losses",
    "write_bytes",
    "write_text",
]

FLUX = "erg / (s cm2)"
_HEAD = 65536
_INSIDE = ("astroquery_mmdc.", "astropy.")
_PLACEHOLDERS = (UNDATED_MJD, UNDATED_MJD_LEGACY)


class FormatLossWarning(AstropyUserWarning):
    """A file format cannot hold everything that an SED has; the message counts what is lost."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A file format of SEDs.

    Parameters
    ----------
    name : str
        The ``format`` of `SED.read` and `SED.write`.
    matches : callable
        Takes the beginning of a file as text; True where it is in this format without doubt.
    read, write : callable, optional
        ``read(source, **kwargs)`` returns an SED, ``write(sed, target, **kwargs)`` makes a file.
    endings : tuple of str, optional
        Endings of file names that `SED.write` writes in this format.
    """

    name: str
    matches: Callable[[str], bool]
    read: Callable[..., Any] | None = None
    write: Callable[..., Any] | None = None
    endings: tuple[str, ...] = ()


def register(dialect: Dialect) -> None:
    """Make a dialect known to `SED.read` and `SED.write`."""

    def identify(origin: str, path: Any, fileobj: Any, *args: Any, **kwargs: Any) -> bool:
        if origin == "write":
            name = str(path or "").lower().removesuffix(".gz")
            return name.endswith(dialect.endings) if dialect.endings else False
        return fileobj is not None and dialect.matches(_head(fileobj))

    if dialect.read is not None:
        registry.register_reader(dialect.name, SED, dialect.read)
    if dialect.write is not None:
        registry.register_writer(dialect.name, SED, dialect.write)
    registry.register_identifier(dialect.name, SED, identify)


def _head(fileobj: Any) -> str:
    position = fileobj.tell()
    data = fileobj.read(_HEAD)
    fileobj.seek(position)
    # Latin-1 takes every byte, so binary formats can be recognized too.
    return data.decode("latin-1") if isinstance(data, bytes) else str(data)


# ---------------------------------------------------------------- reading


def read_bytes(source: Any) -> bytes:
    """Return the content of a path or a file object, unpacked where it is gzipped."""
    data = source.read() if hasattr(source, "read") else Path(source).expanduser().read_bytes()
    data = data.encode() if isinstance(data, str) else data
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def read_text(source: Any) -> str:
    """Return the content of a path or a file object as text."""
    return read_bytes(source).decode("utf-8-sig", "replace")


def lines_of(source: Any, *, comment: str = "#") -> list[tuple[int, str]]:
    """Return numbered lines, without empty ones and comments."""
    lines = enumerate(read_text(source).splitlines(), start=1)
    return [
        (n, line) for n, line in lines if line.strip() and not line.lstrip().startswith(comment)
    ]


def csv_columns(source: Any, required: Sequence[str], dialect: str) -> dict[str, list[str]]:
    """Return the columns of a CSV file, their names without spaces around them.

    Raises
    ------
    ParseError
        A required column is missing, or a row has another number of cells than the header.
    """
    rows = [row for row in csv.reader(io.StringIO(read_text(source), newline="")) if row]
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in required if name not in header]
    if missing:
        msg = f"{dialect}: no column {missing[0]!r} in the header {header}; is it another format?"
        raise ParseError(msg, excerpt=",".join(header)[:120])
    for index, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            msg = f"{dialect}: row {index} has {len(row)} cells, the header {len(header)}"
            raise ParseError(msg, excerpt=",".join(row)[:120])
    cells = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(header)
    return {name: list(column) for name, column in zip(header, cells, strict=True)}


def floats(cells: Iterable[str], column: str) -> NDArray[np.float64]:
    """Return cells as numbers, NaN where empty.

    Raises
    ------
    ParseError
        A cell is no number.
    """
    cells = list(cells)
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells], dtype=float)
    except ValueError as err:
        bad = next(row for row, cell in enumerate(cells) if cell.strip() and not _is_number(cell))
        msg = f"{column}: row {bad + 1} holds {cells[bad]!r}, which is no number"
        raise ParseError(msg, excerpt=cells[bad][:120]) from err


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def known_error(error: Any) -> Any:
    """Return errors with NaN for 0 and less, which older formats write where none is known."""
    return np.where(np.asarray(error) > 0, error, np.nan)


def dates_from(start: Any, end: Any, placeholders: Iterable[float] = _PLACEHOLDERS) -> Any:
    """Return the MJDs as columns of an SED, missing where a placeholder stands for "undated"."""
    undated = undated_mask(start, end, placeholders=placeholders)
    return {
        name: np.where(undated, np.nan, values) * u.d
        for name, values in (("mjd_start", start), ("mjd_end", end))
    }


def is_limit(flags: Iterable[str]) -> Any:
    """Return which flags say "upper limit"; ``Det``, NaN and blanks say "detection"."""
    return np.array([flag.strip().upper() == "UL" for flag in flags], dtype=bool)


# ---------------------------------------------------------------- writing


def number(value: float) -> str:
    """Return the shortest text that gives the same number again; "" for NaN."""
    return "" if np.isnan(value) else repr(float(value))


def write_bytes(target: Any, data: bytes, *, overwrite: bool = False) -> None:
    """Write to a path, packed where its name ends with .gz, or to a file object."""
    if hasattr(target, "write"):
        target.write(data.decode() if isinstance(target, io.TextIOBase) else data)
        return
    path = Path(target)
    with path.open("wb" if overwrite else "xb") as handle:
        handle.write(gzip.compress(data) if path.suffix == ".gz" else data)


def write_text(target: Any, content: str, *, overwrite: bool = False) -> None:
    """Write text to a path or to a file object, whether of text or of bytes."""
    write_bytes(target, content.encode(), overwrite=overwrite)


def dated_or(sed: SED, placeholder: float) -> tuple[Any, Any]:
    """Return both MJDs; undated points get a placeholder, a single missing end the other one."""
    start, end = filled(sed["mjd_start"]), filled(sed["mjd_end"])
    first = np.where(np.isnan(start), end, start)
    last = np.where(np.isnan(end), start, end)
    return np.where(np.isnan(first), placeholder, first), np.where(
        np.isnan(last), placeholder, last
    )


def warn_losses(
    sed: SED, dialect: str, *, holds: Iterable[str], dropped: Mapping[str, int] | None = None
) -> None:
    """Count what a dialect cannot hold, and warn about it.

    Parameters
    ----------
    sed : SED
        All points.
    dialect : str
        Name of the format.
    holds : iterable of str
        The columns that it holds.
    dropped : mapping, optional
        What is left out, in words, and how many of them.
    """
    kept = {"nu", "nufnu", "is_upper_limit", *holds}
    counts = {name: _known(sed, name) for name in sed.colnames if name not in kept}
    losses = [f"{name} of {count} rows" for name, count in counts.items() if count]
    losses += [f"{count} {words}" for words, count in (dropped or {}).items() if count]
    if losses:
        msg = f"{dialect} cannot hold: {', '.join(losses)}; ECSV holds everything"
        warn_loss(msg)


def warn_loss(message: str) -> None:
    """Warn at the line outside of this package and astropy that asked for the file."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, FormatLossWarning, stacklevel=level)


def _known(sed: SED, name: str) -> int:
    """Count the rows in which a column says something that the others do not."""
    if name == "undated":
        return 0
    column = sed[name]
    if name == "band":
        return int((text(column) != band_of(filled(sed["nu"]))).sum())
    if getattr(column, "dtype", np.dtype(object)).kind == "U":
        return int((text(column) != "").sum())
    return int((~np.broadcast_to(np.asarray(getattr(column, "mask", False)), len(sed))).sum())
