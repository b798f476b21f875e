"""Text files of the SED Builder of the Space Science Data Center: upload and export."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.wire import UNDATED_MJD
from astroquery_mmdc.sed.build import filled
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    dated_or,
    dates_from,
    floats,
    known_error,
    lines_of,
    number,
    register,
    warn_losses,
    write_text,
)

__all__: list[str] = []

_HOLDS = ("nufnu_err", "nu_min", "nu_max", "mjd_start", "mjd_end")
_NAMES = ("freq", "dfreq", "flux", "dflux", "T_start", "T_stop")
_NUMBER = r"(?:nan|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_EXPORT_LINE = re.compile(rf"^\s*(?:{_NUMBER}\s+){{5}}{_NUMBER}\s*(?:;.*)?$")
# The upload form has to be told a width of the band; 1 Hz stands for none.
_NO_WIDTH = 1.0


def _numbers(sed: SED, no_width: float) -> list[list[str]]:
    """Return frequency, half width, flux, error and dates of each row as text."""
    error = np.nan_to_num(filled(sed["nufnu_err"]))
    columns = (
        filled(sed["nu"]),
        _half_width(sed, no_width),
        filled(sed["nufnu"]),
        error,
        *dated_or(sed, UNDATED_MJD),
    )
    return [[number(value) or "nan" for value in row] for row in zip(*columns, strict=True)]


def _half_width(sed: SED, no_width: float) -> Any:
    if not {"nu_min", "nu_max"} <= set(sed.colnames):
        return np.full(len(sed), no_width)
    width = 0.5 * (filled(sed["nu_max"]) - filled(sed["nu_min"]))
    return np.where(width > 0, width, no_width)


def _limits(sed: SED) -> list[bool]:
    return [bool(flag) for flag in sed["is_upper_limit"]]


def _from_cells(columns: Any, limit: list[bool], no_width: float) -> SED:
    nu, width, flux, error, start, end = map(floats, columns, _NAMES)
    values: dict[str, Any] = {}
    if (width > no_width).any():
        width = np.where(width > no_width, width, np.nan)
        values = {"nu_min": (nu - width) * u.Hz, "nu_max": (nu + width) * u.Hz}
    return SED.from_columns(
        nu=nu * u.Hz,
        nufnu=flux * u.Unit(FLUX),
        nufnu_err=known_error(error) * u.Unit(FLUX),
        is_upper_limit=np.array(limit, dtype=bool),
        **dates_from(start, end),
        **values,
    )


# ---------------------------------------------------------------- upload


def _write_upload(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    ra, dec = (sed.source.get(name) for name in ("ra", "dec"))
    if ra is None or dec is None:
        msg = (
            "ssdc.upload: every line begins with the position of the source, which is not known; "
            "set sed.meta['source'] = {'ra': ..., 'dec': ...} in degrees"
        )
        raise InvalidRequestError(msg, parameter="source")
    warn_losses(sed, "ssdc.upload", holds=_HOLDS)
    position = [number(float(ra)), number(float(dec))]
    lines = [
        " | ".join([*position, *cells, "UL" if limit else " ", ""]).rstrip(" ") + " \n"
        for cells, limit in zip(_numbers(sed, _NO_WIDTH), _limits(sed), strict=True)
    ]
    write_text(target, "".join(lines), overwrite=overwrite)


def _read_upload(source: Any) -> SED:
    rows = [[cell.strip() for cell in line.split("|")] for _, line in lines_of(source)]
    for index, row in enumerate(rows, start=1):
        if len(row) < 9:
            msg = f"ssdc.upload: line {index} has {len(row)} fields instead of 9"
            raise ParseError(msg, excerpt=" | ".join(row)[:120])
    columns = list(zip(*(row[2:8] for row in rows), strict=True)) if rows else [()] * 6
    sed = _from_cells(columns, [row[8].upper() == "UL" for row in rows], _NO_WIDTH)
    if rows:
        ra, dec = floats(rows[0][:2], "position").tolist()
        sed.meta["source"] = {"ra": ra, "dec": dec}
    return sed


def _is_upload(head: str) -> bool:
    first = next((line for line in head.splitlines() if line.strip()), "")
    return first.count("|") >= 9 and re.match(rf"\s*{_NUMBER}\s*\|", first) is not None


# ---------------------------------------------------------------- export


def _write_export(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    warn_losses(sed, "ssdc.export", holds=_HOLDS)
    lines = [
        " ".join(cells) + (" ; UPPER LIMIT\n" if limit else "\n")
        for cells, limit in zip(_numbers(sed, 0.0), _limits(sed), strict=True)
    ]
    write_text(target, "".join(lines), overwrite=overwrite)


def _read_export(source: Any) -> SED:
    rows, limit = [], []
    for index, line in lines_of(source):
        cells, _, note = line.partition(";")
        row = cells.split()
        if len(row) != len(_NAMES):
            msg = f"ssdc.export: line {index} has {len(row)} numbers instead of {len(_NAMES)}"
            raise ParseError(msg, excerpt=line[:120])
        rows.append(row)
        limit.append("UPPER" in note.upper())
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(_NAMES)
    return _from_cells(columns, limit, 0.0)


def _is_export(head: str) -> bool:
    lines = [line for line in head.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    return bool(lines) and _EXPORT_LINE.match(lines[0]) is not None


register(Dialect("ssdc.upload", _is_upload, _read_upload, _write_upload))
register(Dialect("ssdc.export", _is_export, _read_export, _write_export))
