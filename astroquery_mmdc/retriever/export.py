"""Light curves for other programs: SkyPortal, lightkurve, astropy, pandas, and files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve

if TYPE_CHECKING:
    from astropy.table import QTable

    from astroquery_mmdc.retriever.project import Project

__all__ = ["SKYPORTAL_FILTERS", "export_project", "export_to_skyportal", "write_lightcurves"]

SKYPORTAL_FILTERS: Mapping[tuple[str, str], str] = {
    ("ZTF", "zg"): "ztfg",
    ("ZTF", "zr"): "ztfr",
    ("ZTF", "zi"): "ztfi",
    ("PANSTARRS", "g"): "ps1::g",
    ("PANSTARRS", "r"): "ps1::r",
    ("PANSTARRS", "i"): "ps1::i",
    ("PANSTARRS", "z"): "ps1::z",
    ("PANSTARRS", "y"): "ps1::y",
    ("TESS", "TESS"): "tess",
}
"""Observatory and filter here, to the name of the bandpass in sncosmo, which SkyPortal uses."""

_SKYPORTAL_KEY = "phot_series"
_ENDINGS: Mapping[str, str] = {".ecsv": "ascii.ecsv", ".fits": "fits", ".csv": "ascii.csv"}


def export_to_skyportal(
    lightcurve: LightCurve,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    filters: Mapping[str, str] | None = None,
    **metadata: Any,
) -> Path:
    """Write a light curve as SkyPortal takes photometric series.

    Parameters
    ----------
    lightcurve : LightCurve
        Reduced or processed, of one filter.
    path : path
        Of an HDF5 file.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.
    filters : mapping, optional
        Names of filters here to names in SkyPortal, besides `SKYPORTAL_FILTERS`.
    **metadata
        What only your SkyPortal knows: ``instrument_id``, ``group_ids``, ``stream_ids``,
        ``owner_id``, or another ``obj_id``.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    InvalidRequestError
        The file exists, no epoch is usable, or PyTables is missing.

    Notes
    -----
    The file holds one table of pandas, ``phot_series``, with ``mjd`` (UTC, mid-exposure) and those
    of ``mag``, ``magerr``, ``flux``, ``fluxerr``, ``exptime``, ``ra``, ``dec`` that are there; the
    metadata are an attribute of it. Refused epochs are left out, since SkyPortal has no column
    for them; ``altdata`` says how many.
    """
    pandas = _pandas_with_hdf5()
    target = Path(path)
    _check_target(target, overwrite)
    keep = lightcurve.good & np.isfinite(lightcurve.mjds)
    if not keep.any():
        msg = f"lightcurve: {lightcurve!r} has no usable epoch; nothing would be written"
        raise InvalidRequestError(msg, parameter="lightcurve")
    columns = {name: values[keep] for name, values in _skyportal_columns(lightcurve).items()}
    described = {**_skyportal_metadata(lightcurve, keep, filters or {}), **metadata}
    with atomic_path(target) as temporary, pandas.HDFStore(str(temporary), mode="w") as store:
        frame = pandas.DataFrame(columns)
        store.put(_SKYPORTAL_KEY, frame, format="table", index=None, track_times=False)
        store.get_storer(_SKYPORTAL_KEY).attrs.metadata = described
    return target


def _pandas_with_hdf5() -> Any:
    missing = [name for name in ("pandas", "tables") if find_spec(name) is None]
    if missing:
        msg = f"SkyPortal reads files of pandas; run `pip install {' '.join(missing)}`"
        raise InvalidRequestError(msg, parameter="path")
    import pandas

    return pandas


def _check_target(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        msg = f"path: {target} exists; write to another one, or use overwrite=True"
        raise InvalidRequestError(msg, parameter="overwrite")


def _skyportal_columns(lightcurve: LightCurve) -> dict[str, np.ndarray]:
    names = {"magerr": "mag_err", "fluxerr": "flux_err"}
    wanted = ("mag", "magerr", "flux", "fluxerr", "exptime", "ra", "dec")
    found = {name: names.get(name, name) for name in wanted}
    columns = {name: lightcurve[own] for name, own in found.items() if own in lightcurve}
    return {"mjd": lightcurve.mjds, **columns}


def _skyportal_metadata(
    lightcurve: LightCurve, keep: np.ndarray, filters: Mapping[str, str]
) -> dict[str, Any]:
    """Return what SkyPortal asks for; it refuses any other key."""
    meta = lightcurve.meta
    band = " ".join(lightcurve.filters)
    known = SKYPORTAL_FILTERS.get((lightcurve.observatory, band), band)
    statistics = meta.get("statistics") or {}
    values = {
        "series_name": _words(meta.get("series_name") or f"{lightcurve.series:02d}"),
        "series_obj_id": _words(meta.get("object_id") or lightcurve.source),
        "obj_id": lightcurve.source,
        "filter": filters.get(band, known),
        "exp_time": statistics.get("exp_time"),
        "ra": meta.get("ra"),
        "dec": meta.get("dec"),
        "magref": statistics.get("mag_mean_robust"),
        "time_stamp_alignment": "middle",
        "origin": "astroquery_mmdc",
        "altdata": {"observatory": lightcurve.observatory, "num_left_out": int((~keep).sum())},
    }
    return {name: value for name, value in values.items() if value is not None}


def _words(value: Any) -> str:
    """Return a name in the letters that SkyPortal allows."""
    parts = value if isinstance(value, list | tuple) else [value]
    return re.sub(r"[^\w+-]", "_", "+".join(str(part) for part in parts))


def write_lightcurves(
    lightcurves: Iterable[LightCurve], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write light curves of any sources into one table.

    Parameters
    ----------
    lightcurves : iterable of LightCurve
        Of one level, so that their columns agree.
    path : path
        Its ending chooses the format: ``.ecsv``, ``.fits``, ``.csv``, ``.parquet``.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    InvalidRequestError
        The ending is another one, the file exists, or there is no light curve.

    Examples
    --------
    >>> import tempfile
    >>> lc = LightCurve({"mjd": [59000.0], "mag": [17.2]}, "BL Lac", "ZTF", level="reduced")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_lightcurves([lc], f"{folder}/bllac.ecsv").name
    'bllac.ecsv'
    """
    target = Path(path)
    write = _writer(target)
    _check_target(target, overwrite)
    table = _stacked(lightcurves)
    with atomic_path(target) as temporary:
        write(table, temporary)
    return target


