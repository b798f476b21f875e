"""Spectra of the stable particles of photopion production, after Kelner & Aharonian (2008).

One proton of energy E_p in an isotropic field of photons of energy epsilon makes ``Phi(eta, x)``
particles per unit x = E / E_p, per unit time and per unit photon density, where
eta = 4 epsilon E_p / (m_p c^2)^2.  The pions and muons in between are integrated out: they decay
without having lost energy, which fails where their synchrotron cooling is faster than their decay.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["ETA_0", "MASS_RATIO", "RHO_MAX", "SECONDARIES", "phi"]

Array = NDArray[np.float64]

MASS_RATIO = 0.146
"""Mass of the pion over the mass of the proton, as the parametrisation has it."""
ETA_0 = 2.0 * MASS_RATIO + MASS_RATIO**2
"""Threshold of one pion in eta."""
RHO_MAX = 100.0
"""Largest eta / ETA_0 of the published tables."""

_PAIR_THRESHOLD = (
    2.14  # of two pions in rho: below it there is no pi- and so no e- and no anti-nu_e
)

# rho, s, delta, B [1e-18 cm^3 / s]: tables I to III of Kelner & Aharonian (2008, PRD 78, 034013).
_GAMMA = (
    (1.1, 0.0768, 0.544, 0.286), (1.2, 0.106, 0.540, 2.24), (1.3, 0.182, 0.750, 5.61),
    (1.4, 0.201, 0.791, 10.2), (1.5, 0.219, 0.788, 16.0), (1.6, 0.216, 0.831, 22.3),
    (1.7, 0.233, 0.839, 31.0), (1.8, 0.233, 0.825, 40.7), (1.9, 0.248, 0.805, 53.0),
    (2.0, 0.244, 0.779, 67.4), (3.0, 0.188, 1.23, 151.0), (4.0, 0.131, 1.82, 124.0),
    (5.0, 0.120, 2.05, 137.0), (6.0, 0.107, 2.19, 162.0), (7.0, 0.102, 2.23, 171.0),
    (8.0, 0.0932, 2.29, 178.0), (9.0, 0.0838, 2.37, 184.0), (10.0, 0.0761, 2.43, 193.0),
    (20.0, 0.107, 2.27, 474.0), (30.0, 0.0928, 2.33, 770.0), (40.0, 0.0772, 2.42, 1060.0),
    (100.0, 0.0479, 2.59, 2730.0),
)  # fmt: skip
_POSITRON = (
    (1.1, 0.367, 3.12, 0.809), (1.2, 0.282, 2.96, 7.70), (1.3, 0.260, 2.83, 20.5),
    (1.4, 0.239, 2.76, 36.6), (1.5, 0.224, 2.69, 54.8), (1.6, 0.207, 2.66, 73.9),
    (1.7, 0.198, 2.62, 95.2), (1.8, 0.193, 2.56, 120.0), (1.9, 0.187, 2.52, 147.0),
    (2.0, 0.181, 2.49, 175.0), (3.0, 0.122, 2.48, 331.0), (4.0, 0.106, 2.50, 416.0),
    (5.0, 0.0983, 2.46, 557.0), (6.0, 0.0875, 2.46, 678.0), (7.0, 0.0830, 2.44, 765.0),
    (8.0, 0.0783, 2.44, 852.0), (9.0, 0.0735, 2.45, 917.0), (10.0, 0.0644, 2.50, 957.0),
    (30.0, 0.0333, 2.77, 3070.0), (100.0, 0.0224, 2.86, 15800.0),
)  # fmt: skip
_ANTINU_MU = (
    (1.1, 0.365, 3.09, 0.809), (1.2, 0.287, 2.96, 7.70), (1.3, 0.250, 2.89, 19.9),
    (1.4, 0.238, 2.76, 36.2), (1.5, 0.220, 2.71, 53.9), (1.6, 0.206, 2.67, 73.9),
    (1.7, 0.197, 2.62, 94.8), (1.8, 0.193, 2.56, 120.0), (1.9, 0.187, 2.52, 147.0),
    (2.0, 0.178, 2.51, 174.0), (3.0, 0.123, 2.48, 338.0), (4.0, 0.106, 2.56, 517.0),
    (5.0, 0.0944, 2.57, 761.0), (6.0, 0.0829, 2.58, 957.0), (7.0, 0.0801, 2.54, 1110.0),
    (8.0, 0.0752, 2.53, 1250.0), (9.0, 0.0680, 2.56, 1360.0), (10.0, 0.0615, 2.60, 1460.0),
    (30.0, 0.0361, 2.78, 5870.0), (100.0, 0.0228, 2.88, 31000.0),
)  # fmt: skip
_NU_MU = (
    (1.1, 0.0, 0.0, 1.08), (1.2, 0.0778, 0.306, 9.91), (1.3, 0.242, 0.792, 24.7),
    (1.4, 0.377, 1.09, 44.3), (1.5, 0.440, 1.06, 67.0), (1.6, 0.450, 0.953, 90.4),
    (1.7, 0.461, 0.956, 118.0), (1.8, 0.451, 0.922, 132.0), (1.9, 0.464, 0.912, 177.0),
    (2.0, 0.446, 0.940, 211.0), (3.0, 0.366, 1.49, 383.0), (4.0, 0.249, 2.03, 509.0),
    (5.0, 0.204, 2.18, 726.0), (6.0, 0.174, 2.24, 926.0), (7.0, 0.156, 2.28, 1070.0),
    (8.0, 0.140, 2.32, 1190.0), (9.0, 0.121, 2.39, 1290.0), (10.0, 0.107, 2.46, 1400.0),
    (30.0, 0.0705, 2.53, 5650.0), (100.0, 0.0463, 2.62, 30100.0),
)  # fmt: skip
_NU_E = (
    (1.1, 0.768, 2.49, 0.943), (1.2, 0.569, 2.35, 9.22), (1.3, 0.491, 2.41, 23.5),
    (1.4, 0.395, 2.45, 42.0), (1.5, 0.310, 2.45, 62.6), (1.6, 0.323, 2.43, 85.7),
    (1.7, 0.305, 2.40, 113.0), (1.8, 0.285, 2.39, 139.0), (1.9, 0.270, 2.37, 170.0),
    (2.0, 0.259, 2.35, 205.0), (3.0, 0.158, 2.42, 381.0), (4.0, 0.129, 2.46, 474.0),
    (5.0, 0.113, 2.45, 630.0), (6.0, 0.0996, 2.46, 765.0), (7.0, 0.0921, 2.46, 861.0),
    (8.0, 0.0861, 2.45, 961.0), (9.0, 0.0800, 2.47, 1030.0), (10.0, 0.0723, 2.51, 1100.0),
    (30.0, 0.0411, 2.70, 3550.0), (100.0, 0.0283, 2.77, 18600.0),
)  # fmt: skip
_ELECTRON = (
    (3.0, 0.658, 3.09, 0.643), (4.0, 0.348, 2.81, 9.91), (5.0, 0.286, 2.39, 124.0),
    (6.0, 0.256, 2.27, 267.0), (7.0, 0.258, 2.13, 350.0), (8.0, 0.220, 2.20, 403.0),
    (9.0, 0.217, 2.13, 448.0), (10.0, 0.192, 2.19, 478.0), (30.0, 0.125, 2.27, 1640.0),
    (100.0, 0.0507, 2.63, 4520.0),
)  # fmt: skip
_ANTINU_E = (
    (3.0, 0.985, 2.63, 0.661), (4.0, 0.378, 2.98, 9.74), (5.0, 0.310, 2.31, 134.0),
    (6.0, 0.327, 2.11, 291.0), (7.0, 0.308, 2.03, 381.0), (8.0, 0.292, 1.98, 448.0),
    (9.0, 0.260, 2.02, 483.0), (10.0, 0.233, 2.07, 513.0), (30.0, 0.135, 2.24, 1750.0),
    (100.0, 0.0770, 2.40, 5480.0),
)  # fmt: skip
_TABLES = {
    "gamma": _GAMMA,
    "positron": _POSITRON,
    "antinu_mu": _ANTINU_MU,
    "nu_mu": _NU_MU,
    "nu_e": _NU_E,
    "electron": _ELECTRON,
    "antinu_e": _ANTINU_E,
}
SECONDARIES = tuple(_TABLES)
"""Names of the particles: gamma rays, leptons, and neutrinos of four kinds."""
_FROM_NEGATIVE_PIONS = ("electron", "antinu_e")


@lru_cache(maxsize=len(_TABLES))
def _columns(particle: str) -> Array:
    """(rho, s, delta, B (ln 2)^psi in cm^3/s) of one particle; zero at the threshold."""
    columns = np.array(_TABLES[particle]).T
    columns[3] *= 1e-18 * np.log(2.0) ** _shape(particle, columns[0] * ETA_0)[2]
    threshold = _PAIR_THRESHOLD if particle in _FROM_NEGATIVE_PIONS else 1.0
    first = [threshold, columns[1, 0], columns[2, 0], 0.0]
    return np.column_stack([first, columns])


def _parameters(particle: str, rho: Array) -> tuple[Array, Array, Array]:
    """Return s, delta and B (ln 2)^psi at each rho, linear between the nodes, held beyond.

    Not B itself: for electrons psi rises so fast above rho = 4 that a mean of two rows of B, with
    psi in between, would make a third more of them than either row does.
    """
    nodes, s, delta, flat = _columns(particle)
    return (
        np.interp(rho, nodes, s),
        np.interp(rho, nodes, delta),
        np.interp(rho, nodes, flat, left=0.0),
    )


def _one_pion(eta: Array) -> tuple[Array, Array]:
    """Smallest and largest share of the proton's energy that one pion can take."""
    r2 = MASS_RATIO**2
    root = np.sqrt(np.maximum((eta - r2 - 2 * MASS_RATIO) * (eta - r2 + 2 * MASS_RATIO), 0.0))
    upper = (eta + r2 + root) / (2.0 * (1.0 + eta))
    return r2 / (
        1.0 + eta
    ) / upper, upper  # the product of both is r^2 / (1 + eta): no cancellation


