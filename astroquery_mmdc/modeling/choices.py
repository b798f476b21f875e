"""The keywords of a model that are not parameters: their names, defaults and text."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.kernels.options import Options
from astroquery_mmdc.modeling.settings import viewing_angle_of

__all__ = ["OPTIONS", "SETTINGS", "seen_under", "short_text", "standard_choices"]

_BULK, _SEEN = ("Gamma", "lorentz_factor"), ("delta", "doppler_factor")
# Names of `Model` for the fields of `Options`.
OPTIONS = {
    "normalization": "normalization",
    "ssa": "ssa",
    "pairs": "pairs",
    "t_esc": "electron_escape",
    "photon_escape": "photon_escape",
    "evolution": "evolution",
    "points_per_decade": "per_decade",
}
SETTINGS = ("z", "ebl", "cosmology", "viewing_angle", "strict")


def seen_under(parameters: dict[str, Any], angle: u.Quantity | None) -> u.Quantity | None:
    """Return the viewing angle; Gamma and delta given together set it."""
    bulk = [name for name in _BULK if name in parameters]
    seen = [name for name in _SEEN if name in parameters]
    if not seen:
        return angle
    if angle is not None:
        msg = f"{seen[0]}: viewing_angle is given too; give Gamma and the angle, or Gamma and delta"
        raise InvalidRequestError(msg, parameter=seen[0])
    if len(bulk) != 1 or len(seen) != 1:
        return None
    return viewing_angle_of(float(parameters[bulk[0]]), float(parameters.pop(seen[0])))


def standard_choices() -> dict[str, Any]:
    """Return the default of every keyword that is not a parameter."""
    options = Options()
    choices = {name: getattr(options, key) for name, key in OPTIONS.items()}
    others = {"cosmology": None, "viewing_angle": None, "strict": True, "electrons": None}
    return {**choices, **others, "ebl": "finke_2010"}


def short_text(value: Any) -> str:
    """Return a value as the text of a model shows it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:.4g}" if isinstance(value, u.Quantity) else repr(value)
