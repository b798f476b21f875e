"""Answers in JSON, errors among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import Path

__all__ = ["EXCEPTION_HANDLERS", "answer", "json_bytes", "json_object", "sed_error"]

JSON = "application/json"


def json_bytes(value: Any) -> bytes:
    """Encode; numpy arrays are written as lists, NaN as null."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    return value.tolist()


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer; bytes are JSON already."""
    body = value if isinstance(value, bytes) else json_bytes(value)
    return Response(body, status, headers=dict(headers or {}), media_type=JSON)


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries."""
    try:
        value = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        msg = f"body: not JSON ({err}); send an object"
        raise InvalidRequestError(msg, fields={"body": "is not JSON"}) from err
    if not isinstance(value, dict):
        msg = f"body: {type(value).__name__} instead of an object"
        raise InvalidRequestError(msg, fields={"body": "is not an object"})
    return value


def sed_error(code: str, message: str, **more: Any) -> dict[str, Any]:
    """Return an error in the form of ``/api/sed/``."""
    return {"error": {"code": code, "message": message, **more}}


def _problem(request: Request, code: str, message: str, **more: Any) -> dict[str, Any]:
    if request.url.path.startswith(Path.SED):
        return sed_error(code, message, **more)
    return {"error": message, **more}


async def _bad_request(request: Request, error: Exception) -> Response:
    fields = getattr(error, "fields", None) or {}
    parameter = getattr(error, "parameter", None)
    if parameter and not fields:
        fields = {parameter: str(error)}
    return answer(_problem(request, "invalid", str(error), fields=fields), 400)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {
        404: ("not_found", f"{request.url.path} is not known here"),
        405: ("method_not_allowed", f"{request.url.path} does not take {request.method}"),
    }
    code, message = texts.get(error.status_code, ("error", str(error.detail)))
    return answer(_problem(request, code, message), error.status_code, error.headers)


async def _failure(request: Request, error: Exception) -> Response:
    # The words of an unforeseen error stay in the log: they may hold what a client sent.
    return answer(_problem(request, "internal", "the server made a mistake"), 500)


EXCEPTION_HANDLERS: dict[Any, Any] = {
    InvalidRequestError: _bad_request,
    HTTPException: _http_error,
    Exception: _failure,
}
"""For `starlette.applications.Starlette`."""
