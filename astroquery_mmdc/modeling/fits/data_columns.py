"""Tables and CSV files as the columns that a fit needs."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.units import NUFNU, nufnu_equivalencies, spectral_to

__all__ = ["Columns", "Points", "read_columns"]

Array = NDArray[np.float64]

# The first name that is there counts; those of files of the service have no units of their own.
_NU = ("nu", "frequency", "freq_hz")
_FLUX = ("nufnu", "flux")
_ERROR = ("nufnu_err", "flux_err")
_LIMIT = ("is_upper_limit", "is_ul", "flag")
_UNDATED = (50000.0, 55000.0)
_TRUE = ("true", "1", "t", "yes", "ul")
_EBL_FREE = ("DEBL",)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of an SED in cgs units; NaN where something is unknown.

    Parameters
    ----------
    nu : ndarray
        Observed frequency [Hz].
    flux : ndarray
        nu F_nu [erg/s/cm2]; the limit itself where there is one.
    error_low, error_high : ndarray
        One-sigma errors [erg/s/cm2] downwards and upwards.
    is_limit : ndarray of bool
        Upper limits.
    is_unabsorbed : ndarray of bool
        Fluxes that are free of EBL absorption already: the model is compared before it.
    catalog : tuple of str
        Where each point comes from, "" where it is not said.
    systematic : ndarray
        Relative systematic error of each point; NaN takes that of the likelihood.
    """

    nu: Array
    flux: Array
    error_low: Array
    error_high: Array
    is_limit: NDArray[np.bool_]
    is_unabsorbed: NDArray[np.bool_]
    catalog: tuple[str, ...]
    systematic: Array


