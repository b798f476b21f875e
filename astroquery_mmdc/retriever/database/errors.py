"""What a fault of the database means for the user, without any secret in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import exc

from astroquery_mmdc.exceptions import (
    AuthError,
    CacheError,
    InvalidRequestError,
    MMDCError,
    ServiceUnavailableError,
)

__all__ = ["BatchConflictError", "database_errors", "is_transient"]

_REFUSED = ("password authentication failed", "no password supplied", "pg_hba.conf", "28p01")
_ABSENT = ("does not exist", "3d000")
_FULL = ("database or disk is full", "no space left", "disk full", "53100")
_DAMAGED = ("malformed", "not a database", "disk i/o error")
_BUSY = ("database is locked", "database table is locked", "deadlock", "could not serialize")
_STATES_BUSY = ("40001", "40P01", "55P03")


class BatchConflictError(CacheError):
    """Another session has finished sources of the batch; nothing of it was written.

    Parameters
    ----------
    names : sequence of str
        Names of these sources: make the batch again without them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = sorted(names)
        some = ", ".join(repr(name) for name in self.names[:5]) + (" ..." * (len(names) > 5))
        super().__init__(
            f"another session has finished {len(self.names)} sources of this batch ({some}); "
            "make it again without them"
        )


def is_transient(err: BaseException) -> bool:
    """Return whether the same transaction may succeed when it is tried again."""
    if not isinstance(err, exc.DBAPIError):
        return False
    if err.connection_invalidated or getattr(err.orig, "sqlstate", None) in _STATES_BUSY:
        return True
    text = str(err.orig).lower()
    return isinstance(err, exc.OperationalError) and any(word in text for word in _BUSY)


@contextmanager
def database_errors(url: sa.URL) -> Iterator[None]:
    """Turn faults of the driver into errors that say what to do."""
    try:
        yield
    except MMDCError:
        raise
    except (exc.OperationalError, exc.InterfaceError, exc.DatabaseError) as err:
        if isinstance(err, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
            raise
        raise _meaning(err, url) from err
    except exc.NoSuchModuleError as err:
        msg = f"database: {url.drivername!r} is not known; use sqlite:/// or postgresql+psycopg://"
        raise InvalidRequestError(msg, parameter="url") from err


def _meaning(err: exc.DBAPIError, url: sa.URL) -> MMDCError:
    place = url.render_as_string(hide_password=True)
    text = _without_password(str(err.orig).strip().split("\n")[0], url)
    state = str(getattr(err.orig, "sqlstate", "") or "")
    lowered = f"{str(err.orig).lower()} {state.lower()}"
    if any(word in lowered for word in _REFUSED):
        return AuthError(
            f"database {place}: it refuses user {url.username!r} ({text}); give the right "
            "password in the URL, in PGPASSWORD or in ~/.pgpass"
        )
    if url.get_backend_name() == "sqlite":
        return _of_sqlite(lowered, place, text)
    if any(word in lowered for word in _ABSENT):
        return InvalidRequestError(
            f"database {place}: {text}; make it with createdb, or correct the URL", parameter="url"
        )
    if any(word in lowered for word in _FULL):
        return CacheError(f"database {place}: its disk is full ({text}); make room, and run again")
    return ServiceUnavailableError(
        f"database {place} cannot be reached ({text}); start it, and run again to go on"
    )


def _of_sqlite(lowered: str, place: str, text: str) -> MMDCError:
    if any(word in lowered for word in _FULL):
        advice = "the disk is full; make room, and run again"
    elif any(word in lowered for word in _DAMAGED):
        advice = "the file is damaged; restore it, or move it away and fill a new one"
    elif any(word in lowered for word in _BUSY):
        advice = "another process holds it for very long; end that, or use PostgreSQL"
    elif "unable to open" in lowered or "readonly" in lowered:
        advice = "it cannot be opened for writing; choose another RETRIEVER_DATA"
    else:
        advice = "run again"
    return CacheError(f"database {place}: {text}: {advice}")


def _without_password(text: str, url: sa.URL) -> str:
    password = str(url.password or "")
    return text.replace(password, "***") if password else text
