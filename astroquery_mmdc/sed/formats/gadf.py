"""Flux points of gammapy (``e2dnde`` of the gamma-ray formats), and agnpy's use of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, vstack

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.files import new_file
from astroquery_mmdc.sed.formats.base import FLUX, Dialect, register, warn_losses
from astroquery_mmdc.sed.formats.companions import (
    add_companions,
    companions,
    ecsv_dialect,
    error_columns,
    read_table,
    write_table,
)
from astroquery_mmdc.sed.formats.groups import spectra, unique_energies

__all__ = ["file_name", "is_flux_points", "to_gammapy_groups", "write_gammapy_groups"]

_THEIRS = {"e_ref", "e_min", "e_max", "is_ul"}
_HELD = {
    "nu", "nufnu", "nufnu_err", "nufnu_errn", "nufnu_errp", "nu_min", "nu_max", "is_upper_limit",
}  # fmt: skip
_E2DNDE = ("e2dnde", "e2dnde_err", "e2dnde_errn", "e2dnde_errp", "e2dnde_ul")


# ---------------------------------------------------------------- writing


def _flux_points(sed: SED, ul_conf: float) -> QTable:
    """Return the table of flux points; upper limits have their value in a column of its own."""
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    flux, error = filled(sed["nufnu"]), filled(sed["nufnu_err"])
    sides = {
        name: np.where(np.isnan(filled(sed[name])), error, filled(sed[name]))
        if name in sed.colnames
        else error
        for name in ("nufnu_errn", "nufnu_errp")
    }
    table = QTable({"e_ref": _energy(sed["nu"])})
    columns = (flux, error, sides["nufnu_errn"], sides["nufnu_errp"])
    for name, values in zip(_E2DNDE[:4], columns, strict=True):
        table[name] = np.where(limit, np.nan, values) * u.Unit(FLUX)
    table["e2dnde_ul"] = np.where(limit, flux, np.nan) * u.Unit(FLUX)
    table["is_ul"] = limit
    if {"nu_min", "nu_max"} <= set(sed.colnames):
        table["e_min"], table["e_max"] = _energy(sed["nu_min"]), _energy(sed["nu_max"])
    table.meta = {"SED_TYPE": "e2dnde", "UL_CONF": ul_conf, **_source(sed)}
    return table


def _energy(nu: Any) -> u.Quantity:
    return (filled(nu) * u.Hz).to(u.eV, equivalencies=u.spectral())


def _source(sed: SED) -> dict[str, Any]:
    facts = {"source": sed.source.get("name"), "redshift": sed.redshift}
    return {name: value for name, value in facts.items() if value is not None}


def _errors_of_limits(sed: SED) -> dict[str, int]:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    return {"errors of upper limits": int((limit & np.isfinite(filled(sed["nufnu_err"]))).sum())}


def _group_table(sed: SED, ul_conf: float) -> QTable:
    table = _flux_points(sed, ul_conf)
    table["instrument"] = text(sed["catalog"])
    held = _HELD | {"catalog"}
    if "instrument" in sed.colnames:
        table["filter"] = text(sed["instrument"])
    add_companions(table, sed, held=held)
    return table


def to_gammapy_groups(sed: SED, *, ul_conf: float = 0.95) -> dict[str, QTable]:
    """Return tables that gammapy takes as flux points, every energy once in each.

    Parameters
    ----------
    sed : SED
        Points without a frequency are left out.
    ul_conf : float, optional
        Confidence level of the upper limits.

    Returns
    -------
    dict of str to `~astropy.table.QTable`
        For ``FluxPoints.from_table(table, sed_type="e2dnde", format="gadf-sed")``. The names are
        catalogues, with the MJDs where a catalogue measured an energy more than once.

    Examples
    --------
    >>> from astropy import units as u
    >>> sed = SED.from_columns(nu=[1, 2] * u.TeV, nufnu=[5e-11, 4e-11] * u.Unit("erg s-1 cm-2"),
    ...                        catalog=["MAGIC", "VERITAS"])
    >>> list(to_gammapy_groups(sed))
    ['MAGIC', 'VERITAS']
    """
    warn_losses(sed, "gammapy", holds=sed.colnames, dropped=_errors_of_limits(sed))
    return {name: _group_table(part, ul_conf) for name, part in spectra(sed).items()}


def write_gammapy_groups(
    sed: SED, directory: str | Path, *, ul_conf: float = 0.95, overwrite: bool = False
) -> list[Path]:
    """Write one ECSV file of flux points for each group of `to_gammapy_groups`.

    Parameters
    ----------
    sed : SED
    directory : path
        Made where it is missing.
    ul_conf : float, optional
        Confidence level of the upper limits.
    overwrite : bool, optional
        Whether files that are already there may be replaced.

    Returns
    -------
    list of `~pathlib.Path`
    """
    folder = Path(directory).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in to_gammapy_groups(sed, ul_conf=ul_conf).items():
        path = folder / f"{file_name(name)}.ecsv"
        with new_file(path, overwrite=overwrite) as temporary:
            write_table(table, temporary)
        paths.append(path)
    return paths


def file_name(name: str) -> str:
    """Return the name of a group as a name of a file."""
    return "".join(char if char.isalnum() or char in "-+." else "_" for char in name)


def _write_gammapy(
    sed: SED, target: Any, *, ul_conf: float = 0.95, overwrite: bool = False
) -> None:
    if not unique_energies(sed):
        msg = (
            "gammapy: an energy is there more than once, which gammapy refuses; "
            "select one catalogue and epoch, or use to_gammapy_groups(sed)"
        )
        raise InvalidRequestError(msg, parameter="sed")
    warn_losses(sed, "gammapy", holds=sed.colnames, dropped=_errors_of_limits(sed))
    table = _group_table(sed[np.argsort(filled(sed["nu"]))], ul_conf)
    table.meta["EXTNAME"] = "FLUXPOINTS"
    write_table(table, target, overwrite=overwrite)


def _write_agnpy(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    usable = np.isfinite(filled(sed["nu"])) & np.isfinite(filled(sed["nufnu"]))
    usable &= filled(sed["nufnu_err"]) > 0
    dropped = {
        "upper limits": int(limit.sum()),
        "points without an error": int((~limit & ~usable).sum()),
    }
    warn_losses(sed, "agnpy", holds=sed.colnames, dropped=dropped)
    parts = []
    for name, part in spectra(sed[usable & ~limit]).items():
        table = _group_table(part, 0.95)
        table.remove_columns(["is_ul", "e2dnde_ul"])
        table["instrument"], table["catalog"] = np.full(len(part), name), text(part["catalog"])
        parts.append(table)
    result = vstack(parts, metadata_conflicts="silent") if parts else _group_table(sed[:0], 0.95)
    result.meta = {"SED_TYPE": "e2dnde", **_source(sed)}
    write_table(result, target, overwrite=overwrite)


# ---------------------------------------------------------------- reading


def _read(source: Any) -> SED:
    table = read_table(source, ("e_ref",), "gammapy")
    kind = str(table.meta.get("SED_TYPE", "e2dnde" if "e2dnde" in table.colnames else "dnde"))
    if kind not in ("e2dnde", "dnde") or kind not in table.colnames:
        msg = f"gammapy: flux points of type {kind!r} cannot be read; convert them to e2dnde"
        raise InvalidRequestError(msg, parameter="format")
    theirs = {kind + name for name in ("", "_err", "_errn", "_errp", "_ul")}
    fluxes = {name: _nufnu(table, name) for name in theirs if name in table.colnames}
    flux = fluxes[kind]
    nothing = np.full(len(table), np.nan)
    bound = fluxes.get(f"{kind}_ul", nothing)
    limit = _limits(table, flux, bound)
    error = fluxes.get(f"{kind}_err")
    low, high = (fluxes.get(kind + side, error) for side in ("_errn", "_errp"))
    if low is None or high is None:
        low = high = error = nothing
    sed = SED.from_columns(
        nu=table["e_ref"],
        nufnu=np.where(limit & np.isfinite(bound), bound, flux) * u.Unit(FLUX),
        is_upper_limit=limit,
        **error_columns(low, high, error),
        **_edges(table),
        **_labels(table, theirs),
    )
    facts = {"name": table.meta.get("source"), "redshift": table.meta.get("redshift")}
    sed.meta["source"] = {name: value for name, value in facts.items() if value is not None}
    return sed


def _nufnu(table: QTable, name: str) -> Any:
    column = filled(table[name]) * table[name].unit
    if not name.startswith("e2dnde"):
        column = column * table["e_ref"] ** 2
    return column.to_value(FLUX)


def _limits(table: QTable, flux: Any, bound: Any) -> Any:
    if "is_ul" in table.colnames:
        return np.asarray(table["is_ul"], dtype=bool)
    return np.isnan(flux) & np.isfinite(bound)


def _edges(table: QTable) -> dict[str, Any]:
    names = {"nu_min": "e_min", "nu_max": "e_max"}
    return {ours: table[name] for ours, name in names.items() if name in table.colnames}


def _labels(table: QTable, theirs: set[str]) -> dict[str, Any]:
    """Return our own columns; ``instrument`` is the catalogue where no other is given."""
    labels = companions(table, theirs=theirs | _THEIRS | {"instrument", "filter"})
    if "instrument" in table.colnames:
        labels.setdefault("catalog", text(table["instrument"]))
    if "filter" in table.colnames:
        labels["instrument"] = [word or None for word in text(table["filter"]).tolist()]
    return labels


def is_flux_points(head: str) -> bool:
    """Tell whether a FITS file holds flux points."""
    return head.startswith("SIMPLE") and "'e_ref" in head and "dnde" in head


register(
    Dialect(
        "gammapy",
        lambda head: ecsv_dialect(head) == "gammapy" or is_flux_points(head),
        _read,
        _write_gammapy,
    )
)
register(Dialect("agnpy", lambda head: False, _read, _write_agnpy))
