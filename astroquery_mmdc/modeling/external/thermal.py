"""Unbeamed emission of the disk, the broad lines and the dust in the frame of the host.

All of it is nu L_nu [erg/s], isotropic: it enters the observed flux as 1 / (4 pi d_L^2) without a
Doppler factor.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from astroquery_mmdc.modeling.external.disk import Disk
from astroquery_mmdc.modeling.kernels.constants import H_PLANCK, ME_C2
from astroquery_mmdc.modeling.kernels.planck import luminosity_shape

__all__ = ["LINE_WIDTH", "THERMAL_NU", "black_body_cgs", "disk_cgs", "line_cgs"]

#: Frequencies [Hz] on which the components are given, 20 per decade.
THERMAL_NU = 10.0 ** (np.arange(10 * 20, 19 * 20 + 1) / 20.0)
THERMAL_NU.flags.writeable = False
#: Standard deviation of a broad line in ln(nu). Real lines are ten times narrower; this is the
#: narrowest that a spectrum with 20 points per decade can show without losing power.
LINE_WIDTH = 0.1

ANNULI = 48


def disk_cgs(nu: np.ndarray, disk: Disk) -> np.ndarray:
    r"""Return nu L_nu [erg/s] of a disk, each annulus a black body.

    Parameters
    ----------
    nu : ndarray
        Frequencies [Hz] in the frame of the host.
    disk : Disk
        The disk.

    Notes
    -----
    :math:`\nu L_\nu = \int 4 \pi R \, F(R) \, b(h\nu/kT) \, dR` with b the shape of a black body,
    averaged over viewing angles (Shakura & Sunyaev 1973, A&A 24, 337).
    """
    node, weight = _nodes(ANNULI)
    span = np.log(disk.outer / disk.inner)
    radius = disk.inner * np.exp(span * node)
    power = 4.0 * np.pi * radius**2 * disk.flux(radius) * span * weight
    eps = nu * (H_PLANCK / ME_C2)
    return power @ luminosity_shape(eps[None, :] / disk.theta(radius)[:, None])


def black_body_cgs(nu: np.ndarray, luminosity: float, theta: float) -> np.ndarray:
    """Return nu L_nu [erg/s] of a black body with kT = theta m_e c^2."""
    return luminosity * luminosity_shape(nu * (H_PLANCK / ME_C2) / theta)


def line_cgs(nu: np.ndarray, luminosity: float, line: float) -> np.ndarray:
    """Return nu L_nu [erg/s] of a line [Hz], a Gaussian of `LINE_WIDTH` in ln(nu)."""
    x = np.log(nu / line) / LINE_WIDTH
    return luminosity / (np.sqrt(2.0 * np.pi) * LINE_WIDTH) * np.exp(-0.5 * x**2)


@lru_cache(maxsize=4)
def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    node, weight = np.polynomial.legendre.leggauss(count)
    return 0.5 * (1.0 + node), 0.5 * weight
