"""The local store of observations."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.coverage import contains, merge
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.layout import KEY, Layout
from astroquery_mmdc.cache.loading import Loader
from astroquery_mmdc.cache.manifest import Manifest
from astroquery_mmdc.cache.reading import Reader
from astroquery_mmdc.cache.snapshot import Snapshot, replaced
from astroquery_mmdc.cache.verify import Report
from astroquery_mmdc.exceptions import CacheError, InvalidRequestError

__all__ = ["ObservationCache"]

_Progress = Callable[[int], None]

# Seconds that ingestion waits for a compaction in another process.
_WAIT = 600.0


class ObservationCache(Reader):
    """Observations on disk, found by position in a fraction of a millisecond.

    Parameters
    ----------
    folder : path-like
        Where it is; made unless ``read_only``.
    read_only : bool, optional
        Whether nothing may be written; for folders that belong to others.

    Raises
    ------
    CacheError
        The folder is damaged or was written by a newer version of the package.

    Notes
    -----
    Rows are committed together with what they say about the sky: a fetch holds every row of its
    ranges of HEALPix order 29, for its filter key, so that it replaces all older rows there. The
    manifest is the only commit point; whatever is interrupted leaves files that nobody refers to.
    Rows are immutable, and so is what a query looks at: readers never wait.

    Instances may be used from several threads, and several processes may use one folder.
    """

    def __init__(self, folder: str | Path, *, read_only: bool = False) -> None:
        layout = Layout(Path(folder).expanduser())
        self._make_folders(layout, read_only=read_only)
        manifest = Manifest(layout.manifest, read_only=read_only)
        self._layout, self._manifest, self._read_only = layout, manifest, read_only
        self._loader = Loader(layout, manifest, read_only=read_only)
        super().__init__(self._loader)
        if not read_only:
            self._sweep()

    @staticmethod
    def _make_folders(layout: Layout, *, read_only: bool) -> None:
        if read_only:
            if not layout.manifest.is_file():
                msg = f"folder: {layout.root} holds no observations; give the folder of a store"
                raise CacheError(msg)
            return
        try:
            for folder in (layout.root, layout.deltas, layout.indexes):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            msg = f"folder: {layout.root} cannot be made ({err}); give another one"
            raise CacheError(msg) from err

    def _sweep(self) -> None:
        from astroquery_mmdc.cache.maintenance import exclusive, sweep

        with exclusive(self._layout, wait=0) as mine:
            if mine:
                sweep(self._layout, self._manifest)

    def close(self) -> None:
        """Close the files; the object cannot be used afterwards."""
        super().close()
        self._manifest.close()

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._layout.root

    @property
    def is_read_only(self) -> bool:
        """Whether nothing may be written."""
        return self._read_only

    # ------------------------------------------------------------ writing

    def put(self, rows: pa.Table, *, key: str, ranges: NDArray[np.int64], fetched: float) -> int:
        """Commit all rows of some ranges, and that they are known, at once.

        Parameters
        ----------
        rows : `pyarrow.Table`
            Observations in the service's columns; those outside of the ranges are left out.
        key : str
            Key of the filters that they were asked for with; empty for all rows.
        ranges : ndarray of int64, shape (n, 2)
            Ranges of order 29 that are complete now. Older rows there that the filters let through
            are replaced.
        fetched : float
            When they were asked for, in seconds since 1970.

        Returns
        -------
        int
            Number of rows that were stored.

        Raises
        ------
        InvalidRequestError
            A row has no position, lacks a required value, or contradicts ``key``.
        CacheError
            It could not be written; nothing was changed.
        """
        from astroquery_mmdc.cache.commit import Fetch, commit
        from astroquery_mmdc.cache.ingest import newest_ids
        from astroquery_mmdc.cache.rows import normalised

        self._check_writable()
        ranges = merge(ranges)
        table = newest_ids(normalised(rows))
        table = table.filter(pa.array(contains(ranges, table.column(KEY).to_numpy())))
        if key and not Filters.from_key(key).mask(table).all():
            msg = f"rows: some do not match the key {key}; give the rows that were asked for"
            raise InvalidRequestError(msg, parameter="rows")
        fetch = Fetch(table.combine_chunks(), key, ranges, fetched)
        commit(self._layout, self._manifest, fetch, self.region)
        return int(table.num_rows)

    def ingest(
        self,
        source: Any,
        *,
        complete: bool = False,
        progress: _Progress | None = None,
    ) -> int:
        """Take in many rows at once.

        Parameters
        ----------
        source : `pyarrow.Table`, path-like, or iterable of these or of record batches
            Observations in the service's columns. A folder stands for the Parquet files in it.
        complete : bool, optional
            Whether these are all rows there are: they replace everything, and the whole sky is
            known from now on. Otherwise they are added, in the place of rows of the same id, and
            say nothing about what is known.
        progress : callable, optional
            Called with the number of rows stored since the last call.

        Returns
        -------
        int
            Number of rows that were taken in; of rows of one id, the last.

        Raises
        ------
        InvalidRequestError
            A row has no position or lacks a required value.
        CacheError
            It could not be written; nothing was changed.
        """
        from astroquery_mmdc.cache.ingest import take_in
        from astroquery_mmdc.cache.maintenance import exclusive

        self._check_writable()
        started = time.time()
        with exclusive(self._layout, wait=_WAIT) as mine:
            self._check_mine(mine)
            return take_in(
                self._layout,
                self._manifest,
                self._loader.snapshot(),
                source,
                complete_at=started if complete else None,
                progress=progress,
            )

    # ------------------------------------------------------------ maintenance

    def compact(self, *, force: bool = False, wait: float = 0.0) -> bool:
        """Merge all committed fetches into the next generation.

        Parameters
        ----------
        force : bool, optional
            Whether every tile is written anew, even if nothing was fetched.
        wait : float, optional
            Seconds to wait for another process that is at it.

        Returns
        -------
        bool
            False if there was nothing to do or another process is at it.
        """
        from astroquery_mmdc.cache import maintenance

        self._check_writable()
        with maintenance.exclusive(self._layout, wait=wait) as mine:
            if not mine:
                return False
            snapshot = self._loader.snapshot()
            state = self._manifest.state()
            if not state.segments and not (force and state.generation):
                return False
            self._next_generation(snapshot, fixed=not force)
            return True

    def compact_if_many(self, segments: int) -> bool:
        """Compact where there are at least so many segments; return whether it was done."""
        return len(self._manifest.state().segments) >= segments and self.compact()

    def clear(self, ranges: NDArray[np.int64] | None = None) -> None:
        """Forget all rows, or those of some ranges, and that they were known.

        Parameters
        ----------
        ranges : ndarray of int64, shape (n, 2), optional
            Ranges of order 29; everything unless given.
        """
        from astroquery_mmdc.cache import maintenance

        self._check_writable()
        with maintenance.exclusive(self._layout, wait=_WAIT) as mine:
            self._check_mine(mine)
            if ranges is None:
                with self._manifest.transaction() as cursor:
                    self._manifest.forget(cursor)
                self._loader.forget()
                maintenance.sweep(self._layout, self._manifest)
            else:
                self._next_generation(self._loader.snapshot(), without=merge(ranges))

    def _next_generation(
        self,
        snapshot: Snapshot,
        *,
        fixed: bool = True,
        without: NDArray[np.int64] | None = None,
    ) -> None:
        from astroquery_mmdc.cache import maintenance

        covers = maintenance.merged_covers(self._manifest, snapshot.upto)
        if without is not None:
            parts = tuple(replaced(part, without, Filters()) for part in snapshot.parts)
            snapshot = replace(snapshot, parts=parts)
            covers = maintenance.covers_outside(covers, without)
        base, runs = maintenance.snapshot_sources(self._layout, self._manifest, snapshot)
        maintenance.commit_generation(
            self._layout, self._manifest, snapshot.upto, base, runs, covers=covers, fixed=fixed
        )

    def _check_writable(self) -> None:
        if self._read_only:
            msg = f"folder: {self._layout.root} was opened for reading only"
            raise CacheError(msg)

    def verify(self, *, repair: bool = False) -> Report:
        """Compare every file with its checksum, and the index with the rows.

        Parameters
        ----------
        repair : bool, optional
            Whether what can be derived from the rest is made again. What cannot is dropped,
            together with what it said of the sky.

        Warns
        -----
        IncompleteResultWarning
            Damaged rows were dropped.
        """
        from astroquery_mmdc.cache import maintenance, verify
        from astroquery_mmdc.cache.repair import repair as repair_store

        if not repair:
            return verify.check(self._layout, self._manifest)
        self._check_writable()
        with maintenance.exclusive(self._layout, wait=_WAIT) as mine:
            self._check_mine(mine)
            report = repair_store(self._layout, self._manifest)
            maintenance.sweep(self._layout, self._manifest)
            self._loader.forget()
            return report

    def info(self) -> dict[str, Any]:
        """Return what the store holds: numbers of rows, files and bytes, and what is known."""
        from astroquery_mmdc.cache.describe import describe

        return describe(self._layout, self._manifest, self._loader)

    def import_bundle(self, path: str | Path) -> int:
        """Take in a file made by `export`; what is known here from a later time stays.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        int
            Number of rows taken in.
        """
        from astroquery_mmdc.cache.bundle import fetches, read_bundle, uncovered
        from astroquery_mmdc.cache.rows import normalised

        self._check_writable()
        rows, cover = read_bundle(path)
        table = normalised(rows)
        count = 0
        for fetch in fetches(table, cover):
            # What is as new as this need not be taken again.
            earlier = np.nextafter(fetch.fetched, -np.inf)
            older = self.covered(fetch.key, fetch.ranges, newer_than=earlier)
            if len(older):
                count += self.put(fetch.rows, key=fetch.key, ranges=older, fetched=fetch.fetched)
        others = uncovered(table, cover)
        return count + (self.ingest(others) if others.num_rows else 0)

    def _check_mine(self, mine: bool) -> None:
        if not mine:
            msg = f"another process works on {self._layout.root}; try again when it is done"
            raise CacheError(msg)
