"""Emission models of blazars: their parameters, spectra and fits.

`SSC`, `EIC` and `Hadronic` are computed on this machine; what the service computes comes as the
same `ModelSpectrum`. The models are loaded on first use: a client of the service needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.modeling.parameters import (
    MODELS,
    Parameter,
    check_fixed_parameters,
    check_model_type,
    check_parameters,
    check_redshift,
)
from astroquery_mmdc.modeling.spectrum import ModelSpectrum

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.ebl import EBL_MODELS, optical_depth
    from astroquery_mmdc.modeling.electrons import (
        BrokenPowerLaw,
        ExponentialCutoffPowerLaw,
        LogParabola,
        PowerLaw,
    )
    from astroquery_mmdc.modeling.fits.fitting import fit
    from astroquery_mmdc.modeling.fits.joint import joint_fit
    from astroquery_mmdc.modeling.fits.many_fits import fit_many
    from astroquery_mmdc.modeling.given import normalized
    from astroquery_mmdc.modeling.models import EIC, SSC, Hadronic, model_class

__all__ = [
    "EBL_MODELS",
    "EIC",
    "MODELS",
    "SSC",
    "BrokenPowerLaw",
    "ExponentialCutoffPowerLaw",
    "FitResult",
    "Hadronic",
    "LogParabola",
    "ModelSpectrum",
    "Parameter",
    "PowerLaw",
    "check_fixed_parameters",
    "check_model_type",
    "check_parameters",
    "check_redshift",
    "fit",
    "fit_many",
    "joint_fit",
    "model_class",
    "normalized",
    "optical_depth",
]

_LAZY = {
    "EBL_MODELS": "ebl",
    "EIC": "models",
    "SSC": "models",
    "BrokenPowerLaw": "electrons",
    "ExponentialCutoffPowerLaw": "electrons",
    "Hadronic": "models",
    "LogParabola": "electrons",
    "PowerLaw": "electrons",
    "fit": "fits.fitting",
    "joint_fit": "fits.joint",
    "fit_many": "fits.many_fits",
    "model_class": "models",
    "normalized": "given",
    "optical_depth": "ebl",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
