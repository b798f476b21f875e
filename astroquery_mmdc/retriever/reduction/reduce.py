"""From a survey's table to light curves that all look the same, whatever the survey."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve, reduced_dtype
from astroquery_mmdc.retriever.reduction.recognise import column_map, mapped_filters, time_info_of
from astroquery_mmdc.retriever.reduction.statistics import (
    AB_ZERO_POINT,
    brightening,
    exposure_statistics,
    flux_from_mag,
    flux_statistics,
    mag_from_flux,
    median,
    median_degrees,
    noise_of,
)
from astroquery_mmdc.retriever.reduction.target import Target
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["Group", "Target", "assemble", "photometry", "reduce_demo", "reduce_table", "split"]

_POSITIONS = ("ra", "dec")
_SCORES = ("snr", "dsnr", "dmag")
_MONTHS_FROM = np.datetime64("1858-11-17")

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Group:
    """Epochs that make one light curve, and what is to be said about them."""

    rows: NDArray[np.intp]
    meta: Mapping[str, Any]


def reduce_table(
    raw: LightCurve,
    target: Target,
    *,
    time_info: TimeInfo | None = None,
    colmap: Mapping[str, str | None] | None = None,
    filtmap: Mapping[str, str] | str | None = None,
    gap: float | None = None,
    drop_bad: bool = False,
    mag_range: float | None = None,
    zero_point: float = AB_ZERO_POINT,
    flux_unit: str = "uJy",
    object_column: str | None = None,
) -> list[LightCurve]:
    """Return the light curves in a survey's table: one for each filter and season.

    Parameters
    ----------
    raw : LightCurve
        As delivered; ``meta`` is what the survey says besides.
    target : Target
        The source.
    time_info : TimeInfo, optional
        What the times mean. By default what ``raw.meta["time_info"]`` says, or else what the
        name of the column tells.
    colmap : mapping, optional
        Meaning -> name of columns whose names do not tell; see `column_map`. By default what
        ``raw.meta["colmap"]`` says.
    filtmap : mapping or str, optional
        Other names for the filters; see `mapped_filters`.
    gap : float, optional
        Days without any measurement, in whatever filter, that end a season. By default
        everything is one season.
    drop_bad : bool, optional
        Leave flagged epochs out, instead of keeping them flagged.
    mag_range : float, optional
        Leave epochs out whose magnitude differs from the target's by more.
    zero_point : float, optional
        Magnitude of a flux of one ``flux_unit``.
    flux_unit : str, optional
        Unit of the flux.
    object_column : str, optional
        Column with the survey's own numbers of its objects, to be kept in the metadata.

    Returns
    -------
    list of LightCurve
        Level ``"reduced"``, numbered from 1 by their first epoch. None if no epoch is left.

    Raises
    ------
    InvalidRequestError
        No column is a time, or there is neither a magnitude nor a flux.
    """
    if raw.is_empty:
        return []
    colmap = colmap or raw.meta.get("colmap")
    info = time_info or _stated(raw, colmap)
    columns = photometry(raw, info, colmap=colmap, filtmap=filtmap, zero_point=zero_point)
    if object_column:
        columns["object_id"] = raw.data[object_column]
    columns = _kept(columns, target, drop_bad=drop_bad, mag_range=mag_range)
    meta = {
        "time_scale": info.scale,
        "flux_unit": flux_unit,
        "zero_point_instrumental": zero_point,
    }
    return assemble(columns, split(columns, gap), raw, target, meta)


def reduce_demo(
    raw: LightCurve,
    target: Target,
    *,
    mag_range: float | None = None,
    drop_bad: bool = False,
    filtmap: Mapping[str, str] | str | None = None,
) -> list[LightCurve]:
    """Return the light curves of the demo observatory: one for each filter.

    Parameters
    ----------
    raw, target, mag_range, drop_bad, filtmap
        As in `reduce_table`.
    """
    return reduce_table(raw, target, mag_range=mag_range, drop_bad=drop_bad, filtmap=filtmap)


def _stated(raw: LightCurve, colmap: Mapping[str, str | None] | None) -> TimeInfo:
    if raw.meta.get("time_info"):
        return raw.time_info
    names = column_map(raw.colnames, colmap)
    return time_info_of(raw.colnames, names.get("exptime", "exptime"))


def photometry(
    raw: LightCurve,
    info: TimeInfo,
    *,
    colmap: Mapping[str, str | None] | None = None,
    filtmap: Mapping[str, str] | str | None = None,
    zero_point: float = AB_ZERO_POINT,
) -> Columns:
    """Return the columns of a survey's table under our names, magnitudes and fluxes both.

    Parameters
    ----------
    raw, info, colmap, filtmap, zero_point
        As in `reduce_table`.

    Returns
    -------
    dict of arrays
        ``time``, ``mjd``, ``exptime``, ``mag``, ``mag_err``, ``flux``, ``flux_err``, ``filter``,
        ``flag``, and ``ra`` and ``dec`` where the table has them.
    """
    names = column_map(raw.colnames, colmap)
    size = len(raw)
    columns = {
        key: np.asarray(raw.data[names[key]], dtype=float)
        for key in ("exptime", "mag", "mag_err", "flux", "flux_err", *_POSITIONS)
        if key in names
    }
    columns["time"] = info.mjd(raw.data)
    columns["mjd"] = columns["time"] if info.scale == "utc" else info.mjd_utc(raw.data)
    _complete(columns, zero_point, size, raw)
    columns["flag"] = _flags(raw, names.get("flag"))
    columns["filter"] = _filters(raw, names.get("filter"), filtmap)
    return columns


def _complete(columns: Columns, zero_point: float, size: int, raw: LightCurve) -> None:
    """Add what follows from the columns that are there; the rest is not a number."""
    unknown = np.full(size, np.nan)
    if "exptime" not in columns:
        stated = raw.meta.get("exptime")
        columns["exptime"] = unknown if stated is None else np.full(size, float(stated))
    if "mag" not in columns and "flux" not in columns:
        msg = f"colmap: none of {list(raw.colnames)} is a magnitude or a flux; name one of them"
        raise InvalidRequestError(msg, parameter="colmap")
    if "flux" not in columns:
        errors = columns.setdefault("mag_err", unknown)
        columns["flux"], columns["flux_err"] = flux_from_mag(columns["mag"], errors, zero_point)
    errors = columns.setdefault("flux_err", unknown)
    if "mag" not in columns:
        columns["mag"], columns["mag_err"] = mag_from_flux(columns["flux"], errors, zero_point)
    columns.setdefault("mag_err", unknown)


def _flags(raw: LightCurve, name: str | None) -> NDArray[np.bool_]:
    if name is None:
        return np.zeros(len(raw), dtype=bool)
    values = raw.data[name]
    if values.dtype.kind in "US":
        return ~np.isin(np.char.upper(np.char.strip(values.astype(str))), ("", "G", "0", "GOOD"))
    return values != 0


def _filters(
    raw: LightCurve, name: str | None, filtmap: Mapping[str, str] | str | None
) -> NDArray[np.str_]:
    if name is None:
        filters = np.full(len(raw), str(raw.meta.get("filter") or ""))
    else:
        filters = raw.data[name].astype(str, copy=False)
    return mapped_filters(filters, raw.observatory, filtmap)


def _kept(columns: Columns, target: Target, *, drop_bad: bool, mag_range: float | None) -> Columns:
    """Return the epochs that are wanted, in the order of time."""
    times = columns["time"]
    keep = np.isfinite(times)
    if drop_bad:
        keep &= ~columns["flag"]
    if mag_range is not None and math.isfinite(target.mag):
        keep &= np.abs(columns["mag"] - target.mag) <= mag_range
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(times[rows], kind="stable")]
    return {name: values[rows] for name, values in columns.items()}


def split(columns: Columns, gap: float | None) -> list[Group]:
    """Return the groups of one season and one filter each, by their first epochs.

    Parameters
    ----------
    columns : dict of arrays
        Sorted by ``time``.
    gap : float or None
        Days without measurements that end a season.
    """
    times, filters = columns["time"], columns["filter"]
    if not times.size:
        return []
    limits = [0, times.size]
    if gap is not None:
        limits[1:1] = (np.flatnonzero(np.diff(times) > gap) + 1).tolist()
    groups = [
        Group(rows, {"filter": str(filters[rows[0]])})
        for first, end in itertools.pairwise(limits)
        for rows in _by_value(filters, first, end)
    ]
    return sorted(groups, key=lambda group: int(group.rows[0]))


def _by_value(values: NDArray[Any], first: int, end: int) -> list[NDArray[np.intp]]:
    part = values[first:end]
    if (part == part[0]).all():
        return [np.arange(first, end)]
    return [first + np.flatnonzero(part == value) for value in np.unique(part)]


def assemble(
    columns: Columns,
    groups: Sequence[Group],
    raw: LightCurve,
    target: Target,
    meta: Mapping[str, Any],
) -> list[LightCurve]:
    """Return one light curve for each group, numbered in their order.

    Parameters
    ----------
    columns : dict of arrays
        Of all groups; columns that are not ours are kept as they are, ``object_id`` goes into
        the metadata.
    groups : sequence of Group
        Which epochs belong together.
    raw, target
        As in `reduce_table`.
    meta : mapping
        What holds for all of them.
    """
    return [
        _one(columns, group, raw, target, meta).replace(series=number, total=len(groups))
        for number, group in enumerate(groups, 1)
    ]


def _one(
    columns: Columns, group: Group, raw: LightCurve, target: Target, meta: Mapping[str, Any]
) -> LightCurve:
    extra = tuple(
        (name, values.dtype.str)
        for name, values in columns.items()
        if name not in _reduced_names() and name not in (*_POSITIONS, "object_id")
    )
    positions = tuple(name for name in _POSITIONS if name in columns)
    data = np.empty(group.rows.size, dtype=_dtype(positions, extra, columns["filter"].dtype.str))
    for name in data.dtype.names or ():
        if name not in _SCORES:
            data[name] = columns[name][group.rows]
    statistics = _scored(data)
    return LightCurve(
        data,
        raw.source or target.name,
        raw.observatory,
        level="reduced",
        meta=_described(columns, group, data, target, meta) | {"statistics": statistics},
    )


@lru_cache(maxsize=1)
def _reduced_names() -> frozenset[str]:
    return frozenset(reduced_dtype().names or ())


@lru_cache(maxsize=64)
def _dtype(
    positions: tuple[str, ...], extra: tuple[tuple[str, str], ...], filters: str
) -> np.dtype[Any]:
    """Return the type of the rows; names of filters that are longer than usual are not cut."""
    usual = reduced_dtype(*positions, *_SCORES, *extra)
    longest = max(usual["filter"], np.dtype(filters), key=lambda dtype: dtype.itemsize)
    kinds = {name: usual[name] for name in usual.names or ()} | {"filter": longest}
    return np.dtype(list(kinds.items()))


def _scored(data: NDArray[Any]) -> dict[str, Any]:
    """Fill the scores of a new array, and return the statistics of its good epochs."""
    flux, good = data["flux"], ~data["flag"]
    statistics = flux_statistics(flux, data["mag"], good)
    mean, rms = (statistics[f"flux_{name}_robust"] for name in ("mean", "rms"))
    noise = noise_of(data["flux_err"], rms)
    data["snr"] = flux / noise
    data["dsnr"] = (flux - (math.nan if mean is None else mean)) / noise
    data["dmag"] = brightening(flux, math.nan if mean is None else mean, noise)
    return {
        **statistics,
        **_extremes(data, good),
        **exposure_statistics(data["time"], data["exptime"]),
    }


def _extremes(data: NDArray[Any], good: NDArray[np.bool_]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    names = {"snr": ("max", "min"), "dsnr": ("max", "min"), "dmag": ("brightest", "faintest")}
    for score, (highest, lowest) in names.items():
        values = data[score][good]
        values = values[np.isfinite(values)]
        found[f"{score}_{highest}"] = float(values.max()) if values.size else None
        found[f"{score}_{lowest}"] = float(values.min()) if values.size else None
        if score == "snr":
            found["snr_median"] = median(values) if values.size else None
    return found


def _described(
    columns: Columns, group: Group, data: NDArray[Any], target: Target, meta: Mapping[str, Any]
) -> dict[str, Any]:
    filter_name = str(data["filter"][0])
    month = str((_MONTHS_FROM + int(data["mjd"][0] // 1)).astype("datetime64[M]"))
    described = {
        "ra": _position(target.ra, data, "ra"),
        "dec": _position(target.dec, data, "dec"),
        "filter": filter_name,
        "series_name": f"{month}-{filter_name}" if filter_name else month,
        "object_id": target.name,
        "time_stamp_alignment": "mid",
        **meta,
        **group.meta,
    }
    if "object_id" in columns:
        described["object_id"] = np.unique(columns["object_id"][group.rows]).tolist()
    return described


def _position(stated: float, data: NDArray[Any], name: str) -> float | None:
    if math.isfinite(stated):
        return stated
    if name not in (data.dtype.names or ()):
        return None
    values = data[name][np.isfinite(data[name])]
    if not values.size:
        return None
    return median_degrees(values) if name == "ra" else median(values)
