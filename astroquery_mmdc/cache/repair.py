"""Making a store right again: what can be derived is made anew, the rest is dropped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from astroquery_mmdc.cache.build import Base, rebuild_index
from astroquery_mmdc.cache.hats import CatalogWriter
from astroquery_mmdc.cache.index import open_index, tile_offsets
from astroquery_mmdc.cache.layout import KEY, STORE_SCHEMA, Layout, Tile, tiles_of
from astroquery_mmdc.cache.maintenance import (
    commit_generation,
    covers_outside,
    merged_covers,
    new_folder,
    space_errors,
)
from astroquery_mmdc.cache.manifest import Generation, Manifest
from astroquery_mmdc.cache.verify import Report, check, is_same
from astroquery_mmdc.exceptions import IncompleteResultWarning

__all__ = ["repair"]


def repair(layout: Layout, manifest: Manifest) -> Report:
    """Check a store and make it right.

    A tile is written from the index, the index from the tiles, and what describes the tiles from
    the tiles. A tile counts as repaired only if it has its old checksum again. A tile that cannot
    be repaired is dropped, and so is a damaged fetch, together with what they said of the sky: the
    next query asks for it.

    Call it with the lock of maintenance held.

    Warns
    -----
    IncompleteResultWarning
        Something was dropped.
    """
    report = check(layout, manifest)
    if not report.damaged:
        return report
    rows, dropped = _drop_fetches(layout, manifest, report)
    generation = manifest.state().generation
    if generation is not None:
        more, tiles = _repair_generation(layout, manifest, generation, report)
        rows, dropped = rows + more, [*dropped, *tiles]
    again = {*check(layout, manifest).damaged, *dropped}
    repaired = tuple(name for name in report.damaged if name not in again)
    if dropped:
        msg = (
            f"{rows} rows in {len(dropped)} damaged files of {layout.root} were dropped; "
            "what they said of the sky will be asked for anew"
        )
        warnings.warn(msg, IncompleteResultWarning, stacklevel=3)
    return replace(report, repaired=repaired, dropped=tuple(dropped), lost_rows=rows)


# ---------------------------------------------------------------- what cannot be derived


def _drop_fetches(layout: Layout, manifest: Manifest, report: Report) -> tuple[int, list[str]]:
    """Drop damaged fetches; what was known before them counts again, with its age."""
    names = {f"{layout.deltas.name}/{s.path}": s for s in manifest.state().segments if s.path}
    damaged = [name for name in report.damaged if name in names]
    if damaged:
        with manifest.transaction() as cursor:
            manifest.drop_segments(cursor, [names[name].id for name in damaged])
    return sum(names[name].rows for name in damaged), damaged


def _repair_generation(
    layout: Layout, manifest: Manifest, generation: Generation, report: Report
) -> tuple[int, list[str]]:
    """Return the number of rows that were lost, and the paths of the tiles that held them."""
    expected = manifest.files(generation.id)
    paths = {
        layout.tile(generation.path, tile).relative_to(layout.root).as_posix(): tile
        for tile in tiles_of(expected)
    }
    for name in set(report.damaged) & set(paths):
        _restore_tile(layout, generation, paths[name])
    lost = {
        name: paths[name]
        for name in report.damaged
        if name in paths
        and not is_same(layout.root / name, expected[f"dataset/{paths[name].path}"])
    }
    if lost:
        rows = _rows_of(layout, generation, expected, list(lost.values()))
        _drop_tiles(layout, manifest, generation, expected, list(lost.values()))
        return rows, list(lost)
    _restore_descriptions(layout, manifest, generation, expected)
    index = layout.index(generation.path)
    if index.relative_to(layout.root).as_posix() in report.damaged:
        rebuild_index(layout, generation.path, expected, index)
    return 0, []


def _rows_of(
    layout: Layout, generation: Generation, expected: Mapping[str, str], tiles: Sequence[Tile]
) -> int:
    """Return how many rows tiles had, 0 if that is lost, too."""
    path = layout.generation(generation.path) / "dataset" / "_metadata"
    if not is_same(path, expected["dataset/_metadata"]):
        return 0
    metadata, names = pq.read_metadata(path), {tile.path for tile in tiles}
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return sum(group.num_rows for group in groups if group.column(0).file_path in names)


def _drop_tiles(
    layout: Layout,
    manifest: Manifest,
    generation: Generation,
    expected: Mapping[str, str],
    lost: Sequence[Tile],
) -> None:
    """Make a generation of the other tiles, and forget in the same commit what was known there."""
    gone = {f"dataset/{tile.path}" for tile in lost}
    whole = {path: digest for path, digest in expected.items() if path not in gone}
    ranges = np.array([[tile.low, tile.high] for tile in sorted(lost)], dtype=np.int64)
    # Aside, because whoever opens the index must not miss the rows before their loss is committed.
    with new_folder(layout) as scratch:
        rebuild_index(layout, generation.path, whole, scratch / "index")
        opened = open_index(scratch / "index")
        assert opened is not None
        part, tiles = opened
        commit_generation(
            layout,
            manifest,
            generation.upto,
            Base(layout, generation.path, part, tiles, whole, scratch / "index"),
            [],
            covers=covers_outside(merged_covers(manifest, generation.upto), ranges),
        )


# ---------------------------------------------------------------- what can be derived


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
    path = layout.tile(generation.path, tile)
    with _scratch(layout) as catalog:
        CatalogWriter(catalog).add(tile, table)
        path.parent.mkdir(parents=True, exist_ok=True)
        (catalog / "dataset" / tile.path).replace(path)


def _restore_descriptions(
    layout: Layout, manifest: Manifest, generation: Generation, expected: dict[str, str]
) -> None:
    folder = layout.generation(generation.path)
    with _scratch(layout) as catalog:
        writer = CatalogWriter(catalog)
        for tile in _counted(layout, generation, tiles_of(manifest.files(generation.id))):
            writer.keep(tile, folder, expected[f"dataset/{tile.path}"])
        for record in writer.finish():
            same = record.checksum == expected.get(record.path)
            if same and not is_same(folder / record.path, record.checksum):
                (folder / record.path).parent.mkdir(parents=True, exist_ok=True)
                (catalog / record.path).replace(folder / record.path)


def _counted(layout: Layout, generation: Generation, tiles: Sequence[Tile]) -> list[Tile]:
    def rows(tile: Tile) -> int:
        return int(pq.read_metadata(layout.tile(generation.path, tile)).num_rows)

    return [Tile.of(tile.order, tile.pixel, rows(tile)) for tile in tiles]


@contextmanager
def _scratch(layout: Layout) -> Iterator[Path]:
    """Give the name of a catalogue to write, from which files are taken."""
    with space_errors(f"repairing {layout.root}"), new_folder(layout) as folder:
        yield folder / "catalog"
