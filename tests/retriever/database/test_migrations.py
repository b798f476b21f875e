"""Migrations lead to the very tables that new databases get."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from astroquery_mmdc.retriever.database import Base, Source, dispose, get_engine, transaction
from astroquery_mmdc.retriever.database.engine import WRITING, _make
from astroquery_mmdc.retriever.database.versions import HEAD, migrations, upgrade


@pytest.fixture
def migrated(database_url):
    """Engine of a database that migrations have made from nothing."""
    engine = _make(sa.make_url(database_url))
    with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        upgrade(connection, "")
    yield engine
    engine.dispose()


def facts(engine):
    """Everything that there is to know about the tables."""
    inspector = sa.inspect(engine)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            sorted(
                (i["name"], i["column_names"], i["unique"]) for i in inspector.get_indexes(name)
            ),
            sorted((u["name"], u["column_names"]) for u in inspector.get_unique_constraints(name)),
            sorted(
                (f["name"], f["referred_table"], f["options"])
                for f in inspector.get_foreign_keys(name)
            ),
            inspector.get_pk_constraint(name)["constrained_columns"],
        )
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def test_migrated_tables_are_those_of_the_models(migrated):
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == HEAD


def test_new_tables_are_those_of_the_migrations(migrated, database_url, tmp_path):
    expected = facts(migrated)
    with migrated.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
    assert facts(get_engine(database_url)) == expected
    assert len(expected) == 11


def test_the_newest_revision_is_known():
    assert ScriptDirectory.from_config(migrations()).get_current_head() == HEAD


def test_an_older_database_is_migrated_when_it_is_opened(migrated, database_url, monkeypatch):
    with migrated.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        from alembic import command

        config = migrations()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        # As an interrupted one leaves it: the table of versions without a version.
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrated.dispose()
    transaction(lambda s: s.add(Source(name="a", ra=1.0, dec=1.0)), database_url)
    dispose()
