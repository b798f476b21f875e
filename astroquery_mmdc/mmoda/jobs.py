"""Jobs of a dispatcher: one loop that asks until the end, and the handle that watches it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import anyio

from astroquery_mmdc.exceptions import JobTimeoutError, ServiceUnavailableError
from astroquery_mmdc.mmoda.protocol import (
    Answer,
    ProductRequest,
    Report,
    form,
    next_status,
    read_answer,
)
from astroquery_mmdc.net import Job, JobProgress, QueryHandle, ServiceClient, portal
from astroquery_mmdc.schema.dispatcher import DispatcherPath, QueryStatus, new_session

__all__ = ["ProductHandle", "ProductJob", "run"]

_log = logging.getLogger(__name__)
T = TypeVar("T")

# The pause is a part of the time that the job took so far: the end is noticed at most that much
# late, and a job of an hour is not asked about 3600 times.
_PAUSE_PART = 0.04
_PAUSE_MIN = 0.1
_PAUSE_MAX = 30.0
# A dispatcher can miss what its backend tells; after a silence it is made to ask the backend.
_SILENCE_PART = 0.25
_SILENCE_MIN = 5.0
# A product that is made at once is made while the request waits.
_HOLD = 240.0


@dataclass(eq=False)
class ProductJob(Job):
    """What is known about a product on its way.

    Parameters
    ----------
    session_id : str
        Made here, the same for all questions about the job.
    report : Report
        What the backend told last.
    started : float
        `time.monotonic` of the first request.
    news : float
        `time.monotonic` of the last answer that told something new.
    questions : int
        How often the dispatcher was asked.
    seconds, longest : float
        How long its answers took in all, and the slowest of them.
    """

    status: str = QueryStatus.PREPARED
    session_id: str = field(default_factory=new_session)
    report: Report = field(default_factory=Report)
    started: float = field(default_factory=time.monotonic)
    news: float = field(default_factory=time.monotonic)
    questions: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    _wake: anyio.Event | None = field(default=None, repr=False)
    _answered: anyio.Event | None = field(default=None, repr=False)

    @property
    def progress(self) -> JobProgress:
        """How far the job is."""
        report = self.report
        stage = f"{report.stage} {report.substage}".strip()
        events = (report.text,) if report.text else ()
        return JobProgress(self.job_id or "", self.status, stage, report.done, report.total, events)

    def summary(self) -> str:
        """Return one line about the job: state, messages, times."""
        mean = self.seconds / self.questions if self.questions else 0.0
        return (
            f"status={self.status} job_id={(self.job_id or '')[:8]} {self.report} "
            f"since {time.monotonic() - self.started:.0f} seconds ({mean:.2g}/{self.longest:.2g})"
        )

    def note(self, answer: Answer, seconds: float) -> None:
        """Keep what an answer tells."""
        self.questions += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)
        if answer.status != self.status:
            _log.info("job %s: %s => %s", answer.job_id, self.status, answer.status)
        if answer.report.text and answer.report != self.report:
            _log.info("job %s: %s", answer.job_id, answer.report)
        if (answer.status, answer.report) != (self.status, self.report):
            self.news = time.monotonic()
        self.job_id, self.status, self.report = answer.job_id, answer.status, answer.report
        _log.debug("%s", self.summary())
        if self._answered is not None:
            self._answered.set()
            self._answered = None

    def is_silent(self) -> bool:
        """Return whether nothing new was told for long, for a job of this age; then start anew."""
        now = time.monotonic()
        silent = now - self.news > max(_SILENCE_MIN, _SILENCE_PART * (now - self.started))
        if silent:
            self.news = now
        return silent

    async def rest(self, seconds: float) -> None:
        """Pause, unless somebody wants to know now."""
        self._wake = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._wake.wait()

    async def ask_now(self) -> None:
        """End the pause, and wait for the next answer."""
        if self._answered is None:
            self._answered = anyio.Event()
        answered = self._answered
        if self._wake is not None:
            self._wake.set()
        await answered.wait()


async def run(
    client: ServiceClient,
    job: ProductJob,
    request: ProductRequest,
    *,
    token: str | None,
    deadline: float,
    notify: Callable[[Answer], None],
) -> Answer:
    """Ask for a product until it is there, or the job has failed.

    Parameters
    ----------
    client : ServiceClient
    job : ProductJob
        Kept up to date.
    request : ProductRequest
    token : str or None
    deadline : float
        Moment of `time.monotonic` at which the wait ends.
    notify : callable
        Called with every answer.

    Returns
    -------
    Answer
        The last one, done or failed.

    Raises
    ------
    JobTimeoutError
        The deadline passed; the job goes on at the dispatcher.
    """
    status = QueryStatus.NEW
    while True:
        answer = await _ask(client, job, request, status=status, token=token, deadline=deadline)
        if answer is None:
            # Repeated as a new request it is found again by its parameters, whatever was lost.
            status = QueryStatus.NEW
            await job.rest(_pause(job, deadline))
            continue
        notify(answer)
        upcoming = next_status(answer.status)
        if upcoming is None:
            return answer
        is_news = answer.status == QueryStatus.READY and status != QueryStatus.READY
        status = upcoming
        if not is_news:
            await job.rest(_pause(job, deadline))
            status = QueryStatus.NEW if job.is_silent() else status


async def _ask(
    client: ServiceClient,
    job: ProductJob,
    request: ProductRequest,
    *,
    status: str,
    token: str | None,
    deadline: float,
) -> Answer | None:
    """Return the answer; None if the connection was lost while the job runs."""
    fields = form(request, session_id=job.session_id, status=status, job_id=job.job_id, token=token)
    started = time.monotonic()
    try:
        # Safe to repeat: the dispatcher knows a job by its parameters.
        reply = await client.request(
            "POST",
            DispatcherPath.RUN,
            data=fields,
            files=dict(request.files) or None,
            wait=_HOLD,
            idempotent=True,
            deadline=deadline,
        )
    except ServiceUnavailableError as err:
        if job.job_id is None and time.monotonic() < deadline:
            raise
        _log.info("job %s: connection lost (%s), asking again", job.job_id, err.detail)
        return None
    body = await anyio.to_thread.run_sync(reply.json)
    answer = read_answer(body, job_id=None if status == QueryStatus.NEW else job.job_id)
    answer = _of_known_job(answer, job)
    job.note(answer, time.monotonic() - started)
    return answer


def _of_known_job(answer: Answer, job: ProductJob) -> Answer:
    """Return the answer, or that the known job goes on where the dispatcher began another one.

    When many ask at once, a dispatcher may take a request that is repeated for a different one
    (it counts an empty list of science windows as a parameter then, which it otherwise leaves out).
    """
    is_other = job.job_id not in (None, answer.job_id)
    if not is_other or answer.is_refused or answer.status == QueryStatus.DONE:
        return answer
    _log.info("job %s: the dispatcher calls it %s as well", job.job_id, answer.job_id)
    return replace(answer, job_id=str(job.job_id), status=QueryStatus.SUBMITTED, report=job.report)


def _pause(job: ProductJob, deadline: float) -> float:
    """Return how long to wait; a dispatcher that answers slowly is asked less often."""
    now = time.monotonic()
    if now >= deadline:
        where = f"MMODA.get_job({job.job_id!r}) finds it again" if job.job_id else "ask again"
        msg = f"job {job.job_id} is still {job.status}; it goes on at the dispatcher, {where}"
        raise JobTimeoutError(msg, job_id=job.job_id or "")
    mean = job.seconds / max(1, job.questions)
    pause = max(_PAUSE_MIN, _PAUSE_PART * (now - job.started), mean)
    return min(pause, _PAUSE_MAX, deadline - now)


class ProductHandle(QueryHandle[T], Generic[T]):
    """A product on its way: a `~astroquery_mmdc.net.QueryHandle` that knows the job's state.

    The questions to the dispatcher are asked in the background; nothing has to be called for
    the job to go on.
    """

    _job: ProductJob

    def __init__(self, future: Future[T], job: ProductJob) -> None:
        super().__init__(future, job)

    @property
    def session_id(self) -> str:
        """The session of the job; the dispatcher may have given it to another one."""
        return self._job.session_id

    @property
    def report(self) -> Report:
        """What the backend told about its work: messages, stage, nodes."""
        return self._job.report

    @property
    def progress(self) -> JobProgress:
        """How far the job is."""
        return self._job.progress

    @property
    def summary(self) -> str:
        """One line about the job: state, messages, times."""
        return self._job.summary()

    @property
    def is_prepared(self) -> bool:
        """Whether the request is made; always true here."""
        return True

    @property
    def is_submitted(self) -> bool:
        """Whether the dispatcher has the job."""
        return self._job.status != QueryStatus.PREPARED

    @property
    def is_complete(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.done()

    @property
    def is_done(self) -> bool:
        """Whether the product is here."""
        return self._ended_well is True

    @property
    def is_failed(self) -> bool:
        """Whether it has ended without a product."""
        return self._ended_well is False

    @property
    def _ended_well(self) -> bool | None:
        if not self._future.done() or self._future.cancelled():
            return None
        return self._future.exception() is None

    def poll(self) -> str:
        """Ask now instead of after the pause, and return the state."""
        if not self._future.done():
            asked: Future[Any] = portal.start(self._job.ask_now())
            # The job may end without another answer; then nobody would wake this thread.
            self._future.add_done_callback(lambda _: asked.cancel())
            with suppress(CancelledError):
                asked.result()
        return self.status
