"""ECSV tables of naima."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.sed.build import filled
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import FLUX, Dialect, known_error, register, warn_losses
from astroquery_mmdc.sed.formats.companions import (
    add_companions,
    companions,
    ecsv_dialect,
    error_columns,
    read_table,
    write_table,
)

__all__: list[str] = []

_THEIRS = {"energy", "flux", "flux_error", "flux_error_lo", "flux_error_hi", "ul", "flux_ul"}
_HELD = {"nu", "nufnu", "nufnu_err", "nufnu_errn", "nufnu_errp", "is_upper_limit"}


def _write(sed: SED, target: Any, *, cl: float = 0.95, overwrite: bool = False) -> None:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    error = filled(sed["nufnu_err"])
    usable = limit | (error > 0)
    dropped = {"points without an error": int((~usable).sum())}
    warn_losses(sed, "naima", holds=sed.colnames, dropped=dropped)
    kept = sed[usable]
    table = QTable(
        {
            "energy": (filled(kept["nu"]) * u.Hz).to(u.eV, equivalencies=u.spectral()),
            "flux": filled(kept["nufnu"]) * u.Unit(FLUX),
        }
    )
    for name, values in _errors(kept).items():
        table[name] = np.nan_to_num(values) * u.Unit(FLUX)
    table["ul"] = limit[usable]
    add_companions(table, kept, held=_HELD)
    table.meta = {"keywords": {"cl": {"value": cl}}}
    write_table(table, target, overwrite=overwrite)


def _errors(sed: SED) -> dict[str, Any]:
    error = filled(sed["nufnu_err"])
    names = {"nufnu_errn": "flux_error_lo", "nufnu_errp": "flux_error_hi"}
    if not set(names) <= set(sed.colnames):
        return {"flux_error": error}
    sides = {theirs: filled(sed[ours]) for ours, theirs in names.items()}
    return {name: np.where(np.isnan(side), error, side) for name, side in sides.items()}


def _read(source: Any) -> SED:
    table = read_table(source, ("energy", "flux"), "naima")
    unit = table["flux"].unit
    factor = 1.0 if unit.is_equivalent(FLUX) else table["energy"] ** 2
    if not (unit * getattr(factor, "unit", u.dimensionless_unscaled)).is_equivalent(FLUX):
        msg = (
            f"naima: the flux is in {unit}, which leads to no nu F_nu; luminosities need a distance"
        )
        raise ParseError(msg)
    columns = {
        name: (filled(table[name]) * table[name].unit * factor).to_value(FLUX)
        for name in _THEIRS & set(table.colnames)
        if name.startswith("flux")
    }
    size = len(table)
    limit = np.asarray(table["ul"], dtype=bool) if "ul" in table.colnames else np.zeros(size, bool)
    symmetric = columns.get("flux_error", np.full(size, np.nan))
    sides = (columns.get(f"flux_error_{side}", symmetric) for side in ("lo", "hi"))
    low, high = (known_error(side) for side in sides)
    return SED.from_columns(
        nu=table["energy"],
        nufnu=np.where(limit, columns.get("flux_ul", columns["flux"]), columns["flux"])
        * u.Unit(FLUX),
        is_upper_limit=limit,
        **error_columns(low, high),
        **companions(table, theirs=_THEIRS),
    )


register(Dialect("naima", lambda head: ecsv_dialect(head) == "naima", _read, _write))
