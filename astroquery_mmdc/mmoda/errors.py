"""From a dispatcher's answers to the errors of this package: short, and without secrets."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import httpx

from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    MMDCError,
    NotFoundError,
    ParseError,
    ServiceError,
)
from astroquery_mmdc.net.errors import error_from_response
from astroquery_mmdc.schema.tables import decode_json

__all__ = ["auth_error", "cause", "error_from_dispatcher", "redact"]

_LONGEST = 500
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_TOKEN_FIELD = re.compile(r"""((?:"|')?token(?:"|')?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s&,}]+)""")
_PREFIXES = re.compile(r"^(?:\w+\(\):)?\s*(?:\[[^\]]*\] constructor failed:)?\s*")
_HAS_ROLES = re.compile(r"roles include \[([^\]]*)\]")
_LACKS_ROLE = re.compile(r"^ *- ([^:\n]+): *(.*)$", re.MULTILINE)
_MISSING_ROLES = re.compile(r"following roles are missing: *([^\n.]+)")
# What the library that checks tokens says of one that is none.
_GARBLED = re.compile(
    r"Not enough segments|Invalid (?:header|payload|crypto|token)|not valid|Signature", re.I
)


def redact(text: str) -> str:
    """Return a text without anything that looks like a token.

    Examples
    --------
    >>> redact("token=abc&RA=83")
    'token=...&RA=83'
    """
    return _TOKEN.sub("...", _TOKEN_FIELD.sub(r"\1...", text))


def cause(text: str) -> str:
    """Return what went wrong, from a text that may hold a whole dictionary.

    Examples
    --------
    >>> cause("RequestNotUnderstood():product x not in query_dictionary {'a': 'q1', 'b': 'q2'}")
    'product x not in query_dictionary (a, b)'
    """
    text = _PREFIXES.sub("", text.strip(), count=1)
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        text = text[:start] + _keys(text[start : end + 1]) + text[end + 1 :]
    text = redact(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _keys(text: str) -> str:
    """Name the keys of a dictionary that was written into a message."""
    try:
        found = ast.literal_eval(text) if len(text) < 100_000 else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    if not isinstance(found, Mapping):
        return "{...}" if len(text) > 80 else text
    return f"({', '.join(str(key) for key in found)})"


def error_from_dispatcher(response: httpx.Response, *, url: str) -> MMDCError:
    """Return the error that a dispatcher's answer with a status of 300 or more stands for."""
    status = response.status_code
    said = _said(response)
    short = cause(said)
    if status in (401, 403) or (status == 400 and _is_about_token(said)):
        return auth_error(said)
    if status in (400, 413, 422):
        return InvalidRequestError(f"the dispatcher refuses the request: {short}")
    if status == 404:
        msg = f"{url} does not exist there (404); this dispatcher may be too old for it"
        return NotFoundError(msg, status_code=404, url=url)
    if 300 <= status < 400:
        target = redact(response.headers.get("Location", "elsewhere").partition("?")[0])
        msg = f"{url} has moved to {target}; give that address as url="
        return ServiceError(msg, status_code=status, url=url)
    if status >= 502 or not said:
        return error_from_response(response, url=url)
    msg = f"{url} answered {status}: {short}"
    return ServiceError(msg, status_code=status, url=url, detail=short)


def _is_about_token(said: str) -> bool:
    return "constructor failed" in said and _GARBLED.search(said) is not None


def _said(response: httpx.Response) -> str:
    try:
        body = decode_json(response.content)
    except ParseError:
        return _plain_text(response)
    return _message(body) if isinstance(body, Mapping) else ""


def _plain_text(response: httpx.Response) -> str:
    text = response.text.strip()
    # The dispatcher says plain sentences with the type of a page, so the text itself decides.
    return "an HTML page instead of data" if text.startswith("<") else text


def _message(body: Mapping[str, Any]) -> str:
    state = body.get("exit_status")
    texts = [body.get("error_message"), body.get("error")]
    if isinstance(state, Mapping):
        texts = [state.get("message"), state.get("error_message"), *texts]
    return next((str(text) for text in texts if text), "")


def auth_error(said: str) -> AuthError:
    """Return the error for a token that is missing, expired, wrong or lacks a role."""
    roles = _missing_roles(said)
    if roles:
        has = _HAS_ROLES.search(said)
        held = has.group(1).replace("'", "") if has else ""
        msg = (
            f"this needs the role {roles}; your token has {held or 'no roles'}. "
            "Ask the MMODA team for the role, or change the parameters"
        )
        return AuthError(msg)
    if "expired" in said:
        msg = "the token has expired: tokens live 24 h; take a new one from the MMODA page"
        return AuthError(msg)
    if _GARBLED.search(said):
        msg = "the dispatcher does not accept the token: it is damaged or of another site"
        return AuthError(msg)
    if "must be provided" in said or not said:
        msg = "this needs a token; give token=, or store it in ODA_TOKEN or ~/.oda-token"
        return AuthError(msg)
    return AuthError(f"the dispatcher refuses the request: {cause(said)}")


def _missing_roles(said: str) -> str:
    missing = _MISSING_ROLES.search(said)
    if missing:
        return missing.group(1).strip()
    _, found, rest = said.partition("lacking all of the following roles:")
    if not found:
        return ""
    return ", ".join(f"{role} ({why})" if why else role for role, why in _LACKS_ROLE.findall(rest))
