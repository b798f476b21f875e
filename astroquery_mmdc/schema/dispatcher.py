"""Paths, states and fixed fields of a MMODA dispatcher: what its clients and our server share."""

from __future__ import annotations

import secrets
import string
from typing import Final

__all__ = ["DispatcherPath", "QueryStatus", "new_session"]

_ALPHABET: Final = string.ascii_uppercase + string.digits


def new_session() -> str:
    """Return a fresh session id: 16 capitals and digits, made by who asks first."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


class DispatcherPath:
    """Paths below the address of a dispatcher."""

    PREFIX: Final = "/dispatch-data"
    RUN: Final = "/run_analysis"
    INSTRUMENTS: Final = "/instr-list"
    # Servers until 2022 know only this one, and it wants the name of some instrument.
    INSTRUMENTS_OLD: Final = "/api/instr-list"
    META_DATA: Final = "/api/meta-data"
    REFRESH_TOKEN: Final = "/refresh_token"
    EMAIL_OPTIONS: Final = "/update_token_email_options"
    RESOLVE_NAME: Final = "/resolve_name"
    META_DATA_OLD: Final = "/meta-data"
    META_DATA_SOURCE: Final = "/meta-data-src"
    PARAMETER_NAMES: Final = "/api/par-names"
    PARAMETER_NAMES_OLD: Final = "/par-names"
    INSPECT: Final = "/inspect-state"
    INSPECT_OWN: Final = "/inspect-user-state"


class QueryStatus:
    """States of a query, as client and dispatcher tell each other."""

    PREPARED: Final = "prepared"  # the client's own word: nothing was sent yet
    NEW: Final = "new"
    SUBMITTED: Final = "submitted"
    PROGRESS: Final = "progress"
    READY: Final = "ready"  # the backend is done; the products come with the next answer
    DONE: Final = "done"
    FAILED: Final = "failed"
    RUNNING: Final = frozenset({SUBMITTED, PROGRESS, READY})
    ENDED: Final = frozenset({DONE, FAILED})
