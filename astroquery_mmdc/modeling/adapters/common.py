"""What the adapters share: which parameters are free, and the flux for new values of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy import constants as const
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.model import Model

__all__ = ["HZ_PER_KEV", "flux_cgs", "free_names", "numbers"]

HZ_PER_KEV = float((1 * u.keV / const.h).to_value(u.Hz))


def free_names(model: Model, free: Iterable[str] | None) -> tuple[str, ...]:
    """Return the service's names of the free parameters: all of them by default.

    Raises
    ------
    InvalidRequestError
        The model has no such parameter.
    """
    known = tuple(model.parameters)
    if free is None:
        return known
    names = tuple(free)
    for name in names:
        if name not in known:
            msg = f"free: {type(model).__name__} has no {name!r}; it has {', '.join(known)}"
            raise InvalidRequestError(msg, parameter="free")
    return names


def numbers(names: Iterable[str], values: Iterable[Any]) -> dict[str, float]:
    """Return plain numbers for names; fitters pass arrays of one number, or Quantities."""
    return {
        name: float(np.asarray(getattr(value, "value", value)).reshape(-1)[0])
        for name, value in zip(names, values, strict=True)
    }


def flux_cgs(
    model: Model, changes: Mapping[str, float], nu: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return nu F_nu [erg/s/cm2] for other values of the parameters.

    Fitters step over bounds for a moment, which is no error; where there is no model at all, as
    with a cut-off below the lowest energy, the flux is NaN and the fitter turns back.
    """
    try:
        return model.stepped(changes).flux_cgs(nu)
    except InvalidRequestError:
        return np.full(nu.shape, np.nan)
