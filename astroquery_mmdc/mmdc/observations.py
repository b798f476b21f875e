"""Observations of the service: cones, criteria, objects and light curves."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, angular_separation
from astropy.table import QTable
from astropy.time import Time
from astropy.utils.masked import Masked

from astroquery_mmdc.exceptions import (
    MaxResultsWarning,
    NoResultsWarning,
    ParseError,
)
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.schema.columns import LIGHTCURVE
from astroquery_mmdc.schema.coordinates import Targets, as_radius, as_targets
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.rows import decode_rows
from astroquery_mmdc.schema.tables import observations_from_rows
from astroquery_mmdc.schema.wire import Limit, Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["query_criteria", "query_lightcurve", "query_object", "query_region"]

RADIUS = Limit.CONE_RADIUS_ARCSEC * u.arcsec
Payload = dict[str, Any]


# ---------------------------------------------------------------- verbs


def query_region(
    self: MMDCClass,
    job: Job,
    coordinates: SkyCoord | str | QTable | Iterable[str],
    radius: u.Quantity | str = RADIUS,
    *,
    catalog: str | None = None,
    filter_band: str | None = None,
    is_lightcurve: bool | None = None,
    is_upper_limit: bool | None = None,
    obsid: str | None = None,
    mjd_min: Time | float | None = None,
    mjd_max: Time | float | None = None,
    ordering: str | None = None,
    row_limit: int | None = None,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get the observations around one position or many.

    Parameters
    ----------
    coordinates : SkyCoord, str, Table or list of str
        One position, an array of them, a table with ``ra`` and ``dec``, or names of sources.
    radius : `~astropy.units.Quantity` or str, optional
        Radius of the cone; a number without a unit is an error. Default 5 arcsec.
    catalog : str, optional
        Catalogue code, see `list_catalogs`.
    filter_band : str, optional
        Photometric band, such as ``"V"``.
    is_lightcurve : bool, optional
        True for light-curve rows only, False for SED rows only.
    is_upper_limit : bool, optional
        True for upper limits only, False for detections only.
    obsid : str, optional
        Observation id, exactly as stored (11 digits for Swift).
    mjd_min, mjd_max : Time or float, optional
        Window in time, ends included.
    ordering : str, optional
        Field to sort by, with ``-`` for descending: ``"mjd_mid"``, ``"flux"``,
        ``"sep_arcsec"``, ...
    row_limit : int, optional
        Largest number of rows for each position; -1 means all. Default ``conf.row_limit``.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each observation, with units; ``query_index`` tells the position where many
        were given, ``separation`` the distance from it. Without a result: no rows, all columns,
        and a `NoResultsWarning`.

    Raises
    ------
    InvalidRequestError
        A parameter is wrong; nothing was sent.
    ResolverError
        A name is unknown.
    ServiceError
        The service answered with an error.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.query_region("166.1138 +38.2088", 10 * u.arcsec, get_query_payload=True)
    {'ra': 166.1138, 'dec': 38.2088, 'radius_arcsec': 10.0}
    """
    filters = Filters.checked(
        catalog=catalog,
        filter_band=filter_band,
        is_lightcurve=is_lightcurve,
        is_upper_limit=is_upper_limit,
        obsid=obsid,
        mjd_min=mjd_min,
        mjd_max=mjd_max,
        ordering=ordering,
        row_limit=row_limit,
    )
    targets = as_targets(coordinates)
    return _cones(self, job, targets, as_radius(radius), filters, get_query_payload)


