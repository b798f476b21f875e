"""Counts in the occupied cells of a grid of any number of dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Cells"]

_MOST_CELLS = 10**9


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells of a grid that hold something. Most of a histogram of a survey is empty.

    Parameters
    ----------
    bins : array of int64, shape (dimensions, n)
        Where the cells are, each once, in lexicographic order.
    counts : array of int64, shape (n,)
        What they hold.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, dimensions: int) -> Cells:
        """Return a grid without anything in it."""
        return cls(np.empty((dimensions, 0), dtype=np.int64), np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, bins: NDArray[np.int64], counts: NDArray[np.int64] | None = None) -> Cells:
        """Return the cells of some bins, given in any order and as often as they occur.

        Parameters
        ----------
        bins : array of int64, shape (dimensions, n)
            Where something is.
        counts : array of int64, optional
            How much of it, 1 by default.
        """
        if not bins.shape[1]:
            return cls.empty(len(bins))
        keys = _keys(bins)
        order = keys.argsort(kind="stable")
        keys = keys[order]
        first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        if counts is None:
            summed = np.diff(first, append=keys.size)
        else:
            summed = np.add.reduceat(counts[order], first)
        return cls(bins[:, order[first]], summed.astype(np.int64, copy=False))

    def __add__(self, other: Cells) -> Cells:
        if not self.counts.size or not other.counts.size:
            return self if self.counts.size else other
        bins = np.concatenate([self.bins, other.bins], axis=1)
        return Cells.of(bins, np.concatenate([self.counts, other.counts]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return NotImplemented
        return np.array_equal(self.bins, other.bins) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    @property
    def total(self) -> int:
        """Sum of the counts."""
        return int(self.counts.sum())

    def emptied(self) -> Cells:
        """Return the same grid without anything in it."""
        return Cells.empty(len(self.bins))

    def renumbered(self, dimension: int, numbers: NDArray[np.int64]) -> Cells:
        """Return the cells after the bins of a dimension got other numbers, in the same order."""
        bins = self.bins.copy()
        bins[dimension] = numbers[bins[dimension]]
        return Cells(bins, self.counts)

    def dense(self, first: list[int], shape: list[int], dtype: str) -> NDArray[np.integer]:
        """Return all cells as an array.

        Parameters
        ----------
        first : list of int
            Number of the first bin of each dimension.
        shape : list of int
            How many bins there are.
        dtype : str
            Type of the counts.

        Raises
        ------
        InvalidRequestError
            A count does not fit into the type, or there are too many cells for an array.
        """
        if math.prod(shape) > _MOST_CELLS:
            msg = f"coords: an array of {shape} cells is too large; give the axes larger steps"
            raise InvalidRequestError(msg, parameter="coords")
        if self.counts.size and self.counts.max() > np.iinfo(dtype).max:
            msg = f"dtype: {dtype!r} cannot hold a count of {self.counts.max()}; use 'uint64'"
            raise InvalidRequestError(msg, parameter="dtype")
        array = np.zeros(shape, dtype=dtype)
        array[tuple(self.bins - np.array(first, dtype=np.int64)[:, np.newaxis])] = self.counts
        return array


def _keys(bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for each bin, in their lexicographic order."""
    lowest = [int(row.min()) for row in bins]
    sizes = [int(row.max()) - low + 1 for row, low in zip(bins, lowest, strict=True)]
    if math.prod(sizes) >= 2**63:
        msg = f"coords: a grid of {sizes} bins is too large; give the axes larger steps"
        raise InvalidRequestError(msg, parameter="coords")
    keys = bins[0] - lowest[0]
    for row, low, size in zip(bins[1:], lowest[1:], sizes[1:], strict=True):
        keys = keys * size + (row - low)
    return keys
