"""Spectral energy distributions: a job at the service, its points here."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from astropy.time import Time

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    NoResultsWarning,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc import legacy
from astroquery_mmdc.mmdc.kept import KeptAnswer, answered, answers_of
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.mmdc.progress import Progress, watcher
from astroquery_mmdc.mmdc.sed_jobs import (
    Payload,
    SedRequest,
    finished,
    kept_or_asked,
    of_each,
    payloads,
    question_of,
    take_up,
)
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.journal import JournalEntry
from astroquery_mmdc.schema.coordinates import Targets, as_targets
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.sources import source_from_json
from astroquery_mmdc.schema.tables import sed_columns
from astroquery_mmdc.schema.wire import Path
from astroquery_mmdc.sed import SED

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["query_sed", "resume_sed"]


def query_sed(
    self: MMDCClass,
    job: Job,
    coordinates: SkyCoord | str | Table | Iterable[str],
    *,
    refresh: bool = False,
    mjd_start: Time | float | None = None,
    mjd_end: Time | float | None = None,
    catalogs: Iterable[str] | str | None = None,
    exclude_catalogs: Iterable[str] | str | None = None,
    undated: bool | None = None,
    timeout: float | None = None,
    progress: Progress = None,
    get_query_payload: bool = False,
) -> SED | Coroutine[Any, Any, SED]:
    """Get the spectral energy distribution of one source or of many.

    The service collects the points from its catalogues; a source it never saw takes minutes.

    Parameters
    ----------
    coordinates : SkyCoord, str, Table or list of str
        A position or a name, or many of them; at most two are made at once.
    refresh : bool, optional
        Make it anew although the service has one.
    mjd_start, mjd_end : Time or float, optional
        Keep points whose middle lies in this window, ends included.
    catalogs, exclude_catalogs : str or list of str, optional
        Catalogue codes to keep or to leave out.
    undated : bool, optional
        Keep points without a date; by default they are kept unless a window is given.
    timeout : float, optional
        Seconds to wait for each source. Default ``conf.job_timeout``.
    progress : bool or callable, optional
        True shows a bar; a callable gets a `~astroquery_mmdc.net.JobProgress`.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    SED
        ``nu``, ``nufnu`` and what belongs to them; ``meta["source"]`` describes the source.
        Many sources are stacked, with ``query_index``. Without data: an empty SED and a
        `NoResultsWarning`.

    Raises
    ------
    JobFailedError
        The service could not make it; ``code`` says why.
    JobTimeoutError
        It takes longer; ``job_id`` finds it again with `get_job`.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.query_sed("166.1138 +38.2088", mjd_start=58000, mjd_end=58100,
    ...                get_query_payload=True)["json"]
    {'ra': 166.1138, 'dec': 38.2088}
    """
    request = SedRequest.checked(
        refresh=refresh,
        mjd_start=mjd_start,
        mjd_end=mjd_end,
        catalogs=catalogs,
        exclude_catalogs=exclude_catalogs,
        undated=undated,
        timeout=timeout,
        progress=progress,
    )
    watcher(progress, job)
    targets = as_targets(coordinates)
    if get_query_payload and targets.coordinates is not None:
        return _payload_of(targets, request)
    return _seds(self, job, targets, request, get_query_payload)


def _payload_of(targets: Targets, request: SedRequest) -> Any:
    wanted = payloads(targets, request)
    return wanted[0] if targets.is_scalar else wanted


async def _seds(
    self: MMDCClass, job: Job, targets: Targets, request: SedRequest, get_query_payload: bool
) -> Any:
    targets = await resolve_targets(self, job, targets)
    if get_query_payload:
        return _payload_of(targets, request)
    wanted = payloads(targets, request)
    if targets.is_scalar:
        return await _one(self, job, wanted[0], request)
    seds = await of_each(job, wanted, lambda part, payload: _one(self, part, payload, request))
    return _stacked(seds)


def _stacked(seds: list[SED]) -> SED:
    for index, sed in enumerate(seds):
        sed.add_column([index] * len(sed), name="query_index", index=0)
    stacked = vstack(seds, metadata_conflicts="silent")
    stacked.meta["sources"] = [sed.meta.get("source") for sed in seds]
    stacked.meta.pop("source", None)
    return stacked


async def _one(self: MMDCClass, job: Job, payload: Payload, request: SedRequest) -> SED:
    deadline = time.monotonic() + request.timeout
    kept = await kept_or_asked(self, job, "sed", payload, request, deadline)
    if kept.content is None:
        async with self.client.limiter("jobs"):
            return await legacy.legacy_sed(self, job, payload["json"], request, deadline)
    return _sed_of(self, job, kept, payload, request)


def _sed_of(
    self: MMDCClass, job: Job, kept: KeptAnswer, payload: Payload, request: SedRequest
) -> SED:
    answer = kept.content
    source = source_from_json(answer.get("source") or payload["json"])
    state = answer.get("job") or {}
    columns = sed_columns(answer.get("sed") or {})
    # Given as a list, complete columns are taken as they are.
    sed = SED(list(columns.values()), names=list(columns), copy=False)
    sed.meta["source"] = source.to_meta()
    sed.meta["mmdc"] = provenance(
        service=self.client.server,
        endpoint=Path.SED,
        query={**payload["json"], **request.params},
        job_id=answer.get("id"),
        finished_at=state.get("finished_at"),
        stale=answer.get("stale") or None,
        missed_catalogs=state.get("missed_catalogs") or None,
        window_rule="midpoint" if any(request.window()) else None,
        **kept.facts(),
    )
    return _checked_sed(job, sed, request)


def _checked_sed(job: Job, sed: SED, request: SedRequest) -> SED:
    """Leave out what was not wanted and say what is missing."""
    if request.exclude:
        sed = sed.select(exclude=request.exclude)
    facts = sed.meta["mmdc"]
    missed = facts.get("missed_catalogs")
    if missed:
        names = ", ".join(missed)
        msg = f"these catalogues could not be asked: {names}; refresh=True tries them again"
        job.warn(msg, IncompleteResultWarning)
    stale = facts.get("stale")
    if stale:
        reason = stale if isinstance(stale, str) else "the last refresh failed"
        job.warn(f"{reason}; the SED from before is returned", StaleResultWarning)
    if not len(sed):
        name = sed.meta["source"]["name"] or "this position"
        job.warn(f"the service has no SED points of {name} for these filters", NoResultsWarning)
    return sed


async def resume_sed(self: MMDCClass, job: Job, entry: JournalEntry, timeout: float) -> SED:
    """Take up a job that was started before, here or in another process."""
    request = SedRequest.checked(timeout=timeout)
    deadline = time.monotonic() + timeout
    payload = {"json": dict(entry.query), "params": {}}

    async def ask() -> Payload:
        reply = await self.client.request("GET", Path.SED_JOB.format(id=entry.job_id))
        state = reply.json_object()
        envelope = {"id": state.get("id"), "status": state.get("status"), "job": state}
        take_up(self, job, envelope, payload["json"])
        return await finished(self, job, envelope, request, deadline)

    kept = answers_of(self).get("sed", question_of(payload)) if conf.offline else None
    if kept is None or kept.content.get("id") != entry.job_id:
        question = {"job_id": entry.job_id}
        kept = await answered(self, job, "job", question, ask, what=f"job {entry.job_id}")
    return _sed_of(self, job, kept, payload, request)
