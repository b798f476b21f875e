"""Which cells a cone touches, and which cone holds given cells.

Every cover is conservative: it may hold a cell too many, never one too few. Two bounds make it so:
`STEEPEST`, of how far a cone reaches in the coordinates of a base cell, and `cell_radius`.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.cache.healpix import (
    ARCSEC,
    MARGIN,
    ORDER,
    STEEPEST,
    Cells,
    Ranges,
    Vectors,
    ang2pix_nest,
    cell_centers,
    cell_points,
    cell_radius,
    cells_to_ranges,
    place_of,
    places_of,
    ranges_to_cells,
    spread,
    spread_one,
    unit_vectors,
)

__all__ = [
    "ORDER",
    "ang2pix_nest",
    "cell_centers",
    "cells_to_ranges",
    "cone_ranges",
    "cones_cells",
    "disc_cells",
    "enclosing_cone",
    "fetch_cells",
    "needed_ranges",
    "ranges_to_cells",
    "unit_vectors",
]

FETCH_RADIUS_ARCSEC = 60.0
"""Smaller cones are fetched at this size: fewer requests and, in the end, fewer rows."""

# Beyond this radius a cone is no longer smaller than a base cell.
_LARGE = 0.6
_ENCLOSING = 1.02

# ---------------------------------------------------------------- cones


def cone_ranges(ra: float, dec: float, radius_arcsec: float) -> Ranges:
    """Return a few ranges of order 29 that hold a cone; made for speed, about 10 us.

    Parameters
    ----------
    ra, dec : float
        Centre in degrees.
    radius_arcsec : float
        0 to 180 degrees.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Half-open, sorted, disjoint.
    """
    order, cells = _cone_cells(ra, dec, radius_arcsec)
    # A list of at most nine cells is worked on faster than an array.
    if not isinstance(cells, list):
        return cells_to_ranges(order, cells)
    cells.sort()
    bounds = [cells[0]]
    for before, cell in pairwise(cells):
        if cell != before + 1:
            bounds += [before + 1, cell]
    bounds.append(cells[-1] + 1)
    return np.array(bounds).reshape(-1, 2) << 2 * (ORDER - order)


def _cone_cells(ra: float, dec: float, radius_arcsec: float) -> tuple[int, list[int] | Cells]:
    """Return an order and its cells: at most nine, or some dozens across base cells."""
    radius = radius_arcsec * ARCSEC + MARGIN
    order = _cone_order(radius)
    if radius < _LARGE:
        box = _box(order, ra, dec, radius)
        if box is not None:
            base, left, right, bottom, top = box
            rows = [base << 2 * order | spread_one(y) << 1 for y in range(bottom, top + 1)]
            columns = [spread_one(x) for x in range(left, right + 1)]
            return order, [row | column for row in rows for column in columns]
    # One order finer, because these are not limited to nine but to those near enough.
    order = min(order + 1, ORDER)
    return order, disc_cells(order, ra, dec, radius_arcsec)


def _cone_order(radius: float) -> int:
    """Return the highest order at which a cone spans three cells at most, in either direction."""
    return max(0, min(ORDER, int(math.log2(max(1 / (STEEPEST * radius), 1)))))


def _box(order: int, ra: float, dec: float, radius: float) -> tuple[int, int, int, int, int] | None:
    """Return the base cell and the first and last x and y that a cone can reach.

    None where the cone may leave its base cell.
    """
    base, x, y, flip_x, flip_y = place_of(ra, dec)
    reach = STEEPEST * radius
    if min(x, y) < reach or max(x, y) > 1 - reach:
        return None
    last = (1 << order) - 1
    left, right = int((x - reach) * (last + 1)), int((x + reach) * (last + 1))
    bottom, top = int((y - reach) * (last + 1)), int((y + reach) * (last + 1))
    if flip_x:
        left, right = last - right, last - left
    if flip_y:
        bottom, top = last - top, last - bottom
    return base, max(left, 0), min(right, last), max(bottom, 0), min(top, last)


def cones_cells(ra: ArrayLike, dec: ArrayLike, radius_arcsec: float) -> tuple[int, Cells, Cells]:
    """Return the cover of many cones of one size.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Centres in degrees.
    radius_arcsec : float
        0 to 180 degrees.

    Returns
    -------
    order : int
    cone : ndarray of int64, shape (m,)
        Number of the cone that a cell belongs to, ascending.
    cells : ndarray of int64, shape (m,)
        Sorted for each cone.
    """
    lon, lat = np.atleast_1d(np.asarray(ra, np.float64)), np.atleast_1d(np.asarray(dec, np.float64))
    radius = radius_arcsec * ARCSEC + MARGIN
    order = _cone_order(radius)
    cone, cells, within = _boxes(order, lon, lat, radius)
    others = np.flatnonzero(~within)
    covers = [disc_cells(order, lon[i], lat[i], radius_arcsec) for i in others.tolist()]
    sizes = [len(cover) for cover in covers]
    cone = np.concatenate([cone, np.repeat(others, sizes)])
    cells = np.concatenate([cells, *covers])
    place = np.lexsort((cells, cone))
    return order, cone[place], cells[place]


def _boxes(
    order: int, lon: Vectors, lat: Vectors, radius: float
) -> tuple[Cells, Cells, NDArray[np.bool_]]:
    places = places_of(lon, lat)
    reach, side = STEEPEST * radius, 1 << order
    x, y = places.x, places.y
    within = (np.minimum(x, y) >= reach) & (np.maximum(x, y) <= 1 - reach) & (radius < _LARGE)
    number = np.flatnonzero(within)
    columns, is_column = _steps(x[number], reach, side, places.flip_x[number])
    rows, is_row = _steps(y[number], reach, side, places.flip_y[number])
    origin = places.base[number] << 2 * order
    cells = origin[:, None, None] | spread(columns)[:, None, :] | (spread(rows) << 1)[:, :, None]
    wanted = is_row[:, :, None] & is_column[:, None, :]
    cone = np.broadcast_to(number[:, None, None], cells.shape)
    return cone[wanted], cells[wanted], within


def _steps(
    middle: Vectors, reach: float, side: int, flip: NDArray[np.bool_]
) -> tuple[Cells, NDArray[np.bool_]]:
    """Return up to three neighbouring coordinates, and which of them are in reach."""
    first = ((middle - reach) * side).astype(np.int64)
    last = np.minimum(((middle + reach) * side).astype(np.int64), side - 1)
    steps = first[:, None] + np.arange(3)
    return np.where(flip[:, None], side - 1 - steps, steps), steps <= last[:, None]


def disc_cells(order: int, ra: float, dec: float, radius_arcsec: float) -> Cells:
    """Return the cells of an order that a cone can touch.

    Parameters
    ----------
    order : int
        0 to 29.
    ra, dec, radius_arcsec : float
        The cone, as for `cone_ranges`.

    Returns
    -------
    ndarray of int64
        Sorted. A smaller cone at the same centre never has a cell that the larger one lacks.
    """
    radius = radius_arcsec * ARCSEC + MARGIN
    center = unit_vectors(ra, dec)
    box = _box(order, ra, dec, radius) if radius < _LARGE else None
    if box is None:
        return _descend(order, center, radius)
    base, left, right, bottom, top = box
    x, y = spread(np.arange(left, right + 1)), spread(np.arange(bottom, top + 1))
    cells = np.sort(((base << 2 * order) | x[:, None] | (y << 1)).ravel())
    return _near(order, cells, center, radius + cell_radius(order))


def _descend(order: int, center: Vectors, radius: float) -> Cells:
    cells: Cells = np.arange(12)
    reach = radius + cell_radius(order)
    for level in range(order):
        # The centre of each wanted cell is within reach, and no farther from those above it.
        cells = _near(level, cells, center, reach + cell_radius(level))
        cells = (4 * cells[:, None] + np.arange(4)).ravel()
    return _near(order, cells, center, reach)


def _near(order: int, cells: Cells, center: Vectors, angle: float) -> Cells:
    away = cell_centers(order, cells) - center
    chord = 2 * math.sin(min(angle, math.pi) / 2)
    near: NDArray[np.bool_] = np.einsum("ij,ij->i", away, away) <= chord * chord * (1 + 1e-14)
    return cells[near]


# ---------------------------------------------------------------- what to fetch


def _fetch_order(radius_arcsec: float) -> int:
    radius = max(radius_arcsec, FETCH_RADIUS_ARCSEC) * ARCSEC
    return min(max(math.floor(math.log2(0.68 / radius)) + 1, 0), ORDER - 2)


def fetch_cells(ra: float, dec: float, radius_arcsec: float) -> tuple[int, Cells]:
    """Return the cells to ask the service for, so that a cone is known afterwards.

    Parameters
    ----------
    ra, dec, radius_arcsec : float
        The cone, as for `cone_ranges`.

    Returns
    -------
    order : int
        Cells of about half the radius.
    cells : ndarray of int64
        Sorted; they hold all of `needed_ranges`.

    Notes
    -----
    At least `FETCH_RADIUS_ARCSEC` around the position is fetched, since the next question is often
    about the same source, with another radius or a slightly different position.
    """
    order = _fetch_order(radius_arcsec)
    fine = disc_cells(order + 2, ra, dec, max(radius_arcsec, FETCH_RADIUS_ARCSEC))
    return order, np.unique(fine >> 4)


def needed_ranges(ra: float, dec: float, radius_arcsec: float) -> Ranges:
    """Return the ranges of order 29 that must be known to answer a cone.

    They are cut more finely than what `fetch_cells` gives, and always a part of it: what was
    fetched for a cone answers that cone.
    """
    order = _fetch_order(radius_arcsec) + 2
    return cells_to_ranges(order, disc_cells(order, ra, dec, radius_arcsec))


def enclosing_cone(order: int, cells: Cells) -> tuple[float, float, float]:
    """Return a cone that holds all of the cells.

    Returns
    -------
    ra, dec, radius_arcsec : float
        Centre in degrees; the radius is 2 percent larger than the distance of the farthest border.
    """
    if not len(cells):
        msg = "cells: there are none; a cone holds at least one cell"
        raise ValueError(msg)
    middle = cell_centers(order, cells).mean(axis=0)
    length = float(np.linalg.norm(middle))
    if length < 1e-6:
        return 0.0, 0.0, 180 * 3600.0
    center = middle / length
    # The borders of large cells are far from great circles: their corners alone would not do.
    marks = np.linspace(0, 1, 9 if order < 5 else 2)
    border = [(a, b) for a in marks for b in marks if {a, b} & {0.0, 1.0}]
    away = np.concatenate([cell_points(order, cells, dx, dy) for dx, dy in border]) - center
    chord = float(np.sqrt(np.einsum("ij,ij->i", away, away).max()))
    radius = 2 * math.asin(min(chord / 2, 1.0)) / ARCSEC * _ENCLOSING
    ra = math.degrees(math.atan2(center[1], center[0])) % 360
    dec = math.degrees(math.atan2(center[2], math.hypot(center[0], center[1])))
    return ra, dec, min(radius, 180 * 3600.0)
