"""A shard: many light curves as rows of one Parquet file, their values nested in a column.

The columns are those of `FIXED`, and ``lightcurve``, a struct of lists, one value per epoch. A
light curve that lacks a column of its shard has blanks in there; ``dtype`` says what it really has.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage.base import DamagedDataError, MissingDataError
from astroquery_mmdc.retriever.storage.packing import describe, metadata, types_of

__all__ = ["FIXED", "NESTED", "Entry", "Shard", "columns_together", "write_shard"]

NESTED = "lightcurve"

FIXED = pa.schema(
    [
        ("source", pa.string()),
        ("ra", pa.float64()),
        ("dec", pa.float64()),
        ("_healpix_29", pa.int64()),
        ("observatory", pa.string()),
        ("level", pa.string()),
        ("series", pa.int32()),
        ("total", pa.int32()),
        ("simulation", pa.int32()),
        ("simulations", pa.int32()),
        ("epochs", pa.int32()),
        ("filekey", pa.string()),
        ("dtype", pa.string()),
        ("altdata", pa.string()),
    ]
)

_IDENTITY = ("source", "observatory", "level", "series", "total", "simulation", "simulations")

Columns = dict[str, np.dtype]


@dataclass(frozen=True, slots=True)
class Entry:
    """A light curve on its way into a shard."""

    lightcurve: LightCurve
    filekey: str
    ra: float
    dec: float
    healpix: int


def columns_together(columns: Columns, lightcurve: LightCurve) -> Columns | None:
    """Return the columns of a shard with those of one more light curve.

    Parameters
    ----------
    columns : dict of numpy.dtype
        By name, those of the shard.
    lightcurve : LightCurve
        What shall be added.

    Returns
    -------
    dict or None
        None if a column of the same name holds something else: it belongs into another shard.
    """
    together = dict(columns)
    for name in lightcurve.colnames:
        own = lightcurve.data.dtype[name]
        there = together.get(name, own)
        if there != own:
            numbers = {there.kind, own.kind} <= set("iuf")
            if there.shape or own.shape or not (numbers or there.kind == own.kind):
                return None
            there = np.promote_types(there, own)
        together[name] = there
    return together


def write_shard(path: Path, entries: Sequence[Entry], columns: Columns) -> None:
    """Write light curves as a new file.

    Parameters
    ----------
    path : Path
        The file.
    entries : sequence of Entry
        The light curves; they are sorted along the sky.
    columns : dict of numpy.dtype
        What `columns_together` says of all of them.
    """
    ordered = sorted(entries, key=lambda entry: entry.healpix)
    table = _table(ordered, columns)
    texts = [name for name in ("observatory", "level", "dtype") if name in table.column_names]
    texts += [f"{NESTED}.{name}.list.element" for name, kind in columns.items() if kind.kind == "U"]
    numbers = [
        f"{NESTED}.{name}.list.element"
        for name, kind in columns.items()
        if kind in (np.dtype("f4"), np.dtype("f8"))
    ]
    pq.write_table(
        table,
        path,
        row_group_size=4096,
        compression="lz4",  # zstd makes it a twentieth smaller and takes a sixth longer
        use_dictionary=texts,
        # Neighbouring values have their exponents in common.
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        write_statistics=["_healpix_29"],
        store_schema=False,
    )


def _table(entries: Sequence[Entry], columns: Columns) -> pa.Table:
    fixed: dict[str, Any] = {
        name: [getattr(entry.lightcurve, name) for entry in entries] for name in _IDENTITY
    }
    fixed |= {
        "ra": [entry.ra for entry in entries],
        "dec": [entry.dec for entry in entries],
        "_healpix_29": [entry.healpix for entry in entries],
        "epochs": [len(entry.lightcurve) for entry in entries],
        "filekey": [entry.filekey for entry in entries],
        "dtype": [describe(entry.lightcurve.data.dtype) for entry in entries],
        "altdata": [metadata(entry.lightcurve) for entry in entries],
    }
    arrays = [pa.array(fixed[field.name], field.type) for field in FIXED]
    fields = list(FIXED)
    if columns:
        nested = _nested([entry.lightcurve.data for entry in entries], columns)
        arrays.append(nested)
        fields.append(pa.field(NESTED, nested.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _nested(tables: Sequence[np.ndarray], columns: Columns) -> pa.StructArray:
    offsets = np.concatenate([[0], np.cumsum([len(data) for data in tables])]).astype(np.int32)
    lists = [
        pa.ListArray.from_arrays(offsets, _values([_column(data, name, kind) for data in tables]))
        for name, kind in columns.items()
    ]
    return pa.StructArray.from_arrays(lists, names=list(columns))


def _column(data: np.ndarray, name: str, kind: np.dtype) -> np.ndarray:
    if data.dtype.names and name in data.dtype.names:
        return data[name]
    blank: Any = np.nan if kind.base.kind == "f" else np.zeros((), kind.base)
    return np.full((len(data), *kind.shape), blank, dtype=kind.base)


def _values(parts: Sequence[np.ndarray]) -> pa.Array:
    values = np.concatenate(parts)
    if values.dtype.kind in "mM":
        values = values.view("i8")
    if values.ndim > 1:
        width = int(np.prod(values.shape[1:]))
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)
    if values.dtype.kind == "U" and len(values) and (values == values[0]).all():
        # As the filters of a survey often are: one text and many references to it.
        codes = pa.array(np.zeros(len(values), np.int32))
        return pa.DictionaryArray.from_arrays(codes, pa.array([str(values[0])])).cast(pa.string())
    return pa.array(values)


class Shard:
    """A shard that was read.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    MissingDataError, DamagedDataError
        It is not there, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            table = pq.read_table(path, partitioning=None, memory_map=False)
            self._table = table.combine_chunks()
            self._facts = {name: self._table[name].to_pylist() for name in FIXED.names}
            keys = self._facts["filekey"]
        except FileNotFoundError as err:
            msg = f"{path} is missing; fetch or reduce its sources again"
            raise MissingDataError(msg) from err
        except (OSError, KeyError, pa.ArrowException) as err:
            msg = f"{path} is damaged or no shard ({err}); delete it, and run again"
            raise DamagedDataError(msg) from err
        self.rows: dict[str, int] = {key: row for row, key in enumerate(keys)}
        self._offsets, self._values = self._unnested()
        self.nbytes: int = self._table.nbytes

    def _unnested(self) -> tuple[np.ndarray, dict[str, Any]]:
        if NESTED not in self._table.column_names:
            return np.zeros(len(self._table) + 1, dtype=np.int64), {}
        chunks = self._table[NESTED]
        nested = chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)
        names = [field.name for field in nested.type]
        lists = {name: nested.field(name) for name in names}
        offsets = next(iter(lists.values())).offsets.to_numpy()
        return offsets, {name: values.values for name, values in lists.items()}

    def __len__(self) -> int:
        return len(self._table)

    def fact(self, name: str, row: int) -> Any:
        """Return the value of a column of `FIXED`."""
        return self._facts[name][row]

    def read(self, filekey: str) -> LightCurve:
        """Return a light curve.

        Raises
        ------
        MissingDataError, DamagedDataError
            It is not in there, or cannot be read.
        """
        row = self.rows.get(filekey)
        if row is None:
            msg = f"{self._path} has no {filekey!r}; fetch or reduce the source again"
            raise MissingDataError(msg)
        try:
            identity = {name: self.fact(name, row) for name in _IDENTITY}
            meta = json.loads(self.fact("altdata", row))
            return LightCurve(self._data(row), meta=meta, **identity)
        except (ValueError, KeyError, pa.ArrowException) as err:
            msg = f"{self._path}: {filekey!r} is damaged ({err}); delete the file, and run again"
            raise DamagedDataError(msg) from err

    def _data(self, row: int) -> np.ndarray:
        own, _ = types_of(self.fact("dtype", row))
        start, stop = int(self._offsets[row]), int(self._offsets[row + 1])
        data = np.empty(stop - start if own.names else 0, dtype=own)
        for name in own.names or ():
            part = self._values[name].slice(start, stop - start)
            shape = data[name].shape
            if len(shape) > 1:
                part = part.flatten()
            values = part.to_numpy(zero_copy_only=False)
            dated = own[name].kind in "mM"
            data[name] = values.view(own[name]) if dated else values.reshape(shape)
        return data

    def entries(self) -> list[Entry]:
        """Return all light curves, to be written again."""
        return [
            Entry(self.read(key), key, self.fact("ra", row), self.fact("dec", row), cell)
            for key, row in self.rows.items()
            for cell in [self.fact("_healpix_29", row)]
        ]
