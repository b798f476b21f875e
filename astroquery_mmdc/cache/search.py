"""Exact tests of distance, on unit vectors, and the runs of rows that pass them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.cache.healpix import ARCSEC

__all__ = [
    "Cap",
    "Runs",
    "cap",
    "expand",
    "inside",
    "mask_runs",
    "no_runs",
    "row_runs",
    "segments",
    "separation_arcsec",
]

Runs = NDArray[np.int64]
"""Half-open runs of rows, shape (n, 2), sorted and disjoint."""

# Radian; above the rounding of two unit vectors, and a millionth of a milliarcsecond.
_ROUNDING = 1e-15


class Cap(NamedTuple):
    """A cone on the sphere: points within, or beyond, a chord of ``center``."""

    center: NDArray[np.float64]
    chord2: float
    beyond: bool


def cap(ra: float, dec: float, radius_arcsec: float) -> Cap:
    """Return the test of a cone.

    Notes
    -----
    The chord 2 sin(r/2) keeps its precision for the smallest radii; beyond 90 degrees, where it
    would lose it, the cone around the antipode is what is left out.
    """
    lon, lat = math.radians(ra), math.radians(dec)
    cos_lat = math.cos(lat)
    center = np.array([cos_lat * math.cos(lon), cos_lat * math.sin(lon), math.sin(lat)])
    radius = radius_arcsec * ARCSEC + _ROUNDING
    if radius <= math.pi / 2:
        return Cap(center, (2 * math.sin(radius / 2)) ** 2, beyond=False)
    rest = max(math.pi - radius, 0.0)
    return Cap(-center, (2 * math.sin(rest / 2)) ** 2, beyond=True)


def inside(vectors: NDArray[np.float64], test: Cap) -> NDArray[np.bool_]:
    """Return which of the unit vectors, shape (n, 3), lie in a cone."""
    away = vectors - test.center
    chord2 = np.einsum("ij,ij->i", away, away)
    return np.asarray(chord2 >= test.chord2 if test.beyond else chord2 <= test.chord2)


def separation_arcsec(
    center: NDArray[np.float64], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the angles between one unit vector and others, in arcsec.

    Notes
    -----
    The arctangent of |a x b| over a.b keeps its precision for the smallest angles, where the
    arccosine loses it, and next to the antipode, where the arcsine does.
    """
    cross = np.cross(center, vectors)
    angle = np.arctan2(np.sqrt((cross * cross).sum(axis=-1)), vectors @ center)
    return np.asarray(angle / ARCSEC)


def no_runs() -> Runs:
    """Return runs without any row."""
    return np.empty((0, 2), dtype=np.int64)


def mask_runs(mask: NDArray[np.bool_]) -> Runs:
    """Return the runs of True."""
    if mask.all():
        return np.array([[0, len(mask)]]) if len(mask) else no_runs()
    padded = np.zeros(len(mask) + 2, dtype=np.int8)
    padded[1:-1] = mask
    return np.flatnonzero(np.diff(padded)).reshape(-1, 2)


def row_runs(rows: NDArray[np.int64]) -> Runs:
    """Return ascending row numbers as runs."""
    if not len(rows):
        return no_runs()
    gaps = np.flatnonzero(np.diff(rows) != 1)
    first = np.concatenate([rows[:1], rows[gaps + 1]])
    last = np.concatenate([rows[gaps], rows[-1:]])
    return np.stack([first, last + 1], axis=-1)


def expand(runs: Runs) -> NDArray[np.int64]:
    """Return the row numbers of runs."""
    if len(runs) == 1:
        return np.arange(runs[0, 0], runs[0, 1])
    return segments(runs[:, 0], runs[:, 1] - runs[:, 0])


def segments(first: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``first[i], first[i] + 1, ...``, ``sizes[i]`` numbers each, one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total, dtype=np.int64) + np.repeat(first - ends + sizes, sizes)
