"""Columns of light curves that are computed again and again."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from astroquery_mmdc.retriever.arrays import with_columns

__all__ = ["updated"]


def updated(data: NDArray[Any], **columns: Any) -> NDArray[Any]:
    """Return a copy of a structured array in which some columns are replaced or added.

    The same as `with_columns`, but several times faster where the columns are there already and
    of the right type, which they are from the second time on.
    """
    names = data.dtype.names or ()
    if any(name not in names or data.dtype[name] != new.dtype for name, new in columns.items()):
        return with_columns(data, **columns)
    result = data.copy()
    for name, values in columns.items():
        result[name] = values
    return result
