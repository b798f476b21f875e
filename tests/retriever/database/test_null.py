"""Nothing at all is kept, and nothing is asked for in vain."""

from __future__ import annotations

import sqlalchemy as sa

from astroquery_mmdc.retriever.database import (
    BatchConflictError,
    Failure,
    NullSession,
    Source,
    failures_of,
    raw_status,
    release,
)


def test_every_verb_of_a_session_is_there():
    source = Source(name="a", ra=1.0, dec=2.0)
    with NullSession() as session:
        session.add_all([source])
        session.delete(source)
        session.flush()
        session.refresh(source)
        assert session.merge(source) is source
        assert source not in session
        assert list(session) == []
        with session.begin(), session.no_autoflush, session.begin_nested():
            answer = session.execute(sa.select(Source))
        assert answer.scalars().unique().all() == answer.mappings().fetchall() == []
        assert answer.one_or_none() is answer.scalar() is None
        session.rollback()
        session.close()


def test_questions_about_progress_have_empty_answers():
    session = NullSession()
    assert raw_status(session, "demo", ["a"]) == {}
    assert failures_of(session, "P") == []
    release(session, "P", "", ["a"], "me")


def test_rows_show_what_they_are():
    row = Failure(project="P", source_name="a", observatory="DEMO")
    assert repr(row) == "<Failure source_name='a' observatory='DEMO' project='P'>"
    assert "'a', 'b', 'c', 'd', 'e' ..." in str(BatchConflictError("fedcba"))