def _two_pions(eta: Array) -> tuple[Array, Array]:
    """Return the same for the production of two pions."""
    r = MASS_RATIO
    root = np.sqrt(np.maximum(eta * (eta - 4.0 * r * (1.0 + r)), 0.0))
    upper = (eta - 2.0 * r + root) / (2.0 * (1.0 + eta))
    return r * r / (1.0 + eta) / np.maximum(upper, r), upper


def _shape(particle: str, eta: Array) -> tuple[Array, Array, Array]:
    """Return x1, x2 and psi of Kelner & Aharonian (2008), equations 28 to 42."""
    rho = eta / ETA_0
    if particle in _FROM_NEGATIVE_PIONS:
        lower, upper = _two_pions(eta)
        psi = np.where(rho > 4.0, 6.0 * (1.0 - np.exp(1.5 * (4.0 - np.maximum(rho, 4.0)))), 0.0)
        return 0.5 * lower, upper, psi
    lower, upper = _one_pion(eta)
    log_rho = np.log(np.maximum(rho, 1.0))
    if particle == "gamma":
        return lower, upper, 2.5 + 0.4 * log_rho
    psi = 2.5 + 1.4 * log_rho
    if particle == "nu_mu":
        share = np.interp(rho, (2.14, 10.0), (0.427, 1.0))
        return 0.427 * lower, share * upper, psi
    return 0.25 * lower, upper, psi