@dataclass(frozen=True, slots=True, eq=False)
class Columns(Points):
    """Points before any choice, with the times in which they were taken."""

    mjd_start: Array
    mjd_end: Array

    def rows(self, index: Any) -> Columns:
        """Return some of the rows, by a mask or by their places."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        names = np.array(self.catalog, dtype=str)[index]
        picked = {name: value[index] for name, value in values.items() if name != "catalog"}
        return Columns(**picked, catalog=tuple(names.tolist()))


def read_columns(source: Any) -> Columns:
    """Return the columns of an SED, a table or a file."""
    if isinstance(source, str | os.PathLike):
        return _from_table(_read_file(Path(source)), bare=True)
    if isinstance(source, Table):
        return _from_table(source, bare=False)
    msg = f"sed: {type(source).__name__} is no SED; give an SED, a table with units, or a file"
    raise InvalidRequestError(msg, parameter="sed")


def _read_file(path: Path) -> Table:
    form = "ascii.csv" if path.suffix.lower() in (".csv", ".txt") else None
    try:
        return Table.read(path, format=form)
    except FileNotFoundError as err:
        msg = f"sed: {path} is not there; check the path"
        raise InvalidRequestError(msg, parameter="sed") from err
    except Exception as err:
        msg = f"sed: {path} cannot be read ({err}); SED.read(path) knows more formats"
        raise InvalidRequestError(msg, parameter="sed") from err


def _from_table(table: Table, *, bare: bool) -> Columns:
    size = len(table)
    nu_name, flux_name = _name(table, _NU), _name(table, _FLUX)
    nu = _quantity(table, nu_name, u.Hz, bare)
    flux = _quantity(table, flux_name, NUFNU, bare)
    hertz = np.asarray(spectral_to(nu, "Hz").value, dtype=float)
    low, high = _errors(table, hertz, bare)
    catalog = _texts(table, "catalog", size)
    ledger = _texts(table, "corrections", size)
    free = [
        name in _EBL_FREE or "ebl" in done.replace(" ", "").split(",")
        for name, done in zip(catalog, ledger, strict=True)
    ]
    start, end = _days(table, "mjd_start", size), _days(table, "mjd_end", size)
    return Columns(
        nu=hertz,
        flux=_in_nufnu(flux, hertz),
        error_low=low,
        error_high=high,
        is_limit=_flags(table, size),
        is_unabsorbed=np.array(free, dtype=bool),
        catalog=catalog,
        systematic=_numbers(table, "systematic", size),
        mjd_start=np.where(np.isnan(start), end, start),
        mjd_end=np.where(np.isnan(end), start, end),
    )


def _name(table: Table, names: tuple[str, ...]) -> str:
    for name in names:
        if name in table.colnames:
            return name
    msg = (
        f"sed: there is no column {names[0]} (or {', '.join(names[1:])}); "
        f"the table has {', '.join(table.colnames)}"
    )
    raise InvalidRequestError(msg, parameter="sed")


def _quantity(table: Table, name: str, unit: u.UnitBase, bare: bool) -> u.Quantity:
    column = table[name]
    has_unit = getattr(column, "unit", None) is not None
    if not (has_unit or bare or name in ("frequency", "freq_hz", "flux", "flux_err")):
        msg = f"sed: the column {name} has no unit; write it as a Quantity, for example in {unit}"
        raise InvalidRequestError(msg, parameter="sed")
    return u.Quantity(_plain(column, name), column.unit if has_unit else unit)


def _plain(column: Any, name: str) -> Array:
    values = column.unmasked if isinstance(column, Masked) else column
    values = values.value if isinstance(values, u.Quantity) else values
    mask = np.ma.getmaskarray(column) if np.ma.isMaskedArray(column) else None
    mask = column.mask if isinstance(column, Masked) else mask
    try:
        plain = np.array(values, dtype=float)
    except (TypeError, ValueError) as err:
        msg = f"sed: the column {name} holds something that is no number ({err})"
        raise InvalidRequestError(msg, parameter="sed") from err
    if mask is not None:
        plain[np.asarray(mask)] = np.nan
    return plain


def _in_nufnu(flux: u.Quantity, hertz: Array) -> Array:
    """Return nu F_nu; flux densities and spectra of photons are turned into it."""
    try:
        return np.asarray(flux.to_value(NUFNU, nufnu_equivalencies(hertz * u.Hz)), dtype=float)
    except u.UnitConversionError as err:
        msg = f"sed: {flux.unit} is no unit of nu F_nu; use erg / (s cm2)"
        raise InvalidRequestError(msg, parameter="sed") from err


def _errors(table: Table, hertz: Array, bare: bool) -> tuple[Array, Array]:
    found = [name for name in _ERROR if name in table.colnames]
    if found:
        both = np.abs(_in_nufnu(_quantity(table, found[0], NUFNU, bare), hertz))
    else:
        both = np.full(len(hertz), np.nan)
    sides = []
    for name in ("nufnu_errn", "nufnu_errp"):
        side = both
        if name in table.colnames:
            own = np.abs(_in_nufnu(_quantity(table, name, NUFNU, bare), hertz))
            side = np.where(np.isfinite(own) & (own > 0), own, both)
        sides.append(np.where(np.isfinite(side), side, 0.0))
    return sides[0], sides[1]


def _flags(table: Table, size: int) -> NDArray[np.bool_]:
    for name in _LIMIT:
        if name in table.colnames:
            values = [str(value).strip().lower() in _TRUE for value in table[name]]
            return np.array(values, dtype=bool)
    return np.zeros(size, dtype=bool)


def _texts(table: Table, name: str, size: int) -> tuple[str, ...]:
    if name not in table.colnames:
        return ("",) * size
    column = table[name]
    values = column.filled("") if hasattr(column, "filled") else column
    return tuple(str(value) for value in values)


def _numbers(table: Table, name: str, size: int) -> Array:
    return _plain(table[name], name) if name in table.colnames else np.full(size, np.nan)


def _days(table: Table, name: str, size: int) -> Array:
    days = _numbers(table, name, size)
    return np.where(np.isin(days, _UNDATED), np.nan, days)
