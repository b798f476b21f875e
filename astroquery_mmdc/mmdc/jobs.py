"""Jobs that were started before: the list, and taking one up again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table
from astropy.time import Time

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError, NotFoundError
from astroquery_mmdc.mmdc.fits import resume_fit
from astroquery_mmdc.mmdc.sed import resume_sed
from astroquery_mmdc.mmdc.swift import resume_swift
from astroquery_mmdc.net import Job, QueryHandle, portal
from astroquery_mmdc.net.journal import JournalEntry

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["get_job", "list_jobs"]

_RESUME: dict[str, Callable[..., Awaitable[Any]]] = {
    "sed": resume_sed,
    "fit": resume_fit,
    "swift": resume_swift,
}


def get_job(
    self: MMDCClass, job_id: str, *, kind: str | None = None, timeout: float | None = None
) -> QueryHandle[Any]:
    """Take up a job that was started before, here or in another process.

    Parameters
    ----------
    job_id : str
        As in ``handle.job_id``, in `list_jobs` or in an error.
    kind : str, optional
        ``"sed"``, ``"fit"`` or ``"swift"``; needed only for a job that this machine did not
        start.
    timeout : float, optional
        Seconds to wait for its end. Default ``conf.job_timeout``.

    Returns
    -------
    `~astroquery_mmdc.net.QueryHandle`
        ``get_data()`` gives the SED, the FitResult or the SwiftResult.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> sed = MMDC.get_job("3f2a", kind="sed").get_data()  # doctest: +REMOTE_DATA
    """
    job_id = str(job_id)
    job = Job(job_id)
    entry = self.journal.find(job_id, self.client.server)
    if entry is None and kind is None:
        return _start(_find_and_resume(self, job, job_id, timeout), job)
    if entry is None or (kind is not None and kind != entry.kind):
        entry = JournalEntry(job_id, str(kind), self.client.server, "unknown")
    if entry.kind not in _RESUME:
        msg = f"kind: a job of kind {entry.kind!r} cannot be taken up; use {', '.join(_RESUME)}"
        raise InvalidRequestError(msg, parameter="kind")
    return _start(_resume(self, job, entry, timeout), job)


def _seconds(timeout: float | None) -> float:
    return conf.job_timeout if timeout is None else float(timeout)


async def _resume(self: MMDCClass, job: Job, entry: JournalEntry, timeout: float | None) -> Any:
    """Wait for the end of a job and note it in the journal."""
    result = await _RESUME[entry.kind](self, job, entry, _seconds(timeout))
    self.journal.record(replace(entry, status=job.status))
    return result


def _start(coroutine: Any, job: Job) -> QueryHandle[Any]:
    return QueryHandle(portal.start(coroutine), job)


async def _find_and_resume(self: MMDCClass, job: Job, job_id: str, timeout: float | None) -> Any:
    """Ask the service under each kind in turn: its ids do not tell what they are."""
    for kind in _RESUME:
        entry = JournalEntry(job_id, kind, self.client.server, "unknown")
        try:
            return await _resume(self, job, entry, timeout)
        except NotFoundError:
            continue
    msg = f"job_id: {self.client.server} knows no job {job_id!r}; MMDC.list_jobs() shows yours"
    raise InvalidRequestError(msg, parameter="job_id")


def list_jobs(self: MMDCClass) -> Table:
    """List the jobs that this machine started in the last 30 days, newest first.

    Returns
    -------
    `~astropy.table.Table`
        ``job_id``, ``kind``, ``status`` as last seen, ``submitted`` (UTC), ``service``, ``query``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.list_jobs().colnames
    ['job_id', 'kind', 'status', 'submitted', 'service', 'query']
    """
    entries = self.journal.entries()
    submitted = np.array([entry.submitted for entry in entries], dtype=float)
    return Table(
        {
            "job_id": np.array([entry.job_id for entry in entries], dtype=str),
            "kind": np.array([entry.kind for entry in entries], dtype=str),
            "status": np.array([entry.status for entry in entries], dtype=str),
            "submitted": Time(submitted, format="unix").isot if entries else np.array([], str),
            "service": np.array([entry.service for entry in entries], dtype=str),
            "query": np.array([str(dict(entry.query)) for entry in entries], dtype=str),
        }
    )
