"""One run of a project: what it needs is made, used, and put away."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.cache.healpix import ORDER, ang2pix_nest
from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError
from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.running import outputs, versioning
from astroquery_mmdc.retriever.running.batches import Outcome, RunSummary
from astroquery_mmdc.retriever.running.executor import Executor, open_executor
from astroquery_mmdc.retriever.running.failures import FailureLimits
from astroquery_mmdc.retriever.running.fetching import Supply
from astroquery_mmdc.retriever.running.ledger import Ledger, MemoryLedger
from astroquery_mmdc.retriever.running.pipeline import Pipeline
from astroquery_mmdc.retriever.running.progress import Progress, RunReporter
from astroquery_mmdc.retriever.running.recipes import Recipe, open_stores, process_elsewhere
from astroquery_mmdc.retriever.running.scheduler import Scheduler

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.catalog import Catalog
    from astroquery_mmdc.retriever.project import Project

__all__ = ["histograms_of", "open_ledger", "project_session", "run", "select_names"]

_log = logging.getLogger(__name__)

_MERGE_AFTER = 200
"""Batches after which the parts of histograms are added up."""


def select_names(
    catalog: Catalog,
    start: int = 0,
    finish: int | None = None,
    source_names: Iterable[str] | None = None,
    source_ids: Iterable[int] | None = None,
) -> list[str]:
    """Return the names of the sources that are meant, in the order of the catalogue."""
    if source_names is None and source_ids is None:
        return [str(name) for name in catalog.names[start:finish]]
    chosen = range(*slice(start, finish).indices(len(catalog)))
    wanted = set(chosen)
    if source_names is not None:
        given = [source_names] if isinstance(source_names, str) else source_names
        wanted &= {_index(catalog, name) for name in given}
    if source_ids is not None:
        wanted &= {int(number) for number in source_ids}
    return [str(catalog.names[number]) for number in sorted(wanted)]


def _index(catalog: Catalog, name: str) -> int:
    try:
        return catalog.get_index_from_name(name)
    except KeyError as err:
        msg = f"source_names: {name!r} is not in the catalogue; correct the name"
        raise InvalidRequestError(msg, parameter="source_names") from err


def _along_the_sky(catalog: Catalog, names: Sequence[str]) -> list[str]:
    """Return names in the order of HEALPix cells, so that neighbours follow each other."""
    places = catalog.coordinates.icrs
    order = np.argsort(ang2pix_nest(ORDER, places.ra.deg, places.dec.deg), kind="stable")
    wanted = set(names)
    return [name for name in catalog.names[order].tolist() if name in wanted]


def open_ledger(project: Project, cfg_hash: str) -> Ledger:
    """Return the state of a project: in its database, or in memory where there is none."""
    from astroquery_mmdc.retriever import database

    if database.NO_DB_SESSION:
        return MemoryLedger()
    from astroquery_mmdc.retriever.running.ledger_database import DatabaseLedger

    return DatabaseLedger(project.pars.database, project.name, cfg_hash)


@contextmanager
def project_session(project: Project, session: Any = None) -> Iterator[Any]:
    """Give a session of the project's database, or the one that was given."""
    from astroquery_mmdc.retriever.database import SmartSession

    with SmartSession(session, url=project.pars.database) as opened:
        yield opened


def histograms_of(project: Project, ledger: Ledger | None = None) -> dict[str, Histogram]:
    """Return the histograms of a project: the sums of the parts that are committed."""
    ledger = ledger or open_ledger(project, project.cfg_hash)
    return {
        name: Histogram.from_bytes(outputs.add_parts(parts))
        for name, parts in ledger.histograms().items()
    }


def run(
    project: Project,
    names: Sequence[str],
    *,
    retry_failed: bool = False,
    progress: Progress = None,
    client: Any = None,
) -> RunSummary:
    """Run a project on some sources; see `Project.run`."""
    return _Run(project).go(names, retry_failed=retry_failed, progress=progress, client=client)


