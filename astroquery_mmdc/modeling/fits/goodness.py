"""How well a fit describes its points: residuals, chi square, posterior predictive check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.data import FitData
    from astroquery_mmdc.modeling.fits.ensemble import Ensemble
    from astroquery_mmdc.modeling.fits.likelihood import Likelihood
    from astroquery_mmdc.modeling.fits.state import Fit

__all__ = ["Goodness", "goodness_of_fit", "pulls", "with_residuals"]

Array = NDArray[np.float64]

_LN10 = math.log(10.0)
_FAINTEST = 1e-40


@dataclass(frozen=True, slots=True)
class Goodness:
    """How well a model describes the points.

    Parameters
    ----------
    chi_square : float
        Sum of the squared pulls of the detections at the best fit, systematic error included.
    n_detections, n_limits, n_free : int
        Points that are detections, that are upper limits, and free parameters.
    p_value : float
        Probability that data which the fitted model itself made lie further from it than the
        points do (posterior predictive); near 0 the model fails, near 1 the errors are too large.
    limits_exceeded : int
        Upper limits that the best fit is above of.
    """

    chi_square: float
    n_detections: int
    n_limits: int
    n_free: int
    p_value: float
    limits_exceeded: int

    @property
    def dof(self) -> int:
        """Detections less free parameters."""
        return self.n_detections - self.n_free


def pulls(
    data: FitData, likelihood: Likelihood, flux: Array, noise: Mapping[str, float]
) -> tuple[Array, Array]:
    """Return (log10 F - log10 F_model) / sigma of each point, and sigma in dex.

    Parameters
    ----------
    data : FitData
    likelihood : Likelihood
    flux : ndarray
        The model at the points, nu F_nu [erg/s/cm2].
    noise : mapping of str to float
        Parameters of the noise, such as a free ``systematic``.
    """
    log_model = np.log10(np.maximum(flux, _FAINTEST))
    for name in likelihood.offsets:
        log_model = log_model + noise[f"offset_{name}"] * (np.array(data.catalog) == name)
    distance = data.log_flux - log_model
    # The lower error counts where the model lies below the point.
    statistical = np.where(distance > 0, data.sigma_low, data.sigma_high)
    bare = data.is_limit & (statistical == 0.0)
    statistical = np.where(bare, likelihood.limit_width, statistical)
    if likelihood.kind == "mmdc":
        return distance / statistical, statistical
    is_free = likelihood.systematic == "free"
    common = noise["systematic"] if is_free else likelihood.systematic
    own = np.isfinite(data.systematic)
    sigma = np.hypot(statistical, np.where(own, data.systematic, common).astype(float) / _LN10)
    return distance / sigma, sigma


def with_residuals(fit: Fit, flux: Array) -> QTable:
    """Return the points with ``model``, ``residual`` [dex], ``sigma`` [dex] and ``pull``."""
    table = fit.data.table()
    pull, sigma = pulls(fit.data, fit.likelihood, flux, fit.best)
    table["model"] = flux * NUFNU
    table["residual"] = pull * sigma
    table["sigma"] = sigma
    table["pull"] = pull
    return table


def goodness_of_fit(fit: Fit, points: QTable, ensemble: Ensemble | None) -> Goodness:
    """Return how well a fit describes its points.

    Parameters
    ----------
    fit : Fit
    points : `~astropy.table.QTable`
        As `with_residuals` gave them.
    ensemble : Ensemble or None
        Models of the posterior; without them `Goodness.p_value` is that of the best fit.
    """
    limit = fit.data.is_limit
    pull, sigma = (np.asarray(points[name], dtype=float) for name in ("pull", "sigma"))
    if ensemble is None or ensemble.at_data is None or ensemble.numbers is None:
        measured = pull, sigma
        chances = [_chance(fit, measured, fit.best, 0)]
    else:
        noises = [dict(zip(fit.names, row, strict=True)) for row in ensemble.numbers.iterrows()]
        chances = [
            _chance(fit, pulls(fit.data, fit.likelihood, flux, noise), noise, index)
            for index, (flux, noise) in enumerate(zip(ensemble.at_data, noises, strict=True))
        ]
    return Goodness(
        chi_square=float(np.sum(pull[~limit] ** 2)),
        n_detections=int(np.sum(~limit)),
        n_limits=int(np.sum(limit)),
        n_free=len(fit.names),
        p_value=float(np.mean(chances)),
        limits_exceeded=int(np.sum(pull[limit] < 0)),
    )


def _chance(
    fit: Fit, measured: tuple[Array, Array], noise: Mapping[str, float], index: int
) -> float:
    """Return the probability of a larger chi square for one model of the posterior."""
    from scipy.special import chdtrc

    found = ~fit.data.is_limit
    pull, sigma = measured[0][found], measured[1][found]
    distance = float(np.sum(pull**2))
    outliers = fit.likelihood.outliers
    if outliers is None:
        return float(chdtrc(len(pull), distance))
    # With outliers the sum has no simple distribution: draw it.
    rng = np.random.default_rng([fit.seed, index])
    part = noise["outlier_fraction"] if outliers == "free" else outliers
    wide = np.hypot(sigma, fit.likelihood.outlier_width) / sigma
    draws = rng.standard_normal((100, len(pull)))
    draws *= np.where(rng.random(draws.shape) < part, wide, 1.0)
    return float(np.mean(np.sum(draws**2, axis=1) >= distance))
