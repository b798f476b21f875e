"""Independent brute-force quadrature: the truth that the kernels are measured against.

Nothing here comes from the package, not even its constants: the formulas are written down again
from the papers and integrated with Gauss-Legendre panels fine enough that doubling them changes
nothing at the level of the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from astropy import constants
from scipy.integrate import cumulative_simpson
from scipy.interpolate import CubicSpline
from scipy.special import kv

Density = Callable[[np.ndarray], np.ndarray]

C = constants.c.cgs.value
M_E = constants.m_e.cgs.value
E = constants.e.esu.value
H = constants.h.cgs.value
SIGMA_T = constants.sigma_T.cgs.value


def panels(low: float, high: float, count: int, order: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of `count` equal Gauss-Legendre panels."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(low, high, count + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def pitch_averaged(x: np.ndarray) -> np.ndarray:
    """Return the synchrotron spectrum of isotropic electrons, with Bessel functions."""
    k1, k2 = kv(1 / 3, x / 2), kv(2 / 3, x / 2)
    return x / 20 * ((8 + 3 * x**2) * k1**2 + x * k2 * (2 * k1 - 3 * x * k2))


def _electrons(density: Density, ends: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return gamma and N dgamma over pieces between `ends`."""
    parts = [
        panels(math.log(a), math.log(b), max(int(12 * math.log10(b / a)), 4))
        for a, b in pairwise(ends)
    ]
    gamma = np.exp(np.concatenate([part[0] for part in parts]))
    return gamma, np.concatenate([part[1] for part in parts]) * gamma * density(gamma)


def synchrotron(
    nu: np.ndarray, density: Density, ends: Sequence[float], field: float, mass: float = 1.0
) -> np.ndarray:
    """Return the emissivity [erg / (s cm3 Hz)], not per steradian."""
    gamma, number = _electrons(density, ends)
    nu_c = 3 * E * field * gamma**2 / (4 * math.pi * mass * M_E * C)
    power = math.sqrt(3) * E**3 * field / (mass * M_E * C**2)
    return np.array([power * np.sum(number * pitch_averaged(n / nu_c)) for n in nu])


def self_absorption(nu: float, density: Density, ends: Sequence[float], field: float) -> float:
    """Return alpha [1/cm] from the derivative of N / gamma^2, with the steps at the ends."""
    gamma, number = _electrons(density, ends)
    power = math.sqrt(3) * E**3 * field / (M_E * C**2)

    def emitted(g: np.ndarray) -> np.ndarray:
        return power * pitch_averaged(nu * 4 * math.pi * M_E * C / (3 * E * field * g**2))

    slope = 1e-4
    change = (density(gamma * (1 + slope)) / (1 + slope) ** 2) - (
        density(gamma * (1 - slope)) / (1 - slope) ** 2
    )
    inside = -np.sum(number / density(gamma) * change / (2 * slope * gamma) * emitted(gamma))
    low, high = np.array([ends[0]]), np.array([ends[-1]])
    steps = -density(low) * emitted(low) + density(high) * emitted(high)
    return float((inside + steps[0]) / (8 * math.pi * M_E * nu**2))


class Seeds:
    """Photon density per unit eps, a spline through values on a fine grid."""

    def __init__(self, eps: np.ndarray, density: np.ndarray) -> None:
        known = density > 1e-250
        self._spline = CubicSpline(np.log(eps[known]), np.log(density[known]))
        self.low, self.high = float(eps[known][0]), float(eps[known][-1])

    def __call__(self, eps: np.ndarray) -> np.ndarray:
        return np.exp(self._spline(np.log(eps)))


def jones(q: np.ndarray, big_gamma: np.ndarray) -> np.ndarray:
    """Return the kernel of Jones (1968)."""
    klein = (big_gamma * q) ** 2 * (1 - q) / (2 * (1 + big_gamma * q))
    return 2 * q * np.log(q) + (1 + 2 * q) * (1 - q) + klein


def inverse_compton(
    eps1: float,
    density: Density,
    ends: Sequence[float],
    seeds: Seeds,
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray] = jones,
) -> float:
    """Return photons scattered to eps1 [1 / (s cm3)] per unit eps1."""
    total = 0.0
    for a, b in pairwise(ends):
        low = max(a, eps1 * (1 + 1e-9))
        if low >= b:
            continue
        # In ln(gamma - eps1) the spike at gamma = eps1 is smooth; far from it, that is ln(gamma).
        z, weight = panels(math.log(low - eps1), math.log(b - eps1), 60)
        gamma = eps1 + np.exp(z)
        for g, w in zip(gamma, weight * np.exp(z), strict=True):
            least = eps1 / g / (4 * g * (1 - eps1 / g))
            start, stop = max(least, seeds.low), min(seeds.high, eps1)
            if start >= stop:
                continue
            u, du = panels(math.log(start), math.log(stop), 24)
            eps = np.exp(u)
            q = np.minimum(least / eps, 1.0)
            total += (
                w
                * float(density(np.array(g)))
                / g**2
                * np.sum(du * seeds(eps) * kernel(q, 4 * eps * g))
            )
    return 0.75 * SIGMA_T * C * total


