"""Downloads side by side, handed out in their order, and what is noted of those that fail."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.keeping import Keeper, Task

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.observatories.fetching import Fetching

__all__ = ["Failed", "downloaded"]

# Downloads that may wait for a slower one before them, for each thread.
_AHEAD = 4


class Failed:
    """A source that failed."""

    def __init__(self, index: int, row: Mapping[str, Any], error: Exception, step: str) -> None:
        self.index = index
        self.row = row
        self.error = error
        self.step = step

    def record(self) -> dict[str, Any]:
        """Return what goes to ``failures_list``."""
        text = "".join(traceback.format_exception(self.error))
        return {"index": self.index, "error": text, "cat_row": dict(self.row)}

    def columns(self, observatory: str) -> dict[str, Any]:
        """Return what goes to the database."""
        return {
            "source_name": self.row["name"],
            "observatory": observatory,
            "step": self.step,
            "error": f"{type(self.error).__name__}: {self.error}",
            "traceback": "".join(traceback.format_exception(self.error)),
        }


def downloaded(
    observatory: Fetching,
    keeper: Keeper,
    tasks: Iterable[Task | Failed],
    download_args: Mapping[str, Any],
) -> Iterator[Task | Failed]:
    """Yield sources in their order when their data are there.

    With threads, the next downloads go on while a slow one is waited for.
    """
    threads = observatory.pars.num_threads_download
    waiting: deque[tuple[Task | Failed, Callable[[], LightCurve] | None]] = deque()
    pool = ThreadPoolExecutor(max(1, threads), f"fetch-{observatory.name}")
    try:
        for task in tasks:
            get: Callable[[], LightCurve] | None = None
            if isinstance(task, Task) and keeper.needs_download(task, download_args):
                ask = partial(observatory.download, task.row, **download_args)
                get = pool.submit(ask).result if threads > 0 else ask
            waiting.append((task, get))
            if len(waiting) > threads * _AHEAD:
                yield _outcome(keeper, *waiting.popleft())
        while waiting:
            yield _outcome(keeper, *waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _outcome(
    keeper: Keeper, task: Task | Failed, get: Callable[[], LightCurve] | None
) -> Task | Failed:
    if get is None or isinstance(task, Failed):
        return task
    try:
        keeper.keep_raw(task, get())
    except Exception as err:  # whatever is wrong with a source, the others go on
        return Failed(task.index, task.row, err, "fetch")
    return task
