"""Observations as they come, made into rows that a store holds."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroquery_mmdc.cache.healpix import ORDER
from astroquery_mmdc.cache.layout import KEY, ROW_SCHEMA, STORE_SCHEMA
from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.schema.wire import Limit

__all__ = ["healpix_keys", "normalised", "sort_rows", "taken"]

# Above this many rows the import of healpy is paid back by its speed.
_MANY = 50_000
_SECONDS_PER_DAY = 86_400


def healpix_keys(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return HEALPix indices of order 29, NESTED, of positions in degrees."""
    if len(ra) < _MANY:
        from astroquery_mmdc.cache.cells import ang2pix_nest

        return np.asarray(ang2pix_nest(ORDER, ra, dec), dtype=np.int64)
    import healpy

    return np.asarray(healpy.ang2pix(1 << ORDER, ra, dec, nest=True, lonlat=True), dtype=np.int64)


def normalised(table: pa.Table, *, first_row: int = 0) -> pa.Table:
    """Return observations in `STORE_SCHEMA`, in the order in which they came.

    Parameters
    ----------
    table : `pyarrow.Table`
        The service's columns; those that may be missing may be left out, others are dropped.
        Values that are not finite become null.
    first_row : int, optional
        Number of the first row, for messages.

    Raises
    ------
    InvalidRequestError
        A required column or value is missing, or a position is no position.

    Warns
    -----
    InputWarning
        Some ``sky_identifier`` contradict the positions; they are computed anew.
    """
    arrays = [_column(table, field) for field in ROW_SCHEMA if field.name != "sky_identifier"]
    names = [field.name for field in ROW_SCHEMA if field.name != "sky_identifier"]
    columns = dict(zip(names, arrays, strict=True))
    for name, array in columns.items():
        _check_required(name, array, first_row)
    keys = healpix_keys(*_positions(columns["ra"], columns["dec"], first_row))
    columns["sky_identifier"] = _sky_identifier(table, keys)
    columns[KEY] = pa.array(keys)
    ordered = [columns[field.name] for field in STORE_SCHEMA]
    return pa.Table.from_arrays(ordered, schema=STORE_SCHEMA)


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    if field.name not in table.column_names:
        if not field.nullable:
            msg = f"rows: there is no column {field.name!r}, only {table.column_names}"
            raise InvalidRequestError(msg, parameter="rows")
        return pa.nulls(table.num_rows, field.type)
    array = _single(table.column(field.name))
    try:
        if pa.types.is_struct(field.type):
            return _struct(array, field.type)
        return _finite(_converted(array, field.type))
    except pa.ArrowInvalid as err:
        msg = f"rows: column {field.name!r} is {array.type}, not {field.type} ({err})"
        raise InvalidRequestError(msg, parameter="rows") from err


