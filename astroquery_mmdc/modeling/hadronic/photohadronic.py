"""Convolution of protons and photons with the spectra of the particles they make.

A spectrum of secondaries that depends on the product of the energies of proton and photon, and on
the ratio of the energies of secondary and proton, is on logarithmic grids of one step a table of a
sum and a difference of node numbers.  Photopion and Bethe-Heitler production are two such tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._compiled import compiled
from astroquery_mmdc.modeling.kernels.constants import MP_ME
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["ResponseTable", "averaged", "energy_loss", "rates", "spread"]

Array = NDArray[np.float64]

_FINE = 4  # samples per cell over which the tables are averaged


@dataclass(frozen=True, slots=True)
class ResponseTable:
    """Secondaries per proton and unit photon density, averaged over the cells of one grid.

    Attributes
    ----------
    values : `~numpy.ndarray`
        Shape (sums, particles, differences) [cm^3/s].
    first_sum : int
        Node number of the proton plus that of the photon in the first row, counted from 1.
    first_difference : int
        Node number of the secondary minus that of the proton in the first column.
    held : bool
        Whether rows beyond the last one equal the last one; they are zero otherwise.
    """

    values: Array
    first_sum: int
    first_difference: int
    held: bool

    @classmethod
    def of(
        cls,
        sample: Callable[[Array, Array], Array],
        per_decade: int,
        sums: range,
        differences: range,
        *,
        held: bool,
    ) -> ResponseTable:
        """Return the table of a function; see `averaged`."""
        values = averaged(sample, per_decade, sums, differences)
        return cls(values, sums.start, differences.start, held=held)


def averaged(
    sample: Callable[[Array, Array], Array],
    per_decade: int,
    sums: range,
    differences: range,
) -> Array:
    """Return a table averaged over cells from a function of two base-10 logarithms.

    Parameters
    ----------
    sample : callable
        Spectrum as a function of log10(gamma_p epsilon), shape (m, 1), and of
        log10(gamma / gamma_p), shape (k,); returns shape (m, particles, k).
    per_decade : int
        Nodes per decade.
    sums, differences : range
        Node numbers of the rows and of the columns of the table.

    Returns
    -------
    `~numpy.ndarray`
        Shape (sums, particles, differences).

    Notes
    -----
    Between two nodes epsilon^2 n(epsilon) counts as linear in log epsilon, hence the triangular
    weights; over the cell of a secondary E^2 dN/dE is averaged, which keeps the energy.
    """
    offsets = (np.arange(_FINE) + 0.5) / _FINE
    rows = np.add.outer(np.arange(sums.start - 1, sums.stop), offsets)
    columns = np.add.outer(np.arange(differences.start, differences.stop), offsets - 0.5)
    values = sample(rows.reshape(-1, 1) / per_decade, columns.ravel() / per_decade)
    values = values.reshape(*rows.shape, -1, *columns.shape)
    weights = 10.0 ** (2.0 * (offsets - 0.5) / per_decade) / _FINE
    cells = values @ weights
    rising = offsets * 10.0 ** (-(offsets - 1.0) / per_decade) / _FINE
    falling = (1.0 - offsets) * 10.0 ** (-offsets / per_decade) / _FINE
    before = np.einsum("asjd,s->ajd", cells[:-1], rising)
    after = np.einsum("asjd,s->ajd", cells[1:], falling)
    return before + after


def _photons_met(table: ResponseTable, grid: Grid, n: Array) -> Array:
    """Photons epsilon n h that each proton (rows) meets at each sum of node numbers (columns)."""
    sums = table.values.shape[0]
    met = n * grid.eps * grid.step
    last = grid.gamma.size - 1
    # The proton on node i meets the photons from index first_sum - i - eps_index on.
    lowest = table.first_sum - last - grid.eps_index
    index = np.arange(lowest, lowest + last + sums)
    inside = (index >= 0) & (index < met.size)
    padded = np.where(inside, met[np.clip(index, 0, met.size - 1)], 0.0)
    windows = np.ascontiguousarray(sliding_window_view(padded, sums)[::-1])
    if table.held:
        at_least = np.append(np.cumsum(met[::-1])[::-1], 0.0)
        windows[:, -1] = at_least[np.clip(index[sums - 1 :][::-1], 0, met.size)]
    return windows


def rates(table: ResponseTable, grid: Grid, n: Array) -> Array:
    """Return the secondaries that one proton of each energy makes among photons n(eps).

    Parameters
    ----------
    table : `ResponseTable`
        Of the process, on this grid.
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Grid of protons, photons and secondaries.
    n : `~numpy.ndarray`
        Photons per unit eps [cm^-3].

    Returns
    -------
    `~numpy.ndarray`
        gamma_p dN/(dt dgamma), shape (protons, particles, differences of node numbers) [s^-1].
    """
    sums, particles, differences = table.values.shape
    met = _photons_met(table, grid, n)
    flat = met @ table.values.reshape(sums, particles * differences)
    return flat.reshape(-1, particles, differences)


def energy_loss(table: ResponseTable, grid: Grid, rate: Array) -> Array:
    """Return d gamma_p / dt (negative) that pays for the energy of all secondaries [s^-1]."""
    differences = table.first_difference + np.arange(rate.shape[2])
    weights = 10.0 ** (2.0 * differences / grid.per_decade) * grid.step
    return -grid.gamma / MP_ME * (rate.sum(axis=1) @ weights)


def spread(
    table: ResponseTable, grid: Grid, rate: Array, protons: Array, *, first: int, size: int
) -> Array:
    """Return the secondaries of all protons on nodes ``first ... first + size - 1``.

    Parameters
    ----------
    table, grid
        As in `rates`.
    rate : `~numpy.ndarray`
        What `rates` returned.
    protons : `~numpy.ndarray`
        Protons per unit gamma_p [cm^-3].
    first, size : int
        Number of the first node of the result, counted from energy m_e c^2, and how many.

    Returns
    -------
    `~numpy.ndarray`
        Shape (particles, size) [cm^-3 s^-1 per unit of E / (m_e c^2)].
    """
    origin = table.first_difference - first
    return np.asarray(_deposited(rate, protons * grid.step, origin, size))


@compiled
def _deposited(rate, weights, origin, size):  # type: ignore[no-untyped-def]
    """Return sums over protons, each shifted by its node; what falls off the result is dropped."""
    count, particles, differences = rate.shape
    out = np.zeros((particles, size))
    for i in range(count):
        if weights[i] == 0.0:
            continue
        low = max(0, -(origin + i))
        high = min(differences, size - origin - i)
        for s in range(particles):
            for d in range(low, high):
                out[s, origin + i + d] += weights[i] * rate[i, s, d]
    return out
