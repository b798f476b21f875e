"""Local models as plain functions, the way sherpa and naima take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.modeling.adapters.common import (
    HZ_PER_KEV,
    flux_cgs,
    free_names,
    numbers,
)
from astroquery_mmdc.modeling.model import Model
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["to_naima", "to_sherpa"]


def to_sherpa(
    model: Model, *, free: Iterable[str] | None = None, frequencies: bool = True
) -> Callable[..., Any]:
    """Return a function for sherpa's ``load_user_model`` or ``UserModel``.

    Parameters
    ----------
    model : Model
        Where the parameters start; redshift, EBL and all choices are taken from it.
    free : iterable of str, optional
        The parameters that the function takes, in this order; by default all. They are the
        attribute ``names``, their values ``start``, their ranges ``low`` and ``high``.
    frequencies : bool, optional
        Whether x is a frequency in Hz and the result nu F_nu in erg/s/cm2. Otherwise x is an
        energy in keV, as in sherpa's spectra, and the result photons/s/cm2/keV, or
        photons/s/cm2 in each bin where sherpa gives bins.

    Returns
    -------
    callable
        ``function(parameters, x, xhi=None)``.
    """
    names = free_names(model, free)

    def function(parameters: Iterable[float], x: Any, xhi: Any = None, **_: Any) -> Any:
        low = np.asarray(x, dtype=float)
        high = low if xhi is None else np.asarray(xhi, dtype=float)
        middle = np.sqrt(low * high)
        changes = numbers(names, parameters)
        if frequencies:
            return flux_cgs(model, changes, middle)
        flux = flux_cgs(model, changes, middle * HZ_PER_KEV) * u.erg.to(u.keV)
        density = flux / middle**2
        return density if xhi is None else density * (high - low)

    return _with_ranges(function, model, names)


def to_naima(model: Model, *, free: Iterable[str] | None = None) -> Callable[..., u.Quantity]:
    """Return a function for naima's ``run_sampler``.

    Parameters
    ----------
    model : Model
        Where the parameters start; redshift, EBL and all choices are taken from it.
    free : iterable of str, optional
        The parameters that are sampled, in the order of naima's ``p0``; by default all. They are
        the attribute ``names``, their values ``start``, their ranges ``low`` and ``high``.

    Returns
    -------
    callable
        ``function(parameters, data)`` gives E^2 dN/dE at ``data["energy"]``.
    """
    names = free_names(model, free)

    def function(parameters: Iterable[float], data: Mapping[str, Any]) -> u.Quantity:
        nu = u.Quantity(data["energy"]).to_value(u.Hz, u.spectral())
        return flux_cgs(model, numbers(names, parameters), np.asarray(nu, dtype=float)) * NUFNU

    return _with_ranges(function, model, names)


def _with_ranges(function: Any, model: Model, names: tuple[str, ...]) -> Any:
    from astroquery_mmdc.modeling.parameters import MODELS

    known = MODELS[model.model_type]
    function.names = names
    function.start = tuple(model.parameters[name] for name in names)
    function.low = tuple(known[name].fit_low for name in names)
    function.high = tuple(known[name].fit_high for name in names)
    return function
