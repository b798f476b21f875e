"""A local model as a spectral model of gammapy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.modeling.adapters.common import flux_cgs, free_names, numbers
from astroquery_mmdc.modeling.model import Model
from astroquery_mmdc.modeling.parameters import MODELS
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["to_gammapy"]


def to_gammapy(model: Model, *, free: Iterable[str] | None = None) -> Any:
    """Return a `gammapy.modeling.models.SpectralModel` that gives dN/dE.

    Parameters
    ----------
    model : Model
        Where the parameters start; redshift, EBL and all choices are taken from it: do not
        multiply it with an EBL model of gammapy again, or make it with ``ebl=False``.
    free : iterable of str, optional
        The parameters that are not frozen; by default all.

    Returns
    -------
    `gammapy.modeling.models.SpectralModel`
        Parameters have the service's names and the ranges of its fits.
    """
    from gammapy.modeling import Parameter
    from gammapy.modeling.models import SpectralModel

    names, open_names = tuple(model.parameters), free_names(model, free)
    known = MODELS[model.model_type]

    def evaluate(self: Any, energy: u.Quantity, **values: Any) -> u.Quantity:
        nu = np.asarray(energy.to_value(u.Hz, u.spectral()), dtype=float)
        changes = numbers(names, [values[name] for name in names])
        flux = flux_cgs(model, changes, np.atleast_1d(nu)).reshape(nu.shape) * NUFNU
        return (flux / energy**2).to("cm-2 s-1 TeV-1")

    parameters = {
        name: Parameter(
            name,
            model.parameters[name],
            min=known[name].fit_low,
            max=known[name].fit_high,
            frozen=name not in open_names,
        )
        for name in names
    }
    kind = type(model).__name__
    made = type(
        f"MMDC{kind}SpectralModel",
        (SpectralModel,),
        {
            "__doc__": f"{kind} of astroquery_mmdc at z = {model.z}.",
            "__module__": __name__,
            "tag": [f"MMDC{kind}SpectralModel", f"mmdc-{kind.lower()}"],
            "evaluate": evaluate,
            **parameters,
        },
    )
    return made()