class _Run:
    def __init__(self, project: Project) -> None:
        self.project, self.cfg_hash = project, project.cfg_hash
        self.folder = outputs.output_folder(project.name, self.cfg_hash)
        self.ledger = open_ledger(project, self.cfg_hash)
        self._batches = 0

    def go(
        self, names: Sequence[str], *, retry_failed: bool, progress: Progress, client: Any
    ) -> RunSummary:
        started = time.monotonic()
        project = self.project
        _note_provenance(project, self.cfg_hash)
        outputs.write_config(project, self.folder)
        todo = self._unfinished(names, retry_failed)
        reporter = RunReporter(progress, len(todo))
        project.failures_list = []
        elsewhere = self._work(todo, reporter, client) if todo else 0
        return RunSummary(
            done=reporter.done,
            failed=reporter.failed,
            skipped=len(names) - len(todo),
            elsewhere=elsewhere,
            elapsed=time.monotonic() - started,
        )

    def _unfinished(self, names: Sequence[str], retry_failed: bool) -> list[str]:
        passed = self.ledger.finished()
        if not retry_failed:
            passed |= self.ledger.failed()
        todo = [name for name in names if name not in passed]
        # A batch that lies in one place of the sky goes into few shards.
        is_sharded = self.project.pars.storage == "parquet"
        return _along_the_sky(self.project.catalog, todo) if is_sharded else todo

    def _work(self, todo: Sequence[str], reporter: RunReporter, client: Any) -> int:
        self.ledger.begin(outputs.config_content(self.project), _versions(self.project))
        status = "stopped"
        try:
            elsewhere = self._schedule(todo, reporter, client)
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        except Exception as err:
            status = f"failed: {type(err).__name__}"
            raise
        finally:
            reporter.close()
            self.ledger.end(status)
        return elsewhere

    def _schedule(self, todo: Sequence[str], reporter: RunReporter, client: Any) -> int:
        pars = self.project.pars
        observatories = {obs.name: obs for obs in self.project.observatories}
        recipe = Recipe.of(self.project, self.cfg_hash)
        with (
            open_executor(pars.executor, pars.num_workers, client) as executor,
            Supply(
                observatories,
                open_stores(recipe),
                self.ledger,
                self._row,
                threads=_threads(self.project),
                skips_missing=pars.ignore_missing_raw_data,
            ) as supply,
        ):
            scheduler = Scheduler(
                supply=supply,
                executor=executor,
                analyse=self._analysis(recipe, executor),
                ledger=self.ledger,
                limits=FailureLimits(
                    pars.max_num_total_exceptions, pars.max_num_sequence_exceptions
                ),
                reporter=reporter,
                batch_size=pars.batch_size,
                buffer_size=pars.source_buffer_size,
                keep=self._keep,
            )
            try:
                scheduler.run(todo)
            except BaseException:
                self._try_to_save_histograms()
                raise
            self._save_histograms()
        return len(scheduler.elsewhere)

    def _analysis(self, recipe: Recipe, executor: Executor) -> Any:
        if not executor.is_here:
            return partial(process_elsewhere, recipe)
        project = self.project
        pipeline = Pipeline(
            {obs.name: obs for obs in project.observatories},
            open_stores(recipe),
            project.analysis,
            cfg_hash=self.cfg_hash,
        )
        return pipeline.process

    def _row(self, name: str, observatory: Any) -> Mapping[str, Any]:
        if observatory is None:
            return self.project.catalog.get_row(name, "name", "dict")
        pars = observatory.pars
        return self.project.catalog.get_row(
            name, "name", "dict", pars.observation_time, pars.preferred_catalog_mag
        )

    def _keep(self, outcome: Outcome) -> None:
        rows = {row["name"]: row["cat_row"] for row in outcome.sources}
        for failure in outcome.failures:
            cat_row = rows.get(failure.name, {"name": failure.name})
            entry = {"index": cat_row.get("cat_index"), "name": failure.name, "cat_row": cat_row}
            row = failure.to_row()
            entry |= {key: row[key] for key in ("observatory", "step", "error", "traceback")}
            self.project.failures_list.append(entry)
        self._batches += 1
        if self._batches % _MERGE_AFTER == 0:
            self.ledger.merge_histograms(outputs.add_parts)

    def _try_to_save_histograms(self) -> None:
        """Save them unless that fails: the reason why the run ended is what counts then."""
        try:
            self._save_histograms()
        except (MMDCError, OSError) as err:
            _log.warning("the histograms could not be written: %s", err)

    def _save_histograms(self) -> None:
        if self._batches:
            self.ledger.merge_histograms(outputs.add_parts)
            outputs.write_histograms(self.folder, histograms_of(self.project, self.ledger))


def _threads(project: Project) -> int:
    stated = [obs.pars.num_threads_download for obs in project.observatories]
    return max(project.pars.num_threads_download, *stated)


def _versions(project: Project) -> dict[str, str]:
    return {"package": versioning.package_version(), "git": project.pars.git_hash}


def _note_provenance(project: Project, cfg_hash: str) -> None:
    project.pars.git_hash = versioning.git_hash()
    project.pars.cat_hash = project.catalog.cat_hash
    for observatory in project.observatories:
        observatory.cfg_hash, observatory.database = cfg_hash, project.pars.database
