"""Signing tokens again, for those who keep a dispatcher and know its secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from astroquery_mmdc.exceptions import AuthError
from astroquery_mmdc.mmoda.tokens import Token, as_token, decode_token

__all__ = ["signed_again"]

_HEADER = b'{"alg": "HS256", "typ": "JWT"}'


def signed_again(token: Token, secret: str, changes: Mapping[str, Any]) -> Token:
    """Return a token that says something else, signed with the secret of its service.

    Parameters
    ----------
    token : Token
        Signed with the same secret.
    secret : str
    changes : mapping
        Fields to set.

    Raises
    ------
    AuthError
        The token was signed with another secret.
    """
    head, _, signature = token.text.rpartition(".")
    if not hmac.compare_digest(_signature(head, secret).encode(), signature.encode()):
        msg = "secret: the token was signed with another one, or is not signed with HS256"
        raise AuthError(msg)
    payload = _segment(json.dumps({**decode_token(token), **changes}).encode())
    head = f"{_segment(_HEADER)}.{payload}"
    return as_token(f"{head}.{_signature(head, secret)}")


def _signature(head: str, secret: str) -> str:
    return _segment(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
