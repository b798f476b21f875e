"""Units of the spectral axes, by astropy's equivalencies.

``nufnu`` is the quantity every SED is kept in, erg s-1 cm-2. `nufnu_equivalencies` leads from it
to the flux density F_nu and to the photon spectrum dN/dE = nuFnu / E**2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import constants as const
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = [
    "FLUX_AXES",
    "NUFNU",
    "SPECTRAL_AXES",
    "flux_unit",
    "nufnu_equivalencies",
    "nufnu_to",
    "spectral_to",
    "spectral_unit",
]

NUFNU = u.Unit("erg / (s cm2)")
_DNDE = u.Unit("1 / (eV s cm2)")

SPECTRAL_AXES: dict[str, u.UnitBase] = {"Hz": u.Hz, "eV": u.eV}
FLUX_AXES: dict[str, u.UnitBase] = {
    "erg cm-2 s-1": NUFNU,
    "TeV cm-2 s-1": u.Unit("TeV / (s cm2)"),
    "eV cm-2 s-1": u.Unit("eV / (s cm2)"),
    "dN/dE": _DNDE,
    "Jy Hz": u.Jy * u.Hz,
    "W m-2": u.W / u.m**2,
    "Jy": u.Jy,
}
# The service's own keys; ``flux_ev`` is eV in the older interface and TeV on the web page.
_SPECTRAL_ALIASES = {"hz": "Hz", "freq_hz": "Hz", "freq_ev": "eV", "ev": "eV"}
_FLUX_ALIASES = {
    "erg": "erg cm-2 s-1",
    "nufnu": "erg cm-2 s-1",
    "flux_ev": "eV cm-2 s-1",
    "flux_tev": "TeV cm-2 s-1",
    "norm": "dN/dE",
    "flux_norm": "dN/dE",
    "dnde": "dN/dE",
    "flux_jyhz": "Jy Hz",
    "flux_wm2": "W m-2",
    "nufnu_fnu_jy": "Jy",
    "fnu_jy": "Jy",
}
# What the web page multiplies with, instead of the CODATA constants.
_WEBSITE_ERG_TO_EV = 6.242e11
_WEBSITE_PLANCK_EV = 4.135667696e-15


def spectral_unit(unit: str | u.UnitBase) -> u.UnitBase:
    """Return the unit of a spectral axis, given as a unit or under the service's name.

    Examples
    --------
    >>> spectral_unit("freq_ev")
    Unit("eV")
    """
    return _unit(unit, SPECTRAL_AXES, _SPECTRAL_ALIASES, "x")


def flux_unit(unit: str | u.UnitBase) -> u.UnitBase:
    """Return the unit of a flux axis, given as a unit or under the service's name.

    Examples
    --------
    >>> flux_unit("flux_jyhz")
    Unit("Hz Jy")
    """
    return _unit(unit, FLUX_AXES, _FLUX_ALIASES, "y")


def _unit(
    unit: str | u.UnitBase,
    axes: dict[str, u.UnitBase],
    aliases: dict[str, str],
    axis: str,
) -> u.UnitBase:
    if not isinstance(unit, str):
        return unit
    name = aliases.get(unit.lower(), unit)
    if name in axes:
        return axes[name]
    try:
        return u.Unit(name)
    except ValueError as err:
        msg = f"{axis}: {unit!r} is not a unit; use an astropy unit or one of {sorted(axes)}"
        raise InvalidRequestError(msg, parameter=axis) from err


def nufnu_equivalencies(nu: u.Quantity) -> list[Any]:
    """Return the equivalencies between nuFnu, F_nu, F_lambda and dN/dE at ``nu``.

    Parameters
    ----------
    nu : `~astropy.units.Quantity`
        Frequency, energy or wavelength.

    Notes
    -----
    Adds dN/dE = nuFnu / E**2 with E = h nu to `astropy.units.spectral_density`.
    """
    energy = nu.to(u.eV, equivalencies=u.spectral()).value
    to_dnde = (NUFNU.to(u.eV / u.s / u.cm**2)) / np.asarray(energy) ** 2
    return [
        *u.spectral_density(nu),
        (NUFNU, _DNDE, lambda value: value * to_dnde, lambda value: value / to_dnde),
    ]


def nufnu_to(
    nufnu: u.Quantity,
    nu: u.Quantity,
    unit: str | u.UnitBase,
    *,
    website_compatible: bool = False,
) -> u.Quantity:
    """Convert nuFnu, or its error, to another unit of the flux axis.

    Parameters
    ----------
    nufnu : `~astropy.units.Quantity`
        nuFnu, in any unit of energy flux.
    nu : `~astropy.units.Quantity`
        Frequency or energy of the same shape.
    unit : str or unit
        Any convertible unit, or one of the service's names (``"flux_jyhz"``, ``"norm"``, ...).
    website_compatible : bool, optional
        Use the rounded constants of the service's web page, to get exactly its numbers.

    Returns
    -------
    `~astropy.units.Quantity`
        The same shape; masked values stay masked.

    Examples
    --------
    >>> from astropy import units as u
    >>> nufnu_to(1e-11 * u.erg / u.s / u.cm**2, 1e15 * u.Hz, "Jy").to("mJy")
    <Quantity 1. mJy>
    """
    target = flux_unit(unit)
    if website_compatible:
        factor = _WEBSITE_ERG_TO_EV / u.erg.to(u.eV)
        if target.is_equivalent(_DNDE):
            planck = (const.h.to_value(u.eV * u.s) / _WEBSITE_PLANCK_EV) ** 2
            nufnu = nufnu * (factor * planck)
        elif target in (FLUX_AXES["TeV cm-2 s-1"], FLUX_AXES["eV cm-2 s-1"]):
            nufnu = nufnu * factor
    return nufnu.to(target, equivalencies=nufnu_equivalencies(nu))


def spectral_to(nu: u.Quantity, unit: str | u.UnitBase) -> u.Quantity:
    """Convert a frequency, energy or wavelength to another unit of the spectral axis."""
    return nu.to(spectral_unit(unit), equivalencies=u.spectral())
