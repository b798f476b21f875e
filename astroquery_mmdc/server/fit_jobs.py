"""Fits in flight and their results."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread

from astroquery_mmdc.schema.wire import FitState, JobState, Limit
from astroquery_mmdc.server.engine import Engine, FitOutcome, FitRequest

__all__ = ["FitJob", "FitJobs"]

log = logging.getLogger(__name__)

_FILES = ("pdf", "csv_best_parameters", "csv_best_model")
_ENDED = FitState.FAILED | {FitState.DONE}


@dataclass(slots=True, eq=False)
class FitJob:
    """One fit of one client."""

    client: str
    request: FitRequest
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = JobState.QUEUED
    submitted: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcome: FitOutcome | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in _ENDED

    @property
    def has_expired(self) -> bool:
        """Whether the service would have deleted it by now."""
        return datetime.now(UTC) - self.submitted > timedelta(days=Limit.RESULT_DAYS)

    def finish(self, status: str, outcome: FitOutcome | None = None) -> None:
        """End the fit and wake whoever waits for it."""
        self.status = status
        self.outcome = outcome
        self.ended.set()

    def as_json(self, links: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer about a fit; links are given by the names of the files."""
        request = self.request
        result = dict(self.outcome.result) if self.outcome else {}
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
            **result,
        }


class FitJobs:
    """All fits of a server.

    Parameters
    ----------
    engine : Engine or None
        What computes them.
    """

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self._jobs: dict[str, FitJob] = {}
        self._replays: dict[tuple[str, str], FitJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, job_id: str) -> FitJob | None:
        """Return a fit that has not been deleted."""
        job = self._jobs.get(job_id)
        if job is not None and job.has_expired:
            del self._jobs[job_id]
            return None
        return job

    def replay(self, client: str, key: str | None) -> FitJob | None:
        """Return the fit that this client submitted with the same key before."""
        return self._replays.get((client, key)) if key else None

    def in_flight(self, client: str) -> int:
        """Return how many fits of a client have not ended."""
        return sum(job.client == client and not job.has_ended for job in self._jobs.values())

    def submit(self, client: str, request: FitRequest, key: str | None) -> FitJob:
        """Start a fit."""
        assert self._engine is not None
        job = FitJob(client, request)
        self._jobs[job.id] = job
        if key:
            self._replays[client, key] = job
        task = asyncio.get_running_loop().create_task(self._run(self._engine, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def close(self) -> None:
        """Cancel every fit that still runs."""
        for task in self._tasks:
            task.cancel()
        for job in self._jobs.values():
            if not job.has_ended:
                job.finish("cancelled")

    @staticmethod
    async def _run(engine: Engine, job: FitJob) -> None:
        job.status = JobState.RUNNING
        try:
            # A thread cannot be stopped; at the end of the server nobody waits for it.
            outcome = await to_thread.run_sync(engine.fit, job.request, abandon_on_cancel=True)
        except Exception:
            # Whatever the engine raises ends this fit, not the server.
            log.exception("fit %s failed", job.id)
            job.finish(JobState.ERROR)
        else:
            job.finish(FitState.DONE, outcome)
