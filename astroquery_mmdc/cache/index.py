"""The index of a generation: derived files in memory maps, from which queries are answered.

In the folder of an index::

    keys.i64, vectors.f64, starts.i64             distinct positions, sorted by key
    catalog.i16, band.i16, flags.u8, date.f64     facets of each row
    rows-<order>-<pixel>.arrow                    the rows of a tile, uncompressed Arrow
    index.json                                    sizes, codes and tiles; written last

Nothing of it is needed to keep the data: a folder without ``index.json`` is built again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc._files import sync, write_atomic
from astroquery_mmdc.cache.files import link_or_copy, sync_folder
from astroquery_mmdc.cache.layout import ROW_SCHEMA, Tile
from astroquery_mmdc.cache.part import (
    Codes,
    Facets,
    Part,
    Positions,
    RowSource,
    facets_of,
    positions_of,
)

__all__ = ["IndexWriter", "is_complete", "open_index", "tile_offsets"]

_FORMAT = 1
_SUMMARY = "index.json"
_ARRAYS: dict[str, type[np.generic]] = {
    "keys.i64": np.int64,
    "vectors.f64": np.float64,
    "starts.i64": np.int64,
    "catalog.i16": np.int16,
    "band.i16": np.int16,
    "flags.u8": np.uint8,
    "date.f64": np.float64,
}


class IndexWriter:
    """Writes an index tile by tile, along the sky; a context manager.

    Parameters
    ----------
    folder : Path
        Where to; made anew.
    catalogs, bands : Codes
        Codes so far; new values are added.
    """

    def __init__(self, folder: Path, catalogs: Codes, bands: Codes) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self._catalogs, self._bands = catalogs, bands
        self._tiles: list[Tile] = []
        self._rows = 0
        self._streams: dict[str, BinaryIO] = {}
        self._pending: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mmdc-index")

    def __enter__(self) -> IndexWriter:
        self._streams = {name: (self._folder / name).open("wb") for name in _ARRAYS}
        return self

    def __exit__(self, *error: object) -> None:
        for stream in self._streams.values():
            stream.close()
        self._pool.shutdown()

    def add(self, tile: Tile, table: pa.Table) -> None:
        """Add a tile with its sorted rows in `STORE_SCHEMA`."""
        table = table.combine_chunks()
        self._write_rows(self._folder / tile.index_name, table.select(ROW_SCHEMA.names))
        self._append(tile, positions_of(table), facets_of(table, self._catalogs, self._bands))

    def keep(self, tile: Tile, part: Part, first_row: int, folder: Path) -> None:
        """Add a tile that has not changed, from the index it was in before."""
        link_or_copy(folder / tile.index_name, self._folder / tile.index_name)
        rows = slice(first_row, first_row + tile.rows)
        starts = part.positions.starts
        low, high = starts.searchsorted([rows.start, rows.stop]).tolist()
        positions = Positions(
            part.positions.keys[low:high],
            part.positions.vectors[low:high],
            starts[low : high + 1] - rows.start,
        )
        facets = part.facets
        self._append(
            tile,
            positions,
            Facets(facets.catalog[rows], facets.band[rows], facets.flags[rows], facets.date[rows]),
        )

    def _append(self, tile: Tile, positions: Positions, facets: Facets) -> None:
        arrays: tuple[NDArray[Any], ...] = (
            positions.keys,
            positions.vectors,
            positions.starts[:-1] + self._rows,
            facets.catalog,
            facets.band,
            facets.flags,
            facets.date,
        )
        for (name, kind), array in zip(_ARRAYS.items(), arrays, strict=True):
            self._streams[name].write(np.ascontiguousarray(array, dtype=kind).data)
        self._rows += tile.rows
        self._tiles.append(tile)

    def _write_rows(self, path: Path, table: pa.Table) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        # The next tile is made while this one goes to the disk.
        self._pending.append(self._pool.submit(sync, path))

    def finish(self) -> None:
        """Wait until everything is on the disk and make the index valid."""
        self._streams["starts.i64"].write(np.array([self._rows], dtype=np.int64).data)
        for stream in self._streams.values():
            stream.flush()
            os.fsync(stream.fileno())
        for pending in self._pending:
            pending.result()
        summary = {
            "format": _FORMAT,
            "rows": self._rows,
            "sizes": {name: (self._folder / name).stat().st_size for name in _ARRAYS},
            "catalogs": self._catalogs.values(),
            "bands": self._bands.values(),
            "tiles": [[tile.order, tile.pixel, tile.rows] for tile in self._tiles],
        }
        write_atomic(self._folder / _SUMMARY, json.dumps(summary))
        sync_folder(self._folder)


def is_complete(folder: Path) -> bool:
    """Return whether an index is there, whole, and of this format."""
    return _summary(folder) is not None


def _summary(folder: Path) -> dict[str, Any] | None:
    try:
        summary: dict[str, Any] = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in _ARRAYS}
    except (OSError, ValueError):
        return None
    whole = summary.get("format") == _FORMAT and summary.get("sizes") == sizes
    return summary if whole else None


def open_index(folder: Path) -> tuple[Part, tuple[Tile, ...]] | None:
    """Return what an index holds, in memory maps; None if it has to be built again."""
    summary = _summary(folder)
    if summary is None:
        return None
    tiles = tuple(Tile.of(*entry) for entry in summary["tiles"])
    arrays = [_mapped(folder / name, kind) for name, kind in _ARRAYS.items()]
    keys, vectors, starts, catalog, band, flags, date = arrays
    rows = RowSource([tile.rows for tile in tiles], _opener(folder, tiles))
    part = Part(
        Positions(keys, vectors.reshape(-1, 3), starts),
        Facets(catalog, band, flags, date),
        rows,
        Codes(summary["catalogs"]),
        Codes(summary["bands"]),
    )
    return part, tiles


def _mapped(path: Path, kind: type[np.generic]) -> NDArray[Any]:
    if not path.stat().st_size:
        return np.empty(0, dtype=kind)
    return np.asarray(np.memmap(path, dtype=kind, mode="r"))


def _opener(folder: Path, tiles: Sequence[Tile]) -> Callable[[int], pa.Table]:
    def open_tile(number: int) -> pa.Table:
        path = folder / tiles[number].index_name
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    return open_tile


def tile_offsets(tiles: Iterable[Tile]) -> NDArray[np.int64]:
    """Return the number of each tile's first row, and of the end."""
    return np.concatenate([[0], np.cumsum([tile.rows for tile in tiles], dtype=np.int64)])
