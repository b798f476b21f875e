"""Tokens and the service: which one is sent, how one is renewed, and e-mails about jobs."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from astroquery.exceptions import AuthenticationWarning

from astroquery_mmdc.exceptions import AuthError, InvalidRequestError
from astroquery_mmdc.mmoda.errors import redact
from astroquery_mmdc.mmoda.tokens import (
    Token,
    as_token,
    decode_token,
    discard_token,
    discover_token,
    write_token,
)
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.dispatcher import DispatcherPath

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["find_token", "quiet_log", "refresh_token", "set_email_options"]

_EMAIL_OPTIONS = {
    "on_submission": "mssub",
    "on_completion": "msdone",
    "on_failure": "msfail",
    "on_timeout": "mstout",
    "timeout_seconds": "tem",
    "interval_seconds": "intsub",
}


def find_token(self: MMODAClass, token: str | Token | None, job: Job) -> Token | None:
    """Return the token to send: the given one, that of the object, or a discovered one.

    Raises
    ------
    AuthError
        It is expired or damaged, or would cross the network in the clear.
    """
    if token == "":
        return None
    chosen = token if token is not None else self.token
    if chosen is None:
        expired = discover_token(allow_invalid=True)
        if expired is not None:
            msg = f"only an expired token was found, asking without: {expired}"
            job.warn(msg, AuthenticationWarning)
        return None
    checked = as_token(chosen)
    _check_way(self.client.server)
    return checked


def _check_way(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return
    msg = f"token: {server} is not encrypted; use its https:// address, or token='' for none"
    raise AuthError(msg)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refresh_token(
    self: MMODAClass,
    job: Job,
    token: str | Token | None = None,
    *,
    write: bool = False,
    places: str | Iterable[str] | None = ("environment", "cwd"),
    discard: bool = False,
) -> Token | Coroutine[Any, Any, Token]:
    """Get a token that is the same but for a later expiry.

    Parameters
    ----------
    token : str or Token, optional
        None uses the discovered one. It needs the role ``refresh-tokens``.
    write : bool, optional
        Keep the new one, so that `discover_token` finds it.
    places : str or iterable of str, optional
        Where to keep it: ``"environment"``, ``"cwd"``, ``"home"``.
    discard : bool, optional
        Remove the discovered token, and replace it without comparing the two.

    Returns
    -------
    Token

    Raises
    ------
    AuthError
        The role is missing, or the token has expired.

    Notes
    -----
    This and `set_email_options` are the only requests with a token in their address: the
    dispatcher reads it from nowhere else. The address is logged nowhere here, and sent over
    https or to this machine only.
    """
    old = _needed(self, token, job)
    return _renewed(self, old, DispatcherPath.REFRESH_TOKEN, {}, write, places, discard)


def set_email_options(
    self: MMODAClass,
    job: Job,
    token: str | Token | None = None,
    *,
    write: bool = False,
    places: str | Iterable[str] | None = ("environment", "cwd"),
    **options: bool | float,
) -> Token | Coroutine[Any, Any, Token]:
    """Get a token with other settings for e-mails about jobs.

    Parameters
    ----------
    token : str or Token, optional
        None uses the discovered one.
    write : bool, optional
        Keep the new one, so that `discover_token` finds it.
    places : str or iterable of str, optional
    **options
        ``on_submission``, ``on_completion``, ``on_failure``, ``on_timeout`` (bool),
        ``timeout_seconds`` (a job that takes less sends no e-mail), ``interval_seconds`` (least
        time between two e-mails about submissions).

    Returns
    -------
    Token
    """
    unknown = [name for name in options if name not in _EMAIL_OPTIONS]
    if unknown or not options:
        what = f"{unknown[0]!r} is none of" if unknown else "give at least one of"
        msg = f"options: {what} {', '.join(_EMAIL_OPTIONS)}"
        raise InvalidRequestError(msg, parameter=unknown[0] if unknown else "options")
    old = _needed(self, token, job)
    fields = {_EMAIL_OPTIONS[name]: str(value) for name, value in options.items()}
    # The new token differs on purpose, so it is not compared with the old one.
    return _renewed(self, old, DispatcherPath.EMAIL_OPTIONS, fields, write, places, True)


def _needed(self: MMODAClass, token: str | Token | None, job: Job) -> Token:
    found = self.find_token(token, job)
    if found is not None:
        return found
    msg = "token: none was given and none is stored; give token=, or store it in ~/.oda-token"
    raise AuthError(msg)


async def _renewed(
    self: MMODAClass,
    old: Token,
    path: str,
    fields: dict[str, str],
    write: bool,
    places: str | Iterable[str] | None,
    discard: bool,
) -> Token:
    params = {"token": old.text, "query_status": "new", **fields}
    with quiet_log():
        reply = await self.client.request("GET", path, params=params)
    text = reply.content.decode("utf-8", "replace").strip()
    new = as_token(Token(text, MappingProxyType(decode_token(text)), "service"))
    if write:
        if discard:
            discard_token()
        write_token(new, places, discard=discard)
    return new


class _Redactor(logging.Filter):
    """Takes tokens out of the lines of the HTTP library."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


@contextmanager
def quiet_log() -> Iterator[None]:
    """Keep the address of one request out of the log."""
    redactor = _Redactor()
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore.http11")]
    for logger in loggers:
        logger.addFilter(redactor)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(redactor)
