"""The service's CSV: today's form, the older one, and the three columns of a fit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import SED_POINT
from astroquery_mmdc.schema.wire import (
    FIT_CSV_HEADER,
    LEGACY_CSV_HEADER,
    SED_CSV_HEADER,
    UNDATED_MJD,
    UNDATED_MJD_LEGACY,
)
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    csv_columns,
    dated_or,
    dates_from,
    floats,
    is_limit,
    known_error,
    number,
    register,
    warn_losses,
    write_text,
)

__all__ = ["legacy_to_text", "to_fit_text", "to_text"]

_COLUMNS = {spec.wire: spec for spec in SED_POINT}
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "": False}
_FIT_ALIASES = ({"frequency", "flux", "flux_err"}, {"x", "y", "dy"})


def _or_none(cells: Iterable[str]) -> list[str | None]:
    return [cell or None for cell in cells]


def _to_csv(header: Iterable[str], columns: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue()


# ---------------------------------------------------------------- today's form


def to_text(sed: SED) -> str:
    """Return an SED as CSV, as the service writes it today."""
    start, end = _with_placeholder(sed)
    values: dict[str, Any] = {"mjd_start": start, "mjd_end": end}
    cells = []
    for wire in SED_CSV_HEADER:
        spec = _COLUMNS[wire]
        column = sed[spec.name]
        if spec.kind == "bool":
            cells.append(["true" if flag else "false" for flag in column])
        elif spec.kind == "float":
            column = values[spec.name] if spec.name in values else filled(column)
            cells.append([number(value) for value in column])
        else:
            cells.append(text(column).tolist())
    return _to_csv(SED_CSV_HEADER, cells)


def _with_placeholder(sed: SED) -> tuple[Any, Any]:
    undated = np.asarray(sed["undated"], dtype=bool)
    start, end = filled(sed["mjd_start"]), filled(sed["mjd_end"])
    return np.where(undated, UNDATED_MJD, start), np.where(undated, UNDATED_MJD, end)


def _write(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    warn_losses(sed, "mmdc.csv", holds=[_COLUMNS[wire].name for wire in SED_CSV_HEADER])
    write_text(target, to_text(sed), overwrite=overwrite)


def _read(source: Any) -> SED:
    cells = csv_columns(source, SED_CSV_HEADER, "mmdc.csv")
    values: dict[str, Any] = {}
    for wire in SED_CSV_HEADER:
        spec = _COLUMNS[wire]
        if spec.kind == "float":
            values[spec.name] = floats(cells[wire], wire) * u.Unit(spec.unit)
        elif spec.kind == "str":
            values[spec.name] = _or_none(cells[wire]) if spec.nullable else cells[wire]
    flags = cells["is_ul"]
    try:
        values["is_upper_limit"] = [_FLAGS[flag.lower()] for flag in flags]
    except KeyError as err:
        msg = f"mmdc.csv: is_ul holds {err.args[0]!r}, which is neither true nor false"
        raise ParseError(msg) from err
    start, end = values["mjd_start"].value, values["mjd_end"].value
    return SED.from_columns(**values | dates_from(start, end, (UNDATED_MJD,)))


# ---------------------------------------------------------------- the older form


def legacy_to_text(sed: SED, *, undated_mjd: float = UNDATED_MJD_LEGACY) -> str:
    """Return an SED as CSV, as the service's older interface writes it."""
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    error = filled(sed["nufnu_err"])
    error = np.where(limit & np.isnan(error), 0.0, error)
    numbers = (filled(sed["nu"]), filled(sed["nufnu"]), error, *dated_or(sed, undated_mjd))
    columns: list[list[str]] = [[number(value) for value in column] for column in numbers]
    columns.append(["UL" if flag else "Det" for flag in limit])
    columns += [text(sed["catalog"]).tolist(), text(sed["reference"]).tolist()]
    return _to_csv(LEGACY_CSV_HEADER, columns)


def _write_legacy(
    sed: SED, target: Any, *, undated_mjd: float = UNDATED_MJD_LEGACY, overwrite: bool = False
) -> None:
    holds = ("nufnu_err", "mjd_start", "mjd_end", "catalog", "reference")
    warn_losses(sed, "mmdc.legacy", holds=holds)
    write_text(target, legacy_to_text(sed, undated_mjd=undated_mjd), overwrite=overwrite)


def _read_legacy(source: Any) -> SED:
    cells = csv_columns(source, LEGACY_CSV_HEADER, "mmdc.legacy")
    values = {name: floats(cells[name], name) for name in LEGACY_CSV_HEADER[:5]}
    # The older interface leaves a "!" at the end of some references.
    references = [cell.rstrip("! ") for cell in cells["reference"]]
    return SED.from_columns(
        nu=values["frequency"] * u.Hz,
        nufnu=values["flux"] * u.Unit(FLUX),
        nufnu_err=known_error(values["flux_err"]) * u.Unit(FLUX),
        is_upper_limit=is_limit(cells["flag"]),
        catalog=cells["catalog"],
        reference=_or_none(references),
        **dates_from(values["MJD_start"], values["MJD_end"]),
    )


# ---------------------------------------------------------------- input of a fit


def to_fit_text(sed: SED) -> str:
    """Return the CSV that the service fits: detections with an error."""
    chosen = sed[_can_be_fitted(sed)]
    numbers = (filled(chosen[name]) for name in ("nu", "nufnu", "nufnu_err"))
    return _to_csv(FIT_CSV_HEADER, ([number(value) for value in column] for column in numbers))


def _can_be_fitted(sed: SED) -> Any:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    usable = (filled(sed["nufnu_err"]) > 0) & np.isfinite(filled(sed["nufnu"]))
    return ~limit & usable & np.isfinite(filled(sed["nu"]))


def _write_fit(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    dropped = {
        "upper limits": int(limit.sum()),
        "points without an error": int((~limit & ~_can_be_fitted(sed)).sum()),
    }
    # Nobody expects more than three columns here; only left-out points are worth a warning.
    warn_losses(sed, "mmdc.fit", holds=sed.colnames, dropped=dropped)
    write_text(target, to_fit_text(sed), overwrite=overwrite)


def _read_fit(source: Any) -> SED:
    cells = csv_columns(source, (), "mmdc.fit")
    names = next((names for names in _FIT_ALIASES if names <= set(cells)), None)
    if names is None:
        msg = f"mmdc.fit: the columns are {list(cells)}; frequency, flux and flux_err are needed"
        raise ParseError(msg)
    order = FIT_CSV_HEADER if "flux" in names else ("x", "y", "dy")
    nu, flux, error = (floats(cells[name], name) for name in order)
    return SED.from_columns(nu=nu * u.Hz, nufnu=flux * u.Unit(FLUX), nufnu_err=error * u.Unit(FLUX))


def _header(head: str) -> set[str]:
    return {name.strip() for name in head.removeprefix("ï»¿").split("\n", 1)[0].split(",")}


def _is_legacy(head: str) -> bool:
    return set(LEGACY_CSV_HEADER) <= _header(head)


register(
    Dialect("mmdc.csv", lambda head: set(SED_CSV_HEADER) <= _header(head), _read, _write, (".csv",))
)
register(Dialect("mmdc.legacy", _is_legacy, _read_legacy, _write_legacy))
register(
    Dialect(
        "mmdc.fit",
        lambda head: any(n <= _header(head) for n in _FIT_ALIASES) and not _is_legacy(head),
        _read_fit,
        _write_fit,
    )
)
