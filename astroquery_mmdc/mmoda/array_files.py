"""Arrays as Parquet files and back, bit by bit, with a description in JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["read_array", "write_array"]

_WHOLE = "data"


def write_array(path: Path, array: NDArray[Any]) -> dict[str, Any]:
    """Write an array; the description that comes back is needed to read it.

    Raises
    ------
    TypeError, ValueError
        It holds something that Parquet and JSON have no form for.
    """
    names = array.dtype.names
    rows = array.reshape(-1) if names is not None or array.ndim == 0 else array
    columns = {name: rows[name] for name in names} if names is not None else {_WHOLE: rows}
    fields, arrays = [], []
    for name, values in columns.items():
        form, column = _to_arrow(values)
        described = {"name": name, "dtype": values.dtype.str, "shape": list(values.shape[1:])}
        fields.append({**described, "form": form})
        arrays.append(column)
    # Names stand in the description: those of the file need only be different.
    table = pa.table(arrays, names=[str(place) for place in range(len(arrays))])
    pq.write_table(table, path)
    is_record = array.dtype.type is np.record
    return {
        "fields": fields,
        "shape": list(array.shape),
        "table": names is not None,
        "record": is_record,
    }


def read_array(path: Path, described: dict[str, Any]) -> NDArray[Any]:
    """Return the array that `write_array` wrote."""
    table = pq.read_table(path)
    columns = [
        _from_arrow(column, field, table.num_rows)
        for field, column in zip(described["fields"], table.columns, strict=True)
    ]
    if not described["table"]:
        return columns[0].reshape(described["shape"])
    fields = [
        (field["name"], values.dtype, values.shape[1:])
        for field, values in zip(described["fields"], columns, strict=True)
    ]
    dtype = np.dtype(fields)
    out = np.empty(table.num_rows, np.dtype((np.record, dtype)) if described["record"] else dtype)
    for field, values in zip(described["fields"], columns, strict=True):
        out[field["name"]] = values
    return out.reshape(described["shape"])


# ---------------------------------------------------------------- columns


def _to_arrow(values: NDArray[Any]) -> tuple[str, Any]:
    """Return how a column is kept, and the column."""
    kind = values.dtype.kind
    if kind == "O":
        return _objects_to_arrow(values)
    flat = np.ascontiguousarray(values).reshape(-1)
    if kind in "US":
        column = pa.array(flat.tolist(), pa.large_string() if kind == "U" else pa.large_binary())
        return "text" if kind == "U" else "bytes", _grouped(column, values, 1)
    native = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    if kind == "c":
        parts = native.view(f"f{native.dtype.itemsize // 2}")
        return "complex", _grouped(pa.array(parts), values, 2)
    if kind in "Mm":
        return "time", _grouped(pa.array(native.view("i8")), values, 1)
    if values.dtype.itemsize == 2 and kind == "f":
        # Not every release of the library writes numbers of half precision.
        return "half", _grouped(pa.array(native.view("u2")), values, 1)
    if kind not in "biuf" or values.dtype.itemsize > 8:
        msg = f"no open form for arrays of {values.dtype}"
        raise TypeError(msg)
    return "numbers", _grouped(pa.array(native), values, 1)


def _grouped(flat: Any, values: NDArray[Any], parts: int) -> Any:
    """Return one entry for each row, lists of a fixed size where rows are arrays."""
    size = parts * math.prod(values.shape[1:])
    if size == 1 and values.ndim == 1:
        return flat
    if size == 0:
        return pa.nulls(len(values))
    return pa.FixedSizeListArray.from_arrays(flat, size)


def _objects_to_arrow(values: NDArray[Any]) -> tuple[str, Any]:
    items = values.reshape(-1).tolist()
    if items and all(isinstance(item, np.ndarray) for item in items):
        dtypes = {item.dtype.str for item in items}
        if len(dtypes) == 1 and items[0].dtype.kind in "biuf" and values.ndim == 1:
            flat = [item.astype(item.dtype.newbyteorder("=")).reshape(-1) for item in items]
            return f"lists:{dtypes.pop()}", pa.array(flat)
    if values.ndim != 1:
        msg = "no open form for tables of objects"
        raise TypeError(msg)
    plain = [item.item() if isinstance(item, np.generic) else item for item in items]
    return "json", pa.array([json.dumps(item) for item in plain], pa.large_string())


def _from_arrow(column: Any, field: dict[str, Any], rows: int) -> NDArray[Any]:
    shape = (rows, *field["shape"])
    form = field["form"]
    if form == "json" or form.startswith("lists:"):
        return _objects_from_arrow(column, form)
    dtype = np.dtype(field["dtype"])
    if math.prod(shape) == 0:
        return np.empty(shape, dtype)
    flat = column.combine_chunks()
    while pa.types.is_fixed_size_list(flat.type):
        flat = flat.flatten()
    if form in ("text", "bytes"):
        return np.array(flat.to_pylist(), dtype=dtype).reshape(shape)
    numbers = flat.to_numpy(zero_copy_only=False)
    if form in ("complex", "time", "half"):
        numbers = np.ascontiguousarray(numbers).view(dtype.newbyteorder("="))
    return numbers.astype(dtype).reshape(shape)


def _objects_from_arrow(column: Any, form: str) -> NDArray[Any]:
    out = np.empty(len(column), dtype=object)
    for place, item in enumerate(column):
        if form == "json":
            out[place] = json.loads(item.as_py())
        else:
            dtype = form.removeprefix("lists:")
            out[place] = np.array(item.values.to_numpy(zero_copy_only=False), dtype=dtype)
    return out
