"""One fit, from the request of a client to the files of its result; runs in a worker process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.utils.exceptions import AstropyWarning

from astroquery_mmdc.schema.units import NUFNU
from astroquery_mmdc.server.engine import FitOutcome, FitRequest
from astroquery_mmdc.server.fit_exchange import CHECKPOINT, FitTask

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.progress import Step
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["compute"]

Report = Callable[[Mapping[str, Any]], None]

# What the answer says of the request itself, the server knows better.
_OF_THE_REQUEST = ("status", "model_type", "z", "uploaded_file")


def compute(task: FitTask, folder: Path, report: Report) -> FitOutcome:
    """Fit, and make the files of the result.

    Parameters
    ----------
    task : FitTask
        What is asked for.
    folder : Path
        Where the fit keeps what it needs to go on after an interruption.
    report : callable
        Gets ``stage``, ``done``, ``total`` and ``eta_s`` on the way.
    """
    from astroquery_mmdc.modeling.fits.fitting import fit
    from astroquery_mmdc.modeling.fits.search import usual_method
    from astroquery_mmdc.modeling.fits.service_terms import neutrino_term

    request = task.request
    neutrinos = {"x1": request.x1, "x2": request.x2, "y": request.y}
    with warnings.catch_warnings():
        # The result says all of it; here nobody is who could read them.
        warnings.simplefilter("ignore", AstropyWarning)
        result = fit(
            _points(request),
            request.model_type,
            z=request.z,
            ebl=request.ebl,
            ssa=False,
            normalization=task.normalization,
            method=task.method or usual_method(request.model_type),
            fixed=dict(request.fixed_parameters),
            neutrinos=neutrino_term(request.likelihood_type, neutrinos),
            processes=task.processes,
            checkpoint=folder / f"{CHECKPOINT}.npz",
            progress=_reporter(report),
        )
        report({"stage": "report", "done": 0, "total": 1})
        return FitOutcome(_answer(result), _files(result))


def _points(request: FitRequest) -> QTable:
    parts = (request.points, request.limits)
    nu, flux, error = (
        np.concatenate([getattr(part, name) for part in parts]).astype(float)
        for name in ("frequency", "flux", "flux_err")
    )
    is_limit = np.arange(len(nu)) >= len(request.points.frequency)
    return QTable(
        {
            "nu": nu * u.Hz,
            "nufnu": flux * NUFNU,
            "nufnu_err": error * NUFNU,
            "is_upper_limit": is_limit,
        }
    )


def _reporter(report: Report) -> Callable[[Step], None]:
    def tell(step: Step) -> None:
        done = round(100.0 * step.part)
        report({"stage": step.stage, "done": done, "total": 100, "eta_s": step.eta})

    return tell


def _answer(result: FitResult) -> dict[str, Any]:
    answer = {k: v for k, v in result.to_json().items() if k not in _OF_THE_REQUEST}
    return {**answer, "warnings": list(result.warnings)}


def _files(result: FitResult) -> dict[str, bytes]:
    from astroquery_mmdc.modeling.fits.results.csv_files import csv_best_model, csv_best_parameters

    files = {
        "csv_best_parameters": csv_best_parameters(result).encode(),
        "csv_best_model": csv_best_model(result).encode(),
    }
    if find_spec("matplotlib") and find_spec("corner"):
        from astroquery_mmdc.plotting import report_pdf

        files["pdf"] = report_pdf(result)
    return files
