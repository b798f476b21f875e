"""What the service knows about a source."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from astroquery_mmdc._config import conf
from astroquery_mmdc.mmdc import legacy
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.mmdc.progress import Progress
from astroquery_mmdc.mmdc.sed_jobs import Payload, SedRequest, kept_or_asked, of_each, payloads
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.coordinates import Targets, as_targets
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.sources import Source, source_from_json, sources_table
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["query_source"]


def query_source(
    self: MMDCClass,
    job: Job,
    coordinates: SkyCoord | str | Table | Iterable[str],
    *,
    refresh: bool = False,
    timeout: float | None = None,
    progress: Progress = None,
    get_query_payload: bool = False,
) -> Source | QTable | Coroutine[Any, Any, Source | QTable]:
    """Get redshift, synchrotron peak and position of one source or of many.

    Parameters
    ----------
    coordinates : SkyCoord, str, Table or list of str
        A position or a name, or many of them.
    refresh : bool, optional
        Let the service look everything up again.
    timeout : float, optional
        Seconds to wait for each source. Default ``conf.job_timeout``.
    progress : bool or callable, optional
        As in `query_sed`.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    Source or `~astropy.table.QTable`
        A table with one row and ``query_index`` for each of many sources.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.query_source("166.1138 +38.2088", get_query_payload=True)
    {'json': {'ra': 166.1138, 'dec': 38.2088}, 'params': {'sed': 'false'}}
    """
    seconds = conf.job_timeout if timeout is None else float(timeout)
    request = SedRequest({"sed": "false"}, (), bool(refresh), seconds, progress)
    return _sources(self, job, as_targets(coordinates), request, get_query_payload)


def _sources(
    self: MMDCClass, job: Job, targets: Targets, request: SedRequest, get_query_payload: bool
) -> Any:
    if get_query_payload and targets.coordinates is not None:
        wanted = payloads(targets, request)
        return wanted[0] if targets.is_scalar else wanted
    return _fetched(self, job, targets, request, get_query_payload)


async def _fetched(
    self: MMDCClass, job: Job, targets: Targets, request: SedRequest, get_query_payload: bool
) -> Any:
    targets = await resolve_targets(self, job, targets)
    if get_query_payload:
        return _sources(self, job, targets, request, True)
    wanted = payloads(targets, request)
    if targets.is_scalar:
        return await _one(self, job, wanted[0], request)
    found = await of_each(job, wanted, lambda part, payload: _one(self, part, payload, request))
    table = sources_table(found)
    table.add_column(np.arange(len(found)), name="query_index", index=0)
    table.meta["mmdc"] = provenance(
        service=self.client.server, endpoint=Path.SED, query={"targets": len(found)}
    )
    return table


async def _one(self: MMDCClass, job: Job, payload: Payload, request: SedRequest) -> Source:
    deadline = time.monotonic() + request.timeout
    kept = await kept_or_asked(self, job, "source", payload, request, deadline)
    if kept.content is None:
        # A server without this endpoint still has the older one.
        async with self.client.limiter("jobs"):
            return await legacy.legacy_source(self, job, payload["json"], request, deadline)
    return source_from_json(kept.content.get("source") or {})
