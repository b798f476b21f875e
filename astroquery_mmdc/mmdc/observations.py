"""The verbs that ask for observations: their parameters, and what they return."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.time import Time

from astroquery_mmdc.mmdc import criteria
from astroquery_mmdc.mmdc.cones import cones
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.mmdc.lightcurves import as_lightcurve, lightcurve_later
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.coordinates import as_radius, as_targets
from astroquery_mmdc.schema.wire import Limit

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["query_criteria", "query_lightcurve", "query_object", "query_region"]

RADIUS = Limit.CONE_RADIUS_ARCSEC * u.arcsec


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
    return cones(self, job, targets, as_radius(radius), filters, get_query_payload, cache, refresh)


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
    return criteria.observations(self, job, filters, cache, refresh=refresh)


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
    outcome = cones(
        self, job, targets, as_radius(radius), filters, get_query_payload, cache, refresh
    )
    return lightcurve_later(outcome) if iscoroutine(outcome) else as_lightcurve(outcome)
