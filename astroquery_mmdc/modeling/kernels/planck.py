"""The spectrum of a black body in units of its temperature."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from astroquery_mmdc.modeling.kernels.constants import H_PLANCK, K_B, ME_C2
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = [
    "MEAN_ENERGY",
    "PEAK_NU_F_NU",
    "luminosity_shape",
    "photon_shape",
    "theta_of_peak",
    "theta_of_temperature",
]

#: Mean energy of the photons of a black body in units of kT: pi^4 / (30 zeta(3)).
MEAN_ENERGY = 2.7011780329190636
#: h nu / kT where nu F_nu of a black body peaks: the root of 4 (1 - exp(-x)) = x.
PEAK_NU_F_NU = 3.9206903948946454


def theta_of_peak(nu: float) -> float:
    """Return kT / (m_e c^2) of the black body whose nu F_nu peaks at a frequency [Hz]."""
    return H_PLANCK * nu / (PEAK_NU_F_NU * ME_C2)


def theta_of_temperature(temperature: float) -> float:
    """Return kT / (m_e c^2) of a temperature [K]."""
    return K_B * temperature / ME_C2


def luminosity_shape(x: np.ndarray) -> np.ndarray:
    """Return nu L_nu / L of a black body at x = h nu / kT."""
    x = np.minimum(x, 700.0)  # beyond, the exponential overflows and the shape is zero anyway
    return 15.0 / np.pi**4 * x**4 / np.expm1(x)


@lru_cache(maxsize=16)
def photon_shape(grid: Grid) -> tuple[int, np.ndarray]:
    """Return the fractions of a black body's photons on the finest steps of a grid.

    Returns
    -------
    first : int
        Index of the first fraction, counted in fine steps from x = 1.
    fractions : ndarray
        Photons per step, with sum 1 and mean energy `MEAN_ENERGY`.
    """
    per_decade = grid.per_decade * grid.refinement
    # Fewer than 1e-5 of the photons lie below, and none above; in the deep Klein-Nishina range,
    # where soft seeds count most, leaving them out costs 0.1 %.
    first = -int(2.5 * per_decade)
    x = 10.0 ** (np.arange(first, int(1.5 * per_decade) + 1) / per_decade)
    fractions = x**3 / np.expm1(x)
    fractions /= fractions.sum()
    fractions.flags.writeable = False
    return first, fractions
