"""Photometry of VizieR and of NED as VOTables; read only."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    dates_from,
    known_error,
    register,
    warn_loss,
)
from astroquery_mmdc.sed.formats.votable import is_votable, named_table, nufnu_of, values_in

__all__: list[str] = []

_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?")


def _words(table: Table, name: str) -> list[str]:
    if name not in table.colnames:
        return [""] * len(table)
    return [str(word).strip() for word in np.ma.filled(np.ma.asarray(table[name], object), "")]


# ---------------------------------------------------------------- VizieR


def _read_vizier(source: Any) -> SED:
    table = named_table(source, ("sed_freq", "sed_flux"), "vizier")
    nu = _in(table, "sed_freq", u.GHz, u.Hz)
    flux = nufnu_of(_in(table, "sed_flux", u.Jy, u.Jy), u.Jy, nu)
    error = nufnu_of(_in(table, "sed_eflux", u.Jy, u.Jy), u.Jy, nu)
    start, duration = _in(table, "_time", u.d, u.d), _in(table, "_etime", u.d, u.d)
    filters, tables = _words(table, "sed_filter"), _words(table, "_tabname")
    systems = [name.partition(":")[0] for name in filters]
    return SED.from_columns(
        nu=nu * u.Hz,
        nufnu=flux * u.Unit(FLUX),
        nufnu_err=known_error(error) * u.Unit(FLUX),
        catalog=[system or name for system, name in zip(systems, tables, strict=True)],
        instrument=[name or None for name in filters],
        reference=[f"VizieR {name}" if name else None for name in tables],
        **dates_from(start, start + np.nan_to_num(duration)),
    )


def _in(table: Table, name: str, unit: Any, wanted: Any) -> Any:
    """Return a column that may be missing, and that has ``unit`` if it does not say so."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = table[name]
    return values_in(column, wanted) * (1.0 if column.unit is not None else unit.to(wanted))


# ---------------------------------------------------------------- NED

_NED_FLUX = "NED Photometry Measurement"


def _read_ned(source: Any) -> SED:
    table = named_table(source, ("Frequency", _NED_FLUX), "ned")
    # The file calls the unit of the frequency um, but the numbers are Hz.
    nu: Any = np.ma.filled(np.ma.asarray(table["Frequency"], dtype=float), np.nan)
    flux: Any = np.ma.filled(np.ma.asarray(table[_NED_FLUX], dtype=float), np.nan)
    bounds = _words(table, "NED Uncertainty")
    published = _words(table, "Uncertainty")
    limit = np.array(
        [_is_bound(*words) for words in zip(bounds, published, strict=True)], dtype=bool
    )
    numbers = np.array([_size(word) for word in bounds], dtype=float)
    usable = _continuum(table) & (nu > 0) & np.isfinite(np.where(limit, numbers, flux))
    _warn_left_out(usable)
    refcodes = [word or None for word in _words(table, "Refcode")]
    passbands = [word or None for word in _words(table, "Observed Passband")]
    sed = SED.from_columns(
        nu=nu[usable] * u.Hz,
        nufnu=nufnu_of(np.where(limit, numbers, flux)[usable], u.Jy, nu[usable]) * u.Unit(FLUX),
        nufnu_err=known_error(nufnu_of(np.where(limit, np.nan, numbers)[usable], u.Jy, nu[usable]))
        * u.Unit(FLUX),
        is_upper_limit=limit[usable],
        catalog="NED",
        instrument=_chosen(passbands, usable),
        bibcode=_chosen(refcodes, usable),
        reference=_chosen(refcodes, usable),
    )
    return sed


def _chosen(words: list[str | None], usable: Any) -> list[str | None]:
    return [word for word, keep in zip(words, usable, strict=True) if keep]


def _is_bound(homogenized: str, published: str) -> bool:
    """Tell whether an entry is an upper limit: ``<`` in front of either uncertainty."""
    return homogenized.startswith("<") or published.startswith("<")


def _size(word: str) -> float:
    """Return the number in ``+/-1.2E-3`` or ``<12``; of two sides, the mean."""
    numbers = [float(part) for part in _NUMBER.findall(word)]
    return float(np.mean(numbers)) if numbers else np.nan


def _continuum(table: Table) -> Any:
    """Return which rows are flux densities; NED also lists fluxes of lines, in Jy Hz."""
    units = np.array(_words(table, "NED Units") or [], dtype=str)
    return ~np.char.startswith(units, "Jy-Hz") if len(units) else np.zeros(0, dtype=bool)


def _warn_left_out(usable: Any) -> None:
    count = int((~usable).sum())
    if count:
        msg = f"ned: {count} of {len(usable)} rows are no flux densities and are left out"
        warn_loss(msg)


register(Dialect("vizier", lambda head: is_votable(head, 'name="sed_freq"'), _read_vizier))
register(Dialect("ned", lambda head: is_votable(head, _NED_FLUX), _read_ned))
