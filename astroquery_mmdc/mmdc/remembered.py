"""Cones that were asked before, answered from disk; what is missing is asked and kept.

The service is asked for whole HEALPix cells without a window in time, so that what is known is
known exactly, and a later query with tighter filters is answered from it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
import pyarrow as pa
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc._config import conf
from astroquery_mmdc.cache.cells import (
    cells_to_ranges,
    enclosing_cone,
    fetch_cells,
    needed_ranges,
    ranges_to_cells,
)
from astroquery_mmdc.cache.coverage import contains
from astroquery_mmdc.cache.filters import Filters as RowFilters
from astroquery_mmdc.cache.filters import row_order
from astroquery_mmdc.cache.healpix import Ranges, whole_sky
from astroquery_mmdc.exceptions import (
    OfflineError,
    RateLimitError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.answers import Answer, separation
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.schema.arrow import observations_from_arrow, rows_to_arrow
from astroquery_mmdc.schema.columnar import numbers
from astroquery_mmdc.schema.coordinates import Targets, separation_arcsec
from astroquery_mmdc.schema.rows import decode_rows
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.cache.remote import RemoteCache
    from astroquery_mmdc.cache.store import ObservationCache
    from astroquery_mmdc.mmdc.core import MMDCClass

    Store = ObservationCache | RemoteCache

__all__ = [
    "Cones",
    "everywhere",
    "everywhere_of_any_age",
    "fill_cells",
    "known_or_fetched",
    "newer_than",
    "row_filters",
]


# Each segment adds to the time of every query; merging this many takes a second or two.
_SEGMENTS = 100

_OLDER_OFFLINE = "the answer is older than conf.cache_timeout; conf.offline is set"

_WHOLE_SKY: Ranges = whole_sky()


@dataclass(frozen=True)
class Cones:
    """Cones of one radius with their filters.

    Parameters
    ----------
    ra, dec : ndarray of float64
        Degrees.
    radius_arcsec : float
    rows : RowFilters
        Which rows are wanted.
    filters : Filters
        The query's own, with its ordering and limit.
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    radius_arcsec: float
    rows: RowFilters
    filters: Filters

    @classmethod
    def of(cls, targets: Targets, radius: u.Quantity, filters: Filters) -> Cones:
        """Return the cones of a query."""
        arcsec = float(radius.to_value(u.arcsec))
        return cls(*targets.degrees, arcsec, row_filters(filters), filters)

    def each(self) -> list[tuple[float, float]]:
        """Return the centres one by one."""
        return list(zip(self.ra.tolist(), self.dec.tolist(), strict=True))

    @cached_property
    def needed(self) -> list[Ranges]:
        """What must be known of the sky to answer each of them."""
        return [needed_ranges(ra, dec, self.radius_arcsec) for ra, dec in self.each()]


def row_filters(filters: Filters) -> RowFilters:
    """Return the filters of a query in the terms of the store."""
    wanted = {
        name: value == "true" if name.startswith("is_") else value
        for name, value in filters.payload.items()
        if name not in ("ordering", "limit")
    }
    return RowFilters(**wanted)


def _gaps(store: Store, cones: Cones, since: float | None) -> list[int]:
    """Return which cones are not known, or not by fetches that are new enough."""
    key = cones.rows.key()
    return [
        index
        for index, needed in enumerate(cones.needed)
        if len(store.covered(key, needed, newer_than=since))
    ]


def newer_than(*, refresh: bool) -> float | None:
    """Return since when a fetch counts, as Unix time; None where its age does not matter."""
    if refresh:
        return time.time()
    return None if conf.cache_timeout < 0 else time.time() - conf.cache_timeout


def known_or_fetched(
    self: MMDCClass, job: Job, cones: Cones, *, refresh: bool
) -> Answer | Coroutine[Any, Any, Answer] | None:
    """Return the answer, a coroutine that gets it, or None where the service has to be asked.

    The service is asked directly where nothing can be kept, and where only some rows are wanted of
    a region that is not known: all of its cells would be fetched for a glance.
    """
    # Once for all that follows: to find its folder takes a while.
    store = self.cache.store
    missing = _gaps(store, cones, newer_than(refresh=refresh and not conf.offline))
    if not missing:
        return _answer(store, job, cones)
    if conf.offline:
        return _answer_offline(store, job, cones)
    if store.is_read_only or cones.filters.row_limit > 0:
        return None
    return _fetched(self, job, cones, missing, refresh=refresh)


def _answer_offline(store: Store, job: Job, cones: Cones) -> Answer:
    unknown = _gaps(store, cones, None)
    if unknown:
        ra, dec = cones.each()[unknown[0]]
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        msg = (
            f"the cone of {cones.radius_arcsec:g} arcsec around {ra:.5f} {dec:+.5f}{more} is not "
            "held locally and conf.offline is set; ask for it once online, or use "
            "MMDC.cache.prefetch"
        )
        raise OfflineError(msg)
    job.warn(_OLDER_OFFLINE, StaleResultWarning)
    return _answer(store, job, cones)


async def _fetched(
    self: MMDCClass, job: Job, cones: Cones, missing: list[int], *, refresh: bool
) -> Answer:
    store, since = self.cache.store, newer_than(refresh=refresh)
    try:
        await gather(_fill(self, cones, index, since) for index in missing)
    except (ServiceUnavailableError, RateLimitError) as err:
        if not conf.stale_if_error or _gaps(store, cones, None):
            raise
        job.warn(f"{err}; what is known from before is returned", StaleResultWarning)
    return await anyio.to_thread.run_sync(_answer, store, job, cones)


