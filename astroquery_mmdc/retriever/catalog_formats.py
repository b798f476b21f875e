"""Catalogue files of any format as astropy tables, read so that large ones stay on the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["as_table", "degrees", "read_catalog", "write_catalog"]

_FITS = (".fits", ".fit", ".fts")
_HDF5 = (".h5", ".hdf5", ".hdf")
_PARQUET = (".parquet", ".parq", ".pq")


def read_catalog(path: Path, *, text: tuple[str, ...] = ()) -> Table:
    """Read a catalogue.

    Parameters
    ----------
    path : path-like
        CSV, FITS, HDF5, Parquet, or anything that astropy recognises.
    text : tuple of str
        Columns that hold texts even where they look like numbers: names such as ``"0042"``.

    Returns
    -------
    `~astropy.table.Table`
        Columns of a FITS file are read when they are used.

    Raises
    ------
    InvalidRequestError
        The file holds no table, or is damaged.
    """
    ending = path.suffix.lower()
    readers: list[tuple[tuple[str, ...], Callable[[Path, tuple[str, ...]], Table]]] = [
        ((".csv",), _read_csv),
        (_FITS, _read_fits),
        (_HDF5, _read_hdf5),
        (_PARQUET, _read_parquet),
    ]
    read = next((reader for endings, reader in readers if ending in endings), _read_any)
    try:
        return read(path, text)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, KeyError, IndexError) as err:
        msg = f"filename: {path} cannot be read as a catalogue ({err}); is it complete?"
        raise InvalidRequestError(msg, parameter="filename") from err


def _read_csv(path: Path, text: tuple[str, ...]) -> Table:
    import pyarrow as pa
    from pyarrow import csv

    with path.open("rb") as file:
        has_comments = file.read(1) == b"#"
    if has_comments:
        return _read_any(path, text)
    types = dict.fromkeys(text, pa.string())
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    return _from_arrow(csv.read_csv(path, convert_options=options))


def _read_parquet(path: Path, text: tuple[str, ...]) -> Table:
    from pyarrow import parquet

    return _from_arrow(parquet.read_table(path))


def _from_arrow(table: Any) -> Table:
    from astropy.table import Table

    columns = {}
    for name in table.column_names:
        values = table.column(name).to_numpy()
        if values.dtype == object:
            values = np.array(["" if item is None else str(item) for item in values], dtype=str)
        columns[name] = values
    return Table(columns, copy=False)


def _read_fits(path: Path, text: tuple[str, ...]) -> Table:
    from astropy.io import fits
    from astropy.table import Table

    # The file stays open behind the map: closing it is left to the last column that uses it.
    with fits.open(path, memmap=True) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            msg = "it has no table extension"
            raise ValueError(msg)
        data, columns = tables[0].data, tables[0].columns
        table = Table({column.name: data[column.name] for column in columns}, copy=False)
        for column in columns:
            if column.unit:
                _set_unit(table, column.name, column.unit)
    return table


def _set_unit(table: Table, name: str, unit: str) -> None:
    from astropy import units as u

    # Units such as '"h:m:s"' mean something to people only.
    table[name].unit = u.Unit(unit.strip().strip('"'), parse_strict="silent")


def _read_hdf5(path: Path, text: tuple[str, ...]) -> Table:
    import h5py
    from astropy.table import Table

    with h5py.File(path, "r") as file:
        found: list[Any] = []
        file.visititems(
            lambda _, item: (
                found.append(item)
                if isinstance(item, h5py.Dataset) and item.dtype.names is not None
                else None
            )
        )
        if found:
            return Table(found[0][()])
        columns = _equal_columns(file)
    if columns:
        return Table(columns)
    msg = "it has neither a dataset of records nor datasets of one length; write it as Parquet"
    raise ValueError(msg)


def _equal_columns(file: Any) -> dict[str, Any]:
    """Return the datasets of a file that has one for each column."""
    sets = {name: item[()] for name, item in file.items() if getattr(item, "ndim", 0) == 1}
    return sets if len({len(values) for values in sets.values()}) == 1 else {}


def _read_any(path: Path, text: tuple[str, ...]) -> Table:
    from astropy.table import Table

    if path.suffix.lower() == ".csv":
        return Table.read(path, format="ascii.csv", comment="#")
    return Table.read(path)


def as_table(data: Any) -> Table:
    """Return a table, DataFrame or mapping of columns as an astropy table."""
    from astropy.table import Table

    if isinstance(data, Table):
        return data
    if hasattr(data, "iloc"):
        return Table.from_pandas(data)
    if isinstance(data, Mapping) or (isinstance(data, np.ndarray) and data.dtype.names):
        return Table(data)
    msg = f"data: {type(data).__name__} is no table; give a Table, DataFrame or dict of columns"
    raise InvalidRequestError(msg, parameter="data")


def degrees(column: Any, *, is_hours: bool = False) -> np.ndarray:
    """Return a column of angles as degrees in the machine's byte order.

    Parameters
    ----------
    column : Column, Quantity or array
        Numbers in their own unit, degrees if they have none, or sexagesimal texts.
    is_hours : bool
        Whether texts are hours.
    """
    from astropy import units as u
    from astropy.coordinates import Angle

    values = (
        np.asarray(getattr(column, "filled", lambda _: column)(np.nan))
        if _has_gaps(column)
        else column
    )
    array = np.asarray(getattr(values, "value", values))
    if array.dtype.kind in "OSU":
        texts = np.char.strip(np.asarray(array).astype(str))
        return np.asarray(Angle(texts, unit=u.hourangle if is_hours else u.deg).deg)
    unit = getattr(column, "unit", None)
    factor = unit.to(u.deg) if unit is not None and unit.is_equivalent(u.deg) else 1.0
    native = array.astype(np.float64)
    return native if factor == 1.0 else native * factor


def _has_gaps(column: Any) -> bool:
    return bool(np.any(getattr(column, "mask", False))) and column.dtype.kind == "f"


def write_catalog(table: Any, path: Path) -> None:
    """Write a catalogue as CSV, FITS or HDF5, completely or not at all."""
    from astropy.table import Table

    from astroquery_mmdc._files import atomic_path

    with atomic_path(path) as temporary:
        if path.suffix.lower() in _HDF5:
            _write_hdf5(Table(table), temporary)
        else:
            Table(table).write(temporary)


def _write_hdf5(table: Table, path: Path) -> None:
    import h5py

    table.convert_unicode_to_bytestring()
    with h5py.File(path, "w") as file:
        file.create_dataset("catalog", data=table.as_array())
