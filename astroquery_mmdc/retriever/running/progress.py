"""How far a run is: a bar on the terminal, or a function that is called."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Progress", "RunProgress", "RunReporter"]


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One message about a run.

    Parameters
    ----------
    done, failed : int
        Sources finished in this run, and sources that failed.
    total : int
        Sources that this run began with.
    elapsed : float
        Seconds since it began.
    """

    done: int
    failed: int
    total: int
    elapsed: float

    @property
    def rate(self) -> float:
        """Sources per second."""
        return (self.done + self.failed) / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds that are left at this rate, None where there is none yet."""
        left = self.total - self.done - self.failed
        return left / self.rate if self.rate else None


Progress = bool | Callable[[RunProgress], Any] | None


class RunReporter:
    """Shows how far a run is.

    Parameters
    ----------
    progress : bool, callable or None
        None draws a bar if there is a terminal, True in any case, False never; a function is
        called with a `RunProgress` after each batch.
    total : int
        Number of sources.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        if not (progress is None or isinstance(progress, bool) or callable(progress)):
            msg = f"progress: {progress!r} is neither None nor a boolean nor callable"
            raise InvalidRequestError(msg, parameter="progress")
        self._call = progress if callable(progress) else None
        self._total, self._started = total, time.monotonic()
        self.done = self.failed = 0
        shows = progress is True or (progress is None and sys.stderr.isatty())
        self._bar = _bar(total) if shows and total else None

    def add(self, done: int, failed: int) -> None:
        """Count sources, and tell."""
        self.done, self.failed = self.done + done, self.failed + failed
        if self._bar is not None:
            self._bar.set_postfix(failed=self.failed, refresh=False)
            self._bar.update(done + failed)
        if self._call is not None:
            elapsed = time.monotonic() - self._started
            self._call(RunProgress(self.done, self.failed, self._total, elapsed))

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


def _bar(total: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="source", dynamic_ncols=True)
