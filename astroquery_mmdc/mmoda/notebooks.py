"""Annotated notebooks of this machine as instruments, beside those of the dispatcher."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import anyio

from astroquery_mmdc.exceptions import InvalidRequestError, JobTimeoutError
from astroquery_mmdc.mmoda.description import Description, read_description
from astroquery_mmdc.mmoda.jobs import ProductJob
from astroquery_mmdc.mmoda.protocol import Answer, ProductRequest, read_report
from astroquery_mmdc.schema.dispatcher import QueryStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from astroquery_mmdc.mmoda.core import MMODAClass
    from astroquery_mmdc.notebooks import Notebook
    from astroquery_mmdc.schema.instruments import InstrumentSpec

__all__ = ["LocalInstruments", "register_notebook", "run_local"]

# Notebooks of one process that run at once; the others wait.
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class _Local:
    """An instrument whose products are made by notebooks."""

    spec: InstrumentSpec
    notebooks: Mapping[str, Notebook]
    seconds: float

    @property
    def description(self) -> Description:
        """What it is, as a dispatcher would tell it."""
        from astroquery_mmdc.schema.instruments import meta_data

        return read_description(meta_data(self.spec))


@dataclass(slots=True)
class LocalInstruments:
    """The instruments of this machine, by name."""

    _known: dict[str, _Local] = field(default_factory=dict)
    _places: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE)
    )

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._known))

    def __getitem__(self, name: str) -> _Local:
        return self._known[name]

    def add(self, local: _Local) -> None:
        """Add an instrument; one of the same name is replaced."""
        self._known[local.spec.name] = local

    def make(
        self, request: ProductRequest, stop: threading.Event, report: Callable[[Any], None]
    ) -> dict[str, Any]:
        """Make a product; waits for a place first. Called in a thread."""
        from astroquery_mmdc.notebooks import RunLimits, run_notebook

        local = self._known[request.instrument]
        values, _ = _values(local, request)
        while not self._places.acquire(timeout=0.1):
            if stop.is_set():
                return {}
        try:
            return run_notebook(
                local.notebooks[request.product],
                values,
                limits=RunLimits(seconds=local.seconds),
                stop=stop,
                report=report,
            )
        finally:
            self._places.release()


def register_notebook(
    self: MMODAClass,
    *paths: str | os.PathLike[str],
    name: str | None = None,
    seconds: float = 600.0,
) -> str:
    """Make an instrument of annotated notebooks; `get_product` then runs them on this machine.

    Parameters
    ----------
    *paths : path-like
        Notebooks, each of which makes one product, named as its file.
    name : str, optional
        Name of the instrument; that of the first file by default.
    seconds : float, optional
        How long a notebook may run.

    Returns
    -------
    str
        Name of the instrument.

    Raises
    ------
    InvalidRequestError
        A file is no notebook, or its annotations are wrong.

    Notes
    -----
    Parameters and results are marked by comments with terms of MMODA's ontology. A notebook runs
    in processes of its own, with papermill (extra ``notebooks``), two at once at the most. It
    comes before an instrument of the same name at the dispatcher.
    """
    from astroquery_mmdc.notebooks import instrument_of, read_notebook

    if not paths:
        msg = "paths: no notebook was given; give the path of an .ipynb file"
        raise InvalidRequestError(msg, parameter="paths")
    notebooks = [read_notebook(os.fspath(path)) for path in paths]
    spec = instrument_of(notebooks, name)
    by_product = {one.product.name: one for one in notebooks}
    self.local_instruments.add(_Local(spec, by_product, seconds))
    return spec.name


async def run_local(
    self: MMODAClass,
    job: ProductJob,
    request: ProductRequest,
    *,
    deadline: float,
    notify: Callable[[], None],
) -> Answer:
    """Make the product of a local instrument, as the dispatcher would answer it.

    Parameters
    ----------
    self : MMODAClass
    job : ProductJob
        Kept up to date.
    request : ProductRequest
    deadline : float
        Moment of `time.monotonic` at which the run ends.
    notify : callable
        Called when there is news about the job.

    Returns
    -------
    Answer

    Raises
    ------
    JobFailedError
        A cell of the notebook failed; the message names it.
    JobTimeoutError
        The deadline passed.
    """
    local = self.local_instruments[request.instrument]
    values, unknown = _values(local, request)
    job_id = _job_id(local, request.product, values)
    job.job_id, job.status = job_id, QueryStatus.SUBMITTED
    stop, ended = threading.Event(), QueryStatus.FAILED
    try:
        with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
            products = await anyio.to_thread.run_sync(
                self.local_instruments.make,
                request,
                stop,
                partial(_note, job, notify),
                abandon_on_cancel=True,
            )
        ended = QueryStatus.DONE
    except TimeoutError as err:
        msg = f"{request.instrument}: the time is over and the notebook was stopped; raise timeout="
        raise JobTimeoutError(msg, job_id=job_id) from err
    finally:
        stop.set()
        job.status = ended
        notify()
    asked = {**values, "instrument": request.instrument, "product_type": request.product}
    return Answer(
        status=QueryStatus.DONE,
        job_id=job_id,
        session_id=job.session_id,
        products={**products, "analysis_parameters": asked},
        comment=f"not used: {', '.join(unknown)}" if unknown else "",
    )


def _note(job: ProductJob, notify: Callable[[], None], progress: Mapping[str, Any]) -> None:
    """Take what a run tells about itself, many times the same."""
    report = read_report({"full_report_dict": progress})
    if progress and report != job.report:
        job.status, job.report = QueryStatus.PROGRESS, report
        notify()


def _values(local: _Local, request: ProductRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
    from astroquery_mmdc.schema.instruments import read_values

    return read_values(local.spec.product(request.product), request.parameters)


def _job_id(local: _Local, product: str, values: Mapping[str, Any]) -> str:
    request = [local.notebooks[product].digest, product, dict(values)]
    return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]
