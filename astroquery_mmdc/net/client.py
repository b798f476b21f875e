"""One client for one service: requests with retries, limits, identity and a deadline."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import stamina

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import (
    InvalidRequestError,
    MMDCError,
    OfflineError,
    ParseError,
    RateLimitError,
    ServiceError,
    ServiceUnavailableError,
)
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.auth import find_api_key, identity_headers
from astroquery_mmdc.net.errors import (
    error_from_response,
    error_from_transport,
    retry_after,
    with_jitter,
)
from astroquery_mmdc.schema.tables import decode_json
from astroquery_mmdc.schema.wire import Header, Limit

__all__ = ["Reply", "ServiceClient"]

_log = logging.getLogger(__name__)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WAIT_INITIAL = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer.

    Parameters
    ----------
    status_code : int
    headers : mapping
        With keys in any case.
    content : bytes
    url : str
        What was asked, without its query.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    def json(self) -> Any:
        """Return the parsed body; raise `ParseError` naming the address if it is not JSON."""
        try:
            return decode_json(self.content)
        except ParseError as err:
            msg = f"{self.url}: {err}"
            raise ParseError(msg, excerpt=err.excerpt) from err

    def json_object(self) -> dict[str, Any]:
        """Return the body, which has to be a JSON object."""
        body = self.json()
        if isinstance(body, dict):
            return body
        msg = f"{self.url}: expected a JSON object, not {type(body).__name__}"
        raise ParseError(msg)

    @property
    def has_waited(self) -> bool:
        """Whether the service obeyed ``Prefer: wait``."""
        return Header.PREFERENCE_APPLIED in self.headers

    @property
    def retry_after(self) -> float | None:
        """Seconds of the ``Retry-After`` header."""
        return retry_after(self.headers)


class _Pool:
    """The connections to one service and the limits on its use.

    Each connection is an httpx client of its own: a shared one looks through all connections at
    every request, which takes longer than the request.
    """

    def __init__(self) -> None:
        self.slots = {
            "requests": anyio.CapacityLimiter(max(1, conf.max_connections)),
            "jobs": anyio.CapacityLimiter(Limit.JOBS_IN_FLIGHT),
            "inferences": anyio.CapacityLimiter(Limit.INFERENCES),
        }
        self._tls = httpx.create_ssl_context()
        self._free: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a connection that nobody else uses meanwhile."""
        async with self.slots["requests"]:
            http = self._free.pop() if self._free else self._new()
            try:
                yield http
            finally:
                self._free.append(http)

    def _new(self) -> httpx.AsyncClient:
        # No redirects: they could lead the key to another host.
        return httpx.AsyncClient(
            limits=httpx.Limits(max_connections=1), follow_redirects=False, verify=self._tls
        )

    async def aclose(self) -> None:
        for http in self._free:
            await http.aclose()


