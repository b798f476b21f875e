"""Tables of inverse Compton scattering on a logarithmic grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._numerics import cardinal, gauss
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["Table", "build", "jones", "losses", "scattering"]

Array = NDArray[np.float64]
Kernel = Callable[[Array, Array], Array]

_ELECTRON_WEIGHT = 3.5
"""N / gamma is interpolated as gamma^-3.5 times a cubic: exact near an index of 2.5."""
_SEED_WEIGHT = 1.5
"""n is interpolated as eps^-1.5 times a cubic."""
_THOMSON = -4.0
"""Decades of eps1 / gamma below which recoil is left out (1e-4 of the kernel)."""
_AVERAGED = -2.0
"""Decades of eps1 / gamma above which the kernel is averaged over the electrons' cells, too."""
_DEPTH = 3.5
"""Decades above threshold that a row of the table covers; beyond, its limit is used."""
_EDGE = 6.0
"""Decades of gamma eps up to which the rows at eps1 = gamma reach: there F grows with ln(b)."""
_SUPPORT = 2
"""Cells that a node's cubic reaches to either side."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Kernel F(eps1 / gamma, gamma eps) integrated against the cubics of both grids.

    Row r belongs to eps1 / gamma = 10**((lowest + r) / per_decade); row 0, shifted, stands for all
    lower ones. Entry w of a row belongs to gamma eps = 10**((start[r] + w) / per_decade). From the
    end of a row on the entry is ``limit[r] + slope[r] * w``.
    """

    lowest: int
    start: NDArray[np.int64]
    width: NDArray[np.int64]
    entries: Array
    limit: Array
    slope: Array

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All of it, in the order in which the compiled walks take it."""
        return self.lowest, self.start, self.width, self.entries, self.limit, self.slope


def jones(share: Array, b: Array) -> Array:
    """Return the kernel F of Jones (1968), zero outside its kinematic limits.

    Parameters
    ----------
    share : ndarray
        eps1 / gamma, the photon's share of the electron's energy.
    b : ndarray
        gamma eps, the seed photon's energy for the electron (a quarter of Gamma_e).

    Notes
    -----
    Blumenthal & Gould (1970, eq. 2.48), F = 2q ln q + (1+2q)(1-q) + (Gq)^2 (1-q) / (2 (1 + Gq)),
    G = 4b, q = share / (G (1 - share)).
    """
    recoil = share / (1.0 - share)
    q = np.clip(recoil / (4.0 * b), 1e-300, 1.0)
    kernel = 2.0 * q * np.log(q) + (1.0 + 2.0 * q) * (1.0 - q)
    return kernel + recoil**2 * (1.0 - q) / (2.0 * (1.0 + recoil))


@lru_cache(maxsize=8)
def scattering(per_decade: int) -> Table:
    """Return the table of `jones` for a grid of that density."""
    return build(per_decade, jones)


def build(per_decade: int, kernel: Kernel) -> Table:
    """Return the table of a kernel F(eps1 / gamma, gamma eps) with the limits of `jones`."""
    n, h = per_decade, math.log(10.0) / per_decade
    lowest = round(_THOMSON * n)
    rows = np.arange(lowest, _SUPPORT)
    start = np.array([_first_entry(int(a), h) for a in rows])
    width = np.full(len(rows), math.ceil(_DEPTH * n) + 2 * _SUPPORT)
    edge = rows >= -n // 3
    width[edge] = math.ceil(_EDGE * n) - start[edge]
    entries = np.zeros((len(rows), int(width.max())))
    limit, slope = np.zeros(len(rows)), np.zeros(len(rows))
    for r, a in enumerate(rows):
        average = _averaged if a > _AVERAGED * n else _at_node
        row = _seed_average(average, kernel, int(a), start[r] + np.arange(width[r]), h)
        entries[r, : width[r]] = row
        far = math.ceil(7.0 * n)
        limit[r] = _seed_average(average, kernel, int(a), np.array([far]), h)[0]
        if edge[r]:
            beyond = _seed_average(average, kernel, int(a), np.array([far + n]), h)[0]
            slope[r] = (beyond - limit[r]) / n
            limit[r] -= slope[r] * (far - start[r])
    return Table(lowest, start, width, entries, limit, slope)


def _first_entry(a: int, h: float) -> int:
    """Return the lowest index of gamma eps at which a row is not zero."""
    reach = _SUPPORT * h
    share = math.exp(a * h - reach) if a * h > math.log(10.0) * _AVERAGED else math.exp(a * h)
    share = min(share, 1.0 - 1e-9)
    return math.floor((math.log(share / (4.0 * (1.0 - share))) - 2.0 * reach) / h)


def _seed_average(
    average: Callable[..., Array], kernel: Kernel, a: int, entries: Array, h: float
) -> Array:
    """Integrate an electron's kernel against the cubics of the seed photons, in units of h."""
    points, weights = gauss(4 if average is _averaged else 12)
    cells = np.arange(entries[0] - _SUPPORT, entries[-1] + _SUPPORT)
    log_b = (cells[:, None] + points) * h
    values = average(kernel, a, log_b.ravel(), h).reshape(log_b.shape)
    out = np.zeros(len(entries))
    for cell in range(-_SUPPORT, _SUPPORT):
        shape = cardinal(cell, points) * np.exp(-_SEED_WEIGHT * (cell + points) * h) * weights
        first = cell + _SUPPORT
        out += values[first : first + len(entries)] @ shape
    return out


