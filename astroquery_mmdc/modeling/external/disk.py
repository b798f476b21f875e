"""The standard thin accretion disk."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.kernels.constants import G_NEWTON, K_B, M_SUN, ME_C2, SIGMA_SB, C

__all__ = ["Disk", "gravitational_radius"]


def gravitational_radius(solar_masses: float) -> float:
    """Return G M / c^2 [cm]."""
    return G_NEWTON * M_SUN * solar_masses / C**2


@dataclass(frozen=True, slots=True)
class Disk:
    r"""A disk of Shakura & Sunyaev (1973).

    Parameters
    ----------
    luminosity : float
        L_d [erg/s] of both faces.
    solar_masses : float
        Mass of the black hole.
    inner, outer : float
        Radii [cm].
    eta : float or None
        Efficiency, which with L_d gives the accretion rate. None scales the profile so that the
        disk between its radii radiates L_d; with 1/12 an endless disk from 6 G M / c^2 does.

    Notes
    -----
    :math:`\sigma T^4 = F(R) = \frac{3 G M \dot M}{8 \pi R^3} [1 - (R_{in}/R)^{1/2}]`,
    :math:`\dot M = L_d / (\eta c^2)`.
    """

    luminosity: float
    solar_masses: float
    inner: float
    outer: float
    eta: float | None = None

    @classmethod
    def standard(
        cls,
        luminosity: float,
        solar_masses: float,
        inner: float | None = None,
        outer: float | None = None,
        eta: float | None = None,
    ) -> Disk:
        """Return a disk from 3 to 500 Schwarzschild radii unless other radii [cm] are given."""
        r_g = gravitational_radius(solar_masses)
        inner = 6.0 * r_g if inner is None else inner
        outer = 1000.0 * r_g if outer is None else outer
        if not 0.0 < inner < outer:
            text = f"disk_outer: the disk needs R_in < R_out, not {inner:.4g} and {outer:.4g} cm"
            raise InvalidRequestError(text, parameter="disk_outer")
        return cls(luminosity, solar_masses, inner, outer, eta)

    @property
    def scale(self) -> float:
        """The factor 3 G M (dM/dt) / (8 pi) of F(R) [erg cm / s]."""
        if self.eta is not None:
            r_g = gravitational_radius(self.solar_masses)
            return 3.0 * r_g * self.luminosity / (8.0 * pi * self.eta)
        x = self.inner / self.outer
        # 4 pi times the integral of [1 - sqrt(R_in/R)] / R^2 over R is the area of both faces.
        integral = (1.0 - 3.0 * x + 2.0 * x * sqrt(x)) / (3.0 * self.inner)
        return self.luminosity / (4.0 * pi * integral)

    def flux(self, radius: np.ndarray) -> np.ndarray:
        """Return the power [erg cm^-2 s^-1] of one face at a radius [cm]."""
        return self.scale / radius**3 * (1.0 - np.sqrt(self.inner / radius))

    def theta(self, radius: np.ndarray) -> np.ndarray:
        """Return kT / (m_e c^2) at a radius [cm]."""
        return K_B / ME_C2 * np.sqrt(np.sqrt(self.flux(radius) / SIGMA_SB))
