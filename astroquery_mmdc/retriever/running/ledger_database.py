"""The state of a project in its database, shared with other sessions."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.database.base import utc_now
from astroquery_mmdc.retriever.running.batches import Outcome
from astroquery_mmdc.retriever.running.ledger import AddParts, Known, Ledger
from astroquery_mmdc.retriever.storage import Location

__all__ = ["DatabaseLedger", "is_gone", "started"]

_log = logging.getLogger(__name__)

_CLAIM_SECONDS = 1800.0
"""Longest time that a batch takes; later, others may take its sources."""

_owners_here: set[str] = set()


class DatabaseLedger(Ledger):
    """The state of a project for one run, kept in a database.

    Parameters
    ----------
    url : str or None
        Of the database.
    project, cfg_hash : str
        Which project and version.

    Notes
    -----
    A run claims sources before it works on them, so that two sessions do not do the same work.
    That is for speed alone: whoever commits first is right, and `commit` tells the other.
    """

    def __init__(self, url: str | None, project: str, cfg_hash: str) -> None:
        self._url = url
        self._key = (project, cfg_hash)
        self._owner = f"{_place()}:{uuid.uuid4().hex[:12]}"
        self._run_id: int | None = None
        self._claimed: set[str] = set()

    def _do(self, work: Any) -> Any:
        return database.transaction(work, self._url)

    # ---------------------------------------------------------------- the run

    def begin(self, config: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        """Note the run, and drop the claims of sessions on this machine that are dead."""
        _owners_here.add(self._owner)
        project, cfg_hash = self._key

        def work(session: Any) -> int:
            claims = database.Claim
            owners = session.scalars(
                sa.select(claims.owner).filter_by(project=project, cfg_hash=cfg_hash).distinct()
            )
            gone = [owner for owner in owners if is_gone(owner)]
            session.execute(sa.delete(claims).where(claims.owner.in_(gone)))
            run = database.Run(
                project=project,
                cfg_hash=cfg_hash,
                config=dict(config),
                versions=dict(versions),
                started=utc_now(),
            )
            session.add(run)
            session.flush()
            return int(run.id)

        self._run_id = self._do(work)

    def end(self, status: str) -> None:
        """Note how the run ended, and drop its claims."""

        def work(session: Any) -> None:
            session.execute(sa.delete(database.Claim).filter_by(owner=self._owner))
            changes = {"ended": utc_now(), "status": status}
            session.execute(sa.update(database.Run).filter_by(id=self._run_id).values(changes))

        _owners_here.discard(self._owner)
        try:
            self._do(work)
        except MMDCError as err:
            # The reason for ending may be just that; claims of the dead are found by the next run.
            _log.warning("the end of the run could not be noted: %s", err)

    # ---------------------------------------------------------------- sources

    def finished(self) -> set[str]:
        """Return the names of the sources that have been analysed, in one query."""
        return self._do(lambda session: database.finished(session, *self._key))  # type: ignore[no-any-return]

    def failed(self) -> set[str]:
        """Return the names of the sources that failed and have not succeeded since."""
        failures = database.Failure
        project, cfg_hash = self._key
        chosen = sa.select(failures.source_name).filter_by(project=project, cfg_hash=cfg_hash)
        return self._do(lambda session: set(session.scalars(chosen)))  # type: ignore[no-any-return]

    def claim(self, names: Sequence[str]) -> list[str]:
        """Return which of some sources nobody works on and nobody has finished."""

        def work(session: Any) -> list[str]:
            mine = database.claim(session, *self._key, names, self._owner, seconds=_CLAIM_SECONDS)
            done = database.finished(session, *self._key, mine)
            if done:
                database.release(session, *self._key, sorted(done), self._owner)
            taken = set(mine) - done
            return [name for name in names if name in taken]

        return self._do(work)  # type: ignore[no-any-return]

    def release(self, names: Sequence[str]) -> None:
        """Let others work on some sources."""
        self._do(lambda session: database.release(session, *self._key, names, self._owner))

    def known(self, observatory: str, names: Sequence[str]) -> Known:
        """Return where raw and reduced data of some sources lie."""

        def work(session: Any) -> Known:
            raw = database.raw_status(session, observatory, names)
            return raw, self._reduced(session, observatory, names)

        return self._do(work)  # type: ignore[no-any-return]

    def _reduced(
        self, session: Any, observatory: str, names: Sequence[str]
    ) -> dict[str, list[Location]]:
        table = database.Lightcurve
        project, cfg_hash = self._key
        columns = (table.folder, table.filename, table.filekey, table.format, table.size)
        chosen = (
            sa.select(table.source_name, *columns)
            .filter_by(project=project, cfg_hash=cfg_hash, level="reduced", observatory=observatory)
            .where(table.source_name.in_(names))
            .order_by(table.series_number)
        )
        places: dict[str, list[Location]] = {}
        for name, *place in session.execute(chosen):
            places.setdefault(name, []).append(Location(*place))
        return places

    # ---------------------------------------------------------------- results

    def commit(self, outcome: Outcome) -> list[str]:
        """Keep an outcome in one transaction; see `Ledger.commit`."""
        project, cfg_hash = self._key
        failed = {failure.name for failure in outcome.failures}

        def work(session: Any) -> None:
            database.commit_batch(
                session,
                batch_id=outcome.batch_id,
                project=project,
                cfg_hash=cfg_hash,
                sources=outcome.sources,
                lightcurves=outcome.lightcurves,
                detections=outcome.detections,
                properties=outcome.properties,
                histogram_deltas=outcome.histograms,
                failures=[failure.to_row() for failure in outcome.failures],
            )
            database.release(session, project, cfg_hash, failed, self._owner)

        try:
            self._do(work)
        except database.BatchConflictError as err:
            return list(err.names)
        return []

    def histograms(self) -> dict[str, list[bytes]]:
        """Return the parts of every histogram."""
        return {
            name: [content for _, content in parts]
            for name, parts in self._parts().items()
            if parts
        }

    def _parts(self) -> dict[str, list[tuple[int, bytes]]]:
        table = database.HistogramPart
        project, cfg_hash = self._key
        chosen = sa.select(table.name).filter_by(project=project, cfg_hash=cfg_hash).distinct()

        def work(session: Any) -> dict[str, list[tuple[int, bytes]]]:
            return {
                name: database.histogram_parts(session, *self._key, name)
                for name in sorted(session.scalars(chosen))
            }

        return self._do(work)  # type: ignore[no-any-return]

    def merge_histograms(self, add: AddParts) -> None:
        """Add up the parts there are; what other sessions add meanwhile stays apart."""
        for name, parts in self._parts().items():
            if len(parts) < 2:
                continue
            ids = [number for number, _ in parts]
            merged = add([content for _, content in parts])
            self._do(
                lambda session, name=name, ids=ids, merged=merged: database.merge_parts(
                    session, *self._key, name, ids, merged
                )
            )


def _place() -> str:
    """Return which process this is, and no other that gets the same number later."""
    return f"{socket.gethostname()}:{os.getpid()}:{started(os.getpid())}"


def started(pid: int) -> str:
    """Return when a process began, as the system counts; "0" where that is not known."""
    try:
        # The name of the program, in brackets, may hold blanks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


def is_gone(owner: str) -> bool:
    """Return whether the session of a claim is known to be dead.

    Sessions on other machines are not: their claims end by themselves.
    """
    host, pid, began, _ = owner.rsplit(":", 3)
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return owner not in _owners_here
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return began != started(int(pid))
