"""Population studies: catalogue, survey light curves, reduction, detection, injection-recovery.

`Project` does all of it; the other names are its parts. Nothing is opened, read or asked for by
importing this package, and each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.analysis import Analysis
    from astroquery_mmdc.retriever.analysis_pars import ParsAnalysis
    from astroquery_mmdc.retriever.catalog import Catalog
    from astroquery_mmdc.retriever.finder import Finder
    from astroquery_mmdc.retriever.histogram import Histogram
    from astroquery_mmdc.retriever.lightcurve import LightCurve
    from astroquery_mmdc.retriever.observatories import (
        VirtualASASSN,
        VirtualDemoObs,
        VirtualFermiLCR,
        VirtualMMDC,
        VirtualObservatory,
        VirtualPanSTARRS,
        VirtualTESS,
        VirtualZTF,
    )
    from astroquery_mmdc.retriever.parameters import Parameters
    from astroquery_mmdc.retriever.project import Project
    from astroquery_mmdc.retriever.quality import QualityChecker
    from astroquery_mmdc.retriever.simulator import Simulator

__all__ = [
    "Analysis",
    "Catalog",
    "Finder",
    "Histogram",
    "LightCurve",
    "Parameters",
    "ParsAnalysis",
    "Project",
    "QualityChecker",
    "Simulator",
    "VirtualASASSN",
    "VirtualDemoObs",
    "VirtualFermiLCR",
    "VirtualMMDC",
    "VirtualObservatory",
    "VirtualPanSTARRS",
    "VirtualTESS",
    "VirtualZTF",
]

_MODULES = {
    "Analysis": "analysis",
    "Catalog": "catalog",
    "Finder": "finder",
    "Histogram": "histogram",
    "LightCurve": "lightcurve",
    "Parameters": "parameters",
    "ParsAnalysis": "analysis_pars",
    "Project": "project",
    "QualityChecker": "quality",
    "Simulator": "simulator",
}


def __getattr__(name: str) -> Any:
    if name.startswith("Virtual") and name in __all__:
        return getattr(import_module(f"{__name__}.observatories"), name)
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
