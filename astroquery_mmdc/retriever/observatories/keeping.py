"""What an observatory keeps: raw data and light curves on disk, and their rows in the database."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import Location, Naming, open_store

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.observatories.fetching import Fetching

__all__ = ["Keeper", "SourceDraft", "Task"]


@dataclass(slots=True)
class SourceDraft:
    """A source before it has a row; what `_append_local_name` may fill."""

    name: str
    ra: float
    dec: float
    raw: LightCurve
    local_names: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Task:
    """One source on its way through an observatory.

    Parameters
    ----------
    index : int
        Its number among those that were asked for.
    row : dict
        Its row of the catalogue.
    ra, dec : float
        Its position in degrees, ICRS.
    source, raw_row, reduced_rows
        What the database has of it.
    raw, place
        Its raw data, if they are in memory, and where they lie.
    reduced
        Its light curves, and where they lie.
    origin : dict
        Where everything came from, for reports.
    is_downloaded, is_reduced : bool
        Whether that was done now.
    """

    index: int
    row: dict[str, Any]
    ra: float
    dec: float
    source: Any = None
    raw_row: Any = None
    reduced_rows: list[Any] = field(default_factory=list)
    raw: LightCurve | None = None
    place: Location | None = None
    reduced: list[tuple[LightCurve, Location | None]] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    is_downloaded: bool = False
    is_reduced: bool = False

    @property
    def name(self) -> str:
        """Name of the source."""
        return str(self.row["name"])

    @property
    def is_unchanged(self) -> bool:
        """Whether the database knows all of it already."""
        known = self.source is not None and self.raw_row is not None
        return known and not self.is_downloaded and not self.is_reduced


class Keeper:
    """Finds and keeps the data of one observatory and project.

    Parameters
    ----------
    observatory : Fetching
        Whose data.
    session : Session, None or False
        Session of the database: None opens one whenever it is needed, False does without.
    save : bool
        Whether anything is written.
    """

    def __init__(self, observatory: Fetching, session: Any, *, save: bool) -> None:
        pars = observatory.pars
        self.observatory = observatory
        self.session = session
        self.url = observatory.database
        self.save = save
        self.project = paths.legalise(pars.project or "TEST_PROJECT")
        self.cfg_hash = observatory.cfg_hash
        naming = Naming(
            self.project,
            self.cfg_hash,
            pars.filekey_prefix,
            pars.filekey_suffix,
            pars.save_ra_minutes,
            pars.save_ra_seconds,
        )
        self.store = open_store(pars.storage, naming=naming)

    # ---------------------------------------------------------------- what there is

    def look_up(self, tasks: Sequence[Task]) -> None:
        """Fill in what the database has of sources."""
        import sqlalchemy as sa
        from sqlalchemy.orm import selectinload

        from astroquery_mmdc.retriever.database import RawPhotometry, SmartSession, Source

        names = [task.name for task in tasks]
        mine = sa.select(Source).where(
            Source.project == self.project, Source.cfg_hash == self.cfg_hash, Source.name.in_(names)
        )
        raw = sa.select(RawPhotometry).where(
            RawPhotometry.observatory == self.observatory.name, RawPhotometry.source_name.in_(names)
        )
        with SmartSession(self.session, url=self.url) as db:
            loaded = (selectinload(Source.raw_photometry), selectinload(Source.lightcurves))
            sources = {source.name: source for source in db.scalars(mine.options(*loaded)).all()}
            rows = {row.source_name: row for row in db.scalars(raw).all()}
        for task in tasks:
            task.source = sources.get(task.name)
            task.raw_row = rows.get(task.name)
            if task.source is not None:
                task.reduced_rows = [
                    row
                    for row in task.source.lightcurves
                    if row.level == "reduced" and row.observatory == self.observatory.name
                ]

    def needs_download(
        self, task: Task, download_args: Mapping[str, Any], *, thorough: bool = False
    ) -> bool:
        """Return whether the survey has to be asked; note where the data lie if not.

        Parameters
        ----------
        task : Task
            The source.
        download_args : mapping
            What it would be asked with.
        thorough : bool, optional
            Whether to read the data, or only to look whether the file is there.
        """
        place = (
            task.raw_row.location if task.raw_row is not None and task.raw_row.filename else None
        )
        if place is not None and self._is_there(place, thorough=thorough):
            task.place, task.origin["raw_photometry"] = place, "database"
        else:
            found = self.store.find(
                task.name, self.observatory.name, "raw", ra=task.ra, dec=task.dec
            )
            readable = next((each for each in found if self.store.exists(each)), None)
            if readable is None:
                return True
            # A file without a row: a run before this one was cut off, or the database is new.
            task.place, task.raw_row = readable, None
            task.origin["raw_photometry"] = "disk"
        return self.observatory.pars.check_download_pars and self._is_outdated(task, download_args)

    def _is_there(self, place: Location, *, thorough: bool) -> bool:
        if not self.observatory.pars.check_data_exists:
            return True
        if thorough:
            return self.store.exists(place)
        return place.path(self.store.root).is_file()

    def _is_outdated(self, task: Task, download_args: Mapping[str, Any]) -> bool:
        raw = self.raw_of(task)
        wanted = self.observatory.download_pars(download_args)
        return bool(raw.meta.get("download_pars", {}) != wanted)

    def raw_of(self, task: Task) -> LightCurve:
        """Return the raw data of a source, from memory or from disk."""
        if task.raw is None:
            assert task.place is not None
            task.raw = self.store.read(task.place)
        return task.raw

    def needs_reduction(self, task: Task) -> bool:
        """Return whether the light curves of a source have to be made."""
        if task.is_downloaded or not task.reduced_rows:
            return not (
                task.raw_row is not None and task.raw_row.is_empty and not task.is_downloaded
            )
        return not all(self._is_there(row.location, thorough=False) for row in task.reduced_rows)

    # ---------------------------------------------------------------- what is kept

    def keep_raw(self, task: Task, raw: LightCurve) -> None:
        """Take raw data that were downloaded; write them if anything is written."""
        task.raw, task.is_downloaded = raw, True
        task.origin["raw_photometry"] = "new"
        if self.save:
            (task.place,) = self.store.write([raw], ra=task.ra, dec=task.dec)

    def keep_reduced(self, task: Task, lightcurves: list[LightCurve]) -> None:
        """Take light curves that were made."""
        task.is_reduced = True
        places: Sequence[Location | None] = [None] * len(lightcurves)
        if self.save and self.observatory.pars.save_reduced and lightcurves:
            places = self.store.write(lightcurves, ra=task.ra, dec=task.dec)
        task.reduced = list(zip(lightcurves, places, strict=True))

    def commit(self, tasks: Sequence[Task], failures: Sequence[Mapping[str, Any]] = ()) -> None:
        """Put all of it into the database in one transaction; files go to the disk before."""
        from astroquery_mmdc.retriever.database import SmartSession, commit_batch, transaction

        changed = [task for task in tasks if not task.is_unchanged]
        if not self.save or not (changed or failures):
            return
        self.store.flush()
        batch: dict[str, Any] = {
            "batch_id": uuid.uuid4().hex,
            "project": self.project,
            "cfg_hash": self.cfg_hash,
            "sources": [self._columns(task) for task in changed],
            "lightcurves": [pair for task in changed for pair in self._placed(task)],
            "detections": [],
            "properties": [],
            "histogram_deltas": {},
            "failures": [dict(failure) for failure in failures],
        }
        if self.session is None:
            transaction(lambda db: commit_batch(db, **batch), self.url)
            return
        with SmartSession(self.session, url=self.url) as db:
            commit_batch(db, **batch)
            db.commit()

    def _placed(self, task: Task) -> Iterable[tuple[LightCurve, Location]]:
        if task.place is not None:
            yield self.raw_of(task), task.place
        for lightcurve, place in task.reduced:
            if place is not None:
                yield lightcurve, place

    def _columns(self, task: Task) -> dict[str, Any]:
        row = task.row
        raw = self.raw_of(task)
        draft = SourceDraft(task.name, task.ra, task.dec, raw)
        self.observatory._append_local_name(draft)
        known = ("mag", "mag_err", "mag_filter", "cat_index")
        catalog = self.observatory.catalog
        return {
            "name": task.name,
            "ra": task.ra,
            "dec": task.dec,
            **{key: row[key] for key in known if row.get(key) is not None},
            "cat_name": catalog.pars.catalog_name if catalog is not None else None,
            "cat_row": plain(row),
            "aliases": [row["alias"]] if row.get("alias") else [],
            "local_names": draft.local_names,
        }

    # ---------------------------------------------------------------- what is handed out

    def present(self, tasks: Sequence[Task], dataset_args: Mapping[str, Any]) -> None:
        """Give every task its source with what was fetched, as objects of the database."""
        if self.save and any(not task.is_unchanged for task in tasks):
            self.look_up([task for task in tasks if not task.is_unchanged])
        for task in tasks:
            if task.source is None or not self.save:
                self._make_objects(task)
            self._attach(task, dataset_args)

    def _make_objects(self, task: Task) -> None:
        """Make objects that belong to no session: nothing was saved, or there is no database."""
        from astroquery_mmdc.retriever.database import Lightcurve, RawPhotometry, Source

        columns = {"project": self.project, "cfg_hash": self.cfg_hash}
        task.source = Source(**columns, **self._columns(task))
        raw, place = self.raw_of(task), task.place
        task.raw_row = RawPhotometry.from_lightcurve(raw, source=task.source, **_where(place))
        task.reduced_rows = [
            Lightcurve.from_lightcurve(each, source=task.source, **columns, **_where(place))
            for each, place in task.reduced
        ]

    def _attach(self, task: Task, dataset_args: Mapping[str, Any]) -> None:
        from sqlalchemy import inspect
        from sqlalchemy.orm.attributes import set_committed_value

        if task.raw_row is None:
            return
        for name, value in dataset_args.items():
            setattr(task.raw_row, name, value)
        # Known without asking: the objects may be used after their session is closed.
        if "sources" in inspect(task.raw_row).unloaded:
            set_committed_value(task.raw_row, "sources", [task.source])
        for row in task.reduced_rows:
            set_committed_value(row, "source", task.source)
            if row.raw_data_id == task.raw_row.id:
                set_committed_value(row, "raw_data", task.raw_row)
        if task.raw is not None and not task.raw_row.is_loaded:
            task.raw_row._held = task.raw
        by_series = {lightcurve.series: lightcurve for lightcurve, _ in task.reduced}
        for row in task.reduced_rows:
            if not row.is_loaded and row.series_number in by_series:
                row._held = by_series[row.series_number]


def _where(place: Location | None) -> dict[str, Any]:
    if place is None:
        return {}
    return {name: getattr(place, name) for name in ("folder", "filename", "filekey", "format")}
