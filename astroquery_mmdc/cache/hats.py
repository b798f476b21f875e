"""Writing a generation: a HATS catalogue, tile by tile along the sky."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from astroquery_mmdc._files import sync, write_atomic
from astroquery_mmdc.cache.files import checksum, link_or_copy, sync_folder
from astroquery_mmdc.cache.layout import KEY, STORE_SCHEMA, Tile
from astroquery_mmdc.cache.manifest import FileRecord
from astroquery_mmdc.cache.row_groups import SUMS, digests, read_sums, sums_text
from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.columns import REFERENCE_FIELDS

__all__ = ["CODED", "CatalogWriter", "decoded", "read_tile", "write_collection", "write_rows"]

NAME = "observations"
ROW_GROUP = 8192
"""Rows of a row group: small cones read little, and it costs a few percent of space."""

CODED = ["catalog", "filter_band", *(f"reference.{name}" for name in REFERENCE_FIELDS)]
"""Paths of the columns that are read as codes, which is several times faster."""

_FILE_SCHEMA = OBSERVATION_SCHEMA.append(STORE_SCHEMA.field(KEY))
# Neighbours have exponents in common; keys and identifiers rise slowly inside a tile.
_ENCODING = {
    **dict.fromkeys(("id", "sky_identifier", KEY), "DELTA_BINARY_PACKED"),
    **dict.fromkeys(("ra", "dec", "flux", "flux_err", "mjd_mid"), "BYTE_STREAM_SPLIT"),
}
# Nobody skips rows by the limits of other columns, and they cost a tenth of the time to write.
_STATISTICS = [
    *(field.name for field in _FILE_SCHEMA if pa.types.is_primitive(field.type)),
    "catalog",
    "filter_band",
]


def write_rows(path: Path, table: pa.Table) -> None:
    """Write sorted rows as Parquet and wait until they are on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        path,
        row_group_size=ROW_GROUP,
        # With these encodings as small as zstd at its lowest level makes it, in half the time.
        compression="lz4",
        use_dictionary=CODED,
        column_encoding=_ENCODING,
        write_statistics=_STATISTICS,
        # Others shall read texts, not codes, which few readers know inside of a struct.
        store_schema=False,
    )
    sync(path)


def read_tile(path: Path, expected: str | None) -> pa.Table:
    """Read a Parquet file of rows.

    Parameters
    ----------
    path : Path
        The file.
    expected : str or None
        Its checksum, None if there is none.

    Raises
    ------
    CacheError
        The file is damaged.
    """
    # A flipped bit can look like other values: Parquet alone would not notice.
    if expected is not None and checksum(path) != expected:
        msg = f"{path} is damaged; run verify(repair=True), or clear() and fetch again"
        raise CacheError(msg)
    return decoded(path, path)


def decoded(
    source: Any,
    name: object,
    *,
    metadata: pq.FileMetaData | None = None,
    group: int | None = None,
) -> pa.Table:
    """Return the rows of Parquet in `STORE_SCHEMA`.

    Parameters
    ----------
    source : path or file
        What `pyarrow.parquet.ParquetFile` reads.
    name : object
        Its name, for messages.
    metadata : FileMetaData, optional
        Where row groups are, if not as the file itself says.
    group : int, optional
        Number of the only row group to read.
    """
    try:
        with pq.ParquetFile(source, metadata=metadata, read_dictionary=CODED) as opened:
            # Codes inside a struct can be read from one row group at a time only.
            numbers = range(opened.num_row_groups) if group is None else (group,)
            groups = [opened.read_row_group(number) for number in numbers]
        tables = [table.cast(STORE_SCHEMA) for table in groups]
        return pa.concat_tables(tables) if tables else STORE_SCHEMA.empty_table()
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as err:
        msg = f"{name} is damaged ({err}); run verify(repair=True), or clear() and fetch again"
        raise CacheError(msg) from err


