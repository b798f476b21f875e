"""Watching a process that works for this one, and ending it with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from astroquery_mmdc.exceptions import JobFailedError

__all__ = ["kill_session", "wait_for"]

_TICK_SECONDS = 0.1


def wait_for(
    process: subprocess.Popen[Any],
    *,
    what: str,
    seconds: float,
    stop: threading.Event,
    tell: Callable[[], None],
    note: Callable[[], str],
) -> int:
    """Wait until a process ends and return its status.

    Parameters
    ----------
    process : `subprocess.Popen`
    what : str
        What it does, for messages, such as ``"the fit"``.
    seconds : float
        How long it may take.
    stop : `threading.Event`
        Ends the wait when it is set.
    tell : callable
        Called again and again while it works.
    note : callable
        Returns what else is to be said when the time is over.

    Raises
    ------
    JobFailedError
        ``code`` is ``"stopped"`` or ``"timeout"``; the process still runs.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return process.wait(_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        if stop.is_set():
            msg = f"{what} was stopped"
            raise JobFailedError(msg, code="stopped")
        if time.monotonic() > deadline:
            msg = f"{what} took longer than {seconds:g} s and was stopped{note()}"
            raise JobFailedError(msg, code="timeout")
        tell()


def kill_session(pid: int) -> None:
    """Kill the leader of a session and all in it, as far as they are still there."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
