"""A local model as a model of `astropy.modeling`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.modeling.adapters.common import flux_cgs, free_names, numbers
from astroquery_mmdc.modeling.model import Model
from astroquery_mmdc.modeling.parameters import MODELS
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["to_astropy"]


def to_astropy(model: Model, *, free: Iterable[str] | None = None) -> Any:
    """Return a `~astropy.modeling.Fittable1DModel` that gives nu F_nu.

    Parameters
    ----------
    model : Model
        Where the parameters start; redshift, EBL and all choices are taken from it.
    free : iterable of str, optional
        The parameters that are not fixed; by default all.

    Returns
    -------
    `~astropy.modeling.Fittable1DModel`
        Parameters have the service's names and the ranges of its fits as bounds. A Quantity gives
        a Quantity in erg / (s cm2), plain numbers are Hz and erg / (s cm2).

    Examples
    --------
    >>> from astroquery_mmdc.modeling import SSC
    >>> model = SSC(z=0.031, log_B=-1.5, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16,
    ...             delta=20, p=2.2)
    >>> fittable = to_astropy(model, free=["log_B"])
    >>> fittable.log_B.bounds, fittable.spectral_index.fixed
    ((-2.95, 1.98), True)
    """
    from astropy.modeling import Fittable1DModel, Parameter

    names, open_names = tuple(model.parameters), free_names(model, free)
    known = MODELS[model.model_type]

    def evaluate(x: Any, *values: Any) -> Any:
        # Astropy asks with x of any shape, and with units where it was called with them.
        nu = x.to_value(u.Hz, u.spectral()) if isinstance(x, u.Quantity) else x
        flux = flux_cgs(model, numbers(names, values), np.asarray(nu, dtype=float))
        return flux * NUFNU if isinstance(x, u.Quantity) else flux

    # Astropy reads annotations of a model as the units of its input.
    evaluate.__annotations__.clear()
    parameters = {
        name: Parameter(
            default=model.parameters[name],
            bounds=(known[name].fit_low, known[name].fit_high),
            fixed=name not in open_names,
            description=known[name].description,
        )
        for name in names
    }
    made = type(
        f"Fittable{type(model).__name__}",
        (Fittable1DModel,),
        {
            "__doc__": f"{type(model).__name__} of astroquery_mmdc at z = {model.z}.",
            "__module__": __name__,
            "evaluate": staticmethod(evaluate),
            "fit_deriv": None,
            **parameters,
        },
    )
    return made()
