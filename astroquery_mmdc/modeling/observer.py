"""From the frame of the source to that of the observer, the same for every model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.ebl import Absorption, absorption
from astroquery_mmdc.modeling.interpolation import Curve
from astroquery_mmdc.modeling.kernels.constants import HZ, C
from astroquery_mmdc.modeling.kernels.emission import Emission

__all__ = ["Observed", "Observer", "doppler_factor", "luminosity_distance_cgs"]

Array = NDArray[np.float64]

# The service's cosmology: flat, with photons and three massless neutrinos.
_H0, _OMEGA_M = 71.0, 0.27
_OMEGA_R = 0.4165 / _H0**2
_CM_PER_MPC = 3.0856775814913674e24
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


def luminosity_distance_cgs(redshift: float, cosmology: Any = None) -> float:
    """Return the luminosity distance in cm.

    Parameters
    ----------
    redshift : float
        Above 0.
    cosmology : `~astropy.cosmology.FLRW`, optional
        By default flat with H0 = 71 km/s/Mpc and Omega_m = 0.27, radiation included.

    Notes
    -----
    d_L = (1 + z) (c / H0) int_0^z dz' / E(z'), E^2 = O_m (1+z)^3 + O_r (1+z)^4 + O_L.

    Examples
    --------
    >>> round(luminosity_distance_cgs(0.03179) / 3.0857e24, 1)
    137.6
    """
    if cosmology is None:
        return _default_distance(redshift)
    return float(cosmology.luminosity_distance(redshift).to_value(u.cm))


@lru_cache(maxsize=1024)
def _default_distance(redshift: float) -> float:
    # In ln(1 + z) the integrand is smooth for any redshift.
    top = math.log1p(redshift)
    x = np.exp(0.5 * top * (_NODES + 1.0))
    rate = np.sqrt(_OMEGA_M * x**3 + _OMEGA_R * x**4 + (1.0 - _OMEGA_M - _OMEGA_R))
    integral = 0.5 * top * float(np.sum(_WEIGHTS * x / rate))
    return (1.0 + redshift) * (C / 1e5 / _H0) * integral * _CM_PER_MPC


def doppler_factor(lorentz_factor: float, viewing_angle: float | None = None) -> float:
    """Return delta = 1 / (Gamma (1 - beta cos theta)), and Gamma without an angle (in rad).

    Examples
    --------
    >>> doppler_factor(20.0), round(doppler_factor(20.0, 0.0), 2)
    (20.0, 39.97)
    """
    if viewing_angle is None:
        return lorentz_factor
    beta = math.sqrt(1.0 - 1.0 / lorentz_factor**2)
    # 1 - beta cos(theta) without the loss of digits near the axis.
    slowness = 1.0 / (lorentz_factor**2 * (1.0 + beta))
    return 1.0 / (lorentz_factor * (slowness + 2.0 * beta * math.sin(0.5 * viewing_angle) ** 2))


@dataclass(frozen=True, slots=True)
class Observer:
    """Where a source is seen from.

    Parameters
    ----------
    redshift : float
    distance : float
        Luminosity distance [cm].
    absorption : Absorption or None
        What the EBL does on the way.
    """

    redshift: float
    distance: float
    absorption: Absorption | None

    @classmethod
    def at(cls, redshift: float, *, ebl: bool | str = True, cosmology: Any = None) -> Observer:
        """Return the observer of a source at a redshift."""
        distance = luminosity_distance_cgs(redshift, cosmology)
        if not (math.isfinite(distance) and distance > 0):
            msg = f"cosmology: its distance to z = {redshift} is {distance} cm"
            raise InvalidRequestError(msg, parameter="cosmology")
        return cls(redshift, distance, absorption(ebl, redshift))

    def beaming(self, delta: float) -> float:
        """Return what turns nu' L'_nu' [erg/s] into nu F_nu [erg/s/cm2]."""
        return delta**4 * self.dilution

    @property
    def dilution(self) -> float:
        """1 / (4 pi d_L^2) [cm-2], for what is not beamed."""
        return 1.0 / (4.0 * math.pi * self.distance**2)

    def shift(self, delta: float) -> float:
        """Return nu / nu', the observed frequency over that in the source."""
        return delta / (1.0 + self.redshift)