class CatalogWriter:
    """Writes a HATS catalogue.

    Parameters
    ----------
    folder : Path
        The catalogue; must not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dataset = folder / "dataset"
        self._dataset.mkdir(parents=True)
        self._tiles: list[Tile] = []
        self._metadata: list[pq.FileMetaData] = []
        self._records: list[FileRecord] = []
        self._sums: list[list[str]] = []
        self._kept: dict[Path, dict[tuple[int, int], list[str]]] = {}

    def add(self, tile: Tile, table: pa.Table) -> None:
        """Write a tile."""
        path = self._dataset / tile.path
        write_rows(path, table)
        self._records.append(FileRecord(f"dataset/{tile.path}", checksum(path)))
        metadata = pq.read_metadata(path)
        self._enter(tile, metadata, digests(path, metadata))

    def keep(self, tile: Tile, folder: Path, known: str | None) -> None:
        """Take over a tile that has not changed from another catalogue, with its checksum."""
        path = self._dataset / tile.path
        link_or_copy(folder / "dataset" / tile.path, path)
        self._records.append(FileRecord(f"dataset/{tile.path}", known or checksum(path)))
        metadata = pq.read_metadata(path)
        sums = self._sums_in(folder).get((tile.order, tile.pixel), [])
        same = len(sums) == metadata.num_row_groups
        self._enter(tile, metadata, sums if same else digests(path, metadata))

    def _sums_in(self, folder: Path) -> dict[tuple[int, int], list[str]]:
        """Return the checksums of row groups that another catalogue names, if it does."""
        if folder not in self._kept:
            found = self._kept[folder] = {}
            path = folder / SUMS
            for order, pixel, digest in read_sums(path.read_bytes()) if path.is_file() else ():
                found.setdefault((order, pixel), []).append(digest)
        return self._kept[folder]

    def _enter(self, tile: Tile, metadata: pq.FileMetaData, sums: list[str]) -> None:
        metadata.set_file_path(tile.path)
        self._tiles.append(tile)
        self._metadata.append(metadata)
        self._sums.append(sums)

    def finish(self) -> list[FileRecord]:
        """Write what describes the tiles; return every file with its checksum."""
        self._write_metadata()
        self._write_partitions()
        self._write_properties()
        sums = zip(self._tiles, self._sums, strict=True)
        write_atomic(self._folder / SUMS, sums_text(sums))
        described = ["dataset/_metadata", "dataset/_common_metadata", "partition_info.csv"]
        for name in [*described, "hats.properties", SUMS]:
            sync(self._folder / name)
            self._records.append(FileRecord(name, checksum(self._folder / name)))
        for folder in {(self._dataset / tile.path).parent for tile in self._tiles}:
            sync_folder(folder)
            sync_folder(folder.parent)
        for folder in (self._dataset, self._folder, self._folder.parent):
            sync_folder(folder)
        return self._records

    def _write_metadata(self) -> None:
        pq.write_metadata(_FILE_SCHEMA, self._dataset / "_common_metadata")
        if self._metadata:
            # A writer makes them alike: the schema of the first is that of all.
            whole = self._metadata[0]
            for part in self._metadata[1:]:
                whole.append_row_groups(part)
            whole.write_metadata_file(self._dataset / "_metadata")
        else:
            pq.write_metadata(_FILE_SCHEMA, self._dataset / "_metadata")

    def _write_partitions(self) -> None:
        lines = ["Norder,Npix", *(f"{tile.order},{tile.pixel}" for tile in self._tiles)]
        write_atomic(self._folder / "partition_info.csv", "\n".join(lines) + "\n")

    def _write_properties(self) -> None:
        rows = sum(tile.rows for tile in self._tiles)
        size = sum((self._dataset / tile.path).stat().st_size for tile in self._tiles)
        order = max((tile.order for tile in self._tiles), default=0)
        facts: dict[str, Any] = {
            "obs_collection": NAME,
            "dataproduct_type": "object",
            "hats_nrows": rows,
            "hats_col_ra": "ra",
            "hats_col_dec": "dec",
            "hats_col_healpix": KEY,
            "hats_col_healpix_order": 29,
            "hats_npix_suffix": ".parquet",
            "hats_order": order,
            "hats_max_rows": max((tile.rows for tile in self._tiles), default=0),
            "moc_sky_fraction": f"{_sky_fraction(self._tiles):.6g}",
            "hats_estsize": size // 1024,
            "hats_builder": "astroquery_mmdc",
            "hats_frame": "icrs",
        }
        write_atomic(self._folder / "hats.properties", properties(facts))


def _sky_fraction(tiles: Iterable[Tile]) -> float:
    return float(np.sum([1 / (12 * 4**tile.order) for tile in tiles]))


def properties(facts: dict[str, Any]) -> str:
    """Return a file of properties."""
    return "".join(f"{name}={value}\n" for name, value in facts.items())


def write_collection(path: Path, generation: str) -> None:
    """Tell readers of HATS which generation is current."""
    facts = {
        "obs_collection": NAME,
        "hats_primary_table_url": generation,
        "hats_builder": "astroquery_mmdc",
    }
    write_atomic(path, properties(facts))
    sync_folder(path.parent)
