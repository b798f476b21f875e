"""Compton scattering of external photons by plain quadrature: slow, and shares no code.

Everything is done in the frame of the blob with explicit Lorentz transformations of energies and
angles, and no histogram: the truth that the kernels of `astroquery_mmdc.modeling` are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

SIGMA_T = 6.6524587321e-25
C = 2.99792458e10
ME_C2 = 8.1871057769e-07

Distribution = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Electrons:
    """N(gamma) between two Lorentz factors."""

    density: Distribution
    lowest: float
    highest: float


@dataclass(frozen=True)
class Rays:
    """Photons [cm^-3] of one energy [m_e c^2] that fly at mu and phi to the jet, host's frame."""

    density: np.ndarray
    energy: np.ndarray
    mu: np.ndarray
    phi: np.ndarray


def cross_section(gamma: np.ndarray, eps_s: float, eps: float, cos_psi: float) -> np.ndarray:
    """Return d sigma / d eps_s of head-on scattering."""
    invariant = gamma * eps * (1.0 - cos_psi)
    y = 1.0 - eps_s / gamma
    ratio = eps_s / (gamma * invariant * y)
    return 3.0 / 8.0 * SIGMA_T / (gamma * invariant) * (y + 1.0 / y - 2.0 * ratio + ratio**2)


def _panels(low: float, high: float, width: float, order: int) -> Iterator[tuple]:
    node, weight = np.polynomial.legendre.leggauss(order)
    count = max(1, int(np.ceil((high - low) / width)))
    half = 0.5 * (high - low) / count
    for panel in range(count):
        yield low + half * (2 * panel + 1) + half * node, half * weight


def rate(electrons: Electrons, eps_s: float, eps: float, cos_psi: float) -> float:
    """Return c (1 - cos psi) times the integral of N d sigma / d eps_s over gamma."""
    facing = eps * (1.0 - cos_psi)
    if facing <= 0.0 or eps_s < 0.5 * facing:
        return 0.0
    lowest = 0.5 * (eps_s + np.sqrt(eps_s**2 + 2.0 * eps_s / facing))
    lowest = max(lowest, electrons.lowest)
    if lowest >= electrons.highest:
        return 0.0
    total = 0.0
    # Near gamma = eps_s the kernel goes like 1/y: steps in ln(gamma - eps_s) follow it.
    low, high = np.log(lowest - eps_s), np.log(electrons.highest - eps_s)
    for v, weight in _panels(low, high, 0.5, 12):
        gamma = eps_s + np.exp(v)
        value = electrons.density(gamma) * cross_section(gamma, eps_s, eps, cos_psi)
        total += float(weight @ (value * np.exp(v)))
    return C * (1.0 - cos_psi) * total


def emissivity(
    electrons: Electrons, rays: Rays, bulk: float, mu_s: float, eps_s: np.ndarray
) -> np.ndarray:
    """Return q(eps_s) [cm^-3 s^-1] towards the observer, in the frame of the blob."""
    beta = np.sqrt(1.0 - 1.0 / bulk**2)
    mu_s_blob = (mu_s - beta) / (1.0 - beta * mu_s)
    out = np.zeros(eps_s.size)
    for density, energy, mu, phi in zip(rays.density, rays.energy, rays.mu, rays.phi, strict=True):
        factor = bulk * (1.0 - beta * mu)
        mu_blob = (mu - beta) / (1.0 - beta * mu)
        cos_psi = mu_blob * mu_s_blob
        cos_psi += np.sqrt((1.0 - mu_blob**2) * (1.0 - mu_s_blob**2)) * np.cos(phi)
        for i, value in enumerate(eps_s):
            out[i] += density * factor * rate(electrons, value, energy * factor, cos_psi)
    return out


