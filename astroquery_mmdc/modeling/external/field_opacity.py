"""Absorption of gamma rays by external photons on their way out of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from astroquery_mmdc.modeling.external.fields import facing_histogram
from astroquery_mmdc.modeling.external.geometry import Seeds
from astroquery_mmdc.modeling.kernels.absorption import _cross_section
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["optical_depth", "photon_column"]

#: Nodes of each piece of the path.
NODES = 12
#: How far a path is followed, in units of its largest length.
FAR = 300.0


def photon_column(
    grid: Grid, seeds_at: Callable[[float], Seeds], distance: float, radius: float
) -> np.ndarray:
    r"""Return the photons met by a gamma ray that leaves along the jet.

    Parameters
    ----------
    grid : Grid
        The grid.
    seeds_at : callable
        Gives the field at a distance [cm] from the centre.
    distance : float
        Where the gamma ray starts [cm].
    radius : float
        Size of the field [cm]; the path is cut there, where a thin shell has a sharp peak.

    Returns
    -------
    ndarray
        :math:`\int dl \int n (1 - \mu)` [cm^-2] in each fine step of eps (1 - mu).

    Notes
    -----
    The angle between the line of sight and the jet is left out (Finke 2016, ApJ 830, 94, section 7,
    on the axis): it is 1 / Gamma, and the photons met at small angles do not count.
    """
    column = np.zeros((grid.eps.size - 1) * grid.refinement + 1)
    for place, length in _path(distance, radius):
        column += length * facing_histogram(grid, seeds_at(place))
    return column


def optical_depth(grid: Grid, column: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """Return the optical depth to pair production.

    Parameters
    ----------
    grid : Grid
        The grid.
    column : ndarray
        From `photon_column`; columns of several fields add up.
    eps : ndarray
        Energies of the gamma rays in the frame of the host [m_e c^2].
    """
    (met,) = np.nonzero(column)
    per_decade = grid.per_decade * grid.refinement
    facing = 10.0 ** (grid.eps_low + met / per_decade)
    s = np.maximum(0.5 * np.multiply.outer(eps, facing), 1.0)
    return SIGMA_T * (_cross_section(s) @ column[met])


def _path(distance: float, radius: float) -> list[tuple[float, float]]:
    """Return places along the jet and the lengths that they stand for."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    pieces: list[tuple[float, float]] = []
    for low, high in _pieces(distance, radius):
        span = np.log(high / low)
        place = low * np.exp(0.5 * span * (1.0 + node))
        pieces.extend(zip(place, place * 0.5 * span * weight, strict=True))
    return pieces


def _pieces(distance: float, radius: float) -> list[tuple[float, float]]:
    """Cut the path where the field changes its nature."""
    far = FAR * max(distance, radius)
    marks: Sequence[float] = [0.3 * radius, 0.9 * radius, radius, 1.1 * radius, 3.0 * radius]
    marks = [distance, *(mark for mark in marks if mark > distance), 10.0 * far / FAR, far]
    return [(low, high) for low, high in pairwise(marks) if low < high]
