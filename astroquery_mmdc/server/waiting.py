"""Holding an answer back until a job ends, within the service's limits."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter

from starlette.requests import Request

from astroquery_mmdc.schema.wire import Header, Limit

__all__ = ["WaitSlots", "client_of", "hold"]

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d+)", re.IGNORECASE)


class WaitSlots:
    """Places for requests that wait.

    Parameters
    ----------
    per_site, per_client : int
        How many may wait at once.
    """

    def __init__(self, per_site: int, per_client: int = Limit.WAITERS_PER_CLIENT) -> None:
        self._per_site = per_site
        self._per_client = per_client
        self._taken: Counter[str] = Counter()

    def take(self, client: str) -> bool:
        """Take a place if there is one."""
        if self._taken.total() >= self._per_site or self._taken[client] >= self._per_client:
            return False
        self._taken[client] += 1
        return True

    def give_back(self, client: str) -> None:
        """Free the place that was taken."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]


def client_of(request: Request, *, is_valid_key: bool = False) -> str:
    """Return who asks: the holder of a valid key, else an application at an address."""
    key = request.headers.get(Header.API_KEY)
    if key and is_valid_key:
        return "key " + hashlib.sha256(key.encode()).hexdigest()[:16]
    address = request.client.host if request.client else ""
    return f"{request.headers.get(Header.CLIENT, '')} at {address}"


async def hold(
    request: Request, ended: asyncio.Event, slots: WaitSlots, client: str
) -> dict[str, str]:
    """Wait as long as the request prefers, or until something has ended.

    Returns
    -------
    dict
        Headers of the answer: ``Preference-Applied`` if it waited, ``Retry-After`` if there was no
        place to wait.
    """
    seconds = _preferred_wait(request)
    if not seconds or ended.is_set():
        return {}
    if not slots.take(client):
        return {Header.RETRY_AFTER: str(Limit.WAIT_RETRY_AFTER)}
    try:
        await _ended_or_gone(request, ended, seconds)
    finally:
        slots.give_back(client)
    return {Header.PREFERENCE_APPLIED: f"wait={seconds}"}


def _preferred_wait(request: Request) -> int:
    match = _WAIT.search(request.headers.get(Header.PREFER, ""))
    text = match[1] if match else request.query_params.get("wait", "0")
    return min(int(text), Limit.WAIT_MAX) if text.isdecimal() else 0


async def _ended_or_gone(request: Request, ended: asyncio.Event, seconds: float) -> None:
    watchers = [asyncio.create_task(ended.wait()), asyncio.create_task(_gone(request))]
    try:
        await asyncio.wait(watchers, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
