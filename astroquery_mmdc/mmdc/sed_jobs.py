"""SED jobs at the service: submit, wait, fetch."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from astropy.coordinates import SkyCoord

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import (
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    ParseError,
)
from astroquery_mmdc.mmdc.kept import KeptAnswer, answered, spelled
from astroquery_mmdc.mmdc.progress import Progress, watcher
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.net.jobs import poll
from astroquery_mmdc.net.journal import JournalEntry
from astroquery_mmdc.schema.catalogs import check_catalog
from astroquery_mmdc.schema.coordinates import Targets, as_mjd
from astroquery_mmdc.schema.wire import JobState, Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = [
    "Payload",
    "SedRequest",
    "finished",
    "kept_or_asked",
    "of_each",
    "payloads",
    "question_of",
    "take_up",
]

_FIRST_WAIT = 20
_FIRST_WAIT_WITH_PROGRESS = 2
Payload = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SedRequest:
    """What of an SED is wanted, checked."""

    params: Payload
    exclude: tuple[str, ...] = ()
    refresh: bool = False
    timeout: float = 900.0
    progress: Progress = None

    @classmethod
    def checked(
        cls,
        *,
        refresh: bool = False,
        mjd_start: Any = None,
        mjd_end: Any = None,
        catalogs: Iterable[str] | str | None = None,
        exclude_catalogs: Iterable[str] | str | None = None,
        undated: bool | None = None,
        timeout: float | None = None,
        progress: Progress = None,
    ) -> SedRequest:
        """Check every parameter before anything is sent."""
        start = as_mjd(mjd_start, parameter="mjd_start")
        end = as_mjd(mjd_end, parameter="mjd_end")
        if start is not None and end is not None and start > end:
            msg = f"mjd_start: {start} is later than mjd_end {end}; exchange them"
            raise InvalidRequestError(msg, parameter="mjd_start")
        if undated is None and (start is not None or end is not None):
            # The service's rule today; said aloud because older servers kept undated points.
            undated = False
        wanted = _codes(catalogs, "catalogs")
        params = {
            "mjd_start": start,
            "mjd_end": end,
            "catalogs": ",".join(wanted) or None,
            "undated": None if undated is None else str(bool(undated)).lower(),
        }
        return cls(
            params={name: value for name, value in params.items() if value is not None},
            exclude=_codes(exclude_catalogs, "exclude_catalogs"),
            refresh=bool(refresh),
            timeout=conf.job_timeout if timeout is None else float(timeout),
            progress=progress,
        )

    def window(self) -> tuple[float | None, float | None]:
        """Return the time window in MJD."""
        return self.params.get("mjd_start"), self.params.get("mjd_end")


def _codes(codes: Iterable[str] | str | None, parameter: str) -> tuple[str, ...]:
    if codes is None:
        return ()
    codes = [codes] if isinstance(codes, str) else codes
    return tuple(check_catalog(code, parameter=parameter) for code in codes)


def payloads(targets: Targets, request: SedRequest) -> list[Payload]:
    """Return what is sent for each target."""
    return [
        _payload(name, position, request)
        for name, position in zip(targets.names, targets.positions, strict=True)
    ]


def _payload(name: str | None, position: SkyCoord, request: SedRequest) -> Payload:
    body: Payload = {"ra": float(position.ra.deg), "dec": float(position.dec.deg)}
    if name:
        body["name"] = name
    if request.refresh:
        body["refresh"] = True
    return {"json": body, "params": dict(request.params)}


async def of_each(
    job: Job, payloads: Sequence[Payload], ask: Callable[[Job, Payload], Coroutine[Any, Any, T]]
) -> list[T]:
    """Ask for each payload, all at the same time; the job gets the warnings of all."""
    jobs = [Job() for _ in payloads]
    found = await gather(ask(*each) for each in zip(jobs, payloads, strict=True))
    for part in jobs:
        job.take_warnings(part)
    return found


async def kept_or_asked(
    self: MMDCClass, job: Job, kind: str, payload: Payload, request: SedRequest, deadline: float
) -> KeptAnswer:
    """Return the service's complete answer, or its last one where it cannot be asked.

    Its content is None where a server has the older endpoint only.
    """

    async def ask() -> Payload | None:
        async with self.client.limiter("jobs"):
            try:
                envelope = await submitted(self, job, payload, request, deadline)
            except NotFoundError:
                return None
            return await finished(self, job, envelope, request, deadline)

    body = payload["json"]
    where = body.get("name") or f"{body['ra']:.5f} {body['dec']:+.5f}"
    kept = await answered(
        self,
        job,
        kind,
        question_of(payload),
        ask,
        what=f"what the service has on {where} ({kind}, for these filters)",
    )
    if kept.retrieved is not None:
        job.job_id, job.status = kept.content.get("id"), str(kept.content.get("status"))
        notify = watcher(request.progress, job)
        if notify:
            notify(kept.content)
    return kept


def question_of(payload: Payload) -> Payload:
    """Return what the answer to a payload depends on."""
    body = payload["json"]
    position = {"ra": body["ra"], "dec": body["dec"], "name": spelled(body.get("name", ""))}
    return position | payload["params"]


async def submitted(
    self: MMDCClass, job: Job, payload: Payload, request: SedRequest, deadline: float
) -> Payload:
    """Create or reuse the job and return the service's answer."""
    wait = _FIRST_WAIT_WITH_PROGRESS if request.progress else _FIRST_WAIT
    reply = await self.client.request(
        "POST",
        Path.SED,
        json=payload["json"],
        params=payload["params"],
        wait=min(wait, max(0.0, deadline - time.monotonic())),
        idempotent=True,
        deadline=deadline,
    )
    envelope = reply.json_object()
    take_up(self, job, envelope, payload["json"])
    return envelope