def _at_node(kernel: Kernel, a: int, log_b: Array, h: float) -> Array:
    """Return the kernel for an electron at its node."""
    share = np.full_like(log_b, math.exp(a * h))
    b = np.exp(log_b)
    allowed = share < 4.0 * b / (1.0 + 4.0 * b)
    return np.where(allowed, kernel(share, b), 0.0)


def _averaged(kernel: Kernel, a: int, log_b: Array, h: float) -> Array:
    """Integrate the kernel against the cubic of the electron's node, in units of h.

    In the variable ln(gamma - eps1), gamma in units of its node, the spike of the kernel where a
    photon takes all of the energy is smooth.
    """
    share, b = math.exp(a * h), np.exp(log_b)
    lowest = (share + np.sqrt(share**2 + share / b)) / 2.0
    points, weights = gauss(20)
    # lowest - share, without cancellation.
    least = share / b / (2.0 * (np.sqrt(share**2 + share / b) + share))
    out = np.zeros_like(b)
    for cell in range(-_SUPPORT, _SUPPORT):
        low = np.maximum(math.exp(cell * h), lowest)
        high = math.exp((cell + 1) * h)
        inside = low < high
        if not inside.any():
            continue
        below = np.where(lowest[inside] >= math.exp(cell * h), least[inside], low[inside] - share)
        z0, z1 = np.log(below), math.log(high - share)
        excess = np.exp(z0[:, None] + (z1 - z0)[:, None] * points)
        gamma = share + excess
        u = np.log(gamma)
        t = np.clip(u / h - cell, 0.0, 1.0)
        taken = np.minimum(share / gamma, 1.0 - 1e-15)
        value = _kernel_near_edge(kernel, taken, excess / gamma, b[inside, None] * gamma)
        shape = cardinal(cell, t) * np.exp(-_ELECTRON_WEIGHT * u)
        out[inside] += (z1 - z0) * ((value * shape * excess / gamma) @ weights)
    return out / h


def _kernel_near_edge(kernel: Kernel, share: Array, left: Array, b: Array) -> Array:
    """Return the kernel, `share` written as 1 - `left` where rounding would lose it."""
    return kernel(np.where(left < 1e-3, 1.0 - left, share), b)


@lru_cache(maxsize=16)
def losses(grid: Grid) -> Array:
    """Return f_KN(4b) for every index sum of ``grid.gamma`` and ``grid.eps``.

    Notes
    -----
    Moderski et al. (2005): the loss rate is that of Thomson scattering times f_KN, here exactly.
    """
    index = grid.eps_index + np.arange(len(grid.gamma) + len(grid.eps) - 1)
    b = 4.0 * 10.0 ** (index / grid.per_decade)
    return np.where(b < 1e-3, 1.0 - 63.0 / 40.0 * b + 441.0 / 200.0 * b**2, _exact_losses(b))


def _exact_losses(b: Array) -> Array:
    b = np.maximum(b, 1e-4)
    log = np.log1p(b)
    rational = (11.0 / 12.0 * b**3 + 6.0 * b**2 + 9.0 * b + 4.0) / (1.0 + b) ** 2
    g = (b / 2.0 + 6.0 + 6.0 / b) * log - rational - 2.0 + 2.0 * _dilogarithm(b)
    return 9.0 * g / b**3


def _dilogarithm(b: Array) -> Array:
    """Return Li2(-b) for b > 0."""
    small = np.where(b > 1.0, 1.0 / b, b)
    z = small / (1.0 + small)
    powers = np.arange(1, 60)
    series = (z[:, None] ** powers / powers**2).sum(axis=1)
    value = -series - 0.5 * np.log1p(small) ** 2
    return np.where(b > 1.0, -(math.pi**2) / 6.0 - 0.5 * np.log(b) ** 2 - value, value)
