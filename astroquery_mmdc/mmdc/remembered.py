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
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
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
from astroquery_mmdc.exceptions import (
    MaxResultsWarning,
    OfflineError,
    RateLimitError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.schema.arrow import observations_from_arrow, rows_to_arrow
from astroquery_mmdc.schema.rows import decode_rows
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.cache.store import ObservationCache
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = [
    "Cones",
    "answer",
    "everywhere",
    "fill_cells",
    "is_known",
    "known_or_fetched",
    "newer_than",
    "retrieved",
]


# Each segment adds to the time of every query; merging this many takes a second or two.
_SEGMENTS = 100

_WHOLE_SKY = np.array([[0, 12 << 58]], dtype=np.int64)

Answer = tuple[QTable, NDArray[np.int64]]
"""The rows of all cones, and for each row which cone it is of."""


@dataclass(frozen=True, slots=True)
class Cones:
    """Cones of one radius with their filters.

    Parameters
    ----------
    ra, dec : ndarray
        Degrees.
    radius_arcsec : float
    rows : RowFilters
        Which rows are wanted.
    filters : Filters
        The query's own, with its ordering and limit.
    """

    ra: Any
    dec: Any
    radius_arcsec: float
    rows: RowFilters
    filters: Filters

    @classmethod
    def of(cls, positions: SkyCoord, radius: u.Quantity, filters: Filters) -> Cones:
        """Return the cones of a query."""
        ra, dec = np.atleast_1d(positions.ra.deg), np.atleast_1d(positions.dec.deg)
        return cls(ra, dec, float(radius.to_value(u.arcsec)), _row_filters(filters), filters)

    def each(self) -> list[tuple[float, float]]:
        """Return the centres one by one."""
        return list(zip(self.ra.tolist(), self.dec.tolist(), strict=True))


def _row_filters(filters: Filters) -> RowFilters:
    wanted = {
        name: value == "true" if name.startswith("is_") else value
        for name, value in filters.payload.items()
        if name not in ("ordering", "limit")
    }
    return RowFilters(**wanted)


def _gaps(store: ObservationCache, cones: Cones, since: float | None) -> list[int]:
    """Return which cones are not known, or not by fetches that are new enough."""
    key = cones.rows.key()
    return [
        index
        for index, (ra, dec) in enumerate(cones.each())
        if len(store.covered(key, needed_ranges(ra, dec, cones.radius_arcsec), newer_than=since))
    ]


def newer_than(*, refresh: bool) -> float | None:
    """Return since when a fetch counts, as Unix time; None where its age does not matter."""
    if refresh:
        return time.time()
    return None if conf.cache_timeout < 0 else time.time() - conf.cache_timeout


def is_known(store: ObservationCache, cones: Cones) -> bool:
    """Return whether all cones can be answered, however old what is known may be."""
    return not _gaps(store, cones, None)


def known_or_fetched(
    self: MMDCClass, job: Job, cones: Cones, *, refresh: bool
) -> Answer | Coroutine[Any, Any, Any] | None:
    """Return the answer, a coroutine that gets it, or None where the service has to be asked.

    The service is asked directly where only some rows are wanted of a region that is not known:
    all of its cells would be fetched for a glance.
    """
    store = self.cache.store
    missing = _gaps(store, cones, newer_than(refresh=refresh and not conf.offline))
    if not missing:
        return answer(self, job, cones)
    if conf.offline:
        return _answer_offline(self, job, cones)
    if cones.filters.row_limit > 0:
        return None
    return _fetched(self, job, cones, missing, refresh=refresh)


def _answer_offline(self: MMDCClass, job: Job, cones: Cones) -> Answer:
    unknown = _gaps(self.cache.store, cones, None)
    if unknown:
        ra, dec = cones.each()[unknown[0]]
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        msg = (
            f"the cone of {cones.radius_arcsec:g} arcsec around {ra:.5f} {dec:+.5f}{more} is not "
            "held locally and conf.offline is set; ask for it once online, or use "
            "MMDC.cache.prefetch"
        )
        raise OfflineError(msg)
    job.warn("the answer is older than conf.cache_timeout; conf.offline is set", StaleResultWarning)
    return answer(self, job, cones)


async def _fetched(
    self: MMDCClass, job: Job, cones: Cones, missing: list[int], *, refresh: bool
) -> Answer:
    since = newer_than(refresh=refresh)
    try:
        await gather(_fill(self, cones, index, since) for index in missing)
    except (ServiceUnavailableError, RateLimitError) as err:
        if not conf.stale_if_error or not is_known(self.cache.store, cones):
            raise
        job.warn(f"{err}; what is known from before is returned", StaleResultWarning)
    return await anyio.to_thread.run_sync(answer, self, job, cones)


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


def _keep(store: ObservationCache, rows: list[Any], key: str, ranges: Any, fetched: float) -> int:
    from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest

    table = rows_to_arrow(rows)
    index = ang2pix_nest(ORDER, table.column("ra").to_numpy(), table.column("dec").to_numpy())
    inside = contains(ranges, index)
    count = store.put(table.filter(inside), key=key, ranges=ranges, fetched=fetched)
    store.compact_if_many(_SEGMENTS)
    return count


def answer(self: MMDCClass, job: Job, cones: Cones) -> Answer:
    """Return the rows of each cone, filtered and sorted as the service does it."""
    import pyarrow as pa

    parts = []
    for ra, dec in cones.each():
        rows = self.cache.store.cone(ra, dec, cones.radius_arcsec, mask_filters=cones.rows)
        separation = None
        ordering = cones.filters.payload.get("ordering")
        if ordering and ordering.endswith("sep_arcsec"):
            separation = _separation(ra, dec, rows)
        order = row_order(rows, ordering, separation=separation)
        parts.append(rows.take(_limited(job, order, cones.filters.row_limit)))
    sizes = [part.num_rows for part in parts]
    table = observations_from_arrow(pa.concat_tables(parts))
    return table, np.repeat(np.arange(len(parts)), sizes)


def _limited(job: Job, order: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    if not 0 < limit < len(order):
        return order
    msg = f"only the first {limit} rows are returned; raise row_limit or set it to -1"
    job.warn(msg, MaxResultsWarning)
    return order[:limit]


def everywhere(self: MMDCClass, job: Job, filters: Filters, *, refresh: bool) -> QTable | None:
    """Return the rows of the whole sky, or None where not all of it is known."""
    store, wanted = self.cache.store, _row_filters(filters)
    since = None if conf.offline else newer_than(refresh=refresh)
    if len(store.covered(wanted.key(), _WHOLE_SKY, newer_than=since)):
        if conf.offline:
            msg = (
                "not all of the sky is held locally and conf.offline is set; "
                "MMDC.cache.ingest(..., complete=True) takes in a mirror"
            )
            raise OfflineError(msg)
        return None
    rows = store.region(_WHOLE_SKY, mask_filters=wanted)
    order = row_order(rows, filters.payload.get("ordering"))
    return observations_from_arrow(rows.take(_limited(job, order, filters.row_limit)))


def _separation(ra: float, dec: float, rows: Any) -> Any:
    from astropy.coordinates import angular_separation

    columns = (np.radians(rows.column(name).to_numpy()) for name in ("ra", "dec"))
    return np.degrees(angular_separation(np.radians(ra), np.radians(dec), *columns)) * 3600


def retrieved(store: ObservationCache, cones: Cones) -> str | None:
    """Return when the oldest part of what answers the first cone was fetched."""
    ra, dec = cones.each()[0]
    needed = needed_ranges(ra, dec, cones.radius_arcsec)
    oldest = store.coverage().oldest(cones.rows.key(), needed)
    if oldest is None:
        return None
    return datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds")
