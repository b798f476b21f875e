"""Raw data for a run: from the disk where they are there, else from the survey, in threads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.running.batches import Batch, Holding
from astroquery_mmdc.retriever.running.failures import Failure
from astroquery_mmdc.retriever.storage import LightCurveStore, Location

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.running.ledger import Ledger

__all__ = ["FetchJob", "Rows", "Supply"]

_log = logging.getLogger(__name__)

Row = Mapping[str, Any]
Rows = Callable[[str, Any], Row]
"""Gives the row of a source: as an observatory wants it or, with None, as the catalogue has it."""


@dataclass(frozen=True, slots=True)
class FetchJob:
    """What is to be had of a source at an observatory.

    Parameters
    ----------
    name, observatory : str
        Of whom, from where.
    row : mapping
        Row of the catalogue at the time of the observations.
    is_known : bool
        Whether the database has a row for the raw data.
    raw : Location or None
        Where they lie.
    reduced : sequence of Location
        Where light curves lie that were reduced before.
    """

    name: str
    observatory: str
    row: Row
    is_known: bool = False
    raw: Location | None = None
    reduced: Sequence[Location] = ()


class Supply:
    """Gets what batches need before they can be analysed.

    Parameters
    ----------
    observatories : mapping of str to VirtualObservatory
        From where, by name.
    stores : mapping of str to LightCurveStore
        Where their light curves lie.
    ledger : Ledger
        What is known of them.
    rows : callable
        See `Rows`.
    threads : int
        How many downloads go on at once; the limits of each service hold besides.
    skips_missing : bool
        Whether sources are left out of which the raw data were there once and are gone.
    """

    def __init__(
        self,
        observatories: Mapping[str, Any],
        stores: Mapping[str, LightCurveStore],
        ledger: Ledger,
        rows: Rows,
        *,
        threads: int,
        skips_missing: bool = False,
    ) -> None:
        self._observatories, self._stores = observatories, stores
        self._ledger, self._rows, self._skips_missing = ledger, rows, skips_missing
        # Raw data that others write from now on are in the ledger, too.
        self._may_have_files = {
            name: (store.root / store.naming.folder(name, "raw")).is_dir()
            for name, store in stores.items()
        }
        self._pool = ThreadPoolExecutor(max(1, threads), "retriever-fetch")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def cancel(self) -> None:
        """Begin no more downloads; those under way are finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def plan(self, names: Sequence[str]) -> tuple[Batch, list[FetchJob]]:
        """Return a batch of sources, and what has to be fetched for it."""
        batch = Batch({})
        for name in names:
            try:
                batch.rows[name] = self._rows(name, None)
            except (ValueError, LookupError) as err:
                batch.rows[name] = {"name": name}
                batch.failures.append(Failure.of(err, name, "fetch"))
        return batch, [job for job in self._jobs(batch) if self._has_work(job, batch)]

    def _jobs(self, batch: Batch) -> Iterable[FetchJob]:
        failed = {failure.name for failure in batch.failures}
        wanted = [name for name in batch.rows if name not in failed]
        for observatory, virtual in self._observatories.items():
            raw, reduced = self._ledger.known(observatory, wanted)
            for name in wanted:
                own = self._rows(name, virtual) if _has_own_row(virtual) else batch.rows[name]
                places = (raw.get(name), reduced.get(name, ()))
                yield FetchJob(name, observatory, own, name in raw, *places)

    def _has_work(self, job: FetchJob, batch: Batch) -> bool:
        """Return whether a job is needed: nothing is fetched where nothing was found before."""
        if job.is_known and job.raw is None:
            batch.holdings[job.name, job.observatory] = Holding(None)
            return False
        return True

    def submit(self, job: FetchJob) -> Future[Holding | None]:
        """Begin a job; its result is None for a source that is to be left out."""
        return self._pool.submit(self._obtain, job)

    def _obtain(self, job: FetchJob) -> Holding | None:
        if job.reduced:
            reduced = self._read(job, job.reduced)
            if reduced is not None:
                return Holding(None, reduced=reduced)
        if job.raw is not None:
            raw = self._read(job, [job.raw])
            if raw is not None:
                return Holding(raw[0])
            if self._skips_missing:
                return None
        elif self._may_have_files[job.observatory]:
            found = self._find(job)
            if found is not None:
                return found
        raw_data = self._observatories[job.observatory].download(job.row)
        return Holding(raw_data, is_new=True)

    def _read(self, job: FetchJob, places: Sequence[Location]) -> list[LightCurve] | None:
        """Return light curves from the disk, None if one of them is gone or damaged."""
        store = self._stores[job.observatory]
        try:
            return [store.read(place) for place in places]
        except CacheError as err:
            _log.warning("%s %s is made anew: %s", job.observatory, job.name, err)
            return None

    def _find(self, job: FetchJob) -> Holding | None:
        """Return raw data on the disk of which the database knows nothing."""
        store = self._stores[job.observatory]
        ra, dec = position_of(job.row)
        for place in store.find(job.name, job.observatory, "raw", ra=ra, dec=dec):
            raw = self._read(job, [place])
            if raw is not None:
                return Holding(raw[0], location=place)
        return None


def _has_own_row(virtual: Any) -> bool:
    """Return whether an observatory wants rows at another time or with another magnitude."""
    return (
        virtual.pars.observation_time is not None or virtual.pars.preferred_catalog_mag is not None
    )
