"""An engine for the modelling endpoints that computes with the local emission models."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.server.engine import Engine, FitOutcome, FitRequest, FitRun, InferenceRequest
from astroquery_mmdc.server.fit_exchange import Method
from astroquery_mmdc.server.fit_process import run_fit

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.model import Model

__all__ = ["EmissionEngine", "default_engine", "emission_model", "missing_packages"]

# What the local models and fits are computed with.
_NEEDED = ("numba", "scipy")

# The service's grid: 0.2148 dex between points, zero fluxes left out.
_STEP = 0.2148
_LOWEST, _HIGHEST = 7.66, 30.0
_FLOOR = 1e-20


def missing_packages() -> list[str]:
    """Return the packages that the engine needs and that are not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]


def default_engine() -> Engine | None:
    """Return the engine of a server for which none was chosen; None where it cannot compute."""
    return None if missing_packages() else EmissionEngine()


def emission_model(model_type: str, *, z: float, ebl: bool, **given: Any) -> Model:
    """Return a model as the service computes it, without synchrotron self-absorption."""
    from astroquery_mmdc.modeling import model_class

    make = model_class(model_type)
    model: Model = make(z=z, ebl=ebl, ssa=False, **given)
    return model


class EmissionEngine:
    """Computes model spectra and fits on this machine; may be called from any thread.

    Parameters
    ----------
    normalization : str, optional
        ``"mmdc"`` comes as near to the curves of the service as is known, ``"textbook"`` is the
        documented definition.
    fit_seconds : float, optional
        How long a fit may take.
    method : str, optional
        How a fit is made, see `astroquery_mmdc.modeling.fit`; by default with a posterior, but a
        hadronic one without.
    processes : int, optional
        How many processes compute one fit; None takes all processors.

    Examples
    --------
    >>> EmissionEngine("textbook").normalization
    'textbook'
    """

    def __init__(
        self,
        normalization: str = "mmdc",
        *,
        fit_seconds: float = 3600.0,
        method: Method | None = None,
        processes: int | None = None,
    ) -> None:
        self.normalization = normalization
        self.fit_seconds = fit_seconds
        self._settings: dict[str, Any] = {"method": method, "processes": processes}
        self._computing = threading.Lock()

    def infer(self, request: InferenceRequest) -> Mapping[str, Any]:
        """Return the ``best`` curve: ``nu``, ``nuFnu`` and, for hadronic models, neutrinos."""
        model = emission_model(
            request.model_type,
            z=request.z,
            ebl=request.ebl,
            normalization=self.normalization,
            **request.parameters,
        )
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

    def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
        """Return the result of a fit, computed in a process of its own."""
        return run_fit(
            request,
            run,
            seconds=self.fit_seconds,
            normalization=self.normalization,
            **self._settings,
        )
