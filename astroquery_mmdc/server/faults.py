"""Troubles on purpose, so that clients can be tested against them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FaultInjection", "Faults", "Rule"]

CONNECTION = "astroquery_mmdc.connection"
"""Key of ``scope["extensions"]`` under which the server shows its connection."""


@dataclass(slots=True)
class Rule:
    """One kind of trouble for the requests that match.

    Parameters
    ----------
    path : str
        Beginning of the path.
    method : str, optional
        HTTP method; None for every one.
    times : int, optional
        How many requests it befalls; None for all that come.
    latency : float
        Seconds before anything else happens.
    status : int, optional
        Answer with this status instead of the real answer.
    body : bytes
        Body of that answer.
    headers : mapping
        Headers of that answer.
    truncate : int, optional
        Send only so many bytes of the body while the length of the whole is announced.
    reset : bool
        Cut the connection instead of answering.
    hits : int
        How many requests it befell.
    """

    path: str = "/"
    method: str | None = None
    times: int | None = None
    latency: float = 0.0
    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: int | None = None
    reset: bool = False
    hits: int = 0

    def matches(self, scope: Scope) -> bool:
        """Whether the rule is for this request and not used up."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.method is not None and self.method.upper() != scope["method"]:
            return False
        return bool(scope["path"].startswith(self.path))


class Faults:
    """The rules in force; one object may be changed while the server runs.

    Attributes
    ----------
    rules : list of Rule
        The first one that matches a request befalls it.
    missed_catalogs : tuple of str
        Catalogues that SED jobs fail to ask.
    """

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.missed_catalogs: tuple[str, ...] = ()
        self._sed_errors: deque[str] = deque()

    def add(self, path: str = "/", **options: Any) -> Rule:
        """Add a rule; the options are those of `Rule`."""
        rule = Rule(path, **options)
        self.rules.append(rule)
        return rule

    def error(
        self,
        status: int,
        path: str = "/",
        *,
        retry_after: float | str | None = None,
        **options: Any,
    ) -> Rule:
        """Answer with an error, in JSON, with ``Retry-After`` where it is given."""
        headers = {"content-type": "application/json"}
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        body = b'{"error": "made on purpose", "detail": "made on purpose"}'
        return self.add(path, status=status, body=body, headers=headers, **options)

    def html(self, path: str = "/", *, status: int = 200, **options: Any) -> Rule:
        """Answer with a web page, as a proxy in trouble does."""
        body = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
        headers = {"content-type": "text/html"}
        return self.add(path, status=status, body=body, headers=headers, **options)

    def half_json(self, path: str = "/", **options: Any) -> Rule:
        """Answer with the beginning of a JSON document and call that all."""
        headers = {"content-type": "application/json"}
        return self.add(path, status=200, body=b'[{"id": 1, "cata', headers=headers, **options)

    def fail_sed(self, code: str = "pipeline", *, times: int = 1) -> None:
        """Let the next SED jobs fail; the code ``enqueue`` answers 503."""
        self._sed_errors.extend([code] * times)

    def next_sed_error(self) -> str | None:
        """Return the code with which the next SED job is to fail, once."""
        return self._sed_errors.popleft() if self._sed_errors else None

    def clear(self) -> None:
        """Forget everything; what comes next is answered truly."""
        self.rules.clear()
        self.missed_catalogs = ()
        self._sed_errors.clear()


class FaultInjection:
    """ASGI middleware that applies `Faults`."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or get in its way."""
        rule = self._rule(scope)
        if rule is None:
            await self._app(scope, receive, send)
            return
        rule.hits += 1
        await asyncio.sleep(rule.latency)
        if rule.reset:
            scope["extensions"][CONNECTION]().abort()
            await _disconnected(receive)
        elif rule.truncate is not None:
            await self._serve(rule, scope, receive, _truncated(send, rule.truncate))
            scope["extensions"][CONNECTION]().close()
            await _disconnected(receive)
        else:
            await self._serve(rule, scope, receive, send)

    async def _serve(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        if rule.status is None:
            await self._app(scope, receive, send)
        else:
            await _answer(rule, send)

    def _rule(self, scope: Scope) -> Rule | None:
        if scope["type"] != "http":
            return None
        return next((rule for rule in self._faults.rules if rule.matches(scope)), None)


async def _answer(rule: Rule, send: Send) -> None:
    headers = {**rule.headers, "content-length": str(len(rule.body))}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": rule.status, "headers": raw})
    await send({"type": "http.response.body", "body": rule.body})


def _truncated(send: Send, size: int) -> Send:
    left = size

    async def send_part(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            body = message.get("body", b"")[:left]
            left -= len(body)
            # Never the last part: the server would complain that bytes are missing.
            message = {**message, "body": body, "more_body": True}
        await send(message)

    return send_part


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
