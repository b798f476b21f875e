"""Shards as a HATS catalogue: the files that describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.storage.base import disk_errors

__all__ = ["describe_catalog"]


def describe_catalog(folder: Path, name: str) -> None:
    """Write the properties, the partitions and the common schema of a folder of shards.

    Parameters
    ----------
    folder : Path
        The catalogue; its shards are in ``dataset/Norder=*/Dir=*/Npix=*/``.
    name : str
        Its name.

    Raises
    ------
    CacheError
        There are no shards.
    """
    tiles: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("dataset/Norder=0/Dir=0/Npix=*/*.parquet")):
        tiles.setdefault(int(path.parent.name.removeprefix("Npix=")), []).append(path)
    if not tiles:
        msg = f"{folder} has no light curves; run the project first"
        raise CacheError(msg)
    metadata = [pq.read_metadata(path) for paths in tiles.values() for path in paths]
    schemas = [part.schema.to_arrow_schema() for part in metadata]
    with disk_errors(folder):
        whole = pa.unify_schemas(schemas, promote_options="permissive")
        pq.write_metadata(whole, folder / "dataset" / "_common_metadata")
        lines = ["Norder,Npix", *(f"0,{tile}" for tile in sorted(tiles))]
        write_atomic(folder / "partition_info.csv", "\n".join(lines) + "\n")
        write_atomic(folder / "hats.properties", _properties(name, tiles, metadata))


def _properties(name: str, tiles: dict[int, list[Path]], metadata: list[pq.FileMetaData]) -> str:
    size = sum(path.stat().st_size for paths in tiles.values() for path in paths)
    facts: dict[str, Any] = {
        "obs_collection": name,
        "dataproduct_type": "object",
        "hats_nrows": sum(part.num_rows for part in metadata),
        "hats_col_ra": "ra",
        "hats_col_dec": "dec",
        "hats_col_healpix": "_healpix_29",
        "hats_col_healpix_order": 29,
        # A tile is a folder of shards, so that a batch adds files and changes none.
        "hats_npix_suffix": "/",
        "hats_order": 0,
        "moc_sky_fraction": f"{len(tiles) / 12:.6g}",
        "hats_estsize": size // 1024,
        "hats_builder": "astroquery_mmdc",
        "hats_frame": "icrs",
    }
    return "".join(f"{key}={value}\n" for key, value in facts.items())
