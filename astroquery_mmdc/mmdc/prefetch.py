"""Mirror a part of the service: politely, and resumably because every cell is kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.mmdc.remembered import Cones, fill_cells, newer_than, row_filters
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.coordinates import as_radius, as_targets
from astroquery_mmdc.schema.wire import Limit

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["Prefetched", "prefetch"]

# Cells of about 3.4 arcmin: the service answers cones of up to 3.9 arcmin by its index.
_REGION_ORDER = 10


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What a prefetch did.

    Parameters
    ----------
    asked : int
        Questions that the service answered.
    known : int
        Parts that were known before.
    rows : int
        Rows that came.
    failed : dict
        Position to error, for the parts that could not be had; run it again to try them.
    """

    asked: int
    known: int
    rows: int
    failed: dict[str, str]


async def prefetch(
    self: MMDCClass,
    coordinates: Any,
    radius: Any,
    region: Any,
    catalog: str | None,
    *,
    progress: bool,
) -> Prefetched:
    """Fetch what is missing; see `Cache.prefetch`."""
    wanted = Filters.checked(catalog=catalog, row_limit=-1)
    if (coordinates is None) == (region is None):
        msg = "coordinates: give either coordinates or a region"
        raise InvalidRequestError(msg, parameter="coordinates")
    if region is not None:
        parts = _parts_of_region(region)
    else:
        targets = await resolve_targets(self, Job(), as_targets(coordinates))
        parts = _parts_of_cones(Cones.of(targets, as_radius(radius), wanted))
    return await _all(self, parts, row_filters(wanted), progress=progress)


Part = tuple[str, int, Any]


def _parts_of_cones(cones: Cones) -> list[Part]:
    from astroquery_mmdc.cache.cells import fetch_cells

    return [
        (f"{ra:.5f} {dec:+.5f}", *fetch_cells(ra, dec, cones.radius_arcsec))
        for ra, dec in cones.each()
    ]


def _parts_of_region(region: Any) -> list[Part]:
    from astroquery_mmdc.cache.cells import ranges_to_cells
    from astroquery_mmdc.cache.regions import as_region

    cells = ranges_to_cells(_REGION_ORDER, as_region(region).ranges())
    return [(f"cell {cell}", _REGION_ORDER, np.array([cell])) for cell in cells.tolist()]


async def _all(self: MMDCClass, parts: Iterable[Part], rows: Any, *, progress: bool) -> Prefetched:
    from tqdm.auto import tqdm

    parts = list(parts)
    bar = tqdm(total=len(parts), unit="cone", disable=not progress)
    counts = {"asked": 0, "known": 0, "rows": 0}
    failed: dict[str, str] = {}
    limit = asyncio.Semaphore(Limit.JOBS_IN_FLIGHT)

    async def one(label: str, order: int, cells: Any) -> None:
        async with limit:
            try:
                count = await fill_cells(self, order, cells, rows, newer_than(refresh=False))
            except MMDCError as err:
                failed[label] = str(err)
            else:
                counts["known" if count is None else "asked"] += 1
                counts["rows"] += count or 0
            bar.update()

    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(one(*part))
    finally:
        bar.close()
    return Prefetched(**counts, failed=failed)
