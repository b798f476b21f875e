"""Where batches are reduced and analysed: a thread here, other processes, or a Dask cluster."""

from __future__ import annotations

import gc
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import current_process, get_context, parent_process
from types import TracebackType
from typing import Any, Self

from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError

__all__ = ["EXECUTORS", "DaskExecutor", "Executor", "open_executor", "usable_cores"]

EXECUTORS = ("threads", "processes", "dask")


def usable_cores() -> int:
    """Return how many processes this one may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Executor(ABC):
    """Runs functions somewhere and gives futures of their results.

    Attributes
    ----------
    slots : int
        How many tasks keep all of it busy; more than that only wait.
    is_here : bool
        Whether tasks see the objects of this process, so that nothing is sent.
    """

    slots: int = 1
    is_here: bool = False

    @abstractmethod
    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Begin a call; return a future with ``add_done_callback`` and ``result``."""

    @abstractmethod
    def close(self) -> None:
        """Stop what has not begun, and let go of the rest."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Threads(Executor):
    is_here = True

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "retriever-analysis")
        self.slots = workers + 1

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Processes(Executor):
    def __init__(self, workers: int) -> None:
        _refuse_while_starting()
        # Forking a process that has threads, as this one does, may lock the child up for ever.
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"), _settle)
        self.slots = workers + 1

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._pool.submit(function, *args)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class DaskExecutor(Executor):
    """Tasks on the workers of a Dask cluster.

    Parameters
    ----------
    client : dask.distributed.Client
        Connected to the cluster. Its workers need the package, the folder of the data, and the
        modules of the user's own classes.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._begun: set[Any] = set()
        self.slots = 2 * max(1, sum(client.nthreads().values()))

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Begin a call on some worker."""
        # Not "pure": the files that a task writes are no part of its result.
        future = self._client.submit(partial(function, *args), pure=False)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return future

    def close(self) -> None:
        """Cancel what has not ended; the client stays open."""
        self._client.cancel(list(self._begun))


def open_executor(name: str = "threads", workers: int = 0, client: Any = None) -> Executor:
    """Return an executor.

    Parameters
    ----------
    name : {"threads", "processes", "dask"}
        ``"threads"`` works in this process, on one core at a time. ``"processes"`` starts
        others; a script that uses it needs ``if __name__ == "__main__":``. ``"dask"`` sends to
        a cluster.
    workers : int, optional
        How many threads or processes; 0 for one thread, or one process per core.
    client : dask.distributed.Client, optional
        For ``"dask"``; the newest client of this process unless given.

    Raises
    ------
    InvalidRequestError
        There is no such executor, or no client for Dask.
    """
    if name == "threads":
        return _Threads(workers or 1)
    if name == "processes":
        return _Processes(workers or usable_cores())
    if name == "dask":
        return DaskExecutor(client or _current_client())
    msg = f"executor: {name!r} is not known; choose from {EXECUTORS}"
    raise InvalidRequestError(msg, parameter="executor")


def _current_client() -> Any:
    try:
        from distributed import default_client
    except ModuleNotFoundError as err:
        msg = "executor: 'dask' needs dask.distributed; pip install 'astroquery_mmdc[scale]'"
        raise InvalidRequestError(msg, parameter="executor") from err
    try:
        return default_client()
    except ValueError as err:
        msg = "executor: 'dask' needs a cluster; make a dask.distributed.Client and pass client="
        raise InvalidRequestError(msg, parameter="executor") from err


def _settle() -> None:
    """Leave Ctrl-C to the process that waits, and what was imported to itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The collector would look at all of it again and again, which takes a tenth of the time.
    gc.freeze()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it was killed; nobody else would."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _refuse_while_starting() -> None:
    """End a process that reads the user's script only to find what to compute."""
    if getattr(current_process(), "_inheriting", False):
        msg = (
            "executor: 'processes' was started while one of its processes read the script; "
            "write `if __name__ == '__main__':` before run()"
        )
        raise MMDCError(msg)