async def _fill(self: MMDCClass, cones: Cones, index: int, since: float | None) -> None:
    """Ask the service for the cells of one cone that are missing, and keep them."""
    order, cells = fetch_cells(*cones.each()[index], cones.radius_arcsec)
    await fill_cells(self, order, cells, cones.rows, since)


async def fill_cells(
    self: MMDCClass, order: int, cells: Any, wanted: RowFilters, since: float | None
) -> int | None:
    """Ask the service for those of the cells that are missing, and keep them.

    Returns
    -------
    int or None
        Number of rows that came; None where nothing was missing.
    """
    store, key = self.cache.store, wanted.key()
    ranges = cells_to_ranges(order, cells)
    missing = store.covered(key, ranges, newer_than=since)
    if not len(missing):
        return None
    cells = ranges_to_cells(order, missing)
    ranges = cells_to_ranges(order, cells)
    center = dict(zip(("ra", "dec", "radius_arcsec"), enclosing_cone(order, cells), strict=True))
    fetched = time.time()
    params = {**center, **_wire_filters(wanted)}
    reply = await self.client.request("GET", Path.OBSERVATIONS, params=params)
    rows = decode_rows(reply.content)
    return await anyio.to_thread.run_sync(_keep, store, rows, key, ranges, fetched)


def _wire_filters(wanted: RowFilters) -> dict[str, Any]:
    """Return the filters of the key in the service's terms; a window in time is none of them."""
    exact = json.loads(wanted.key() or "{}")
    return {name: str(x).lower() if isinstance(x, bool) else x for name, x in exact.items()}


def _keep(store: Store, rows: list[Any], key: str, ranges: Any, fetched: float) -> int:
    from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest

    table = rows_to_arrow(rows)
    index = ang2pix_nest(ORDER, table.column("ra").to_numpy(), table.column("dec").to_numpy())
    inside = contains(ranges, index)
    count = store.put(table.filter(inside), key=key, ranges=ranges, fetched=fetched)
    store.compact_if_many(_SEGMENTS)
    return count


def _answer(store: Store, job: Job, cones: Cones) -> Answer:
    """Return the rows of each cone, filtered and sorted as the service does it."""
    parts, orders, sizes, first = [], [], [], 0
    for ra, dec in cones.each():
        rows = store.cone(ra, dec, cones.radius_arcsec, mask_filters=cones.rows)
        order = _order(rows, cones, ra, dec)
        order = order[cones.filters.within_limit(len(order), job)]
        parts.append(rows)
        orders.append(order + first)
        sizes.append(len(order))
        first += rows.num_rows
    rows = parts[0] if len(parts) == 1 else pa.concat_tables(parts)
    order = orders[0] if len(orders) == 1 else np.concatenate(orders)
    index = np.repeat(np.arange(len(parts)), sizes)
    more = {"separation": partial(_separation, rows, order, cones, index)}
    retrieved = _retrieved(store, cones.rows.key(), cones.needed[0])
    facts = {"from_cache": True, "retrieved": retrieved}
    return Answer(observations_from_arrow(rows, order, more), index, facts)


def _order(rows: pa.Table, cones: Cones, ra: float, dec: float) -> NDArray[np.int64]:
    ordering = cones.filters.payload.get("ordering")
    if ordering is None or not ordering.endswith("sep_arcsec"):
        return row_order(rows, ordering)
    places = (rows.column(name).to_numpy() for name in ("ra", "dec"))
    return row_order(rows, ordering, separation=separation_arcsec(ra, dec, *places))


def _separation(
    rows: pa.Table, order: NDArray[np.int64], cones: Cones, index: NDArray[np.int64]
) -> u.Quantity:
    places = (numbers(rows.column(name), order) for name in ("ra", "dec"))
    return separation(cones.ra[index], cones.dec[index], *places)


def _retrieved(store: Store, key: str, needed: Ranges) -> str | None:
    """Return when the oldest part of an answer was fetched."""
    oldest = store.coverage().oldest(key, needed)
    if oldest is None:
        return None
    return datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds")


def everywhere(self: MMDCClass, job: Job, filters: Filters, *, refresh: bool) -> Answer | None:
    """Return the rows of the whole sky, or None where the service has to be asked.

    Raises
    ------
    OfflineError
        Not all of the sky is known and ``conf.offline`` is set.
    """
    store, key = self.cache.store, row_filters(filters).key()
    since = newer_than(refresh=refresh and not conf.offline)
    if not len(store.covered(key, _WHOLE_SKY, newer_than=since)):
        return _whole_sky(store, job, filters)
    if not conf.offline:
        return None
    if len(store.covered(key, _WHOLE_SKY)):
        msg = (
            "not all of the sky is held locally and conf.offline is set; "
            "MMDC.cache.ingest(..., complete=True) takes in a mirror"
        )
        raise OfflineError(msg)
    job.warn(_OLDER_OFFLINE, StaleResultWarning)
    return _whole_sky(store, job, filters)


def everywhere_of_any_age(self: MMDCClass, job: Job, filters: Filters) -> Answer | None:
    """Return the rows of the whole sky however old they are; None where not all is known."""
    store, key = self.cache.store, row_filters(filters).key()
    if len(store.covered(key, _WHOLE_SKY)):
        return None
    return _whole_sky(store, job, filters)


def _whole_sky(store: Store, job: Job, filters: Filters) -> Answer:
    wanted = row_filters(filters)
    rows = store.region(_WHOLE_SKY, mask_filters=wanted)
    order = row_order(rows, filters.payload.get("ordering"))
    order = order[filters.within_limit(len(order), job)]
    retrieved = _retrieved(store, wanted.key(), _WHOLE_SKY)
    facts = {"from_cache": True, "retrieved": retrieved}
    return Answer(observations_from_arrow(rows, order), np.zeros(len(order), np.int64), facts)
