"""Emission models of blazars: their parameters and ranges."""

from astroquery_mmdc.modeling.parameters import (
    MODELS,
    Parameter,
    check_fixed_parameters,
    check_model_type,
    check_parameters,
    check_redshift,
)

__all__ = [
    "MODELS",
    "Parameter",
    "check_fixed_parameters",
    "check_model_type",
    "check_parameters",
    "check_redshift",
]
