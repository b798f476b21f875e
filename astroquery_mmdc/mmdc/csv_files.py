"""CSV files for fits: read from anywhere, checked before they are sent."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    InvalidRequestError,
)
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.tables import wire_values
from astroquery_mmdc.schema.units import NUFNU
from astroquery_mmdc.schema.wire import FIT_CSV_HEADER

__all__ = ["check_fit_csv", "csv_content"]


def csv_content(source: Any, job: Job, *, parameter: str = "file") -> tuple[str, bytes]:
    """Return name and content of a CSV.

    Parameters
    ----------
    source : path, file object, SED or Table
        A table needs ``nu``, ``nufnu`` and ``nufnu_err``; its upper limits and points without
        an error cannot be sent and are counted in a warning.
    job : Job
        Takes the warning.
    parameter : str
        Name of the parameter, for error messages.
    """
    if isinstance(source, Table):
        return "sed.csv", _from_table(source, job, parameter)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            return path.name, path.read_bytes()
        except OSError as err:
            msg = f"{parameter}: {path} cannot be read ({err.strerror}); check the path"
            raise InvalidRequestError(msg, parameter=parameter) from err
    if hasattr(source, "read"):
        content = source.read()
        content = content.encode() if isinstance(content, str) else content
        return Path(str(getattr(source, "name", "data.csv"))).name, content
    msg = f"{parameter}: {source!r} is no file; give a path, an open file, or an SED"
    raise InvalidRequestError(msg, parameter=parameter)


def _from_table(table: Table, job: Job, parameter: str) -> bytes:
    missing = [name for name in ("nu", "nufnu", "nufnu_err") if name not in table.colnames]
    if missing:
        msg = f"{parameter}: the table has no column {', '.join(missing)}; it has {table.colnames}"
        raise InvalidRequestError(msg, parameter=parameter)
    nu = _floats(table["nu"], u.Hz)
    flux, error = _floats(table["nufnu"], NUFNU), _floats(table["nufnu_err"], NUFNU)
    usable = np.isfinite(nu) & np.isfinite(flux) & (error > 0)
    if "is_upper_limit" in table.colnames:
        usable &= ~np.asarray(table["is_upper_limit"], dtype=bool)
    dropped = len(table) - int(usable.sum())
    if dropped:
        msg = (
            f"{dropped} of {len(table)} points are left out: the service fits detections "
            "with an error only"
        )
        job.warn(msg, IncompleteResultWarning)
    lines = [",".join(FIT_CSV_HEADER)]
    columns = (values[usable].tolist() for values in (nu, flux, error))
    lines += [f"{a!r},{b!r},{c!r}" for a, b, c in zip(*columns, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _floats(column: Any, unit: u.UnitBase) -> Any:
    converted = column.to(unit, equivalencies=u.spectral()) if hasattr(column, "to") else column
    return np.array(wire_values(converted), dtype=float)


def check_fit_csv(content: bytes, *, parameter: str = "file") -> int:
    r"""Return the number of rows of a CSV that the service would accept.

    Raises
    ------
    InvalidRequestError
        It is empty, lacks a column, or holds something that is not a number.

    Examples
    --------
    >>> check_fit_csv(b"frequency,flux,flux_err\n1e14,1e-11,1e-12\n")
    1
    """
    text = content.decode("utf-8-sig", "replace")
    reader = csv.DictReader(io.StringIO(text))
    header = [name.strip() for name in reader.fieldnames or ()]
    if not header:
        msg = f"{parameter}: the file is empty; it needs the columns {', '.join(FIT_CSV_HEADER)}"
        raise InvalidRequestError(msg, parameter=parameter)
    names = _names(header, parameter)
    reader.fieldnames = header
    rows = 0
    for rows, row in enumerate(reader, start=1):
        for name in names:
            _check_number(row.get(name), name, rows + 1, parameter)
    if not rows:
        msg = f"{parameter}: the file has a header but no rows"
        raise InvalidRequestError(msg, parameter=parameter)
    return rows


# The service's own SED files are accepted too, under their own names.
_SED_NAMES = ("freq_hz", "nufnu", "nufnu_err")


def _names(header: list[str], parameter: str) -> tuple[str, ...]:
    for names in (FIT_CSV_HEADER, _SED_NAMES):
        if all(name in header for name in names):
            return names
    missing = [name for name in FIT_CSV_HEADER if name not in header]
    msg = (
        f"{parameter}: column {', '.join(missing)} is missing; the file has {', '.join(header)}, "
        f"it needs {', '.join(FIT_CSV_HEADER)}"
    )
    raise InvalidRequestError(msg, parameter=parameter)


def _check_number(value: str | None, name: str, line: int, parameter: str) -> None:
    text = (value or "").strip()
    if not text and name.endswith("_err"):
        return
    try:
        number = float(text)
    except ValueError as err:
        msg = f"{parameter}: line {line}, {name}: {text!r} is not a number"
        raise InvalidRequestError(msg, parameter=parameter) from err
    if not name.endswith("_err") and not math.isfinite(number):
        msg = f"{parameter}: line {line}, {name}: {text!r} is not a finite number"
        raise InvalidRequestError(msg, parameter=parameter)
