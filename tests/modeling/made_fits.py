"""Fits as a sampler would hand them over, but made in milliseconds: Gaussian posteriors."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.modeling import SSC, Hadronic
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.likelihood import Comparison, Likelihood
from astroquery_mmdc.modeling.fits.priors import default_prior
from astroquery_mmdc.modeling.fits.state import Fit

NUFNU = u.Unit("erg / (s cm2)")

SSC_NUMBERS = {
    "log_B": -1.4,
    "log_electron_luminosity": 44.0,
    "log_gamma_cut": 5.2,
    "log_gamma_min": 3.0,
    "log_radius": 16.3,
    "lorentz_factor": 22.0,
    "spectral_index": 2.2,
}
HADRONIC_NUMBERS = {
    "log_B": 1.0,
    "log_Le": 44.0,
    "log_gamma_e_min": 1.7,
    "log_gamma_e_cut": 4.5,
    "log_gamma_p_cut": 8.0,
    "log_Lp": 46.0,
    "log_R": 16.0,
    "lorentz_factor": 15.0,
    "pe": 2.0,
    "pp": 2.0,
}
SSC_FREE = ("log_B", "log_electron_luminosity", "lorentz_factor", "spectral_index")


def ssc(**changes):
    return SSC(z=0.031, **{**SSC_NUMBERS, **changes})


def hadronic():
    return Hadronic(z=0.1, **HADRONIC_NUMBERS)


def made_points(model, *, error=0.1, limits=2, seed=1):
    """Points that scatter around a model, some of them limits above it."""
    rng = np.random.default_rng(seed)
    spectrum = model.spectrum()
    nu = np.logspace(12, 25.5, 28) * u.Hz
    flux = spectrum.interpolate(nu).to_value(NUFNU)
    there = flux > 1e-16
    nu, flux = nu[there], flux[there]
    measured = flux * 10 ** (error / np.log(10) * rng.standard_normal(len(flux)))
    is_limit = np.zeros(len(flux), dtype=bool)
    is_limit[:limits] = True
    measured[is_limit] *= 3
    return QTable(
        {
            "nu": nu,
            "nufnu": measured * NUFNU,
            "nufnu_err": np.where(is_limit, 0.0, error * measured) * NUFNU,
            "is_upper_limit": is_limit,
            "catalog": ["SMA", "Swift", "Fermi", "MAGIC"] * (len(flux) // 4)
            + ["SMA"] * (len(flux) % 4),
        }
    )


def made_fit(
    model=None, free=SSC_FREE, *, n_samples=60, systematic=0.05, seed=3, method="nested", **changes
):
    """A fit whose posterior is a Gaussian around the model that made the points."""
    model = ssc() if model is None else model
    data = changes.pop("data", None) or prepare(made_points(model), warn=False)
    likelihood = changes.pop("likelihood", Likelihood(systematic=systematic))
    priors = {name: default_prior(model.model_type, name) for name in free} | likelihood.priors()
    noise = {name: 0.05 for name in priors if name not in free}
    best = {name: model.parameters[name] for name in free} | noise
    comparison = Comparison(data, likelihood)

    def log_likelihood(row):
        values = dict(zip(priors, row, strict=True))
        own = {name: float(values[name]) for name in free}
        flux = model.stepped(own).flux_cgs(data.nu)
        return float(np.sum(comparison.terms(flux, values).log_likelihood))

    center = np.array(list(best.values()))
    width = np.array([0.02 * (p.range[1] - p.range[0]) for p in priors.values()])
    rng = np.random.default_rng(seed)
    covariance = np.diag(width**2)
    covariance[0, 1] = covariance[1, 0] = -0.5 * width[0] * width[1]
    samples = rng.multivariate_normal(center, covariance, n_samples) if n_samples else None
    if samples is not None:
        ends = np.array([p.range for p in priors.values()])
        samples = np.clip(samples, ends[:, 0], ends[:, 1])
    facts = {
        "fixed": {n: v for n, v in model.parameters.items() if n not in free},
        "covariance": covariance,
        "samples": samples,
        "sample_log_likelihood": None if samples is None else np.full(n_samples, -10.0),
        "log_evidence": None if samples is None else 12.5,
        "log_evidence_err": None if samples is None else 0.1,
        "n_effective": None if samples is None else float(n_samples),
        "timings": {"optimum": 0.5, "posterior": 9.0},
        "diagnostics": {"pareto_k": 0.2, "modes": 1},
    }
    return Fit(
        model=model,
        data=data,
        likelihood=likelihood,
        priors=priors,
        best=best,
        log_likelihood=log_likelihood(center),
        method=method,
        seed=seed,
        evaluations=1234,
        **{**facts, **changes},
    )
