"""A batch of sources in one transaction: all of it, exactly once, or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database.bulk import Replacing, insert_into, insert_rows, pages
from astroquery_mmdc.retriever.database.datasets import (
    Lightcurve,
    RawPhotometry,
    lightcurve_row,
    raw_row,
)
from astroquery_mmdc.retriever.database.errors import BatchConflictError
from astroquery_mmdc.retriever.database.null import NullSession
from astroquery_mmdc.retriever.database.results import (
    Batch,
    Claim,
    Detection,
    Failure,
    HistogramPart,
    Properties,
)
from astroquery_mmdc.retriever.database.source import Source, place_columns, source_raw
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import Location

__all__ = ["commit_batch"]

_RAW = Replacing(
    index=("source_name", "observatory"),
    columns=(
        *("is_empty", "folder", "filename", "filekey", "format", "shape", "number", "size"),
        *("colmap", "time_info", "time_start", "time_end"),
    ),
)
"""Raw data that were fetched again take the place of those that were there."""

Rows = Iterable[Mapping[str, Any]]
Pairs = Sequence[tuple[LightCurve, Location]]


def commit_batch(
    session: orm.Session | NullSession,
    *,
    batch_id: str,
    project: str,
    cfg_hash: str = "",
    sources: Rows,
    lightcurves: Pairs = (),
    detections: Rows = (),
    properties: Rows = (),
    histogram_deltas: Mapping[str, bytes] | None = None,
    failures: Rows = (),
) -> bool:
    """Write what came out of a batch of sources.

    Parameters
    ----------
    session : Session
        In a transaction that writes: call it through `transaction`, which commits. All that was
        written to disk has to be flushed before.
    batch_id : str
        The batch; a batch of the same id is written once only, however often it is tried.
    project, cfg_hash : str
        Whose it is.
    sources : iterable of mapping
        ``name``, ``ra``, ``dec``, and other columns of `Source`. They may be known already.
    lightcurves : sequence of (LightCurve, Location)
        Raw, reduced, processed and simulated, of these sources. They take the place of those that
        the source has of the same observatory and level.
    detections : iterable of mapping
        ``source_name`` and columns of `Detection`.
    properties : iterable of mapping
        ``source_name``, ``props``, ``has_data``: these sources are done.
    histogram_deltas : mapping, optional
        What the batch adds to each histogram, as bytes.
    failures : iterable of mapping
        ``source_name``, ``observatory``, ``step``, ``error``, ``traceback``. Older failures of
        the sources of the batch are removed.

    Returns
    -------
    bool
        False if the batch was committed before, and nothing was written.

    Raises
    ------
    BatchConflictError
        Another session has finished some of the sources; nothing was written.
    InvalidRequestError
        A light curve, detection or summary is of a source that is not in ``sources``.
    """
    if isinstance(session, NullSession):
        return True
    writer = _Writer(session, project, cfg_hash)
    rows = list(sources)
    if not writer.enter(batch_id, len(rows)):
        return False
    properties = list(properties)
    writer.sources(rows)
    writer.refuse_finished([row["source_name"] for row in properties])
    writer.raw([pair for pair in lightcurves if pair[0].level == "raw"])
    writer.lightcurves([pair for pair in lightcurves if pair[0].level != "raw"])
    writer.detections(detections)
    writer.properties(properties)
    writer.histograms(batch_id, histogram_deltas or {})
    writer.failures(failures)
    writer.release()
    return True


class _Writer:
    """Writes the rows of a batch; it knows the ids that later rows point at."""

    def __init__(self, session: orm.Session, project: str, cfg_hash: str) -> None:
        self._session = session
        self._own = {"project": project, "cfg_hash": cfg_hash or ""}
        self._ids: dict[str, int] = {}
        self._raw: dict[tuple[str, str], int] = {}

    def enter(self, batch_id: str, size: int) -> bool:
        """Enter the batch into the ledger; return whether it was not there."""
        row = {"batch_id": batch_id, "num_sources": size, **self._own}
        insert = insert_into(self._session, Batch).values(**row).on_conflict_do_nothing()
        entered = self._session.execute(insert.returning(Batch.id))
        return entered.first() is not None

    def sources(self, rows: list[Mapping[str, Any]]) -> None:
        """Write the sources and learn their ids; hold them, so that others wait."""
        by_name = {row["name"]: row for row in rows}
        if not by_name:
            return
        # Sorted, as everywhere below: two sessions that lock in one order cannot block each other.
        names = sorted(by_name)
        known = {name for name, _ in self._held(names)}
        new = [by_name[name] for name in names if name not in known]
        places = place_columns([row["ra"] for row in new], [row["dec"] for row in new])
        if new:
            full = [{**self._own, **row, **at} for row, at in zip(new, places, strict=True)]
            insert_rows(self._session, Source, full, Replacing())
        self._ids = dict(self._held(names))

    def _held(self, names: list[str]) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for page in pages(names):
            statement = (
                sa.select(Source.name, Source.id)
                .filter_by(**self._own)
                .where(Source.name.in_(page))
                .order_by(Source.name)
                .with_for_update()
            )
            found += [(row.name, row.id) for row in self._session.execute(statement)]
        return found

    def refuse_finished(self, names: list[str]) -> None:
        """Raise if sources have been summarised by another session."""
        done: list[str] = []
        for page in pages(self._id(name) for name in names):
            query = sa.select(Properties.source_name).where(Properties.source_id.in_(page))
            done += self._session.scalars(query)
        if done:
            raise BatchConflictError(done)

    def _id(self, name: str) -> int:
        if name not in self._ids:
            msg = f"sources: {name!r} has results but is not among the sources of the batch; add it"
            raise InvalidRequestError(msg, parameter="sources")
        return self._ids[name]

    def raw(self, pairs: Pairs) -> None:
        """Write raw data, link them to their sources, and link those that others fetched."""
        rows = {(lc.source, lc.observatory): raw_row(lc, place) for lc, place in pairs}
        for name, _ in rows:
            self._id(name)
        insert_rows(self._session, RawPhotometry, [rows[key] for key in sorted(rows)], _RAW)
        self._raw = self._raw_ids()
        links = [{"source_id": self._ids[n], "raw_id": at} for (n, _), at in self._raw.items()]
        insert_rows(self._session, source_raw, links, Replacing())

    def _raw_ids(self) -> dict[tuple[str, str], int]:
        columns = (RawPhotometry.source_name, RawPhotometry.observatory, RawPhotometry.id)
        found: dict[tuple[str, str], int] = {}
        for page in pages(sorted(self._ids)):
            query = sa.select(*columns).where(RawPhotometry.source_name.in_(page))
            rows = self._session.execute(query)
            found |= {(str(name), str(where)): at for name, where, at in rows}
        return found

    def lightcurves(self, pairs: Pairs) -> None:
        """Write light curves in place of those that the source had."""
        rows = []
        stale: dict[tuple[str, str], list[int]] = defaultdict(list)
        # Asked now that the sources are held: before, another session may have been writing them.
        filled = self._with_lightcurves() if pairs else set()
        for lightcurve, place in pairs:
            name, observatory = lightcurve.source, lightcurve.observatory
            source_id = self._id(name)
            ids = {"source_id": source_id, "raw_data_id": self._raw.get((name, observatory))}
            rows.append({**self._own, **ids, **lightcurve_row(lightcurve, place)})
            if source_id in filled:
                stale[observatory, lightcurve.level].append(source_id)
        self._remove(stale)
        insert_rows(self._session, Lightcurve, rows)

    def _with_lightcurves(self) -> set[int]:
        found: set[int] = set()
        for page in pages(sorted(self._ids.values())):
            query = sa.select(Lightcurve.source_id).where(Lightcurve.source_id.in_(page)).distinct()
            found |= {number for number in self._session.scalars(query) if number is not None}
        return found

    def _remove(self, stale: Mapping[tuple[str, str], list[int]]) -> None:
        for (observatory, level), ids in stale.items():
            for page in pages(sorted(set(ids))):
                self._session.execute(
                    sa.delete(Lightcurve).where(
                        Lightcurve.source_id.in_(page),
                        Lightcurve.observatory == observatory,
                        Lightcurve.level == level,
                    ),
                    execution_options={"synchronize_session": False},
                )

    def detections(self, rows: Rows) -> None:
        """Write detections, each with the light curve that it is in, if that was kept."""
        full = [{**self._own, **row, "source_id": self._id(row["source_name"])} for row in rows]
        if not full:
            return
        parents = self._lightcurve_ids({row["source_id"] for row in full})
        for row in full:
            level = "simulated" if row.get("simulation_number") else "processed"
            numbers = (row.get("series_number", 1), row.get("simulation_number", 0))
            key = (row["source_id"], row.get("observatory", ""), level, *numbers)
            row["lightcurve_id"] = parents.get(key)
        insert_rows(self._session, Detection, full)

    def _lightcurve_ids(self, source_ids: set[int]) -> dict[tuple[Any, ...], int]:
        numbers = (Lightcurve.series_number, Lightcurve.simulation_number)
        columns = (Lightcurve.source_id, Lightcurve.observatory, Lightcurve.level, *numbers)
        found: dict[tuple[Any, ...], int] = {}
        for page in pages(sorted(source_ids)):
            query = sa.select(*columns, Lightcurve.id).where(Lightcurve.source_id.in_(page))
            found |= {tuple(row[:-1]): row[-1] for row in self._session.execute(query)}
        return found

    def properties(self, rows: Rows) -> None:
        """Write the summaries."""
        full = [{**self._own, **row, "source_id": self._id(row["source_name"])} for row in rows]
        insert_rows(self._session, Properties, full)

    def histograms(self, batch_id: str, deltas: Mapping[str, bytes]) -> None:
        """Write what the batch adds to the histograms."""
        rows = [
            {**self._own, "batch_id": batch_id, "name": name, "content": content}
            for name, content in sorted(deltas.items())
        ]
        insert_rows(self._session, HistogramPart, rows)

    def failures(self, rows: Rows) -> None:
        """Write the failures; those of before stay only where the step has failed again."""
        again = {(row["source_name"], row.get("observatory", ""), row["step"]): row for row in rows}
        before = self._failures_before([*self._ids, *(name for name, _, _ in again)])
        for page in pages(row.id for row in before):
            self._session.execute(sa.delete(Failure).where(Failure.id.in_(page)))
        attempts = {(row.source_name, row.observatory, row.step): row.attempts for row in before}
        full = [
            {**self._own, **again[key], "attempts": attempts.get(key, 0) + 1}
            for key in sorted(again)
        ]
        insert_rows(self._session, Failure, full)

    def _failures_before(self, names: list[str]) -> list[Any]:
        columns = (
            Failure.id, Failure.source_name, Failure.observatory, Failure.step, Failure.attempts
        )  # fmt: skip
        found: list[Any] = []
        for page in pages(sorted(set(names))):
            query = sa.select(*columns).filter_by(**self._own).where(Failure.source_name.in_(page))
            found += self._session.execute(query).all()
        return found

    def release(self) -> None:
        """Give up the claims on the sources: they are done."""
        for page in pages(sorted(self._ids)):
            claims = sa.delete(Claim).filter_by(**self._own).where(Claim.source_name.in_(page))
            self._session.execute(claims)
