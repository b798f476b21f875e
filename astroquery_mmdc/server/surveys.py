"""Readers of published tables: blazar SEDs and ZTF light curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy import units as u
from numpy.typing import NDArray
from pyarrow import csv

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.server.sources import Source, normal_name

__all__ = [
    "BLAZAR_POINTS",
    "ZTF_COLUMNS",
    "observations",
    "read_blazar_seds",
    "read_csv",
    "read_ztf",
]

log = logging.getLogger(__name__)

BLAZAR_POINTS = "observed_points.csv.gz"
"""File of the measured points in a directory of blazar SEDs."""

ZTF_COLUMNS = ("oid", "mjd", "mag", "magerr", "catflags", "filtercode", "ra", "dec")
"""Columns of a ZTF light curve that are used."""

_BLAZAR_PARAMETERS = "am3_parameters.csv"
_BLAZAR_COLUMNS = (
    "source",
    "energy_eV",
    "nufnu_erg_cm2_s",
    "nufnu_err_erg_cm2_s",
    "is_upper_limit",
)
_PARAMETER_COLUMNS = ("Association", "CGRABS Name", "RA", "dec", "Redshift")
_BLAZAR_REFERENCE = {
    "citation": "Rodrigues X., et al., 2023, arXiv:2307.13024",
    "bibcode": None,
    "url": "https://arxiv.org/abs/2307.13024",
}
_ZTF_REFERENCE = {
    "citation": "Bellm E. C., et al., 2019, PASP, 131, 018002",
    "bibcode": "2019PASP..131a8002B",
    "url": "https://ui.adsabs.harvard.edu/abs/2019PASP..131a8002B",
}
# Effective wavelengths in Angstrom, from the SVO Filter Profile Service (Palomar/ZTF.g, .r, .i).
_ZTF_WAVELENGTHS = {"zg": 4722.74, "zr": 6339.61, "zi": 7886.13}
# Bits at and above this one mark epochs that the survey advises against.
_ZTF_BAD = 32768
_AB_ZERO_POINT = 3631 * u.Jy


def read_csv(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Return some columns of a CSV file, which may be compressed.

    Raises
    ------
    ParseError
        The file is no CSV, or a column is missing.
    """
    try:
        table = csv.read_csv(path)
    except (pa.ArrowInvalid, OSError) as err:
        msg = f"{path}: cannot be read as CSV ({err})"
        raise ParseError(msg) from err
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        msg = f"{path}: has no column {', '.join(missing)}; its columns are {table.column_names}"
        raise ParseError(msg)
    return table.select(list(columns))


def observations(path: Path, size: int, values: Mapping[str, Any]) -> pa.Table:
    """Return observations in `OBSERVATION_SCHEMA` from the columns that a survey gives.

    Parameters
    ----------
    path : path-like
        The file, whose date becomes ``created_at``.
    size : int
        Number of rows.
    values : mapping
        Wire name to an array, or to one value for all rows; what is not named is missing.
    """
    written = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    given: dict[str, Any] = {
        "id": np.arange(1, size + 1),
        "is_lightcurve": False,
        "is_upper_limit": False,
        "created_at": written.isoformat(timespec="seconds"),
        "sky_identifier": sky_identifier(values["ra"], values["dec"]),
        **values,
    }
    columns = [_column(field, given.get(field.name), size) for field in OBSERVATION_SCHEMA]
    return pa.table(columns, schema=OBSERVATION_SCHEMA)


def _column(field: pa.Field, value: Any, size: int) -> pa.Array:
    if isinstance(value, np.ndarray | pa.Array | pa.ChunkedArray):
        array = value if isinstance(value, pa.Array | pa.ChunkedArray) else pa.array(value)
        return array.cast(field.type)
    return pa.repeat(pa.scalar(value, field.type), size)


# ---------------------------------------------------------------- blazar SEDs


