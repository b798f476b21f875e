"""Physical constants of the emission models in cgs units, the values of CODATA 2018 and IAU 2015.

They are literals, because the kernels are compiled with them and because importing
`astropy.constants` takes longer than a spectrum; a test compares each with astropy.
"""

from __future__ import annotations

import math

__all__ = [
    "ALPHA",
    "B_CRITICAL",
    "EV",
    "E_CHARGE",
    "G_NEWTON",
    "HZ",
    "H_PLANCK",
    "K_B",
    "ME_C2",
    "MP_C2",
    "MP_ME",
    "M_E",
    "M_P",
    "M_SUN",
    "R_E",
    "SIGMA_SB",
    "SIGMA_T",
    "C",
]

C = 2.99792458e10
"""Speed of light [cm/s]."""
H_PLANCK = 6.62607015e-27
"""Planck constant [erg s]."""
K_B = 1.380649e-16
"""Boltzmann constant [erg/K]."""
E_CHARGE = 4.803204712570263e-10
"""Elementary charge [esu]."""
EV = 1.602176634e-12
"""One electronvolt [erg]."""
M_E = 9.1093837015e-28
"""Mass of the electron [g]."""
M_P = 1.67262192369e-24
"""Mass of the proton [g]."""
SIGMA_T = 6.6524587321e-25
"""Thomson cross-section [cm2]."""
SIGMA_SB = 5.6703744191844314e-5
"""Stefan-Boltzmann constant [erg / (cm2 s K4)]."""
G_NEWTON = 6.6743e-8
"""Constant of gravitation [cm3 / (g s2)]."""
M_SUN = 1.988409870698051e33
"""Mass of the Sun [g]."""

ME_C2 = M_E * C**2
"""Rest energy of the electron [erg]."""
MP_C2 = M_P * C**2
"""Rest energy of the proton [erg]."""
MP_ME = M_P / M_E
"""Mass of the proton over mass of the electron."""
R_E = E_CHARGE**2 / ME_C2
"""Classical radius of the electron [cm]."""
ALPHA = 2.0 * math.pi * E_CHARGE**2 / (H_PLANCK * C)
"""Fine-structure constant."""
B_CRITICAL = 2.0 * math.pi * ME_C2**2 / (E_CHARGE * H_PLANCK * C)
"""Critical magnetic field of the electron [G]."""
HZ = ME_C2 / H_PLANCK
"""Frequency of a photon with the rest energy of the electron [Hz]: nu = eps * HZ."""
