"""Fetching sources one by one and by the million: what is there is not asked for again."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import AuthError, InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.downloads import Failed, downloaded
from astroquery_mmdc.retriever.observatories.keeping import Keeper, SourceDraft, Task
from astroquery_mmdc.retriever.observatories.rows import checked_row, position_of
from astroquery_mmdc.retriever.parameter_types import as_data_types

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.catalog import Catalog
    from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory

__all__ = ["Fetching"]

_log = logging.getLogger(__name__)


class Fetching(ABC):
    """The part of an observatory that uses disk and database."""

    name: str
    pars: ParsObservatory
    catalog: Catalog | None
    cfg_hash: str
    database: str | None
    sources: deque[Any]
    raw_data: deque[Any]
    latest_source: Any
    latest_reductions: list[Any]
    num_loaded: int
    failures_list: list[dict[str, Any]]
    _failed_in_a_row: int

    @abstractmethod
    def check_data_types(self) -> None:
        """Raise `InvalidRequestError` if something is asked for that the survey does not have."""

    @abstractmethod
    def download(self, cat_row: Mapping[str, Any], **download_args: Any) -> LightCurve:
        """Ask the survey for a source and return what it delivers."""

    @abstractmethod
    def download_pars(self, download_args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what downloaded data depend on, to be compared with what they were made with."""

    @abstractmethod
    def reduce_raw(
        self, dataset: LightCurve, source: Any = None, **reduce_pars: Any
    ) -> list[LightCurve]:
        """Return the light curves in raw data."""

    @abstractmethod
    def _append_local_name(self, source: SourceDraft) -> None:
        """Add the survey's own name of a source to ``source.local_names``."""

    def fetch_source(
        self,
        cat_row: Any,
        save: bool = True,
        reduce: bool = False,
        session: Any = None,
        report: dict[str, Any] | None = None,
        download_args: Mapping[str, Any] | None = None,
        dataset_args: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a source with its data; download them if that was not done before.

        Parameters
        ----------
        cat_row : mapping or Source
            With ``name``, ``ra`` and ``dec`` at least.
        save : bool, optional
            Whether data and rows are kept.
        reduce : bool, optional
            Whether light curves are made as well.
        session : Session, None or False
            Session of the database; None opens one, False does without.
        report : dict, optional
            Is filled with where everything came from: ``source`` is ``"given"``, ``"database"``
            or ``"new"``, ``raw_photometry`` is ``"database"``, ``"disk"`` or ``"new"``.
        download_args, dataset_args : mapping, optional
            For `download_from_observatory`, and for columns of the raw data's row.

        Returns
        -------
        Source
            Its ``raw_photometry`` and ``reduced_lightcurves`` are filled.
        """
        self.check_data_types()
        keeper = Keeper(self, session, save=save)
        task = _task(0, _row_of(cat_row))
        keeper.look_up([task])
        is_given = not isinstance(cat_row, Mapping)
        task.origin["source"] = "given" if is_given else "database" if task.source else "new"
        args = dict(download_args or {})
        if keeper.needs_download(task, args, thorough=True):
            keeper.keep_raw(task, self.download(task.row, **args))
        if reduce:
            self._reduce_task(keeper, task)
        keeper.commit([task])
        keeper.present([task], dataset_args or {})
        self._remember(task)
        if report is not None:
            report.update(task.origin)
        return task.source

    def fetch_all_sources(
        self,
        start: int = 0,
        stop: int | None = None,
        save: bool = True,
        reduce: bool = False,
        session: Any = None,
        download_args: Mapping[str, Any] | None = None,
        dataset_args: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> int:
        """Fetch the sources of the catalogue; those that were fetched before are skipped.

        A source that fails is noted in ``failures_list`` and does not stop the others.

        Parameters
        ----------
        start, stop : int, optional
            Rows of the catalogue.
        save, reduce, session, download_args, dataset_args
            As in `fetch_source`.
        progress : bool, optional
            Whether a bar is shown.

        Returns
        -------
        int
            How many sources have their data now.

        Raises
        ------
        AuthError
            The survey refuses access; the other sources would be refused as well.
        MMDCError
            The failure, if as many sources in a row fail as ``max_num_sequence_exceptions``.
        """
        self.check_data_types()
        if self.catalog is None:
            msg = f"catalog: {self.name} has none; give one to the observatory, or use fetch_source"
            raise InvalidRequestError(msg, parameter="catalog")
        keeper = Keeper(self, session, save=save)
        before = self.num_loaded
        rows = range(*slice(start, stop).indices(len(self.catalog)))
        args = dict(download_args or {})
        tasks = downloaded(self, keeper, self._tasks(keeper, rows), args)
        for batch in _batches(_with_bar(tasks, len(rows), progress), self.sources.maxlen or 1):
            self._finish(keeper, batch, reduce=reduce, dataset_args=dataset_args or {})
        return self.num_loaded - before

    def _tasks(self, keeper: Keeper, rows: range) -> Iterator[Task | Failed]:
        """Yield the sources of the catalogue, with what the database has of them."""
        size = self.sources.maxlen or 1
        for first in range(0, len(rows), size):
            made = [self._task_of(index) for index in rows[first : first + size]]
            keeper.look_up([task for task in made if isinstance(task, Task)])
            yield from made

    def _task_of(self, index: int) -> Task | Failed:
        assert self.catalog is not None
        try:
            time, mag = self.pars.observation_time, self.pars.preferred_catalog_mag
            row = self.catalog.get_row(index, "number", "dict", time, mag)
            task = _task(index, checked_row(row))
        except Exception as err:  # whatever is wrong with a source, the others go on
            return Failed(index, {"name": self.catalog.get_name_from_index(index)}, err, "fetch")
        return task

    def _finish(
        self,
        keeper: Keeper,
        batch: list[Task | Failed],
        *,
        reduce: bool,
        dataset_args: Mapping[str, Any],
    ) -> None:
        """Reduce a batch, commit it, and remember it."""
        good: list[Task] = []
        failed = [item for item in batch if isinstance(item, Failed)]
        for item in batch:
            if isinstance(item, Task):
                try:
                    if reduce:
                        self._reduce_task(keeper, item)
                    good.append(item)
                except Exception as err:  # as above
                    failed.append(Failed(item.index, item.row, err, "reduce"))
        keeper.commit(good, [each.columns(self.name) for each in failed])
        keeper.present(good, dataset_args)
        for task in good:
            self._remember(task)
        self._note(batch, failed)

    def _note(self, batch: list[Any], failed: list[Failed]) -> None:
        """Note failures; raise if there is no point in going on."""
        by_index = {each.index: each for each in failed}
        for each in failed:
            _log.warning("%s: source %s failed: %s", self.name, each.row["name"], each.error)
            self.failures_list.append(each.record())
        for item in batch:
            each_failed = by_index.get(item.index)
            self._failed_in_a_row = self._failed_in_a_row + 1 if each_failed else 0
            if each_failed and (
                isinstance(each_failed.error, AuthError)
                or self._failed_in_a_row >= self.pars.max_num_sequence_exceptions
            ):
                self._failed_in_a_row = 0
                raise each_failed.error

    def _reduce_task(self, keeper: Keeper, task: Task) -> None:
        if not keeper.needs_reduction(task):
            return
        made = self.reduce_raw(keeper.raw_of(task), {**task.row, "ra": task.ra, "dec": task.dec})
        keeper.keep_reduced(task, made)

    def _remember(self, task: Task) -> None:
        self.latest_source = task.source
        self.latest_reductions = list(task.reduced_rows)
        self.sources.append(task.source)
        self.raw_data.append(task.raw_row)
        self.num_loaded += 1

    # ---------------------------------------------------------------- reduction and orphans

    def reduce(
        self,
        dataset: Any,
        data_type: str = "photometry",
        output_type: str | None = None,
        session: Any = None,
        **pars: Any,
    ) -> list[Any]:
        """Return the light curves in data that were fetched.

        Parameters
        ----------
        dataset : Source, RawPhotometry or LightCurve
            The data.
        data_type, output_type : str, optional
            What they are and what is wanted; photometry, both.
        session : Session, optional
            Not needed; for subclasses that look something up.
        **pars
            In place of those of parameter ``reduce_kwargs``.

        Returns
        -------
        list
            Sorted by time and numbered from 1; objects of the database that are not saved yet,
            or LightCurve if that was given.
        """
        for kind in (data_type, output_type or data_type):
            if as_data_types(kind) != ["photometry"]:
                msg = f"data_type: {self.name} reduces photometry only, not {kind!r}"
                raise InvalidRequestError(msg, parameter="data_type")
        if isinstance(dataset, LightCurve):
            return self.reduce_raw(dataset, **pars)
        from astroquery_mmdc.retriever.database import Lightcurve, Source

        is_source = isinstance(dataset, Source)
        raw = dataset.raw_photometry[self.name] if is_source else dataset
        source = dataset if is_source else raw.source
        made = self.reduce_raw(raw.lightcurve, source, **pars)
        project = source.project if source is not None else self.pars.project or "TEST_PROJECT"
        columns = {"source": source, "raw_data": raw, "project": project}
        self.latest_reductions = [Lightcurve.from_lightcurve(lc, **columns) for lc in made]
        return self.latest_reductions

    def populate_sources(
        self,
        files_glob: str = "*.h5",
        num_files: int | None = None,
        num_sources: int | None = None,
        session: Any = None,
    ) -> int:
        """Give rows to raw data on disk that the database does not know.

        Parameters
        ----------
        files_glob : str, optional
            Pattern of the names of files to look into.
        num_files, num_sources : int, optional
            How many of them at most.
        session : Session, optional
            Session of the database.

        Returns
        -------
        int
            How many sources got their data back.

        Notes
        -----
        Parameter ``dataset_identifier`` says whether the key in the file or the attribute
        ``dataset_attribute`` names the source, and ``catalog_matching`` whether that is its name
        or its number in the catalogue. What is in no catalogue is taken as its file describes it.
        """
        from astroquery_mmdc.retriever.observatories.orphans import adopt_orphans

        return adopt_orphans(self, files_glob, num_files, num_sources, session)


def _row_of(cat_row: Any) -> dict[str, Any]:
    if isinstance(cat_row, Mapping):
        return checked_row(cat_row)
    stored = dict(getattr(cat_row, "cat_row", None) or {})
    known = {key: getattr(cat_row, key) for key in ("name", "ra", "dec", "mag")}
    return checked_row({**stored, **known, "frame": "icrs"})


def _task(index: int, row: dict[str, Any]) -> Task:
    return Task(index, row, *position_of(row))


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _with_bar(items: Iterable[Any], total: int, progress: bool) -> Iterable[Any]:
    if not progress:
        return items
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(items, total=total, unit="source")
    return bar
