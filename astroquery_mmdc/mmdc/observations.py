"""Observations of the service: cones, criteria, objects and light curves."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from inspect import iscoroutine
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
    from astroquery_mmdc.mmdc import remembered
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
    cache: bool | None = None,
    refresh: bool = False,
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
    cache : bool, optional
        Whether to remember the answer and to use what is remembered. By default as ``conf.cache``
        says, but a server on this machine is asked every time, since its data may change.
    refresh : bool, optional
        Ask again for what is remembered.
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
    return _cones(self, job, targets, as_radius(radius), filters, get_query_payload, cache, refresh)


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
    cache: bool | None = None,
    refresh: bool = False,
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
    row_limit, cache, refresh, get_query_payload
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
        cache=cache,
        refresh=refresh,
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
    cache: bool | None = None,
    refresh: bool = False,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get the observations that meet criteria, anywhere in the sky.

    Parameters
    ----------
    catalog, filter_band, is_lightcurve, is_upper_limit, obsid, mjd_min, mjd_max, ordering
        As in `query_region`.
    row_limit, cache, refresh, get_query_payload
        As in `query_region`. The table of the service has millions of rows: give a limit. Only a
        complete mirror (``MMDC.cache.ingest``) can answer from disk.

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
    if self.remembers(cache):
        from astroquery_mmdc.mmdc import remembered

        table = remembered.everywhere(self, job, filters, refresh=refresh)
        if table is not None:
            index = np.zeros(len(table), dtype=np.int64)
            payloads = [filters.payload]
            return _finished(self, job, table, index, payloads, True, None, (), from_cache=True)
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
    cache: bool | None = None,
    refresh: bool = False,
    get_query_payload: bool = False,
) -> QTable | Coroutine[Any, Any, QTable]:
    """Get light curves around one position or many, sorted by time.

    Parameters
    ----------
    coordinates, radius
        As in `query_region`.
    catalog, filter_band, is_upper_limit, obsid, mjd_min, mjd_max
        As in `query_region`.
    row_limit, cache, refresh, get_query_payload
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
    outcome = _cones(
        self, job, targets, as_radius(radius), filters, get_query_payload, cache, refresh
    )
    return _lightcurve_later(outcome) if iscoroutine(outcome) else _as_lightcurve(outcome)


async def _lightcurve_later(observations: Coroutine[Any, Any, Any]) -> Any:
    return _as_lightcurve(await observations)


def _as_lightcurve(table: Any) -> Any:
    if not isinstance(table, QTable):
        # The payload of the query.
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
    *options: bool | None,
) -> Any:
    if targets.coordinates is None:
        return _resolved_cones(self, job, targets, radius, filters, *options)
    payloads = _payloads(targets.coordinates, radius, filters)
    get_query_payload, cache, refresh = options
    if get_query_payload:
        return payloads[0] if targets.is_scalar else payloads
    if self.remembers(cache):
        # Only here: it loads pyarrow, which a client that remembers nothing does not need.
        from astroquery_mmdc.mmdc import remembered

        cones = remembered.Cones.of(targets.coordinates, radius, filters)
        outcome = remembered.known_or_fetched(self, job, cones, refresh=bool(refresh))
        if isinstance(outcome, tuple):
            return _recalled(self, job, outcome, payloads, targets, cones)
        if outcome is not None:
            return _recalled_later(self, job, outcome, payloads, targets, cones)
    return _fetch(
        self,
        job,
        payloads,
        filters,
        is_scalar=targets.is_scalar,
        positions=targets.coordinates,
        names=targets.names,
    )


def _recalled(
    self: MMDCClass,
    job: Job,
    outcome: remembered.Answer,
    payloads: list[Payload],
    targets: Targets,
    cones: remembered.Cones,
) -> QTable:
    from astroquery_mmdc.mmdc import remembered

    table, index = outcome
    when = remembered.retrieved(self.cache.store, cones)
    return _finished(
        self,
        job,
        table,
        index,
        payloads,
        targets.is_scalar,
        targets.positions,
        targets.names,
        from_cache=True,
        retrieved=when,
    )


async def _recalled_later(
    self: MMDCClass, job: Job, outcome: Coroutine[Any, Any, remembered.Answer], *args: Any
) -> QTable:
    return _recalled(self, job, await outcome, *args)


async def _resolved_cones(
    self: MMDCClass, job: Job, targets: Targets, *args: Any
) -> QTable | Payload | list[Payload]:
    outcome = _cones(self, job, await resolve_targets(self, job, targets), *args)
    return await outcome if iscoroutine(outcome) else outcome


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
    table = observations_from_rows([row for rows in answers for row in rows])
    index = np.repeat(np.arange(len(answers)), [len(rows) for rows in answers])
    return _finished(self, job, table, index, payloads, is_scalar, positions, names)


def _finished(
    self: MMDCClass,
    job: Job,
    table: QTable,
    index: Any,
    payloads: list[Payload],
    is_scalar: bool,
    positions: SkyCoord | None,
    names: tuple[str | None, ...],
    **facts: Any,
) -> QTable:
    """Add what the rows do not hold: the index of the query, separations, provenance."""
    if positions is not None:
        _add_separation(table, positions[index])
    if not is_scalar:
        table.add_column(index, name="query_index", index=0)
        table["query_index"].info.description = "Index of the position in the query"
    query = payloads[0] if is_scalar else {**payloads[0], "targets": len(payloads)}
    if not is_scalar:
        query = {name: value for name, value in query.items() if name not in ("ra", "dec")}
    table.meta["mmdc"] = provenance(
        service=self.client.server,
        endpoint=Path.OBSERVATIONS,
        query=query,
        names=[name for name in names if name] or None,
        **facts,
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
