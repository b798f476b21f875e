"""What one particle or one photon of each energy makes, as matrices.

A cascade asks for the emission of many generations of pairs in one and the same field of photons.
One matrix per process, made once per field, turns each generation into a product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels import absorption, synchrotron
from astroquery_mmdc.modeling.kernels._compiled import compiled
from astroquery_mmdc.modeling.kernels.absorption import _pair_sums
from astroquery_mmdc.modeling.kernels.constants import B_CRITICAL, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["pair_response", "synchrotron_response"]

Array = NDArray[np.float64]

_QUANTUM = 0.02
"""gamma B over the critical field from which on the spectrum is cut at the electron's energy."""


def _toeplitz(grid: Grid, of_lowest: Array, of_highest: Array) -> Array:
    """Return values that depend on the node of the photon minus twice that of the particle."""
    last = grid.gamma.size - 1
    # The lowest particle sees the differences 0 ... K-1, the highest -2 last ... K-1-2 last.
    series = np.concatenate([of_highest[: 2 * last], of_lowest])
    start = 2 * (last - np.arange(grid.gamma.size))
    return np.asarray(series[start[:, None] + np.arange(grid.eps.size)])


def synchrotron_response(grid: Grid, magnetic_field: float) -> tuple[Array, Array]:
    """Return emission and absorption per electron, on the nodes of electrons (rows) and photons.

    Parameters
    ----------
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Grid of electrons and photons.
    magnetic_field : float
        B [G].

    Returns
    -------
    tuple of `~numpy.ndarray`
        With N on ``grid.gamma``, ``N @ first`` is the emissivity q [cm^-3 s^-1 per unit eps] and
        ``N @ second`` the coefficient of self-absorption [cm^-1].

    Notes
    -----
    Where gamma B nears the critical field the classical spectrum holds photons of more energy than
    the electron has. There it is cut at eps = gamma, the loss kept.
    """
    unit = np.zeros_like(grid.gamma)
    unit[0] = 1.0
    q0, alpha0 = synchrotron.emission(grid, unit, magnetic_field)
    unit[0], unit[-1] = 0.0, 1.0
    q1, alpha1 = synchrotron.emission(grid, unit, magnetic_field)
    # q eps / gamma and alpha eps^2 of a particle depend on the difference of nodes alone.
    weight = (grid.gamma / grid.gamma[-1])[:, None]
    emission = _toeplitz(grid, q0 * grid.eps * grid.gamma[-1], q1 * grid.eps)
    opacity = _toeplitz(grid, alpha0 * grid.eps**2, alpha1 * grid.eps**2)
    emission *= weight / grid.eps
    _cut_at_electron(grid, emission, magnetic_field)
    return emission, opacity / grid.eps**2


def _cut_at_electron(grid: Grid, emission: Array, magnetic_field: float) -> None:
    """Leave no photon more energy than its electron has, in place."""
    if magnetic_field <= 0.0:
        return
    first = int(np.searchsorted(grid.gamma, _QUANTUM * B_CRITICAL / magnetic_field))
    gamma = grid.gamma[first:]
    rows = np.where(grid.eps <= gamma[:, None], emission[first:], 0.0)
    lost = -synchrotron.cooling(gamma, magnetic_field) * gamma
    emission[first:] = rows * (lost / (rows @ grid.eps**2))[:, None]


@compiled
def _annihilated(rate, targets, rates, shares, first, eps_index, shift, upper, count):  # type: ignore[no-untyped-def]
    """Return one row of leptons per photon."""
    out = np.zeros((len(rate), count))
    unit = np.zeros(len(rate))
    for m in range(len(rate)):
        if rate[m] > 0.0:
            unit[m] = rate[m]
            out[m] = _pair_sums(unit, targets, rates, shares, first, eps_index, shift, upper, count)
            unit[m] = 0.0
    return out


def pair_response(grid: Grid, photons: Array) -> tuple[Array, Array]:
    """Return the leptons that one gamma ray makes with photons of lower energy, and the opacity.

    Parameters
    ----------
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Grid of photons and pairs.
    photons : `~numpy.ndarray`
        Isotropic photons n(eps) [cm^-3].

    Returns
    -------
    tuple of `~numpy.ndarray`
        With photons n on ``grid.eps``, ``n @ first`` is what
        `~astroquery_mmdc.modeling.kernels.absorption.pairs` returns; second is
        `~astroquery_mmdc.modeling.kernels.absorption.opacity` [cm^-1].
    """
    opacity = absorption.opacity(grid, photons)
    tables = absorption.pair_tables(grid)
    rows = _annihilated(C * opacity * grid.eps, photons * grid.eps, *tables)
    return rows / grid.gamma, opacity
