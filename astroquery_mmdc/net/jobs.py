"""Jobs of a service: what is known about one, and how to wait for its end."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import JobTimeoutError
from astroquery_mmdc.net.client import Reply, ServiceClient
from astroquery_mmdc.schema.wire import Limit

__all__ = ["Job", "JobProgress", "poll"]

_PAUSE_MAX = 30.0
_PAUSE_GROWTH = 1.5
_WAIT_WITH_PROGRESS = 2


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is; what a ``progress`` callable gets.

    Parameters
    ----------
    job_id, status : str
    stage : str
        The service's name of what it does now.
    done, total : int
        Steps of the stage; ``total`` 0 means unknown.
    events : tuple of str
        Lines of the job's log since the last call.
    """

    job_id: str
    status: str
    stage: str = ""
    done: int = 0
    total: int = 0
    events: tuple[str, ...] = ()


@dataclass(eq=False)
class Job:
    """What is known about a query on its way, shared by the loop and the caller."""

    job_id: str | None = None
    status: str = "running"
    on_interrupt: Callable[[], None] | None = None
    """Makes the query end early with what it has; None where Ctrl-C leaves nothing to return."""
    _warnings: list[tuple[str, type[Warning]]] = field(default_factory=list)

    def warn(self, message: str, category: type[Warning]) -> None:
        """Keep a warning for the thread that asked: there it can be filtered and caught."""
        self._warnings.append((message, category))

    def emit_warnings(self) -> None:
        """Emit the kept warnings, each once."""
        kept, self._warnings = self._warnings, []
        for message, category in kept:
            # The caller of the caller: the user's own line.
            warnings.warn(message, category, stacklevel=3)

    def take_warnings(self, other: Job) -> None:
        """Take over the warnings of a part of this query."""
        self._warnings.extend(other._warnings)
        other._warnings.clear()


async def poll(
    client: ServiceClient,
    path: str,
    *,
    job: Job,
    is_ended: Callable[[Mapping[str, Any]], bool],
    deadline: float,
    params: Callable[[], Mapping[str, Any]] | None = None,
    notify: Callable[[Mapping[str, Any]], None] | None = None,
    interval: float | None = None,
) -> dict[str, Any]:
    """Ask for a job until it has ended.

    Parameters
    ----------
    client : ServiceClient
    path : str
        Where the job's state is.
    job : Job
        Its status is kept up to date.
    is_ended : callable
        Tells from an answer whether that was the last one.
    deadline : float
        Moment of `time.monotonic` at which the wait ends.
    params : callable, optional
        Query parameters of the next question.
    notify : callable, optional
        Called with every answer.
    interval : float, optional
        Smallest number of seconds between two questions.

    Returns
    -------
    dict
        The last answer.

    Raises
    ------
    JobTimeoutError
        The deadline passed; the job goes on at the service.
    """
    least = max(conf.poll_interval, 0.0) if interval is None else interval
    pause = least
    while True:
        started = time.monotonic()
        wait = _wait_seconds(deadline - started, with_progress=notify is not None)
        reply = await client.request(
            "GET", path, params=params() if params else None, wait=wait, deadline=deadline
        )
        answer = reply.json_object()
        job.status = str(answer.get("status") or job.status)
        if notify:
            notify(answer)
        if is_ended(answer):
            return answer
        rest = _pause(reply, pause, least, elapsed=time.monotonic() - started)
        pause = min(max(pause, 0.05) * _PAUSE_GROWTH, _PAUSE_MAX)
        if time.monotonic() + rest >= deadline:
            raise _timeout(job)
        await anyio.sleep(rest)


def _wait_seconds(remaining: float, *, with_progress: bool) -> int:
    longest = _WAIT_WITH_PROGRESS if with_progress else Limit.WAIT_MAX
    return int(max(0, min(longest, remaining)))


def _pause(reply: Reply, pause: float, least: float, *, elapsed: float) -> float:
    """Come back at once after a held answer, else after what the service asks for."""
    if reply.has_waited:
        return max(0.0, least - elapsed)
    if reply.retry_after is not None:
        return min(max(reply.retry_after, least), _PAUSE_MAX)
    return pause


def _timeout(job: Job) -> JobTimeoutError:
    msg = (
        f"job {job.job_id} is still {job.status}; it goes on at the service, "
        f"MMDC.get_job({job.job_id!r}) finds it again"
    )
    return JobTimeoutError(msg, job_id=job.job_id or "")
