"""What tests of fits share: a cheap source, and SEDs made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.modeling import SSC
from astroquery_mmdc.modeling.fits.optimiser import Optimum
from astroquery_mmdc.modeling.fits.priors import Uniform
from astroquery_mmdc.modeling.fits.problem import PriorSpace

FLUX = u.erg / u.s / u.cm**2
TRUTH = {
    "log_B": -1.5,
    "log_electron_luminosity": 44.2,
    "log_gamma_cut": 5.5,
    "log_gamma_min": 2.8,
    "log_radius": 16.4,
    "lorentz_factor": 30.0,
    "spectral_index": 2.25,
}
HELD = ("log_gamma_min", "log_radius", "lorentz_factor", "log_gamma_cut", "spectral_index")


def source(**changes):
    return SSC(z=0.03, **{**TRUTH, **changes})


def synthetic(model=None, *, count=30, error=0.1, seed=0, low=12.0, high=27.0):
    """Return an SED of a model with scatter of the errors that it says."""
    model = source() if model is None else model
    nu = np.logspace(low, high, count)
    flux = model.flux_cgs(nu)
    nu, flux = nu[flux > 1e-14], flux[flux > 1e-14]
    scatter = np.random.default_rng(seed).standard_normal(len(nu))
    seen = flux * 10.0 ** (scatter * error / np.log(10.0))
    return QTable({"nu": nu * u.Hz, "nufnu": seen * FLUX, "nufnu_err": error * seen * FLUX})


@dataclass(frozen=True)
class Analytic(PriorSpace):
    """A problem with a Gaussian likelihood in a box, whose answers are known."""

    mean: np.ndarray
    covariance: np.ndarray
    priors: dict = field(default_factory=dict)
    bend: float = 0.0

    data: object = None

    def log_likelihoods(self, points):
        x = np.array(points)
        x[:, 1] -= self.bend * (x[:, 0] - self.mean[0]) ** 2
        away = x - self.mean
        square = np.sum(away * np.linalg.solve(self.covariance, away.T).T, axis=1)
        return -0.5 * square

    def log_likelihood(self, x):
        return float(self.log_likelihoods(np.atleast_2d(x))[0])

    @property
    def log_evidence(self):
        """Of a Gaussian well inside its box."""
        volume = sum(math.log(prior.high - prior.low) for prior in self.priors.values())
        size = len(self.mean)
        norm = 0.5 * (size * math.log(2 * math.pi) + np.linalg.slogdet(self.covariance)[1])
        return norm - volume

    def optimum(self):
        spread = self.covariance
        return Optimum(self.mean, 0.0, spread, (False,) * len(self.mean))


def gaussian(size=5, *, bend=0.0, seed=0):
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    root = turn * np.geomspace(1.0, 0.03, size)
    priors = {f"p{i}": Uniform(-10.0, 10.0) for i in range(size)}
    return Analytic(np.full(size, 0.5), root @ root.T, priors, bend)
