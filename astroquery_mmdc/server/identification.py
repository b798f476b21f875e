"""Who may ask for a model: the service wants to know whom it computes for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from astroquery_mmdc.schema.wire import Header
from astroquery_mmdc.server.answers import answer
from astroquery_mmdc.server.site import site_of

__all__ = ["identified"]

Handler = Callable[[Request], Awaitable[Response]]

MIN_SDK_VERSION = "0.2.4"
_SDK = re.compile(r"astro-mmdc/(\d+(?:\.\d+)*)")
_DETAILS = {
    "unidentified": "Send an X-API-Key or X-MMDC-Client header, or use astro-mmdc >= 0.2.4.",
    "sdk_outdated": "This astro-mmdc is too old; update it with pip install -U astro-mmdc.",
    "invalid_api_key": "The X-API-Key is not valid.",
}


def identified(handler: Handler) -> Handler:
    """Let a request through only if it says who sends it; otherwise answer 426."""

    @wraps(handler)
    async def checked(request: Request) -> Response:
        reason = _refusal(request)
        return await handler(request) if reason is None else _upgrade_required(reason)

    return checked


def _refusal(request: Request) -> str | None:
    site = site_of(request)
    if not site.options.identification or site.has_valid_key(request):
        return None
    if Header.API_KEY in request.headers:
        return "invalid_api_key"
    if request.headers.get(Header.CLIENT):
        return None
    sdk = _SDK.search(request.headers.get("user-agent", ""))
    if sdk is None:
        return "unidentified"
    return None if _version(sdk[1]) >= _version(MIN_SDK_VERSION) else "sdk_outdated"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _upgrade_required(reason: str) -> Response:
    body = {
        "error": "upgrade_required",
        "reason": reason,
        "detail": _DETAILS[reason],
        "min_sdk_version": MIN_SDK_VERSION,
    }
    return answer(body, 426, {Header.MIN_VERSION: MIN_SDK_VERSION})
