"""Many cones at once, and cross-matches: row numbers first, rows when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.cache.cells import ang2pix_nest, cell_centers, cones_cells, unit_vectors
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.healpix import ARCSEC, ORDER
from astroquery_mmdc.cache.part import Part
from astroquery_mmdc.cache.search import cap, mask_runs, segments
from astroquery_mmdc.cache.snapshot import Snapshot

__all__ = ["ConeRows", "Match", "cone_rows", "crossmatch"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Pairs of a cone and a position that are looked at together: their arrays stay in the CPU's cache.
_PAIRS = 1 << 15
# Positions in a stretch, on average, above which stretches are copied.
_LONG = 16
# Cones that are covered with cells together: bounds the memory.
_CONES = 1 << 16
# A million bytes times 12: finer cells would only move the work.
_COARSE = 10
# Beyond this radius a cone is a large part of the sky: one at a time.
_LARGE_ARCSEC = 20 * 3600.0


@dataclass(frozen=True, slots=True)
class ConeRows:
    """Rows of many cones, as runs: a few numbers for each cone however many rows it has.

    Parameters
    ----------
    snapshot : Snapshot
        What the row numbers refer to.
    cone : ndarray of int64, shape (n,)
        Number of the cone that a run belongs to, ascending.
    first, last : ndarray of int64, shape (n,)
        A run of rows, half-open.
    cones : int
        Number of cones.
    """

    snapshot: Snapshot
    cone: Ints
    first: Ints
    last: Ints
    cones: int

    def __len__(self) -> int:
        return int((self.last - self.first).sum())

    def counts(self) -> Ints:
        """Return the number of rows of each cone."""
        sizes = np.bincount(self.cone, weights=self.last - self.first, minlength=self.cones)
        return sizes.astype(np.int64)

    def query_index(self) -> Ints:
        """Return the number of the cone of each row."""
        return np.repeat(self.cone, self.last - self.first)

    def rows(self) -> Ints:
        """Return the number of each row, for `Snapshot.take`."""
        return segments(self.first, self.last - self.first)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows, in the order of `query_index`."""
        return self.snapshot.take(self.rows(), columns)

    def batches(self, cones: int = 256) -> Iterator[tuple[Ints, pa.Table]]:
        """Give the rows of some cones after the other, so that they need not all be in memory."""
        for start in range(0, self.cones, cones):
            low, high = self.cone.searchsorted([start, start + cones])
            part = slice(int(low), int(high))
            some = ConeRows(
                self.snapshot, self.cone[part], self.first[part], self.last[part], self.cones
            )
            yield some.query_index(), some.table()


@dataclass(frozen=True, slots=True)
class Match:
    """Pairs of a cross-match.

    Parameters
    ----------
    index : ndarray of int64
        Number of the position that was given, ascending.
    row : ndarray of int64
        Number of the row, for `Snapshot.take`.
    separation : ndarray of float64
        Their distance in arcsec.
    snapshot : Snapshot
        What the row numbers refer to.
    """

    index: Ints
    row: Ints
    separation: Floats
    snapshot: Snapshot


def cone_rows(
    snapshot: Snapshot,
    ra: ArrayLike,
    dec: ArrayLike,
    radius_arcsec: float,
    filters: Filters | None = None,
) -> ConeRows:
    """Return the rows of many cones of one radius."""
    lon, lat = _positions(ra, dec)
    found = []
    for part, offset in zip(snapshot.parts, snapshot.offsets, strict=False):
        for cone, low, high, _ in _hits(part, lon, lat, radius_arcsec):
            runs = np.stack([part.positions.starts[low], part.positions.starts[high]], axis=-1)
            cone, runs = _clean(part, cone, runs, filters)
            found.append((cone, runs + offset))
    cone = np.concatenate([np.empty(0, dtype=np.int64), *(cone for cone, _ in found)])
    runs = np.concatenate([np.empty((0, 2), dtype=np.int64), *(runs for _, runs in found)])
    order = np.argsort(cone, kind="stable")
    return ConeRows(snapshot, cone[order], runs[order, 0], runs[order, 1], len(lon))


