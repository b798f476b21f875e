"""Absorption of gamma rays by photons, the pairs it makes, and escape from a homogeneous sphere."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._compiled import compiled, reordered
from astroquery_mmdc.modeling.kernels._numerics import cardinal, gauss
from astroquery_mmdc.modeling.kernels.compton import _index_sums
from astroquery_mmdc.modeling.kernels.constants import SIGMA_T, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["escape", "opacity", "pair_tables", "pairs", "residence"]

Array = NDArray[np.float64]

_SEED_WEIGHT = 2.5
"""eps n is interpolated as eps^-1.5 times a cubic."""
_DEEPEST = 5.0
"""Decades of eps1 eps2 above which the shape of the pair spectrum is taken as constant."""


def _cross_section(s: Array) -> Array:
    """Return the cross-section of pair production over sigma_T, for s = (1 - beta^2)^-1 > 1."""
    beta = np.sqrt(1.0 - 1.0 / s)
    # (1 + beta) / (1 - beta) without cancellation.
    log = np.log((1.0 + beta) ** 2 * s)
    return 3.0 / 16.0 / s * ((3.0 - beta**4) * log - 2.0 * beta * (2.0 - beta**2))


def _rate(log_x: Array) -> Array:
    """Return the exact rate R(x) = 2 / x^2 * integral of s sigma(s) from 1 to x, x = eps1 eps2."""
    points, weights = gauss(48)
    # s = 1 + u^2 removes the square root at threshold; logarithmic in s farther out.
    near = np.minimum(log_x, math.log(2.0))
    root = np.sqrt(np.maximum(np.expm1(near), 0.0))
    u = root[:, None] * points
    s = 1.0 + u**2
    total = root * ((2.0 * u * s * _cross_section(np.maximum(s, 1.0 + 1e-15))) @ weights)
    far = np.maximum(log_x - near, 0.0)
    s = np.exp(near[:, None] + far[:, None] * points)
    total = total + far * ((s**2 * _cross_section(np.maximum(s, 1.0 + 1e-15))) @ weights)
    return np.where(log_x > 0.0, 2.0 * total * np.exp(-2.0 * log_x), 0.0)


@lru_cache(maxsize=16)
def _rates(grid: Grid) -> Array:
    """Return R integrated against the cubics of the target photons, by sum of indices."""
    h = grid.step
    points, weights = gauss(6)
    index = 2 * grid.eps_index + np.arange(2 * len(grid.eps) - 1)
    cells = np.arange(index[0] - 2, index[-1] + 2)
    log_x = (cells[:, None] + points) * h
    values = _rate(log_x.ravel()).reshape(log_x.shape)
    out = np.zeros(len(index))
    for cell in range(-2, 2):
        shape = cardinal(cell, points) * np.exp((1.0 - _SEED_WEIGHT) * (cell + points) * h)
        out += values[cell + 2 : cell + 2 + len(index)] @ (shape * weights)
    return np.maximum(out, 0.0)


def opacity(grid: Grid, photons: Array) -> Array:
    r"""Return the absorption coefficient of gamma rays in isotropic photons.

    Parameters
    ----------
    grid : Grid
        The grid.
    photons : ndarray
        n(eps) [cm^-3] on ``grid.eps``.

    Returns
    -------
    ndarray
        :math:`\kappa(\epsilon_1) = \sigma_T \int n(\epsilon) R(\epsilon_1 \epsilon) d\epsilon`
        [cm^-1], with the exact average R over directions (Gould & Schreder 1967).
    """
    weights = photons * grid.eps
    return np.asarray(SIGMA_T * grid.step * _index_sums(weights, _rates(grid), len(grid.eps)))


@lru_cache(maxsize=8)
def _shares(per_decade: int) -> tuple[Array, NDArray[np.int64]]:
    """Return how the leptons of a pair are shared between nodes, by index of s = eps1 eps2.

    Row of s = 10**(i / n); entry w belongs to gamma / (eps1 + eps2) = 10**((w - width + 1) / n).
    Each row holds two leptons with the energy eps1 + eps2 in all.
    """
    n, h = per_decade, math.log(10.0) / per_decade
    rows = round(_DEEPEST * n) + 1
    s = 10.0 ** (np.arange(rows) / n)
    s[0] = 10.0 ** (0.25 / n)  # the threshold itself makes no spectrum: a quarter of a step above
    width = round((_DEEPEST + 1.0) * n) + 3
    points, weights = gauss(12)
    nodes = np.arange(-width + 1, 1)
    out = np.zeros((rows, width))
    for row in range(rows):
        root = math.sqrt(1.0 - 1.0 / s[row])
        low, high = 0.5 / (s[row] * (1.0 + root)), 0.5 * (1.0 + root)
        # Logarithmic panels in y and, by symmetry, in 1 - y: half the interval, taken twice.
        edges = np.unique(np.append(np.exp(nodes * h), [low, 0.5]))
        edges = edges[(edges >= low) & (edges <= 0.5)]
        y = (edges[:-1, None] + np.diff(edges)[:, None] * points).ravel()
        weight = (np.diff(edges)[:, None] * weights).ravel() * _pair_spectrum(y, s[row])
        if high - low < 1e-12 or weight.sum() <= 0.0:
            y, weight = np.array([0.5]), np.array([1.0])
        weight = weight / weight.sum()
        for lepton in (y, 1.0 - y):
            _share_out(out[row], lepton, weight, h)
    first = np.array([int(np.argmax(row > 0.0)) for row in out])
    return out, first


def _pair_spectrum(y: Array, s: float) -> Array:
    """Return the shape of the spectrum of a pair in y = gamma / eps1 (Aharonian et al. 1983)."""
    z = y * (1.0 - y)
    shape = 4.0 / z * np.log(np.maximum(4.0 * s * z, 1.0)) - 8.0 * s
    return np.maximum(shape + 2.0 * (2.0 * s - 1.0) / z - (1.0 - 1.0 / s) / z**2, 0.0)


def _share_out(row: Array, share: Array, number: Array, h: float) -> None:
    """Add leptons to the two nodes around each, keeping number and energy."""
    last = len(row) - 1
    node = np.clip(np.floor(np.log(share) / h).astype(int), -last, -1)
    low, high = np.exp(node * h), np.exp((node + 1) * h)
    upper = (share - low) / (high - low)
    np.add.at(row, node + last, number * (1.0 - upper))
    np.add.at(row, node + last + 1, number * upper)


@reordered
def _pair_sums(rate, targets, rates, shares, first, eps_index, shift, upper, count):  # type: ignore[no-untyped-def]
    """Return leptons per node from every pair of photons, the more energetic one leading."""
    rows, width = shares.shape
    out = np.zeros(count)
    near = len(shift)
    for m in range(max(-eps_index, 0), len(rate)):
        low = max(-2 * eps_index - m, 0)
        if rate[m] <= 0.0 or low > m:
            continue
        seen, known = targets[low:], rates[m + low : m + len(targets)]
        total = 0.0
        for k in range(len(seen)):
            total += seen[k] * known[k]
        if total <= 0.0:
            continue
        events, spectrum = np.zeros(rows), np.zeros(width)
        for k in range(low, m + 1):
            number = rate[m] * targets[k] * rates[m + k] / total
            if number <= rate[m] * 1e-9:
                continue
            row = min(2 * eps_index + m + k, rows - 1)
            d = m - k
            if d >= near:
                events[row] += number
                continue
            # The pair's energy eps1 + eps2 lies off the nodes: between two shifts of the row.
            if d == 0:
                number *= 0.5
            for w in range(first[row], width):
                j = eps_index + m + shift[d] + w - width + 1
                part = number * shares[row, w]
                if 0 <= j < count - 1:
                    out[j] += part * (1.0 - upper[d])
                    out[j + 1] += part * upper[d]
                elif j < 0:
                    out[0] += part
        for row in range(rows):
            number = events[row]
            if number > 0.0:
                line, part_of = shares[row, first[row] :], spectrum[first[row] :]
                for w in range(len(line)):
                    part_of[w] += number * line[w]
        # The last entry of a row belongs to the energy of the leading photon.
        for w in range(width):
            j = eps_index + m + w - width + 1
            if 0 <= j < count:
                out[j] += spectrum[w]
    return out


@lru_cache(maxsize=8)
def _shifts(per_decade: int) -> tuple[NDArray[np.int64], Array]:
    """Return where ln(1 + eps2 / eps1) lies between nodes, by difference of indices."""
    h = math.log(10.0) / per_decade
    factor = 1.0 + np.exp(-h * np.arange(3 * per_decade))
    shift = np.floor(np.log(factor) / h)
    low = np.exp(shift * h)
    return shift.astype(np.int64), (factor - low) / (low * math.expm1(h))


def pair_tables(grid: Grid) -> tuple[Any, ...]:
    """Return what the sums over pairs of photons take besides the photons."""
    shares = _shares(grid.per_decade)
    return _rates(grid), *shares, grid.eps_index, *_shifts(grid.per_decade), len(grid.gamma)


def pairs(grid: Grid, photons: Array, rate: Array | None = None) -> Array:
    r"""Return the electrons and positrons that annihilating photons make.

    Parameters
    ----------
    grid, photons
        As in `opacity`.
    rate : ndarray, optional
        Photons absorbed [cm^-3 s^-1 per unit eps]; the default is c kappa n.

    Returns
    -------
    ndarray
        Q(gamma) of both together [cm^-3 s^-1] on ``grid.gamma``.

    Notes
    -----
    The shape is that of Aharonian, Atoyan & Nagapetyan (1983), exact where one photon is much more
    energetic than the other. It is normalised in each pair of photon energies to two leptons with
    the energy of both photons, so number and energy are those of the photons absorbed.
    """
    if rate is None:
        rate = C * opacity(grid, photons) * photons
    leptons = _pair_sums(rate * grid.eps, photons * grid.eps, *pair_tables(grid))
    return np.asarray(leptons / grid.gamma)


def escape(tau: Array) -> Array:
    r"""Return the part of a homogeneous sphere's emission that leaves it.

    Parameters
    ----------
    tau : ndarray
        Optical depth along the diameter, 2 R alpha.

    Returns
    -------
    ndarray
        :math:`3 u / \tau` with :math:`u = 1/2 + e^{-\tau}/\tau - (1 - e^{-\tau})/\tau^2`
        (Gould 1979).
    """
    return 1.0 - 0.375 * tau * residence(tau)


def residence(tau: Array) -> Array:
    r"""Return the mean time of photons in an absorbing sphere, over that without absorption.

    Parameters
    ----------
    tau : ndarray
        Optical depth along the diameter.

    Returns
    -------
    ndarray
        8 (1 - escape) / (3 tau): what is made is either absorbed or escapes, hence
        :math:`n c \alpha = q (1 - f_{esc})`.
    """
    tau = np.asarray(tau, dtype=np.float64)
    return np.asarray(_mean_times(tau.ravel())).reshape(tau.shape)


@compiled
def _mean_times(tau):  # type: ignore[no-untyped-def]
    out = np.empty(len(tau))
    for k in range(len(tau)):
        x = tau[k]
        if x < 0.05:
            series = 1.0 / 18.0 - x * (1.0 / 105.0 - x / 720.0)
            out[k] = 1.0 - x * (4.0 / 15.0 - x * series)
        else:
            decay = math.exp(-x)
            left = 3.0 / x * (0.5 + decay / x - (1.0 - decay) / x**2)
            out[k] = 8.0 / 3.0 * (1.0 - left) / x
    return out
