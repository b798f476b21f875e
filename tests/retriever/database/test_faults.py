"""Databases that refuse, go away, are full, damaged, too new: what the user reads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from astroquery_mmdc.exceptions import (
    AuthError,
    CacheError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from astroquery_mmdc.retriever.database import (
    Session,
    SmartSession,
    Source,
    database_url,
    dispose,
    get_engine,
    transaction,
)

SECRET = "open-barley-77"


@pytest.fixture(autouse=True)
def _closed():
    yield
    dispose()


def add(name):
    return lambda session: session.add(Source(name=name, ra=1.0, dec=1.0))


def names(url):
    with Session(url) as session:
        return sorted(session.scalars(sa.select(Source.name)))


def whole_text(err):
    """Everything that a traceback would show."""
    texts = []
    while err is not None:
        texts += [str(err), repr(err)]
        err = err.__cause__ or err.__context__
    return "\n".join(texts)


def test_a_wrong_password_is_an_error_of_login_without_the_password(postgres_url):
    url = sa.make_url(postgres_url).set(password=SECRET)
    with pytest.raises(AuthError, match=r"refuses user 'retriever'.*PGPASSWORD") as caught:
        transaction(add("a"), url)
    assert SECRET not in whole_text(caught.value)


def test_a_missing_password_is_one_too(postgres_url):
    with pytest.raises(AuthError, match="retriever"):
        get_engine(postgres_url.replace(":sesame-5107@", "@"))


def test_a_database_that_does_not_exist(postgres_url):
    with pytest.raises(InvalidRequestError, match="createdb"):
        get_engine(sa.make_url(postgres_url).set(database="nothing_here"))


def test_a_server_that_is_not_there(unused_port):
    url = f"postgresql+psycopg://me:{SECRET}@127.0.0.1:{unused_port}/x"
    with pytest.raises(ServiceUnavailableError, match="cannot be reached") as caught:
        transaction(add("a"), url)
    assert SECRET not in whole_text(caught.value)


@pytest.fixture
def unused_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize("text", [f"postgresql://me:{SECRET}@h:port/d", f"{SECRET}", "mysql://x/y"])
def test_a_url_that_is_none(text):
    with pytest.raises(InvalidRequestError, match="postgresql") as caught:
        database_url(text)
    assert SECRET not in str(caught.value)


def test_postgresql_is_spelled_with_its_driver():
    assert database_url("postgresql://h/d").drivername == "postgresql+psycopg"


def test_a_connection_that_is_cut_is_made_again(postgres_url):
    """The server ends the session in the middle of the transaction; it is done once in the end."""
    tries = []

    def work(session):
        tries.append(1)
        session.add(Source(name="a", ra=1.0, dec=1.0))
        session.flush()
        if len(tries) == 1:
            (pid,) = session.execute(sa.text("SELECT pg_backend_pid()")).one()
            with get_engine(postgres_url).connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        session.execute(sa.text("SELECT 1"))

    transaction(work, postgres_url)
    assert len(tries) == 2
    assert names(postgres_url) == ["a"]


def test_transactions_that_exclude_each_other_are_tried_again(postgres_url):
    """Two transactions lock two rows in opposite orders."""
    for name in "ab":
        transaction(add(name), postgres_url)
    both = threading.Barrier(2, timeout=120)
    tries = []

    def work(first, second):
        waited = []

        def inner(session):
            tries.append(first)
            lock = sa.select(Source.id).with_for_update()
            session.execute(lock.where(Source.name == first)).all()
            if not waited:
                waited.append(1)
                both.wait()
            session.execute(lock.where(Source.name == second)).all()
            session.execute(sa.update(Source).where(Source.name == second).values(origin=first))

        transaction(inner, postgres_url)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, "ab", "ba"))
    assert len(tries) >= 3
    with Session(postgres_url) as session:
        origins = session.execute(sa.select(Source.name, Source.origin)).all()
    assert [tuple(row) for row in sorted(origins)] == [("a", "b"), ("b", "a")]


def test_a_locked_file_is_waited_for(data_root):
    url = f"sqlite:///{data_root}/retriever.db"
    transaction(add("a"), url)
    holder = sqlite3.connect(
        data_root / "retriever.db", isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.5, lambda: holder.execute("COMMIT"))
    timer.start()
    transaction(add("b"), url)
    timer.join()
    holder.close()
    assert names(url) == ["a", "b"]


def test_a_damaged_file(data_root):
    data_root.mkdir()
    (data_root / "retriever.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(CacheError, match=r"damaged; restore it"), SmartSession() as session:
        session.scalars(sa.select(Source)).all()


def test_a_full_disk(data_root):
    url = f"sqlite:///{data_root}/retriever.db"
    transaction(add("a"), url)

    def too_much(session):
        session.execute(sa.text("PRAGMA max_page_count=1"))
        session.add_all(Source(name=f"{n:0900}", ra=1.0, dec=1.0) for n in range(500))

    with pytest.raises(CacheError, match="disk is full; make room"):
        transaction(too_much, url)
    dispose()
    assert names(url) == ["a"]


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "file"))
    with pytest.raises((CacheError, OSError)):
        get_engine()


def test_tables_of_a_newer_package(data_root):
    engine = get_engine()
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    dispose()
    with pytest.raises(CacheError, match=r"9999.*update astroquery_mmdc"):
        get_engine()


def test_errors_of_the_program_are_not_disguised(database_url):
    transaction(add("a"), database_url)
    with pytest.raises(exc.IntegrityError):
        transaction(add("a"), database_url)
    with pytest.raises(ZeroDivisionError):
        transaction(lambda session: 1 / 0, database_url)


def test_four_processes_make_the_tables_at_once(database_url, python_env):
    program = (
        "import sys\n"
        "from astroquery_mmdc.retriever.database import Source, transaction\n"
        "for n in range(5):\n"
        "    row = dict(name=f'{sys.argv[2]}-{n}', ra=1.0, dec=1.0)\n"
        "    transaction(lambda s: s.add(Source(**row)), sys.argv[1])\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url, str(number)],
            env=python_env,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert len(names(database_url)) == 20


def test_a_transaction_killed_in_the_middle_leaves_nothing(data_root, python_env):
    url = f"sqlite:///{data_root}/retriever.db"
    transaction(add("before"), url)
    program = (
        "import os, signal, sys\n"
        "from astroquery_mmdc.retriever.database import Source, transaction\n"
        "def work(session):\n"
        "    session.add(Source(name='lost', ra=1.0, dec=1.0))\n"
        "    session.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "transaction(work, sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], env=python_env, check=False)
    assert done.returncode == -9
    assert names(url) == ["before"]