def _clean(part: Part, cone: Ints, runs: Ints, filters: Filters | None) -> tuple[Ints, Ints]:
    if filters is None and not len(part.dead):
        return cone, runs
    order = np.argsort(cone, kind="stable")
    cone, runs = cone[order], runs[order]
    numbers, places = [], []
    for number in np.unique(cone).tolist():
        low, high = cone.searchsorted([number, number + 1])
        kept = part.wanted(part.alive(runs[low:high]), filters)
        numbers.append(np.full(len(kept), number))
        places.append(kept)
    if not numbers:
        return cone[:0], runs[:0]
    return np.concatenate(numbers), np.concatenate(places)


def crossmatch(
    snapshot: Snapshot,
    ra: ArrayLike,
    dec: ArrayLike,
    radius_arcsec: float,
    *,
    nearest: bool = True,
) -> Match:
    """Return the rows near positions: the nearest of each, or all."""
    lon, lat = _positions(ra, dec)
    found = [
        pairs
        for part, offset in zip(snapshot.parts, snapshot.offsets, strict=False)
        for pairs in _pairs(part, offset, lon, lat, radius_arcsec, nearest=nearest)
    ]
    index = np.concatenate([np.empty(0, dtype=np.int64), *(pairs[0] for pairs in found)])
    row = np.concatenate([np.empty(0, dtype=np.int64), *(pairs[1] for pairs in found)])
    chord2 = np.concatenate([np.empty(0), *(pairs[2] for pairs in found)])
    order = np.lexsort((row, chord2, index)) if nearest else np.lexsort((row, index))
    index, row, chord2 = index[order], row[order], chord2[order]
    if nearest:
        first = np.ones(len(index), dtype=bool)
        first[1:] = index[1:] != index[:-1]
        index, row, chord2 = index[first], row[first], chord2[first]
    separation = 2 * np.arcsin(np.minimum(np.sqrt(chord2) / 2, 1)) / ARCSEC
    return Match(index, row, separation, snapshot)


def _pairs(
    part: Part, offset: int, lon: Floats, lat: Floats, radius_arcsec: float, *, nearest: bool
) -> Iterator[tuple[Ints, Ints, Floats]]:
    starts = part.positions.starts
    for cone, low, high, chord2 in _hits(part, lon, lat, radius_arcsec):
        position = segments(low, high - low)
        number = np.repeat(cone, high - low)
        if nearest and not len(part.dead):
            best = _nearest(number, chord2)
            yield number[best], starts[position[best]] + offset, chord2[best]
            continue
        sizes = starts[position + 1] - starts[position]
        rows = segments(starts[position], sizes)
        alive = _alive(part, rows)
        yield (
            np.repeat(number, sizes)[alive],
            rows[alive] + offset,
            np.repeat(chord2, sizes)[alive],
        )


def _nearest(number: Ints, chord2: Floats) -> Ints:
    order = np.lexsort((chord2, number))
    first = np.ones(len(order), dtype=bool)
    first[1:] = number[order][1:] != number[order][:-1]
    return order[first]


def _alive(part: Part, rows: Ints) -> NDArray[np.bool_]:
    if not len(part.dead):
        return np.ones(len(rows), dtype=bool)
    place = np.minimum(part.dead.searchsorted(rows), len(part.dead) - 1)
    return np.asarray(part.dead[place] != rows)


