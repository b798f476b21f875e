"""Results of fits in the service's JSON, in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling.parameters import MODELS, check_model_type
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["read_answer", "write_answer"]

_LINKS = {
    "pdf": "pdf_link",
    "best_parameters": "csv_best_parameters_link",
    "best_model": "csv_best_model_link",
}


def read_answer(answer: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a ``batch_result`` holds, as the keywords of a `FitResult`."""
    model_type = check_model_type(str(answer.get("model_type", "")))
    facts = {**meta, "model_type": model_type}
    curves = {
        key: ModelSpectrum.from_json(curve, meta=facts)
        for key, curve in (answer.get("data") or {}).items()
        if isinstance(curve, Mapping) and "nu" in curve
    }
    fixed = answer.get("fixed_parameters") or {}
    redshift = answer.get("z")
    return {
        "model_type": model_type,
        "redshift": None if redshift is None else float(redshift),
        "parameters": _parameter_table(model_type, answer.get("best_parameters") or {}, fixed),
        "best": curves.pop("best", None),
        "served_curves": tuple(curves.values()),
        "posterior": _posterior(answer.get("equal_weighted_posterior"), model_type, fixed),
        "statistics": dict(answer.get("multinest_stats") or {}),
        "data": _data(answer.get("uploaded_file")),
        "links": {name: str(answer[key]) for name, key in _LINKS.items() if answer.get(key)},
        "meta": facts,
    }


def _parameter_table(model_type: str, best: Mapping[str, Any], fixed: Mapping[str, Any]) -> QTable:
    rows = [(name, entry, False) for name, entry in best.items() if name not in fixed]
    rows += [(name, entry, True) for name, entry in fixed.items()]
    values = [_value_and_error(entry) for _, entry, _ in rows]
    return QTable(
        {
            "name": np.array([name for name, _, _ in rows], dtype=str),
            "value": np.array([value for value, _ in values], dtype=float),
            "error": np.array([error for _, error in values], dtype=float),
            "is_fixed": np.array([is_fixed for _, _, is_fixed in rows], dtype=bool),
            "at_bound": np.array(
                [
                    not is_fixed and _at_bound(model_type, name, value)
                    for (name, _, is_fixed), (value, _) in zip(rows, values, strict=True)
                ],
                dtype=bool,
            ),
        }
    )


def _at_bound(model_type: str, name: str, value: float) -> bool:
    parameter = MODELS[model_type].get(name)
    if parameter is None:
        return False
    near = 0.005 * (parameter.fit_high - parameter.fit_low)
    return not parameter.fit_low + near < value < parameter.fit_high - near


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
    if not uploaded or "frequency" not in uploaded:
        return None
    return QTable(
        {
            "nu": np.asarray(uploaded["frequency"], dtype=float) * u.Hz,
            "nufnu": np.asarray(uploaded["flux"], dtype=float) * NUFNU,
            "nufnu_err": np.asarray(uploaded["flux_err"], dtype=float) * NUFNU,
        }
    )


# ---------------------------------------------------------------- out


def write_answer(result: FitResult) -> dict[str, Any]:
    """Return a result as the service answers it; plain lists and numbers."""
    rows = {str(row["name"]): row for row in result.parameters}
    known = [name for name in MODELS[result.model_type] if name in rows]
    missing = [name for name in MODELS[result.model_type] if name not in rows]
    if missing and result.posterior is not None:
        msg = (
            f"result: the service's form has no place for a model without {', '.join(missing)}; "
            "use save()"
        )
        raise InvalidRequestError(msg, parameter="result")
    entries = {
        name: {"value": float(rows[name]["value"]), "error": _finite(rows[name]["error"])}
        for name in known
    }
    fixed = [name for name in known if rows[name]["is_fixed"]]
    data = result.data
    answer: dict[str, Any] = {
        "status": "done",
        "model_type": result.model_type,
        "z": result.redshift,
        "data": _curves(result),
        "best_parameters": {name: entries[name] for name in known if name not in fixed},
        "fixed_parameters": {name: entries[name] for name in fixed},
        "equal_weighted_posterior": _samples(result, [n for n in known if n not in fixed]),
        "multinest_stats": {key: _plain(value) for key, value in result.statistics.items()},
        "uploaded_file": None if data is None else _uploaded(data),
    }
    return answer | {_LINKS[name]: link for name, link in result.links.items()}


def _curves(result: FitResult) -> dict[str, Any]:
    curves = {} if result.best is None else {"best": result.best.to_json()}
    return curves | {str(index): one.to_json() for index, one in enumerate(result.curves)}


def _samples(result: FitResult, names: Sequence[str]) -> list[list[float]]:
    if result.posterior is None:
        return []
    names = [*names, *(n for n in ("log_likelihood",) if n in result.posterior.colnames)]
    rows: list[list[float]] = np.stack(
        [np.asarray(result.posterior[name], dtype=float) for name in names], axis=1
    ).tolist()
    return rows


def _uploaded(data: QTable) -> dict[str, list[float]]:
    return {
        "frequency": data["nu"].to_value(u.Hz).tolist(),
        "flux": data["nufnu"].to_value(NUFNU).tolist(),
        "flux_err": data["nufnu_err"].to_value(NUFNU).tolist(),
    }


def _finite(value: Any) -> float:
    """Return a number that JSON can hold: an unknown error is 0, as the service writes it."""
    return float(value) if np.isfinite(value) else 0.0


def _plain(value: Any) -> Any:
    """Return a statistic as JSON can hold it."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
