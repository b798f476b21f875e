"""Light curves in formats that hold one table per file: FITS, CSV and netCDF."""

from __future__ import annotations

import fnmatch
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.retriever.arrays import structured
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.paths import escape, file_key, legalise, safe_mkdir
from astroquery_mmdc.retriever.storage.base import (
    DamagedDataError,
    LightCurveStore,
    Location,
    MissingDataError,
    Naming,
    disk_errors,
    same_file,
)
from astroquery_mmdc.retriever.storage.packing import (
    describe,
    metadata,
    pack,
    rebuild,
    record,
    types_of,
    unpack,
)

__all__ = ["FORMATS", "SingleFileStore", "format_of"]

_MARK = "# lightcurve: "


def _facts(lightcurve: LightCurve) -> dict[str, str]:
    return {
        "lightcurve": json.dumps(record(lightcurve)),
        "altdata": metadata(lightcurve),
        "dtype": describe(lightcurve.data.dtype),
    }


def _restored(data: np.ndarray, facts: dict[str, str], path: Path) -> LightCurve:
    """Return the light curve with the facts of its file, or a stranger's table as it is."""
    if "lightcurve" not in facts:
        return LightCurve(data, path.stem, "UNKNOWN")
    return rebuild(data, facts["lightcurve"], facts["altdata"])


def _write_fits(path: Path, lightcurve: LightCurve) -> None:
    from astropy.io import fits

    packed, described = pack(lightcurve.data)
    facts = {**_facts(lightcurve), "dtype": described}
    text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    # A header's line is short: JSON of any length goes into an image of bytes.
    parts = [fits.PrimaryHDU(), fits.BinTableHDU(packed, name="LIGHTCURVE")]
    content = io.BytesIO()
    fits.HDUList([*parts, fits.ImageHDU(text, name="FACTS")]).writeto(content)
    path.write_bytes(content.getvalue())


def _read_fits(path: Path) -> LightCurve:
    from astropy.io import fits

    # From memory: of a damaged file the reader leaves the handle open.
    with fits.open(io.BytesIO(path.read_bytes())) as file:
        if "FACTS" not in file:
            from astropy.table import Table

            table = next(part for part in file if isinstance(part, fits.BinTableHDU))
            return _restored(structured(Table.read(table)), {}, path)
        facts = json.loads(file["FACTS"].data.tobytes())
        table = file["LIGHTCURVE"].data
        raw = np.asarray(table)
        packed = np.zeros(len(raw), dtype=types_of(facts["dtype"])[1])
        for name in packed.dtype.names or ():
            # Texts as they are stored: FITS itself knows ASCII only.
            packed[name] = raw[name] if packed.dtype[name].kind == "S" else table[name]
    return _restored(unpack(packed, facts["dtype"]), facts, path)


def _write_csv(path: Path, lightcurve: LightCurve) -> None:
    from astropy.table import Table

    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_MARK + json.dumps(_facts(lightcurve)) + "\n")
        if lightcurve.colnames:
            table = Table(lightcurve.data, copy=False)
            table.write(file, format="ascii.csv")


def _read_csv(path: Path) -> LightCurve:
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        start = file.readline()
        facts = json.loads(start.removeprefix(_MARK)) if start.startswith(_MARK) else {}
        if not facts:
            file.seek(0)
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    own = np.dtype([(n, k) for n, k, *_ in json.loads(facts["dtype"])]) if facts else None
    names, values = (rows[0], rows[1:]) if rows else ([], [])
    if any(len(row) != len(names) for row in values):
        msg = "its rows differ in length"
        raise ValueError(msg)
    columns = {name: [row[at] for row in values] for at, name in enumerate(names)}
    if own is None:
        guessed = {name: _guessed(column) for name, column in columns.items()}
        return _restored(structured(guessed), {}, path)
    data = np.zeros(len(values), dtype=own)
    for name, column in columns.items():
        data[name] = _typed(column, own[name])
    return _restored(data, facts, path)


def _guessed(column: list[str]) -> np.ndarray:
    for kind in (int, float):
        try:
            return np.array([kind(text) if text or kind is int else "nan" for text in column], kind)
        except ValueError:
            continue
    return np.array(column, dtype=str)


