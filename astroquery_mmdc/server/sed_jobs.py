"""Jobs that make SEDs: their states, events and refreshes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from astroquery_mmdc.cache.cells import unit_vectors
from astroquery_mmdc.cache.search import separation_arcsec
from astroquery_mmdc.schema.wire import JobState, Limit
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.points import SedPoints
from astroquery_mmdc.server.sources import Source
from astroquery_mmdc.server.store import ObservationStore

__all__ = ["SedJob", "SedJobs"]

_MESSAGES = {
    "pipeline": "The pipeline failed.",
    "timeout": "The run took too long.",
    "abandoned": "The run was abandoned.",
    "enqueue": "The job could not be queued.",
    "internal": "The service made a mistake.",
    "empty_refresh": "The new run found no data; the older SED stays.",
}


@dataclass(slots=True, eq=False)
class SedJob:
    """One run that makes an SED."""

    ra: float
    dec: float
    name: str
    database_name: str = ""
    refresh_of: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = JobState.QUEUED
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    finished: datetime | None = None
    replaced_by: str | None = None
    refresher: SedJob | None = None
    source: Source | None = None
    points: SedPoints | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    stage: str | None = None
    missed: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    clock: float = field(default_factory=time.monotonic)

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in JobState.ENDED

    @property
    def elapsed(self) -> float:
        """Seconds from the start to the end, or to now."""
        end = self.finished or datetime.now(UTC)
        return (end - self.started).total_seconds() if self.started else 0.0

    @property
    def may_run_again_after(self) -> int:
        """Seconds until a failed job may be tried again without a refresh."""
        age = (datetime.now(UTC) - (self.finished or self.created)).total_seconds()
        return max(0, round(Limit.FAILED_RETRY_AFTER - age))

    def note(self, text: str, *, subject: str = "job", level: str = "info", **more: Any) -> None:
        """Add an event."""
        seconds = round(time.monotonic() - self.clock, 3)
        event = {"v": 1, "t": seconds, "level": level, "subject": subject, "text": text, **more}
        self.events.append(event)

    def advance(self, stage: str, done: int, total: int) -> None:
        """Record how far a stage is."""
        self.stage = stage
        seconds = round(time.monotonic() - self.clock, 3)
        self.stages[stage] = {"done": done, "total": total, "elapsed_s": seconds}

    def finish(self, status: str, error: dict[str, Any] | None = None) -> None:
        """End the job and wake whoever waits for it."""
        self.status = status
        self.error = error
        self.finished = datetime.now(UTC)
        self.ended.set()


class SedJobs:
    """All SED jobs of a server.

    Parameters
    ----------
    store : ObservationStore
        Where the points come from.
    options : Options
        How long a job takes and what goes wrong.
    """

    def __init__(self, store: ObservationStore, options: Options) -> None:
        self._store = store
        self._options = options
        self._jobs: dict[str, SedJob] = {}
        self._current: list[SedJob] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, job_id: str) -> SedJob | None:
        """Return the job with an id."""
        return self._jobs.get(job_id)

    def successor(self, job: SedJob) -> SedJob:
        """Return the job itself, or the refresh that took its place."""
        while job.replaced_by is not None:
            job = self._jobs[job.replaced_by]
        return job

    def submit(
        self, ra: float, dec: float, *, name: str = "", database: str = "", refresh: bool = False
    ) -> tuple[SedJob, bool]:
        """Return the job of a position and whether it was there already.

        A job within 2" is used again; a failed one is run again after 30 minutes, or at once when a
        refresh is asked for.
        """
        known = self._at(ra, dec)
        if known is None:
            return self._start(SedJob(ra, dec, name, database)), False
        if not refresh:
            if known.status == JobState.FAILED and not known.may_run_again_after:
                return self._start(SedJob(ra, dec, name or known.name, database)), False
            return known, True
        running = next((job for job in (known.refresher, known) if job and not job.has_ended), None)
        if running is not None:
            return running, True
        return self._start(SedJob(ra, dec, name or known.name, database, known.id)), False

    def close(self) -> None:
        """End every job that still runs, as abandoned."""
        for task in self._tasks:
            task.cancel()
        for job in self._jobs.values():
            if not job.has_ended:
                job.finish(JobState.FAILED, self._error("abandoned"))

    # ------------------------------------------------------------ running

    def _start(self, job: SedJob) -> SedJob:
        self._jobs[job.id] = job
        trouble = self._options.faults.next_sed_error()
        if trouble == "enqueue":
            retry = {"retry_after_s": Limit.ENQUEUE_RETRY_AFTER}
            job.finish(JobState.FAILED, {**self._error(trouble), **retry})
            return job
        self._install(job)
        steps = self._steps(job, trouble)
        if self._options.sed_seconds <= 0:
            for _ in steps:
                pass
        else:
            task = asyncio.get_running_loop().create_task(self._run(job, steps))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return job

    async def _run(self, job: SedJob, steps: Iterator[int]) -> None:
        for total in steps:
            await asyncio.sleep(self._options.sed_seconds / total)

    def _steps(self, job: SedJob, trouble: str | None) -> Iterator[int]:
        """Do the work in steps; each one yields how many there are in all."""
        job.status = JobState.RUNNING
        job.started = datetime.now(UTC)
        job.note("started", kind="start")
        job.source, points = self._store.sed(job.ra, job.dec)
        counts = points.counts()
        total = len(counts) + 2
        for done, (catalog, number) in enumerate(counts.items(), start=1):
            yield total
            self._ask_catalog(job, catalog, number)
            job.advance("catalogues", done, len(counts))
        for stage in ("lightcurves", "finishing"):
            yield total
            job.advance(stage, 1, 1)
        self._end(job, points.without(job.missed), trouble)

    def _ask_catalog(self, job: SedJob, catalog: str, points: int) -> None:
        facts = {"kind": "catalog", "phase": "catalogues", "subject": catalog}
        if catalog in self._options.faults.missed_catalogs:
            job.missed += (catalog,)
            job.note("no answer", level="warning", outcome="missed", **facts)
        else:
            job.note(f"{points} points", outcome="found", points=points, **facts)

    def _end(self, job: SedJob, points: SedPoints, trouble: str | None) -> None:
        old = self._jobs.get(job.refresh_of or "")
        keeps_old = old is not None and old.status == JobState.DONE
        if trouble is None and not len(points) and keeps_old:
            trouble = "empty_refresh"
        if trouble is not None:
            job.note(_MESSAGES.get(trouble, trouble), kind="error", level="error")
            job.finish(JobState.FAILED, self._error(trouble))
            return
        job.points = points
        job.note(f"{len(points)} points", kind="summary", points=len(points))
        job.finish(JobState.DONE if len(points) else JobState.NO_DATA)
        if old is not None and keeps_old:
            self._replace(old, job)

    # ------------------------------------------------------------ which job stands for a position

    def _at(self, ra: float, dec: float) -> SedJob | None:
        if not self._current:
            return None
        vectors = unit_vectors(
            [job.ra for job in self._current], [job.dec for job in self._current]
        )
        separation = separation_arcsec(unit_vectors(ra, dec), vectors)
        best = int(separation.argmin())
        near = separation[best] <= Limit.REUSE_RADIUS_ARCSEC
        return self._current[best] if near else None

    def _install(self, job: SedJob) -> None:
        old = self._at(job.ra, job.dec)
        if old is None:
            self._current.append(job)
        elif job.refresh_of is not None and old.status == JobState.DONE:
            old.refresher = job  # the SED that is there stays until the new one is
        else:
            self._replace(old, job)

    def _replace(self, old: SedJob, new: SedJob) -> None:
        self._current[self._current.index(old)] = new
        old.replaced_by = new.id

    @staticmethod
    def _error(code: str) -> dict[str, Any]:
        return {"code": code, "message": _MESSAGES.get(code, "The run failed.")}
