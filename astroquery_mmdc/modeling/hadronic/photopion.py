"""Photopion production of protons: losses, gamma rays, leptons and neutrinos."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.hadronic import ka08
from astroquery_mmdc.modeling.hadronic.photohadronic import ResponseTable, spread
from astroquery_mmdc.modeling.kernels.constants import EV, ME_C2, MP_ME, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["secondaries", "table", "two_step_loss"]

Array = NDArray[np.float64]

_X_DECADES = 5  # the spectra are flat in dN/dE below 1e-4 of the energy of the proton
_MEV = 1e6 * EV / ME_C2


def _sample(log_product: Array, log_ratio: Array) -> Array:
    """Return Phi m_e / m_p of all particles at gamma_p epsilon and gamma / gamma_p."""
    eta = 4.0 * 10.0**log_product / MP_ME
    x = 10.0**log_ratio / MP_ME
    spectra = [ka08.phi(particle, eta, x) for particle in ka08.SECONDARIES]
    return np.stack(spectra, axis=1) / MP_ME


@lru_cache(maxsize=8)
def table(grid: Grid) -> ResponseTable:
    """Return the spectra of `ka08.SECONDARIES` as a table on one grid.

    Notes
    -----
    The equation is Kelner & Aharonian (2008), eq. 30:
    dN/dE = integral of f_p(E_p) f_ph(epsilon) Phi(eta, E / E_p) d epsilon dE_p / E_p.
    """
    per_decade = grid.per_decade
    lowest = np.log10(ka08.ETA_0 * MP_ME / 4.0) * per_decade
    highest = lowest + np.log10(ka08.RHO_MAX) * per_decade
    sums = range(int(np.floor(lowest)), int(np.ceil(highest)) + 2)
    most = int(np.ceil(np.log10(MP_ME) * per_decade))
    differences = range(most - _X_DECADES * per_decade, most + 1)
    return ResponseTable.of(_sample, per_decade, sums, differences, held=True)


def secondaries(grid: Grid, rate: Array, protons: Array) -> dict[str, Array]:
    """Return photons and leptons [cm^-3 s^-1 per unit of energy / (m_e c^2)] by name.

    Parameters
    ----------
    grid, rate, protons
        As in `~astroquery_mmdc.modeling.hadronic.photohadronic.spread`.

    Returns
    -------
    dict
        Keys are `ka08.SECONDARIES`. Gamma rays and neutrinos are given on ``grid.eps``, electrons
        and positrons on ``grid.gamma``.
    """
    first = min(grid.eps_index, 0)
    size = max(grid.eps_index + grid.eps.size, grid.gamma.size) - first
    spectra = spread(table(grid), grid, rate, protons, first=first, size=size)
    photons = slice(grid.eps_index - first, grid.eps_index - first + grid.eps.size)
    leptons = slice(-first, -first + grid.gamma.size)
    return {
        name: spectrum[leptons if name in ("electron", "positron") else photons]
        for name, spectrum in zip(ka08.SECONDARIES, spectra, strict=True)
    }


def two_step_loss(grid: Grid, n: Array) -> Array:
    """Return the loss rate that the two-step cross-section gives [s^-1], not positive.

    A check of the loss that follows from the secondaries, which the models use.

    Parameters
    ----------
    grid, n
        As in `~astroquery_mmdc.modeling.hadronic.photohadronic.rates`.

    Notes
    -----
    Atoyan & Dermer (2003): 340 microbarn and an inelasticity of 0.2 between photon energies of 200
    and 500 MeV in the frame of the proton, 120 microbarn and 0.6 above:
    1/t = c / (2 gamma^2) integral d eps n / eps^2 integral_0^(2 gamma eps) e sigma K de.
    """
    low, high = 200.0 * _MEV, 500.0 * _MEV
    reach = 2.0 * np.outer(grid.gamma, grid.eps)
    first = 0.5 * 340e-30 * 0.2 * np.clip(reach**2 - low**2, 0.0, high**2 - low**2)
    second = 0.5 * 120e-30 * 0.6 * np.clip(reach**2 - high**2, 0.0, None)
    rate = (first + second) @ (n / grid.eps) * grid.step
    return np.asarray(-C * rate / (2.0 * grid.gamma))
