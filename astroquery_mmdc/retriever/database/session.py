"""Sessions: a database's, somebody else's, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
import stamina
from sqlalchemy import event, orm

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.database.datasets import Lightcurve
from astroquery_mmdc.retriever.database.engine import WRITING, database_url, get_engine
from astroquery_mmdc.retriever.database.errors import database_errors, is_transient
from astroquery_mmdc.retriever.database.null import NullSession

__all__ = ["Session", "SmartSession", "is_switched_off", "transaction"]

T = TypeVar("T")

_DELETED = "retriever_deleted"


class Session(orm.Session):
    """A session of the retriever's database.

    Parameters
    ----------
    url : str, optional
        Which database: see `astroquery_mmdc.retriever.database.database_url`.

    Notes
    -----
    When a light curve's row is deleted, its values go from the disk as soon as that is committed.
    """

    def __init__(self, url: str | sa.URL | None = None, **options: Any) -> None:
        super().__init__(**{"bind": get_engine(url), "expire_on_commit": False, **options})


def is_switched_off() -> bool:
    """Return whether ``database.NO_DB_SESSION`` says that no database is to be used."""
    from astroquery_mmdc.retriever import database

    return bool(database.NO_DB_SESSION)


@contextmanager
def SmartSession(  # noqa: N802 - a documented name
    session: orm.Session | NullSession | bool | None = None, *, url: str | None = None
) -> Iterator[Any]:
    """Give a session, and close it at the end if it was opened here.

    Parameters
    ----------
    session : Session, None or False
        A session is given back and left open. None opens one. False gives a `NullSession`, which
        does nothing; so does everything while ``database.NO_DB_SESSION`` is True.
    url : str, optional
        Which database to open.

    Examples
    --------
    >>> with SmartSession(False) as session:
    ...     session.commit()
    """
    if session is False or is_switched_off():
        yield NullSession()
    elif isinstance(session, orm.Session | NullSession):
        yield session
    elif session is None:
        with database_errors(database_url(url)), Session(url) as opened:
            yield opened
    else:
        msg = f"session: {session!r} is none; give a session, None for a new one, or False for none"
        raise TypeError(msg)


def transaction(
    work: Callable[[Any], T], url: str | sa.URL | None = None, *, attempts: int = 12
) -> T:
    """Do some work in one transaction, again if others were in the way.

    Parameters
    ----------
    work : callable
        Called with a session; must be such that it may be called again after a rollback.
    url : str, optional
        Which database.
    attempts : int, optional
        How often it is tried when the database is locked, when transactions exclude each other,
        or when the connection is lost.

    Returns
    -------
    object
        What the work returns.

    Raises
    ------
    AuthError, ServiceUnavailableError, CacheError, InvalidRequestError
        The database refuses, is gone, full or damaged.
    """
    if is_switched_off():
        return work(NullSession())
    parsed = database_url(url)
    with database_errors(parsed):
        for attempt in stamina.retry_context(
            on=is_transient, attempts=attempts, timeout=120, wait_initial=0.05, wait_max=5
        ):
            with attempt, Session(parsed) as session:
                session.connection(execution_options={WRITING: True})
                result = work(session)
                session.commit()
    return result


@event.listens_for(Lightcurve, "after_delete")
def _remember_deleted(_mapper: Any, _connection: Any, lightcurve: Lightcurve) -> None:
    session = orm.object_session(lightcurve)
    if session is not None and lightcurve.filename:
        session.info.setdefault(_DELETED, []).append(lightcurve.location)


@event.listens_for(Session, "after_commit")
def _remove_files(session: orm.Session) -> None:
    from astroquery_mmdc.retriever.storage import open_store

    for place in session.info.pop(_DELETED, ()):
        try:
            open_store(place.format).delete(place)
        except CacheError:
            continue  # what cannot be read is not worth an error after the commit


@event.listens_for(Session, "after_rollback")
def _forget_deleted(session: orm.Session) -> None:
    session.info.pop(_DELETED, None)
