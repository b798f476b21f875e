"""Checking a store against its checksums, and making again what can be derived."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.build import rebuild_index
from astroquery_mmdc.cache.files import checksum
from astroquery_mmdc.cache.hats import CatalogWriter, read_tile
from astroquery_mmdc.cache.index import open_index, tile_offsets
from astroquery_mmdc.cache.layout import KEY, ROW_SCHEMA, STORE_SCHEMA, Layout, Tile, tiles_of
from astroquery_mmdc.cache.manifest import Generation, Manifest
from astroquery_mmdc.cache.part import Part, facets_of, positions_of
from astroquery_mmdc.exceptions import CacheError

__all__ = ["Report", "check", "repair"]


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
    """

    checked: int
    damaged: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing is damaged any more."""
        return set(self.damaged) == set(self.repaired)


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
    damaged = [path for path, expected in sums.items() if not _is_same(path, expected)]
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


def _is_same(path: Path, expected: str | None) -> bool:
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


def repair(layout: Layout, manifest: Manifest, report: Report) -> tuple[str, ...]:
    """Make again what can be derived; return the paths that are right afterwards.

    A tile is written from the index, the index from the tiles, and what describes the tiles from
    the tiles. A tile counts as repaired only if it has its old checksum again.
    """
    generation = manifest.state().generation
    if generation is None or not report.damaged:
        return ()
    folder = layout.generation(generation.path)
    expected = manifest.files(generation.id)
    damaged = [layout.root / name for name in report.damaged]
    for tile in tiles_of(manifest.files(generation.id)):
        path = folder / "dataset" / tile.path
        if path in damaged:
            _restore_tile(layout, generation, tile)
    still = {path for path in damaged if path.suffix == ".parquet" and path.is_relative_to(folder)}
    still = {
        path for path in still if not _is_same(path, expected[path.relative_to(folder).as_posix()])
    }
    if not still:
        _restore_descriptions(layout, manifest, generation, expected)
        if layout.index(generation.path) in damaged:
            rebuild_index(layout, generation.path, expected, layout.index(generation.path))
    again = set(check(layout, manifest).damaged)
    return tuple(name for name in report.damaged if name not in again)


def _restore_tile(layout: Layout, generation: Generation, tile: Tile) -> None:
    opened = open_index(layout.index(generation.path))
    if opened is None:
        return
    part, indexed = opened
    places = {(held.order, held.pixel): place for place, held in enumerate(indexed)}
    place = places.get((tile.order, tile.pixel))
    if place is None:
        return
    first, last = tile_offsets(indexed)[place : place + 2].tolist()
    starts = part.positions.starts
    low, high = starts.searchsorted([first, last]).tolist()
    keys = np.repeat(part.positions.keys[low:high], np.diff(starts[low : high + 1]))
    rows = pa.concat_tables(part.rows.read(np.array([[first, last]]), None))
    table = rows.append_column(STORE_SCHEMA.field(KEY), pa.array(keys)).cast(STORE_SCHEMA)
    for scratch in _scratch(layout):
        writer = CatalogWriter(scratch)
        writer.add(tile, table)
        path = layout.tile(generation.path, tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        (scratch / "dataset" / tile.path).replace(path)


def _restore_descriptions(
    layout: Layout, manifest: Manifest, generation: Generation, expected: dict[str, str]
) -> None:
    folder = layout.generation(generation.path)
    for scratch in _scratch(layout):
        writer = CatalogWriter(scratch)
        for tile in _counted(layout, generation, tiles_of(manifest.files(generation.id))):
            writer.keep(tile, folder, expected[f"dataset/{tile.path}"])
        for record in writer.finish():
            same = record.checksum == expected.get(record.path)
            if same and not _is_same(folder / record.path, record.checksum):
                (folder / record.path).parent.mkdir(parents=True, exist_ok=True)
                (scratch / record.path).replace(folder / record.path)


def _counted(layout: Layout, generation: Generation, tiles: Sequence[Tile]) -> list[Tile]:
    from pyarrow import parquet

    def rows(tile: Tile) -> int:
        return int(parquet.read_metadata(layout.tile(generation.path, tile)).num_rows)

    return [Tile.of(tile.order, tile.pixel, rows(tile)) for tile in tiles]


def _scratch(layout: Layout) -> Iterator[Path]:
    folder = layout.root / ".spool-repair"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    except OSError as err:
        msg = f"{layout.root} cannot be repaired ({err}); free some space, or check the folder"
        raise CacheError(msg) from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)
