"""Tables of any kind as numpy structured arrays, which is what the retriever computes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["structured", "units_of", "with_columns"]


def structured(table: Any) -> np.ndarray:
    """Return a table as a structured array of one dimension.

    Parameters
    ----------
    table : structured array, DataFrame, Table, QTable, TimeSeries, mapping of columns, or None
        What an observatory delivers; None is a table without rows and columns.

    Returns
    -------
    numpy.ndarray
        Missing numbers are NaN (integers become float64 where one is missing), missing texts are
        empty, a masked flag is True. Units are dropped: see `units_of`. Times become MJD in their
        own scale; the index of a DataFrame is left out.

    Raises
    ------
    InvalidRequestError
        It is no table, or its columns differ in length.

    Examples
    --------
    >>> structured({"mjd": [59000.0, 59001.5], "filter": ["g", "r"]})
    array([(59000. , 'g'), (59001.5, 'r')], dtype=[('mjd', '<f8'), ('filter', '<U1')])
    """
    if isinstance(table, np.ndarray) and table.dtype.names is not None and not np.ma.isMA(table):
        return np.atleast_1d(np.asarray(table))
    columns = {name: _column(name, values) for name, values in _columns(table).items()}
    lengths = {values.shape[0] for values in columns.values()}
    if len(lengths) > 1:
        msg = f"table: its columns have {sorted(lengths)} rows; they must be of one length"
        raise InvalidRequestError(msg, parameter="table")
    dtype = [(name, values.dtype, values.shape[1:]) for name, values in columns.items()]
    result = np.zeros(lengths.pop() if lengths else 0, dtype=dtype)
    for name, values in columns.items():
        result[name] = values
    return result


def units_of(table: Any) -> dict[str, str]:
    """Return the units that a table states, by the names of its columns."""
    columns = getattr(table, "itercols", None)
    if columns is None:
        return {}
    units = {column.info.name: getattr(column, "unit", None) for column in columns()}
    return {name: str(unit) for name, unit in units.items() if unit is not None}


def with_columns(data: np.ndarray, **columns: Any) -> np.ndarray:
    """Return a copy of a structured array in which some columns are replaced or added."""
    new = {name: np.asarray(values) for name, values in columns.items()}
    kept = [(name, data.dtype[name]) for name in data.dtype.names or () if name not in new]
    order = [*kept, *((name, values.dtype) for name, values in new.items())]
    result = np.empty(len(data), dtype=order)
    for name, _ in kept:
        result[name] = data[name]
    for name, values in new.items():
        result[name] = values
    return result


def _columns(table: Any) -> dict[str, Any]:
    if table is None:
        return {}
    if isinstance(table, Mapping):
        return {str(name): values for name, values in table.items()}
    if isinstance(table, np.ndarray) and table.dtype.names is not None:
        return {name: table[name] for name in table.dtype.names}
    if hasattr(table, "itercols"):
        return {column.info.name: column for column in table.itercols()}
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return {str(name): table[name].to_numpy() for name in table.columns}
    msg = f"table: {type(table).__name__} is not understood; give a Table, DataFrame or mapping"
    raise InvalidRequestError(msg, parameter="table")


def _column(name: str, values: Any) -> np.ndarray:
    if hasattr(values, "mjd"):
        values = values.mjd
    values = getattr(values, "value", values)
    mask = np.ma.getmaskarray(values) if np.ma.isMA(values) else getattr(values, "mask", None)
    array = np.atleast_1d(np.asarray(getattr(values, "unmasked", values)))
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind == "O":
        array = _of_objects(name, array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        array = array.astype(float)  # files have no other numbers
    if mask is None or not np.any(mask):
        return array
    return _filled(array, np.broadcast_to(np.atleast_1d(mask), array.shape))


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Return a column of Python objects as numbers if they are, else as texts."""
    missing = np.array(
        [item is None or item is np.ma.masked or item != item for item in array.flat]
    )
    present = [item for item, gone in zip(array.flat, missing, strict=True) if not gone]
    if all(isinstance(item, str | bytes) for item in present):
        texts = ["" if gone else _text(item) for item, gone in zip(array, missing, strict=True)]
        return np.array(texts, dtype=str)
    try:
        typed = np.array(present)
    except ValueError as err:
        msg = f"table: column {name!r} holds lists of different lengths; give one value per row"
        raise InvalidRequestError(msg, parameter="table") from err
    if typed.dtype.kind not in "biufM" or typed.ndim != 1:
        msg = f"table: column {name!r} holds {type(present[0]).__name__}; give numbers or texts"
        raise InvalidRequestError(msg, parameter="table")
    result = np.zeros(len(array), dtype=typed.dtype)
    result[~missing] = typed
    return _filled(result, missing) if missing.any() else result


def _text(item: str | bytes) -> str:
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else item


def _filled(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    kind = array.dtype.kind
    if kind in "iu":
        array, kind = array.astype(float), "f"
    fill = {"f": np.nan, "c": np.nan, "b": True, "M": np.datetime64("NaT")}.get(kind, "")
    return np.where(mask, np.array(fill, dtype=array.dtype), array)
