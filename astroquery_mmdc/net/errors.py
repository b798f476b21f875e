"""From HTTP answers and transport failures to the errors of this package."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import httpx

from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    MMDCError,
    NotFoundError,
    NotReadyError,
    ParseError,
    RateLimitError,
    ServiceError,
    ServiceUnavailableError,
    UpgradeRequiredError,
)
from astroquery_mmdc.schema.tables import decode_json
from astroquery_mmdc.schema.wire import Header

__all__ = ["error_from_response", "error_from_transport", "retry_after", "with_jitter"]

_UNAVAILABLE = frozenset({502, 503, 504})


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` header; the first of ``"1, 5"``.

    Examples
    --------
    >>> retry_after({"Retry-After": "1, 5"})
    1.0
    """
    value = headers.get(Header.RETRY_AFTER)
    if value is None:
        return None
    try:
        seconds = float(value.split(",")[0])
    except ValueError:
        return _until_http_date(value)
    return seconds if seconds >= 0 else None


def _until_http_date(value: str) -> float | None:
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def with_jitter(seconds: float) -> float:
    """Add up to a quarter, so that many clients do not come back at the same moment."""
    return seconds * (1 + random.uniform(0, 0.25))


def error_from_transport(error: httpx.TransportError, *, url: str) -> ServiceUnavailableError:
    """Return the error for a request that got no complete answer."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        what = "cannot be reached"
    elif isinstance(error, httpx.TimeoutException):
        what = "did not answer in time"
    else:
        what = "broke off in the middle of the answer"
    msg = f"{url} {what} ({reason}); try again later or check conf.server and conf.timeout"
    return ServiceUnavailableError(msg, url=url, detail=reason)


def error_from_response(response: httpx.Response, *, url: str) -> MMDCError:
    """Return the error that an answer with a status of 300 or more stands for."""
    status = response.status_code
    body = _body(response)
    detail = _detail(body, response)
    facts: dict[str, Any] = {"status_code": status, "url": url, "detail": detail}
    said = f": {detail}" if detail else ""
    if status in (400, 413, 422):
        fields = _fields(body)
        return InvalidRequestError(f"{url} refuses the request{said}", fields=fields)
    if status in (401, 403):
        msg = f"{url} asks for a valid key ({status}){said}; give api_key= or set MMDC_API_KEY"
        return AuthError(msg)
    if status == 404:
        return NotFoundError(f"{url} does not exist there (404){said}", **facts)
    if status == 409:
        return NotReadyError(f"{url} is not ready (409){said}", **facts)
    if status == 426:
        msg = f"{url} does not accept this client (426){said}; set conf.app_name or give an api_key"
        return UpgradeRequiredError(msg, **facts)
    if status == 429:
        wait = retry_after(response.headers)
        hint = f"; try again in {wait:g} s" if wait is not None else ""
        return RateLimitError(f"{url} asks to slow down (429){hint}", retry_after=wait, **facts)
    if status in _UNAVAILABLE:
        return ServiceUnavailableError(f"{url} is not available now ({status}){said}", **facts)
    if 300 <= status < 400:
        target = response.headers.get("Location", "elsewhere")
        return ServiceError(f"{url} has moved to {target}; set conf.server", **facts)
    return ServiceError(f"{url} answered {status}{said}", **facts)


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = decode_json(response.content)
    except ParseError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _detail(body: Mapping[str, Any], response: httpx.Response) -> str:
    error = body.get("error")
    if isinstance(error, Mapping):
        words = [error.get("message"), error.get("code"), _joined(error.get("fields"))]
    else:
        words = [body.get("detail"), error, body.get("reason"), _joined(body.get("fields"))]
    text = "; ".join(dict.fromkeys(str(word) for word in words if word))
    if text or body:
        return text
    if "html" in response.headers.get("Content-Type", "") or response.content[:1] == b"<":
        return "an HTML page instead of data"
    return " ".join(response.text.split())[:200]


def _joined(fields: Any) -> str:
    if not isinstance(fields, Mapping):
        return ""
    return ", ".join(f"{name}: {text}" for name, text in fields.items())


def _fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    error = body.get("error")
    fields = error.get("fields") if isinstance(error, Mapping) else body.get("fields")
    return fields if isinstance(fields, Mapping) else {}
