"""HEALPix in numpy, NESTED: positions, cells and ranges of cells.

healpy is not imported here: it takes half a second, and the first cone of a process cannot wait.
The projection is that of Gorski et al. 2005, ApJ 622, 759.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ARCSEC",
    "MARGIN",
    "ORDER",
    "STEEPEST",
    "WHOLE_SKY",
    "Cells",
    "Places",
    "Ranges",
    "Vectors",
    "ang2pix_nest",
    "cell_centers",
    "cell_points",
    "cell_radius",
    "cells_to_ranges",
    "place_of",
    "places_of",
    "ranges_to_cells",
    "spread",
    "spread_one",
    "unit_vectors",
    "whole_sky",
]

ORDER = 29
"""Order of the index that everything is kept in."""

WHOLE_SKY: tuple[int, int] = (0, 12 << 2 * ORDER)
"""The range of all positions."""

ARCSEC = math.pi / 180 / 3600
"""In radian."""

MARGIN = 1e-8
"""Added to every radius, in radian: 2 mas, above the rounding of positions and of their cells."""

STEEPEST = 1.4520
"""A step of one radian changes a coordinate of a base cell, 0 to 1, by this at most.

sqrt(3/2 + 6/pi^2), reached at the pole, along the edge of a base cell.
"""

Cells = NDArray[np.int64]
Ranges = NDArray[np.int64]
Vectors = NDArray[np.float64]

# Of a cell of side 1, from its centre: the limit of small cells at |z| = 2/3, where cells are
# longest; larger cells stay below it.
_FARTHEST = 1.0695

_MASKS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
# Of each base cell: rings from the north pole to its southern corner, and its longitude / 45 deg.
_SOUTHERN_RING = np.repeat([2.0, 3.0, 4.0], 4)
_LONGITUDE = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7], dtype=np.float64)


def unit_vectors(lon_deg: ArrayLike, lat_deg: ArrayLike) -> Vectors:
    """Return unit vectors, shape (..., 3), of positions in degrees."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)], axis=-1)


# ---------------------------------------------------------------- positions and cells


def ang2pix_nest(order: int, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Cells:
    """Return the cells of positions.

    Parameters
    ----------
    order : int
        0 to 29; there are 12 * 4**order cells.
    lon_deg, lat_deg : array_like
        Positions in degrees.

    Returns
    -------
    ndarray of int64

    Examples
    --------
    >>> int(ang2pix_nest(15, 299.99958, 65.14861))
    4186406942
    """
    places = places_of(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
    side = 1 << order
    x = np.minimum((places.x * side).astype(np.int64), side - 1)
    y = np.minimum((places.y * side).astype(np.int64), side - 1)
    x = np.where(places.flip_x, side - 1 - x, x)
    y = np.where(places.flip_y, side - 1 - y, y)
    return (places.base << 2 * order) | spread(x) | (spread(y) << 1)


class Places(NamedTuple):
    """Positions in their base cells; a flipped coordinate counts from the other end.

    It is flipped as an integer, after rounding down, so that a position on the border of two cells
    goes where the definition of HEALPix puts it.
    """

    base: Cells
    x: Vectors
    y: Vectors
    flip_x: NDArray[np.bool_]
    flip_y: NDArray[np.bool_]


def places_of(lon_deg: Vectors, lat_deg: Vectors) -> Places:
    """Return the base cells of positions, and where in them they are."""
    lat = np.radians(lat_deg)
    # Not the sine: healpy rounds so, and an index is to be the same in every program.
    z = np.cos(np.pi / 2 - lat)
    # Twice, because the rest of a tiny negative angle is rounded up to 360.
    quarter = np.mod(np.mod(lon_deg, 360.0) / 90.0, 4.0)
    rising, falling = 0.5 + quarter + 0.75 * z, 0.5 + quarter - 0.75 * z
    up, down = np.floor(rising), np.floor(falling)
    base = np.where(up == down, down % 4 + 4, np.where(down < up, down, up + 8))
    x, y = rising - up, falling - down
    polar = np.abs(z) > 2 / 3
    north, south = polar & (z > 0), polar & (z < 0)
    if np.any(polar):
        corner = np.minimum(np.floor(quarter), 3.0)
        part = quarter - corner
        # sqrt(3 (1 - |z|)) without the cancellation at the poles.
        ring = np.cos(lat) * np.sqrt(3 / (1 + np.abs(z)))
        base = np.where(north, corner, np.where(south, corner + 8, base))
        x = np.where(north, (1 - part) * ring, np.where(south, part * ring, x))
        y = np.where(north, part * ring, np.where(south, (1 - part) * ring, y))
    return Places(base.astype(np.int64), x, y, north, ~south)


def spread(values: Cells) -> Cells:
    """Put a zero after every bit."""
    spread = values
    for shift, mask in _MASKS:
        spread = (spread | (spread << shift)) & mask
    return spread


def _gather(values: Cells) -> Cells:
    """Keep every second bit, from the lowest on."""
    bits = values & _MASKS[-1][1]
    for (shift, _), mask in zip(
        reversed(_MASKS), [mask for _, mask in reversed(_MASKS[:-1])] + [0xFFFFFFFF], strict=True
    ):
        bits = (bits | (bits >> shift)) & mask
    return bits


def cell_centers(order: int, cells: Cells) -> Vectors:
    """Return the unit vectors of the centres of cells."""
    return cell_points(order, cells, 0.5, 0.5)


def cell_radius(order: int) -> float:
    """Return, in radian, how far from its centre a cell of an order reaches at most."""
    return _FARTHEST / (1 << order) + MARGIN


def cell_points(order: int, cells: Cells, dx: float, dy: float) -> Vectors:
    """Return unit vectors of points of cells, ``dx`` and ``dy`` of a side from their origins."""
    inside = cells & ((1 << 2 * order) - 1)
    x = (_gather(inside) + dx) / (1 << order)
    y = (_gather(inside >> 1) + dy) / (1 << order)
    base = cells >> 2 * order
    ring = _SOUTHERN_RING[base] - x - y
    to_pole = np.minimum(np.minimum(ring, 4 - ring), 1.0)
    # At the pole itself there is no longitude to find.
    lon = (_LONGITUDE[base] + (x - y) / np.maximum(to_pole, 1e-300)) * (math.pi / 4)
    z_cap = np.copysign(1 - to_pole * to_pole / 3, 2 - ring)
    z = np.where(to_pole < 1, z_cap, (2 - ring) * (2 / 3))
    cos_cap = to_pole * np.sqrt((2 - to_pole * to_pole / 3) / 3)
    cos_lat = np.where(to_pole < 1, cos_cap, np.sqrt(np.maximum(1 - z * z, 0)))
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), z], axis=-1)


