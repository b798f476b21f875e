"""Reduction of surveys whose tables need more than their columns recognised: ZTF and TESS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.reduction.reduce import Group, assemble, photometry, reduce_table
from astroquery_mmdc.retriever.reduction.statistics import median, median_degrees, wrapped_degrees
from astroquery_mmdc.retriever.reduction.target import Target
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["TESS_TIME", "TESS_ZERO_POINT", "ZTF_TIME", "reduce_tess", "reduce_ztf"]

ZTF_TIME = TimeInfo("mjd", "mjd", 0.0, "utc", "start", "exptime")
"""ZTF's ``mjd`` is the beginning of the exposure: ``hjd`` is later by half of it."""

TESS_TIME = TimeInfo("TIME", "jd", 2457000.0, "tdb", "mid")
"""TESS counts barycentric Julian days (TDB) from 2457000, at mid-exposure."""

TESS_ZERO_POINT = 20.44
"""TESS magnitude of one electron per second (TESS Instrument Handbook)."""

_ARCSEC = 3600.0
# Files in circulation have fluxes besides, with a zero point that they do not tell.
_ZTF_COLUMNS = {"flux": None, "flux_err": None}
_SECONDS_PER_DAY = 86400.0
_TESS_FILTER = "TESS"


def reduce_ztf(
    raw: LightCurve,
    target: Target,
    *,
    radius: float = 3.0,
    mag_range: float = 0.75,
    gap: float = 40.0,
    drop_bad: bool = False,
    filtmap: Mapping[str, str] | str | None = None,
) -> list[LightCurve]:
    """Return the light curves of ZTF: one for each filter and season.

    Parameters
    ----------
    raw : LightCurve
        With the columns of IRSA's light-curve service.
    target : Target
        The source.
    radius : float, optional
        Objects of ZTF farther from the target are somebody else, in arcsec.
    mag_range : float, optional
        So are those whose median magnitude differs by more.
    gap : float, optional
        Days without any measurement that end a season.
    drop_bad, filtmap
        As in `reduce_table`. Epochs with any of the ``catflags`` are flagged.

    Returns
    -------
    list of LightCurve
        Numbered from 1 by their first epoch; ``meta["object_id"]`` lists ZTF's objects in it.
        None if no object is the target.

    Notes
    -----
    ZTF gives a source one object for each filter, field and quadrant: those of one filter are
    one light curve here.
    """
    keep = _is_target(raw.data, target, radius, mag_range)
    return reduce_table(
        raw.replace(data=raw.data[keep]),
        target,
        time_info=ZTF_TIME,
        colmap=_ZTF_COLUMNS,
        filtmap=filtmap,
        gap=gap,
        drop_bad=drop_bad,
        object_column="oid",
    )


def _is_target(
    data: NDArray[Any], target: Target, radius: float, mag_range: float
) -> NDArray[np.bool_]:
    keep = np.zeros(len(data), dtype=bool)
    for oid in np.unique(data["oid"]) if len(data) else ():
        rows = data["oid"] == oid
        part = data[rows]
        keep[rows] = _is_near(part, target, radius) and _is_alike(part, target, mag_range)
    return keep


def _is_near(part: NDArray[Any], target: Target, radius: float) -> bool:
    if not (math.isfinite(target.ra) and math.isfinite(target.dec)):
        return True
    ra, dec = median_degrees(_finite(part["ra"])), median(_finite(part["dec"]))
    east = wrapped_degrees(ra - target.ra) * math.cos(math.radians(target.dec))
    return math.hypot(east, dec - target.dec) * _ARCSEC <= radius


def _is_alike(part: NDArray[Any], target: Target, mag_range: float) -> bool:
    if not math.isfinite(target.mag):
        return True
    return abs(median(_finite(part["mag"])) - target.mag) <= mag_range


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=float)
    return numbers[np.isfinite(numbers)]


def reduce_tess(
    raw: LightCurve,
    target: Target,
    *,
    use_simple_flux: bool = False,
    use_psf_positions: bool = False,
    drop_bad: bool = False,
    quality_bitmask: int | None = None,
    filtmap: Mapping[str, str] | str | None = None,
) -> list[LightCurve]:
    """Return the light curves of TESS: one for each sector.

    Parameters
    ----------
    raw : LightCurve
        With the columns of SPOC's light-curve files and ``SECTOR``;
        ``meta["file_headers"]`` is a list with the headers of each file as one dictionary.
    target : Target
        The source.
    use_simple_flux : bool, optional
        Take ``SAP_FLUX`` instead of ``PDCSAP_FLUX``, which has slow variations taken out.
    use_psf_positions : bool, optional
        Take ``PSF_CENTR`` instead of ``MOM_CENTR`` as positions on the detector.
    drop_bad, filtmap
        As in `reduce_table`.
    quality_bitmask : int, optional
        Bits of ``QUALITY`` that flag an epoch; any of them by default.

    Returns
    -------
    list of LightCurve
        Numbered from 1 by their first epoch.

    Notes
    -----
    ``time`` is barycentric (TDB). ``mjd`` is UTC at the spacecraft, where ``TIMECORR`` is not
    contained: this is what compares with observatories on the ground. Magnitudes use the zero
    point that follows from the star's magnitude in the TESS Input Catalog where that is known.
    """
    if raw.is_empty:
        return []
    columns = _tess_columns(
        raw,
        flux="SAP_FLUX" if use_simple_flux else "PDCSAP_FLUX",
        positions="PSF_CENTR" if use_psf_positions else "MOM_CENTR",
        filtmap=filtmap,
    )
    if quality_bitmask is not None:
        columns["flag"] = (raw.data["QUALITY"] & quality_bitmask) != 0
    keep = np.isfinite(columns["time"]) & ~(columns["flag"] & drop_bad)
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(columns["time"][rows], kind="stable")]
    columns = {name: values[rows] for name, values in columns.items()}
    groups = _sectors(columns, raw.data["SECTOR"][rows], _headers(raw))
    meta = {
        "time_scale": TESS_TIME.scale,
        "time_reference": "barycenter",
        "flux_unit": "electron / s",
        "zero_point_instrumental": TESS_ZERO_POINT,
    }
    return assemble(columns, groups, raw, target, meta)


