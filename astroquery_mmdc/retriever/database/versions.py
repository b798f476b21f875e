"""The version of the tables: new databases get all of them, older ones are migrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.database.base import Base
from astroquery_mmdc.retriever.database.engine import WRITING

__all__ = ["HEAD", "bring_up_to_date", "migrations", "upgrade"]

HEAD = "0001"
"""The newest revision; a test sees to it that it is that of the migrations."""

_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), primary_key=True, nullable=False),
)

_TURN = 0x6D6D6463
"""Number of the lock that sessions on PostgreSQL take before they make or change tables."""


def bring_up_to_date(engine: sa.Engine) -> None:
    """Make or migrate the tables of a database; sessions that start together take turns.

    Raises
    ------
    CacheError
        A newer version of the package made them.
    """
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))
        found = _revision(connection)
        if found is None:
            _create(connection)
        elif found != HEAD:
            upgrade(connection, found)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(sa.select(_VERSION.c.version_num)).scalar()


def _create(connection: sa.Connection) -> None:
    # The models, all of them, have to be known by now.
    from astroquery_mmdc.retriever.database import results  # noqa: F401

    Base.metadata.create_all(connection)
    _VERSION.create(connection, checkfirst=True)
    connection.execute(sa.insert(_VERSION).values(version_num=HEAD))


def migrations() -> Any:
    """Return alembic's configuration; no file of settings is needed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(connection: sa.Connection, found: str, target: str = "head") -> None:
    """Migrate the tables inside of the connection's transaction.

    Parameters
    ----------
    connection : Connection
        To the database.
    found : str
        The revision that it has.
    target : str, optional
        The revision that it shall have.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    config = migrations()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found and found not in known:
        msg = (
            f"database {connection.engine.url.render_as_string(hide_password=True)}: its tables "
            f"are of version {found}, and this package knows up to {HEAD}; update astroquery_mmdc"
        )
        raise CacheError(msg)
    config.attributes["connection"] = connection
    command.upgrade(config, target)