def _writer(target: Path) -> Callable[[QTable, Path], None]:
    ending = target.suffix.lower()
    if ending == ".parquet":
        return _write_parquet
    if ending in _ENDINGS:
        return lambda table, path: table.write(path, format=_ENDINGS[ending])
    msg = f"path: {ending!r} is no known ending; use {' '.join((*_ENDINGS, '.parquet'))}"
    raise InvalidRequestError(msg, parameter="path")


def _write_parquet(table: QTable, path: Path) -> None:
    import pyarrow.parquet as pq

    from astroquery_mmdc.schema.arrow import table_to_arrow

    pq.write_table(table_to_arrow(table)[0], path)


def _stacked(lightcurves: Iterable[LightCurve]) -> QTable:
    from astropy.table import vstack

    tables = [_labelled(lightcurve) for lightcurve in lightcurves]
    if not tables:
        msg = "lightcurves: there are none; run the project first, or choose other sources"
        raise InvalidRequestError(msg, parameter="lightcurves")
    return vstack(tables, metadata_conflicts="silent")


def _labelled(lightcurve: LightCurve) -> QTable:
    """Return a table whose rows say where they are from."""
    table = lightcurve.table
    table.meta = {}
    labels = {
        "source": lightcurve.source,
        "observatory": lightcurve.observatory,
        "series": lightcurve.series,
        "simulation": lightcurve.simulation,
    }
    for place, (name, value) in enumerate(labels.items()):
        table.add_column([value] * len(table), name=name, index=place)
    return table


def export_project(
    project: Project,
    path: str | os.PathLike[str],
    *,
    level: str = "processed",
    source_names: Iterable[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the light curves of a project.

    Parameters
    ----------
    project : Project
        That was run.
    path : path
        A file as for `write_lightcurves`; or a folder, for SkyPortal: one HDF5 file for each light
        curve.
    level : {"processed", "reduced", "simulated"}, optional
        Which light curves.
    source_names : iterable of str, optional
        Only these sources.
    overwrite : bool, optional
        Whether files that are already there may be replaced.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    InvalidRequestError
        As `write_lightcurves`, or a light curve is not known.
    """
    target = Path(path)
    found = _of_project(project, level, source_names)
    if target.suffix:
        return write_lightcurves(found, target, overwrite=overwrite)
    target.mkdir(parents=True, exist_ok=True)
    for lightcurve in found:
        export_to_skyportal(lightcurve, target / _file_name(lightcurve), overwrite=overwrite)
    return target


def _file_name(lightcurve: LightCurve) -> str:
    from astroquery_mmdc.retriever.paths import escape

    parts = [lightcurve.observatory, escape(lightcurve.source), f"{lightcurve.series:02d}"]
    parts += [f"sim{lightcurve.simulation:02d}"] * bool(lightcurve.simulation)
    return "_".join(parts) + ".h5"


def _of_project(
    project: Project, level: str, source_names: Iterable[str] | None
) -> Iterable[LightCurve]:
    import sqlalchemy as sa

    from astroquery_mmdc.retriever.database import Lightcurve
    from astroquery_mmdc.retriever.running.runs import project_session

    own = {"project": project.name, "cfg_hash": project.cfg_hash, "level": level}
    chosen = sa.select(Lightcurve).filter_by(**own)
    chosen = chosen.order_by(
        Lightcurve.source_name,
        Lightcurve.observatory,
        Lightcurve.series_number,
        Lightcurve.simulation_number,
    )
    if source_names is not None:
        chosen = chosen.where(Lightcurve.source_name.in_(list(source_names)))
    with project_session(project) as session:
        for row in session.scalars(chosen):
            yield row.lightcurve
