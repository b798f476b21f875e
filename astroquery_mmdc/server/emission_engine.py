"""An engine for the modelling endpoints that computes with the local emission models."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import model_class
from astroquery_mmdc.server.engine import FitOutcome, FitRequest, InferenceRequest

__all__ = ["EmissionEngine"]

# The service's grid: 0.2148 dex between points, zero fluxes left out.
_STEP = 0.2148
_LOWEST, _HIGHEST = 7.66, 30.0
_FLOOR = 1e-20


class EmissionEngine:
    """Computes model spectra on this machine; both methods may be called from any thread.

    Parameters
    ----------
    normalization : str, optional
        ``"mmdc"`` comes as near to the curves of the service as is known, ``"textbook"`` is the
        documented definition.

    Examples
    --------
    >>> EmissionEngine("textbook").normalization
    'textbook'
    """

    def __init__(self, normalization: str = "mmdc") -> None:
        self.normalization = normalization
        self._computing = threading.Lock()

    def infer(self, request: InferenceRequest) -> Mapping[str, Any]:
        """Return the ``best`` curve: ``nu``, ``nuFnu`` and, for hadronic models, neutrinos."""
        given: dict[str, Any] = {"normalization": self.normalization, **request.parameters}
        make = model_class(request.model_type)
        model = make(z=request.z, ebl=request.ebl, ssa=False, **given)
        shift = np.log10(model.observer.shift(model.doppler_factor))
        nu = 10.0 ** np.arange(_LOWEST + shift, _HIGHEST + shift, _STEP)
        with self._computing:
            spectrum = model.spectrum(nu * u.Hz)
        curve = spectrum.to_json()
        kept = [index for index, flux in enumerate(curve["nuFnu"]) if flux > _FLOOR]
        return {
            **curve,
            "nu": [curve["nu"][index] for index in kept],
            "nuFnu": [curve["nuFnu"][index] for index in kept],
        }

    def fit(self, request: FitRequest) -> FitOutcome:
        """Refuse: this engine computes spectra only."""
        msg = f"model_type: this server computes spectra of {request.model_type} but no fits"
        raise InvalidRequestError(msg, parameter="model_type")
