"""Values of Arrow columns as arrays of numpy, without a Python object for each row.

Every array belongs to the caller alone: it may become a column that is changed in place, which
Arrow's own memory must never be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Order", "is_among", "numbers", "texts"]

Order: TypeAlias = NDArray[np.int64] | None
"""Numbers of the rows that are wanted, each once, or None for all as they come."""


def numbers(column: pa.ChunkedArray, order: Order = None) -> NDArray[Any]:
    """Return numbers, NaN where missing, or flags, False where missing.

    Examples
    --------
    >>> numbers(pa.chunked_array([[1.0, None], [3.0]]), np.array([2, 1])).tolist()
    [3.0, nan]
    """
    if column.null_count and pa.types.is_boolean(column.type):
        column = pc.fill_null(column, False)
    values = column.to_numpy()
    return np.array(values) if order is None else np.asarray(values[order])


def texts(column: pa.ChunkedArray, order: Order = None) -> NDArray[Any]:
    """Return texts, as wide as the longest of them; a masked array where some are missing.

    Examples
    --------
    >>> texts(pa.chunked_array([["ZTF", None]]), np.array([1, 0])).tolist()
    [None, 'ZTF']
    """
    if pa.types.is_dictionary(column.type):
        return _decoded(_single(column), order)
    array = _single(column)
    if order is not None and len(order) != len(array):
        # Only now is it known how wide the texts are.
        array, order = array.take(pa.array(order)), None
    values = _plain(pc.fill_null(array, "") if array.null_count else array)
    values = values if order is None else values[order]
    if not array.null_count:
        return values
    missing = np.asarray(array.is_null())
    return np.ma.MaskedArray(values, missing if order is None else missing[order])


def is_among(
    column: pa.ChunkedArray, words: Sequence[str], order: Order = None
) -> NDArray[np.bool_]:
    """Return where a text is one of some words.

    Examples
    --------
    >>> is_among(pa.chunked_array([["ZTF", None, "NVSS"]]), ["NVSS"]).tolist()
    [False, False, True]
    """
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    array = _single(column)
    codes = _codes(array, order)
    found = np.zeros(len(codes), dtype=bool)
    for word in words:
        place = array.dictionary.index(word).as_py()
        if place >= 0:
            found |= codes == place
    return found


def _single(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    # Else each chunk may number its texts in its own way.
    return column.unify_dictionaries().combine_chunks()


def _decoded(array: pa.DictionaryArray, order: Order) -> NDArray[Any]:
    """Return texts of a dictionary, each different one made once."""
    codes = _codes(array, order)
    # The last place is that of the code -1.
    used = np.zeros(len(array.dictionary) + 1, dtype=bool)
    used[codes] = True
    there = np.flatnonzero(used[:-1])
    words = [*array.dictionary.to_numpy(zero_copy_only=False)[there], ""]
    place = np.full(len(used), len(there))
    place[there] = np.arange(len(there))
    values = np.array(words, dtype=str)[place[codes]]
    return np.ma.MaskedArray(values, codes < 0) if used[-1] else values


def _codes(array: pa.DictionaryArray, order: Order) -> NDArray[Any]:
    """Return the place of each text in the dictionary, -1 where it is missing."""
    indices = array.indices
    codes = np.asarray(pc.fill_null(indices, -1) if indices.null_count else indices)
    return codes if order is None else codes[order]


def _plain(array: pa.StringArray) -> NDArray[Any]:
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    letters = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    if letters.max(initial=0) > 127:
        return np.array(array.to_numpy(zero_copy_only=False), dtype=str)
    # ASCII: each byte is a letter of numpy's four bytes.
    sizes = np.diff(ends)
    width = max(int(sizes.max(initial=0)), 1)
    if len(letters) == len(array) * width:
        values = letters.astype(np.uint32).reshape(-1, width)
    else:
        values = np.zeros((len(array), width), dtype=np.uint32)
        values[np.arange(width) < sizes[:, None]] = letters
    return values.view(f"U{width}")[:, 0]