def _single(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_timestamp(array.type):
        return _iso_times(array)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    if pa.types.is_dictionary(kind):
        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        return array.cast(kind)
    return array.cast(kind)


def _struct(array: pa.Array, kind: pa.StructType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    given = {array.type.field(place).name for place in range(array.type.num_fields)}
    children = [
        _converted(pc.struct_field(array, child.name), child.type)
        if child.name in given
        else pa.nulls(len(array), child.type)
        for child in kind
    ]
    mask = pc.is_null(array) if array.null_count else None
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def _finite(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    finite = pc.is_finite(array)
    if pc.all(finite, min_count=0).as_py():
        return array
    return pc.if_else(finite, array, pa.scalar(None, array.type))


# Of a time: the date, the time of day and six digits of a second, as the service writes them.
_TIME = np.dtype(
    [("date", "S11"), ("clock", "S9"), ("millis", "S3"), ("micros", "S3"), ("z", "S1")]
)


def _iso_times(array: pa.Array) -> pa.Array:
    """Write times as the service does; Arrow's own way takes twenty times as long."""
    micros = array.cast(pa.timestamp("us")).cast(pa.int64())
    values = np.asarray(micros.fill_null(0).to_numpy(zero_copy_only=False))
    seconds = values // 1_000_000
    days = seconds // _SECONDS_PER_DAY
    text = np.empty(len(values), dtype=_TIME)
    text["date"] = _dates(days)
    text["clock"] = _clock()[seconds - days * _SECONDS_PER_DAY]
    fraction = (values - seconds * 1_000_000).astype(np.int32)
    millis = fraction // 1000
    text["millis"], text["micros"] = _DIGITS[millis], _DIGITS[fraction - millis * 1000]
    text["z"] = b"Z"
    written = _texts(text)
    if array.null_count:
        return pc.if_else(pc.is_valid(array), written, pa.scalar(None, pa.string()))
    return written


def _dates(days: NDArray[np.int64]) -> NDArray[np.bytes_]:
    """Return days since 1970 as dates with the letter that comes before the time."""
    first = int(days.min(initial=0))
    span = int(days.max(initial=0)) - first + 1
    # Dates from all of history are rare: then each is written for itself.
    known, which = (
        (np.arange(first, first + span), days - first) if span <= len(days) else (days, ...)
    )
    dates = np.datetime_as_string(known.astype("datetime64[D]"))
    return np.char.add(dates.astype("S10"), b"T")[which]


def _texts(text: NDArray[np.void]) -> pa.Array:
    """Return records of bytes, all of one length, as strings."""
    ends = np.arange(len(text) + 1, dtype=np.int32) * np.int32(text.dtype.itemsize)
    return pa.StringArray.from_buffers(len(text), pa.py_buffer(ends), pa.py_buffer(text))


@lru_cache(maxsize=1)
def _clock() -> NDArray[np.bytes_]:
    """Return the text of every second of a day, with the point after it."""
    return np.array(
        [f"{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}.".encode() for n in range(86_400)]
    )


_DIGITS = np.array([f"{number:03d}".encode() for number in range(1000)])


def _check_required(name: str, array: pa.Array, first_row: int) -> None:
    # What is not finite has become null already.
    if array.null_count and not ROW_SCHEMA.field(name).nullable:
        row = first_row + int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        msg = f"rows: {name} of row {row} is missing or no number; correct or remove that row"
        raise InvalidRequestError(msg, parameter="rows")


def _positions(
    ra: pa.Array, dec: pa.Array, first_row: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = ra.to_numpy(), dec.to_numpy()
    wrong = np.abs(lat) > 90
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        msg = f"rows: dec of row {first_row + row} is {lat[row]}, beyond the poles; correct it"
        raise InvalidRequestError(msg, parameter="rows")
    return lon, lat


def _sky_identifier(table: pa.Table, keys: NDArray[np.int64]) -> pa.Array:
    right = keys >> 2 * (ORDER - Limit.SKY_ORDER)
    if "sky_identifier" in table.column_names and len(keys):
        given = _single(table.column("sky_identifier")).cast(pa.int64())
        wrong = int(np.count_nonzero(given.fill_null(-1).to_numpy() != right))
        if wrong:
            msg = f"sky_identifier of {wrong} of {len(keys)} rows contradicts the position"
            warnings.warn(f"{msg}; it was computed anew", InputWarning, stacklevel=4)
    return pa.array(right)


def sort_rows(table: pa.Table) -> pa.Table:
    """Return rows sorted by key, then catalogue, then date.

    Rows of one position stay together, so that filters by catalogue and date leave few runs.
    """
    keys = table.column(KEY).to_numpy()
    order = np.argsort(keys, kind="stable")
    position = np.cumsum(np.diff(keys[order], prepend=keys[:1]) != 0)
    catalog = _single(table.column("catalog")).indices.to_numpy().astype(np.int64)
    mjd = _single(table.column("mjd_mid"))
    if mjd.null_count:
        mjd = mjd.fill_null(0.0)
    # Days in sixteenths, within 22 bits: fine enough to keep most windows in one run.
    date = np.clip(mjd.to_numpy() * 16, 0, (1 << 22) - 1).astype(np.int64)
    within = (np.minimum(catalog, 0xFFF) << 22 | date)[order]
    final = order[np.argsort(position << 34 | within, kind="stable")]
    return taken(table, final)


def taken(table: pa.Table, order: NDArray[np.int64]) -> pa.Table:
    """Return rows in an order, in one piece; the numbers of rows are not checked."""
    rows = pa.array(order.astype(np.uint32))
    return pc.take(table, rows, boundscheck=False).combine_chunks()
