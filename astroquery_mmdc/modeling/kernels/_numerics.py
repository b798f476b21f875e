"""Interpolation and quadrature on logarithmic grids, shared by the kernels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["cardinal", "gauss", "lagrange"]

Array = NDArray[np.float64]


@lru_cache(maxsize=8)
def gauss(order: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss and Legendre on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1.0) / 2.0, weights / 2.0


def lagrange(t: Array | float) -> Array:
    """Return the weights of the nodes -1, 0, 1, 2 in the cubic through them, at `t`.

    Parameters
    ----------
    t : float or ndarray
        Position in steps of the grid.

    Returns
    -------
    ndarray
        Weights, with a first axis of four.
    """
    t = np.asarray(t, dtype=np.float64)
    return np.array(
        [
            -t * (t - 1.0) * (t - 2.0) / 6.0,
            (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
            -(t + 1.0) * t * (t - 2.0) / 2.0,
            (t + 1.0) * t * (t - 1.0) / 6.0,
        ]
    )


def cardinal(cell: int, t: Array) -> Array:
    """Return the weight of node 0 when the cubic is evaluated `t` steps into a cell.

    Parameters
    ----------
    cell : int
        Cell from `cell` to ``cell + 1``, one of -2, -1, 0, 1; other nodes' cells never see node 0.
    t : ndarray
        Position in the cell, 0 to 1.
    """
    node = -cell
    a, b, c = (other for other in (-1, 0, 1, 2) if other != node)
    weight = (t - a) * (t - b) * (t - c) / ((node - a) * (node - b) * (node - c))
    return np.asarray(weight, dtype=np.float64)
