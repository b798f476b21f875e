"""The electromagnetic cascade: photons make pairs, pairs make photons, until nothing is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels import kinetic
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["Medium", "annihilation_pairs"]

Array = NDArray[np.float64]

_GENERATIONS = 200
_CONVERGED = 1e-5


@dataclass(frozen=True, slots=True)
class Medium:
    """The photons and the magnetic field that a cascade develops in.

    Parameters
    ----------
    grid : Grid
        Grid of electrons and photons.
    emission : ndarray
        Photons that one electron makes, rows for electrons [s^-1 per unit eps].
    leptons : ndarray
        Leptons that one photon makes, rows for photons [s^-1 per unit gamma].
    exposure : ndarray
        Mean time that a photon stays, absorption included [s].
    gamma_dot : ndarray
        Cooling rate of electrons on ``grid.gamma`` [s^-1], negative.
    t_esc : float
        Escape time of electrons [s].
    """

    grid: Grid
    emission: Array
    leptons: Array
    exposure: Array
    gamma_dot: Array
    t_esc: float

    def cooled(self, source: Array) -> Array:
        """Return N [cm^-3] of electrons injected at a rate Q, in the steady state."""
        return kinetic.steady(self.grid.gamma, source, self.gamma_dot, self.t_esc)

    def emitted(self, electrons: Array) -> Array:
        """Return the photons that electrons make [cm^-3 s^-1 per unit eps]."""
        # Beyond a sharp end the cubics of the Compton table swing below zero.
        return np.maximum(electrons @ self.emission, 0.0)

    def annihilated(self, photons: Array) -> Array:
        """Return the leptons [cm^-3 s^-1 per unit gamma] of photons made at a rate q."""
        return np.asarray((photons * self.exposure) @ self.leptons)


def annihilation_pairs(medium: Medium, photons: Array) -> tuple[Array, Array]:
    """Return the pairs of all generations of a cascade.

    Parameters
    ----------
    medium : Medium
        What photons annihilate with, and what electrons radiate in.
    photons : ndarray
        Photons made by anything but the cascade [cm^-3 s^-1 per unit eps].

    Returns
    -------
    source : ndarray
        Injected pairs Q [cm^-3 s^-1 per unit gamma].
    pairs : ndarray
        Cooled pairs N [cm^-3 per unit gamma].

    Notes
    -----
    In a given field each generation carries less energy than the last, to photons of less energy,
    so the sum over generations converges. It ends when one adds less than 1e-5 of the energy.
    """
    gamma2 = medium.grid.gamma**2
    generation = medium.annihilated(photons)
    source = generation
    pairs = medium.cooled(generation)
    cooled = pairs
    for _ in range(_GENERATIONS):
        generation = medium.annihilated(medium.emitted(cooled))
        if generation @ gamma2 <= _CONVERGED * (source @ gamma2):
            break
        cooled = medium.cooled(generation)
        source = source + generation
        pairs = pairs + cooled
    return source, pairs