def take_up(self: MMDCClass, job: Job, envelope: Mapping[str, Any], query: Payload) -> None:
    """Note the id and state of a job, here and in the journal."""
    if not envelope.get("id") or not envelope.get("status"):
        msg = "the service's answer about the SED names neither its id nor its status"
        raise ParseError(msg)
    job.job_id, job.status = str(envelope["id"]), str(envelope["status"])
    self.journal.record(
        JournalEntry(job.job_id, "sed", self.client.server, job.status, query=query)
    )


async def finished(
    self: MMDCClass, job: Job, envelope: Payload, request: SedRequest, deadline: float
) -> Payload:
    """Wait until the job has ended and return the complete answer."""
    notify = watcher(request.progress, job)
    if notify:
        notify(envelope)
    state: Mapping[str, Any] = envelope.get("job") or envelope
    if job.status not in JobState.ENDED:
        state = await _wait(self, job, deadline, request, notify)
    if job.status == JobState.FAILED:
        return await _after_failure(self, job, {**envelope, **state}, request, deadline)
    has_all = "sed" in envelope or request.params.get("sed") == "false"
    if has_all and "source" in envelope and envelope["status"] in JobState.ENDED:
        return envelope
    return await _result(self, job.job_id or "", request, deadline)


async def _wait(
    self: MMDCClass, job: Job, deadline: float, request: SedRequest, notify: Any
) -> Mapping[str, Any]:
    seen = {"events": 0}

    def remember(answer: Mapping[str, Any]) -> None:
        seen["events"] = int(answer.get("events_next") or seen["events"])
        if notify:
            notify(answer)

    return await poll(
        self.client,
        Path.SED_JOB.format(id=job.job_id),
        job=job,
        is_ended=lambda answer: answer.get("status") in JobState.ENDED,
        deadline=deadline,
        params=lambda: {"events_since": seen["events"]},
        notify=remember if request.progress else None,
    )


async def _result(self: MMDCClass, job_id: str, request: SedRequest, deadline: float) -> Payload:
    path = Path.SED_RESULT.format(id=job_id)
    reply = await self.client.request("GET", path, params=request.params, deadline=deadline)
    return reply.json_object()


async def _after_failure(
    self: MMDCClass, job: Job, state: Payload, request: SedRequest, deadline: float
) -> Payload:
    """Return the SED that a failed refresh was to replace, or raise."""
    error = state.get("error") or {}
    nested = state.get("job") or {}
    error = error or nested.get("error") or {}
    code, message = error.get("code") or "failed", error.get("message") or "no reason given"
    older = state.get("refresh_of") or nested.get("refresh_of")
    if older:
        answer = await _result(self, str(older), request, deadline)
        if answer.get("status") == JobState.DONE:
            return {**answer, "stale": f"the refresh failed ({code}: {message})"}
    wait = error.get("retry_after_s")
    hint = f"; try again after {wait} s" if wait else ""
    msg = f"SED job {job.job_id} failed ({code}: {message}){hint}, or with refresh=True"
    raise JobFailedError(msg, job_id=job.job_id or "", code=code, retry_after=wait)
