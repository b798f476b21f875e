"""What is done, what is claimed, what failed, and the parts of the histograms."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import orm

from astroquery_mmdc.retriever.database.base import utc_now
from astroquery_mmdc.retriever.database.bulk import insert_into, pages
from astroquery_mmdc.retriever.database.datasets import RawPhotometry
from astroquery_mmdc.retriever.database.null import NullSession
from astroquery_mmdc.retriever.database.results import (
    Claim,
    Failure,
    HistogramPart,
    Properties,
)
from astroquery_mmdc.retriever.storage import Location

__all__ = [
    "claim",
    "failures_of",
    "finished",
    "histogram_parts",
    "merge_parts",
    "raw_status",
    "release",
]

AnySession = orm.Session | NullSession


def finished(
    session: AnySession, project: str, cfg_hash: str = "", names: Iterable[str] | None = None
) -> set[str]:
    """Return the names of the sources that have been analysed.

    Parameters
    ----------
    session : Session
        The database.
    project, cfg_hash : str
        Whose sources.
    names : iterable of str, optional
        Ask for these only.
    """
    query = sa.select(Properties.source_name).filter_by(project=project, cfg_hash=cfg_hash or "")
    if names is None:
        return set(session.scalars(query))
    found: set[str] = set()
    for page in pages(names):
        found.update(session.scalars(query.where(Properties.source_name.in_(page))))
    return found


def raw_status(
    session: AnySession, observatory: str, names: Iterable[str]
) -> dict[str, Location | None]:
    """Return where raw data lie.

    Parameters
    ----------
    session : Session
        The database.
    observatory : str
        Whose data.
    names : iterable of str
        Of which sources.

    Returns
    -------
    dict
        By name, for the sources that the observatory was asked for: the location, or None if it
        answered that there is nothing.
    """
    columns = ("source_name", "is_empty", "folder", "filename", "filekey", "format", "size")
    wanted = [getattr(RawPhotometry, name) for name in columns]
    query = sa.select(*wanted).filter_by(observatory=observatory.upper())
    found: dict[str, Location | None] = {}
    for page in pages(names):
        for name, empty, *place in session.execute(
            query.where(RawPhotometry.source_name.in_(page))
        ):
            found[name] = None if empty else Location(*place)
    return found


def claim(
    session: AnySession,
    project: str,
    cfg_hash: str,
    names: Sequence[str],
    owner: str,
    seconds: float = 600,
) -> list[str]:
    """Claim sources for a session, so that others that run at the same time take other ones.

    Parameters
    ----------
    session : Session
        The database; the claim counts when it is committed.
    project, cfg_hash : str
        Whose sources.
    names : sequence of str
        Which sources.
    owner : str
        Name of the session, one that no other has.
    seconds : float, optional
        When the claim ends if it was not renewed by then: of a session that has died.

    Returns
    -------
    list of str
        The names that are the owner's now, in their order.
    """
    if isinstance(session, NullSession):
        return list(names)
    own = {"project": project, "cfg_hash": cfg_hash or ""}
    now = utc_now()
    fields = {**own, "owner": owner, "expires": now + timedelta(seconds=seconds)}
    statement = insert_into(session, Claim)
    statement = statement.on_conflict_do_update(
        index_elements=["project", "cfg_hash", "source_name"],
        set_={"owner": owner, "expires": fields["expires"]},
        where=sa.or_(Claim.owner == owner, Claim.expires < now),
    )
    mine: set[str] = set()
    for page in pages(sorted(names)):
        session.execute(statement, [{**fields, "source_name": name} for name in page])
        query = sa.select(Claim.source_name).filter_by(**own, owner=owner)
        mine.update(session.scalars(query.where(Claim.source_name.in_(page))))
    return [name for name in names if name in mine]


def release(
    session: AnySession, project: str, cfg_hash: str, names: Iterable[str], owner: str
) -> None:
    """Give up claims of an owner."""
    own = {"project": project, "cfg_hash": cfg_hash or "", "owner": owner}
    for page in pages(names):
        session.execute(
            sa.delete(Claim).filter_by(**own).where(Claim.source_name.in_(page)),
            execution_options={"synchronize_session": False},
        )


def failures_of(
    session: AnySession, project: str, cfg_hash: str = "", step: str | None = None
) -> Sequence[Failure]:
    """Return the failures of a project, of one step or of all, in the order of names."""
    query = sa.select(Failure).filter_by(project=project, cfg_hash=cfg_hash or "")
    if step is not None:
        query = query.filter_by(step=step)
    return session.scalars(query.order_by(Failure.source_name, Failure.observatory)).all()


def histogram_parts(
    session: AnySession, project: str, cfg_hash: str, name: str
) -> list[tuple[int, bytes]]:
    """Return the parts of a histogram with their ids; the histogram is their sum."""
    query = sa.select(HistogramPart.id, HistogramPart.content).filter_by(
        project=project, cfg_hash=cfg_hash or "", name=name
    )
    return [(at, content) for at, content in session.execute(query.order_by(HistogramPart.id))]


def merge_parts(
    session: AnySession,
    project: str,
    cfg_hash: str,
    name: str,
    ids: Sequence[int],
    content: bytes,
) -> bool:
    """Put the sum of some parts in their place.

    Parameters
    ----------
    session : Session
        In a transaction that writes.
    project, cfg_hash, name : str
        Which histogram.
    ids : sequence of int
        Its parts.
    content : bytes
        Their sum.

    Returns
    -------
    bool
        False if another session has merged some of them: nothing is changed then.
    """
    if isinstance(session, NullSession) or not ids:
        return False
    held: list[int] = []
    for page in pages(sorted(ids)):
        query = sa.select(HistogramPart.id).where(HistogramPart.id.in_(page))
        held += session.scalars(query.order_by(HistogramPart.id).with_for_update())
    if len(held) != len(set(ids)):
        return False
    for page in pages(held):
        session.execute(
            sa.delete(HistogramPart).where(HistogramPart.id.in_(page)),
            execution_options={"synchronize_session": False},
        )
    part = {"project": project, "cfg_hash": cfg_hash or "", "name": name, "content": content}
    session.execute(sa.insert(HistogramPart).values(batch_id=f"sum-{uuid.uuid4().hex}", **part))
    return True
