"""Making a generation out of the one before it and sorted runs of newer rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.hats import CatalogWriter, read_tile
from astroquery_mmdc.cache.index import IndexWriter, tile_offsets
from astroquery_mmdc.cache.layout import KEY, Layout, Tile, tiles_of
from astroquery_mmdc.cache.manifest import FileRecord
from astroquery_mmdc.cache.part import Codes, Part
from astroquery_mmdc.cache.pipeline import ahead
from astroquery_mmdc.cache.rows import sort_rows
from astroquery_mmdc.cache.tiling import tiles_for

__all__ = ["Base", "Progress", "Run", "build_generation", "rebuild_index"]

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows sorted by key, in `STORE_SCHEMA`; ``dead`` are the numbers of those to leave out."""

    table: pa.Table
    dead: NDArray[np.int64]

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """Return the numbers of the first row of a range of keys and of the first after it."""
        first, last = self.table.column(KEY).chunk(0).to_numpy().searchsorted([low, high])
        return int(first), int(last)

    def count(self, low: int, high: int) -> int:
        """Return how many rows of a range of keys there are."""
        return _count(*self.bounds(low, high), self.dead)

    def rows(self, low: int, high: int) -> pa.Table:
        """Return the rows of a range of keys."""
        first, last = self.bounds(low, high)
        return _without(self.table.slice(first, last - first), self.dead, first)


class Base:
    """The generation before.

    Parameters
    ----------
    layout : Layout
        Paths of the store.
    name : str
        Folder of the generation.
    part : Part
        Its index, with its dead rows.
    tiles : sequence of Tile
        Its tiles.
    checksums : mapping
        Checksums of its files.
    index : Path, optional
        Folder of its index, if it is not where it usually is.
    """

    def __init__(
        self,
        layout: Layout,
        name: str,
        part: Part,
        tiles: Sequence[Tile],
        checksums: Mapping[str, str],
        index: Path | None = None,
    ) -> None:
        self.layout, self.name, self.part, self.tiles = layout, name, part, tiles
        self.checksums, self.index = checksums, index or layout.index(name)
        self._offsets = tile_offsets(tiles).tolist()
        self._numbers = {(tile.order, tile.pixel): place for place, tile in enumerate(tiles)}
        self._last: tuple[int, pa.Table] | None = None

    def count(self, low: int, high: int) -> int:
        """Return how many rows of a range of keys there are."""
        return _count(*self._bounds(low, high), self.part.dead)

    def _bounds(self, low: int, high: int) -> tuple[int, int]:
        positions = self.part.positions
        first, last = positions.starts[positions.keys.searchsorted([low, high])]
        return int(first), int(last)

    def unchanged(self, tile: Tile) -> int | None:
        """Return the number of the first row of a tile that is the same as before."""
        number = self._numbers.get((tile.order, tile.pixel))
        if number is None or self.tiles[number].rows != tile.rows:
            return None
        first, last = self._offsets[number], self._offsets[number + 1]
        dead = self.part.dead.searchsorted([first, last])
        return first if dead[0] == dead[1] else None

    def rows(self, low: int, high: int) -> list[pa.Table]:
        """Return the rows of a range of keys."""
        found = []
        for number, tile in enumerate(self.tiles):
            if tile.low < high and low < tile.high:
                table = self._read(number)
                first, last = table.column(KEY).to_numpy().searchsorted([low, high]).tolist()
                offset = self._offsets[number] + first
                found.append(_without(table.slice(first, last - first), self.part.dead, offset))
        return found

    def _read(self, number: int) -> pa.Table:
        # A tile that is cut is asked for once for each piece.
        if self._last is None or self._last[0] != number:
            tile = self.tiles[number]
            expected = self.checksums.get(f"dataset/{tile.path}")
            table = read_tile(self.layout.tile(self.name, tile), expected).combine_chunks()
            self._last = (number, table)
        return self._last[1]


def _count(first: int, last: int, dead: NDArray[np.int64]) -> int:
    gone = dead.searchsorted([first, last])
    return last - first - int(gone[1] - gone[0])


def _without(table: pa.Table, dead: NDArray[np.int64], offset: int) -> pa.Table:
    low, high = dead.searchsorted([offset, offset + table.num_rows])
    if low == high:
        return table
    alive = np.ones(table.num_rows, dtype=bool)
    alive[dead[low:high] - offset] = False
    return table.filter(pa.array(alive))


def build_generation(
    layout: Layout,
    name: str,
    base: Base | None,
    runs: Sequence[Run],
    *,
    fixed: bool = True,
    progress: Progress | None = None,
) -> list[FileRecord]:
    """Write a generation and its index aside; nobody reads them before they are committed.

    Parameters
    ----------
    layout : Layout
        Paths of the store.
    name : str
        Folder of the new generation; must not exist.
    base : Base or None
        The generation before; its tiles are kept where nothing in them changes.
    runs : sequence of Run
        Newer rows.
    fixed : bool
        Whether the tiles of the generation before are kept as they are.
    progress : callable, optional
        Called with the number of rows written since the last call.

    Returns
    -------
    list of FileRecord
        Every file, complete and on the disk.
    """
    sources: list[Base | Run] = [*([base] if base else []), *runs]
    tiles = tiles_for(
        lambda low, high: sum(source.count(low, high) for source in sources),
        base.tiles if base and fixed else (),
    )
    catalogs = Codes(base.part.catalogs.values() if base else ())
    bands = Codes(base.part.bands.values() if base else ())
    writer = CatalogWriter(layout.generation(name))
    pool = ThreadPoolExecutor(1, thread_name_prefix="mmdc-tiles")
    with pool, IndexWriter(layout.index(name), catalogs, bands) as index:
        for step in ahead(_steps(tiles, base, runs)):
            if step.table is not None:
                # The file and the index of a tile are written side by side.
                written = pool.submit(writer.add, step.tile, step.table)
                index.add(step.tile, step.table)
                written.result()
            elif base:
                path = f"dataset/{step.tile.path}"
                writer.keep(step.tile, layout.generation(base.name), base.checksums.get(path))
                index.keep(step.tile, base.part, step.first, base.index)
            if progress:
                progress(step.tile.rows)
        records = writer.finish()
        index.finish()
    return records


@dataclass(frozen=True, slots=True)
class _Step:
    """A tile with its rows; without them if it is the same as before, from row ``first`` on."""

    tile: Tile
    table: pa.Table | None
    first: int = 0


def _steps(tiles: Sequence[Tile], base: Base | None, runs: Sequence[Run]) -> Iterator[_Step]:
    for tile in tiles:
        newer = [run for run in runs if run.count(tile.low, tile.high)]
        first = base.unchanged(tile) if base and not newer else None
        if first is not None:
            yield _Step(tile, None, first)
        else:
            yield _Step(tile, _tile_rows(tile, base, newer))


def _tile_rows(tile: Tile, base: Base | None, runs: Sequence[Run]) -> pa.Table:
    tables = base.rows(tile.low, tile.high) if base else []
    tables += [run.rows(tile.low, tile.high) for run in runs]
    return sort_rows(pa.concat_tables(tables))


def rebuild_index(layout: Layout, name: str, files: Mapping[str, str], folder: Path) -> None:
    """Write the index of a generation anew, from its Parquet files with their checksums."""
    with IndexWriter(folder, Codes(), Codes()) as index:
        for tile in tiles_of(files):
            path = layout.tile(name, tile)
            table = read_tile(path, files[f"dataset/{tile.path}"])
            index.add(Tile.of(tile.order, tile.pixel, table.num_rows), table)
        index.finish()