class Observed:
    """An emission as it is observed: nu F_nu before the EBL, on its nodes and between them.

    Parameters
    ----------
    emission : Emission
        What the source does.
    observer : Observer
        Who looks at it.
    delta : float
        Doppler factor.
    """

    __slots__ = ("_beaming", "_first", "_thermal", "_total", "delta", "emission", "observer")

    def __init__(self, emission: Emission, observer: Observer, delta: float) -> None:
        self.emission = emission
        self.observer = observer
        self.delta = delta
        self._beaming = observer.beaming(delta)
        self._first = math.log(emission.grid.eps[0] * HZ * observer.shift(delta))
        self._total = emission.total * self._beaming
        self._thermal = {
            name: Curve(self.thermal_log_nu, values * observer.dilution)
            for name, values in emission.thermal.items()
        }

    @property
    def log_nu(self) -> Array:
        """Logarithm of the observed frequencies of the nodes [Hz]."""
        grid = self.emission.grid
        return np.asarray(self._first + grid.step * np.arange(len(grid.eps)), dtype=float)

    @property
    def thermal_log_nu(self) -> Array:
        """The same for the unbeamed components."""
        return np.log(np.asarray(self.emission.thermal_nu)) - math.log1p(self.observer.redshift)

    def flux_cgs(self, nu: Array) -> Array:
        """Return the total nu F_nu [erg/s/cm2] at frequencies [Hz], after the EBL."""
        flux = self.intrinsic_cgs(nu)
        eaten = self.observer.absorption
        if eaten is None:
            return flux
        eaten.warn_above_table(nu, flux)
        return flux * eaten.transmission_cgs(nu)

    def intrinsic_cgs(self, nu: Array) -> Array:
        """Return the total nu F_nu [erg/s/cm2] at frequencies [Hz], before the EBL."""
        log_nu = np.log(nu)
        flux = self._between(log_nu, self._total)
        for curve in self._thermal.values():
            flux = flux + curve(log_nu)
        return np.asarray(flux, dtype=float)

    def _between(self, log_nu: Array, values: Array) -> Array:
        from astroquery_mmdc.modeling.between import between

        flat = np.ascontiguousarray(log_nu, dtype=float).ravel()
        flux = between(flat, self._first, self.emission.grid.step, values)
        return np.reshape(flux, np.shape(log_nu))

    def components_cgs(self, nu: Array) -> Mapping[str, Array]:
        """Return nu F_nu [erg/s/cm2] of each process at frequencies [Hz], before the EBL."""
        log_nu = np.log(nu)
        found = {
            name: self._between(log_nu, values * self._beaming)
            for name, values in self.emission.components.items()
        }
        for name, curve in self._thermal.items():
            found[name] = curve(log_nu)
        return found

    def nodes_cgs(self) -> Array:
        """Return the frequencies [Hz] of the nodes between the first and the last with flux."""
        nu = np.exp(self.log_nu)
        if self._thermal:
            # Lines and black bodies are narrower than the grid of what is beamed.
            nu = np.union1d(nu, self._thermal_nodes())
        flux = self.intrinsic_cgs(nu)
        there = np.flatnonzero(flux > 1e-15 * np.max(flux, initial=0.0))
        return nu[there[0] : there[-1] + 1] if len(there) else nu

    def _thermal_nodes(self) -> Array:
        """Return frequencies [Hz] that are three times denser than the thermal nodes."""
        log_nu = self.thermal_log_nu
        index = np.arange(len(log_nu))
        fine = np.interp(np.linspace(0, index[-1], 3 * index[-1] + 1), index, log_nu)
        light = np.sum([curve(fine) for curve in self._thermal.values()], axis=0)
        return np.exp(fine[light > 1e-4 * np.max(light)])

    def neutrinos_cgs(self) -> tuple[Array, dict[str, Array]]:
        """Return energies [erg] and E F_E [erg/s/cm2] of each flavour on its way from the source.

        Neutrinos cross the background light unharmed.
        """
        energy = self.emission.neutrino_energy
        if energy is None:
            return np.empty(0), {}
        fluxes = {name: values * self._beaming for name, values in self.emission.neutrinos.items()}
        return energy * self.observer.shift(self.delta), fluxes
