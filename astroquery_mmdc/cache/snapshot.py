"""A store as of one moment: what queries are answered from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.layout import ROW_SCHEMA, Tile
from astroquery_mmdc.cache.manifest import Generation, Segment
from astroquery_mmdc.cache.part import Exact, Part
from astroquery_mmdc.cache.search import Cap, Runs, expand, row_runs

__all__ = ["Delta", "Snapshot", "Where", "replaced"]

Where = Callable[[], NDArray[np.int64]]
"""Returns the ranges of order 29 that a question is about."""

_NO_ROWS = ROW_SCHEMA.empty_table()

# Parts of about the same size are merged; so there are few of them, and each row moves rarely.
_RATIO = 4


@dataclass(frozen=True, slots=True)
class Delta:
    """The sorted rows of a segment in `STORE_SCHEMA`, and what it says about older rows."""

    segment: Segment
    table: pa.Table
    ranges: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Parts of a store, the generation first.

    Parameters
    ----------
    parts : tuple of Part
        The first is the generation, the others hold the deltas.
    tables : tuple of (Table or None)
        Rows of the deltas' parts in `STORE_SCHEMA`, to merge them with more; None for the first.
    generation : Generation or None
        What the first part is; None before the first compaction.
    tiles : tuple of Tile
        Tiles of the generation.
    segments : tuple of int
        Numbers of the segments after the generation that are part of this.
    """

    parts: tuple[Part, ...]
    tables: tuple[pa.Table | None, ...]
    generation: Generation | None
    tiles: tuple[Tile, ...]
    segments: tuple[int, ...] = ()

    @property
    def upto(self) -> int:
        """Number of the last segment that is part of this."""
        if self.segments:
            return self.segments[-1]
        return self.generation.upto if self.generation else 0

    @property
    def size(self) -> int:
        """Number of rows that queries can find."""
        return sum(len(part) - len(part.dead) for part in self.parts)

    @property
    def offsets(self) -> list[int]:
        """Number of the first row of each part."""
        return [0, *accumulate(len(part) for part in self.parts)]

    def with_delta(self, delta: Delta) -> Snapshot:
        """Return the snapshot that has one more segment."""
        filters = Filters.from_key(delta.segment.key)
        parts = [replaced(part, delta.ranges, filters) for part in self.parts]
        tables = list(self.tables)
        if delta.table.num_rows:
            base = self.parts[0]
            parts.append(Part.of(delta.table, base.catalogs, base.bands))
            tables.append(delta.table)
        while len(parts) > 2 and len(parts[-1]) * _RATIO >= len(parts[-2]):
            second, first = (_living(parts.pop(), tables.pop()) for _ in range(2))
            table = _sorted(pa.concat_tables([first, second]))
            parts.append(Part.of(table, self.parts[0].catalogs, self.parts[0].bands))
            tables.append(table)
        segments = (*self.segments, delta.segment.id)
        return Snapshot(tuple(parts), tuple(tables), self.generation, self.tiles, segments)

    # ------------------------------------------------------------ queries

    def cone(
        self,
        ranges: NDArray[np.int64],
        test: Cap,
        filters: Filters | None,
        columns: Sequence[str] | None,
    ) -> pa.Table:
        """Return the rows of a cone; ``ranges`` hold it all, ``test`` decides."""
        return self.read(self.cone_runs(ranges, test, filters), columns)

    def cone_runs(
        self, ranges: NDArray[np.int64], test: Cap, filters: Filters | None
    ) -> list[Runs]:
        """Return which rows lie in a cone, one `Runs` for each part."""
        return [part.wanted(part.in_cone(ranges, test), filters) for part in self.parts]

    def region(
        self,
        ranges: NDArray[np.int64],
        exact: Exact | None,
        filters: Filters | None,
        columns: Sequence[str] | None,
    ) -> pa.Table:
        """Return the rows of a region; ``ranges`` hold it all, ``exact`` decides."""
        return self.read(self.region_runs(ranges, exact, filters), columns)

    def region_runs(
        self, ranges: NDArray[np.int64], exact: Exact | None, filters: Filters | None
    ) -> list[Runs]:
        """Return which rows lie in a region, one `Runs` for each part."""
        return [part.wanted(part.in_ranges(ranges, exact), filters) for part in self.parts]

    def numbers(self, runs: Sequence[Runs]) -> NDArray[np.int64]:
        """Return the numbers of the rows of runs, for `take`, in the order of `read`."""
        offsets = zip(self.offsets, runs, strict=False)
        found = [expand(wanted) + offset for offset, wanted in offsets if len(wanted)]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def runs_of(self, rows: NDArray[np.int64]) -> list[Runs]:
        """Return ascending rows, given by their numbers, as runs for `read`."""
        cuts = np.searchsorted(rows, self.offsets).tolist()
        return [
            row_runs(rows[low:high] - offset)
            for low, high, offset in zip(cuts, cuts[1:], self.offsets, strict=False)
        ]

    def read(self, runs: Sequence[Runs], columns: Sequence[str] | None) -> pa.Table:
        """Return the rows of runs, one `Runs` for each part."""
        names = None if columns is None else list(columns)
        tables = [
            table
            for part, wanted in zip(self.parts, runs, strict=True)
            if len(wanted)
            for table in part.rows.read(wanted, names)
        ]
        if len(tables) == 1:
            return tables[0]
        return pa.concat_tables(tables) if tables else _empty(names)

    def take(self, rows: NDArray[np.int64], columns: Sequence[str] | None) -> pa.Table:
        """Return rows by their numbers, in any order, repeated as given."""
        distinct, place = np.unique(rows, return_inverse=True)
        names = None if columns is None else list(columns)
        cuts = np.searchsorted(distinct, self.offsets)
        tables = [
            table
            for number, part in enumerate(self.parts)
            if cuts[number + 1] > cuts[number]
            for table in part.rows.take(
                distinct[cuts[number] : cuts[number + 1]] - self.offsets[number], names
            )
        ]
        if not tables:
            return _empty(names)
        found = pa.concat_tables(tables)
        if len(distinct) == len(rows) and (np.diff(place) == 1).all():
            return found
        return found.combine_chunks().take(pa.array(place))


def _empty(columns: list[str] | None) -> pa.Table:
    return _NO_ROWS if columns is None else _NO_ROWS.select(columns)


def _living(part: Part, table: pa.Table | None) -> pa.Table:
    assert table is not None
    alive = np.ones(len(part), dtype=bool)
    alive[part.dead] = False
    return table.filter(pa.array(alive)) if len(part.dead) else table


def replaced(part: Part, ranges: NDArray[np.int64], filters: Filters) -> Part:
    """Return a part without the rows that a newer fetch of ranges has replaced."""
    runs = part.wanted(part.in_ranges(ranges), filters)
    return part.without(expand(runs)) if len(runs) else part


def _sorted(table: pa.Table) -> pa.Table:
    from astroquery_mmdc.cache.rows import sort_rows

    return sort_rows(table)
