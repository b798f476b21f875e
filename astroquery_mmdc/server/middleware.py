"""ASGI middleware: a log of the requests, and a limit on their size."""

from __future__ import annotations

from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from astroquery_mmdc.schema.wire import Header

__all__ = ["BodyLimit", "LoggedRequest", "RequestLog"]

# Keys, tokens and cookies are not among them, and never will be.
_LOGGED_HEADERS = (
    "user-agent",
    "content-type",
    Header.CLIENT.lower(),
    Header.END_USER.lower(),
    Header.PREFER.lower(),
    Header.IDEMPOTENCY_KEY.lower(),
)
_SECRET_PARAMETERS = ("token", "api_key", "apikey", "key", "password")
_LOG_SIZE = 10_000


class LoggedRequest(NamedTuple):
    """One request: what was asked and by whom, without secrets."""

    method: str
    path: str
    headers: dict[str, str]
    query: str = ""


class RequestLog:
    """Remembers the latest requests."""

    def __init__(self, app: ASGIApp, requests: list[LoggedRequest]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note one request and pass it on."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            query = _without_secrets(scope["query_string"].decode("ascii", "replace"))
            kept = {name: headers[name] for name in _LOGGED_HEADERS if name in headers}
            self._requests.append(LoggedRequest(scope["method"], scope["path"], kept, query))
            del self._requests[:-_LOG_SIZE]
        await self._app(scope, receive, send)


def _without_secrets(query: str) -> str:
    parts = (part for part in query.split("&") if part)
    return "&".join(p for p in parts if p.partition("=")[0].lower() not in _SECRET_PARAMETERS)


class BodyLimit:
    """Refuses bodies that are too large, also those that do not say so beforehand."""

    def __init__(self, app: ASGIApp, size: int) -> None:
        self._app = app
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, with a receiver that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        left = self._size

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0 or (announced.isdecimal() and int(announced) > self._size):
                raise HTTPException(413, f"the body is larger than {self._size} bytes")
            return message

        await self._app(scope, counted, send)
