"""Where external photons come from, as seen by a blob on the jet's axis.

Each source of photons (a shell of broad lines, a ring of dust, the annuli of a disk, an isotropic
field) becomes `Seeds`: bundles of photons with a density, an energy and a direction. What a bundle
looks like in the blob follows from the blob's `Motion`, so that the sources know nothing of jets.
Directions are held as 1 - mu, because photons from behind have mu within 1e-6 of one and it is
the difference that decides how strongly they are redshifted in the blob.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import atanh, log, pi, sin, sqrt

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.external.disk import Disk
from astroquery_mmdc.modeling.kernels.constants import ME_C2, C
from astroquery_mmdc.modeling.kernels.planck import MEAN_ENERGY

__all__ = [
    "REST",
    "Motion",
    "Seeds",
    "boosted_seeds",
    "disk_seeds",
    "isotropic_seeds",
    "isotropized",
    "ring_seeds",
    "shell_seeds",
]

#: A shell is not infinitely thin: the blob is never nearer to it than this fraction of its radius.
THINNEST = 1e-3


@dataclass(frozen=True, slots=True)
class Motion:
    """How the blob moves and from where it is seen.

    Parameters
    ----------
    bulk : float
        Lorentz factor Gamma of the blob.
    unbeta : float
        1 - beta.
    off_axis : float
        1 - mu_s, mu_s the cosine of the angle between the jet and the line of sight.
    """

    bulk: float
    unbeta: float
    off_axis: float

    @classmethod
    def critical(cls, bulk: float) -> Motion:
        """Return the motion seen at the angle where the Doppler factor equals Gamma."""
        unbeta = _unbeta(bulk)
        return cls(bulk, unbeta, unbeta)

    @classmethod
    def viewed(cls, bulk: float, angle: float) -> Motion:
        """Return the motion seen at an angle [rad] to the jet."""
        return cls(bulk, _unbeta(bulk), 2.0 * sin(0.5 * angle) ** 2)

    @classmethod
    def beamed(cls, bulk: float, doppler: float) -> Motion:
        """Return the motion with a given Lorentz factor and Doppler factor.

        Raises
        ------
        InvalidRequestError
            If no angle gives that Doppler factor.
        """
        unbeta = _unbeta(bulk)
        off_axis = (1.0 / (bulk * doppler) - unbeta) / (1.0 - unbeta)
        # The largest Doppler factor is met by rounding; anything beyond is impossible.
        if not -1e-9 <= off_axis <= 2.0:
            largest = bulk * (2.0 - unbeta)
            text = f"doppler: {doppler} cannot be seen with Gamma = {bulk}: at most {largest:.6g}"
            raise InvalidRequestError(text, parameter="doppler")
        return cls(bulk, unbeta, max(off_axis, 0.0))

    @property
    def doppler(self) -> float:
        """The Doppler factor 1 / (Gamma (1 - beta mu_s))."""
        return 1.0 / (self.bulk * (self.unbeta + (1.0 - self.unbeta) * self.off_axis))

    def boost(self, lag: np.ndarray) -> np.ndarray:
        """Return Gamma (1 - beta mu), the factor on photon energies, for 1 - mu."""
        return self.bulk * (lag + self.unbeta * (1.0 - lag))


def _unbeta(bulk: float) -> float:
    """Return 1 - beta without cancellation."""
    beta = sqrt(1.0 - 1.0 / bulk**2)
    return 1.0 / (bulk**2 * (1.0 + beta))


#: No motion, seen along the axis: for fields that are isotropic in the blob itself.
REST = Motion(1.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Seeds:
    """Bundles of photons at the place of the blob, symmetric about the jet's axis.

    Parameters
    ----------
    density : ndarray
        Photons of each bundle [cm^-3], in the frame of the sources.
    energy : ndarray
        Photon energy [m_e c^2] of a line, or kT of a black body.
    lag : ndarray
        1 - mu, mu the cosine between the photons' direction and the jet.
    thermal : bool
        Whether each bundle has the spectrum of a black body, or is a line.
    """

    density: np.ndarray
    energy: np.ndarray
    lag: np.ndarray
    thermal: bool

    @property
    def energy_density(self) -> float:
        """Energy density in the frame of the sources [erg cm^-3]."""
        mean = MEAN_ENERGY if self.thermal else 1.0
        return float(self.density @ self.energy) * mean * ME_C2


def shell_seeds(
    luminosity: float,
    radius: float,
    distance: float,
    energy: float,
    *,
    thermal: bool = False,
    bundles: int = 32,
) -> Seeds:
    r"""Return the photons of a thin, isotropically emitting shell, such as a broad line region.

    Parameters
    ----------
    luminosity, radius : float
        Of the shell [erg/s], [cm].
    distance : float
        Of the blob from the centre [cm].
    energy : float
        Photon energy of a line, or kT of a black body [m_e c^2].
    thermal : bool, optional
        Which of the two.
    bundles : int, optional
        Number of directions.

    Notes
    -----
    With x the distance between the blob and an element of the shell at :math:`\mu_{re}`,
    :math:`du = L / (8 \pi c) \, d\mu_{re} / x^2` (Finke 2016, ApJ 830, 94, section 5). As
    :math:`d\mu_{re} / x^2 = d\ln x / (r R)`, nodes are spread evenly in ln x, which also resolves
    a blob close to the shell.
    """
    r = max(distance, 1e-6 * radius)
    if r < radius:
        span = 2.0 * atanh(min(r / radius, 1.0 - THINNEST / 2.0))
    else:
        span = 2.0 * atanh(min(radius / r, 1.0 - THINNEST / 2.0))
    node, weight = _legendre(bundles)
    x = (radius + r) * np.exp(-0.5 * span * (1.0 - node))
    lag = (radius - r + x) * (radius + r - x) / (2.0 * r * x)
    photons = luminosity / (energy * ME_C2 * (MEAN_ENERGY if thermal else 1.0))
    number = photons / (8.0 * pi * C * r * radius) * 0.5 * span * weight
    return Seeds(number, np.full(bundles, energy), np.clip(lag, 0.0, 2.0), thermal)


def ring_seeds(
    luminosity: float, radius: float, distance: float, energy: float, *, thermal: bool
) -> Seeds:
    """Return the photons of a thin ring about the jet, such as a torus of dust (Finke 2016).

    Parameters
    ----------
    luminosity, radius : float
        Of the ring [erg/s], [cm].
    distance : float
        Of the blob from the centre [cm].
    energy : float
        kT of a black body or the energy of a line [m_e c^2].
    thermal : bool
        Which of the two.
    """
    square = radius**2 + distance**2
    away = sqrt(square)
    mean = energy * (MEAN_ENERGY if thermal else 1.0)
    number = luminosity / (4.0 * pi * C * square * mean * ME_C2)
    lag = radius**2 / (away * (away + distance))
    return Seeds(np.array([number]), np.array([energy]), np.array([lag]), thermal)


def disk_seeds(disk: Disk, distance: float, *, bundles: int = 40, lambert: bool = False) -> Seeds:
    r"""Return the photons of the annuli of a disk, each a black body.

    Parameters
    ----------
    disk : Disk
        The disk.
    distance : float
        Of the blob from the centre [cm].
    bundles : int, optional
        Number of annuli.
    lambert : bool, optional
        Emission as the cosine of the angle to the disk's axis (an opaque surface), instead of the
        same in all directions. Near the axis that doubles the field.

    Notes
    -----
    :math:`du = F(R) R \, dR / (c x^2)`, :math:`x^2 = R^2 + r^2` (Dermer & Schlickeiser 1993,
    ApJ 416, 458; Finke 2016): each annulus sends 2 F (both faces) evenly into all directions.
    """
    node, weight = _legendre(bundles)
    span = log(disk.outer / disk.inner)
    radius = disk.inner * np.exp(0.5 * span * (1.0 + node))
    away = np.hypot(radius, distance)
    density = disk.flux(radius) * radius**2 * 0.5 * span * weight / (C * away**2)
    if lambert:
        density *= 2.0 * distance / away
    theta = disk.theta(radius)
    lag = radius**2 / (away * (away + distance))
    return Seeds(density / (MEAN_ENERGY * theta * ME_C2), theta, lag, thermal=True)


def isotropic_seeds(
    energy_density: float, energy: float, *, thermal: bool, bundles: int = 32
) -> Seeds:
    """Return the photons of an isotropic field [erg cm^-3]: a line or a (diluted) black body."""
    node, weight = _legendre(bundles)
    mean = energy * (MEAN_ENERGY if thermal else 1.0)
    number = 0.5 * energy_density / (mean * ME_C2) * weight
    return Seeds(number, np.full(bundles, energy), 1.0 - node, thermal)


def isotropized(seeds: Seeds, motion: Motion, *, bundles: int = 16) -> Seeds:
    """Return photons as the blob sees them, their directions forgotten: for use with `REST`."""
    node, weight = _legendre(bundles)
    boost = motion.boost(seeds.lag)
    return Seeds(
        np.outer(seeds.density * boost, 0.5 * weight).ravel(),
        np.repeat(seeds.energy * boost, bundles),
        np.tile(1.0 - node, seeds.density.size),
        seeds.thermal,
    )


def boosted_seeds(
    luminosity: float,
    radius: float,
    distance: float,
    energy: float,
    motion: Motion,
    *,
    thermal: bool,
) -> Seeds:
    r"""Return a shell's photons in the blob, isotropic there, by the simple recipe: for `REST`.

    Parameters
    ----------
    luminosity, radius, distance, energy, thermal
        As in `shell_seeds`.
    motion : Motion
        Of the blob.

    Notes
    -----
    Inside R the energy density is :math:`u' = (17/12) \Gamma^2 L / (4 \pi R^2 c)` and photon
    energies are multiplied by Gamma (Ghisellini & Tavecchio 2009, MNRAS 397, 985). Outside, the
    photons of the shell are boosted exactly and their directions forgotten; next to the shell,
    where that is more than inside, it is cut to the same.
    """
    inside = 17.0 / 12.0 * motion.bulk**2 * luminosity / (4.0 * pi * radius**2 * C)
    if distance <= radius:
        return isotropic_seeds(inside, motion.bulk * energy, thermal=thermal)
    shell = shell_seeds(luminosity, radius, distance, energy, thermal=thermal)
    outside = isotropized(shell, motion)
    part = min(1.0, inside / outside.energy_density)
    return replace(outside, density=outside.density * part)


@lru_cache(maxsize=16)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    node, weight = np.polynomial.legendre.leggauss(count)
    node.flags.writeable = weight.flags.writeable = False
    return node, weight
