"""Parameters of one model of each kind, and what makes models of them."""

from __future__ import annotations

import numpy as np
from astropy import units as u

from astroquery_mmdc.modeling import EIC, SSC, BrokenPowerLaw, Hadronic
from tests.ssc_parameters import SSC as PLAIN

NU = np.geomspace(1e9, 1e28, 60) * u.Hz
SET = {"z": 0.03179, **PLAIN}
EIC_SET = {**SET, "log_Ld": 45.5, "log_MBH": 8.5}
HADRONIC_SET = {
    "z": 0.3,
    "log_B": 1.0,
    "log_Le": 43.0,
    "log_gamma_e_min": 1.8,
    "log_gamma_e_cut": 4.0,
    "log_gamma_p_cut": 8.0,
    "log_Lp": 46.0,
    "log_R": 15.5,
    "lorentz_factor": 20.0,
    "pe": 2.2,
    "pp": 2.0,
}
ALL = [(SSC, SET), (EIC, EIC_SET), (Hadronic, HADRONIC_SET)]
MRK421 = BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7)


def of(**changes):
    return SSC(**{**SET, **changes})


def natural(**changes):
    given = {
        "z": 0.03179,
        "B": 10**-1.5 * u.G,
        "L_e": 1e37 * u.W,
        "gamma_cut": 1e5,
        "gamma_min": 100,
        "R": 1e11 * u.km,
        "delta": 20,
        "p": 2.2,
    }
    return SSC(**{**given, **changes})
