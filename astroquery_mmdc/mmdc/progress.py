"""What ``progress=None|True|callable`` means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.net import Job, JobProgress

__all__ = ["Progress", "watcher"]

Progress = bool | Callable[[JobProgress], None] | None


def watcher(progress: Progress, job: Job) -> Callable[[Mapping[str, Any]], None] | None:
    """Return what has to be called with every answer about a job, or None.

    Parameters
    ----------
    progress : None, bool or callable
        True shows a progress bar on the terminal; a callable gets a `JobProgress`.
    job : Job
    """
    if progress is None or progress is False:
        return None
    if progress is not True and not callable(progress):
        msg = f"progress: {progress!r} is neither None nor True nor callable"
        raise InvalidRequestError(msg, parameter="progress")
    report: Callable[[JobProgress], None] = _Bar() if progress is True else progress
    return lambda answer: report(_progress_of(answer, job))


def _progress_of(answer: Mapping[str, Any], job: Job) -> JobProgress:
    nested = answer.get("job")
    state = nested if isinstance(nested, Mapping) else answer
    step = state.get("progress") or {}
    events = state.get("events") or []
    return JobProgress(
        job_id=job.job_id or str(answer.get("id", "")),
        status=str(answer.get("status", job.status)),
        stage=str(step.get("stage", "")),
        done=int(step.get("done") or 0),
        total=int(step.get("total") or 0),
        events=tuple(_line(event) for event in events if isinstance(event, Mapping)),
    )


def _line(event: Mapping[str, Any]) -> str:
    words = (event.get("subject"), event.get("text") or event.get("outcome"))
    return " ".join(str(word) for word in words if word)


class _Bar:
    """One bar on stderr that follows the stages of a job."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, progress: JobProgress) -> None:
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(total=progress.total or None, unit="step", leave=False)
        self._bar.set_description(f"{progress.stage or progress.status}", refresh=False)
        self._bar.total = progress.total or None
        self._bar.n = progress.done
        self._bar.refresh()
        if progress.status not in ("queued", "running", "processing"):
            self._bar.close()
