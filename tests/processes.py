"""Other processes that tests start: they react to Ctrl-C, and are gone afterwards."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(command: Sequence[Any], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a process for as long as a ``with`` block lasts; at its end it is killed.

    A process that a shell started in the background ignores SIGINT, and so would its children:
    what they inherit is restored while one is started.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen([str(word) for word in command], text=True, **options)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()
