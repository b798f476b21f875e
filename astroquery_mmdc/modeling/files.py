"""Model spectra as files: ECSV and FITS with everything, JSON in the service's form."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling.spectrum import ModelSpectrum

__all__ = ["read_spectrum", "write_spectrum"]

_KEY = "model_spectrum"
_NUMBERS = ("energy_densities", "powers")
_TABLES = ("neutrinos", "electrons", "protons")


def write_spectrum(
    spectrum: ModelSpectrum, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a spectrum; the ending of the file's name chooses the format."""
    writer = _of(_WRITERS, path)
    with atomic_path(path, overwrite=overwrite) as temporary:
        writer(spectrum, temporary)


def read_spectrum(path: str | os.PathLike[str]) -> ModelSpectrum:
    """Read a file that `write_spectrum` made."""
    reader = _of(_READERS, path)
    try:
        return reader(Path(path).expanduser())
    except (KeyError, TypeError, ValueError) as err:
        msg = f"{path} holds no model spectrum that can be read ({err!r})"
        raise ParseError(msg) from err


def _of(known: Mapping[str, Callable[..., Any]], path: str | os.PathLike[str]) -> Any:
    ending = Path(path).suffix.lower()
    if ending not in known:
        msg = f"path: {Path(path).name!r} ends with none of {', '.join(known)}; choose one of them"
        raise InvalidRequestError(msg, parameter="path")
    return known[ending]


# ---------------------------------------------------------------- in and out of tables


def _facts(spectrum: ModelSpectrum) -> dict[str, Any]:
    """Return what is neither a column nor a table, as plain values.

    Lists keep their order in every format; YAML sorts the keys of mappings.
    """
    return {
        name: [[key, float(q.value), q.unit.to_string()] for key, q in values.items()]
        for name in _NUMBERS
        if (values := getattr(spectrum, name))
    }


def _tables(spectrum: ModelSpectrum) -> dict[str, QTable]:
    found = {name: getattr(spectrum, name) for name in _TABLES}
    return {name: QTable(table, meta={}) for name, table in found.items() if table is not None}


def _build(photons: QTable, facts: Mapping[str, Any], tables: Mapping[str, QTable]) -> Any:
    meta = {key: value for key, value in photons.meta.items() if key != _KEY}
    neutrinos = tables.get("neutrinos")
    basic = ("nu", "nufnu", "nufnu_intrinsic")
    return ModelSpectrum(
        nu=u.Quantity(photons["nu"]),
        nuFnu=u.Quantity(photons["nufnu"]),
        neutrino_energy=None if neutrinos is None else _plain(neutrinos["energy"]),
        neutrino_flux=None if neutrinos is None else u.Quantity(neutrinos["flux"]),
        meta=meta,
        components=_columns(photons, basic),
        intrinsic=photons["nufnu_intrinsic"] if "nufnu_intrinsic" in photons.colnames else None,
        flavours={} if neutrinos is None else _columns(neutrinos, ("energy", "flux")),
        electrons=tables.get("electrons"),
        protons=tables.get("protons"),
        **{
            name: {key: value * u.Unit(unit) for key, value, unit in facts[name]}
            for name in _NUMBERS
            if name in facts
        },
    )


def _columns(table: QTable, without: tuple[str, ...]) -> dict[str, u.Quantity]:
    return {name: u.Quantity(table[name]) for name in table.colnames if name not in without}


def _plain(column: Any) -> Any:
    """Return a column, as an array if it has no unit."""
    return column if isinstance(column, u.Quantity) else np.asarray(column)


# ---------------------------------------------------------------- formats


def _as_lists(table: QTable) -> list[list[Any]]:
    return [
        [name, np.asarray(table[name]).tolist(), str(getattr(table[name], "unit", None) or "")]
        for name in table.colnames
    ]


def _from_lists(columns: Iterable[tuple[str, list[float], str]]) -> QTable:
    return QTable(
        {
            name: np.asarray(values) * u.Unit(unit) if unit else np.asarray(values)
            for name, values, unit in columns
        }
    )


def _write_ecsv(spectrum: ModelSpectrum, path: Path) -> None:
    photons = spectrum.table
    tables = {name: _as_lists(table) for name, table in _tables(spectrum).items()}
    photons.meta[_KEY] = {**_facts(spectrum), "tables": tables}
    photons.write(path, format="ascii.ecsv")


def _read_ecsv(path: Path) -> ModelSpectrum:
    photons = QTable.read(path, format="ascii.ecsv")
    facts = photons.meta.get(_KEY, {})
    tables = {name: _from_lists(lists) for name, lists in facts.get("tables", {}).items()}
    return _build(photons, facts, tables)


def _write_fits(spectrum: ModelSpectrum, path: Path) -> None:
    from astropy.io import fits

    photons = QTable(spectrum.table, meta={})
    hdus = [fits.PrimaryHDU(), fits.table_to_hdu(photons, name="PHOTONS")]
    # Nested facts do not fit into the cards of a header; as JSON in one long card they do.
    text = json.dumps({"meta": spectrum.meta, _KEY: _facts(spectrum)})
    hdus[1].header["MMDCJSON"] = text
    hdus += [fits.table_to_hdu(t, name=name.upper()) for name, t in _tables(spectrum).items()]
    fits.HDUList(hdus).writeto(path)


def _read_fits(path: Path) -> ModelSpectrum:
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        facts = json.loads(hdus["PHOTONS"].header["MMDCJSON"])
        photons = QTable.read(hdus["PHOTONS"])
        names = {hdu.name.lower() for hdu in hdus}
        tables = {name: QTable.read(hdus[name.upper()]) for name in _TABLES if name in names}
    for table in tables.values():
        table.meta.clear()
    photons.meta.clear()
    photons.meta.update(facts["meta"])
    return _build(photons, facts[_KEY], tables)


def _write_json(spectrum: ModelSpectrum, path: Path) -> None:
    text = json.dumps({"meta": spectrum.meta, "data": {"best": spectrum.to_json()}}, indent=1)
    path.write_text(text, encoding="utf-8")


def _read_json(path: Path) -> ModelSpectrum:
    content = json.loads(path.read_text(encoding="utf-8"))
    return ModelSpectrum.from_json(content["data"]["best"], meta=content.get("meta", {}))


_WRITERS = {".ecsv": _write_ecsv, ".fits": _write_fits, ".json": _write_json}
_READERS = {".ecsv": _read_ecsv, ".fits": _read_fits, ".json": _read_json}
