"""Inverse Compton scattering of isotropic photons by isotropic electrons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._compiled import reordered
from astroquery_mmdc.modeling.kernels.compton_tables import Table, losses, scattering
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["contract", "cooling", "emissivity", "response"]

Array = NDArray[np.float64]


@reordered
def _lit(seeds, width, entries, limit):  # type: ignore[no-untyped-def]
    """Return what all electrons meet alike in a field of seeds.

    The range of the seeds, their number and its first moment beyond each (for the ends of the rows
    of the table), and the sums without recoil: they depend on m - 2 i alone, and are done once.
    """
    count = len(seeds)
    above, moment = np.zeros(count + 1), np.zeros(count + 1)
    begin, end = count, 0
    for k in range(count - 1, -1, -1):
        above[k] = above[k + 1] + seeds[k]
        moment[k] = moment[k + 1] + k * seeds[k]
        if seeds[k] != 0.0:
            begin = k
            end = max(end, k + 1)
    span = max(end - begin, 0) + width[0]
    thomson = np.empty(span)
    for j in range(span):
        first = begin - width[0] + j
        value = limit[0] * above[max(first + width[0], begin)]
        for k in range(max(first, begin), min(first + width[0], end)):
            value += seeds[k] * entries[0, k - first]
        thomson[j] = value
    return begin, end, above, moment, thomson


@reordered
def _add_scattered(  # type: ignore[no-untyped-def]
    out, number, i, seeds, lit, eps_index, lowest, start, width, entries, limit, slope
):
    """Add the photons that `number` electrons on node i scatter up."""
    begin, end, above, moment, thomson = lit
    count, span = len(seeds), len(thomson)
    recoil = begin
    # From this electron on no seed within a row is above the scattered photon.
    if i >= (start[0] - lowest + width[0]) // 2:
        recoil = min(max(begin, lowest + i - eps_index + 1), count)
        shift = start[0] - lowest - 2 * i - begin + width[0]
        m0 = min(max(begin, -shift), recoil)
        m1 = max(min(recoil, span - shift), m0)
        for m in range(begin, m0):
            out[m] += number * limit[0] * (above[begin] - above[m + 1])
        for m in range(m0, m1):
            out[m] += number * (thomson[m + shift] - limit[0] * above[m + 1])
    for m in range(recoil, min(count, len(start) + lowest + i - eps_index)):
        a = eps_index + m - i - lowest
        row = max(a, 0)
        first = start[row] + min(a, 0) - eps_index - i
        stop = first + width[row]
        # Seeds above the scattered photon would lose energy: not part of the kernel.
        top = min(end, m + 1)
        k0, k1 = max(first, begin), min(stop, top)
        value = 0.0
        if k0 < k1:
            seen, values = seeds[k0:k1], entries[row, k0 - first : k1 - first]
            for w in range(len(seen)):
                value += seen[w] * values[w]
        k1 = max(stop, begin)
        if k1 < top:
            rest = above[k1] - above[top]
            value += limit[row] * rest
            if slope[row] != 0.0:
                value += slope[row] * (moment[k1] - moment[top] - first * rest)
        out[m] += number * value


@reordered
def _contract(electrons, seeds, eps_index, lowest, start, width, entries, limit, slope):  # type: ignore[no-untyped-def]
    """Return sum over i, k of electrons[i] * seeds[k] * table, for each scattered energy."""
    out = np.zeros(len(seeds))
    lit = _lit(seeds, width, entries, limit)
    for i in range(len(electrons)):
        if electrons[i] != 0.0:
            _add_scattered(
                out,
                electrons[i],
                i,
                seeds,
                lit,
                eps_index,
                lowest,
                start,
                width,
                entries,
                limit,
                slope,
            )
    return out


@reordered
def _rows(count, seeds, eps_index, lowest, start, width, entries, limit, slope):  # type: ignore[no-untyped-def]
    """Return the terms of `_contract`, for one electron on each node, one row each."""
    out = np.zeros((count, len(seeds)))
    lit = _lit(seeds, width, entries, limit)
    for i in range(count):
        _add_scattered(
            out[i], 1.0, i, seeds, lit, eps_index, lowest, start, width, entries, limit, slope
        )
    return out


@reordered
def _index_sums(weights, table, count):  # type: ignore[no-untyped-def]
    """Return sum over k of weights[k] * table[i + k] for i below `count`."""
    begin, end = len(weights), 0
    for k in range(len(weights)):
        if weights[k] != 0.0:
            begin = min(begin, k)
            end = k + 1
    out = np.zeros(count)
    for i in range(count):
        value = 0.0
        seen, row = weights[begin:end], table[i + begin : i + end]
        for w in range(len(seen)):
            value += seen[w] * row[w]
        out[i] = value
    return out


def contract(grid: Grid, table: Table, electrons: Array, seeds: Array) -> Array:
    """Return the emissivity of electrons and seed photons for any table of index sums.

    Parameters
    ----------
    grid : Grid
        The grid.
    table : Table
        A kernel F, as `compton_tables.build` makes it.
    electrons : ndarray
        N(gamma) [cm^-3] on ``grid.gamma``.
    seeds : ndarray
        n(eps) [cm^-3] on ``grid.eps``.

    Returns
    -------
    ndarray
        (3/4) sigma_T c times the double integral of N / gamma^2, n / eps and F
        [cm^-3 s^-1 per unit eps1].
    """
    out = _contract(electrons / grid.gamma, seeds, grid.eps_index, *table.arrays)
    # Beyond a sharp end the cubics swing below zero.
    return np.maximum(0.75 * SIGMA_T * C * grid.step**2 * out, 0.0)


def response(grid: Grid, seeds: Array) -> Array:
    """Return the photons that one electron scatters up, rows for electrons.

    Parameters
    ----------
    grid, seeds
        As in `contract`.

    Returns
    -------
    ndarray
        With N on ``grid.gamma``, ``N @ response`` is what `emissivity` returns for these seeds.
    """
    table = scattering(grid.per_decade)
    rows = _rows(len(grid.gamma), seeds, grid.eps_index, *table.arrays)
    return np.asarray(0.75 * SIGMA_T * C * grid.step**2 * rows / grid.gamma[:, None])


def emissivity(grid: Grid, density: Array, photons: Array) -> Array:
    r"""Return the photons scattered up by electrons, with the full Klein-Nishina cross-section.

    Parameters
    ----------
    grid : Grid
        The grid.
    density : ndarray
        N(gamma) [cm^-3] on ``grid.gamma``.
    photons : ndarray
        Isotropic seed photons, n(eps) [cm^-3] on ``grid.eps``.

    Returns
    -------
    ndarray
        q(eps1) [cm^-3 s^-1 per unit eps1] on ``grid.eps``.

    Notes
    -----
    :math:`q(\epsilon_1) = \frac34 \sigma_T c \int \frac{d\gamma N}{\gamma^2}
    \int \frac{d\epsilon\, n}{\epsilon} F` (Jones 1968; Blumenthal & Gould 1970), for gamma much
    above one. N and n are cubics between the nodes against which the kernel is integrated exactly,
    so the walk over the table has the accuracy of the interpolation, not that of a sum over a
    kernel with a spike.
    """
    return contract(grid, scattering(grid.per_decade), density, photons)


def cooling(grid: Grid, photons: Array) -> Array:
    r"""Return the loss rate of scattering isotropic photons, exact from Thomson to Klein-Nishina.

    Parameters
    ----------
    grid, photons
        As in `emissivity`.

    Returns
    -------
    ndarray
        :math:`\dot\gamma = -\frac43 \sigma_T c \gamma^2 \int \epsilon n f_{KN}(4\gamma\epsilon)
        d\epsilon` [s^-1] on ``grid.gamma``.
    """
    weights = photons * grid.eps**2
    sums = _index_sums(weights, losses(grid), len(grid.gamma))
    return -4.0 / 3.0 * SIGMA_T * C * grid.step * grid.gamma**2 * sums
