"""What ``progress=None|True|callable`` means for products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.net import JobProgress

__all__ = ["Progress", "count_bar", "reporter"]

Progress = bool | Callable[[JobProgress], None] | None


def reporter(progress: Progress) -> Callable[[JobProgress], None] | None:
    """Return what is called at every answer about a job, or None.

    Parameters
    ----------
    progress : None, bool or callable
        True shows one line on the terminal; a callable gets a `JobProgress`.
    """
    if progress is None or progress is False:
        return None
    if progress is True:
        return _Line()
    if not callable(progress):
        msg = f"progress: {progress!r} is neither None nor True nor callable"
        raise InvalidRequestError(msg, parameter="progress")
    return progress


class _Line:
    """One line on stderr that follows a job."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, progress: JobProgress) -> None:
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(total=progress.total or None, leave=False)
        self._bar.set_description(
            f"{progress.job_id[:8]} {progress.status} {progress.stage}".strip(), refresh=False
        )
        self._bar.total = progress.total or None
        self._bar.n = progress.done
        self._bar.refresh()
        if progress.status in ("done", "failed"):
            self._bar.close()


def count_bar(total: int) -> Any:
    """Return a bar that counts finished products."""
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="product", leave=False)
