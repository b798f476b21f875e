"""The connection to the database: made on first use, one per URL and process."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database.base import json_text
from astroquery_mmdc.retriever.database.errors import database_errors
from astroquery_mmdc.retriever.paths import data_root, safe_mkdir

__all__ = ["WRITING", "database_url", "dispose", "get_engine"]

WRITING = "retriever_writes"
"""Execution option of connections that write: SQLite then waits for its turn before it reads."""

BUSY_SECONDS = 60

_engines: dict[tuple[int, str], sa.Engine] = {}
_lock = threading.Lock()


def database_url(url: str | sa.URL | None = None) -> sa.URL:
    """Return the URL of the database.

    Parameters
    ----------
    url : str, optional
        If there is none, the environment variable ``RETRIEVER_DATABASE`` is asked, and without it
        the database is ``retriever.db`` in the data root.

    Raises
    ------
    InvalidRequestError
        It is no URL, or of a database that is not supported.
    """
    given = url or os.environ.get("RETRIEVER_DATABASE")
    if not given:
        return sa.URL.create("sqlite", database=str(data_root() / "retriever.db"))
    try:
        parsed = sa.make_url(given)
    except (exc.ArgumentError, ValueError):
        # The text may have a password in it: neither it nor its error is shown.
        msg = "database: the URL is none; write sqlite:////path/file.db or "
        msg += "postgresql+psycopg://user@host/database"
        raise InvalidRequestError(msg, parameter="url") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        msg = f"database: {parsed.drivername!r} is not supported; use sqlite or postgresql+psycopg"
        raise InvalidRequestError(msg, parameter="url")
    return parsed


def get_engine(url: str | sa.URL | None = None) -> sa.Engine:
    """Return the engine of a database whose tables are there and up to date.

    Parameters
    ----------
    url : str, optional
        See `database_url`.

    Raises
    ------
    AuthError, ServiceUnavailableError, CacheError, InvalidRequestError
        The database refuses, cannot be reached, is damaged, or does not exist.
    """
    parsed = database_url(url)
    # A connection must not be shared with a child process.
    key = (os.getpid(), parsed.render_as_string(hide_password=False))
    with _lock:
        if key not in _engines:
            _engines[key] = _ready(parsed)
        return _engines[key]


def dispose() -> None:
    """Close the connections of this process; the next use opens new ones."""
    with _lock:
        for pid, url in list(_engines):
            engine = _engines.pop((pid, url))
            # Connections from before a fork belong to the parent.
            engine.dispose(close=pid == os.getpid())


def _ready(url: sa.URL) -> sa.Engine:
    from astroquery_mmdc.retriever.database.versions import bring_up_to_date

    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        place = Path(str(url.database)).resolve()
        safe_mkdir(place.parent, place.parent)
    with database_errors(url):
        engine = _make(url)
        try:
            bring_up_to_date(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _make(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(
            url,
            # A server that was restarted is noticed before a transaction begins.
            pool_pre_ping=True,
            hide_parameters=True,
            json_serializer=json_text,
            connect_args={"connect_timeout": 10, "application_name": "astroquery_mmdc"},
        )
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        json_serializer=json_text,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _on_begin says
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    # A transaction that read before it writes would fail at once if another wrote in between.
    writes = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