def _tess_columns(
    raw: LightCurve, *, flux: str, positions: str, filtmap: Mapping[str, str] | str | None
) -> dict[str, NDArray[Any]]:
    missing = {"TIME", "SECTOR", "QUALITY", flux} - set(raw.colnames)
    if missing:
        msg = f"raw: columns {sorted(missing)} are missing; give SPOC's columns and SECTOR"
        raise InvalidRequestError(msg, parameter="raw")
    colmap = {"flux": flux, "flux_err": f"{flux}_ERR", "flag": "QUALITY", "exptime": None}
    named = raw.replace(meta={**raw.meta, "filter": _TESS_FILTER})
    columns = photometry(
        named, TESS_TIME, colmap=colmap, filtmap=filtmap, zero_point=TESS_ZERO_POINT
    )
    extra = {
        "time_corr": "TIMECORR",
        "bg": "SAP_BKG",
        "bg_err": "SAP_BKG_ERR",
        "pos1": f"{positions}1",
        "pos1_err": f"{positions}1_ERR",
        "pos2": f"{positions}2",
        "pos2_err": f"{positions}2_ERR",
        "pos_corr1": "POS_CORR1",
        "pos_corr2": "POS_CORR2",
    }
    columns |= {
        ours: np.asarray(raw.data[theirs], dtype=float)
        for ours, theirs in extra.items()
        if theirs in raw.colnames
    }
    if "time_corr" in columns:
        columns["mjd"] = columns["mjd"] - np.nan_to_num(columns["time_corr"])
    return columns


def _headers(raw: LightCurve) -> dict[int, Mapping[str, Any]]:
    """Return the headers of the files by sector."""
    headers = raw.meta.get("file_headers") or ()
    return {int(header["SECTOR"]): header for header in headers if "SECTOR" in header}


def _sectors(
    columns: dict[str, NDArray[Any]],
    sectors: NDArray[np.integer[Any]],
    headers: Mapping[int, Mapping[str, Any]],
) -> list[Group]:
    """Return the groups of the sectors, and complete their exposures and magnitudes."""
    groups = []
    columns["exptime"], columns["mag"] = columns["exptime"].copy(), columns["mag"].copy()
    for sector in np.unique(sectors):
        rows = np.flatnonzero(sectors == sector)
        header = headers.get(int(sector), {})
        columns["exptime"][rows] = _cadence(columns["time"][rows], header)
        measured = _measured_zero_point(columns["flux"][rows], columns["flag"][rows], header)
        if measured is not None:
            columns["mag"][rows] += measured - TESS_ZERO_POINT
        groups.append(Group(rows, _sector_meta(int(sector), header, measured)))
    return sorted(groups, key=lambda group: int(group.rows[0]))


def _cadence(times: NDArray[np.float64], header: Mapping[str, Any]) -> float:
    """Return the time from one exposure to the next, in seconds."""
    stated = header.get("TIMEDEL")
    days = median(np.diff(times)) if stated is None else float(stated)
    return round(days * _SECONDS_PER_DAY, 3)


def _measured_zero_point(
    flux: NDArray[np.float64], flag: NDArray[np.bool_], header: Mapping[str, Any]
) -> float | None:
    stated, typical = header.get("TESSMAG"), median(_finite(flux[~flag]))
    if stated is None or not typical > 0:
        return None
    return float(stated) + 2.5 * math.log10(typical)


def _sector_meta(
    sector: int, header: Mapping[str, Any], zero_point: float | None
) -> dict[str, Any]:
    names = [sector, *(header.get(key) for key in ("CAMERA", "CCD"))]
    meta = {
        "filter": _TESS_FILTER,
        "sector": sector,
        "series_name": "_".join([_TESS_FILTER, *(str(x) for x in names if x is not None)]),
        "zero_point_measured": zero_point,
    }
    ticid = header.get("TICID", header.get("OBJECT"))
    if ticid is not None:
        meta["object_id"] = ticid
    return meta | {
        ours: float(header[theirs])
        for ours, theirs in (("ra", "RA_OBJ"), ("dec", "DEC_OBJ"))
        if header.get(theirs) is not None
    }
