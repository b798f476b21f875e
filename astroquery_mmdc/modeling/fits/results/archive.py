"""Results of fits as one file: a zip of JSON, ECSV and Parquet that other programs can open."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling.fits.ensemble import Ensemble
from astroquery_mmdc.modeling.fits.goodness import Goodness
from astroquery_mmdc.modeling.fits.results.result import FitResult, _Later
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.schema.arrow import table_to_arrow

__all__ = ["FORMAT_VERSION", "load_result", "save_result"]

FORMAT_VERSION = 1
"""Version of the file; a later one may be unreadable here, an earlier one never is."""

_README = """A fit of a blazar's spectral energy distribution, written by astroquery_mmdc.

result.json         model, redshift, statistics, goodness, covariance, priors, versions, seed
parameters.ecsv     best values and errors
data.ecsv           the points that were fitted, and their residuals
best.ecsv           the spectrum of the best fit, with processes and particles
posterior.parquet   equally weighted samples, a column for each parameter
derived.parquet     samples of what follows from the parameters (a part of them)
numbers.parquet     the parameters of these samples
curves.parquet      nu, and nu F_nu of these samples, a column for each
at_data.parquet     nu F_nu of these samples at the points, a column for each
neutrinos.parquet   energy, and E F_E of these samples, a column for each

What is not there was not known. To read it: astroquery_mmdc.modeling.FitResult.load(path); or
json, astropy (ECSV) and any reader of Parquet. Units are written into ECSV and JSON headers.
"""
# The same result gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def save_result(
    result: FitResult, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a result; see `FitResult.save`."""
    target = Path(path).expanduser()
    if target.suffix.lower() != ".zip":
        msg = f"path: {target.name!r} does not end with .zip; name it {target.stem}.zip"
        raise InvalidRequestError(msg, parameter="path")
    with tempfile.TemporaryDirectory() as folder, atomic_path(target, overwrite=overwrite) as new:
        _write_members(result, Path(folder))
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in sorted(Path(folder).iterdir()):
                info = zipfile.ZipInfo(member.name, _DATE)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, member.read_bytes())
    return target


def load_result(path: str | os.PathLike[str]) -> FitResult:
    """Read a result; see `FitResult.load`."""
    source = Path(path).expanduser()
    try:
        with zipfile.ZipFile(source) as archive, tempfile.TemporaryDirectory() as folder:
            facts = json.loads(archive.read("result.json"))
            _check_version(facts, source)
            for name in _TABLES:
                if name in archive.namelist():
                    (Path(folder) / name).write_bytes(archive.read(name))
            return _built(facts, _read_members(Path(folder)))
    except FileNotFoundError as err:
        msg = f"path: {source} is not there; check the path"
        raise InvalidRequestError(msg, parameter="path") from err
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as err:
        if isinstance(err, ParseError):
            raise
        msg = f"{source} holds no result of a fit that can be read ({err!r})"
        raise ParseError(msg) from err


def _check_version(facts: Mapping[str, Any], source: Path) -> None:
    found = facts["format_version"]
    if found > FORMAT_VERSION:
        msg = (
            f"{source} has version {found} of the file, and this astroquery_mmdc knows "
            f"{FORMAT_VERSION}; update it"
        )
        raise ParseError(msg)


# ---------------------------------------------------------------- out


def _write_members(result: FitResult, folder: Path) -> None:
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    text = json.dumps(_facts(result), indent=1, allow_nan=False)
    (folder / "result.json").write_text(text, encoding="utf-8")
    for name, table in _tables(result).items():
        if table is not None and name.endswith(".parquet"):
            _write_parquet(table, folder / name)
        elif table is not None:
            table.write(folder / name, format="ascii.ecsv")
    if result.best is not None:
        result.best.write(folder / "best.ecsv")


def _facts(result: FitResult) -> dict[str, Any]:
    covariance = result.covariance_at_best
    return {
        "format": "astroquery_mmdc fit",
        "format_version": FORMAT_VERSION,
        "model_type": result.model_type,
        "redshift": result.redshift,
        "statistics": _numbers(result.statistics),
        "goodness": None if result.goodness is None else _numbers(asdict(result.goodness)),
        "covariance": None if covariance is None else _numbers(covariance.tolist()),
        "links": result.links,
        "meta": _numbers(result.meta),
    }


