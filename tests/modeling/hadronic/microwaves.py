"""Cosmic rays on the microwave background, by plain sums over the formula of photopion spectra."""

from __future__ import annotations

import numpy as np

from astroquery_mmdc.modeling.hadronic import ka08
from astroquery_mmdc.modeling.kernels.constants import ME_C2, MP_ME

EV = 1.602176634e-12
BOLTZMANN = 1.380649e-16
TEMPERATURE = 2.7
LOWEST = 1e9 * EV / MP_ME / ME_C2


def background(eps: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Black body per unit energy over m_e c^2 [cm^-3]."""
    with np.errstate(over="ignore"):
        bose = np.expm1(eps * ME_C2 / (BOLTZMANN * temperature))
    return 8.0 * np.pi / 2.42631023867e-10**3 * eps**2 / bose


def cosmic_rays(gamma: np.ndarray, cut_ev: float = 3e20) -> np.ndarray:
    """Protons E^-2 exp(-E / cut) with 1 erg / cm3 above 1 GeV."""
    cut = cut_ev * EV / MP_ME / ME_C2
    fine = np.logspace(np.log10(LOWEST), np.log10(50 * cut), 20001)
    energy = np.trapezoid(np.exp(-fine / cut), np.log(fine)) * MP_ME * ME_C2
    return np.where(gamma > LOWEST, gamma**-2 * np.exp(-gamma / cut), 0.0) / energy


def per_proton(particle: str, proton_ev: float, x: float) -> float:
    """dN/dx [s^-1] of a proton of one energy."""
    gamma = proton_ev * EV / ME_C2 / MP_ME
    first = ka08.ETA_0 * MP_ME / 4.0 / gamma
    last = max(60 * BOLTZMANN * TEMPERATURE / ME_C2, 2 * first)
    eps = np.geomspace(first, last, 300)
    phi = ka08.phi(particle, 4.0 * eps * gamma / MP_ME, x)
    return float(np.trapezoid(background(eps) * phi * eps, np.log(eps)))


def quadrature(particle: str, energy: float, cut_ev: float = 3e20) -> float:
    """E dN/dE [cm^-3 s^-1] of all protons, energy over m_e c^2."""
    x = np.logspace(-4.0, 0.0, 401)
    gamma = energy / MP_ME / x
    protons = cosmic_rays(gamma, cut_ev)
    rate = np.zeros_like(x)
    for i in np.flatnonzero(protons > 1e-12 * protons.max()):
        rate[i] = per_proton(particle, gamma[i] * MP_ME * ME_C2 / EV, x[i])
    return energy / MP_ME * float(np.trapezoid(rate * protons, np.log(x)))
