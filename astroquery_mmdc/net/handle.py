"""`QueryHandle`, the answer of every ``*_async`` method, and the maker of such pairs."""

from __future__ import annotations

import concurrent.futures
import inspect
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from astroquery_mmdc.exceptions import JobTimeoutError
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.jobs import Job

__all__ = ["QueryHandle", "twins", "wait"]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


class QueryHandle(Generic[T]):
    """A query on its way.

    It can be waited for with `get_data`, or awaited: ``table = await handle``.

    Parameters
    ----------
    future : `concurrent.futures.Future`
        Where the result will be.
    job : Job
        What is known about it meanwhile.

    Examples
    --------
    >>> from concurrent.futures import Future
    >>> future = Future()
    >>> future.set_result(42)
    >>> handle = QueryHandle(future, Job())
    >>> handle.done(), handle.get_data()
    (True, 42)
    """

    def __init__(self, future: Future[T], job: Job) -> None:
        self._future = future
        self._job = job

    @property
    def job_id(self) -> str | None:
        """The service's id of the job; None before it is known or where there is no job."""
        return self._job.job_id

    @property
    def status(self) -> str:
        """``"running"``, ``"done"``, ``"failed"``, ``"cancelled"``, or the service's own state."""
        if self._future.cancelled():
            return "cancelled"
        if not self._future.done():
            return self._job.status
        return "done" if self._future.exception() is None else "failed"

    def done(self) -> bool:
        """Return whether it has ended, well or badly."""
        return self._future.done()

    def cancel(self) -> bool:
        """Stop waiting; a job that already runs at the service goes on there."""
        return self._future.cancel()

    def get_data(self, timeout: float | None = None) -> T:
        """Wait for the result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits as long as it takes.

        Returns
        -------
        object
            What the method without ``_async`` returns.

        Raises
        ------
        JobTimeoutError
            The time is over; the query goes on and can be asked again.
        """
        try:
            result = self._future.result(timeout)
        except concurrent.futures.TimeoutError as err:
            if self._future.done():
                raise
            msg = f"no result after {timeout:g} s; the query goes on, call get_data() again"
            raise JobTimeoutError(msg, job_id=self.job_id or "") from err
        finally:
            self._job.emit_warnings()
        return result

    def __await__(self) -> Generator[Any, None, T]:
        import asyncio

        result = yield from asyncio.wrap_future(self._future).__await__()
        self._job.emit_warnings()
        return result

    def __repr__(self) -> str:
        job = f" job {self.job_id}" if self.job_id else ""
        return f"<{type(self).__name__} {self.status}{job}>"


def twins(
    verb: Callable[Concatenate[S, Job, P], T | Coroutine[Any, Any, T]],
) -> tuple[Callable[Concatenate[S, P], T], Callable[Concatenate[S, P], QueryHandle[T]]]:
    """Return the blocking method and its ``_async`` twin for one verb.

    Parameters
    ----------
    verb : callable
        Checks its parameters, then returns either the result or a coroutine that gets it.
        Its second parameter is the `Job` that carries status and warnings.

    Returns
    -------
    tuple of callables
        ``verb(...)`` that waits, ``verb_async(...)`` that returns a `QueryHandle` at once.
    """

    def blocking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        job = Job()
        try:
            outcome = verb(self, job, *args, **kwargs)
            if inspect.iscoroutine(outcome):
                outcome = wait(portal.start(outcome), job.on_interrupt)
        finally:
            job.emit_warnings()
        return outcome  # type: ignore[return-value]

    def starting(self: S, /, *args: P.args, **kwargs: P.kwargs) -> QueryHandle[T]:
        job = Job()
        outcome = verb(self, job, *args, **kwargs)
        if inspect.iscoroutine(outcome):
            return QueryHandle(portal.start(outcome), job)
        future: Future[T] = Future()
        future.set_result(outcome)  # type: ignore[arg-type]
        return QueryHandle(future, job)

    name = verb.__name__
    _dress(blocking, verb, name, verb.__doc__ or "")
    _dress(starting, verb, f"{name}_async", _async_doc(name, verb.__doc__ or ""))
    return blocking, starting


def wait(future: Future[T], on_interrupt: Callable[[], None] | None = None) -> T:
    """Return the result of a coroutine on the loop; on an error or Ctrl-C it is cancelled.

    Parameters
    ----------
    future : `concurrent.futures.Future`
        Of the coroutine.
    on_interrupt : callable, optional
        Called on the first Ctrl-C, after which the coroutine returns what it has; the second one
        cancels it.
    """
    try:
        return future.result()
    except BaseException as err:
        if isinstance(err, KeyboardInterrupt) and on_interrupt is not None and not future.done():
            on_interrupt()
            return wait(future)
        # What nobody waits for any more must not go on in the background.
        future.cancel()
        raise


def _dress(method: Callable[..., Any], verb: Callable[..., Any], name: str, doc: str) -> None:
    signature = inspect.signature(verb)
    parameters = [p for p in signature.parameters.values() if p.name != "job"]
    method.__name__ = name
    method.__qualname__ = name
    method.__module__ = verb.__module__
    method.__doc__ = doc
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]


def _async_doc(name: str, doc: str) -> str:
    summary, _, rest = doc.partition("\n\n")
    parameters, _, _ = rest.partition("Returns\n")
    return (
        f"{summary.rstrip('.')}, without waiting.\n\n{parameters.rstrip()}\n\n"
        "Returns\n    -------\n"
        "    `~astroquery_mmdc.net.QueryHandle`\n"
        f"        Its ``get_data()`` gives what `{name}` returns; it can also be awaited.\n    "
    )
