"""The result of a fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.results.service_json import read_answer, write_answer
from astroquery_mmdc.modeling.parameters import MODELS
from astroquery_mmdc.modeling.spectrum import ModelSpectrum

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.compare import ModelComparison
    from astroquery_mmdc.modeling.fits.ensemble import Ensemble
    from astroquery_mmdc.modeling.fits.goodness import Goodness
    from astroquery_mmdc.modeling.fits.priors import Prior
    from astroquery_mmdc.modeling.fits.state import Fit

__all__ = ["FitResult"]

_CURVES = 100
"""Number of curves of the posterior that are given one by one."""


@dataclass(slots=True)
class _Later:
    """What takes a second to compute, and is when it is first asked for."""

    fit: Fit | None = None
    ensemble: Ensemble | None = None
    goodness: Goodness | None = None
    is_done: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """What a fit found, here or at the service.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"HADRONIC"``.
    redshift : float or None
    parameters : `~astropy.table.QTable`
        ``name``, ``value`` at the best fit, ``error`` (standard deviation), ``is_fixed`` and
        ``at_bound`` (whether the best value is an end of its prior); one row for each parameter,
        those of the noise last.
    best : ModelSpectrum or None
        Spectrum of the best fit.
    posterior : `~astropy.table.QTable` or None
        Equally weighted samples, a column for each parameter that is not fixed, and
        ``log_likelihood``.
    statistics : dict
        ``logZ``, ``logZ_err``, ``best_loglike`` and what else the sampler reports; for fits made
        here ``AIC``, ``BIC``, ``n_points``, ``n_free``, ``n_effective``, ``evaluations``.
    data : `~astropy.table.QTable` or None
        The points that were fitted; for fits made here with ``model``, ``residual`` and ``sigma``
        [dex] and ``pull``, the residual in units of sigma.
    links : dict
        Files that the service made: ``pdf``, ``best_parameters``, ``best_model``.
    meta : dict
        Provenance: ``meta["fit"]`` of a fit made here, ``meta["mmdc"]`` of one of the service.
    covariance_at_best : ndarray or None
        Of the free parameters, where there is no posterior.
    served_curves : tuple of ModelSpectrum
        Curves of the posterior that came with the result.

    Notes
    -----
    Curves, bands, derived quantities and the goodness of a fit that was made here are computed
    when they are first asked for, from a few hundred models of the posterior; without a posterior,
    of a Gaussian with the covariance of the optimum.
    """

    model_type: str
    redshift: float | None
    parameters: QTable
    best: ModelSpectrum | None
    posterior: QTable | None
    statistics: dict[str, Any]
    data: QTable | None
    links: dict[str, str] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    covariance_at_best: NDArray[np.float64] | None = None
    served_curves: tuple[ModelSpectrum, ...] = ()
    _later: _Later = field(default_factory=_Later, repr=False)

    # ---------------------------------------------------------------- where it comes from

    @classmethod
    def from_fit(cls, fit: Fit) -> FitResult:
        """Return the result of a fit that was made here."""
        from astroquery_mmdc.modeling.fits.ensemble import flux_at
        from astroquery_mmdc.modeling.fits.goodness import with_residuals
        from astroquery_mmdc.modeling.fits.results import build as build

        at_points = flux_at(fit.model, fit.data.nu, fit.data.is_unabsorbed)
        return cls(
            model_type=fit.model.model_type,
            redshift=fit.model.z,
            parameters=build.parameter_table(fit),
            best=fit.model.spectrum(),
            posterior=build.posterior_table(fit),
            statistics=build.statistics_of(fit),
            data=with_residuals(fit, at_points),
            meta={"model_type": fit.model.model_type, "fit": build.facts_of(fit)},
            covariance_at_best=build.covariance_of(fit),
            _later=_Later(fit),
        )

    @classmethod
    def from_json(cls, answer: Mapping[str, Any], *, meta: Mapping[str, Any]) -> FitResult:
        """Read a ``batch_result`` of the service."""
        return cls(**read_answer(answer, meta))

    def to_json(self) -> dict[str, Any]:
        """Return the result as the service answers it: plain lists and numbers.

        Parameters of the noise have no place there; everything else has, see `save`.
        """
        return write_answer(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write everything into one file, which appears whole or not at all.

        Parameters
        ----------
        path : path
            Ends with .zip. Inside are JSON, ECSV and Parquet, and a README that names them.
        overwrite : bool, optional
            Whether a file that is already there may be replaced.

        Returns
        -------
        `~pathlib.Path`
        """
        from astroquery_mmdc.modeling.fits.results.archive import save_result

        return save_result(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FitResult:
        """Read a file that `save` made."""
        from astroquery_mmdc.modeling.fits.results.archive import load_result

        return load_result(path)

    # ---------------------------------------------------------------- facts

    @property
    def fit_facts(self) -> dict[str, Any]:
        """How a fit was made here: method, priors, likelihood, seed, versions; else empty."""
        return dict(self.meta.get("fit") or {})

    @property
    def is_complete(self) -> bool:
        """False where the fit was interrupted, and this is what was there by then."""
        return bool(self.fit_facts.get("is_complete", True))

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters, in the order of `covariance`."""
        if self.fit_facts:
            return tuple(self.fit_facts["priors"])
        return tuple(str(row["name"]) for row in self.parameters if not row["is_fixed"])

    @property
    def priors(self) -> dict[str, Prior]:
        """The priors of the free parameters; those of the service for its own fits."""
        from astroquery_mmdc.modeling.fits.priors import default_prior, prior_from_dict

        records = self.fit_facts.get("priors")
        if records is None:
            return {
                name: default_prior(self.model_type, name)
                for name in self.free
                if name in MODELS[self.model_type]
            }
        # An open end is kept as None, because JSON has no infinity.
        return {
            name: prior_from_dict({key: one for key, one in record.items() if one is not None})
            for name, record in records.items()
        }

    @property
    def covariance(self) -> NDArray[np.float64] | None:
        """Covariance of the free parameters: of the posterior, else at the best fit."""
        if self.covariance_at_best is not None or self.posterior is None:
            return self.covariance_at_best
        samples = [np.asarray(self.posterior[n]) for n in self.free if n in self.posterior.colnames]
        return np.atleast_2d(np.cov(np.array(samples))) if len(self.posterior) > 1 else None

    @property
    def log_evidence(self) -> float | None:
        """Natural logarithm of the evidence."""
        return self.statistics.get("logZ")

    @property
    def log_evidence_err(self) -> float | None:
        """Error of `log_evidence`."""
        return self.statistics.get("logZ_err")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the result should know, about the points and about the fit."""
        return (*self.fit_facts.get("notes", ()), *self.fit_facts.get("warnings", ()))

    @property
    def caveats(self) -> tuple[str, ...]:
        """What limits the meaning of the result, in sentences, `warnings` among them."""
        from astroquery_mmdc.modeling.fits.caveats import caveats

        return caveats(self)

    # ---------------------------------------------------------------- what follows

    @property
    def ensemble(self) -> Ensemble | None:
        """Models drawn from the posterior; None where nothing says how far they may vary."""
        later = self._later
        if not later.is_done:
            later.ensemble, later.is_done = self._drawn(), True
        return later.ensemble

    def _drawn(self) -> Ensemble | None:
        from astroquery_mmdc.modeling.fits.ensemble import ensemble_of_curves, ensemble_of_fit

        if self._later.fit is not None:
            return ensemble_of_fit(self._later.fit)
        nu = None if self.data is None else self.data["nu"]
        return ensemble_of_curves(self.served_curves, nu)

    @property
    def curves(self) -> tuple[ModelSpectrum, ...]:
        """Spectra of some samples of the posterior."""
        if self.served_curves or self.ensemble is None:
            return self.served_curves
        return self.ensemble.first(_CURVES).curves({"model_type": self.model_type})

    @property
    def bands(self) -> QTable | None:
        """Quantiles of nu F_nu: ``nu``, ``low95``, ``low68``, ``median`` and so on."""
        return None if self.ensemble is None else self.ensemble.bands()

    @property
    def neutrino_bands(self) -> QTable | None:
        """The same of the neutrinos, all flavours: ``energy`` and the quantiles of E F_E."""
        return None if self.ensemble is None else self.ensemble.neutrino_bands()

    @property
    def derived(self) -> QTable | None:
        """Samples of what follows from the parameters, one row for each model of `ensemble`."""
        return None if self.ensemble is None else self.ensemble.derived

    @property
    def goodness(self) -> Goodness | None:
        """How well the model describes the points; None for fits of the service."""
        from astroquery_mmdc.modeling.fits.goodness import goodness_of_fit

        later = self._later
        if later.goodness is None and later.fit is not None and self.data is not None:
            later.goodness = goodness_of_fit(later.fit, self.data, self.ensemble)
        return later.goodness

    def intervals(self, level: float = 0.68) -> QTable:
        """Return the credible intervals of the free parameters.

        Parameters
        ----------
        level : float, optional
            Probability inside; the tails on both sides are equal.

        Returns
        -------
        `~astropy.table.QTable`
            ``name``, ``best``, ``median``, ``low``, ``high`` and ``constraint``: ``"measured"``,
            ``"upper limit"`` and ``"lower limit"`` where the posterior piles up at an end of the
            prior, ``"unconstrained"`` where it is as wide as the prior. Without a posterior, the
            intervals of a Gaussian.
        """
        from astroquery_mmdc.modeling.fits.intervals import parameter_intervals

        return parameter_intervals(self.parameters, self.posterior, self.priors, level)

    def derived_intervals(self, level: float = 0.68) -> QTable | None:
        """Return the credible intervals of the derived quantities, or None.

        Their columns are numbers in ``unit``, which differs from row to row.
        """
        from astroquery_mmdc.modeling.fits.intervals import derived_intervals

        return None if self.derived is None else derived_intervals(self.derived, level)

    # ---------------------------------------------------------------- for papers and others

    def compare(self, other: FitResult) -> ModelComparison:
        """Say which of two fits of the same points the data prefer, by the evidence.

        Parameters
        ----------
        other : FitResult

        Returns
        -------
        ModelComparison
            Its ``str`` says it in words.

        Raises
        ------
        InvalidRequestError
            The fits have other points or another likelihood, or one is of the service.
        """
        from astroquery_mmdc.modeling.fits.compare import compare

        return compare(self, other)

    def to_latex(self, level: float = 0.68) -> str:
        """Return parameters and derived quantities with their intervals as a table for a paper."""
        from astroquery_mmdc.modeling.fits.results.latex_table import latex_table_of_fit

        return latex_table_of_fit(self, level)

    def to_arviz(self) -> Any:
        """Return the posterior as ArviZ takes it; needs the package ``arviz``."""
        from astroquery_mmdc.modeling.fits.results.arviz_data import to_arviz

        return to_arviz(self)

    def write_csv(
        self, folder: str | os.PathLike[str], *, overwrite: bool = False
    ) -> dict[str, Path]:
        """Write the two CSVs of the service: the best parameters and the best model.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        overwrite : bool, optional
            Whether files that are already there may be replaced.

        Returns
        -------
        dict of str to `~pathlib.Path`
            ``best_parameters`` and ``best_model``.
        """
        from astroquery_mmdc.modeling.fits.results.csv_files import write_csvs

        return write_csvs(self, folder, overwrite=overwrite)

    def __repr__(self) -> str:
        free = len(self.free)
        parts = [f"{self.model_type}, {free} free parameter{'s' if free != 1 else ''}"]
        if self.data is not None:
            parts.append(f"{len(self.data)} points")
        if "best_loglike" in self.statistics:
            parts.append(f"best ln L = {self.statistics['best_loglike']:.2f}")
        if self.log_evidence is not None:
            parts.append(f"ln Z = {self.log_evidence:.2f} ± {self.log_evidence_err or 0.0:.2f}")
        if self.posterior is not None:
            parts.append(f"{len(self.posterior)} samples")
        return f"<FitResult: {', '.join(parts)}>"
