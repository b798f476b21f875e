"""Model spectra, computed by the service or on this machine."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError, MMDCError, ParseError
from astroquery_mmdc.modeling import check_model_type, check_parameters, check_redshift
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["check_extra", "check_no_choices", "check_place", "run_model"]

# The service spells one and the same model differently in its two endpoints.
_INFERENCE_NAMES = {"SSC": "SSC", "EIC": "EIC", "HADRONIC": "hadronic"}


_COMPUTING = threading.Lock()
_PLACES = ("local", "service")


def check_place(where: str) -> None:
    """Raise unless something can be computed there."""
    if where not in _PLACES:
        msg = f"where: {where!r} is not available; use {' or '.join(map(repr, _PLACES))}"
        raise InvalidRequestError(msg, parameter="where")


def run_model(
    self: MMDCClass,
    job: Job,
    model_type: str,
    *,
    z: float,
    parameters: Mapping[str, float],
    ebl: bool = True,
    where: str = "local",
    nu: u.Quantity | None = None,
    get_query_payload: bool = False,
    **choices: Any,
) -> ModelSpectrum | Coroutine[Any, Any, ModelSpectrum]:
    """Compute the spectrum of a model.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"hadronic"``, in any case.
    z : float
        Redshift, 0 < z <= 10, with ``ebl`` at most 4.99.
    parameters : mapping
        Every parameter of the model, see `list_parameters`; names and ranges are checked. A local
        model also takes natural names with Quantities.
    ebl : bool, optional
        Whether the extragalactic background light absorbs gamma rays.
    where : str, optional
        ``"local"`` computes on this machine, in milliseconds, with the extra ``model``;
        ``"service"`` asks the service.
    nu : `~astropy.units.Quantity`, optional
        Frequencies, energies or wavelengths of a local spectrum; the service chooses its own.
    get_query_payload : bool, optional
        Return what would be sent to the service, and neither send nor compute anything.
    **choices
        For a local spectrum only: what the models of `astroquery_mmdc.modeling` take besides
        parameters, such as ``normalization="mmdc"``.

    Returns
    -------
    ModelSpectrum
        ``nu`` and ``nuFnu`` as Quantities, and the neutrinos of hadronic models. A local one also
        has its components and particles; both kinds go into one plot.

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
    check_place(where)
    name = check_model_type(model_type)
    if where == "local" and not get_query_payload:
        from astroquery_mmdc.modeling import model_class

        check_extra()
        model = model_class(name)(z=z, ebl=ebl, **{**parameters, **choices})
        return _local(model, nu)
    check_no_choices(choices if nu is None else {**choices, "nu": nu})
    payload = {
        "z": check_redshift(z, ebl=ebl),
        "ebl": bool(ebl),
        "model_type": _INFERENCE_NAMES[name],
        "parameters": check_parameters(name, parameters),
    }
    if get_query_payload:
        return payload  # type: ignore[return-value]
    return _spectrum(self, name, payload)


def check_extra() -> None:
    """Raise where what spectra and fits are computed with is not installed."""
    missing = [name for name in ("numba", "scipy", "ebltable") if find_spec(name) is None]
    if missing:
        msg = (
            f"where: {' and '.join(missing)}, which local models need, is not installed; run "
            "`pip install 'astroquery_mmdc[model]'`, or use where='service'"
        )
        raise MMDCError(msg)


def check_no_choices(choices: Mapping[str, Any]) -> None:
    """Raise if there are choices that the service does not have."""
    for name in choices:
        msg = f"{name}: the service has no such choice; leave it out or use where='local'"
        raise InvalidRequestError(msg, parameter=name)


async def _local(model: Any, nu: u.Quantity | None) -> ModelSpectrum:
    """Compute in a thread, so that the loop goes on with other queries meanwhile."""
    import anyio.to_thread

    def compute() -> ModelSpectrum:
        # Tables and compiled code are made once, not by several threads at the same time.
        with _COMPUTING:
            return model.spectrum(nu)

    spectrum = await anyio.to_thread.run_sync(compute)
    query = {"z": model.z, "model_type": model.model_type, "parameters": model.parameters}
    spectrum.meta["mmdc"] = {"service": "local", "query": query}
    return spectrum


async def _spectrum(self: MMDCClass, name: str, payload: dict[str, Any]) -> ModelSpectrum:
    async with self.client.limiter("inferences"):
        reply = await self.client.request("POST", Path.INFERENCE, json=payload, idempotent=True)
    data = reply.json_object().get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("best"), Mapping):
        msg = f"{reply.url}: the answer holds no spectrum under data.best"
        raise ParseError(msg)
    meta = {
        "model_type": name,
        "parameters": payload["parameters"],
        "redshift": payload["z"],
        "mmdc": provenance(service=self.client.server, endpoint=Path.INFERENCE, query=payload),
    }
    return ModelSpectrum.from_json(data["best"], meta=meta)
