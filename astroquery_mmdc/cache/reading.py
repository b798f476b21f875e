"""Questions to a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.cache.cells import cells_to_ranges, cone_ranges, cones_cells
from astroquery_mmdc.cache.coverage import Coverage, merge
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.healpix import whole_sky
from astroquery_mmdc.cache.part import Exact
from astroquery_mmdc.cache.search import cap
from astroquery_mmdc.cache.snapshot import Snapshot, Where
from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astroquery_mmdc.cache.many import ConeRows, Match
    from astroquery_mmdc.cache.selection import Selection

__all__ = ["Reader", "Source"]

_T = TypeVar("_T")
_HALF_TURN_ARCSEC = 180 * 3600.0
_ATTEMPTS = 3


class Source(Protocol):
    """What a store is read from."""

    def snapshot(self, where: Where | None = None) -> Snapshot:
        """Return the rows as of now; ``where`` tells which of them will be looked at."""

    def coverage(self) -> Coverage:
        """Return what is known as of now."""

    def forget(self) -> None:
        """Open everything anew when it is needed next."""

    def close(self) -> None:
        """Let go of what is open."""


class Reader:
    """What can be asked of a store; a context manager that closes it.

    Parameters
    ----------
    source : Source
        What it is read from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def close(self) -> None:
        """Let go of what is open."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------ questions

    def cone(
        self,
        ra: float,
        dec: float,
        radius_arcsec: float,
        *,
        mask_filters: Filters | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows within a radius of a position, border included.

        Parameters
        ----------
        ra, dec : float
            Position in degrees.
        radius_arcsec : float
            0 to 180 degrees.
        mask_filters : Filters, optional
            Which rows are wanted.
        columns : sequence of str, optional
            Which columns; all unless given.

        Returns
        -------
        `pyarrow.Table`
            In `ROW_SCHEMA`, in the order of the store.
        """
        _check_cone(ra, dec, radius_arcsec)
        ranges = cone_ranges(ra, dec, radius_arcsec)
        test = cap(ra, dec, radius_arcsec)
        return self._ask(
            lambda snapshot: snapshot.cone(ranges, test, mask_filters, columns), lambda: ranges
        )

    def region(
        self,
        ranges: NDArray[np.int64],
        exact: Exact | None = None,
        *,
        mask_filters: Filters | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of a region.

        Parameters
        ----------
        ranges : ndarray of int64, shape (n, 2)
            Half-open, sorted and disjoint ranges of order 29 that hold the region.
        exact : callable, optional
            Called with right ascensions and declinations in degrees, returns which are inside; the
            ranges alone decide unless given.
        mask_filters, columns
            As for `cone`.
        """
        return self._ask(
            lambda snapshot: snapshot.region(ranges, exact, mask_filters, columns), lambda: ranges
        )

    def cones_rows(
        self,
        ra: ArrayLike,
        dec: ArrayLike,
        radius_arcsec: float,
        *,
        mask_filters: Filters | None = None,
    ) -> ConeRows:
        """Return which rows lie within a radius of each of many positions, as `ConeRows`.

        The rows themselves are read only when its ``table`` or ``batches`` ask for them.
        """
        from astroquery_mmdc.cache.many import cone_rows

        _check_cones(ra, dec, radius_arcsec)
        return self._ask(
            lambda snapshot: cone_rows(snapshot, ra, dec, radius_arcsec, mask_filters),
            lambda: _cones_ranges(ra, dec, radius_arcsec),
        )

    def cones(
        self,
        ra: ArrayLike,
        dec: ArrayLike,
        radius_arcsec: float,
        *,
        mask_filters: Filters | None = None,
        columns: Sequence[str] | None = None,
    ) -> tuple[NDArray[np.int64], pa.Table]:
        """Return the rows within a radius of each of many positions.

        Returns
        -------
        query_index : ndarray of int64
            Number of the position that a row belongs to, ascending.
        table : `pyarrow.Table`
            The rows; one that is near several positions comes once for each.
        """
        found = self.cones_rows(ra, dec, radius_arcsec, mask_filters=mask_filters)
        return found.query_index(), found.table(columns)

    def crossmatch(
        self, ra: ArrayLike, dec: ArrayLike, radius_arcsec: float, *, nearest: bool = True
    ) -> Match:
        """Return the pairs of positions and rows within a radius, as `Match`.

        Parameters
        ----------
        ra, dec : array_like
            Positions in degrees.
        radius_arcsec : float
            Largest separation.
        nearest : bool, optional
            Whether only the nearest row of each position is wanted.
        """
        from astroquery_mmdc.cache.many import crossmatch

        _check_cones(ra, dec, radius_arcsec)
        return self._ask(
            lambda snapshot: crossmatch(snapshot, ra, dec, radius_arcsec, nearest=nearest),
            lambda: _cones_ranges(ra, dec, radius_arcsec),
        )

    def select(self, selection: Selection, use: Callable[[Snapshot, NDArray[np.int64]], _T]) -> _T:
        """Return what is made of the rows of a selection.

        Parameters
        ----------
        selection : Selection
            Which rows are wanted, and in which order.
        use : callable
            Called with a snapshot and the numbers of its rows, as `Snapshot.take` takes them; once
            more, with a newer one, where a compaction has taken the files away meanwhile.
        """
        return self._ask(lambda snapshot: use(snapshot, selection.rows(snapshot)), selection.ranges)

    def _ask(self, question: Callable[[Snapshot], _T], where: Where) -> _T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return question(self._source.snapshot(where))
            except FileNotFoundError:
                # Two compactions have passed since the snapshot was taken.
                self._source.forget()
        return question(self._source.snapshot(where))

    # ------------------------------------------------------------ coverage

    def coverage(self) -> Coverage:
        """Return what is known of the sky."""
        return self._source.coverage()

    def covered(
        self, key: str, ranges: NDArray[np.int64], *, newer_than: float | None = None
    ) -> NDArray[np.int64]:
        """Return the part of ranges that has to be fetched, empty if all of it is known.

        Parameters
        ----------
        key : str
            Key of the filters of the query, see `Filters.key`.
        ranges : ndarray of int64, shape (n, 2)
            What the query needs.
        newer_than : float, optional
            Time, in seconds since 1970, at or before which a fetch is too old.
        """
        return self._source.coverage().missing(key, ranges, newer_than)

    # ------------------------------------------------------------ giving to others

    def export(
        self, path: str | Path, ranges: NDArray[np.int64] | None = None, *, overwrite: bool = False
    ) -> int:
        """Write the rows of ranges, and what is known of them, as one file to give to others.

        Parameters
        ----------
        path : path-like
            The file, a zip archive with Parquet, JSON and BibTeX.
        ranges : ndarray of int64, shape (n, 2), optional
            Ranges of order 29; everything unless given.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Returns
        -------
        int
            Number of rows.
        """
        from astroquery_mmdc.cache.bundle import write_bundle
        from astroquery_mmdc.cache.maintenance import space_errors

        wanted = whole_sky() if ranges is None else merge(ranges)
        # Coverage first: what is committed in between is then not claimed to be known.
        coverage = self.coverage()
        rows = self.region(wanted)
        with space_errors(f"writing {path}"):
            write_bundle(path, rows, coverage, wanted, overwrite=overwrite)
        return int(rows.num_rows)


def _check_cone(ra: float, dec: float, radius_arcsec: float) -> None:
    # A comparison with NaN is false, whichever way round.
    if not (-1e9 < ra < 1e9 and -90 <= dec <= 90):
        msg = f"ra, dec: ({ra!r}, {dec!r}) is no position; dec is within -90 to 90 deg"
        raise InvalidRequestError(msg, parameter="coordinates")
    if not 0 <= radius_arcsec <= _HALF_TURN_ARCSEC:
        msg = f"radius: {radius_arcsec!r} arcsec is outside 0 to 180 deg"
        raise InvalidRequestError(msg, parameter="radius")


def _check_cones(ra: ArrayLike, dec: ArrayLike, radius_arcsec: float) -> None:
    _check_cone(0.0, 0.0, radius_arcsec)
    lon, lat = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    wrong = np.atleast_1d(~(np.isfinite(lon) & (np.abs(lat) <= 90)))
    if wrong.any():
        msg = f"ra, dec: position {int(np.flatnonzero(wrong)[0])} is no position; remove it"
        raise InvalidRequestError(msg, parameter="coordinates")


def _cones_ranges(ra: ArrayLike, dec: ArrayLike, radius_arcsec: float) -> NDArray[np.int64]:
    order, _, cells = cones_cells(ra, dec, radius_arcsec)
    return cells_to_ranges(order, np.unique(cells))
