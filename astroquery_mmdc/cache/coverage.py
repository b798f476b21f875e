"""What is known of the sky: ranges of HEALPix order 29 by filter key, with the time of fetch.

A set of ranges is an int64 array of shape (n, 2): half-open, sorted and disjoint.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.cache.healpix import ORDER, Ranges

if TYPE_CHECKING:
    from mocpy import MOC

__all__ = [
    "EMPTY",
    "Coverage",
    "Timeline",
    "answers",
    "contains",
    "intersect",
    "merge",
    "moc_from_ranges",
    "ranges_from_moc",
    "subtract",
    "touching",
    "union",
]

EMPTY: Ranges = np.empty((0, 2), dtype=np.int64)
"""No range at all."""


# ---------------------------------------------------------------- sets of ranges


def merge(ranges: ArrayLike) -> Ranges:
    """Return any half-open ranges, overlapping or not, as a set: sorted and disjoint.

    Examples
    --------
    >>> merge([(5, 9), (1, 3), (3, 6), (4, 4)]).tolist()
    [[1, 9]]
    """
    given = np.asarray(ranges, dtype=np.int64).reshape(-1, 2)
    given = given[given[:, 0] < given[:, 1]]
    if len(given) < 2:
        return given
    given = given[np.argsort(given[:, 0], kind="stable")]
    reach = np.maximum.accumulate(given[:, 1])
    starts = np.flatnonzero(np.concatenate([[True], given[1:, 0] > reach[:-1]]))
    ends = np.concatenate([starts[1:] - 1, [len(given) - 1]])
    return np.stack([given[starts, 0], reach[ends]], axis=-1)


def union(first: Ranges, second: Ranges) -> Ranges:
    """Return what is in either set."""
    return merge(np.concatenate([first, second]))


def intersect(first: Ranges, second: Ranges) -> Ranges:
    """Return what is in both sets."""
    return _combine(first, second, np.logical_and)


def subtract(first: Ranges, second: Ranges) -> Ranges:
    """Return what is in the first set and not in the second."""
    return _combine(first, second, np.greater)


def contains(ranges: Ranges, values: ArrayLike) -> NDArray[np.bool_]:
    """Return for each index whether it is in the set."""
    # In the row of all ends, an index inside a range has an odd number of ends before it.
    return np.asarray(np.searchsorted(ranges.ravel(), values, side="right") % 2 == 1)


def _combine(first: Ranges, second: Ranges, rule: Callable[..., NDArray[np.bool_]]) -> Ranges:
    if not len(first):
        return EMPTY
    second = second[_overlapping(second, int(first[0, 0]), int(first[-1, 1]))]
    ends = np.unique(np.concatenate([first.ravel(), second.ravel()]))
    low, high = ends[:-1], ends[1:]
    wanted = rule(contains(first, low), contains(second, low))
    return merge(np.stack([low[wanted], high[wanted]], axis=-1))


def _overlapping(ranges: Ranges, start: int, stop: int) -> slice:
    """Return which ranges of a set reach into [start, stop)."""
    return slice(
        int(np.searchsorted(ranges[:, 1], start, side="right")),
        int(np.searchsorted(ranges[:, 0], stop, side="left")),
    )


def touching(pieces: Ranges, ranges: Ranges) -> NDArray[np.bool_]:
    """Return which pieces, in any order, have a part in a set of ranges."""
    first = np.searchsorted(ranges[:, 1], pieces[:, 0], side="right")
    return np.asarray(first < np.searchsorted(ranges[:, 0], pieces[:, 1], side="left"))


# ---------------------------------------------------------------- filter keys


@lru_cache(maxsize=1024)
def answers(loose: str, tight: str) -> bool:
    """Return whether what was fetched with one filter key holds all that another one wants.

    Parameters
    ----------
    loose, tight : str
        Keys as `Filters.key` makes them: a JSON object of exact matches, empty for no filter.

    Examples
    --------
    >>> answers("", '{"catalog":"ZTF"}'), answers('{"catalog":"ZTF"}', "")
    (True, False)
    """
    conditions = json.loads(loose or "{}").items()
    return bool(conditions <= json.loads(tight or "{}").items())


# ---------------------------------------------------------------- times


@dataclass(frozen=True, slots=True)
class Timeline:
    """When each part of the sky was fetched last, for one filter key.

    Parameters
    ----------
    ranges : ndarray of int64, shape (n, 2)
        Sorted and disjoint; ranges of different times may touch.
    fetched : ndarray of float64, shape (n,)
        Time of the newest fetch, in seconds since 1970.
    """

    ranges: Ranges = field(default_factory=lambda: EMPTY)
    fetched: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, float]]) -> Timeline:
        """Build it from ``(low, high, fetched)``, in any order and overlapping at will."""
        ordered = sorted((row for row in rows if row[0] < row[1]), key=lambda row: row[2])
        given = np.array([row[:2] for row in ordered], dtype=np.int64).reshape(-1, 2)
        times = np.array([row[2] for row in ordered])
        ends = np.unique(given)
        newest = np.full(max(len(ends) - 1, 0), -np.inf)
        # Later fetches are painted over earlier ones.
        steps = np.searchsorted(ends, given).tolist()
        for (start, stop), time in zip(steps, times.tolist(), strict=True):
            newest[start:stop] = time
        known = newest > -np.inf
        pieces = np.stack([ends[:-1], ends[1:]], axis=-1) if len(ends) else EMPTY
        return cls._joined(pieces[known], newest[known])

    @classmethod
    def _joined(cls, ranges: Ranges, fetched: NDArray[np.float64]) -> Timeline:
        """Join neighbours of equal time."""
        if not len(ranges):
            return cls()
        apart = (ranges[1:, 0] != ranges[:-1, 1]) | (fetched[1:] != fetched[:-1])
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
        ends = np.concatenate([starts[1:] - 1, [len(ranges) - 1]])
        return cls(np.stack([ranges[starts, 0], ranges[ends, 1]], axis=-1), fetched[starts])

    def adding(self, ranges: Ranges, fetched: float) -> Timeline:
        """Return a timeline that also knows of one more fetch."""
        if not len(ranges):
            return self
        touched = _overlapping(self.ranges, int(ranges[0, 0]), int(ranges[-1, 1]))
        old = zip(self.ranges[touched].tolist(), self.fetched[touched].tolist(), strict=True)
        rows = [(low, high, time) for (low, high), time in old]
        fresh = Timeline.from_rows(
            [*rows, *((low, high, fetched) for low, high in ranges.tolist())]
        )
        before, after = slice(None, touched.start), slice(touched.stop, None)
        return Timeline._joined(
            np.concatenate([self.ranges[before], fresh.ranges, self.ranges[after]]),
            np.concatenate([self.fetched[before], fresh.fetched, self.fetched[after]]),
        )

    def within(self, ranges: Ranges, newer_than: float | None = None) -> Timeline:
        """Return the part that reaches into a set of ranges and was fetched after a time."""
        if not len(ranges):
            return Timeline()
        near = _overlapping(self.ranges, int(ranges[0, 0]), int(ranges[-1, 1]))
        found, times = self.ranges[near], self.fetched[near]
        if newer_than is None:
            return Timeline(found, times)
        fresh = times > newer_than
        return Timeline(found[fresh], times[fresh])


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known, for every filter key.

    Parameters
    ----------
    timelines : mapping of str to Timeline
        By filter key; the empty key stands for all rows.

    Notes
    -----
    A query is answered by what was fetched with the same filters, with fewer of them or with none:
    see `answers`. "No rows here" is covered like everything else.
    """

    timelines: Mapping[str, Timeline] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, int, int, float]]) -> Coverage:
        """Build it from ``(key, low, high, fetched)``."""
        by_key: dict[str, list[tuple[int, int, float]]] = {}
        for key, low, high, fetched in rows:
            by_key.setdefault(key, []).append((low, high, fetched))
        return cls({key: Timeline.from_rows(parts) for key, parts in by_key.items()})

    def adding(self, key: str, ranges: ArrayLike, fetched: float) -> Coverage:
        """Return a coverage that also knows of one more fetch."""
        timeline = self.timelines.get(key, Timeline()).adding(merge(ranges), fetched)
        return Coverage({**self.timelines, key: timeline})

    def missing(self, key: str, ranges: Ranges, newer_than: float | None = None) -> Ranges:
        """Return the part of a set of ranges that has to be fetched.

        Parameters
        ----------
        key : str
            Filter key of the query.
        ranges : ndarray of int64, shape (n, 2)
            What the query needs.
        newer_than : float, optional
            Fetches of this time, in seconds since 1970, or before it do not count.

        Returns
        -------
        ndarray of int64, shape (m, 2)
            Empty if the query can be answered.
        """
        left = ranges
        for timeline in self._useful(key):
            if not len(left):
                break
            left = subtract(left, timeline.within(left, newer_than).ranges)
        return left

    def oldest(self, key: str, ranges: Ranges) -> float | None:
        """Return when the stalest part of an answer was fetched; None where nothing is known."""
        parts = [timeline.within(ranges) for timeline in self._useful(key)]
        rows = [
            (low, high, fetched)
            for part in parts
            for (low, high), fetched in zip(
                part.ranges.tolist(), part.fetched.tolist(), strict=True
            )
        ]
        known = Timeline.from_rows(rows)
        times = known.fetched[touching(known.ranges, ranges)]
        return float(times.min()) if len(times) else None

    def ranges(self, key: str = "", newer_than: float | None = None) -> Ranges:
        """Return everything that can answer a query with a filter key."""
        parts = [
            timeline.ranges
            if newer_than is None
            else timeline.ranges[timeline.fetched > newer_than]
            for timeline in self._useful(key)
        ]
        return merge(np.concatenate([EMPTY, *parts]))

    def to_moc(self, key: str = "", newer_than: float | None = None) -> MOC:
        """Return everything that can answer a query with a filter key, as a MOC."""
        return moc_from_ranges(self.ranges(key, newer_than))

    def _useful(self, key: str) -> list[Timeline]:
        return [timeline for held, timeline in self.timelines.items() if answers(held, key)]


# ---------------------------------------------------------------- MOC


def moc_from_ranges(ranges: Ranges) -> MOC:
    """Return a set of ranges as a MOC of order 29."""
    from mocpy import MOC

    if not len(ranges):
        return MOC.new_empty(ORDER)
    return MOC.from_depth29_ranges(ORDER, ranges.astype(np.uint64))


def ranges_from_moc(moc: MOC) -> Ranges:
    """Return the set of ranges that a MOC stands for."""
    return merge(np.asarray(moc.to_depth29_ranges, dtype=np.int64))
