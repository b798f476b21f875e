"""Warnings of libraries, silenced or collected, in programs of many threads."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

__all__ = ["filtered_warnings"]

_lock = threading.RLock()


@contextmanager
def filtered_warnings(
    action: Literal["ignore", "error", "always"], *, record: bool = False
) -> Iterator[list[warnings.WarningMessage]]:
    """Treat warnings in one way inside of a ``with`` block.

    The filters of warnings belong to the whole process: two threads that change and restore them
    at the same time would leave them changed. So only one does at a time; keep the block short,
    and wait for nothing in it.

    Parameters
    ----------
    action : {"ignore", "error", "always"}
        What to do with a warning.
    record : bool, optional
        Whether to collect instead of show them.

    Yields
    ------
    list
        What was collected.
    """
    with _lock, warnings.catch_warnings(record=record) as collected:
        warnings.simplefilter(action)
        yield collected if collected is not None else []
