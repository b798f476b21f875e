r"""Compton scattering of photons that come from given directions, by isotropic electrons.

In the head-on approximation (electrons move along the scattered photon; Dermer, Finke, Krug &
Boettcher 2009, ApJ 692, 32, eqs. 26-27) the cross-section depends on the seed photon only through
X = eps (1 - cos psi), psi its angle to the line of sight:

.. math::

    \frac{d\sigma}{d\epsilon_s} = \frac{3 \sigma_T}{8 \gamma w}
        \left[y + \frac{1}{y} - \frac{2 z}{w y} + \left(\frac{z}{w y}\right)^2\right],
    \quad w = \gamma X, \; z = \epsilon_s / \gamma, \; y = 1 - z,

for X/2 <= eps_s and z <= 2 w / (1 + 2 w). Any field is therefore a histogram in X, and the kernel a
table in the indices of w and z. The table is averaged over a step in gamma, within which N(gamma)
is a hat times gamma^-3, so the sharp edge at the largest z costs no accuracy. Two decades below the
edge the kernel is linear in z, and is summed as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from astroquery_mmdc.modeling.kernels._compiled import compiled
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["scatter"]

#: The table holds w from 1e-5 (below, scattering is elastic to 1e-5 and rows repeat) to 1e12.
W_LOW, W_HIGH = -5, 12
#: Decades in z that are tabulated below the edge.
BAND = 1.8
#: Slope that N(gamma) is assumed to have inside a step.
SLOPE = 3.0


@dataclass(frozen=True, slots=True)
class HeadOnTable:
    """The kernel averaged over a step in gamma.

    Parameters
    ----------
    rows : ndarray
        (w, phase, z); the phase is where the nodes of the output fall.
    top : ndarray of int
        Fine index of the largest z of each row.
    flat, slope : ndarray
        Below the rows the kernel is ``flat - slope * z``.
    """

    rows: np.ndarray
    top: np.ndarray
    flat: np.ndarray
    slope: np.ndarray


def scatter(grid: Grid, electrons: np.ndarray, headon: np.ndarray) -> np.ndarray:
    """Return the emissivity of electrons that scatter a field into the line of sight.

    Parameters
    ----------
    grid : Grid
        The grid.
    electrons : ndarray
        N(gamma) [cm^-3] on ``grid.gamma_fine``.
    headon : ndarray
        Photons [cm^-3] times (1 - cos psi) per fine step in X (see `external.ExternalField`).

    Returns
    -------
    ndarray
        q(eps) [cm^-3 s^-1] on ``grid.eps``, 4 pi times the emissivity towards the observer.
    """
    table = headon_table(grid)
    return _contract(
        electrons,
        headon,
        grid.eps,
        grid.gamma_fine,
        table.rows,
        table.top,
        table.flat,
        table.slope,
        grid.eps_index,
        grid.per_decade,
        grid.refinement,
    )


@lru_cache(maxsize=8)
def headon_table(grid: Grid) -> HeadOnTable:
    """Return the table of a grid, built once."""
    fine = grid.per_decade * grid.refinement
    count = (W_HIGH - W_LOW) * fine + 1
    rows = np.zeros((count, grid.refinement, int(BAND * grid.per_decade) + 1))
    top = np.zeros(count, np.int64)
    flat, slope = np.zeros(count), np.zeros(count)
    node, weight = np.polynomial.legendre.leggauss(6)
    _fill(rows, top, flat, slope, fine, node, weight)
    return HeadOnTable(rows, top, flat, slope)


@compiled
def _fill(rows, top, flat, slope, fine, node, weight):  # type: ignore[no-untyped-def]
    """Fill the table."""
    count, phases, band = rows.shape
    step = np.log(10.0) / fine
    scale = 0.375 * SIGMA_T * C
    hat_flat = _hat_moment(step, SLOPE + 1.0)
    hat_slope = _hat_moment(step, SLOPE + 3.0)
    for f in range(count):
        w = 10.0 ** (W_LOW + f / fine)
        flat[f] = 2.0 * scale * hat_flat / w
        slope[f] = 2.0 * scale * hat_slope / w**2
        edge = w * np.exp(step)
        highest = np.exp(step) * 2.0 * edge / (1.0 + 2.0 * edge)
        top[f] = int(np.floor(np.log10(highest) * fine))
        for phase in range(phases):
            for d in range(band):
                z = 10.0 ** ((top[f] - phase - phases * (band - 1 - d)) / fine)
                rows[f, phase, d] = scale * _cell(w, z, step, node, weight)


@compiled
def _hat_moment(step, power):  # type: ignore[no-untyped-def]
    """Return the integral of the hat of half-width `step` times exp(-power u)."""
    return 2.0 * (np.cosh(power * step) - 1.0) / (power**2 * step)


@compiled
def _cell(w, z, step, node, weight):  # type: ignore[no-untyped-def]
    """Return the kernel's integral over the hat around one gamma, each side in panels."""
    # The lowest gamma, in units of the node's, that reaches z.
    lowest = np.log(0.5 * (z + np.sqrt(z * z + 2.0 * z / w)))
    total = 0.0
    for side in range(2):
        left = max(-step if side == 0 else 0.0, lowest)
        right = 0.0 if side == 0 else step
        if left < right:
            total += _panels(w, z, left, right, step, node, weight)
    return total


