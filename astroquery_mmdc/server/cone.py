"""Geometry of a cone search: HEALPix ranges and exact separations."""

from __future__ import annotations

import healpy
import numpy as np
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.schema.wire import Limit

__all__ = ["key_ranges", "separation_arcsec", "unit_vectors"]

_ARCSEC = np.pi / 180 / 3600
# Side of a pixel of order 0 in degrees; each order halves it.
_BASE_PIXEL_DEG = 58.6
# Wider than the rounding of a position to its pixel, far narrower than any pixel.
_MARGIN = 1e-8


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Return unit vectors, shape (..., 3), of positions in degrees."""
    lon, lat = np.radians(ra), np.radians(dec)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)], axis=-1)


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
    return np.asarray(angle / _ARCSEC)


def key_ranges(ra: float, dec: float, radius_arcsec: float) -> NDArray[np.int64]:
    """Return half-open ranges of the sky identifier that cover a cone.

    Parameters
    ----------
    ra, dec : float
        Centre in degrees.
    radius_arcsec : float
        Radius in arcsec, up to 180 degrees.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Ranges of NESTED indices of order 15, disjoint; together they hold the whole cone.

    Notes
    -----
    The cone is covered with pixels about as large as itself, so that there are a few dozen at most
    at every radius; a pixel of a lower order is a contiguous range of the higher one.
    """
    if radius_arcsec > _BASE_PIXEL_DEG * 3600:
        # Most of the sky, and query_disc leaves out pixels near the antipode at such radii.
        return np.array([[0, 12 << 2 * Limit.SKY_ORDER]])
    radius_deg = max(radius_arcsec / 3600, 1e-6)
    order = int(np.clip(np.log2(_BASE_PIXEL_DEG / radius_deg), 0, Limit.SKY_ORDER))
    pixels = healpy.query_disc(
        1 << order,
        unit_vectors(ra, dec),
        radius_arcsec * _ARCSEC + _MARGIN,
        inclusive=True,
        nest=True,
    )
    shift = 2 * (Limit.SKY_ORDER - order)
    return np.stack([pixels << shift, (pixels + 1) << shift], axis=-1)
