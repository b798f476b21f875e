"""Input files of Bjet_MCMC."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    floats,
    known_error,
    lines_of,
    number,
    register,
    warn_losses,
    write_text,
)
from astroquery_mmdc.sed.formats.companions import error_columns

__all__: list[str] = []

_HEADER = "!E(eV)\tF(ergcm-2s-1)\tdelta_E(-)\tdelta_E(+)\tdelta_F(-)\tdelta_F(+)\tinstrument\n"
_HOLDS = ("nufnu_err", "nufnu_errn", "nufnu_errp", "nu_min", "nu_max", "catalog")
_NAMES = ("E", "F", "delta_E(-)", "delta_E(+)", "delta_F(-)", "delta_F(+)")


def _write(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    # Errors of 0 say "upper limit" here, so a detection without an error cannot be told.
    usable = limit | (filled(sed["nufnu_err"]) > 0)
    dropped = {
        "points without an error": int((~usable).sum()),
        "errors of upper limits": int((limit & (filled(sed["nufnu_err"]) > 0)).sum()),
    }
    warn_losses(sed, "bjet", holds=_HOLDS, dropped=dropped)
    kept = sed[usable]
    names = ["_".join(name.split()) or "unknown" for name in text(kept["catalog"]).tolist()]
    rows = zip(*_columns(kept), names, strict=True)
    lines = [" ".join([*map(number, row[:-1]), row[-1]]) + "\n" for row in rows]
    write_text(target, _HEADER + "".join(lines), overwrite=overwrite)


def _columns(sed: SED) -> list[Any]:
    """Return energy, flux, and the deviations of both downwards and upwards."""
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    energy = _energy(sed["nu"])
    edges = [
        np.nan_to_num(np.abs(_energy(sed[name]) - energy)) if name in sed.colnames else 0 * energy
        for name in ("nu_min", "nu_max")
    ]
    error = filled(sed["nufnu_err"])
    sides = [
        filled(sed[name]) if name in sed.colnames else error
        for name in ("nufnu_errn", "nufnu_errp")
    ]
    deviations = [np.where(limit, 0.0, np.where(side > 0, side, error)) for side in sides]
    return [energy, filled(sed["nufnu"]), *edges, *deviations]


def _energy(nu: Any) -> Any:
    return (filled(nu) * u.Hz).to_value(u.eV, equivalencies=u.spectral())


def _read(source: Any) -> SED:
    rows = [line.split(maxsplit=6) for _, line in lines_of(source, comment="!")]
    for index, row in enumerate(rows, start=1):
        if len(row) < len(_NAMES):
            msg = f"bjet: row {index} has {len(row)} entries instead of 7"
            raise ParseError(msg, excerpt=" ".join(row)[:120])
    columns = list(zip(*(row[:6] for row in rows), strict=True)) if rows else [()] * 6
    energy, flux, e_low, e_high, low, high = map(floats, columns, _NAMES)
    limit = (low == 0) & (high == 0)
    values: dict[str, Any] = {}
    if ((e_low > 0) | (e_high > 0)).any():
        below, above = known_error(e_low), known_error(e_high)
        values = {"nu_min": (energy - below) * u.eV, "nu_max": (energy + above) * u.eV}
    return SED.from_columns(
        nu=energy * u.eV,
        nufnu=flux * u.Unit(FLUX),
        is_upper_limit=limit,
        catalog=[row[6].strip() if len(row) > 6 else "" for row in rows],
        **error_columns(known_error(low), known_error(high)),
        **values,
    )


register(Dialect("bjet", lambda head: head.lstrip().startswith("!E(eV)"), _read, _write))