def compton_loss(gamma: float, eps: float) -> float:
    """Return -d(gamma)/dt per photon density, for photons of one energy: the kernel's own power."""
    big = 4 * eps * gamma
    # share = big q / (1 + big q); panels in ln q resolve both ends.
    u, du = panels(math.log(1e-12), 0.0, 200)
    q = np.exp(u)
    share = big * q / (1 + big * q)
    jacobian = big * q / (1 + big * q) ** 2
    rate = 0.75 * SIGMA_T * C / (gamma**2 * eps) * gamma * jones(q, np.full_like(q, big))
    return float(np.sum(du * rate * share * gamma * jacobian))


def gamma_gamma_opacity(eps1: float, seeds: Seeds) -> float:
    """Return the opacity [1/cm] from the integral over energy and angle."""
    start = max(1.0 / eps1, seeds.low)
    u, du = panels(math.log(start), math.log(seeds.high), 300)
    eps = np.exp(u)
    total = 0.0
    for e, weight in zip(eps, du, strict=True):
        x = eps1 * e
        if x <= 1.0:
            continue
        # s = x (1 - mu) / 2 from 1 to x; (1 - mu) dmu / 2 = 2 s ds / x^2. r^2 = s - 1.
        r, dr = panels(0.0, 1.0, 20)
        r, dr = math.sqrt(x - 1.0) * r**3, math.sqrt(x - 1.0) * 3 * r**2 * dr
        s = 1.0 + r**2
        beta = np.sqrt(1.0 - 1.0 / s)
        bracket = (3 - beta**4) * np.log((1 + beta) / (1 - beta)) - 2 * beta * (2 - beta**2)
        sigma = 3 / 16 * SIGMA_T * (1 - beta**2) * bracket
        total += (
            weight * e * float(seeds(np.array([e]))[0]) * np.sum(dr * 2 * r * sigma * 2 * s / x**2)
        )
    return float(total)


def pair_spectrum(gamma: np.ndarray, eps1: float, eps2: float) -> np.ndarray:
    """Return leptons per gamma for one photon of each energy [cm3 / s], both signs together."""
    a = eps1 + eps2
    rest = gamma * (a - gamma)
    log = np.log(4 * eps2 * rest / a)
    shape = (
        4 * a**2 / rest * log
        - 8 * a * eps2
        + 2 * a**2 * (2 * a * eps2 - 1) / rest
        - (1 - 1 / (a * eps2)) * a**4 / rest**2
    )
    value = 2 * 3 / 32 * SIGMA_T * C / (eps1**3 * eps2**2) * shape
    return np.where(4 * eps2 * rest / a > 1.0, np.maximum(value, 0.0), 0.0)


def steady_state(
    gamma: np.ndarray, source: Density, speed: Density, escape: float, ends: Sequence[float]
) -> np.ndarray:
    """Return N at `gamma` for -d(speed N)/dgamma = source - N / escape, cooling downward."""
    # One fine grid that has every end as a node; integrals from the top by Simpson's rule.
    log_g = np.unique(
        np.concatenate([np.linspace(math.log(a), math.log(b), 6001) for a, b in pairwise(ends)])
    )
    g = np.exp(log_g)
    # Time to cool from the top, in escape times, counted negative upward: it falls with gamma.
    age = -cumulative_simpson(g / speed(g), x=log_g, initial=0.0) / escape
    out = []
    for value in gamma:
        here = np.interp(math.log(value), log_g, age)
        start = max(math.log(value), math.log(ends[1]) if source(np.array([value]))[0] == 0 else 0)
        # Particles injected more than 45 escape times ago are gone.
        stop = np.interp(here - 45.0, age[::-1], log_g[::-1]) if age[0] > age[-1] else log_g[-1]
        if stop <= start:
            out.append(0.0)
            continue
        u, du = panels(start, stop, 4000, 4)
        at = np.exp(u)
        decay = np.exp(np.interp(u, log_g, age) - here)
        out.append(np.sum(du * at * source(at) * decay) / speed(np.array([value]))[0])
    return np.array(out)
