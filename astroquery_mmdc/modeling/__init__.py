"""Emission models of blazars: their parameters, spectra and fits."""

from astroquery_mmdc.modeling.parameters import (
    MODELS,
    Parameter,
    check_fixed_parameters,
    check_model_type,
    check_parameters,
    check_redshift,
)
from astroquery_mmdc.modeling.result import FitResult
from astroquery_mmdc.modeling.spectrum import ModelSpectrum

__all__ = [
    "MODELS",
    "FitResult",
    "ModelSpectrum",
    "Parameter",
    "check_fixed_parameters",
    "check_model_type",
    "check_parameters",
    "check_redshift",
]
