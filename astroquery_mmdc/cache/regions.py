"""Boxes, polygons and MOCs: a cover in ranges of order 29, and an exact test on positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.cache.coverage import contains, merge, ranges_from_moc
from astroquery_mmdc.cache.healpix import (
    ORDER,
    Ranges,
    Vectors,
    ang2pix_nest,
    cell_centers,
    cell_radius,
    unit_vectors,
)
from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from mocpy import MOC

__all__ = ["Box", "MOCRegion", "Polygon", "Region", "as_region"]

Mask = NDArray[np.bool_]

# Cells on the border of a region that are cut no further.
_BORDER_CELLS = 512
# Vertices farther than this from the middle have no image in the plane of a polygon.
_WIDEST_DEG = 89.0


class Region(Protocol):
    """A part of the sky."""

    def ranges(self) -> Ranges:
        """Return ranges of order 29 that hold all of it, and a little around it."""

    def contains(self, ra: ArrayLike, dec: ArrayLike) -> Mask:
        """Return for each position, in degrees, whether it is inside."""


class _Shape(Protocol):
    def border(self, vectors: Vectors) -> tuple[Mask, Vectors]:
        """Return which unit vectors are inside, and how far the border is from them at least."""


def _cover(shape: _Shape) -> Ranges:
    """Return the ranges of the cells that a shape can touch.

    Cells on its border are cut into four until there are `_BORDER_CELLS` of them; a cell that lies
    inside is kept whole.
    """
    parts: list[Ranges] = []
    cells: Ranges = np.arange(12)
    for order in range(ORDER + 1):
        inside, distance = shape.border(cell_centers(order, cells))
        crossed = distance <= cell_radius(order)
        parts.append(_as_ranges(order, cells[inside & ~crossed]))
        cells = cells[crossed]
        if order == ORDER or len(cells) > _BORDER_CELLS or not len(cells):
            parts.append(_as_ranges(order, cells))
            break
        cells = (4 * cells[:, None] + np.arange(4)).ravel()
    return merge(np.concatenate(parts))


def _as_ranges(order: int, cells: Ranges) -> Ranges:
    return np.stack([cells, cells + 1], axis=-1) << 2 * (ORDER - order)


# ---------------------------------------------------------------- box


@dataclass(frozen=True, slots=True)
class Box:
    """Between two right ascensions and two declinations.

    Parameters
    ----------
    ra_min, ra_max : float
        In degrees, eastwards from the first to the second: 350 to 10 crosses 0. A difference of 360
        or more is all of the circle.
    dec_min, dec_max : float
        In degrees.
    """

    ra_min: float
    ra_max: float
    dec_min: float
    dec_max: float

    def __post_init__(self) -> None:
        for name in ("ra_min", "ra_max", "dec_min", "dec_max"):
            if not math.isfinite(getattr(self, name)):
                msg = f"{name}: {getattr(self, name)} is not a number; give degrees"
                raise InvalidRequestError(msg, parameter=name)
        if not -90 <= self.dec_min <= self.dec_max <= 90:
            msg = (
                f"dec_min: {self.dec_min} to dec_max {self.dec_max} is no range of declinations; "
                "give the smaller one first, both within -90 to 90 deg"
            )
            raise InvalidRequestError(msg, parameter="dec_min")

    @property
    def width(self) -> float:
        """Width in right ascension, in degrees."""
        if self.ra_max - self.ra_min >= 360:
            return 360.0
        return (self.ra_max - self.ra_min) % 360

    def contains(self, ra: ArrayLike, dec: ArrayLike) -> Mask:
        """Return for each position, in degrees, whether it is inside, border included."""
        lon, lat = np.mod(np.asarray(ra, np.float64), 360), np.asarray(dec, np.float64)
        low, high = self.ra_min % 360, self.ra_max % 360
        if self.width == 360:
            in_ra = np.ones(lon.shape, dtype=bool)
        elif low <= high:
            in_ra = (lon >= low) & (lon <= high)
        else:
            in_ra = (lon >= low) | (lon <= high)
        # At a pole every right ascension is the same place.
        at_pole = np.abs(lat) >= 90
        return np.asarray((in_ra | at_pole) & (lat >= self.dec_min) & (lat <= self.dec_max))

    def ranges(self) -> Ranges:
        """Return ranges of order 29 that hold all of it, and a little around it."""
        return _cover(self)

    def border(self, vectors: Vectors) -> tuple[Mask, Vectors]:
        """Return which unit vectors are inside, and how far the border is from them at least."""
        lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
        lat = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
        inside = self.contains(lon, lat)
        parallels = np.minimum(
            self._to_parallel(lat, self.dec_min), self._to_parallel(lat, self.dec_max)
        )
        meridians = np.minimum(
            self._to_meridian(lon, lat, self.ra_min), self._to_meridian(lon, lat, self.ra_max)
        )
        nearest = np.minimum(parallels, meridians)
        # From outside, both gaps have to be crossed; which one is there depends on the side.
        gap = np.maximum(np.maximum(self.dec_min - lat, lat - self.dec_max), 0)
        in_ra = Box(self.ra_min, self.ra_max, -90, 90).contains(lon, lat)
        outside = np.maximum(gap, np.where(in_ra, 0, meridians))
        return inside, np.radians(np.where(inside, nearest, outside))

    def _to_parallel(self, lat: Vectors, edge: float) -> Vectors:
        # A pole is no border: one walks across it.
        return np.full(lat.shape, 180.0) if abs(edge) >= 90 else np.abs(lat - edge)

    def _to_meridian(self, lon: Vectors, lat: Vectors, edge: float) -> Vectors:
        if self.width == 360:
            return np.full(lat.shape, 180.0)
        apart = np.radians((lon - edge + 180) % 360 - 180)
        across = np.degrees(np.arcsin(np.cos(np.radians(lat)) * np.abs(np.sin(apart))))
        return np.where(np.abs(apart) < np.pi / 2, across, 90 - np.abs(lat))


# ---------------------------------------------------------------- polygon


class Polygon:
    """Within a closed line of great-circle arcs, convex or concave.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Vertices in degrees, in either direction; the last one is joined to the first. Where the
        line crosses itself, what it goes around twice is outside. A position on the line itself may
        fall on either side.

    Raises
    ------
    InvalidRequestError
        Fewer than three vertices, one that is no position, or a polygon that reaches around the
        sky: all vertices have to be within 89 deg of their middle.
    """

    def __init__(self, ra: ArrayLike, dec: ArrayLike) -> None:
        lon, lat = np.asarray(ra, np.float64), np.asarray(dec, np.float64)
        if lon.ndim != 1 or lon.shape != lat.shape or len(lon) < 3:
            msg = f"polygon: {lon.shape} and {lat.shape} vertices; give three positions or more"
            raise InvalidRequestError(msg, parameter="polygon")
        if not (np.isfinite(lon) & (np.abs(lat) <= 90)).all():
            msg = "polygon: a vertex is no position; declinations are within -90 to 90 deg"
            raise InvalidRequestError(msg, parameter="polygon")
        self._vertices = unit_vectors(lon, lat)
        self._frame = self._plane()
        self._x, self._y, _ = self._project(self._vertices)

    def contains(self, ra: ArrayLike, dec: ArrayLike) -> Mask:
        """Return for each position, in degrees, whether it is inside."""
        return self._inside(unit_vectors(ra, dec))

    def ranges(self) -> Ranges:
        """Return ranges of order 29 that hold all of it, and a little around it."""
        return _cover(self)

    def border(self, vectors: Vectors) -> tuple[Mask, Vectors]:
        """Return which unit vectors are inside, and their distance to the border."""
        ends = np.roll(self._vertices, -1, axis=0)
        arcs = zip(self._vertices, ends, strict=True)
        distance = np.min([_to_arc(vectors, start, end) for start, end in arcs], axis=0)
        return self._inside(vectors), distance

    def _plane(self) -> Vectors:
        """Return the axes of the plane that touches the sky in the middle of the vertices."""
        middle = self._vertices.mean(axis=0)
        length = float(np.linalg.norm(middle))
        cosines = self._vertices @ middle / max(length, 1e-300)
        if length < 1e-9 or cosines.min() < math.cos(math.radians(_WIDEST_DEG)):
            msg = f"polygon: it is wider than {_WIDEST_DEG:g} deg from its middle; cut it in parts"
            raise InvalidRequestError(msg, parameter="polygon")
        normal = middle / length
        side = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        side /= np.linalg.norm(side)
        return np.stack([side, np.cross(normal, side), normal])

    def _project(self, vectors: Vectors) -> tuple[Vectors, Vectors, Vectors]:
        """Project from the centre of the sphere: great circles become straight lines."""
        # Term by term: the rounding of a matrix product depends on how many positions there are.
        a, b, c = np.moveaxis(vectors, -1, 0)
        x, y, depth = (axis[0] * a + axis[1] * b + axis[2] * c for axis in self._frame)
        ahead = np.where(depth > 0, depth, 1.0)
        return x / ahead, y / ahead, depth

    def _inside(self, vectors: Vectors) -> Mask:
        x, y, depth = self._project(vectors)
        inside = np.zeros(x.shape, dtype=bool)
        next_x, next_y = np.roll(self._x, -1), np.roll(self._y, -1)
        # A half-line eastwards from an inner point crosses the border an odd number of times.
        for x0, y0, x1, y1 in zip(self._x, self._y, next_x, next_y, strict=True):
            spans = (y0 > y) != (y1 > y)
            if y0 != y1:
                inside ^= spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return np.asarray(inside & (depth > 0))


def _to_arc(vectors: Vectors, start: Vectors, end: Vectors) -> Vectors:
    """Return the distance of unit vectors to a great-circle arc, in radian."""
    to_ends = np.minimum(_angle(vectors, start), _angle(vectors, end))
    normal = np.cross(start, end)
    length = float(np.linalg.norm(normal))
    if length < 1e-15:
        return to_ends
    normal = normal / length
    abeam = (vectors @ np.cross(normal, start) > 0) & (vectors @ np.cross(end, normal) > 0)
    return np.where(abeam, np.abs(np.arcsin(np.clip(vectors @ normal, -1, 1))), to_ends)


def _angle(vectors: Vectors, other: Vectors) -> Vectors:
    chord = np.linalg.norm(vectors - other, axis=-1)
    return np.asarray(2 * np.arcsin(np.minimum(chord / 2, 1)))


# ---------------------------------------------------------------- MOC


class MOCRegion:
    """The cells of a MOC.

    Parameters
    ----------
    moc : `mocpy.MOC` or ndarray of int64, shape (n, 2)
        The latter as half-open ranges of order 29.
    """

    def __init__(self, moc: MOC | Ranges) -> None:
        self._ranges = merge(moc) if isinstance(moc, np.ndarray) else ranges_from_moc(moc)

    def ranges(self) -> Ranges:
        """Return its ranges of order 29."""
        return self._ranges

    def contains(self, ra: ArrayLike, dec: ArrayLike) -> Mask:
        """Return for each position, in degrees, whether it is inside."""
        return contains(self._ranges, ang2pix_nest(ORDER, ra, dec))


def as_region(region: Any) -> Region:
    """Return a region as it is, and a MOC as a region.

    Raises
    ------
    InvalidRequestError
        It is neither.
    """
    if hasattr(region, "ranges") and hasattr(region, "contains"):
        return region  # type: ignore[no-any-return]
    if hasattr(region, "to_depth29_ranges"):
        return MOCRegion(region)
    msg = f"region: {region!r} is no region; give a Box, a Polygon or a mocpy.MOC"
    raise InvalidRequestError(msg, parameter="region")
