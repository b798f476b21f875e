"""Products on their way: each request is a job, known by what it asks for."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError
from astroquery_mmdc.schema.dispatcher import QueryStatus
from astroquery_mmdc.server.dispatcher_instruments import (
    Instrument,
    Made,
    Notebooks,
    Run,
    instruments_of,
)
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.store import ObservationStore

__all__ = ["ProductJob", "ProductJobs"]

log = logging.getLogger(__name__)

_DATA_WORKERS = 2
_NOTEBOOK_WORKERS = 2
_KEPT = 200
_KEPT_BYTES = 512 * 1024 * 1024


@dataclass(eq=False, slots=True)
class ProductJob:
    """One product that was asked for.

    Parameters
    ----------
    id : str
        The same for the same request.
    session_id : str
        Of whoever asked first.
    instrument, product : str
    values : mapping
        Every parameter with its checked value.
    """

    id: str
    session_id: str
    instrument: str
    product: str
    values: Mapping[str, Any]
    created: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)
    status: str = QueryStatus.SUBMITTED
    report: Mapping[str, Any] = field(default_factory=dict)
    made: Made = field(default_factory=lambda: Made({}))
    error: str = ""
    details: str = ""
    size: int = 0
    future: Future[None] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.status in QueryStatus.ENDED

    def note(self, progress: Mapping[str, Any]) -> None:
        """Take what its run tells."""
        self.status = QueryStatus.PROGRESS
        self.report = dict(progress)

    async def ended(self, seconds: float) -> None:
        """Wait for the end, but not longer than some seconds."""
        if self.future is not None and not self.has_ended:
            await asyncio.wait([asyncio.wrap_future(self.future)], timeout=seconds)


class ProductJobs:
    """The jobs of a dispatcher.

    Parameters
    ----------
    store : ObservationStore
    options : Options
    """

    def __init__(self, store: ObservationStore, options: Options) -> None:
        self.instruments = instruments_of(store, options)
        self._jobs: dict[str, ProductJob] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._data = ThreadPoolExecutor(_DATA_WORKERS, "mmdc-product")
        self._notebooks = ThreadPoolExecutor(_NOTEBOOK_WORKERS, "mmdc-notebook")

    def instrument(self, name: str | None) -> Instrument:
        """Return an instrument by its name.

        Raises
        ------
        InvalidRequestError
            There is none of that name.
        """
        if name in self.instruments:
            return self.instruments[str(name)]
        msg = f"instrument: {name!r} is not known here; known are {', '.join(self.instruments)}"
        raise InvalidRequestError(msg, parameter="instrument")

    def __iter__(self) -> Any:
        with self._lock:
            return iter(list(self._jobs.values()))

    def get(self, job_id: str) -> ProductJob | None:
        """Return a job by its id."""
        return self._jobs.get(job_id)

    def submit(
        self, instrument: Instrument, product: str, values: Mapping[str, Any], session_id: str
    ) -> ProductJob:
        """Return the job for a request: the one that runs, or made it already, or a new one."""
        job_id = _job_id(instrument, product, values)
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and (not job.has_ended or self._is_kept(instrument, job)):
                return job
            job = ProductJob(job_id, session_id, instrument.spec.name, product, values)
            self._jobs.pop(job_id, None)
            self._jobs[job_id] = job
            pool = self._notebooks if isinstance(instrument, Notebooks) else self._data
            job.future = pool.submit(self._run, instrument, job)
            self._forget()
        return job

    def _is_kept(self, instrument: Instrument, job: ProductJob) -> bool:
        """Whether the result of an ended job still stands."""
        return bool(instrument.digest) and job.status == QueryStatus.DONE

    def _run(self, instrument: Instrument, job: ProductJob) -> None:
        run = Run(self._stop, job.note)
        try:
            job.made = instrument.make(job.product, job.values, run)
            job.size = len(json.dumps(job.made.products)) if job.made.products else 0
            job.status = QueryStatus.DONE
        except MMDCError as err:
            job.error, job.details = str(err), getattr(err, "logs", "")
            job.status = QueryStatus.FAILED
        except Exception:
            # Its words may hold anything; the log is for those who keep the server.
            log.exception("product %s of %s failed", job.product, job.instrument)
            job.error = "the server made a mistake; its log tells more"
            job.status = QueryStatus.FAILED
        finally:
            job.changed = time.time()

    def _forget(self) -> None:
        """Drop the oldest ended jobs when there are too many or they are too large."""
        ended = [job for job in self._jobs.values() if job.has_ended]
        size = sum(job.size for job in ended)
        for job in ended:
            if len(self._jobs) <= _KEPT and size <= _KEPT_BYTES:
                return
            size -= job.size
            del self._jobs[job.id]

    def release(self) -> None:
        """Stop what runs."""
        self._stop.set()
        for pool in (self._data, self._notebooks):
            pool.shutdown(wait=False, cancel_futures=True)

    async def aclose(self) -> None:
        """Wait until nothing runs any more."""
        self.release()
        for pool in (self._data, self._notebooks):
            await asyncio.to_thread(pool.shutdown, wait=True)


def _job_id(instrument: Instrument, product: str, values: Mapping[str, Any]) -> str:
    request = [instrument.spec.name, instrument.digest, product, dict(values)]
    return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
