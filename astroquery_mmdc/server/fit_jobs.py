"""Fits in flight and their results."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread

from astroquery_mmdc.exceptions import JobFailedError, MMDCError
from astroquery_mmdc.schema.wire import FitState, JobState, Limit
from astroquery_mmdc.server.engine import Engine, FitRequest, FitRun
from astroquery_mmdc.server.fit_records import FitRecord, FitRecords, request_digest

__all__ = ["FitJob", "FitJobs"]

log = logging.getLogger(__name__)

_FILES = ("pdf", "csv_best_parameters", "csv_best_model")
_ENDED = FitState.FAILED | {FitState.DONE}
_CANCELLED = "cancelled"
_FAILED = "failed"
_STOP_SECONDS = 8.0
_ATTEMPTS = 3


@dataclass(slots=True, eq=False)
class FitJob:
    """One fit of one client."""

    client: str
    request: FitRequest
    key: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = JobState.QUEUED
    submitted: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: int = 0
    error: str = ""
    code: str = ""
    files: tuple[str, ...] = ()
    progress: Mapping[str, Any] = field(default_factory=dict)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nobody needs to wait any more: the fit has ended, or the server does."""

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in _ENDED

    @property
    def has_expired(self) -> bool:
        """Whether the service would have deleted it by now."""
        return datetime.now(UTC) - self.submitted > timedelta(days=Limit.RESULT_DAYS)

    def finish(self, status: str, *, error: str = "", code: str = "") -> None:
        """End the fit and wake whoever waits for it."""
        self.status, self.error, self.code = status, error, code
        self.released.set()

    def as_json(self, links: Mapping[str, str], result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer about a fit; links are given by the names of the files."""
        request = self.request
        fixed = {name: {"value": v, "error": 0.0} for name, v in request.fixed_parameters.items()}
        return {
            "status": self.status,
            "model_type": request.model_type,
            "z": request.z,
            "data": None,
            "equal_weighted_posterior": None,
            "best_parameters": None,
            "multinest_stats": None,
            "fixed_parameters": fixed,
            "uploaded_file": request.points.as_json(),
            **{f"{name}_link": links.get(name) for name in _FILES},
            **({"error": self.error, "code": self.code} if self.error else {}),
            **({"progress": dict(self.progress)} if self.status == JobState.RUNNING else {}),
            **result,
        }

    def record(self) -> FitRecord:
        """Return what is kept on the disk."""
        names = FitRecord.__struct_fields__
        return FitRecord(**{name: getattr(self, name) for name in names if name != "version"})

    @classmethod
    def of(cls, record: FitRecord) -> FitJob:
        """Return the job that was kept."""
        names = FitRecord.__struct_fields__
        return cls(**{name: getattr(record, name) for name in names if name != "version"})


class FitJobs:
    """All fits of a server.

    Parameters
    ----------
    engine : Engine or None
        What computes them.
    records : FitRecords
        Where they are kept.
    workers : int, optional
        How many are computed at once; the others wait in a queue.
    """

    def __init__(self, engine: Engine | None, records: FitRecords, workers: int = 1) -> None:
        self._engine = engine
        self._records = records
        self._slots = asyncio.Semaphore(workers)
        self._stop = threading.Event()
        self._jobs: dict[str, FitJob] = {}
        self._replays: dict[tuple[str, str], FitJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._working: set[str] = set()

    def start(self) -> None:
        """Take up what was there when the server ended; called on its loop."""
        for record in self._records.load():
            job = FitJob.of(record)
            if job.has_expired:
                self._records.remove(job.id)
                continue
            self._know(job)
            if job.has_ended:
                job.released.set()
            elif job.attempts >= _ATTEMPTS:
                msg = f"the server ended {_ATTEMPTS} times while it computed this fit"
                self._end(job, _FAILED, error=msg, code="interrupted")
            else:
                job.status = JobState.QUEUED
                self._begin(job)

    def get(self, job_id: str) -> FitJob | None:
        """Return a fit that has not been deleted."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        is_gone = job.status == FitState.DONE and not self._records.has_result(job_id)
        if job.has_expired or is_gone:
            del self._jobs[job_id]
            self._records.remove(job_id)
            return None
        return job

    def result(self, job: FitJob) -> dict[str, Any]:
        """Return the fields of the result, none as long as the fit is not done."""
        return self._records.result(job.id) if job.status == FitState.DONE else {}

    def file(self, job: FitJob, name: str) -> bytes | None:
        """Return a file of the result, None if there is no such file."""
        return self._records.file(job.id, name) if name in job.files else None

    def replay(self, client: str, key: str | None) -> FitJob | None:
        """Return the fit that this client submitted with the same key before."""
        job = self._replays.get((client, key)) if key else None
        return None if job is None else self.get(job.id)

    def in_flight(self, client: str) -> int:
        """Return how many fits of a client have not ended."""
        return sum(job.client == client and not job.has_ended for job in self._jobs.values())

    def queue_position(self, job: FitJob) -> int:
        """Return how many fits are computed before a queued one, itself included."""
        waiting = [other for other in self._jobs.values() if other.status == JobState.QUEUED]
        return waiting.index(job) + 1 if job in waiting else 0

    def submit(self, client: str, request: FitRequest, key: str | None) -> FitJob:
        """Start a fit; an `OSError` says that it cannot be kept."""
        job = FitJob(client, request, key)
        self._records.write(job.record())
        self._know(job)
        self._begin(job)
        return job

    def release(self) -> None:
        """Tell the fits that run to stop, and whoever waits for them to wait no more."""
        self._stop.set()
        for job in self._jobs.values():
            if not job.has_ended and not self._records.outlives:
                job.finish(_CANCELLED, error="the server was stopped", code="stopped")
            job.released.set()

    async def aclose(self) -> None:
        """Wait until no fit runs any more, then let go of the folder."""
        self.release()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._records.close()

    # ------------------------------------------------------------ running

    def _know(self, job: FitJob) -> None:
        self._jobs[job.id] = job
        if job.key:
            self._replays[job.client, job.key] = job

    def _begin(self, job: FitJob) -> None:
        if self._engine is None:
            return  # it stays in the queue until a server has an engine
        task = asyncio.get_running_loop().create_task(self._run(self._engine, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, engine: Engine, job: FitJob) -> None:
        async with self._slots:
            if self._stop.is_set():
                return
            self._note(job, JobState.RUNNING, attempts=job.attempts + 1)
            work = self._work_name(job)
            try:
                # A thread cannot be stopped; one that does not stop itself is left alone.
                await to_thread.run_sync(self._compute, engine, job, work, abandon_on_cancel=True)
            except Exception as err:
                self._fail(job, err)
            else:
                self._end(job, FitState.DONE)
            finally:
                self._working.discard(work)

    def _work_name(self, job: FitJob) -> str:
        """Return where a fit works: the same fit, sent again, goes on from where it was."""
        name = request_digest(job.request)
        if name in self._working:
            name = f"{name}-{job.id}"
        self._working.add(name)
        return name

    def _compute(self, engine: Engine, job: FitJob, work: str) -> None:
        def report(progress: Mapping[str, Any]) -> None:
            job.progress = progress

        folder = self._records.work(work)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = engine.fit(job.request, FitRun(folder, self._stop, report))
        if self._stop.is_set() and not self._records.outlives:
            return  # the folder may be gone
        try:
            self._records.write_outcome(job.id, outcome)
        except OSError as err:
            msg = (
                f"the result could not be written ({err.strerror}); when there is room, send the "
                "fit again: it goes on from where it was"
            )
            raise JobFailedError(msg, job_id=job.id, code="storage") from err
        job.files = tuple(outcome.files)
        shutil.rmtree(folder, ignore_errors=True)

    def _fail(self, job: FitJob, error: Exception) -> None:
        """End a fit with the reason; whatever an engine raises does not end the server."""
        if self._stop.is_set():
            # It was told to stop: that does not count as an attempt.
            if self._records.outlives:
                self._note(job, JobState.QUEUED, attempts=job.attempts - 1)
            return
        if isinstance(error, MMDCError):
            log.warning("fit %s failed: %s", job.id, error)
            code = getattr(error, "code", "invalid")
            self._end(job, _FAILED, error=str(error), code=code)
            return
        log.error("fit %s failed", job.id, exc_info=error)
        msg = "the server made a mistake; its log says more"
        self._end(job, JobState.ERROR, error=msg, code="internal")

    def _end(self, job: FitJob, status: str, *, error: str = "", code: str = "") -> None:
        if self._stop.is_set() and not self._records.outlives:
            return
        job.finish(status, error=error, code=code)
        self._keep(job)

    def _note(self, job: FitJob, status: str, *, attempts: int) -> None:
        job.status, job.attempts = status, attempts
        self._keep(job)

    def _keep(self, job: FitJob) -> None:
        try:
            self._records.write(job.record())
        except OSError as err:
            # The fit itself goes on; after a restart it would be computed again.
            log.warning("the state of fit %s could not be written: %s", job.id, err)