def _positions(ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
    lon, lat = np.broadcast_arrays(
        np.atleast_1d(np.asarray(ra, dtype=np.float64)),
        np.atleast_1d(np.asarray(dec, dtype=np.float64)),
    )
    return lon.ravel(), lat.ravel()


def _hits(
    part: Part, lon: Floats, lat: Floats, radius_arcsec: float
) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
    """Give runs of positions within the radius: cone, first, last, and chord2 of each position."""
    if not len(part.positions.keys):
        return
    if radius_arcsec > _LARGE_ARCSEC:
        yield from _large_hits(part, lon, lat, radius_arcsec)
        return
    limit = cap(0.0, 0.0, radius_arcsec).chord2
    chosen = _near_anything(part, lon, lat, radius_arcsec)
    for start in range(0, len(chosen), _CONES):
        some = chosen[start : start + _CONES]
        order, cone, cells = cones_cells(lon[some], lat[some], radius_arcsec)
        shift = 2 * (ORDER - order)
        # Along the sky, so that neighbouring questions look at neighbouring memory.
        keys = part.positions.keys
        low = keys.searchsorted(cells << shift)
        high = keys.searchsorted((cells + 1) << shift)
        hit = high > low
        yield from _tested(part, some, lon, lat, (cone[hit], low[hit], high[hit]), limit)


def _tested(
    part: Part,
    some: Ints,
    lon: Floats,
    lat: Floats,
    candidates: tuple[Ints, Ints, Ints],
    limit: float,
) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
    cone, low, high = candidates
    centers = unit_vectors(lon[some], lat[some])
    ends = np.cumsum(high - low)
    start = 0
    while start < len(cone):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(ends.searchsorted(done + _PAIRS)), start + 1)
        chunk = slice(start, stop)
        sizes = high[chunk] - low[chunk]
        position = segments(low[chunk], sizes)
        number = np.repeat(cone[chunk], sizes)
        away = _vectors(part, low[chunk], high[chunk], position)
        away -= centers[cone[chunk]].repeat(sizes, axis=0)
        chord2 = np.einsum("ij,ij->i", away, away)
        inside = chord2 <= limit
        start = stop
        if not inside.any():
            continue
        first, last = _runs(inside, position, number)
        yield some[number[first]], position[first], position[last] + 1, chord2[inside]


def _vectors(part: Part, low: Ints, high: Ints, position: Ints) -> Floats:
    vectors = part.positions.vectors
    if len(position) < _LONG * len(low):
        return vectors.take(position, axis=0)
    # Copying whole stretches is several times faster than gathering them.
    bounds = zip(low.tolist(), high.tolist(), strict=True)
    return np.concatenate([vectors[first:last] for first, last in bounds])


def _runs(inside: NDArray[np.bool_], position: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Return the places of the first and last pair of each run of positions of one cone."""
    joined = inside[1:] & inside[:-1]
    joined &= np.diff(position) == 1
    joined &= number[1:] == number[:-1]
    first = inside.copy()
    first[1:] &= ~joined
    last = inside.copy()
    last[:-1] &= ~joined
    return np.flatnonzero(first), np.flatnonzero(last)


def _large_hits(
    part: Part, lon: Floats, lat: Floats, radius_arcsec: float
) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
    vectors = part.positions.vectors
    for number, (ra, dec) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True)):
        test = cap(ra, dec, radius_arcsec)
        away = vectors - test.center
        chord2 = np.einsum("ij,ij->i", away, away)
        inside = chord2 >= test.chord2 if test.beyond else chord2 <= test.chord2
        runs = mask_runs(inside)
        real = 4 - chord2[inside] if test.beyond else chord2[inside]
        yield np.full(len(runs), number), runs[:, 0], runs[:, 1], real


def _near_anything(part: Part, lon: Floats, lat: Floats, radius_arcsec: float) -> Ints:
    """Return which cones may hold anything, in the order of their cells along the sky."""
    key = ang2pix_nest(ORDER, lon, lat)
    chosen = np.argsort(key)
    width = 0.5 / (1 << _COARSE)
    if len(lon) < 10_000 or radius_arcsec * ARCSEC > width / 4:
        return chosen
    return np.asarray(chosen[_occupied(part)[key[chosen] >> 2 * (ORDER - _COARSE)]])


def _occupied(part: Part) -> NDArray[np.bool_]:
    """Return for each coarse cell whether it or one around it has any position."""
    cells = np.unique(part.positions.keys >> 2 * (ORDER - _COARSE))
    marked = np.zeros(12 << 2 * _COARSE, dtype=bool)
    marked[cells] = True
    centers = cell_centers(_COARSE, cells)
    ra = np.degrees(np.arctan2(centers[:, 1], centers[:, 0]))
    dec = np.degrees(np.arctan2(centers[:, 2], np.hypot(centers[:, 0], centers[:, 1])))
    reach = math.degrees(1.2 / (1 << _COARSE)) * 3600
    order, _, around = cones_cells(ra, dec, reach)
    # The cover of such a cone is made of cells of this size or larger ones.
    step = 2 * (_COARSE - order)
    for child in range(1 << step):
        marked[(around << step) + child] = True
    return marked