@dataclass(eq=False)
class ServiceClient:
    """Requests to one service.

    Parameters
    ----------
    url : str or None
        Address; None reads ``MMDC_SERVER`` or ``conf.server`` at each request.
    api_key : str or None
        Key; None looks for ``MMDC_API_KEY`` and the keyring on first use.
    app, end_user : str or None
        Who asks.
    timeout : float or None
        Seconds to wait for the first byte; None reads ``conf.timeout``.
    use_key : bool
        Whether a key is sent at all; False for hosts other than the service.
    error_from : callable
        Makes the error that an answer with a status of 300 or more stands for.
    """

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    app: str | None = None
    end_user: str | None = None
    timeout: float | None = None
    use_key: bool = True
    error_from: Callable[..., MMDCError] = field(default=error_from_response, repr=False)
    _found_key: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        identity_headers(app=self.app, end_user=self.end_user)

    @property
    def server(self) -> str:
        """Address of the service, without a slash at its end."""
        address = str(self.url or os.environ.get("MMDC_SERVER") or conf.server).rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            msg = f"url: {address!r} is no address; write it as https://mmdc.am"
            raise InvalidRequestError(msg, parameter="url")
        if parts.username or parts.password:
            msg = "url: an address must not hold a user or password; give api_key= instead"
            raise InvalidRequestError(msg, parameter="url")
        return address

    def limiter(self, kind: str) -> anyio.CapacityLimiter:
        """Return the limit on ``"requests"``, ``"jobs"`` or ``"inferences"`` at once."""
        return self._pool().slots[kind]

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0,
        idempotent: bool = False,
        deadline: float | None = None,
    ) -> Reply:
        """Send a request; repeat it where that is safe.

        Parameters
        ----------
        method, path : str
        params, json, data, files, headers
            As for httpx; None values of ``params`` are left out.
        wait : float, optional
            Seconds for ``Prefer: wait``.
        idempotent : bool, optional
            Whether a POST may be repeated; GET and calls with an Idempotency-Key always may.
        deadline : float, optional
            Moment of `time.monotonic` after which nothing is tried again.

        Raises
        ------
        MMDCError
            As `net.errors` maps the answer.
        """
        if conf.offline:
            msg = f"{method} {path} needs the network; set conf.offline to False to allow it"
            raise OfflineError(msg)
        headers = dict(headers or {})
        if wait >= 1:
            headers[Header.PREFER] = f"wait={int(wait)}"
        params = {name: value for name, value in (params or {}).items() if value is not None}
        call = {"params": params, "json": json, "data": data, "files": files}
        repeatable = idempotent or method in _SAFE or Header.IDEMPOTENCY_KEY in headers
        hook = _RetryHook(repeatable=repeatable, deadline=deadline)

        async def send() -> Reply:
            return await self._send_once(
                method, path, call=call, headers=headers, wait=wait, deadline=deadline
            )

        try:
            return await send()
        except MMDCError as err:
            first: MMDCError | None = err
        async for attempt in stamina.retry_context(
            on=hook, attempts=max(1, conf.retries), timeout=None, wait_initial=_WAIT_INITIAL
        ):
            with attempt:
                if first is not None:
                    # The try from above counts as the first one; nearly all calls end there.
                    failed, first = first, None
                    raise failed
                return await send()
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    async def _send_once(
        self,
        method: str,
        path: str,
        *,
        call: Mapping[str, Any],
        headers: Mapping[str, str],
        wait: float,
        deadline: float | None,
    ) -> Reply:
        url = self.server + path
        read = (self.timeout or conf.timeout) + max(0.0, wait)
        if deadline is not None:
            read = max(0.1, min(read, deadline - time.monotonic()))
        timeout = httpx.Timeout(read, connect=min(conf.connect_timeout, read), pool=None)
        pool = self._pool()
        try:
            with anyio.fail_after(None if deadline is None else deadline - time.monotonic()):
                async with pool.connection() as http:
                    response = await http.request(
                        method, url, headers={**self._headers(), **headers}, timeout=timeout, **call
                    )
        except httpx.TransportError as err:
            raise error_from_transport(err, url=url) from err
        except TimeoutError as err:
            raise error_from_transport(httpx.ReadTimeout("time is over"), url=url) from err
        except (httpx.InvalidURL, httpx.DecodingError) as err:
            msg = f"{url} cannot be asked or read ({err})"
            raise ServiceError(msg, url=url) from err
        if response.status_code >= 300:
            raise self.error_from(response, url=url)
        return Reply(response.status_code, response.headers, response.content, url)

    def _headers(self) -> dict[str, str]:
        headers = identity_headers(app=self.app, end_user=self.end_user)
        server = self.server
        if not self.use_key:
            return headers
        if server not in self._found_key:
            self._found_key[server] = find_api_key(self.api_key, server)
        key = self._found_key[server]
        if key:
            headers[Header.API_KEY] = key
        return headers

    def _pool(self) -> _Pool:
        return portal.shared(self.server, _Pool)


@dataclass(frozen=True, slots=True)
class _RetryHook:
    """Tells stamina whether to try again, and after how long."""

    repeatable: bool
    deadline: float | None

    def __call__(self, error: Exception) -> bool | float:
        if not self.repeatable or not isinstance(error, MMDCError):
            return False
        if not isinstance(error, RateLimitError | ServiceUnavailableError):
            return False
        asked = getattr(error, "retry_after", None)
        seconds = _WAIT_INITIAL if asked is None else with_jitter(min(asked, conf.retry_wait_max))
        if self.deadline is not None and time.monotonic() + seconds > self.deadline:
            return False
        _log.info("trying again: %s", error)
        return True if asked is None else seconds
