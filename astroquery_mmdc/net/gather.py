"""Run coroutines side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["gather"]

T = TypeVar("T")


async def gather(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order; the first error cancels the others and is raised.

    The error says as a note which coroutine it came from.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
        index = next((i for i, task in enumerate(tasks) if _failed_with(task, error)), None)
        if index is not None and len(tasks) > 1:
            error.add_note(f"in query_index {index}")
        raise error from error.__cause__
    return [task.result() for task in tasks]


def _failed_with(task: asyncio.Task[Any], error: BaseException) -> bool:
    return task.done() and not task.cancelled() and task.exception() is error
