"""Posteriors for ArviZ, the old one (0.x) and the new one (1.x)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["to_arviz"]


def to_arviz(result: FitResult) -> Any:
    """Return a posterior as ``InferenceData`` of ArviZ 0.x or ``DataTree`` of ArviZ 1.x.

    The groups are ``posterior`` (one chain of equally weighted samples), ``sample_stats`` with
    ``lp``, the log-likelihood, and ``observed_data``.
    """
    if result.posterior is None:
        msg = 'result: it has no posterior; fit with method="nested" or "emcee"'
        raise InvalidRequestError(msg, parameter="result")
    try:
        arviz = import_module("arviz")
    except ImportError as err:
        msg = "to_arviz needs the package arviz: pip install arviz"
        raise ImportError(msg) from err
    groups = _groups(result)
    if arviz.__version__.startswith("0."):
        return arviz.from_dict(**groups, attrs=_attributes(result))
    tree = arviz.from_dict(groups)
    tree.attrs.update(_attributes(result))
    return tree


def _groups(result: FitResult) -> dict[str, dict[str, Any]]:
    posterior = result.posterior
    assert posterior is not None
    samples = {name: np.asarray(posterior[name])[None, :] for name in posterior.colnames}
    groups = {}
    log_likelihood = samples.pop("log_likelihood", None)
    groups["posterior"] = samples
    if log_likelihood is not None:
        groups["sample_stats"] = {"lp": log_likelihood}
    if result.data is not None:
        names = [name for name in ("nu", "nufnu", "nufnu_err") if name in result.data.colnames]
        groups["observed_data"] = {name: np.asarray(result.data[name].value) for name in names}
    return groups


def _attributes(result: FitResult) -> dict[str, Any]:
    facts = result.fit_facts
    return {
        "model_type": result.model_type,
        "redshift": float("nan") if result.redshift is None else result.redshift,
        "inference_library": "astroquery_mmdc",
        "method": str(facts.get("method", "service")),
    }
