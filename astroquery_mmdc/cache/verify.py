"""Checking a store against its checksums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.files import checksum
from astroquery_mmdc.cache.hats import read_tile
from astroquery_mmdc.cache.index import open_index, tile_offsets
from astroquery_mmdc.cache.layout import ROW_SCHEMA, Layout, Tile, tiles_of
from astroquery_mmdc.cache.manifest import Generation, Manifest
from astroquery_mmdc.cache.part import Part, facets_of, positions_of

__all__ = ["Report", "check", "is_same"]


@dataclass(frozen=True, slots=True)
class Report:
    """What `ObservationCache.verify` found.

    Parameters
    ----------
    checked : int
        Number of files that were looked at.
    damaged : tuple of str
        Paths, inside the folder of the store, of files that are missing or not as they were.
    repaired : tuple of str
        Those of them that are right again.
    dropped : tuple of str
        Those that nothing could be made right from. They are no part of the store any more, and
        neither is what they said of the sky: it is asked for anew.
    lost_rows : int
        Number of rows in ``dropped``, as far as it is known.
    """

    checked: int
    damaged: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    lost_rows: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing is damaged any more."""
        return set(self.damaged) == {*self.repaired, *self.dropped}


def check(layout: Layout, manifest: Manifest) -> Report:
    """Look at every file of a store: tiles and deltas by checksum, the index by its content."""
    state = manifest.state()
    sums = {
        layout.deltas / segment.path: segment.checksum
        for segment in state.segments
        if segment.path is not None
    }
    generation = state.generation
    if generation is not None:
        folder = layout.generation(generation.path)
        files = manifest.files(generation.id)
        sums |= {folder / path: expected for path, expected in files.items()}
    damaged = [path for path, expected in sums.items() if not is_same(path, expected)]
    checked = len(sums)
    if generation is not None:
        checked += 1
        bad = set(damaged)
        tiles = tiles_of(manifest.files(generation.id))
        whole = [tile for tile in tiles if layout.tile(generation.path, tile) not in bad]
        if not _index_is_right(layout, generation, tiles, whole):
            damaged.append(layout.index(generation.path))
    names = sorted(path.relative_to(layout.root).as_posix() for path in damaged)
    return Report(checked, tuple(names))


def is_same(path: Path, expected: str | None) -> bool:
    """Return whether a file is there and has its checksum."""
    try:
        return checksum(path) == expected
    except OSError:
        return False


def _index_is_right(
    layout: Layout, generation: Generation, tiles: Sequence[Tile], whole: Sequence[Tile]
) -> bool:
    try:
        opened = open_index(layout.index(generation.path))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if opened is None:
        return False
    part, indexed = opened
    if [(tile.order, tile.pixel) for tile in indexed] != [(t.order, t.pixel) for t in tiles]:
        return False
    starts = tile_offsets(indexed).tolist()
    places = {(tile.order, tile.pixel): place for place, tile in enumerate(indexed)}
    for tile in whole:
        place = places[tile.order, tile.pixel]
        table = read_tile(layout.tile(generation.path, tile), None).combine_chunks()
        if not _is_indexed(table, part, starts[place], starts[place + 1]):
            return False
    return True


def _is_indexed(table: pa.Table, part: Part, first: int, last: int) -> bool:
    if table.num_rows != last - first:
        return False
    positions, facets = positions_of(table), facets_of(table, part.catalogs, part.bands)
    held = part.positions
    low, high = held.starts.searchsorted([first, last]).tolist()
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (positions.keys, held.keys[low:high]),
        (positions.vectors, held.vectors[low:high]),
        (positions.starts[:-1], held.starts[low:high] - first),
        (facets.catalog, part.facets.catalog[first:last]),
        (facets.band, part.facets.band[first:last]),
        (facets.flags, part.facets.flags[first:last]),
        (facets.date, part.facets.date[first:last]),
    ]
    if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
        return False
    try:
        rows = pa.concat_tables(part.rows.read(np.array([[first, last]]), None))
    except (OSError, pa.ArrowException):
        return False
    return bool(rows.equals(table.select(ROW_SCHEMA.names)))
