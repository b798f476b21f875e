"""Reading the CSV that a fit works on."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.schema.wire import FIT_CSV_HEADER
from astroquery_mmdc.server.engine import SedTable

__all__ = ["CsvError", "read_fit_csv", "read_limits", "summary"]

# A CSV that was downloaded from ``/api/sed/`` may be fitted as it is.
_SED_NAMES = {"frequency": "freq_hz", "flux": "nufnu", "flux_err": "nufnu_err"}
_PREVIEW = 5


class CsvError(MMDCError):
    """The CSV cannot be fitted; ``body`` is what the answer says about it."""

    def __init__(self, message: str, *, kind: str, **more: Any) -> None:
        super().__init__(message)
        self.body = {"error": message, "validation_type": kind, **more}


def read_fit_csv(content: bytes) -> SedTable:
    """Return the points of a CSV; upper limits and points without an error are left out.

    Raises
    ------
    CsvError
        No content, a missing column, a value that is no number, or no point to fit.
    """
    points = [row for row, is_limit in _rows(content) if not is_limit and all(x > 0 for x in row)]
    if not points:
        msg = "no row has a positive frequency, flux and error"
        raise CsvError(msg, kind="no_valid_rows")
    return SedTable(*zip(*points, strict=True))


def read_limits(content: bytes) -> SedTable:
    """Return the upper limits of a CSV that says which rows are some; errors may be 0."""
    limits = [
        (nu, flux, error if error > 0 else 0.0)
        for (nu, flux, error), is_limit in _rows(content)
        if is_limit and nu > 0 and flux > 0
    ]
    return SedTable(*zip(*limits, strict=True)) if limits else SedTable((), (), ())


def summary(points: SedTable) -> dict[str, Any]:
    """Return what ``validate_csv`` answers about a good file."""
    rows = list(zip(points.frequency, points.flux, points.flux_err, strict=True))
    return {
        "success": True,
        "message": "CSV file is valid",
        "data_points": len(rows),
        "columns": list(FIT_CSV_HEADER),
        "frequency_range": [min(points.frequency), max(points.frequency)],
        "flux_range": [min(points.flux), max(points.flux)],
        "preview": [dict(zip(FIT_CSV_HEADER, row, strict=True)) for row in rows[:_PREVIEW]],
    }


def _columns(header: list[str]) -> dict[str, str]:
    for names in ({name: name for name in FIT_CSV_HEADER}, _SED_NAMES):
        if set(names.values()) <= set(header):
            return names
    missing = [name for name in FIT_CSV_HEADER if name not in header]
    msg = f"missing column {', '.join(missing)}; the file has {', '.join(header)}"
    raise CsvError(msg, kind="missing_columns", missing_columns=missing, columns=header)


def _rows(content: bytes) -> Iterator[tuple[tuple[float, float, float], bool]]:
    """Return frequency, flux and error of each row, and whether it is an upper limit.

    What is missing or infinite is NaN, which is above nothing.
    """
    reader = _reader(content)
    names = _columns([name.strip() for name in reader.fieldnames or []])
    reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    for line, row in enumerate(reader, start=2):
        nu, flux, error = (_number(row.get(column), line, name) for name, column in names.items())
        flag = str(row.get("is_ul") or row.get("flag") or "").strip().lower()
        yield (nu, flux, error), flag in ("true", "ul")


def _reader(content: bytes) -> csv.DictReader[str]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        msg = f"the file is not UTF-8 text ({err.reason})"
        raise CsvError(msg, kind="not_csv") from err
    if not text.strip():
        msg = f"the file is empty; it needs the columns {', '.join(FIT_CSV_HEADER)}"
        raise CsvError(msg, kind="empty_file")
    return csv.DictReader(io.StringIO(text), skipinitialspace=True)


def _number(text: str | None, line: int, name: str) -> float:
    if not (text or "").strip():
        return math.nan
    try:
        value = float(text or "")
    except ValueError as err:
        msg = f"line {line}: {name} {text!r} is not a number"
        raise CsvError(msg, kind="invalid_values", line=line, column=name) from err
    return value if math.isfinite(value) else math.nan