def _numbers(value: Any) -> Any:
    """Return a value as JSON can hold it; what is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): _numbers(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _tables(result: FitResult) -> dict[str, QTable | None]:
    drawn = result.ensemble
    found: dict[str, QTable | None] = {
        "parameters.ecsv": result.parameters,
        "data.ecsv": result.data,
        "posterior.parquet": result.posterior,
    }
    if drawn is None:
        return found
    at_data = None if drawn.at_data is None else _wide({}, drawn.at_data)
    neutrinos = None
    if drawn.neutrino_flux is not None:
        neutrinos = _wide({"energy": drawn.neutrino_energy}, drawn.neutrino_flux)
    return found | {
        "numbers.parquet": drawn.numbers,
        "derived.parquet": drawn.derived,
        "curves.parquet": _wide({"nu": drawn.nu}, drawn.flux),
        "at_data.parquet": at_data,
        "neutrinos.parquet": neutrinos,
    }


def _wide(first: dict[str, Any], rows: Any) -> QTable:
    return QTable(first | {str(index): row for index, row in enumerate(rows)})


def _write_parquet(table: QTable, path: Path) -> None:
    import pyarrow.parquet as pq

    # Numbers of a sampler hardly repeat: a dictionary only costs time.
    pq.write_table(table_to_arrow(table)[0], path, compression="zstd", use_dictionary=False)


# ---------------------------------------------------------------- in


def _read_parquet(path: Path) -> QTable:
    import pyarrow.parquet as pq

    columns = {}
    content = pq.read_table(path)
    for column, field in zip(content.columns, content.schema, strict=True):
        unit = (field.metadata or {}).get(b"unit", b"").decode()
        values = column.to_numpy()
        columns[field.name] = values * u.Unit(unit) if unit else values
    return QTable(columns)


_TABLES = (
    "parameters.ecsv",
    "data.ecsv",
    "best.ecsv",
    "posterior.parquet",
    "numbers.parquet",
    "derived.parquet",
    "curves.parquet",
    "at_data.parquet",
    "neutrinos.parquet",
)


def _read_members(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in folder.iterdir():
        if path.name == "best.ecsv":
            found["best"] = ModelSpectrum.read(path)
        elif path.suffix == ".parquet":
            found[path.stem] = _read_parquet(path)
        else:
            found[path.stem] = QTable.read(path, format="ascii.ecsv")
    return found


def _built(facts: Mapping[str, Any], tables: Mapping[str, Any]) -> FitResult:
    covariance, goodness = facts["covariance"], facts["goodness"]
    ensemble = _ensemble(tables) if "curves" in tables else None
    return FitResult(
        model_type=facts["model_type"],
        redshift=facts["redshift"],
        parameters=tables["parameters"],
        best=tables.get("best"),
        posterior=tables.get("posterior"),
        statistics=facts["statistics"],
        data=tables.get("data"),
        links=facts["links"],
        meta=facts["meta"],
        covariance_at_best=None if covariance is None else np.array(covariance, dtype=float),
        _later=_Later(
            ensemble=ensemble,
            goodness=None if goodness is None else Goodness(**goodness),
            is_done=True,
        ),
    )


def _ensemble(tables: Mapping[str, Any]) -> Ensemble:
    curves, neutrinos = tables["curves"], tables.get("neutrinos")
    return Ensemble(
        nu=u.Quantity(curves["nu"]),
        flux=_rows(curves, "nu"),
        numbers=tables.get("numbers"),
        at_data=np.asarray(_rows(tables["at_data"])) if "at_data" in tables else None,
        derived=_quantities(tables.get("derived")),
        neutrino_energy=None if neutrinos is None else neutrinos["energy"],
        neutrino_flux=None if neutrinos is None else _rows(neutrinos, "energy"),
    )


def _quantities(table: QTable | None) -> QTable | None:
    """Return a table in which pure numbers are Quantities too, as they were."""
    if table is None:
        return None
    return QTable({name: u.Quantity(table[name]) for name in table.colnames})


def _rows(table: QTable, without: str = "") -> Any:
    names = [name for name in table.colnames if name != without]
    return u.Quantity([u.Quantity(table[name]) for name in names])
