"""The two CSVs that the service makes of a fit: best parameters and best model."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy import units as u

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.parameters import MODELS
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.results.result import FitResult

__all__ = ["csv_best_model", "csv_best_parameters", "write_csvs"]


def csv_best_parameters(result: FitResult) -> str:
    """Return ``parameter,value,error,is_fixed,unit,description`` as CSV.

    The service's own file is not documented; the first three columns are those of its JSON.
    """
    known = MODELS[result.model_type]
    rows = []
    for row in result.parameters:
        name = str(row["name"])
        parameter = known.get(name)
        unit, text = ("", "") if parameter is None else (parameter.unit, parameter.description)
        unit = f"log10({unit})" if parameter is not None and parameter.is_log and unit else unit
        number = (float(row["value"]), float(row["error"]))
        rows.append((name, *number, str(bool(row["is_fixed"])).lower(), unit, text))
    return _csv(("parameter", "value", "error", "is_fixed", "unit", "description"), rows)


def csv_best_model(result: FitResult) -> str:
    """Return ``nu,nuFnu`` [Hz, erg/s/cm2] of the best fit as CSV, and a column for each process.

    Raises
    ------
    InvalidRequestError
        The result has no spectrum.
    """
    if result.best is None:
        msg = "result: it has no spectrum of the best fit"
        raise InvalidRequestError(msg, parameter="result")
    curves = {"nuFnu": result.best.nuFnu, **result.best.components}
    columns = [result.best.nu.to_value(u.Hz).tolist()]
    columns += [flux.to_value(NUFNU).tolist() for flux in curves.values()]
    return _csv(("nu", *curves), zip(*columns, strict=True))


def write_csvs(
    result: FitResult, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> dict[str, Path]:
    """Write both; see `FitResult.write_csv`."""
    contents = {
        "best_parameters": csv_best_parameters(result),
        "best_model": csv_best_model(result),
    }
    target = Path(folder).expanduser()
    target.mkdir(parents=True, exist_ok=True)
    return {
        name: write_atomic(target / f"{name}.csv", text, overwrite=overwrite)
        for name, text in contents.items()
    }


def _csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