def place_of(ra: float, dec: float) -> tuple[int, float, float, bool, bool]:
    """Return what `places_of` does for one position, without the cost of arrays."""
    lat = math.radians(dec)
    z = math.sin(lat)
    quarter = ra % 360.0 / 90.0 % 4.0
    if abs(z) <= 2 / 3:
        rising, falling = 0.5 + quarter + 0.75 * z, 0.5 + quarter - 0.75 * z
        up, down = int(rising), int(falling)
        base = down % 4 + 4 if up == down else down if down < up else up + 8
        return base, rising - up, falling - down, False, True
    corner = min(int(quarter), 3)
    ring = math.cos(lat) * math.sqrt(3 / (1 + abs(z)))
    here, there = (quarter - corner) * ring, (1 - quarter + corner) * ring
    if z > 0:
        return corner, there, here, True, True
    return corner + 8, here, there, False, False


def spread_one(value: int) -> int:
    """Put a zero after every bit of one number."""
    for shift, mask in _MASKS:
        value = (value | (value << shift)) & mask
    return value


# ---------------------------------------------------------------- ranges


def whole_sky() -> Ranges:
    """Return the ranges that hold every position."""
    return np.array([WHOLE_SKY], dtype=np.int64)


def cells_to_ranges(order: int, cells: Cells) -> Ranges:
    """Return cells as ranges of order 29.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Half-open, sorted, and merged where they touch.
    """
    cells = np.unique(cells)
    if not len(cells):
        return np.empty((0, 2), dtype=np.int64)
    gaps = np.flatnonzero(np.diff(cells) > 1)
    low = cells[np.concatenate([[0], gaps + 1])]
    high = cells[np.concatenate([gaps, [len(cells) - 1]])] + 1
    return np.stack([low, high], axis=-1) << 2 * (ORDER - order)


def ranges_to_cells(order: int, ranges: Ranges) -> Cells:
    """Return every cell of an order that ranges of order 29 touch."""
    shift = 2 * (ORDER - order)
    low, high = ranges[:, 0] >> shift, ((ranges[:, 1] - 1) >> shift) + 1
    parts = [np.arange(*bounds) for bounds in zip(low.tolist(), high.tolist(), strict=True)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
