"""Output of VOU_Blazars: ``Sed.csv`` and ``Sed.txt``; read only."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.catalogs import band_of
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    csv_columns,
    dates_from,
    floats,
    is_limit,
    known_error,
    read_text,
    register,
)

__all__ = ["corrections_of"]

_CSV_HEADER = ("freq.", "flux", "err_flux", "MJD_start", "MJD_end", "flag", "catalog", "reference")
_MATCH = re.compile(r'^\s*(\d+)\s+"?matched source"?\s+([-+\d.]+)\s+([-+\d.]+)', re.MULTILINE)
_HEADER_LINES = 3


def corrections_of(nu: NDArray[np.float64], catalogs: list[str]) -> list[str]:
    """Return what VOU_Blazars has corrected without saying so.

    Optical and ultraviolet points are de-reddened; DEBL are 3FHL points without EBL absorption.
    """
    optical = np.isin(band_of(nu), ("visible", "ultraviolet"))
    return [
        "ebl" if catalog == "DEBL" else "deredden" if dereddened else ""
        for catalog, dereddened in zip(catalogs, optical, strict=True)
    ]


def _read_csv(source: Any) -> SED:
    cells = csv_columns(source, _CSV_HEADER, "vou.csv")
    nu, flux, error, start, end = (floats(cells[name], name) for name in _CSV_HEADER[:5])
    catalogs, references = ([cell.strip() for cell in cells[name]] for name in _CSV_HEADER[6:])
    return SED.from_columns(
        nu=nu * u.Hz,
        nufnu=flux * u.Unit(FLUX),
        nufnu_err=known_error(error) * u.Unit(FLUX),
        is_upper_limit=is_limit(cells["flag"]),
        catalog=catalogs,
        reference=[cell or None for cell in references],
        corrections=corrections_of(nu, catalogs),
        **dates_from(start, end),
    )


def _read_txt(source: Any, *, match: int = 1) -> SED:
    content = read_text(source)
    matches = list(_MATCH.finditer(content))
    found = {int(entry[1]): index for index, entry in enumerate(matches)}
    if match not in found:
        msg = f"match: {match} is not among the matched sources {sorted(found)} of the file"
        raise InvalidRequestError(msg, parameter="match")
    entry, *others = matches[found[match] :]
    block = content[entry.end() : others[0].start() if others else None]
    rows = [line.split(maxsplit=8) for line in block.splitlines()[1 + _HEADER_LINES :]]
    rows = [row for row in rows if row]
    if any(len(row) < 8 for row in rows):
        short = next(row for row in rows if len(row) < 8)
        msg = f"vou.txt: a row has {len(short)} entries instead of 8 or more"
        raise ParseError(msg, excerpt=" ".join(short)[:120])
    sed = _from_rows(rows)
    sed.meta["source"] = {"ra": float(entry[2]), "dec": float(entry[3])}
    return sed


def _from_rows(rows: list[list[str]]) -> SED:
    columns = list(zip(*(row[:8] for row in rows), strict=True)) if rows else [()] * 8
    names = ("freq", "flux", "err_up", "err_lo", "mjd_start", "mjd_end")
    nu, flux, top, bottom, start, end = map(floats, columns, names)
    limit = is_limit(columns[6])
    # The columns named errors are the flux with its error added and taken away.
    error = known_error(0.5 * (top - bottom))
    # An upper limit with an error stands for twice that error.
    flux = np.where(limit & np.isfinite(error), 2 * np.nan_to_num(error), flux)
    catalogs = list(columns[7])
    low, high = (known_error(np.where(limit, 0, part)) for part in (flux - bottom, top - flux))
    return SED.from_columns(
        nu=nu * u.Hz,
        nufnu=flux * u.Unit(FLUX),
        nufnu_err=np.where(limit, np.nan, error) * u.Unit(FLUX),
        nufnu_errn=low * u.Unit(FLUX),
        nufnu_errp=high * u.Unit(FLUX),
        is_upper_limit=limit,
        catalog=catalogs,
        reference=[row[8].strip() if len(row) > 8 else None for row in rows],
        corrections=corrections_of(nu, catalogs),
        **dates_from(start, end),
    )


def _is_csv(head: str) -> bool:
    return {"freq.", "err_flux"} <= {name.strip() for name in head.split("\n", 1)[0].split(",")}


register(Dialect("vou.csv", _is_csv, _read_csv))
register(Dialect("vou.txt", lambda head: _MATCH.match(head) is not None, _read_txt))