def read_blazar_seds(folder: Path) -> tuple[pa.Table, list[Source]]:
    """Read the measured SEDs of a directory with points and positions in two files.

    Parameters
    ----------
    folder : path-like
        Holds ``observed_points.csv.gz`` and ``am3_parameters.csv``.

    Returns
    -------
    observations : `pyarrow.Table`
        One undated SED row for each point of a source whose position is known.
    sources : list of Source
        With positions and redshifts. Points of other sources are left out and logged.
    """
    points = read_csv(folder / BLAZAR_POINTS, _BLAZAR_COLUMNS)
    sources = _blazar_sources(folder / _BLAZAR_PARAMETERS)
    place = {normal_name(source.name): number for number, source in enumerate(sources)}
    names = points.column("source").combine_chunks().dictionary_encode()
    known = np.array([place.get(normal_name(name), -1) for name in names.dictionary.to_pylist()])
    _log_unmatched(names.dictionary.to_pylist(), known)
    which = known[names.indices.to_numpy()]
    points, which = points.filter(pa.array(which >= 0)), which[which >= 0]
    ra, dec = (np.array([getattr(s, axis) for s in sources])[which] for axis in ("ra", "dec"))
    return _blazar_observations(folder / BLAZAR_POINTS, points, ra, dec), sources


def _blazar_observations(
    path: Path, points: pa.Table, ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> pa.Table:
    _, energy, flux, error, limit = (points.column(name) for name in _BLAZAR_COLUMNS)
    nu = u.Quantity(energy.to_numpy(), u.eV).to_value(u.Hz, u.spectral())
    # An error of 0 says that none was given.
    error = pc.if_else(pc.greater(error, 0), error, pa.scalar(None, error.type))
    values = {
        "catalog": "Rodrigues2023",
        "reference": _BLAZAR_REFERENCE,
        "ra": ra,
        "dec": dec,
        "frequency": nu,
        "flux": flux,
        "flux_err": error,
        "is_upper_limit": pc.not_equal(limit, 0),
    }
    return observations(path, points.num_rows, values)


def _blazar_sources(path: Path) -> list[Source]:
    rows = read_csv(path, _PARAMETER_COLUMNS).to_pylist()
    return [
        Source(
            name=row["Association"],
            ra=float(row["RA"]),
            dec=float(row["dec"]),
            redshift=row["Redshift"] or None,
            aliases=(row["CGRABS Name"],) if row["CGRABS Name"] else (),
            catalog="Rodrigues2023",
        )
        for row in rows
    ]


def _log_unmatched(names: list[str], known: NDArray[np.int64]) -> None:
    unmatched = [name for name, number in zip(names, known.tolist(), strict=True) if number < 0]
    if unmatched:
        log.warning("no position for %d sources: %s", len(unmatched), ", ".join(sorted(unmatched)))


# ---------------------------------------------------------------- ZTF


def read_ztf(path: Path) -> tuple[pa.Table, list[Source]]:
    """Read a light curve of the Zwicky Transient Facility, as its archive gives it.

    Parameters
    ----------
    path : path-like
        CSV with the columns `ZTF_COLUMNS`.

    Returns
    -------
    observations : `pyarrow.Table`
        Light-curve rows; ``obsid`` is the survey's object id. Flagged epochs are left out.
    sources : list of Source
        Always empty: the survey gives no names.

    Notes
    -----
    nuFnu = nu * 3631 Jy * 10**(-0.4 mag), with nu at the effective wavelength of the filter.
    """
    table = read_csv(path, ZTF_COLUMNS)
    table = table.filter(pc.less(table.column("catflags"), _ZTF_BAD))
    filters = table.column("filtercode").to_pylist()
    nu = _ztf_frequencies(path, filters)
    magnitude, error = (table.column(name).to_numpy() for name in ("mag", "magerr"))
    flux = (nu * _AB_ZERO_POINT).to_value(u.erg / u.s / u.cm**2) * 10 ** (-0.4 * magnitude)
    values = {
        "catalog": "ZTF",
        "reference": _ZTF_REFERENCE,
        "is_lightcurve": True,
        "obsid": table.column("oid"),
        "ra": table.column("ra").to_numpy(),
        "dec": table.column("dec").to_numpy(),
        "frequency": nu.value,
        "flux": flux,
        "flux_err": flux * np.log(10) / 2.5 * error,
        "mjd_mid": table.column("mjd").to_numpy(),
        "filter_band": np.array([code[1].upper() for code in filters]),
    }
    return observations(path, table.num_rows, values), []


def _ztf_frequencies(path: Path, filters: list[str]) -> u.Quantity:
    unknown = sorted(set(filters) - set(_ZTF_WAVELENGTHS))
    if unknown:
        msg = f"{path}: filtercode {unknown[0]!r} is none of {', '.join(_ZTF_WAVELENGTHS)}"
        raise ParseError(msg)
    return u.Quantity([_ZTF_WAVELENGTHS[code] for code in filters], u.AA).to(u.Hz, u.spectral())
