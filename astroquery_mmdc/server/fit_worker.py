"""The process that computes one fit: ``python -m astroquery_mmdc.server.fit_worker FOLDER``.

It reads the request in the folder and leaves its outcome, or an error, there. It ends when its
standard input is closed: whoever started it wants it no more, or is gone.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.server.answers import json_bytes
from astroquery_mmdc.server.fit_exchange import (
    ERROR,
    PROGRESS,
    REQUEST,
    Exit,
    FitTask,
    write_outcome,
)

__all__ = ["main"]

_LOCK_SECONDS = 30.0
_GRACE_SECONDS = 10.0
_REPORT_SECONDS = 0.3


def main(folder: Path) -> int:
    """Compute the fit of a folder; return the exit status."""
    stopped = threading.Event()
    threading.Thread(target=_watch, args=(stopped,), daemon=True).start()
    try:
        # A worker of a server that was killed may take a moment to end.
        with FileLock(folder / "lock", timeout=_LOCK_SECONDS):
            _compute(folder, stopped)
    except KeyboardInterrupt:
        return Exit.STOPPED
    except MMDCError as err:
        return _refused(folder, str(err), getattr(err, "code", "invalid"))
    except MemoryError:
        return _refused(folder, "the fit needs more memory than there is", "memory")
    except BrokenExecutor:
        words = "a process of the fit was killed; send the same fit again: it goes on"
        return _refused(folder, words, "killed")
    except Exception:
        traceback.print_exc()
        return Exit.STOPPED if stopped.is_set() else Exit.FAILED
    return Exit.STOPPED if stopped.is_set() else Exit.DONE


def _compute(folder: Path, stopped: threading.Event) -> None:
    from astroquery_mmdc.server.fit_engine import compute

    task = msgspec.json.decode((folder / REQUEST).read_bytes(), type=FitTask)
    report = _reporter(folder)
    report({"stage": "start", "done": 0, "total": 1})
    outcome = compute(task, folder, report)
    # What an interrupted fit has is in its checkpoint and not its result.
    if not stopped.is_set():
        write_outcome(folder, outcome)


def _refused(folder: Path, words: str, code: str) -> int:
    write_atomic(folder / ERROR, json_bytes({"error": words, "code": code}))
    return Exit.REFUSED


def _reporter(folder: Path) -> Callable[[Mapping[str, Any]], None]:
    """Return what writes down how far the fit is: each stage, and a few times in a second."""
    stage, latest = "", 0.0

    def report(progress: Mapping[str, Any]) -> None:
        nonlocal stage, latest
        now, is_new = time.monotonic(), progress.get("stage") != stage
        if now - latest < _REPORT_SECONDS and not is_new:
            return
        stage, latest = str(progress.get("stage")), now
        temporary = folder / f".{PROGRESS}"
        try:
            temporary.write_bytes(json_bytes(dict(progress)))
            temporary.replace(folder / PROGRESS)
        except OSError:
            return  # a full disk must not end a fit for the sake of its progress

    return report


def _watch(stopped: threading.Event) -> None:
    """Interrupt the fit when nobody wants it any more; end the process if that takes too long."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stopped.set()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
    threading.Event().wait(_GRACE_SECONDS)
    # The processes of the fit belong to the same session, which is its own.
    if hasattr(os, "getsid") and os.getsid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(Exit.STOPPED)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
