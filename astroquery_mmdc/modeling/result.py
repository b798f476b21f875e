"""The result of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.modeling.parameters import MODELS, check_model_type
from astroquery_mmdc.modeling.spectrum import ModelSpectrum

__all__ = ["FitResult"]


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """What a fit found.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"HADRONIC"``.
    redshift : float or None
    parameters : `~astropy.table.QTable`
        ``name``, ``value``, ``error``, ``is_fixed``; one row for each parameter.
    best : ModelSpectrum or None
        Spectrum of the best fit.
    curves : tuple of ModelSpectrum
        Spectra of some samples of the posterior.
    posterior : `~astropy.table.QTable` or None
        Equally weighted samples, a column for each free parameter.
    statistics : dict
        ``logZ``, ``logZ_err``, ``best_loglike`` and what else the sampler reports.
    data : `~astropy.table.QTable` or None
        The points that were fitted.
    links : dict
        Files that the service made: ``pdf``, ``best_parameters``, ``best_model``.
    meta : dict
        Provenance, with the id of the job.
    """

    model_type: str
    redshift: float | None
    parameters: QTable
    best: ModelSpectrum | None
    curves: tuple[ModelSpectrum, ...]
    posterior: QTable | None
    statistics: dict[str, Any]
    data: QTable | None
    links: dict[str, str]
    meta: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, answer: Mapping[str, Any], *, meta: Mapping[str, Any]) -> FitResult:
        """Read a ``batch_result`` of the service."""
        model_type = check_model_type(str(answer.get("model_type", "")))
        facts = {**meta, "model_type": model_type}
        curves = {
            key: ModelSpectrum.from_json(curve, meta=facts)
            for key, curve in (answer.get("data") or {}).items()
            if isinstance(curve, Mapping) and "nu" in curve
        }
        fixed = answer.get("fixed_parameters") or {}
        redshift = answer.get("z")
        return cls(
            model_type=model_type,
            redshift=None if redshift is None else float(redshift),
            parameters=_parameter_table(answer.get("best_parameters") or {}, fixed),
            best=curves.pop("best", None),
            curves=tuple(curves.values()),
            posterior=_posterior(answer.get("equal_weighted_posterior"), model_type, fixed),
            statistics=dict(answer.get("multinest_stats") or {}),
            data=_data(answer.get("uploaded_file")),
            links=_links(answer),
            meta=facts,
        )


def _parameter_table(best: Mapping[str, Any], fixed: Mapping[str, Any]) -> QTable:
    rows = [(name, entry, False) for name, entry in best.items() if name not in fixed]
    rows += [(name, entry, True) for name, entry in fixed.items()]
    values = [_value_and_error(entry) for _, entry, _ in rows]
    return QTable(
        {
            "name": np.array([name for name, _, _ in rows], dtype=str),
            "value": np.array([value for value, _ in values], dtype=float),
            "error": np.array([error for _, error in values], dtype=float),
            "is_fixed": np.array([is_fixed for _, _, is_fixed in rows], dtype=bool),
        }
    )


def _value_and_error(entry: Any) -> tuple[float, float]:
    if isinstance(entry, Mapping):
        return float(entry.get("value", np.nan)), float(entry.get("error") or 0.0)
    return float(entry), 0.0


def _posterior(
    samples: Sequence[Sequence[float]] | None, model_type: str, fixed: Mapping[str, Any]
) -> QTable | None:
    if not samples:
        return None
    data = np.asarray(samples, dtype=float)
    free = [name for name in MODELS[model_type] if name not in fixed]
    if data.ndim != 2 or data.shape[1] < len(free):
        msg = f"the posterior has shape {data.shape}, but {len(free)} parameters are free"
        raise ParseError(msg)
    table = QTable({name: data[:, index] for index, name in enumerate(free)})
    if data.shape[1] == len(free) + 1:
        # MultiNest writes the log-likelihood behind the parameters.
        table["log_likelihood"] = data[:, -1]
    return table


def _data(uploaded: Mapping[str, Any] | None) -> QTable | None:
    from astropy import units as u

    from astroquery_mmdc.schema.units import NUFNU

    if not uploaded or "frequency" not in uploaded:
        return None
    return QTable(
        {
            "nu": np.asarray(uploaded["frequency"], dtype=float) * u.Hz,
            "nufnu": np.asarray(uploaded["flux"], dtype=float) * NUFNU,
            "nufnu_err": np.asarray(uploaded["flux_err"], dtype=float) * NUFNU,
        }
    )


def _links(answer: Mapping[str, Any]) -> dict[str, str]:
    keys = {
        "pdf": "pdf_link",
        "best_parameters": "csv_best_parameters_link",
        "best_model": "csv_best_model_link",
    }
    return {name: str(answer[key]) for name, key in keys.items() if answer.get(key)}
