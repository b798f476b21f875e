"""ECSV tables of JetSeT."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import UNDATED_MJD
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    FLUX,
    Dialect,
    dated_or,
    dates_from,
    known_error,
    register,
)
from astroquery_mmdc.sed.formats.companions import (
    add_companions,
    companions,
    ecsv_dialect,
    read_table,
    write_table,
)

__all__: list[str] = []

_THEIRS = {"x", "dx", "y", "dy", "T_start", "T_stop", "UL", "data_set"}
_HELD = {"nu", "nufnu", "nufnu_err", "is_upper_limit", "mjd_start", "mjd_end", "catalog"}
# JetSeT itself fills in 0 where a table has no dates.
_NO_DATE = (0.0, UNDATED_MJD)


def _write(
    sed: SED,
    target: Any,
    *,
    redshift: float | None = None,
    ul_cl: float = 0.95,
    overwrite: bool = False,
) -> None:
    redshift = sed.redshift if redshift is None else redshift
    if redshift is None:
        msg = (
            "redshift: JetSeT wants one, and it is not known; pass redshift=... "
            "or set sed.meta['source'] = {'redshift': ...}"
        )
        raise InvalidRequestError(msg, parameter="redshift")
    start, end = dated_or(sed, UNDATED_MJD)
    table = QTable(
        {
            "x": filled(sed["nu"]) * u.Hz,
            "dx": np.zeros(len(sed)) * u.Hz,
            "y": filled(sed["nufnu"]) * u.Unit(FLUX),
            "dy": np.nan_to_num(filled(sed["nufnu_err"])) * u.Unit(FLUX),
            # Without a unit: JetSeT's own unit for MJD is none of astropy's.
            "T_start": start,
            "T_stop": end,
            "UL": np.asarray(sed["is_upper_limit"], dtype=bool),
            "data_set": text(sed["catalog"]),
        }
    )
    add_companions(table, sed, held=_HELD)
    # Any other key makes JetSeT refuse the file.
    table.meta = {
        "z": float(redshift),
        "UL_CL": ul_cl,
        "restframe": "obs",
        "data_scale": "lin-lin",
        "obj_name": str(sed.source.get("name") or "unknown"),
    }
    write_table(table, target, overwrite=overwrite)


def _read(source: Any) -> SED:
    table = read_table(source, ("x", "y"), "jetset")
    if table.meta.get("restframe", "obs") != "obs":
        msg = (
            "jetset: the table holds luminosities in the source's frame, which need a distance; "
            "convert it to restframe 'obs' with JetSeT first"
        )
        raise InvalidRequestError(msg, parameter="restframe")
    x, y, error = _linear(table)
    size = len(table)
    start, end = (
        filled(table[name]) if name in table.colnames else np.zeros(size)
        for name in ("T_start", "T_stop")
    )
    limit = table["UL"] if "UL" in table.colnames else np.zeros(size, dtype=bool)
    catalog = text(table["data_set"]) if "data_set" in table.colnames else np.full(size, "")
    sed = SED.from_columns(
        nu=x,
        nufnu=y,
        nufnu_err=known_error(error.to_value(FLUX)) * u.Unit(FLUX),
        is_upper_limit=np.asarray(limit, dtype=bool),
        catalog=catalog,
        **dates_from(start, end, _NO_DATE),
        **companions(table, theirs=_THEIRS),
    )
    facts = {"name": table.meta.get("obj_name"), "redshift": table.meta.get("z")}
    sed.meta["source"] = {name: value for name, value in facts.items() if value is not None}
    return sed


def _linear(table: QTable) -> tuple[u.Quantity, u.Quantity, u.Quantity]:
    """Return frequency, flux and error, out of logarithms where the table holds those."""
    errors = table["dy"] if "dy" in table.colnames else np.zeros(len(table))
    values = [np.asarray(filled(column)) for column in (table["x"], table["y"], errors)]
    x_unit = table["x"].unit or u.Hz
    y_unit = table["y"].unit or u.Unit(FLUX)
    if table.meta.get("data_scale", "lin-lin") == "log-log":
        x, y = 10.0 ** values[0], 10.0 ** values[1]
        values = [x, y, y * np.log(10.0) * values[2]]
    return values[0] << x_unit, values[1] << y_unit, values[2] << y_unit


register(Dialect("jetset", lambda head: ecsv_dialect(head) == "jetset", _read, _write))
