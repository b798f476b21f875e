"""Jobs that were started before: the record, the list, and what is needed to take one up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.protocol import Answer, ProductRequest
from astroquery_mmdc.net.journal import JournalEntry

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["list_jobs", "record", "recorded_request"]

_KIND = "product"


def record(self: MMODAClass, request: ProductRequest, answer: Answer) -> None:
    """Note a job and its state, without any token."""
    entry = self.journal.find(answer.job_id, self.client.server)
    if entry is not None and entry.status == answer.status:
        return
    query = {
        "instrument": request.instrument,
        "product": request.product,
        "product_type": request.query_type,
        "parameters": dict(request.parameters),
        "uploads": sorted(request.files),
    }
    begun = entry.submitted if entry is not None else time.time()
    self.journal.record(
        JournalEntry(answer.job_id, _KIND, self.client.server, answer.status, begun, query)
    )


def recorded_request(self: MMODAClass, job_id: str) -> tuple[JournalEntry, ProductRequest]:
    """Return what was noted about a job, and its request.

    Raises
    ------
    InvalidRequestError
        This machine did not start it, or a file was uploaded for it.
    """
    entry = self.journal.find(job_id, self.client.server)
    if entry is None:
        msg = (
            f"job_id: no job {job_id!r} was started from here at {self.client.server}; repeat "
            "its get_product(...), the dispatcher finds it by its parameters"
        )
        raise InvalidRequestError(msg, parameter="job_id")
    query = entry.query
    if query.get("uploads"):
        msg = (
            f"job_id: files were uploaded for {job_id!r} ({', '.join(query['uploads'])}); repeat "
            "its get_product(...) with them"
        )
        raise InvalidRequestError(msg, parameter="job_id")
    request = ProductRequest(
        query["instrument"], query["product"], query["product_type"], query["parameters"]
    )
    return entry, request


def list_jobs(self: MMODAClass) -> Table:
    """List the jobs that this machine started in the last 30 days, newest first.

    Returns
    -------
    `~astropy.table.Table`
        ``job_id``, ``instrument``, ``product``, ``status`` as last seen, ``submitted`` (UTC),
        ``service``.
    """
    entries = [entry for entry in self.journal.entries() if entry.kind == _KIND]
    submitted = np.array([entry.submitted for entry in entries], dtype=float)
    names = ("instrument", "product")
    columns = {name: [str(entry.query.get(name, "")) for entry in entries] for name in names}
    return Table(
        {
            "job_id": np.array([entry.job_id for entry in entries], dtype=str),
            **{name: np.array(values, dtype=str) for name, values in columns.items()},
            "status": np.array([entry.status for entry in entries], dtype=str),
            "submitted": Time(submitted, format="unix").isot if entries else np.array([], str),
            "service": np.array([entry.service for entry in entries], dtype=str),
        }
    )
