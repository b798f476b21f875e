"""Synchrotron emission, self-absorption and losses in an isotropic, tangled magnetic field."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._compiled import reordered
from astroquery_mmdc.modeling.kernels._numerics import lagrange
from astroquery_mmdc.modeling.kernels.constants import (
    B_CRITICAL,
    E_CHARGE,
    HZ,
    M_E,
    ME_C2,
    SIGMA_T,
    C,
)
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["absorption", "cooling", "emission", "emissivity", "magnetic_energy_density"]

Array = NDArray[np.float64]

_X_MIN, _X_MAX = 1e-7, 300.0
_LOW = 0.1 * 4.0 ** (2.0 / 3.0) * math.gamma(1.0 / 3.0) ** 2
"""G(x) = _LOW x^(1/3) for x -> 0; at _X_MIN the next term is 2e-5 of it."""


def _bessel(order: float, x: Array) -> Array:
    """Return e^x K(x), the modified Bessel function of the second kind, for x > 1e-9.

    The trapezoidal rule on the integral of exp(-x (cosh t - 1)) cosh(order t) converges
    exponentially: this is exact to rounding.
    """
    step = 0.1
    t = step * np.arange(260)[:, None]
    with np.errstate(under="ignore"):
        terms = np.exp(-x * 2.0 * np.sinh(t / 2.0) ** 2) * np.cosh(order * t)
    return step * (terms.sum(axis=0) - 0.5 * terms[0])


def _spectrum(x: Array) -> Array:
    """Return e^x G(x), the spectrum of an isotropic electron, exactly."""
    k1, k2 = _bessel(1.0 / 3.0, x / 2.0), _bessel(2.0 / 3.0, x / 2.0)
    return x / 20.0 * ((8.0 + 3.0 * x**2) * k1**2 + x * k2 * (2.0 * k1 - 3.0 * x * k2))


@lru_cache(maxsize=16)
def _table(grid: Grid) -> tuple[Array, Array]:
    """Return ln G and ln H on a grid of ln x with the step of ``grid.gamma_fine``.

    H = 2 (G - x G') is what absorption integrates.
    """
    h = grid.step / grid.refinement
    count = math.ceil(math.log(_X_MAX / _X_MIN) / h)
    log_x = math.log(_X_MIN) + h * np.arange(-4, count + 4)
    x = np.exp(log_x)
    log_g = np.log(_spectrum(x)) - x
    # The slope without the exponential part, whose slope -x is known.
    smooth = log_g + x
    slope = (smooth[:-4] - 8.0 * smooth[1:-3] + 8.0 * smooth[3:-1] - smooth[4:]) / (12.0 * h)
    x, log_g = x[2:-2], log_g[2:-2]
    return log_g, log_g + np.log(2.0 * (1.0 - slope + x))


@reordered
def _walk(number, nodes, stride, first, log_g, log_h, weights, low, gamma_low, eps_low, photons):  # type: ignore[no-untyped-def]
    """Return sums of number * G and number * H / gamma for each photon energy.

    `first` is the index in the tables for the first photon and the first particle; a photon on
    adds `photons`, a particle on takes `stride`. Sums may be reordered: all terms have one sign.
    """
    size = (len(log_g) - 3) // stride * stride
    # One row for each remainder of the index, so that the walk over particles is contiguous.
    rows = size // stride
    table_g, table_h = np.empty((stride, rows)), np.empty((stride, rows))
    for j in range(size):
        g, s = 0.0, 0.0
        for a in range(4):
            g += weights[a] * log_g[j + a]
            s += weights[a] * log_h[j + a]
        table_g[j % stride, j // stride] = math.exp(g)
        table_h[j % stride, j // stride] = math.exp(s)
    particles = len(number)
    begin, end = particles, 0
    for i in range(particles):
        if number[i] != 0.0:
            begin = min(begin, i)
            end = i + 1
    backward = number[::-1].copy()
    inverse = (number / nodes)[::-1].copy()
    # What lies below the tables follows the power law of G: running sums hold it.
    tail, tail_h = np.zeros(particles + 1), np.zeros(particles + 1)
    for i in range(particles - 1, -1, -1):
        tail[i] = tail[i + 1] + number[i] * gamma_low[i]
        tail_h[i] = tail_h[i + 1] + number[i] * gamma_low[i] / nodes[i]
    count = len(eps_low)
    emitted, absorbed = np.empty(count), np.empty(count)
    for m in range(count):
        base = first + m * photons
        row, top = base % stride, base // stride
        # Particle i reads entry top - i of the row; those from i1 on lie below the table.
        i0 = max(begin, top - rows + 1)
        i1 = max(min(end, top + 1), i0)
        g, s = 0.0, 0.0
        if i0 < i1:
            seen = backward[particles - i1 : particles - i0]
            seen_h = inverse[particles - i1 : particles - i0]
            row_g = table_g[row, top - i1 + 1 : top - i0 + 1]
            row_h = table_h[row, top - i1 + 1 : top - i0 + 1]
            for a in range(len(seen)):
                g += seen[a] * row_g[a]
                s += seen_h[a] * row_h[a]
        below = min(i1, particles)
        emitted[m] = g + low * eps_low[m] * tail[below]
        absorbed[m] = s + 4.0 / 3.0 * low * eps_low[m] * tail_h[below]
    return emitted, absorbed


@lru_cache(maxsize=32)
def _powers(grid: Grid, fine: bool) -> tuple[Array, Array]:
    nodes = grid.gamma_fine if fine else grid.gamma
    return nodes ** (-2.0 / 3.0), grid.eps ** (1.0 / 3.0)


def emission(
    grid: Grid, density: Array, magnetic_field: float, mass: float = 1.0
) -> tuple[Array, Array]:
    r"""Return the synchrotron emissivity and the coefficient of self-absorption.

    Parameters
    ----------
    grid : Grid
        The grid.
    density : ndarray
        N [cm^-3] of particles of one charge on ``grid.gamma`` or ``grid.gamma_fine``.
    magnetic_field : float
        B [G]; nothing is emitted at zero.
    mass : float
        Mass of a particle in electron masses.

    Returns
    -------
    q : ndarray
        Photons emitted [cm^-3 s^-1 per unit eps] on ``grid.eps``.
    alpha : ndarray
        Absorption coefficient [cm^-1].

    Notes
    -----
    :math:`P_\nu = \sqrt 3 e^3 B / (m c^2)\, G(\nu/\nu_c)` with
    :math:`\nu_c = 3 e B \gamma^2 / (4 \pi m c)` and the average over pitch angles G of Crusius &
    Schlickeiser (1986) in the form of Aharonian, Kelner & Prosekin (2010, eq. D5), tabulated
    exactly. Absorption is
    :math:`\alpha_\nu = \frac{1}{8 \pi m \nu^2} \int \frac{N}{\gamma^2}
    \frac{\partial}{\partial\gamma}(\gamma^2 P_\nu) d\gamma`, the usual expression integrated by
    parts, so that a step in N, as at gamma_min, takes its part.
    """
    fine = len(density) == len(grid.gamma_fine)
    nodes = grid.gamma_fine if fine else grid.gamma
    if magnetic_field <= 0.0:
        return np.zeros_like(grid.eps), np.zeros_like(grid.eps)
    log_g, log_h = _table(grid)
    gamma_low, eps_low = _powers(grid, fine)
    refinement = grid.refinement
    h = grid.step / refinement
    eps_c = 1.5 * magnetic_field / B_CRITICAL / mass
    # Position in the tables of the first photon and the first particle; the cubic's node -1
    # is the first entry, at index -2 of ln x.
    position = (grid.eps_index * grid.step - math.log(eps_c * _X_MIN)) / h + 1.0
    first = math.floor(position)
    number = density * nodes * (grid.step if not fine else h)
    low = _LOW * eps_c ** (-1.0 / 3.0)
    sums = _walk(
        number,
        nodes,
        2 if fine else 2 * refinement,
        first,
        log_g,
        log_h,
        lagrange(position - first),
        low,
        gamma_low,
        eps_low,
        refinement,
    )
    power = math.sqrt(3.0) * E_CHARGE**3 * magnetic_field / (mass * ME_C2)
    q = power * HZ / ME_C2 * sums[0] / grid.eps
    alpha = power / (8.0 * math.pi * mass * M_E) * sums[1] / grid.nu**2
    return q, alpha


def emissivity(grid: Grid, density: Array, magnetic_field: float, mass: float = 1.0) -> Array:
    """Return photons emitted [cm^-3 s^-1 per unit eps]; see `emission`."""
    return emission(grid, density, magnetic_field, mass)[0]


def absorption(grid: Grid, density: Array, magnetic_field: float, mass: float = 1.0) -> Array:
    """Return the coefficient of self-absorption [cm^-1]; see `emission`."""
    return emission(grid, density, magnetic_field, mass)[1]


def magnetic_energy_density(magnetic_field: float) -> float:
    """Return B^2 / (8 pi) [erg/cm^3]."""
    return magnetic_field**2 / (8.0 * math.pi)


def cooling(nodes: Array, magnetic_field: float, mass: float = 1.0) -> Array:
    r"""Return the loss rate of synchrotron emission.

    Parameters
    ----------
    nodes : ndarray
        Lorentz factors.
    magnetic_field : float
        B [G].
    mass : float
        Mass of a particle in electron masses.

    Returns
    -------
    ndarray
        :math:`\dot\gamma = -\frac43 \sigma_T c \gamma^2 U_B / (m c^2)` [s^-1], with the Thomson
        cross-section of the particle.
    """
    rate = 4.0 / 3.0 * SIGMA_T * C * magnetic_energy_density(magnetic_field) / ME_C2
    return -rate / mass**3 * nodes**2
