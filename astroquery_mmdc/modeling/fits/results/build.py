"""From the outcome of a fit to the tables of its result."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import QTable

from astroquery_mmdc.modeling.parameters import MODELS

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.state import Fit

__all__ = ["covariance_of", "facts_of", "parameter_table", "posterior_table", "statistics_of"]

_PACKAGES = (
    "astroquery_mmdc",
    "numpy",
    "scipy",
    "numba",
    "astropy",
    "ebltable",
    "nautilus-sampler",
    "dynesty",
    "emcee",
)


def posterior_table(fit: Fit) -> QTable | None:
    """Return the samples: parameters of the model in its order, of the noise, log-likelihood.

    Linked parameters have columns too: they vary as those that they follow.
    """
    if fit.samples is None or not len(fit.samples):
        return None
    columns: dict[str, Any] = {name: fit.samples[:, index] for index, name in enumerate(fit.names)}
    held: dict[str, Any] = {
        name: np.full(len(fit.samples), value) for name, value in fit.fixed.items()
    }
    for name, link in fit.links.items():
        columns[name] = link.value({**held, **columns})
    order = [name for name in MODELS[fit.model.model_type] if name in columns]
    order += [name for name in columns if name not in order]
    table = QTable({name: np.array(columns[name], dtype=float) for name in order})
    if fit.sample_log_likelihood is not None:
        table["log_likelihood"] = np.asarray(fit.sample_log_likelihood, dtype=float)
    return table


def covariance_of(fit: Fit) -> np.ndarray | None:
    """Return the covariance of the free parameters: of the samples, or at the optimum."""
    if fit.samples is not None and len(fit.samples) > 1:
        return np.atleast_2d(np.cov(np.asarray(fit.samples), rowvar=False))
    return None if fit.covariance is None else np.asarray(fit.covariance, dtype=float)


def parameter_table(fit: Fit) -> QTable:
    """Return a row for each parameter of the model, then of the noise."""
    covariance = covariance_of(fit)
    size = len(fit.names)
    variance = np.full(size, np.nan) if covariance is None else np.diag(covariance)
    errors = dict(zip(fit.names, np.sqrt(np.maximum(variance, 0.0)).tolist(), strict=True))
    for name, link in fit.links.items():
        errors[name] = abs(link.factor) * errors.get(link.parameter, 0.0)
    values = {**fit.model.parameters, **fit.best}
    names = [
        *fit.model.parameters,
        *(name for name in fit.names if name not in fit.model.parameters),
    ]
    return QTable(
        {
            "name": np.array(names, dtype=str),
            "value": np.array([values[name] for name in names], dtype=float),
            "error": np.array([errors.get(name, 0.0) for name in names], dtype=float),
            "is_fixed": np.array([name not in errors for name in names], dtype=bool),
            "at_bound": np.array([name in fit.at_bound for name in names], dtype=bool),
        }
    )


def statistics_of(fit: Fit) -> dict[str, Any]:
    """Return the figures of a fit, under the service's names where it has them."""
    k, n = len(fit.names), len(fit.data)
    found: dict[str, Any] = {
        "logZ": fit.log_evidence,
        "logZ_err": fit.log_evidence_err,
        "best_loglike": float(fit.log_likelihood),
        "AIC": 2.0 * k - 2.0 * float(fit.log_likelihood),
        "BIC": k * float(np.log(n)) - 2.0 * float(fit.log_likelihood),
        "n_points": n,
        "n_free": k,
        "n_effective": fit.n_effective,
        "evaluations": fit.evaluations,
    }
    return {name: value for name, value in found.items() if value is not None}


def facts_of(fit: Fit) -> dict[str, Any]:
    """Return where a result comes from, in plain values."""
    return {
        "method": fit.method,
        "model": repr(fit.model),
        "likelihood": _plain(fit.likelihood.as_dict()),
        "priors": {name: _plain(prior.as_dict()) for name, prior in fit.priors.items()},
        "fixed": _plain(fit.fixed),
        "links": {
            name: {"parameter": one.parameter, "factor": one.factor, "offset": one.offset}
            for name, one in fit.links.items()
        },
        "seed": fit.seed,
        "evaluations": fit.evaluations,
        "timings": _plain(fit.timings),
        "diagnostics": _plain(fit.diagnostics),
        "warnings": list(fit.warnings),
        "notes": list(fit.data.notes),
        "is_complete": bool(fit.is_complete),
        "data_sha256": fit.data.digest,
        "versions": _versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if "astroquery_mmdc" not in found:
        from astroquery_mmdc._version import __version__

        found["astroquery_mmdc"] = __version__
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON and YAML can hold it; what is not finite is None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)