@compiled
def _panels(w, z, left, right, step, node, weight):  # type: ignore[no-untyped-def]
    """Integrate one side of the hat; where y is small, in steps of ln y, as the kernel goes 1/y."""
    y_left, y_right = 1.0 - z * np.exp(-left), 1.0 - z * np.exp(-right)
    logarithmic = y_right > 1.5 * y_left
    if logarithmic:
        # At the edge y = 1 / (1 + 2 w gamma) exactly; the difference above loses its digits.
        y_left = max(y_left, 1.0 / (1.0 + 2.0 * w * np.exp(left)))
        low, high = np.log(y_left), np.log(y_right)
    else:
        low, high = left, right
    panels = 1 + int((high - low) / 0.7) if logarithmic else 1
    width = 0.5 * (high - low) / panels
    total = 0.0
    for panel in range(panels):
        middle = low + width * (2 * panel + 1)
        for i in range(node.size):
            v = middle + width * node[i]
            if logarithmic:
                y = np.exp(v)
                u = np.log(z / (1.0 - y))
                measure = y / (1.0 - y)
            else:
                u, measure = v, 1.0
                y = 1.0 - z * np.exp(-u)
            hat = 1.0 - abs(u) / step
            if hat <= 0.0:
                continue
            boosted = w * np.exp(u)
            x = z * np.exp(-u) / (boosted * y)
            kernel = (y + 1.0 / y - 2.0 * x + x * x) / boosted
            total += weight[i] * width * measure * hat * np.exp(-SLOPE * u) * kernel
    return total


@compiled
def _contract(  # type: ignore[no-untyped-def]
    electrons, headon, eps, gamma, rows, top, flat, slope, eps_index, per_decade, refinement
):
    """Walk the table over all pairs of a Lorentz factor and a seed."""
    fine = per_decade * refinement
    count, _, band = rows.shape
    size = eps.size
    emitted, level, tilt = np.zeros(size), np.zeros(size + 1), np.zeros(size + 1)
    first, last = _populated(electrons, gamma)
    electrons = _sharpened(electrons, gamma)
    first, last = max(first - 1, 0), min(last + 1, electrons.size)
    # X sits on the nodes of eps refined; its index plus that of gamma is the index of w.
    offset = eps_index * refinement - W_LOW * fine
    half = int(np.ceil(np.log10(2.0) * per_decade))
    lowest = size
    for j in range(headon.size):
        seed = headon[j]
        if seed <= 0.0:
            continue
        low = max(0, -(-j // refinement) - half)  # eps_s >= X / 2
        lowest = min(lowest, low)
        repeat = 10.0**W_LOW / 10.0 ** ((eps_index * refinement + j) / fine)
        all_level, all_tilt = 0.0, 0.0
        for k in range(first, last):
            row, ratio, shift = min(k + j + offset, count - 1), 1.0, 0
            if row < 0:  # elastic scattering: the first row, scaled
                row, ratio, shift = 0, repeat / gamma[k], row
            amount = electrons[k] * seed * ratio
            # Positive operands: the division that rounds down is a slow one.
            highest = np.uint64(k + top[row] + shift - eps_index * refinement)
            quotient = highest // np.uint64(refinement)
            phase = highest - quotient * np.uint64(refinement)
            start = np.int64(quotient) - band + 1
            bottom, stop = max(low, start), min(start + band, size)
            if bottom < stop:
                # Views that begin at zero let the compiler use vector instructions.
                line = rows[row, phase, bottom - start : stop - start]
                target = emitted[bottom:stop]
                for d in range(target.size):
                    target[d] += amount * line[d]
            if start > low:
                end = min(start, size)
                tilted = amount * ratio * slope[row] / gamma[k]
                level[end] += amount * flat[row]
                tilt[end] += tilted
                all_level += amount * flat[row]
                all_tilt += tilted
        level[low] -= all_level
        tilt[low] -= all_tilt
    running, rising = 0.0, 0.0
    for i in range(size - 1, lowest - 1, -1):
        running += level[i + 1]
        rising += tilt[i + 1]
        emitted[i] = max(emitted[i] + running - rising * eps[i], 0.0)
    return emitted


@compiled
def _sharpened(electrons, gamma):  # type: ignore[no-untyped-def]
    """Return weights of the hats whose sum has the curvature of the distribution, too.

    A hat widens what it carries by step^2 / 6; half of the second difference's sixth undoes that,
    and keeps the sum. Beside a sharp end a weight may become negative.
    """
    out = np.zeros(electrons.size)
    for k in range(electrons.size):
        below = electrons[k - 1] * gamma[k - 1] ** SLOPE if k > 0 else 0.0
        above = electrons[k + 1] * gamma[k + 1] ** SLOPE if k + 1 < electrons.size else 0.0
        scale = gamma[k] ** SLOPE
        out[k] = electrons[k] - (below + above - 2.0 * electrons[k] * scale) / (12.0 * scale)
    return out


@compiled
def _populated(electrons, gamma):  # type: ignore[no-untyped-def]
    """Return the range of Lorentz factors that hold energy worth counting."""
    first, last, most = electrons.size, 0, 0.0
    for k in range(electrons.size):
        most = max(most, electrons[k] * gamma[k] ** 2)
    for k in range(electrons.size):
        if electrons[k] * gamma[k] ** 2 > 1e-30 * most:
            first, last = min(first, k), k + 1
    return first, last
