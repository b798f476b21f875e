"""Which points of an SED fulfil conditions on catalogue, band, frequency and kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.schema.units import spectral_to
from astroquery_mmdc.sed.build import filled, text

if TYPE_CHECKING:
    from astroquery_mmdc.sed.core import SED

__all__ = ["selection_mask"]


def selection_mask(
    sed: SED,
    *,
    catalogs: str | Iterable[str] | None,
    exclude: str | Iterable[str] | None,
    bands: str | Iterable[str] | None,
    nu_min: Any,
    nu_max: Any,
    upper_limits: bool | None,
) -> NDArray[np.bool_]:
    """Return which rows fulfil every condition that is given; see `SED.select`."""
    mask = np.ones(len(sed), dtype=bool)
    if catalogs is not None:
        mask &= np.isin(text(sed["catalog"]), _names(catalogs))
    if exclude is not None:
        mask &= ~np.isin(text(sed["catalog"]), _names(exclude))
    if bands is not None:
        mask &= np.isin(text(sed["band"]), _known_bands(bands))
    if upper_limits is not None:
        mask &= np.asarray(sed["is_upper_limit"], dtype=bool) == upper_limits
    low, high = _frequency_range(nu_min, nu_max)
    if (low, high) != (0.0, np.inf):
        nu = filled(sed["nu"])
        mask &= (nu >= low) & (nu <= high)
    return mask


def _names(values: str | Iterable[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _known_bands(values: str | Iterable[str]) -> list[str]:
    names = _names(values)
    unknown = [name for name in names if name not in BANDS]
    if unknown:
        msg = f"bands: {unknown[0]!r} is no part of the spectrum; use one of {list(BANDS)}"
        raise InvalidRequestError(msg, parameter="bands")
    return names


def _frequency_range(nu_min: Any, nu_max: Any) -> tuple[float, float]:
    """Return the range in Hz; wavelengths come in the opposite order."""
    ends = {"nu_min": nu_min, "nu_max": nu_max}
    values = {name: _hertz(value, name) for name, value in ends.items() if value is not None}
    low, high = values.get("nu_min", 0.0), values.get("nu_max", np.inf)
    if low > high:
        msg = f"nu_min: {nu_min} is above nu_max, {nu_max}; exchange them"
        raise InvalidRequestError(msg, parameter="nu_min")
    return low, high


def _hertz(value: Any, name: str) -> float:
    if not hasattr(value, "unit"):
        msg = f"{name}: {value!r} has no unit; give a frequency or an energy, such as 1 * u.keV"
        raise InvalidRequestError(msg, parameter=name)
    return float(spectral_to(value, "Hz").value)
