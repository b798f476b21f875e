"""One background event loop, on which every coroutine of the package runs.

It starts on first use, is made anew in a forked child and is closed when the interpreter ends.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ["shared", "start"]

T = TypeVar("T")


class Closable(Protocol):
    """Something that lives on the loop and has to be closed with it."""

    async def aclose(self) -> None:
        """Close it."""


R = TypeVar("R", bound=Closable)


class _Loop:
    """The portal of this process and what lives on its loop."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.portal: BlockingPortal | None = None
        self.thread: threading.Thread | None = None
        self.resources: dict[str, Any] = {}

    def get(self) -> BlockingPortal:
        with self.lock:
            if self.portal is None:
                ready: Future[BlockingPortal] = Future()
                self.thread = threading.Thread(
                    target=_run_loop, args=(ready,), name="astroquery_mmdc", daemon=True
                )
                self.thread.start()
                self.portal = ready.result()
            return self.portal

    def close(self) -> None:
        with self.lock:
            portal, self.portal = self.portal, None
            thread, self.thread = self.thread, None
            resources, self.resources = self.resources, {}
        if portal is None or thread is None:
            return
        for resource in resources.values():
            portal.call(resource.aclose)
        portal.call(portal.stop, True)
        thread.join()

    def forget(self) -> None:
        """Drop the parent's loop in a forked child: its thread does not exist here."""
        self.__init__()  # type: ignore[misc]


def _run_loop(ready: Future[BlockingPortal]) -> None:
    """Run the loop until it is stopped.

    Anyio's own `start_blocking_portal` is a generator that waits for its thread when it is
    dropped; in a forked child, which has no such thread, it would wait for ever.
    """
    import anyio
    from anyio.from_thread import BlockingPortal

    async def main() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    anyio.run(main, backend="asyncio")


_loop = _Loop()
atexit.register(_loop.close)
os.register_at_fork(after_in_child=_loop.forget)


async def _await(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


def start(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on the background loop; cancelling the future cancels the coroutine."""
    return _loop.get().start_task_soon(_await, coroutine)


def shared(key: str, make: Callable[[], R]) -> R:
    """Return what lives on the loop under ``key``; call it from coroutines only."""
    if key not in _loop.resources:
        _loop.resources[key] = make()
    return _loop.resources[key]  # type: ignore[no-any-return]
