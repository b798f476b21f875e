"""What is chosen about a model besides its parameters: the observer, the physics, the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.ebl import ebl_name
from astroquery_mmdc.modeling.kernels.options import Options
from astroquery_mmdc.modeling.observer import Observer
from astroquery_mmdc.modeling.parameters import check_redshift

__all__ = [
    "Settings",
    "check_options",
    "frequencies_cgs",
    "make_settings",
    "viewing_angle_of",
]

_NORMALIZATIONS = ("textbook", "mmdc")
_DENSITIES = (4, 80)


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of a model, checked.

    Parameters
    ----------
    z : float
        Redshift.
    ebl : str or None
        Name of the EBL model.
    cosmology : `~astropy.cosmology.FLRW` or None
    viewing_angle : float or None
        Angle between jet and line of sight [rad]; None where delta = Gamma.
    strict : bool
        Whether parameters out of range are errors.
    options : Options
        Physics and numerics.
    extras : tuple of pairs
        What only this kind of model knows, such as the radius of its broad-line region.
    """

    z: float
    ebl: str | None
    cosmology: Any = field(hash=False)
    viewing_angle: float | None
    strict: bool
    options: Options
    extras: tuple[tuple[str, Any], ...] = ()

    def observer(self) -> Observer:
        """Return who looks at the source."""
        return Observer.at(self.z, ebl=self.ebl or False, cosmology=self.cosmology)


def make_settings(
    *,
    z: Any,
    ebl: bool | str | None,
    cosmology: Any,
    viewing_angle: u.Quantity | float | None,
    strict: bool,
    options: Options,
    extras: tuple[tuple[str, Any], ...],
) -> Settings:
    """Check every choice and return them together."""
    redshift = check_redshift(z, ebl=False)
    angle = None if viewing_angle is None else _angle(viewing_angle)
    check_options(options)
    return Settings(redshift, ebl_name(ebl or False), cosmology, angle, strict, options, extras)


def check_options(options: Options) -> None:
    """Raise unless the choices of physics and numerics make sense."""
    if options.normalization not in _NORMALIZATIONS:
        msg = f"normalization: {options.normalization!r} is unknown; use 'textbook' or 'mmdc'"
        raise InvalidRequestError(msg, parameter="normalization")
    low, high = _DENSITIES
    count = options.per_decade
    if isinstance(count, bool) or not isinstance(count, int) or not low <= count <= high:
        msg = f"points_per_decade: {count!r} is no whole number from {low} to {high}"
        raise InvalidRequestError(msg, parameter="points_per_decade")
    times = {
        "t_esc": options.electron_escape,
        "photon_escape": options.photon_escape,
        "evolution": options.evolution,
    }
    for name, value in times.items():
        if value is not None and not (value > 0 and (name == "t_esc" or math.isfinite(value))):
            msg = f"{name}: {value!r} is not above 0; it is a time in units of R/c"
            raise InvalidRequestError(msg, parameter=name)


def _angle(angle: u.Quantity | float) -> float:
    if not isinstance(angle, u.Quantity):
        msg = f"viewing_angle: {angle!r} has no unit; write it as {angle!r}*u.deg"
        raise InvalidRequestError(msg, parameter="viewing_angle")
    try:
        value = float(angle.to_value(u.rad))
    except u.UnitConversionError as err:
        msg = f"viewing_angle: {angle} is no angle; use degrees"
        raise InvalidRequestError(msg, parameter="viewing_angle") from err
    if not 0 <= value <= math.pi:
        msg = f"viewing_angle: {angle} is outside 0 to 180 deg"
        raise InvalidRequestError(msg, parameter="viewing_angle")
    return value


def viewing_angle_of(lorentz_factor: float, doppler_factor: float) -> u.Quantity:
    """Return the angle under which a blob with Gamma has the Doppler factor delta.

    Raises
    ------
    InvalidRequestError
        No angle gives that: delta lies between 1 / (2 Gamma) and 2 Gamma, about.

    Examples
    --------
    >>> viewing_angle_of(20.0, 25.0).round(2)
    <Quantity 2.22 deg>
    """
    beta = math.sqrt(1.0 - 1.0 / lorentz_factor**2)
    slowness = 1.0 / (lorentz_factor**2 * (1.0 + beta))
    half = (1.0 / (lorentz_factor * doppler_factor) - slowness) / (2.0 * beta)
    # The largest Doppler factor is met by rounding.
    if not -1e-12 <= half <= 1.0 + 1e-9:
        largest = lorentz_factor * (1.0 + beta)
        msg = f"delta: {doppler_factor:g} is seen under no angle with Gamma = {lorentz_factor:g}"
        msg += f"; it is at most {largest:.4g}"
        raise InvalidRequestError(msg, parameter="delta")
    return u.Quantity(2.0 * math.asin(math.sqrt(min(max(half, 0.0), 1.0))), u.rad).to(u.deg)


def frequencies_cgs(nu: Any) -> NDArray[np.float64]:
    """Return frequencies in Hz for frequencies, energies or wavelengths.

    Raises
    ------
    InvalidRequestError
        There is no unit, or one of something else, or a value is not above 0.
    """
    if not isinstance(nu, u.Quantity):
        msg = f"nu: {type(nu).__name__} has no unit; give a Quantity, such as 1e15*u.Hz"
        raise InvalidRequestError(msg, parameter="nu")
    try:
        value = nu.value if nu.unit is u.Hz else nu.to_value(u.Hz, u.spectral())
    except u.UnitConversionError as err:
        msg = f"nu: {nu.unit} is a unit neither of frequency, energy nor wavelength"
        raise InvalidRequestError(msg, parameter="nu") from err
    value = np.asarray(value, dtype=float)
    if value.size and not (np.min(value) > 0 and np.max(value) < np.inf):
        msg = "nu: every frequency has to be above 0 and finite"
        raise InvalidRequestError(msg, parameter="nu")
    return value
