"""Fits on this machine, for `fit_model`."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.io.registry import IORegistryError
from astropy.table import Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmdc.csv_files import check_fit_csv, csv_content
from astroquery_mmdc.mmdc.progress import Progress
from astroquery_mmdc.modeling import FitResult
from astroquery_mmdc.net import Job, JobProgress

__all__ = ["LocalSource", "local_fit"]

_PARAMETER = "sed_or_csv"


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A source and what is known of it, in the service's terms.

    Parameters
    ----------
    model_type : str
    z : float
    ebl : bool
    fixed : mapping of str to float
        Parameters to hold.
    neutrinos : mapping
        ``likelihood_type`` and its numbers, None where they are not given.
    """

    model_type: str
    z: float
    ebl: bool
    fixed: Mapping[str, float]
    neutrinos: Mapping[str, Any]


def local_fit(
    job: Job, points: Any, source: LocalSource, progress: Progress, choices: Mapping[str, Any]
) -> Coroutine[Any, Any, FitResult]:
    """Return what makes a fit in a thread of its own; what is wrong with the file is said at once.

    Parameters
    ----------
    job : Job
        Is kept up to date.
    points : SED, Table, path or file object
    source : LocalSource
    progress : bool or callable
        As in `query_sed`.
    choices : mapping
        What `astroquery_mmdc.modeling.fit` takes besides.
    """
    table = read_points(points, job)
    settings = _settings(source, choices)
    stop = threading.Event()
    job.on_interrupt = stop.set

    def compute() -> FitResult:
        from astroquery_mmdc.modeling.fits.fitting import fit

        told = _Told(job, stop, progress)
        result = fit(table, source.model_type, progress=told, **settings)
        facts = {"z": source.z, "ebl": source.ebl, "model_type": source.model_type}
        result.meta["mmdc"] = {"service": "local", "query": facts}
        return result

    return _in_thread(compute, stop)


class _Told:
    """Passes on how far a fit is, and stops it when nobody waits for it any more."""

    def __init__(self, job: Job, stop: threading.Event, progress: Progress) -> None:
        from astroquery_mmdc.modeling.fits.progress import Progress as Bar

        self._job, self._stop = job, stop
        self._call = progress if callable(progress) else None
        self._bar = Bar(progress is True)
        self._has_stopped = False

    def __call__(self, step: Any) -> None:
        if self._stop.is_set() and not self._has_stopped:
            # As Ctrl-C in the thread of the fit: it returns what it has, and its checkpoint stays.
            self._has_stopped = True
            raise KeyboardInterrupt
        self._bar(step.stage, step.part)
        if self._call is not None:
            done = round(100.0 * step.part)
            self._call(JobProgress("", self._job.status, step.stage, done, 100))


def _settings(source: LocalSource, choices: Mapping[str, Any]) -> dict[str, Any]:
    from astroquery_mmdc.modeling.fits.search import usual_method
    from astroquery_mmdc.modeling.fits.service_terms import neutrino_term

    likelihood_type = source.neutrinos.get("likelihood_type")
    if "neutrinos" in choices and likelihood_type is not None:
        msg = f"neutrinos: given, and likelihood_type={likelihood_type!r} as well; leave one out"
        raise InvalidRequestError(msg, parameter="neutrinos")
    return {
        "method": usual_method(source.model_type),
        "z": source.z,
        "ebl": source.ebl,
        "fixed": dict(source.fixed),
        "neutrinos": neutrino_term(likelihood_type, source.neutrinos),
        **choices,
    }


def read_points(source: Any, job: Job) -> Table:
    """Return the points of a table, a file, or an open file in any known format."""
    from astroquery_mmdc.sed import SED

    if isinstance(source, Table):
        return source
    is_path = isinstance(source, str | os.PathLike)
    content = b"" if is_path else csv_content(source, job, parameter=_PARAMETER)[1]
    try:
        return SED.read(Path(source) if is_path else io.BytesIO(content))
    except OSError as err:
        msg = f"{_PARAMETER}: {source} cannot be read ({err.strerror}); check the path"
        raise InvalidRequestError(msg, parameter=_PARAMETER) from err
    except IORegistryError as err:
        # Most likely it was to be a CSV for a fit: then this says what is wrong with it.
        check_fit_csv(Path(source).read_bytes() if is_path else content, parameter=_PARAMETER)
        msg = f"{_PARAMETER}: {source} is in no known format; SED.read.list_formats() lists them"
        raise InvalidRequestError(msg, parameter=_PARAMETER) from err


async def _in_thread(compute: Callable[[], FitResult], stop: threading.Event) -> FitResult:
    """Compute in a thread of its own; when nobody waits any more it is told to stop."""
    done = Future[FitResult]()
    done.set_running_or_notify_cancel()  # it stops by itself, and then says so to nobody

    def run() -> None:
        try:
            done.set_result(compute())
        except BaseException as err:
            done.set_exception(err)

    # One of its own: at the end of the interpreter nobody waits for a fit.
    threading.Thread(target=run, name="mmdc-fit", daemon=True).start()
    try:
        return await asyncio.wrap_future(done)
    finally:
        stop.set()
