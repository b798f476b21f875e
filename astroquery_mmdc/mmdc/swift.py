"""Swift analyses on demand."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.time import Time

from astroquery_mmdc.exceptions import (
    InvalidRequestError,
    JobFailedError,
    NoResultsWarning,
)
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.mmdc.progress import Progress, watcher
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.jobs import poll
from astroquery_mmdc.net.journal import JournalEntry
from astroquery_mmdc.schema.columns import Column
from astroquery_mmdc.schema.coordinates import as_mjd, as_targets
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.tables import build_column, observations_from_rows
from astroquery_mmdc.schema.wire import JobState, Limit, Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["SwiftResult", "analyze_swift", "resume_swift"]

INSTRUMENTS = ("uvot", "xrt", "swift")
_TIMEOUT = 4 * 3600.0
_INTERVAL = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class SwiftResult:
    """What a Swift analysis gave.

    Parameters
    ----------
    observations : `~astropy.table.QTable`
        Its rows in the observations table; each measurement comes as a light-curve row and as
        an SED row.
    fits : `~astropy.table.QTable`
        One row for each XRT observation and spectral model.
    job_id : str
    status : str
        ``"done"`` or ``"no_data"``.
    is_cached : bool
        Whether an earlier analysis already covered the request.
    meta : dict
        Facts about the run and provenance.
    """

    observations: QTable
    fits: QTable
    job_id: str
    status: str
    is_cached: bool
    meta: dict[str, Any] = field(default_factory=dict)


def analyze_swift(
    self: MMDCClass,
    job: Job,
    coordinates: SkyCoord | str,
    *,
    mjd_start: Time | float | None = None,
    mjd_end: Time | float | None = None,
    obsids: Iterable[str] | None = None,
    instrument: str = "uvot",
    orbit: bool | None = None,
    source_name: str | None = None,
    force: bool = False,
    row_limit: int | None = None,
    timeout: float = _TIMEOUT,
    progress: Progress = None,
    get_query_payload: bool = False,
) -> SwiftResult | Coroutine[Any, Any, SwiftResult]:
    """Let the service analyse Swift UVOT or XRT observations of a position.

    It takes minutes to hours; the job goes on when this process ends, see `get_job`.

    Parameters
    ----------
    coordinates : SkyCoord or str
        One position or one name.
    mjd_start, mjd_end : Time or float, optional
        Window in time; give both, or ``obsids``.
    obsids : list of str, optional
        Observation ids, at most 60; given instead of a window.
    instrument : str, optional
        ``"uvot"``, ``"xrt"`` or ``"swift"`` (both).
    orbit : bool, optional
        Products for each orbit, for ``"xrt"`` only.
    source_name : str, optional
        Name to store with the results.
    force : bool, optional
        Analyse again what was analysed before.
    row_limit : int, optional
        Largest number of observation rows.
    timeout : float, optional
        Seconds to wait. Default four hours.
    progress : bool or callable, optional
        As in `query_sed`.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    SwiftResult
        Tables of observations and of spectral fits.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> payload = MMDC.analyze_swift("166.1138 +38.2088", mjd_start=58849, mjd_end=58880,
    ...                              get_query_payload=True)
    >>> payload["json"]["instrument"]
    'uvot'
    """
    body = _checked(mjd_start, mjd_end, obsids, instrument, orbit)
    body |= {"source_name": str(source_name)} if source_name else {}
    body |= {"force": True} if force else {}
    watcher(progress, job)
    targets = as_targets(coordinates)
    if not targets.is_scalar:
        msg = "coordinates: a Swift analysis takes one position; start one for each source"
        raise InvalidRequestError(msg, parameter="coordinates")
    params = {} if row_limit is None else {"limit": int(row_limit)}
    if get_query_payload and targets.coordinates is not None:
        payload = {"json": {**_position(targets.coordinates[0]), **body}, "params": params}
        return payload  # type: ignore[return-value]
    return _analysed(self, job, targets, body, params, timeout, progress, get_query_payload)


def _checked(
    mjd_start: Any,
    mjd_end: Any,
    obsids: Iterable[str] | None,
    instrument: str,
    orbit: bool | None,
) -> dict[str, Any]:
    if instrument not in INSTRUMENTS:
        msg = f"instrument: {instrument!r} is unknown; use one of {', '.join(INSTRUMENTS)}"
        raise InvalidRequestError(msg, parameter="instrument")
    if orbit is not None and instrument != "xrt":
        msg = f"orbit: it is for instrument='xrt' only, not for {instrument!r}; leave it out"
        raise InvalidRequestError(msg, parameter="orbit")
    body: dict[str, Any] = {"instrument": instrument}
    body |= {} if orbit is None else {"orbit": bool(orbit)}
    start, end = as_mjd(mjd_start, parameter="mjd_start"), as_mjd(mjd_end, parameter="mjd_end")
    ids = _checked_obsids(obsids)
    if bool(ids) == (start is not None or end is not None):
        msg = "mjd_start: give either mjd_start and mjd_end, or obsids"
        raise InvalidRequestError(msg, parameter="mjd_start")
    if ids:
        return {**body, "obsids": ids}
    return {**body, **_checked_window(start, end, instrument)}


def _checked_obsids(obsids: Iterable[str] | None) -> list[str]:
    if isinstance(obsids, str):
        msg = f"obsids: {obsids!r} is one text; give a list of observation ids"
        raise InvalidRequestError(msg, parameter="obsids")
    ids = [str(obsid) for obsid in obsids or ()]
    if len(ids) > Limit.SWIFT_OBSIDS:
        msg = f"obsids: {len(ids)} are more than {Limit.SWIFT_OBSIDS}; start several analyses"
        raise InvalidRequestError(msg, parameter="obsids")
    return ids


def _checked_window(start: float | None, end: float | None, instrument: str) -> dict[str, float]:
    if start is None or end is None:
        msg = "mjd_start: a window needs mjd_start and mjd_end"
        raise InvalidRequestError(msg, parameter="mjd_start")
    if start > end:
        msg = f"mjd_start: {start} is later than mjd_end {end}; exchange them"
        raise InvalidRequestError(msg, parameter="mjd_start")
    if start < Limit.SWIFT_MJD_MIN:
        msg = f"mjd_start: {start} is before {Limit.SWIFT_MJD_MIN}, where the service begins"
        raise InvalidRequestError(msg, parameter="mjd_start")
    if instrument != "uvot" and end - start > Limit.SWIFT_DAYS:
        msg = f"mjd_end: the window is longer than {Limit.SWIFT_DAYS:g} days; split it"
        raise InvalidRequestError(msg, parameter="mjd_end")
    return {"mjd_start": start, "mjd_end": end}


def _position(position: SkyCoord) -> dict[str, float]:
    return {"ra": float(position.ra.deg), "dec": float(position.dec.deg)}


async def _analysed(
    self: MMDCClass,
    job: Job,
    targets: Any,
    body: dict[str, Any],
    params: dict[str, Any],
    timeout: float,
    progress: Progress,
    get_query_payload: bool,
) -> Any:
    targets = await resolve_targets(self, job, targets)
    body = {**_position(targets.coordinates[0]), **body}
    if targets.names[0]:
        body.setdefault("source_name", targets.names[0])
    if get_query_payload:
        return {"json": body, "params": params}
    deadline = time.monotonic() + timeout
    # Not repeated on a failure: each accepted POST may start a run of hours.
    reply = await self.client.request("POST", Path.SWIFT, json=body, params=params)
    answer = reply.json_object()
    job.job_id, job.status = str(answer.get("uuid")), str(answer.get("status"))
    entry = JournalEntry(job.job_id, "swift", self.client.server, job.status, query=body)
    self.journal.record(entry)
    if not answer.get("cached"):
        answer = await _waited(self, job, deadline, progress, params)
    return _result(self, job, answer, body)


async def _waited(
    self: MMDCClass, job: Job, deadline: float, progress: Progress, params: Mapping[str, Any]
) -> dict[str, Any]:
    path = Path.SWIFT_JOB.format(id=job.job_id)
    state = await poll(
        self.client,
        path,
        job=job,
        is_ended=lambda answer: answer.get("status") in JobState.ENDED,
        deadline=deadline,
        params=lambda: {"include_results": "false"},
        notify=watcher(progress, job),
        interval=min(_INTERVAL, self.swift_interval),
    )
    if state.get("status") in (JobState.ERROR, JobState.FAILED):
        logs = str(state.get("logs") or "")
        msg = f"Swift analysis {job.job_id} failed: {logs.strip()[-200:] or 'no reason given'}"
        raise JobFailedError(msg, job_id=job.job_id or "", code="pipeline", logs=logs)
    reply = await self.client.request("GET", path, params=params, deadline=deadline)
    return reply.json_object()


def _result(self: MMDCClass, job: Job, answer: dict[str, Any], query: Any) -> SwiftResult:
    facts = {
        name: answer.get(name)
        for name in ("rows_ingested", "exit_code", "created_at", "finished_at", "instrument")
    }
    meta = provenance(
        service=self.client.server,
        endpoint=Path.SWIFT,
        query=query,
        job_id=job.job_id,
        **facts,
    )
    observations = observations_from_rows(answer.get("results") or [])
    observations.meta["mmdc"] = meta
    status = str(answer.get("status"))
    if status == JobState.NO_DATA or not len(observations):
        job.warn("Swift has no data for this request", NoResultsWarning)
    fits = _fit_table(answer.get("xrt_observations") or [])
    fits.meta["mmdc"] = meta
    cached = bool(answer.get("cached"))
    return SwiftResult(observations, fits, job.job_id or "", status, cached, meta)


_FIT_COLUMNS = (
    Column("obsid", "obsid", "str", None, "meta.id;obs", "Observation id"),
    Column("mjd", "mjd", "float", "d", "time.epoch", "Time, MJD (UTC)"),
    Column("datamode", "datamode", "str", None, "meta.code", "XRT mode"),
    Column("stat_type", "stat_type", "str", None, "meta.code", "Statistic of the fit"),
    Column("delta_stat", "delta_stat", "float", None, "stat", "Power law minus log parabola"),
    Column("", "is_preferred", "bool", None, "meta.code", "Whether the service prefers it"),
    Column("", "model", "str", None, "meta.id", "powerlaw or logparabola"),
    Column("", "index", "float", None, "spect.index", "Index, or alpha of the log parabola"),
    Column("", "index_err", "float", None, "stat.error", "Its error"),
    Column("beta", "beta", "float", None, "spect.index", "Curvature of the log parabola"),
    Column("beta_err", "beta_err", "float", None, "stat.error", "Its error"),
    Column("flux_2_10", "flux_2_10", "float", None, "phot.flux", "Flux 2-10 keV, unit not stated"),
    Column("flux_2_10_err", "flux_2_10_err", "float", None, "stat.error", "Its error"),
    Column("flux_05_2", "flux_05_2", "float", None, "phot.flux", "Flux 0.5-2 keV, unit not stated"),
    Column("flux_05_2_err", "flux_05_2_err", "float", None, "stat.error", "Its error"),
    Column("stat", "stat", "float", None, "stat.fit", "Value of the statistic"),
    Column("dof", "dof", "int", None, "stat.fit.dof", "Degrees of freedom"),
    Column("null_prob", "null_prob", "float", None, "stat.probability", "Null probability"),
)


def _fit_table(observations: Iterable[Mapping[str, Any]]) -> QTable:
    rows = [
        {
            **observation,
            **fit,
            "model": model,
            "is_preferred": observation.get("preferred_model") == model,
            "index": fit.get("index", fit.get("alpha")),
            "index_err": fit.get("index_err", fit.get("alpha_err")),
        }
        for observation in observations
        for model, fit in (observation.get("fits") or {}).items()
        if fit
    ]
    table = QTable()
    for column in _FIT_COLUMNS:
        values = [row.get(column.name) for row in rows]
        kind = np.array(values, dtype=float) if column.kind == "float" else values
        table[column.name] = build_column(column, kind)
    return table


async def resume_swift(
    self: MMDCClass, job: Job, entry: JournalEntry, timeout: float
) -> SwiftResult:
    """Take up an analysis that was started before, here or in another process."""
    job.job_id = entry.job_id
    answer = await _waited(self, job, time.monotonic() + timeout, None, {})
    return _result(self, job, answer, dict(entry.query))
