"""Local models in the shape that other packages fit; each package is imported on use."""

from astroquery_mmdc.modeling.adapters.astropy_model import to_astropy
from astroquery_mmdc.modeling.adapters.functions import to_naima, to_sherpa
from astroquery_mmdc.modeling.adapters.gammapy_model import to_gammapy

__all__ = ["to_astropy", "to_gammapy", "to_naima", "to_sherpa"]