def phi(particle: str, eta: Array, x: Array) -> Array:
    """Return the spectrum of one kind of particle, per proton and unit photon density [cm^3/s].

    Parameters
    ----------
    particle : str
        One of `SECONDARIES`.
    eta : `~numpy.ndarray`
        4 epsilon E_p / (m_p c^2)^2.
    x : `~numpy.ndarray`
        Energy of the particle over the energy of the proton; broadcast against ``eta``.

    Returns
    -------
    `~numpy.ndarray`
        Phi(eta, x): zero below the threshold and above the largest energy.

    Notes
    -----
    Kelner & Aharonian (2008), equations 27 and 31, with ``Phi = B (ln 2)^psi`` below x1,
    ``B exp(-s ln(x/x1)^delta) ln(2/(1+y^2))^psi``, y = (x-x1)/(x2-x1), up to x2.  Beyond the last
    row of the tables (`RHO_MAX`) the spectrum in x is held: the cross-section and the share of
    energy of each particle are then constant, as they nearly are over the last decade tabulated.
    """
    eta, x = np.broadcast_arrays(np.asarray(eta, float), np.asarray(x, float))
    held = np.minimum(eta, RHO_MAX * ETA_0)
    s, delta, flat = _parameters(particle, held / ETA_0)
    x1, x2, psi = _shape(particle, held)
    width = np.maximum(x2 - x1, 1e-300)
    y = np.clip((x - x1) / width, 0.0, 1.0)
    log_x = np.log(np.maximum(x / x1, 1.0))
    shape = (1.0 - np.log2(1.0 + y * y)) ** psi
    value = flat * np.exp(-s * log_x**delta) * shape
    return np.where((x < x2) & (flat > 0.0), value, 0.0)