def shell(
    luminosity: float, radius: float, distance: float, energy: float, *, rings: int, azimuths: int
) -> Rays:
    """Return the photons of a thin shell, sampled closely about the point next to the blob."""
    node, weight = np.polynomial.legendre.leggauss(rings)
    t = 0.5 * (1.0 + node)
    lag, weight = 2.0 * t**4, 4.0 * t**3 * weight
    square = (radius - distance) ** 2 + 2.0 * radius * distance * lag
    mu = (distance - radius + radius * lag) / np.sqrt(square)
    density = luminosity * 0.5 * weight / (4.0 * np.pi * C * square * energy * ME_C2)
    return around(density, np.full(rings, energy), mu, azimuths)


def ring(luminosity: float, radius: float, distance: float, energy: float, azimuths: int) -> Rays:
    """Return the photons of a thin ring."""
    square = radius**2 + distance**2
    density = luminosity / (4.0 * np.pi * C * square * energy * ME_C2)
    mu = distance / np.sqrt(square)
    return around(np.array([density]), np.array([energy]), np.array([mu]), azimuths)


def isotropic(energy_density: float, energy: float, *, rings: int, azimuths: int) -> Rays:
    """Return the photons of an isotropic field of one energy."""
    mu, weight = np.polynomial.legendre.leggauss(rings)
    density = 0.5 * weight * energy_density / (energy * ME_C2)
    return around(density, np.full(rings, energy), mu, azimuths)


def around(density: np.ndarray, energy: np.ndarray, mu: np.ndarray, azimuths: int) -> Rays:
    """Spread bundles evenly over azimuth; half of the circle is enough."""
    phi = np.pi * (np.arange(azimuths) + 0.5) / azimuths
    mu, phi = (x.ravel() for x in np.meshgrid(mu, phi, indexing="ij"))
    return Rays(np.repeat(density / azimuths, azimuths), np.repeat(energy, azimuths), mu, phi)


def black_body(rays: Rays, energies: int) -> Rays:
    """Replace each line by a black body of the same number, the line's energy being kT."""
    node, weight = np.polynomial.legendre.leggauss(energies)
    low, high = np.log(1e-3), np.log(45.0)
    x = np.exp(0.5 * (low + high) + 0.5 * (high - low) * node)
    share = weight * x**3 / np.expm1(x)
    share /= share.sum()
    return Rays(
        np.outer(rays.density, share).ravel(),
        np.outer(rays.energy, x).ravel(),
        np.repeat(rays.mu, energies),
        np.repeat(rays.phi, energies),
    )


def opacity_cross_section(s: np.ndarray) -> np.ndarray:
    """Return the cross-section of photon-photon pair production at s = eps_1 eps (1 - cos) / 2."""
    beta = np.sqrt(1.0 - 1.0 / np.maximum(s, 1.0))
    rapidity = np.arccosh(np.sqrt(np.maximum(s, 1.0)))  # artanh(beta)
    bracket = (3.0 - beta**4) * 2.0 * rapidity - 2.0 * beta * (2.0 - beta**2)
    return np.where(s > 1.0, 3.0 / 16.0 * SIGMA_T * (1.0 - beta**2) * bracket, 0.0)


def shell_opacity(
    luminosity: float, radius: float, distance: float, energy: float, eps: float
) -> float:
    """Return the optical depth of a thin shell's line along the axis, out of the host."""
    unit, share = np.polynomial.legendre.leggauss(200)
    t, share = 0.5 * (1.0 + unit), 0.5 * share
    total = 0.0
    # Nodes crowd where the path crosses the shell, and there about the nearest point of the shell.
    inside = (radius - (radius - distance) * t**3, (radius - distance) * 3.0 * t**2 * share)
    span = np.log(1e3)
    outer = radius * np.exp(span * t**3)
    outside = (outer, outer * span * 3.0 * t**2 * share)
    lag_re, weight = 2.0 * t**4, 8.0 * t**3 * share
    for places, lengths in (inside, outside):
        for place, length in zip(places, lengths, strict=True):
            square = (radius - place) ** 2 + 2.0 * radius * place * lag_re
            mu = (place - radius + radius * lag_re) / np.sqrt(square)
            density = luminosity / (8.0 * np.pi * C * energy * ME_C2 * square)
            section = opacity_cross_section(0.5 * eps * energy * (1.0 - mu))
            total += length * float(weight @ (density * (1.0 - mu) * section))
    return total
