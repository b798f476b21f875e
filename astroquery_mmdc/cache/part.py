"""A sorted set of rows in a form that answers quickly: a generation, or some deltas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.cells import unit_vectors
from astroquery_mmdc.cache.filters import Filters, dates
from astroquery_mmdc.cache.layout import KEY, ROW_SCHEMA
from astroquery_mmdc.cache.search import Cap, Runs, expand, inside, mask_runs, no_runs, row_runs

__all__ = ["Codes", "Facets", "Part", "Positions", "RowSource", "facets_of", "positions_of"]

Exact = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]
"""Decides about positions, given as right ascensions and declinations in degrees."""

# More pieces than this are copied rather than chained: a table of many chunks is slow to read.
_MAX_PIECES = 12
_LIGHTCURVE, _LIMIT = 1, 2


class Codes:
    """Numbers of strings; a number, once given, never changes."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._numbers = {value: number for number, value in enumerate(values)}

    def values(self) -> list[str]:
        """Return the strings in the order of their numbers."""
        return list(self._numbers)

    def number(self, value: str) -> int:
        """Return the number of a string, -2 if it never occurred."""
        return self._numbers.get(value, -2)

    def encode(self, array: pa.DictionaryArray) -> NDArray[np.int16]:
        """Return the numbers of an array's values, -1 for null; new strings get new numbers."""
        numbers = [
            self._numbers.setdefault(value, len(self._numbers))
            for value in array.dictionary.to_pylist()
        ]
        if len(self._numbers) > np.iinfo(np.int16).max:
            msg = "catalog, filter_band: more than 32,767 different values cannot be indexed"
            raise OverflowError(msg)
        lookup = np.array([*numbers, -1], dtype=np.int16)
        return np.asarray(lookup[array.indices.fill_null(len(numbers)).to_numpy()])


@dataclass(frozen=True, slots=True)
class Positions:
    """Distinct positions, sorted by key.

    Parameters
    ----------
    keys : ndarray of int64, shape (n,)
        HEALPix indices of order 29.
    vectors : ndarray of float64, shape (n, 3)
        Unit vectors.
    starts : ndarray of int64, shape (n + 1,)
        Rows of position ``i`` are ``starts[i]`` to ``starts[i + 1]``.
    """

    keys: NDArray[np.int64]
    vectors: NDArray[np.float64]
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Facets:
    """Values of each row that filters ask for.

    Parameters
    ----------
    catalog, band : ndarray of int16
        Codes of the catalogue and the filter band.
    flags : ndarray of uint8
        1 for a light-curve row, 2 for an upper limit.
    date : ndarray of float64
        MJD that windows of `Filters` are compared with, NaN for undated rows.
    """

    catalog: NDArray[np.int16]
    band: NDArray[np.int16]
    flags: NDArray[np.uint8]
    date: NDArray[np.float64]


def positions_of(table: pa.Table) -> Positions:
    """Return the distinct positions of sorted rows."""
    keys, ra, dec = (table.column(name).to_numpy() for name in (KEY, "ra", "dec"))
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (np.diff(keys) != 0) | (np.diff(ra) != 0) | (np.diff(dec) != 0)
    first = np.flatnonzero(new)
    starts = np.append(first, len(keys)).astype(np.int64)
    return Positions(keys[first], unit_vectors(ra[first], dec[first]), starts)


