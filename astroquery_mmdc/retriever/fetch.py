"""Requests to the services of surveys: polite, patient, and with errors that say what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx

from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    MMDCError,
    ParseError,
    ServiceUnavailableError,
)
from astroquery_mmdc.net import Reply, ServiceClient, portal
from astroquery_mmdc.net.errors import error_from_response

__all__ = ["Limits", "SurveyClient", "refuse_page"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a service is asked for.

    Parameters
    ----------
    at_once : int
        Requests in flight.
    per_second : float, optional
        Requests begun in a second; None for no limit.
    """

    at_once: int = 4
    per_second: float | None = None


class _Gate:
    """Lets requests to one host through as its limits allow; lives on the background loop."""

    def __init__(self, limits: Limits) -> None:
        self._slots = anyio.CapacityLimiter(limits.at_once)
        self._pause = 1 / limits.per_second if limits.per_second else 0.0
        self._next = 0.0

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        async with self._slots:
            now = asyncio.get_running_loop().time()
            start = max(now, self._next)
            self._next = start + self._pause
            await anyio.sleep(start - now)
            yield

    async def aclose(self) -> None:
        """Nothing is held open."""


class SurveyClient:
    """Requests to the service of one survey.

    Parameters
    ----------
    name : str
        Name of the observatory, for messages.
    url : str
        Address of the service, with the beginning of the path.
    limits : Limits, optional
        How much it may be asked for, by all objects and threads of this process together.
    timeout : float, optional
        Seconds to wait for the first byte; None reads ``conf.timeout``.

    Notes
    -----
    Connection failures, 500, 502, 503, 504 and 429 are tried again, the last as late as the
    service asks. What fails in the end raises: an empty answer is an answer.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        limits: Limits | None = None,
        timeout: float | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            msg = f"url: {url!r} is no address; write it as https://host/path"
            raise InvalidRequestError(msg, parameter="url")
        origin = f"{parts.scheme}://{parts.netloc}"
        self._base = parts.path.rstrip("/")
        self._limits = limits or Limits()
        self._key = f"gate of {parts.netloc}"
        self._client = ServiceClient(
            origin, timeout=timeout, use_key=False, error_from=_errors_of(name)
        )

    def get(self, path: str = "", params: Mapping[str, Any] | None = None, **more: Any) -> Reply:
        """Return the answer to a GET request; ``more`` as in `ServiceClient.request`."""
        return self._ask("GET", path, params=params, **more)

    def post(self, path: str = "", **more: Any) -> Reply:
        """Return the answer to a question that is asked by POST, and may be repeated."""
        return self._ask("POST", path, idempotent=True, **more)

    def _ask(self, method: str, path: str, **more: Any) -> Reply:
        return portal.start(self._through_gate(method, path, **more)).result()

    async def _through_gate(self, method: str, path: str, **more: Any) -> Reply:
        gate = portal.shared(self._key, lambda: _Gate(self._limits))
        async with gate.passing():
            return await self._client.request(method, self._base + path, **more)


def _errors_of(name: str) -> Callable[..., MMDCError]:
    def error_from(response: httpx.Response, *, url: str) -> MMDCError:
        status = response.status_code
        if status in (401, 403):
            msg = (
                f"{url} refuses access ({status}); give credentials= to the observatory {name}, "
                f"or set {name}_USERNAME and {name}_PASSWORD, or ask for less at a time"
            )
            return AuthError(msg)
        if status == 500:
            msg = f"{url} failed (500); try again later"
            return ServiceUnavailableError(msg, status_code=status, url=url)
        return error_from_response(response, url=url)

    return error_from


def refuse_page(reply: Reply, expected: str) -> None:
    """Raise `ParseError` if an answer is a page for people instead of data.

    Services show such pages for maintenance, logins and errors, all of them with status 200.
    """
    head = reply.content[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        msg = f"{reply.url}: expected {expected}, got an HTML page; the service may be down"
        raise ParseError(msg, excerpt=head[:200].decode("utf-8", "replace"))
