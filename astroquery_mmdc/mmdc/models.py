"""Model spectra computed by the service."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling import check_model_type, check_parameters, check_redshift
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["check_where", "run_model"]

# The service spells one and the same model differently in its two endpoints.
_INFERENCE_NAMES = {"SSC": "SSC", "EIC": "EIC", "HADRONIC": "hadronic"}


def check_where(where: str) -> None:
    """Raise unless the model can be computed there."""
    if where != "service":
        msg = f"where: {where!r} is not available; use 'service'"
        raise InvalidRequestError(msg, parameter="where")


def run_model(
    self: MMDCClass,
    job: Job,
    model_type: str,
    *,
    z: float,
    parameters: Mapping[str, float],
    ebl: bool = True,
    where: str = "service",
    get_query_payload: bool = False,
) -> ModelSpectrum | Coroutine[Any, Any, ModelSpectrum]:
    """Compute the spectrum of a model.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"hadronic"``, in any case.
    z : float
        Redshift, 0 < z <= 10, with ``ebl`` at most 4.99.
    parameters : mapping
        Every parameter of the model, see `list_parameters`; names and ranges are checked.
    ebl : bool, optional
        Whether the extragalactic background light absorbs gamma rays.
    where : str, optional
        ``"service"``.
    get_query_payload : bool, optional
        Return what would be sent instead of sending it.

    Returns
    -------
    ModelSpectrum
        ``nu`` and ``nuFnu`` as Quantities, and the neutrinos of hadronic models.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> payload = MMDC.run_model(
    ...     "SSC", z=0.031, get_query_payload=True,
    ...     parameters={"log_B": -1.5, "log_electron_luminosity": 44, "log_gamma_cut": 5,
    ...                 "log_gamma_min": 2, "log_radius": 16, "lorentz_factor": 20,
    ...                 "spectral_index": 2.2})
    >>> payload["z"], payload["parameters"]["log_B"]
    (0.031, -1.5)
    """
    check_where(where)
    name = check_model_type(model_type)
    payload = {
        "z": check_redshift(z, ebl=ebl),
        "ebl": bool(ebl),
        "model_type": _INFERENCE_NAMES[name],
        "parameters": check_parameters(name, parameters),
    }
    if get_query_payload:
        return payload  # type: ignore[return-value]
    return _spectrum(self, name, payload)


async def _spectrum(self: MMDCClass, name: str, payload: dict[str, Any]) -> ModelSpectrum:
    async with self.client.limiter("inferences"):
        reply = await self.client.request("POST", Path.INFERENCE, json=payload, idempotent=True)
    data = reply.json_object().get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("best"), Mapping):
        msg = f"{reply.url}: the answer holds no spectrum under data.best"
        raise ParseError(msg)
    meta = {
        "model_type": name,
        "mmdc": provenance(service=self.client.server, endpoint=Path.INFERENCE, query=payload),
    }
    return ModelSpectrum.from_json(data["best"], meta=meta)