def facets_of(table: pa.Table, catalogs: Codes, bands: Codes) -> Facets:
    """Return the facets of rows."""
    lightcurve = _column(table, "is_lightcurve").to_numpy(zero_copy_only=False)
    limit = _column(table, "is_upper_limit").to_numpy(zero_copy_only=False)
    return Facets(
        catalogs.encode(_column(table, "catalog")),
        bands.encode(_column(table, "filter_band")),
        (lightcurve * np.uint8(_LIGHTCURVE) + limit * np.uint8(_LIMIT)).astype(np.uint8),
        dates(table),
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class RowSource:
    """Rows in one or more tables, each of a single chunk and opened when first needed.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each table.
    opener : callable
        Returns the table of a number.
    """

    def __init__(self, sizes: Sequence[int], opener: Callable[[int], pa.Table]) -> None:
        self._offsets = np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))])
        self._opener = opener
        self._tables: dict[int, pa.Table] = {}

    def __len__(self) -> int:
        return int(self._offsets[-1])

    def _table(self, number: int) -> pa.Table:
        table = self._tables.get(number)
        if table is None:
            # Two threads may open the same one; either is right.
            table = self._tables[number] = self._opener(number)
        return table

    def read(self, runs: Runs, columns: list[str] | None) -> list[pa.Table]:
        """Return the rows of runs, in their order, as one or more tables."""
        if len(runs) > _MAX_PIECES:
            return self.take(expand(runs), columns)
        pieces = [piece for low, high in runs.tolist() for piece in self._pieces(low, high)]
        if len(pieces) > _MAX_PIECES:
            return self.take(expand(runs), columns)
        return [self._columns(number, columns).slice(first, size) for number, first, size in pieces]

    def _columns(self, number: int, columns: list[str] | None) -> pa.Table:
        table = self._table(number)
        return table if columns is None else table.select(columns)

    def values(self, name: str) -> NDArray[Any]:
        """Return a column of numbers without nulls, of all rows."""
        numbers = range(len(self._offsets) - 1)
        arrays = [self._table(number).column(name).to_numpy() for number in numbers]
        return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)

    def _pieces(self, low: int, high: int) -> list[tuple[int, int, int]]:
        number = int(np.searchsorted(self._offsets, low, side="right")) - 1
        pieces = []
        while low < high:
            offset, end = int(self._offsets[number]), int(self._offsets[number + 1])
            stop = min(high, end)
            pieces.append((number, low - offset, stop - low))
            low, number = stop, number + 1
        return pieces

    def take(self, rows: NDArray[np.int64], columns: list[str] | None) -> list[pa.Table]:
        """Return ascending rows as copies, one table for each that they come from."""
        cuts = np.searchsorted(rows, self._offsets)
        found = []
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            local = rows[cuts[number] : cuts[number + 1]] - self._offsets[number]
            found.append(self._columns(number, columns).take(pa.array(local)))
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """A sorted set of rows; ``dead`` are the numbers of those that newer rows replace."""

    positions: Positions
    facets: Facets
    rows: RowSource
    catalogs: Codes
    bands: Codes
    dead: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, table: pa.Table, catalogs: Codes, bands: Codes) -> Part:
        """Return rows in memory, sorted, as a part."""
        table = table.combine_chunks()
        rows = table.select(ROW_SCHEMA.names)
        source = RowSource([table.num_rows], lambda _: rows)
        facets = facets_of(table, catalogs, bands)
        return cls(positions_of(table), facets, source, catalogs, bands)

    def without(self, rows: NDArray[np.int64]) -> Part:
        """Return the part with more dead rows."""
        return replace(self, dead=np.union1d(self.dead, rows)) if len(rows) else self

    def in_cone(self, ranges: NDArray[np.int64], test: Cap) -> Runs:
        """Return the rows of a cone; ``ranges`` hold it all, ``test`` decides."""
        positions = self.positions
        bounds = positions.keys.searchsorted(ranges.ravel()).tolist()
        found = []
        for low, high in zip(bounds[::2], bounds[1::2], strict=True):
            if high > low:
                runs = mask_runs(inside(positions.vectors[low:high], test))
                found.append(runs + low)
        return self._row_runs(found)

    def in_ranges(self, ranges: NDArray[np.int64], exact: Exact | None = None) -> Runs:
        """Return the rows of ranges of keys that an exact test on unit vectors lets through."""
        positions = self.positions
        bounds = positions.keys.searchsorted(ranges)
        bounds = bounds[bounds[:, 1] > bounds[:, 0]]
        if exact is None or not len(bounds):
            return self._row_runs([bounds])
        chosen = expand(bounds)
        return self._row_runs([row_runs(chosen[exact(*self._degrees(chosen))])])

    def _degrees(
        self, positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        tables = self.rows.take(self.positions.starts[positions], ["ra", "dec"])
        ra, dec = (
            np.concatenate([table.column(name).to_numpy() for table in tables])
            for name in ("ra", "dec")
        )
        return ra, dec

    def wanted(self, runs: Runs, filters: Filters | None) -> Runs:
        """Return the rows of runs that filters let through."""
        if filters is None or not len(runs):
            return runs
        mask = self._mask(runs, filters)
        if mask is None:
            return runs
        return mask_runs(mask) + runs[0, 0] if len(runs) == 1 else row_runs(expand(runs)[mask])

    def _mask(self, runs: Runs, filters: Filters) -> NDArray[np.bool_] | None:
        facets = self.facets
        masks = []
        if filters.catalog:
            masks.append(gathered(facets.catalog, runs) == self.catalogs.number(filters.catalog))
        if filters.filter_band:
            masks.append(gathered(facets.band, runs) == self.bands.number(filters.filter_band))
        for bit, value in ((_LIGHTCURVE, filters.is_lightcurve), (_LIMIT, filters.is_upper_limit)):
            if value is not None:
                masks.append((gathered(facets.flags, runs) & bit > 0) == value)
        if filters.mjd_min is not None:
            masks.append(gathered(facets.date, runs) >= filters.mjd_min)
        if filters.mjd_max is not None:
            masks.append(gathered(facets.date, runs) <= filters.mjd_max)
        if filters.obsid:
            only = Filters(obsid=filters.obsid)
            masks.append(np.concatenate([only.mask(t) for t in self.rows.read(runs, ["obsid"])]))
        return np.logical_and.reduce(masks) if masks else None

    def _row_runs(self, found: list[NDArray[np.int64]]) -> Runs:
        if not found:
            return no_runs()
        runs = found[0] if len(found) == 1 else np.concatenate(found)
        return self.alive(merged(self.positions.starts[runs]))

    def alive(self, runs: Runs) -> Runs:
        """Return runs without their dead rows."""
        if not len(self.dead) or not len(runs):
            return runs
        cuts = self.dead.searchsorted(runs)
        if (cuts[:, 0] == cuts[:, 1]).all():
            return runs
        rows = expand(runs)
        place = np.minimum(self.dead.searchsorted(rows), len(self.dead) - 1)
        return row_runs(rows[self.dead[place] != rows])


def gathered(values: NDArray[Any], runs: Runs) -> NDArray[Any]:
    """Return the values of the rows of runs."""
    if len(runs) == 1:
        return values[runs[0, 0] : runs[0, 1]]
    return np.concatenate([values[low:high] for low, high in runs.tolist()])


def merged(runs: Runs) -> Runs:
    """Return runs with those joined that touch."""
    if len(runs) < 2:
        return runs
    apart = runs[1:, 0] != runs[:-1, 1]
    if apart.all():
        return runs
    first = np.concatenate([runs[:1, 0], runs[1:, 0][apart]])
    last = np.concatenate([runs[:-1, 1][apart], runs[-1:, 1]])
    return np.stack([first, last], axis=-1)
