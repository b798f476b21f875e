"""Light curves on disk: one HDF5 file per source, or Parquet shards that HATS readers open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.storage.base import (
    DamagedDataError,
    LightCurveStore,
    Location,
    MissingDataError,
    Naming,
)

__all__ = [
    "DamagedDataError",
    "LightCurveStore",
    "Location",
    "MissingDataError",
    "Naming",
    "open_store",
]


def open_store(
    storage: str = "hdf5",
    root: str | Path | None = None,
    *,
    naming: Naming | None = None,
    **names: Any,
) -> LightCurveStore:
    """Return a store of light curves.

    Parameters
    ----------
    storage : {"hdf5", "parquet", "fits", "csv", "netcdf"}
        One HDF5 file per source and level, shards of many sources, or one file per light curve.
    root : path-like, optional
        The data root.
    naming : Naming, optional
        How files are called.
    **names
        Instead of it its fields: project, cfg_hash, prefix, suffix, ra_minutes, ra_seconds.

    Raises
    ------
    InvalidRequestError
        The kind of store is not known.
    """
    place = None if root is None else Path(root)
    naming = naming or Naming(**names)
    if storage == "hdf5":
        from astroquery_mmdc.retriever.storage.per_source import HDF5Store

        return HDF5Store(place, naming)
    if storage == "parquet":
        from astroquery_mmdc.retriever.storage.sharded import ParquetStore

        return ParquetStore(place, naming)
    from astroquery_mmdc.retriever.storage.single import FORMATS, SingleFileStore

    if storage in FORMATS:
        return SingleFileStore(storage, place, naming)
    msg = f"storage: {storage!r} is not known; choose from {['hdf5', 'parquet', *FORMATS]}"
    raise InvalidRequestError(msg, parameter="storage")
