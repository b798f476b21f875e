"""The kinetic equation of cooling particles: steady state and implicit steps in time."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._compiled import compiled
from astroquery_mmdc.modeling.kernels._numerics import lagrange
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["coarsen", "refine", "refine_rates", "steady", "step"]

Array = NDArray[np.float64]


@compiled
def _sweep(nodes, source, speed, rate):  # type: ignore[no-untyped-def]
    """Return N with ``d(speed N)/dgamma = rate N - source``, from the top node down."""
    count = len(nodes)
    h = math.log(nodes[count - 1] / nodes[0]) / (count - 1)
    out = np.zeros(count)
    flux = 0.0
    for k in range(count - 2, -1, -1):
        v0 = max(speed[k], 1e-60 * nodes[k])
        v1 = max(speed[k + 1], 1e-60 * nodes[k + 1])
        t0, t1 = nodes[k] / v0, nodes[k + 1] / v1
        # Time to cool through the cell, Simpson's rule with the middle of a power law.
        time = h * (t0 + t1 + 4.0 * math.sqrt(t0 * t1)) / 6.0
        tau = rate * time
        # Number injected into the cell, from the cubic through four nodes.
        mass = 13.0 * (nodes[k] * source[k] + nodes[k + 1] * source[k + 1])
        if k > 0:
            mass -= nodes[k - 1] * source[k - 1]
        if k < count - 2:
            mass -= nodes[k + 2] * source[k + 2]
        mass *= h / 24.0
        # The source as a parabola in elapsed time, with its end values and that number.
        g0, g1 = source[k] * v0 * time, source[k + 1] * v1 * time
        bow = 6.0 * (mass - 0.5 * (g0 + g1))
        decay = math.exp(-tau)
        if tau < 0.5:
            e0, e1, e2, term = 0.0, 0.0, 0.0, 1.0
            for j in range(12):
                e0 += term / (j + 1.0)
                e1 += term / (j + 2.0)
                e2 += term / (j + 3.0)
                term *= -tau / (j + 1.0)
        else:
            e0 = (1.0 - decay) / tau
            e1 = (e0 - decay) / tau
            e2 = (2.0 * e1 - decay) / tau
        flux = flux * decay + g0 * e0 + (g1 - g0) * e1 + bow * (e1 - e2)
        flux = max(flux, 0.0)
        out[k] = flux / v0
    return out


def steady(nodes: Array, source: Array, gamma_dot: Array, t_esc: float) -> Array:
    r"""Return the steady state of injection, cooling and escape.

    Solves :math:`\partial_\gamma(\dot\gamma N) = Q - N / t_{esc}` with :math:`\dot\gamma < 0`.

    Parameters
    ----------
    nodes : ndarray
        ``grid.gamma`` or ``grid.gamma_fine``.
    source : ndarray
        Q [cm^-3 s^-1] at the nodes.
    gamma_dot : ndarray
        Cooling rate [s^-1], not positive.
    t_esc : float
        Escape time [s], infinite if particles stay.

    Returns
    -------
    ndarray
        N [cm^-3] at the nodes.

    Notes
    -----
    From one node to the next the equation is integrated exactly for a source that is a parabola in
    the elapsed cooling time, so both limits, escape before cooling and cooling before escape, come
    out right, N is never negative, and the number of particles is kept to the order of the cubic.
    """
    return np.asarray(_sweep(nodes, source, -gamma_dot, 1.0 / t_esc))


def step(
    nodes: Array, density: Array, source: Array, gamma_dot: Array, t_esc: float, dt: float
) -> Array:
    """Return N after one implicit step in time, stable for any length of it.

    Parameters
    ----------
    nodes, source, gamma_dot, t_esc
        As in `steady`.
    density : ndarray
        N [cm^-3] before the step.
    dt : float
        Length of the step [s].

    Returns
    -------
    ndarray
        N [cm^-3] after it. Repeated steps end in the steady state.
    """
    return np.asarray(_sweep(nodes, source + density / dt, -gamma_dot, 1.0 / t_esc + 1.0 / dt))


@lru_cache(maxsize=16)
def _stencil(refinement: int) -> Array:
    """Return weights (refinement, 4) of the coarse nodes around each fine node of a cell."""
    return lagrange(np.arange(refinement) / refinement).T.copy()


def refine(grid: Grid, values: Array) -> Array:
    """Return values of ``grid.gamma`` on ``grid.gamma_fine``, by a cubic in gamma^3 f, not below 0.

    Parameters
    ----------
    grid : Grid
        The grid.
    values : ndarray
        Density or injection at ``grid.gamma``.
    """
    padded = np.pad(values * grid.gamma**3, (1, 2))
    cells = len(values)
    columns = [padded[j : j + cells] for j in range(4)]
    fine = np.stack(columns, axis=1) @ _stencil(grid.refinement).T
    fine = fine.ravel()[: len(grid.gamma_fine)]
    return np.maximum(fine, 0.0) / grid.gamma_fine**3


def refine_rates(grid: Grid, rates: Array) -> Array:
    """Return rates of ``grid.gamma`` on ``grid.gamma_fine``, by a cubic in rates / gamma^2.

    Parameters
    ----------
    grid : Grid
        The grid.
    rates : ndarray
        Cooling rate [s^-1] at ``grid.gamma``, of either sign.
    """
    slow = rates / grid.gamma**2
    # Beyond the last node the slope goes on as it was.
    padded = np.concatenate([slow[:1], slow, slow[-1:], slow[-1:]])
    cells = len(slow)
    columns = [padded[j : j + cells] for j in range(4)]
    fine = np.stack(columns, axis=1) @ _stencil(grid.refinement).T
    return fine.ravel()[: len(grid.gamma_fine)] * grid.gamma_fine**2


def coarsen(grid: Grid, values: Array) -> Array:
    """Return values of ``grid.gamma_fine`` on ``grid.gamma`` with the same moments.

    Parameters
    ----------
    grid : Grid
        The grid.
    values : ndarray
        Density or injection at ``grid.gamma_fine``.

    Notes
    -----
    Each fine node is shared between four coarse ones by the weights of a cubic in ln(gamma), with
    which sums of f gamma^3 times every smooth function stay what they were; number and energy do
    to better than 1e-3.
    """
    r, cells = grid.refinement, len(grid.gamma)
    weighted = np.zeros(cells * r)
    weighted[: len(values)] = values * grid.gamma_fine**3
    shares = weighted.reshape(cells, r) @ _stencil(r)
    out = np.zeros(cells + 3)
    for j in range(4):
        out[j : j + cells] += shares[:, j]
    return out[1 : cells + 1] / (r * grid.gamma**3)
