"""What a project writes into its folder: the configuration and the histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.retriever import config, paths
from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.running import versioning
from astroquery_mmdc.retriever.storage.base import disk_errors

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.project import Project

__all__ = [
    "PARTS",
    "add_parts",
    "config_content",
    "critical_content",
    "output_folder",
    "parameters_of",
    "write_config",
    "write_histograms",
]

PARTS: Mapping[str, str] = {
    "quality": "quality_kwargs",
    "finder": "finder_kwargs",
    "simulator": "simulator_kwargs",
    "histograms": "histogram_kwargs",
}
"""The parts of an analysis: their keys in files, and the parameter that holds their keywords."""

_COMMON = ("project", "cfg_file", "data_types", "verbose")
_OF_ONE_HISTOGRAM = ("name", "score_names")


def parameters_of(analysis: Any) -> dict[str, Parameters]:
    """Return the parameters of an analysis and of its parts, by their key in files."""
    parts = [item.pars for item in vars(analysis).values() if hasattr(item, "pars")]
    found = [analysis.pars, *(pars for pars in parts if isinstance(pars, Parameters))]
    return {key: pars for pars in reversed(found) if (key := type(pars).get_default_cfg_key())}


def _values(pars: Parameters, *, critical: bool = False) -> dict[str, Any]:
    """Return values without what says where they came from.

    The keywords of parts are left out: the parts have values of their own, which may have been
    changed since.
    """
    hidden = {"cfg_file", *PARTS.values()}
    return {key: plain(value) for key, value in pars.to_dict(critical).items() if key not in hidden}


def _of_histograms(analysis: Any) -> dict[str, Any]:
    histogram = next(iter(analysis.histograms.values()))
    hidden = {*_COMMON, *_OF_ONE_HISTOGRAM}
    values = histogram.pars.to_dict().items()
    return {key: plain(value) for key, value in values if key not in hidden}


def _of_analysis(analysis: Any, *, critical: bool = False) -> dict[str, Any]:
    found = {key: _values(pars, critical=critical) for key, pars in parameters_of(analysis).items()}
    return {**found, "histograms": _of_histograms(analysis)}


def config_content(project: Project) -> dict[str, Any]:
    """Return all settings of a project, as its configuration file holds them."""
    return {
        "project": _values(project.pars),
        "catalog": _values(project.catalog.pars),
        "observatories": {obs.name: _values(obs.pars) for obs in project.observatories},
        **_of_analysis(project.analysis),
    }


def critical_content(project: Project) -> dict[str, Any]:
    """Return what the results of a project depend on: settings, code, and catalogue."""
    used = [project.analysis, *project.observatories, *vars(project.analysis).values()]
    return {
        "project": _values(project.pars, critical=True),
        "catalog": project.catalog.cat_hash,
        "observatories": {
            obs.name: _values(obs.pars, critical=True) for obs in project.observatories
        },
        "analysis": _of_analysis(project.analysis, critical=True),
        "version": versioning.package_version(),
        "git_hash": versioning.git_hash(),
        "code": versioning.code_hash(type(item) for item in used),
    }


def output_folder(project: str, cfg_hash: str) -> Path:
    """Return the folder of a project's products."""
    return paths.data_root() / paths.project_folder(project, cfg_hash)


def write_config(project: Project, folder: Path) -> Path:
    """Write ``config.yaml``, without secrets, and return its path."""
    paths.safe_mkdir(folder)
    return config.save_config(folder / "config.yaml", config_content(project))


def add_parts(parts: Sequence[bytes]) -> bytes:
    """Return the sum of parts of a histogram, in the same form."""
    return reduce(add, map(Histogram.from_bytes, parts)).to_bytes()


def write_histograms(folder: Path, histograms: Mapping[str, Histogram]) -> list[Path]:
    """Write ``histograms_<name>.nc`` for each histogram, each complete or not at all."""
    written = []
    for name, histogram in histograms.items():
        path = paths.safe_mkdir(folder) / f"histograms_{name}.nc"
        with disk_errors(path):
            histogram.save(path)
        written.append(path)
    return written
