"""Tokens: where they are found, what they say, and how they are kept.

A token is the user's identity. Nothing here writes one into a log line, a message or a ``repr``.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from astroquery_mmdc.exceptions import AuthError, InvalidRequestError

__all__ = [
    "PLACES",
    "Token",
    "as_token",
    "check_successor",
    "decode_token",
    "discard_token",
    "discover_token",
    "write_token",
]

_log = logging.getLogger(__name__)

ENVIRONMENT = "ODA_TOKEN"
_FILE = ".oda-token"
_CONTEXT = ".oda_api_context"
PLACES = ("environment", "cwd", "home", "context")
_WRITABLE = ("environment", "cwd", "home")
_MAIL = ("tem", "mstout", "mssub", "msdone", "msfail", "intsub")


@dataclass(frozen=True, slots=True)
class Token:
    """A token and what it says.

    Parameters
    ----------
    text : str
        The token itself; it is not shown.
    payload : mapping
        What it says: ``sub``, ``email``, ``name``, ``roles``, ``exp``, e-mail options.
    place : str
        Where it was found: ``"argument"``, ``"service"``, or one of `PLACES`.
    """

    text: str = field(repr=False)
    payload: Mapping[str, Any]
    place: str = "argument"

    @property
    def roles(self) -> tuple[str, ...]:
        """What its owner is allowed to do."""
        return _roles(self.payload)

    @property
    def hours_left(self) -> float:
        """Hours until it expires; negative afterwards, minus infinity without expiry."""
        expires = self.payload.get("exp")
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return -float("inf")
        return (expires - time.time()) / 3600

    @property
    def is_valid(self) -> bool:
        """Whether it has not expired yet; its signature is known to the service only."""
        return self.hours_left > 0

    @property
    def email_options(self) -> dict[str, Any]:
        """When the service sends e-mails about jobs."""
        return {name: self.payload[name] for name in _MAIL if name in self.payload}

    def __str__(self) -> str:
        left = self.hours_left
        when = f"expires in {left:.1f} h" if left > 0 else f"expired {-left:.1f} h ago"
        return f"token of {self.payload.get('email', 'nobody')} ({self.place}), {when}"


def _roles(payload: Mapping[str, Any]) -> tuple[str, ...]:
    roles = payload.get("roles") or ()
    parts = roles.split(",") if isinstance(roles, str) else roles
    return tuple(str(role).strip() for role in parts if str(role).strip())


def decode_token(token: str | Token) -> dict[str, Any]:
    """Return what a token says; its signature is not checked, only the service can.

    Parameters
    ----------
    token : str or Token

    Returns
    -------
    dict
        ``sub``, ``email``, ``name``, ``roles``, ``exp`` and the e-mail options.

    Raises
    ------
    AuthError
        It is no token.
    """
    if isinstance(token, Token):
        return dict(token.payload)
    parts = str(token).strip().split(".")
    try:
        if len(parts) != 3:
            raise ValueError(len(parts))  # noqa: TRY301 - one way out for all that is no token
        data = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), b"-_", validate=True)
        payload = json.loads(data)
    except (ValueError, binascii.Error, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        msg = "token: this is no token (three parts with dots between); copy it again, whole"
        # Not from the error: its text holds the token.
        raise AuthError(msg) from None
    return payload


def as_token(token: str | Token) -> Token:
    """Return a token that a user gave, or say why it cannot be used.

    Raises
    ------
    AuthError
        It is no token, or it has expired.
    """
    if not isinstance(token, Token):
        text = str(token).strip()
        token = Token(text, MappingProxyType(decode_token(text)))
    if not token.is_valid:
        left = token.hours_left
        when = f"{-left:.1f} h ago" if left > -float("inf") else "at no time it tells"
        msg = (
            f"token: it expired {when}; tokens live 24 h: take a new one from the MMODA page, "
            "or refresh_token() before that"
        )
        raise AuthError(msg)
    return token


# ---------------------------------------------------------------- places


def _read(place: str) -> str:
    if place == "environment":
        return os.environ.get(ENVIRONMENT, "")
    path = _path(place)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return _from_context(text) if place == "context" else text


def _path(place: str) -> Path:
    if place == "home":
        return Path.home() / _FILE
    return Path(_CONTEXT if place == "context" else _FILE)


def _from_context(text: str) -> str:
    try:
        context = json.loads(text)
    except ValueError:
        return ""
    return str(context.get("token") or "") if isinstance(context, dict) else ""


def _checked(places: str | Iterable[str] | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if places is None:
        return allowed
    chosen = (places,) if isinstance(places, str) else tuple(places)
    for place in chosen:
        if place not in allowed:
            msg = f"places: {place!r} is none of {', '.join(allowed)}"
            raise InvalidRequestError(msg, parameter="places")
    return chosen


def discover_token(
    places: str | Iterable[str] | None = None, *, allow_invalid: bool = False
) -> Token | None:
    """Look for a token; the first that has not expired is taken.

    Parameters
    ----------
    places : str or iterable of str, optional
        Where to look, in this order: ``"environment"`` (``ODA_TOKEN``), ``"cwd"``
        (``./.oda-token``), ``"home"`` (``~/.oda-token``), ``"context"`` (``./.oda_api_context``).
    allow_invalid : bool, optional
        Take an expired one as well.

    Returns
    -------
    Token or None
        With ``place``, ``payload``, ``hours_left`` and ``roles``.
    """
    for place in _checked(places, PLACES):
        text = _read(place).strip()
        if not text:
            continue
        try:
            token = Token(text, MappingProxyType(decode_token(text)), place)
        except AuthError:
            _log.info("what is stored in %s is no token", place)
            continue
        if token.is_valid or allow_invalid:
            _log.info("found %s", token)
            return token
        _log.info("not used: %s", token)
    return None


def write_token(
    token: str | Token,
    places: str | Iterable[str] | None = ("environment", "cwd"),
    *,
    discard: bool = False,
) -> None:
    """Keep a token where `discover_token` finds it.

    Parameters
    ----------
    token : str or Token
    places : str or iterable of str, optional
        ``"environment"`` (of this process), ``"cwd"``, ``"home"``. Files can be read by you only.
    discard : bool, optional
        Do not compare it with the token that is there, and do not keep that one.

    Raises
    ------
    InvalidRequestError
        The token grants less than the one that is there; see `check_successor`.
    """
    token = as_token(token)
    chosen = _checked(places, _WRITABLE)
    for place in () if discard else chosen:
        old = discover_token(place)
        if old is not None:
            check_successor(old, token)
    for place in chosen:
        if place == "environment":
            os.environ[ENVIRONMENT] = token.text
        else:
            _replace_file(_path(place), token.text, keep_old=not discard)


def _replace_file(path: Path, text: str, *, keep_old: bool) -> None:
    # Never with wider permissions, not even for a moment.
    temporary = path.with_name(f".oda-token-{os.getpid()}-{time.monotonic_ns()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if keep_old and path.exists():
            path.chmod(0o400)
            path.replace(path.with_name(f"old-oda-token_{time.time():.6f}"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def discard_token(places: str | Iterable[str] | None = None) -> list[str]:
    """Remove the tokens that are kept.

    Parameters
    ----------
    places : str or iterable of str, optional
        ``"environment"``, ``"cwd"``, ``"home"``; None removes only the one that would be used.

    Returns
    -------
    list of str
        Where one was removed.
    """
    if places is None:
        found = discover_token(_WRITABLE)
        places = () if found is None else found.place
    removed = []
    for place in _checked(places, _WRITABLE):
        if not _read(place):
            continue
        if place == "environment":
            del os.environ[ENVIRONMENT]
        else:
            _path(place).unlink()
        removed.append(place)
    return removed


def check_successor(old: Token, new: Token) -> None:
    """Refuse a token that grants less than the one it shall replace.

    Raises
    ------
    InvalidRequestError
        It expires earlier, lacks a role, has other fields or other e-mail options.
    """
    problems = []
    if new.hours_left < old.hours_left:
        problems.append("it expires earlier")
    lost = [role for role in old.roles if role not in new.roles]
    if lost:
        problems.append(f"it lacks the roles {', '.join(lost)}")
    fields = set(old.payload) ^ set(new.payload)
    if fields:
        problems.append(f"its fields differ ({', '.join(sorted(fields))})")
    if not fields and old.email_options != new.email_options:
        problems.append("its e-mail options differ")
    if problems:
        msg = (
            f"token: it does not replace the one in {old.place}, because "
            f"{' and '.join(problems)}; pass discard=True if that is what you want"
        )
        raise InvalidRequestError(msg, parameter="token")
    gained = [role for role in new.roles if role not in old.roles]
    if gained:
        _log.warning("the new token has more roles than the old one: %s", ", ".join(gained))
