"""Where things are in the folder of a store, and the columns of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from astroquery_mmdc.cache.healpix import ORDER, WHOLE_SKY
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA

__all__ = ["KEY", "MAX_KEY", "ROW_SCHEMA", "STORE_SCHEMA", "Layout", "Tile", "tiles_of"]

MAX_KEY = WHOLE_SKY[1]
"""One more than the largest key: the whole sky is [0, MAX_KEY)."""

KEY = "_healpix_29"
"""Column that a HATS catalogue is sorted by."""

_REPEATED = ("catalog", "filter_band")
_CODES = pa.dictionary(pa.int32(), pa.string())


def _row_field(field: pa.Field) -> pa.Field:
    if field.name in _REPEATED:
        return pa.field(field.name, _CODES, field.nullable)
    if pa.types.is_struct(field.type):
        return pa.field(field.name, pa.struct([(child.name, _CODES) for child in field.type]))
    return field


ROW_SCHEMA = pa.schema([_row_field(field) for field in OBSERVATION_SCHEMA])
"""Rows as queries return them: `OBSERVATION_SCHEMA` with strings that repeat dictionary-encoded."""

STORE_SCHEMA = ROW_SCHEMA.append(pa.field(KEY, pa.int64(), nullable=False))
"""Rows as tiles and deltas hold them."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One HEALPix cell of a generation.

    Parameters
    ----------
    low : int
        First key; tiles sort along the sky.
    order, pixel : int
        Cell, NESTED.
    rows : int
        Number of rows in it.
    """

    low: int
    order: int
    pixel: int
    rows: int = 0

    @classmethod
    def of(cls, order: int, pixel: int, rows: int = 0) -> Tile:
        """Return the tile of a cell."""
        return cls(pixel << 2 * (ORDER - order), order, pixel, rows)

    @property
    def high(self) -> int:
        """One more than the last key."""
        return (self.pixel + 1) << 2 * (ORDER - self.order)

    @property
    def path(self) -> str:
        """Path of its Parquet file inside the ``dataset`` folder of a HATS catalogue."""
        directory = self.pixel // 10_000 * 10_000
        return f"Norder={self.order}/Dir={directory}/Npix={self.pixel}.parquet"

    @property
    def index_name(self) -> str:
        """Name of its rows in the index."""
        return f"rows-{self.order}-{self.pixel}.arrow"


def tiles_of(paths: Iterable[str]) -> list[Tile]:
    """Return the tiles among the files of a generation, along the sky; their rows are not counted.

    Examples
    --------
    >>> tiles_of(["hats.properties", "dataset/Norder=1/Dir=0/Npix=7.parquet"])[0].pixel
    7
    """
    names = [path.split("/") for path in paths if path.endswith(".parquet")]
    cells = [(int(parts[-3][len("Norder=") :]), parts[-1]) for parts in names]
    tiles = [Tile.of(order, int(name[len("Npix=") : -len(".parquet")])) for order, name in cells]
    return sorted(tiles)


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of a store.

    Parameters
    ----------
    root : Path
        Folder of the store.
    """

    root: Path

    @property
    def manifest(self) -> Path:
        """The commit point."""
        return self.root / "manifest.sqlite"

    @property
    def lock(self) -> Path:
        """Held by whoever compacts, ingests or sweeps."""
        return self.root / ".maintenance.lock"

    @property
    def collection(self) -> Path:
        """Tells readers of HATS which generation is current."""
        return self.root / "collection.properties"

    @property
    def deltas(self) -> Path:
        """Folder with one file for each committed fetch."""
        return self.root / "delta"

    @property
    def indexes(self) -> Path:
        """Folder of what can be derived again."""
        return self.root / "index"

    def generation(self, name: str) -> Path:
        """Return the folder of a generation, a HATS catalogue."""
        return self.root / name

    def tile(self, name: str, tile: Tile) -> Path:
        """Return the Parquet file of a tile."""
        return self.root / name / "dataset" / tile.path

    def index(self, name: str) -> Path:
        """Return the folder of a generation's index."""
        return self.indexes / name

    @staticmethod
    def generation_name(number: int) -> str:
        """Return the name of a generation's folder."""
        return f"generation-{number:06d}"
