"""Ctrl-C while a run goes on: the first one ends it in order, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["on_interrupt"]


@contextmanager
def on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Call a function at the first Ctrl-C instead of raising `KeyboardInterrupt`.

    Parameters
    ----------
    act : callable
        What to do; it runs between two instructions of the main thread and must not wait.

    Notes
    -----
    In other threads than the main one there are no signals, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        act()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