def _typed(column: list[str], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return np.array([text == "True" for text in column], dtype=bool)
    return np.array(column, dtype=str).astype(dtype)


def _write_netcdf(path: Path, lightcurve: LightCurve) -> None:
    import h5netcdf

    packed, described = pack(lightcurve.data)
    content = io.BytesIO()
    # In memory: where a disk is full, HDF5 cannot close its file and takes us along.
    with h5netcdf.File(content, "w") as file:
        file.attrs.update({**_facts(lightcurve), "dtype": described})
        file.dimensions = {"epoch": len(packed)}
        for name in packed.dtype.names or ():
            column = _plain_column(packed[name])
            file.create_variable(name, ("epoch",), data=column, dtype=_netcdf_type(column))
    path.write_bytes(content.getvalue())


def _netcdf_type(column: np.ndarray) -> Any:
    import h5py

    return h5py.string_dtype() if column.dtype.kind == "O" else column.dtype


def _plain_column(column: np.ndarray) -> np.ndarray:
    # netCDF has neither booleans nor texts of a fixed length that every reader knows.
    kind = column.dtype.kind
    if kind == "S":
        return np.char.decode(column, "utf-8").astype(object)
    return column.astype("i1") if kind == "b" else np.ascontiguousarray(column)


def _read_netcdf(path: Path) -> LightCurve:
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as opened:
        dataset = opened.load()
    columns = {str(name): dataset[name].to_numpy() for name in dataset.variables}
    facts = {str(name): str(value) for name, value in dataset.attrs.items()}
    if "dtype" not in facts:
        return _restored(structured(columns), {}, path)
    data = np.zeros(dataset.sizes.get("epoch", 0), dtype=types_of(facts["dtype"])[0])
    for name, column in columns.items():
        dated = data.dtype[name].kind in "mM"
        data[name] = column.astype("i8").view(data.dtype[name]) if dated else column
    return _restored(data, facts, path)


@dataclass(frozen=True, slots=True)
class _Format:
    endings: tuple[str, ...]
    write: Callable[[Path, LightCurve], None]
    read: Callable[[Path], LightCurve]


FORMATS = {
    "fits": _Format((".fits", ".fit"), _write_fits, _read_fits),
    "csv": _Format((".csv", ".txt"), _write_csv, _read_csv),
    "netcdf": _Format((".nc",), _write_netcdf, _read_netcdf),
}
"""What is known of each format: its endings, how to write and how to read it."""


def format_of(filename: str) -> str:
    """Return the format that the ending of a file name stands for; HDF5 if for none.

    Examples
    --------
    >>> format_of("a.fits"), format_of("b.h5")
    ('fits', 'hdf5')
    """
    ending = Path(filename).suffix.lower()
    if ending == ".parquet":
        return "parquet"
    return next((name for name, known in FORMATS.items() if ending in known.endings), "hdf5")


class SingleFileStore(LightCurveStore):
    """Light curves in a file each.

    Parameters
    ----------
    kind : {"fits", "csv", "netcdf"}
        The format.
    root : Path, optional
        The data root.
    naming : Naming, optional
        How files are called.
    """

    def __init__(self, kind: str, root: Path | None = None, naming: Naming | None = None) -> None:
        super().__init__(root, naming)
        self.format = kind
        self._kind = FORMATS[kind]

    def write(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write light curves: see `LightCurveStore.write`."""
        if not lightcurves:
            return []
        first = same_file(lightcurves)
        for place in self.find(first.source, first.observatory, first.level, ra=ra, dec=dec):
            self.delete(place)
        return self.add(lightcurves, ra=ra, dec=dec)

    def add(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write light curves and keep the others: see `LightCurveStore.add`."""
        return [self._write(lightcurve, ra) for lightcurve in lightcurves]

    def _write(self, lightcurve: LightCurve, ra: float) -> Location:
        folder = self.naming.folder(lightcurve.observatory, lightcurve.level)
        key = file_key(lightcurve, self.naming.prefix, self.naming.suffix)
        name = f"{legalise(lightcurve.observatory)}_{key}{self._kind.endings[0]}"
        filename = f"{self.naming.ra_folder(ra)}/{name}"
        path = self.root / folder / filename
        safe_mkdir(path.parent, self.root)
        with disk_errors(path), atomic_path(path) as temporary:
            self._kind.write(temporary, lightcurve)
        return Location(folder, filename, key, self.format, lightcurve.data.nbytes)

    def read(self, location: Location) -> LightCurve:
        """Return a light curve: see `LightCurveStore.read`."""
        path = location.path(self.root)
        if not path.is_file():
            msg = f"{path} is missing; fetch or reduce the source again"
            raise MissingDataError(msg)
        try:
            return self._kind.read(path)
        except Exception as err:  # whatever a reader makes of bytes that mean nothing
            msg = f"{path} is damaged or no {self.format} ({err}); delete it, and run again"
            raise DamagedDataError(msg) from err

    def find(
        self, source: str, observatory: str, level: str, *, ra: float, dec: float
    ) -> list[Location]:
        """Return what is on disk for a source: see `LightCurveStore.find`."""
        key = f"{self.naming.prefix}photometry_{escape(source)}{self.naming.suffix}"
        word = {"raw": "", "reduced": "_reduction_"}.get(level, "_processed_")
        return [
            place
            for place in self._all(observatory, level, str(self.naming.ra_folder(ra)))
            if (place.filekey.startswith(key + word) if word else place.filekey == key)
        ]

    def scan(
        self, observatory: str, level: str = "raw", pattern: str | None = None
    ) -> Iterator[Location]:
        """Go through all light curves on disk: see `LightCurveStore.scan`."""
        for place in self._all(observatory, level):
            if pattern is None or fnmatch.fnmatch(place.filename, pattern):
                yield place

    def _all(self, observatory: str, level: str, where: str = "**") -> Iterator[Location]:
        folder = self.naming.folder(observatory, level)
        base, head = self.root / folder, f"{legalise(observatory)}_"
        for path in sorted(base.glob(f"{where}/{head}*photometry_*{self._kind.endings[0]}")):
            key = path.name.removeprefix(head).removesuffix(self._kind.endings[0])
            if _level_of(key) == level:
                yield Location(folder, path.relative_to(base).as_posix(), key, self.format)

    def delete(self, location: Location) -> None:
        """Remove a light curve: see `LightCurveStore.delete`."""
        location.path(self.root).unlink(missing_ok=True)

    def flush(self) -> None:
        """Return at once: every file was waited for when it was written."""

    def discard(self) -> None:
        """Return at once: there is nothing that is not on the disk."""


def _level_of(key: str) -> str:
    marks: dict[str, Any] = {"_simulated_": "simulated", "_processed_": "processed"}
    marks["_reduction_"] = "reduced"
    return next((level for mark, level in marks.items() if mark in key), "raw")
