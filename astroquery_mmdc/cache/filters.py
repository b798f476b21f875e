"""The service's row filters and orderings, applied to rows at hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import ORDERINGS

__all__ = ["Filters", "dates", "row_order"]

Mask = NDArray[np.bool_]

# Finding the first of so many rows is faster than sorting them all.
_FEW = 8

_EXACT = ("catalog", "filter_band", "is_lightcurve", "is_upper_limit", "obsid")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows are wanted; None, or an empty text, means no such condition.

    Parameters
    ----------
    catalog, filter_band, obsid : str, optional
        Equal to this; a missing value equals nothing.
    is_lightcurve, is_upper_limit : bool, optional
        Equal to this.
    mjd_min, mjd_max : float, optional
        A row's date, see `dates`, lies in this window, ends included. A row without a date is in
        no window.
    """

    catalog: str | None = None
    filter_band: str | None = None
    is_lightcurve: bool | None = None
    is_upper_limit: bool | None = None
    obsid: str | None = None
    mjd_min: float | None = None
    mjd_max: float | None = None

    def key(self) -> str:
        """Return the key of the exact matches, as coverage is kept under; empty if there are none.

        A window of dates is never part of it: cells are fetched with the rows of all dates.

        Examples
        --------
        >>> Filters(catalog="ZTF", mjd_min=58000.0).key()
        '{"catalog":"ZTF"}'
        """
        exact = self._exact()
        return json.dumps(exact, sort_keys=True, separators=(",", ":")) if exact else ""

    @classmethod
    def from_key(cls, key: str) -> Filters:
        """Return the filters that a key stands for."""
        return cls(**json.loads(key or "{}"))

    def mask(self, table: pa.Table) -> Mask:
        """Return which rows of a table are wanted.

        Parameters
        ----------
        table : `pyarrow.Table`
            With the service's names of columns; texts may be dictionary-encoded.

        Returns
        -------
        ndarray of bool
        """
        mask = np.ones(table.num_rows, dtype=bool)
        for name, value in self._exact().items():
            mask &= _equal(table.column(name), value)
        if self.mjd_min is not None or self.mjd_max is not None:
            mask &= self._in_window(dates(table))
        return mask

    def _exact(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _EXACT}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def _in_window(self, date: NDArray[np.float64]) -> Mask:
        # NaN, a date that is missing, compares false with every limit.
        low = -np.inf if self.mjd_min is None else self.mjd_min
        high = np.inf if self.mjd_max is None else self.mjd_max
        return np.asarray((date >= low) & (date <= high))


def _equal(column: pa.ChunkedArray, value: str | bool) -> Mask:
    parts = [_equal_chunk(chunk, value) for chunk in column.chunks]
    return np.concatenate(parts) if parts else np.empty(0, dtype=bool)


def _equal_chunk(chunk: pa.Array, value: str | bool) -> Mask:
    if pa.types.is_dictionary(chunk.type):
        code = chunk.dictionary.index(pa.scalar(value, chunk.dictionary.type)).as_py()
        indices = chunk.indices if not chunk.indices.null_count else pc.fill_null(chunk.indices, -1)
        # A value that the dictionary lacks has the code -1, like a missing one.
        return np.asarray((indices.to_numpy() == code) & (code >= 0))
    equal = pc.equal(chunk, pa.scalar(value, chunk.type))
    filled = pc.fill_null(equal, False) if equal.null_count else equal
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=bool)


def dates(table: pa.Table) -> NDArray[np.float64]:
    """Return the date of each row as MJD, NaN where it has none.

    It is ``mjd_mid`` for a light-curve row and the middle of its interval for an SED row; of an
    interval with one end only, that end.
    """
    start, end, middle = (
        _floats(table.column(name)) for name in ("mjd_start", "mjd_end", "mjd_mid")
    )
    start, end = np.where(np.isnan(start), end, start), np.where(np.isnan(end), start, end)
    lightcurve = np.asarray(table.column("is_lightcurve").to_numpy(), dtype=bool)
    return np.where(lightcurve, middle, (start + end) / 2)


def row_order(
    table: pa.Table,
    ordering: str | None = None,
    *,
    separation: NDArray[np.float64] | None = None,
    limit: int | None = None,
) -> NDArray[np.int64]:
    """Return the numbers of rows in the order in which the service gives them.

    Parameters
    ----------
    table : `pyarrow.Table`
        With the service's names of columns.
    ordering : str, optional
        One of `ORDERINGS`, with ``-`` for descending; by ``id`` unless given.
    separation : ndarray, optional
        Distance of each row from the centre of the cone, for ``sep_arcsec``.
    limit : int, optional
        Largest number of rows.

    Returns
    -------
    ndarray of int64
        Missing values come last in both directions; rows of equal value by ``id``.

    Raises
    ------
    InvalidRequestError
        An unknown ordering, or ``sep_arcsec`` without a cone.
    """
    ids = np.asarray(table.column("id").to_numpy())
    values: NDArray[Any] = ids
    if ordering:
        values = _sortable(table, ordering.removeprefix("-"), separation)
        # NaN sorts last, and its negative does too.
        values = -values if ordering.startswith("-") else values
    first = _foremost(values, limit)
    if first is not None:
        ids, values = ids[first], values[first]
    order = np.lexsort((ids, values)) if ordering else np.argsort(ids, kind="stable")
    return (order if first is None else first[order])[:limit]


def _foremost(values: NDArray[Any], limit: int | None) -> NDArray[np.int64] | None:
    """Return the few rows among which the first ``limit`` are; None if all have to be sorted."""
    if limit is None or limit * _FEW > len(values) or not len(values):
        return None
    last = np.partition(values, limit)[limit]
    return None if np.isnan(last) else np.flatnonzero(values <= last)


def _sortable(
    table: pa.Table, name: str, separation: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    if name not in ORDERINGS:
        msg = f"ordering: {name!r} is unknown; use {', '.join(ORDERINGS)}, with - for descending"
        raise InvalidRequestError(msg, parameter="ordering")
    if name == "sep_arcsec":
        if separation is None:
            msg = "ordering: sep_arcsec needs a position; use a cone or another field"
            raise InvalidRequestError(msg, parameter="ordering")
        return separation
    column = table.column(name)
    if name == "created_at":
        return _ranks(column)
    return _floats(column)


def _ranks(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return the place of each text among all of them, NaN where it is missing."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    ranks = np.asarray(pc.rank(column, sort_keys="ascending", tiebreaker="dense"), dtype=np.float64)
    missing = np.asarray(column.is_null().to_numpy(), dtype=bool)
    return np.where(missing, np.nan, ranks)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
