"""Fits in processes of their own: one that dies, hangs or is stopped leaves the server alone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc._processes import kill_session, wait_for
from astroquery_mmdc.exceptions import JobFailedError
from astroquery_mmdc.server.answers import json_bytes
from astroquery_mmdc.server.engine import FitOutcome, FitRequest, FitRun
from astroquery_mmdc.server.fit_exchange import (
    ERROR,
    LOG,
    PROGRESS,
    REQUEST,
    Exit,
    FitTask,
    read_outcome,
)

__all__ = ["run_fit"]

log = logging.getLogger(__name__)

_PACKAGE_ROOT = str(Path(__file__).parents[2])
_GRACE_SECONDS = 5.0
_LOG_TAIL = 4000
_AGAIN = "send the same fit again: it goes on from where it was"


def run_fit(request: FitRequest, run: FitRun, *, seconds: float, **settings: Any) -> FitOutcome:
    """Compute a fit in a process of its own and wait for it.

    Parameters
    ----------
    request : FitRequest
        What to fit.
    run : FitRun
        Its folder is that of the process, its ``stop`` is passed on to it.
    seconds : float
        How long it may take.
    **settings
        Fields of `FitTask` besides the request.

    Raises
    ------
    JobFailedError
        The process died, took too long, or was stopped; or the fit itself failed, in its own words.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    finished = read_outcome(run.folder)
    if finished is not None:
        return finished  # the server ended before it could take it
    (run.folder / ERROR).unlink(missing_ok=True)
    task = FitTask(request=request, **settings)
    write_atomic(run.folder / REQUEST, json_bytes(task))
    with _process(run.folder) as process:
        status = wait_for(
            process,
            what="the fit",
            seconds=seconds,
            stop=run.stop,
            tell=lambda: run.report(_progress(run.folder)),
            note=lambda: f"; {_AGAIN}",
        )
    outcome = read_outcome(run.folder)
    if outcome is None:
        _explain(run.folder, status)
    return outcome


@contextmanager
def _process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process; at the end it and all that it started are gone."""
    # The same package as here, wherever the interpreter found it; the folder has no say.
    path = os.pathsep.join(filter(None, (_PACKAGE_ROOT, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "astroquery_mmdc.server.fit_worker", str(folder)]
    with (folder / LOG).open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closed, whatever happens to the server: then the worker ends
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the server, which then stops its workers
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        kill_session(process.pid)
        process.wait()


def _progress(folder: Path) -> Mapping[str, Any]:
    try:
        progress = msgspec.json.decode((folder / PROGRESS).read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return progress if isinstance(progress, dict) else {}


def _explain(folder: Path, status: int) -> NoReturn:
    """Raise what a process that ended without a result has to say."""
    if status < 0:
        name = signal.Signals(-status).name
        memory = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
        msg = f"the process that computed the fit was ended by {name}{memory}; {_AGAIN}"
        raise JobFailedError(msg, code="killed")
    if status == Exit.REFUSED:
        words = msgspec.json.decode((folder / ERROR).read_bytes())
        raise JobFailedError(str(words["error"]), code=str(words["code"]))
    with suppress(OSError):
        log.error("a fit ended with %d: %s", status, (folder / LOG).read_text()[-_LOG_TAIL:])
    msg = f"the worker ended with status {status}"
    raise RuntimeError(msg)
