"""VOTables of the IVOA's spectral data model, in which utypes say what a column is."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.wire import UNDATED_MJD
from astroquery_mmdc.sed.build import OPTIONAL, POINT, filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    dates_from,
    known_error,
    register,
    warn_loss,
    write_bytes,
)
from astroquery_mmdc.sed.formats.votable import is_votable, nufnu_of, parse_votable, values_in
from astroquery_mmdc.sed.windows import intervals

__all__: list[str] = []

_UTYPES = {
    "nu": "SpectralAxis.Value",
    "nu_min": "SpectralAxis.Accuracy.BinLow",
    "nu_max": "SpectralAxis.Accuracy.BinHigh",
    "nufnu": "FluxAxis.Value",
    "nufnu_err": "FluxAxis.Accuracy.StatError",
    "nufnu_errn": "FluxAxis.Accuracy.StatErrLow",
    "nufnu_errp": "FluxAxis.Accuracy.StatErrHigh",
    "mjd": "TimeAxis.Value",
    "mjd_start": "TimeAxis.Accuracy.BinLow",
    "mjd_end": "TimeAxis.Accuracy.BinHigh",
}
_FLUXES = ("nufnu", "nufnu_err", "nufnu_errn", "nufnu_errp")
_FREQUENCIES = ("nu", "nu_min", "nu_max")
_SPECS = POINT | OPTIONAL
_META = "sed_meta"


# ---------------------------------------------------------------- writing


def _write(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import Info, TimeSys

    votable = from_table(_columns(sed))
    resource = votable.resources[0]
    resource.utype = "spec:Sed"
    resource.time_systems.append(
        TimeSys(
            ID="utc",
            timeorigin="MJD-origin",
            timescale="UTC",
            refposition="UNKNOWN",
            config={"version": "1.4", "version_1_4_or_later": True},
        )
    )
    resource.infos.append(Info(name=_META, value=json.dumps(dict(sed.meta), default=str)))
    table = resource.tables[0]
    table.utype = "spec:Spectrum"
    for field in table.fields:
        _describe(field)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # The standard would rather have erg spelled in cgs base units; nobody writes it so.
        warnings.simplefilter("ignore", u.UnitsWarning)
        # Astropy's writer in C puts a byte behind the end of its buffer when a row just fills it,
        # and the process may end; its writer in Python does not.
        votable.to_xml(content, _debug_python_based_parser=True)
    write_bytes(target, content.getvalue(), overwrite=overwrite)


def _describe(field: Any) -> None:
    if field.name in _UTYPES:
        field.utype = f"spec:Spectrum.Data.{_UTYPES[field.name]}"
    if field.name.startswith("mjd"):
        field.ref = "utc"
    spec = _SPECS.get(field.name)
    field.ucd = "time.epoch" if field.name == "mjd" else spec.ucd if spec else field.ucd


def _columns(sed: SED) -> Table:
    """Return plain columns, with the middle of each interval, which the model asks for."""
    table = Table()
    for name in sed.colnames:
        if name == "undated":
            continue
        column = sed[name]
        if getattr(column, "unit", None) is not None:
            table[name] = Column(filled(column), unit=column.unit)
        elif name in _SPECS and _SPECS[name].kind == "str":
            table[name] = text(column)
        elif isinstance(column, Column):
            table[name] = column
        else:
            msg = f"ivoa cannot hold: {name} of {len(sed)} rows; ECSV holds everything"
            warn_loss(msg)
    ends = intervals(filled(sed["mjd_start"]), filled(sed["mjd_end"]))
    table["mjd"] = Column(np.mean(ends, axis=0), unit=u.d)
    return table


# ---------------------------------------------------------------- reading


def _read(source: Any) -> SED:
    votable = parse_votable(source)
    first = votable.get_first_table()
    table = first.to_table(use_names_over_ids=True)
    names = _by_utype(first.fields)
    for name in ("nu", "nufnu"):
        if name not in names:
            msg = f"ivoa: no field has the utype {_UTYPES[name]}; is it another format?"
            raise ParseError(msg)
    values = _axes(table, names)
    theirs = {*names.values(), "mjd", "undated"}
    for name in table.colnames:
        if name not in theirs:
            values[name] = _other(name, table[name])
    sed = SED.from_columns(**values)
    sed.meta.update(_meta(votable))
    return sed


def _by_utype(fields: Any) -> dict[str, str]:
    """Return which field holds what; prefixes of utypes differ from writer to writer."""
    ours = {utype.lower(): name for name, utype in _UTYPES.items()}
    found: dict[str, str] = {}
    for field in fields:
        name = ours.get(str(field.utype or "").lower().rpartition("data.")[2])
        if name is not None:
            found.setdefault(name, field.name)
    return found


def _axes(table: Table, names: dict[str, str]) -> dict[str, Any]:
    """Return the columns that have utypes, in our units."""
    values: dict[str, Any] = {
        name: _hertz(table[names[name]]) * u.Hz for name in _FREQUENCIES if name in names
    }
    nu = values["nu"].value
    for name in _FLUXES:
        if name in names:
            column = table[names[name]]
            flux = nufnu_of(filled(column), column.unit or FLUX, nu)
            values[name] = (flux if name == "nufnu" else known_error(flux)) * u.Unit(FLUX)
    middle = values_in(table[names["mjd"]], u.d) if "mjd" in names else np.full(len(table), np.nan)
    start, end = (
        values_in(table[names[name]], u.d) if name in names else middle
        for name in ("mjd_start", "mjd_end")
    )
    return values | dates_from(start, end, (UNDATED_MJD,))


def _hertz(column: Any) -> Any:
    unit = u.Unit(column.unit or u.Hz)
    return (filled(column) * unit).to_value(u.Hz, equivalencies=u.spectral())


def _other(name: str, column: Any) -> Any:
    spec = _SPECS.get(name)
    if spec is None or spec.kind != "str":
        return column
    words = text(np.ma.filled(column, "")).tolist()
    return [word or None for word in words] if spec.nullable else words


def _meta(votable: Any) -> dict[str, Any]:
    """Return our own record, where the file is one of ours."""
    for info in votable.iter_info():
        if info.name == _META:
            return dict(json.loads(info.value))
    return {}


register(
    Dialect(
        "ivoa", lambda head: is_votable(head, "SpectralAxis.Value"), _read, _write, (".vot", ".xml")
    )
)
