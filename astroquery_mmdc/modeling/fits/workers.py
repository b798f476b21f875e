"""Likelihoods of many points, over processes, in the order of the points."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import current_process, get_context
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError, MMDCError
from astroquery_mmdc.modeling.fits.problem import Problem

__all__ = ["Evaluator", "refuse_while_starting", "safe_processes", "usable_cores"]

Array = NDArray[np.float64]

_LARGEST_CHUNK = 100


def usable_cores() -> int:
    """Return how many processes this one may keep busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def safe_processes(wanted: int) -> int:
    """Return how many processes to start: as many as wanted, or one with a warning.

    A new process reads the user's script from its beginning. Where that has no guard, everything
    in it would happen once more in each of them.
    """
    script = _unguarded_script()
    if wanted == 1 or script is None:
        return wanted
    warnings.warn(
        f"processes: {script} has no `if __name__ == '__main__':` around what it does, so that "
        "other processes would do it all again; one process computes the fit. Put it around, or "
        "say processes=1",
        InputWarning,
        stacklevel=2,
    )
    return 1


def _unguarded_script() -> str | None:
    """Return the script that runs, where new processes would run it once more."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    # Notebooks and shells have no file; what runs by `python -m` is a module made for it.
    if path is None or getattr(main, "__spec__", None) is not None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "__name__" in text else str(path)


class Evaluator:
    """Computes log-likelihoods, in this process or in several others.

    Parameters
    ----------
    problem : Problem
    processes : int
        1 computes here.

    Notes
    -----
    The answers do not depend on the number of processes. When a process dies, its points are
    computed again by new ones; when these die too, the rest is computed here, with a warning.
    """

    def __init__(self, problem: Problem, processes: int = 1) -> None:
        if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
            msg = f"processes: {processes!r} is no number of processes; use 1 or more"
            raise InvalidRequestError(msg, parameter="processes")
        self.problem = problem
        self.processes = safe_processes(processes)
        self.count = 0
        self._pool: ProcessPoolExecutor | None = None
        self._lives = 2
        if self.processes > 1:
            refuse_while_starting()
            self._start()

    def _start(self) -> None:
        # Forking a process that has threads, as a notebook has, may lock it up for ever.
        context = get_context("spawn")
        self._pool = ProcessPoolExecutor(self.processes, context, _ignore_interrupts)
        # They import and compile while the optimum is searched here.
        point = self.problem.from_cube(np.full((1, len(self.problem.priors)), 0.5))
        for _ in range(self.processes):
            self._pool.submit(_compute, self.problem, point)

    def __call__(self, points: Array) -> Array:
        """Return the log-likelihoods of points [n, k]."""
        self.count += len(points)
        while self._pool is not None:
            try:
                return self._over_processes(self._pool, points)
            except BrokenProcessPool:
                self._replace_pool()
        return self.problem.log_likelihoods(points)

    def _over_processes(self, pool: ProcessPoolExecutor, points: Array) -> Array:
        size = min(_LARGEST_CHUNK, max(1, -(-len(points) // (3 * self.processes))))
        jobs: list[Future[Array]] = [
            pool.submit(_compute, self.problem, points[first : first + size])
            for first in range(0, len(points), size)
        ]
        return np.concatenate([job.result() for job in jobs]) if jobs else np.empty(0)

    def _replace_pool(self) -> None:
        self._lives -= 1
        self.close()
        if self._lives > 0:
            warnings.warn(
                "processes: one of the processes of the fit died (killed, or out of memory); "
                "its points are computed again",
                InputWarning,
                stacklevel=4,
            )
            self._start()
            return
        warnings.warn(
            "processes: the processes of the fit die again and again; the rest is computed in "
            "this one. In a script, fits over processes need `if __name__ == '__main__':`, or "
            "processes=1",
            InputWarning,
            stacklevel=4,
        )

    def close(self) -> None:
        """End the other processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _compute(problem: Problem, points: Array) -> Array:
    return problem.log_likelihoods(points)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that waits: it knows what to keep."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def refuse_while_starting() -> None:
    """End a process that reads the user's script only to find what to compute."""
    if getattr(current_process(), "_inheriting", False):
        msg = "a fit over processes was started while its script was read by one of them"
        raise MMDCError(msg)