def query_object(
    self: MMDCClass,
    job: Job,
    object_name: str | Iterable[str],
    radius: u.Quantity | str = RADIUS,
    *,
    catalog: str | None = None,
    filter_band: str | None = None,
    is_lightcurve: bool | None = None,
    is_upper_limit: bool | None = None,
    obsid: str | None = None,
    mjd_min: Time | float | None = None,
    mjd_max: Time | float | None = None,
    ordering: str | None = None,
    row_limit: int | None = None,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get the observations of a source by its name.

    Parameters
    ----------
    object_name : str or list of str
        Name, resolved by the service and then by Sesame.
    radius : `~astropy.units.Quantity` or str, optional
        Radius around the resolved position. Default 5 arcsec.
    catalog, filter_band, is_lightcurve, is_upper_limit, obsid, mjd_min, mjd_max, ordering
        As in `query_region`.
    row_limit, get_query_payload
        As in `query_region`.

    Returns
    -------
    `~astropy.table.QTable`
        As from `query_region`.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> table = MMDC.query_object("Mrk 421")  # doctest: +REMOTE_DATA
    """
    return query_region(
        self,
        job,
        object_name,
        radius,
        catalog=catalog,
        filter_band=filter_band,
        is_lightcurve=is_lightcurve,
        is_upper_limit=is_upper_limit,
        obsid=obsid,
        mjd_min=mjd_min,
        mjd_max=mjd_max,
        ordering=ordering,
        row_limit=row_limit,
        get_query_payload=get_query_payload,
    )


def query_criteria(
    self: MMDCClass,
    job: Job,
    *,
    catalog: str | None = None,
    filter_band: str | None = None,
    is_lightcurve: bool | None = None,
    is_upper_limit: bool | None = None,
    obsid: str | None = None,
    mjd_min: Time | float | None = None,
    mjd_max: Time | float | None = None,
    ordering: str | None = None,
    row_limit: int | None = None,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get the observations that meet criteria, anywhere in the sky.

    Parameters
    ----------
    catalog, filter_band, is_lightcurve, is_upper_limit, obsid, mjd_min, mjd_max, ordering
        As in `query_region`.
    row_limit, get_query_payload
        As in `query_region`. The table of the service has millions of rows: give a limit.

    Returns
    -------
    `~astropy.table.QTable`
        As from `query_region`, without ``separation``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.query_criteria(catalog="MMDCXRT", row_limit=100, get_query_payload=True)
    {'catalog': 'MMDCXRT', 'limit': 101}
    """
    filters = Filters.checked(
        catalog=catalog,
        filter_band=filter_band,
        is_lightcurve=is_lightcurve,
        is_upper_limit=is_upper_limit,
        obsid=obsid,
        mjd_min=mjd_min,
        mjd_max=mjd_max,
        ordering=ordering,
        row_limit=row_limit,
        is_cone=False,
    )
    if get_query_payload:
        return filters.payload
    return _fetch(self, job, [filters.payload], filters, is_scalar=True, positions=None)


def query_lightcurve(
    self: MMDCClass,
    job: Job,
    coordinates: SkyCoord | str | QTable | Iterable[str],
    radius: u.Quantity | str = RADIUS,
    *,
    catalog: str | None = None,
    filter_band: str | None = None,
    is_upper_limit: bool | None = None,
    obsid: str | None = None,
    mjd_min: Time | float | None = None,
    mjd_max: Time | float | None = None,
    row_limit: int | None = None,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get light curves around one position or many, sorted by time.

    Parameters
    ----------
    coordinates, radius
        As in `query_region`.
    catalog, filter_band, is_upper_limit, obsid, mjd_min, mjd_max
        As in `query_region`.
    row_limit, get_query_payload
        As in `query_region`.

    Returns
    -------
    `~astropy.table.QTable`
        ``time`` (a `~astropy.time.Time` column, UTC), ``flux``, ``flux_err`` and what belongs to
        them. Fermi-LAT rows (MMDCGR) have their flux in ``photon_flux``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.query_lightcurve("166.1138 38.2088", "5 arcsec", catalog="ZTF",
    ...                       get_query_payload=True)["ordering"]
    'mjd_mid'
    """
    filters = Filters.checked(
        catalog=catalog,
        filter_band=filter_band,
        is_lightcurve=True,
        is_upper_limit=is_upper_limit,
        obsid=obsid,
        mjd_min=mjd_min,
        mjd_max=mjd_max,
        ordering="mjd_mid",
        row_limit=row_limit,
    )
    targets = as_targets(coordinates)
    cones = _cones(self, job, targets, as_radius(radius), filters, get_query_payload)
    return cones if isinstance(cones, dict | list) else _as_lightcurve(cones)


async def _as_lightcurve(observations: Coroutine[Any, Any, Any]) -> Any:
    table = await observations
    if not isinstance(table, QTable):
        return table
    mjd = table["mjd_mid"]
    missing = np.asarray(getattr(mjd, "mask", np.zeros(len(mjd), bool)))
    values = np.asarray(getattr(mjd, "unmasked", mjd).value)
    time = Time(np.where(missing, 0.0, values), format="mjd", scale="utc")
    if missing.any():
        time = Masked(time, missing)
    extra = [name for name in ("query_index", "separation") if name in table.colnames]
    names = [*[name for name in extra if name == "query_index"], *LIGHTCURVE[1:]]
    lightcurve = table[[*names, *[name for name in extra if name == "separation"]]]
    lightcurve.add_column(time, name="time", index=1 if "query_index" in extra else 0)
    lightcurve["time"].info.description = "Time of the point, UTC"
    return lightcurve


# ---------------------------------------------------------------- payloads and rows


def _cones(
    self: MMDCClass,
    job: Job,
    targets: Targets,
    radius: u.Quantity,
    filters: Filters,
    get_query_payload: bool,
) -> Any:
    if targets.coordinates is None:
        return _resolved_cones(self, job, targets, radius, filters, get_query_payload)
    payloads = _payloads(targets.coordinates, radius, filters)
    if get_query_payload:
        return payloads[0] if targets.is_scalar else payloads
    return _fetch(
        self,
        job,
        payloads,
        filters,
        is_scalar=targets.is_scalar,
        positions=targets.coordinates,
        names=targets.names,
    )


async def _resolved_cones(
    self: MMDCClass, job: Job, targets: Targets, *args: Any
) -> QTable | Payload | list[Payload]:
    outcome = _cones(self, job, await resolve_targets(self, job, targets), *args)
    return outcome if isinstance(outcome, dict | list) else await outcome


def _payloads(coordinates: SkyCoord, radius: u.Quantity, filters: Filters) -> list[Payload]:
    return [
        {"ra": ra, "dec": dec, "radius_arcsec": float(radius.to_value(u.arcsec)), **filters.payload}
        for ra, dec in zip(coordinates.ra.deg.tolist(), coordinates.dec.deg.tolist(), strict=True)
    ]


async def _fetch(
    self: MMDCClass,
    job: Job,
    payloads: list[Payload],
    filters: Filters,
    *,
    is_scalar: bool,
    positions: SkyCoord | None,
    names: tuple[str | None, ...] = (),
) -> QTable:
    answers = await gather(_rows(self, job, payload, filters) for payload in payloads)
    table = observations_from_rows(row for rows in answers for row in rows)
    index = np.repeat(np.arange(len(answers)), [len(rows) for rows in answers])
    if positions is not None:
        _add_separation(table, positions[index])
    if not is_scalar:
        table.add_column(index, name="query_index", index=0)
        table["query_index"].info.description = "Index of the position in the query"
    table.meta["mmdc"] = provenance(
        service=self.client.server,
        endpoint=Path.OBSERVATIONS,
        query=payloads[0] if is_scalar else {"targets": len(payloads), **filters.payload},
        names=[name for name in names if name] or None,
    )
    if not len(table):
        job.warn(_nothing_found(payloads), NoResultsWarning)
    return table


async def _rows(self: MMDCClass, job: Job, payload: Payload, filters: Filters) -> list[Any]:
    reply = await self.client.request("GET", Path.OBSERVATIONS, params=payload)
    try:
        rows = decode_rows(reply.content)
    except ParseError as err:
        msg = f"{reply.url}: {err}"
        raise ParseError(msg, excerpt=err.excerpt) from err
    if 0 <= filters.row_limit < len(rows):
        msg = (
            f"only the first {filters.row_limit} rows are returned; raise row_limit or set it to -1"
        )
        job.warn(msg, MaxResultsWarning)
        return rows[: filters.row_limit]
    return rows


def _add_separation(table: QTable, positions: SkyCoord) -> None:
    separation = angular_separation(positions.ra, positions.dec, table["ra"], table["dec"])
    table["separation"] = separation.to(u.arcsec)
    table["separation"].info.description = "Distance from the position of the query"


def _nothing_found(payloads: list[Payload]) -> str:
    first = payloads[0]
    where = f" within {first['radius_arcsec']:g} arcsec" if "radius_arcsec" in first else ""
    many = f" of {len(payloads)} positions" if len(payloads) > 1 else ""
    at = f" of {first['ra']:.5f} {first['dec']:+.5f}" if where and not many else many
    return f"the service has no observation{where}{at} for these filters"
