"""The order of a run: fetch within a window, analyse elsewhere, commit here."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.retriever.running.batches import Batch, Holding, Outcome
from astroquery_mmdc.retriever.running.executor import Executor
from astroquery_mmdc.retriever.running.failures import Failure, FailureLimits, RunStoppedError
from astroquery_mmdc.retriever.running.interrupts import on_interrupt
from astroquery_mmdc.retriever.running.progress import RunReporter

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.running.fetching import FetchJob, Supply
    from astroquery_mmdc.retriever.running.ledger import Ledger

__all__ = ["Scheduler"]

_log = logging.getLogger(__name__)

_DEAD_WORKER = (
    "a process that analyses died (killed, or out of memory); run again to go on, with fewer "
    "num_workers or a smaller source_batch_size if it was the memory"
)


@dataclass(slots=True)
class _Active:
    """A batch under way."""

    batch: Batch
    pending: int
    dropped: list[str] = field(default_factory=list)


class Scheduler:
    """Brings sources from the catalogue to the database.

    Parameters
    ----------
    supply : Supply
        Fetches raw data, in threads.
    executor : Executor
        Where batches are analysed.
    analyse : callable
        Turns a `Batch` into an `Outcome`; it is called there.
    ledger : Ledger
        What is finished, and who works on what.
    limits : FailureLimits
        When there are too many failures.
    reporter : RunReporter
        Is told how far it is.
    batch_size : int
        Sources that are analysed and committed together.
    buffer_size : int
        Sources that are under way at once.
    keep : callable
        Is given every outcome that was committed.

    Notes
    -----
    Everything but fetching and analysing happens in the thread that calls `run`. Threads and
    processes only put messages into a queue, and this thread takes them out; so there is one
    writer, and nothing here needs a lock.
    """

    def __init__(
        self,
        *,
        supply: Supply,
        executor: Executor,
        analyse: Callable[[Batch], Any],
        ledger: Ledger,
        limits: FailureLimits,
        reporter: RunReporter,
        batch_size: int,
        buffer_size: int,
        keep: Callable[[Outcome], None],
    ) -> None:
        self._supply, self._executor, self._analyse = supply, executor, analyse
        self._ledger, self._limits, self._reporter = ledger, limits, reporter
        self._keep = keep
        self._batch_size = max(1, batch_size)
        # Enough to fetch the next batches while every worker has one.
        self._window = max(buffer_size, (executor.slots + 1) * self._batch_size)
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._in_flight = self._running = 0
        self._ready: deque[Batch] = deque()
        self._is_interrupted = False
        self.elsewhere: list[str] = []

    def run(self, names: Iterable[str]) -> None:
        """Work until all sources are done, or there is a reason to stop.

        Parameters
        ----------
        names : iterable of str
            What is to be done, in this order.

        Raises
        ------
        RunStoppedError
            Too many sources failed, or a process died.
        KeyboardInterrupt
            The user pressed Ctrl-C. In both cases what was begun has been finished.
        """
        chunks = _chunks(names, self._batch_size)
        with on_interrupt(lambda: self._events.put(self._interrupt)):
            try:
                self._work(chunks)
            except BrokenExecutor as err:
                raise RunStoppedError(_DEAD_WORKER) from err
        if self._is_interrupted:
            raise KeyboardInterrupt
        if self._limits.reason:
            msg = f"{self._limits.reason}; see Project.failures_list, then run(retry_failed=True)"
            raise RunStoppedError(msg)

    @property
    def _stops(self) -> bool:
        return self._is_interrupted or self._limits.reason is not None

    def _work(self, chunks: Iterator[list[str]]) -> None:
        has_more = True
        while True:
            while has_more and not self._stops and self._in_flight < self._window:
                chunk = next(chunks, None)
                has_more = chunk is not None
                if chunk is not None:
                    self._begin(chunk)
            if not self._in_flight:
                return
            self._events.get()()

    def _interrupt(self) -> None:
        _log.warning("interrupted: what was begun is finished; press Ctrl-C again to end at once")
        self._is_interrupted = True
        self._supply.cancel()

    # ---------------------------------------------------------------- fetch

    def _begin(self, chunk: list[str]) -> None:
        mine = self._ledger.claim(chunk)
        if len(mine) < len(chunk):
            taken = set(mine)
            self.elsewhere += [name for name in chunk if name not in taken]
        if not mine:
            return
        batch, jobs = self._supply.plan(mine)
        self._in_flight += len(batch.rows)
        active = _Active(batch, len(jobs))
        if not jobs:
            self._fetched_all(active)
        for job in jobs:
            self._watch(self._supply.submit(job), self._fetched, active, job)

    def _watch(self, future: Any, handle: Callable[..., None], *args: Any) -> None:
        """Have a future handled by the thread of `run` when it ends."""
        future.add_done_callback(lambda done: self._events.put(lambda: handle(*args, done)))

    def _fetched(self, active: _Active, job: FetchJob, future: Any) -> None:
        try:
            holding: Holding | None = future.result()
        except CancelledError:
            active.dropped.append(job.name)
        except Exception as err:
            self._fail(active.batch, Failure.of(err, job.name, "fetch", job.observatory))
        else:
            self._limits.succeeded("fetch")
            if holding is None:
                active.dropped.append(job.name)
            else:
                active.batch.holdings[job.name, job.observatory] = holding
        active.pending -= 1
        if not active.pending:
            self._fetched_all(active)

    def _fail(self, batch: Batch, failure: Failure) -> None:
        _log.warning("%s %s: %s", failure.observatory, failure.name, failure.error)
        batch.failures.append(failure)
        self._limits.failed(failure.step)
        if self._limits.reason:
            self._supply.cancel()

    def _fetched_all(self, active: _Active) -> None:
        batch = active.batch
        if active.dropped:
            batch = batch.without(active.dropped)
            self._in_flight -= len(active.batch.rows) - len(batch.rows)
            self._ledger.release(active.dropped)
        if batch.rows:
            self._ready.append(batch)
            self._submit_ready()

    # ---------------------------------------------------------------- analyse and commit

    def _submit_ready(self) -> None:
        while self._ready and self._running < self._executor.slots:
            batch = self._ready.popleft()
            self._running += 1
            self._watch(self._executor.submit(self._analyse, batch), self._analysed, batch)

    def _analysed(self, batch: Batch, future: Any) -> None:
        self._running -= 1
        # The workers go on while this thread writes.
        self._submit_ready()
        self._commit(batch, future.result())

    def _commit(self, batch: Batch, outcome: Outcome) -> None:
        conflicts = self._ledger.commit(outcome)
        if conflicts:
            # Another session was faster with some of them; the sums have to do without.
            rest = batch.without(conflicts)
            self._in_flight -= len(batch.rows) - len(rest.rows)
            self.elsewhere += conflicts
            if rest.rows:
                self._ready.append(rest)
                self._submit_ready()
            return
        self._in_flight -= len(batch.rows)
        self._count(outcome)
        self._keep(outcome)

    def _count(self, outcome: Outcome) -> None:
        for failure in outcome.failures:
            if failure.step != "fetch":
                self._limits.failed(failure.step)
        if outcome.properties:
            self._limits.succeeded("reduce")
            self._limits.succeeded("analyse")
        failed = len({failure.name for failure in outcome.failures})
        self._reporter.add(len(outcome.properties), failed)


def _chunks(names: Iterable[str], size: int) -> Iterator[list[str]]:
    names = iter(names)
    while chunk := list(islice(names, size)):
        yield chunk
