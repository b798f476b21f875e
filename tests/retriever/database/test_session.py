"""Sessions, no-database mode, cones, and that importing opens nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sqlalchemy as sa
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.database import (
    NullSession,
    Session,
    SmartSession,
    Source,
    cone_search,
    dispose,
    duplicates_of,
    get_engine,
    transaction,
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    dispose()


def test_importing_touches_neither_database_nor_disk(data_root, python_env):
    program = (
        "import astroquery_mmdc.retriever.database as d, astroquery_mmdc.retriever.dataset\n"
        "from astroquery_mmdc.retriever.database import engine\n"
        "assert not engine._engines\n"
        "import sys; assert 'psycopg' not in sys.modules and 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], env=python_env, check=True)
    assert not data_root.exists()


def test_a7_1_documented_queries(data_root):
    session = Session()
    session.add(Source(name="J123.1-32.13", ra=123.1, dec=-32.13))
    session.commit()
    assert (data_root / "retriever.db").is_file()
    source = session.scalars(sa.select(Source).where(Source.name == "J123.1-32.13")).first()
    assert (source.project, source.aliases, source.cat_row) == ("TEST_PROJECT", [], {})
    assert source.created_at.tzinfo is not None
    session.delete(source)
    session.commit()
    assert session.scalars(sa.select(Source)).all() == []
    session.close()


def test_a7_1_the_url_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("RETRIEVER_DATABASE", f"sqlite:///{tmp_path}/elsewhere/x.db")
    assert get_engine() is get_engine()
    assert (tmp_path / "elsewhere/x.db").is_file()


def test_a7_2_smart_session_opens_and_closes_its_own():
    with SmartSession() as session:
        session.add(Source(name="a", ra=0.0, dec=0.0))
        session.commit()
        with SmartSession(session) as same:
            assert same is session
        assert session.scalars(sa.select(Source)).one().name == "a"
    assert not session.in_transaction()


def test_a7_2_smart_session_of_false_does_nothing(data_root):
    with SmartSession(False) as session:
        session.add(Source(name="a", ra=0.0, dec=0.0))
        session.commit()
        with SmartSession(session) as same:
            assert same is session
        assert session.scalars(sa.select(Source)).all() == []
        assert session.execute(sa.select(Source)).first() is None
        assert session.get(Source, 1) is None
        assert list(session.scalars(sa.select(Source))) == []
    assert not data_root.exists()


def test_smart_session_refuses_what_is_no_session():
    with pytest.raises(TypeError, match="session"), SmartSession("sqlite://"):
        pass


def test_a7_3_without_a_database(monkeypatch, data_root):
    monkeypatch.setattr(database, "NO_DB_SESSION", True)
    with SmartSession() as session:
        assert isinstance(session, NullSession)
        session.merge(Source(name="a", ra=0.0, dec=0.0))
    assert transaction(lambda s: type(s)) is NullSession
    assert not data_root.exists()


def test_sqlite_is_set_up_for_many_sessions(data_root):
    with get_engine().connect() as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                  ("journal_mode", "foreign_keys", "busy_timeout")]  # fmt: skip
    assert values == ["wal", 1, 60000]


@pytest.fixture
def sky(database_url):
    rng = np.random.default_rng(5)
    ra = np.concatenate([rng.uniform(0, 360, 300), rng.normal(150, 0.001, 100), [0.0, 359.9999]])
    dec = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 300))),
                          rng.normal(2, 0.001, 100), [0.0, 0.0]])  # fmt: skip
    transaction(
        lambda session: session.add_all(
            Source(name=str(at), ra=float(place[0]), dec=float(place[1]))
            for at, place in enumerate(zip(ra, dec, strict=True))
        ),
        database_url,
    )
    return database_url, SkyCoord(ra, dec, unit="deg")


@pytest.mark.parametrize(
    ("ra", "dec", "radius"),
    [(150, 2, 3 * u.arcsec), (0, 0, 1 * u.arcsec), (10, 89.9, 20 * u.deg), (9, 9, 170 * u.deg)],
)
def test_a7_11_cones_are_exact(sky, ra, dec, radius):
    url, places = sky
    apart = places.separation(SkyCoord(ra, dec, unit="deg"))
    with Session(url) as session:
        found = session.scalars(sa.select(Source.name).where(cone_search(ra, dec, radius)))
        assert {int(name) for name in found} == set(np.flatnonzero(apart <= radius).tolist())


def test_a7_11_duplicates(sky):
    url, places = sky
    with Session(url) as session:
        source = session.scalars(sa.select(Source).where(Source.name == "300")).one()
        near = np.flatnonzero(places.separation(places[300]) <= 5 * u.arcsec).tolist()
        assert {int(row.name) for row in duplicates_of(session, source)} == set(near) - {300}


def test_a_bare_radius_is_refused():
    with pytest.raises(InvalidRequestError, match=r"arcsec"):
        cone_search(1.0, 2.0, 3.0)


def test_cones_use_the_index(data_root):
    statement = sa.select(Source.id).where(cone_search(150.0, 2.0, 3 * u.arcsec))
    engine = get_engine()
    text = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert "ix_sources_healpix" in str(plan)
