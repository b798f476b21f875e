"""What follows from a solved model: energy budget, jet powers, luminosities, peaks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.model import Model
    from astroquery_mmdc.modeling.spectrum import ModelSpectrum

__all__ = ["DERIVED", "derived_quantities"]

DERIVED: dict[str, tuple[str, str, str]] = {
    "t_var": ("h", r"t_\mathrm{var}", "Shortest variability, R (1 + z) / (c δ)"),
    "U_B": ("erg / cm3", r"U_B", "Energy density of the magnetic field"),
    "U_e": ("erg / cm3", r"U_\mathrm{e}", "Energy density of the electrons"),
    "U_p": ("erg / cm3", r"U_\mathrm{p}", "Energy density of the protons"),
    "U_e_over_U_B": ("", r"U_\mathrm{e}/U_B", "Distance from equipartition"),
    "jet_B": ("erg / s", r"P_B", "Power of the jet in the magnetic field"),
    "jet_e": ("erg / s", r"P_\mathrm{e}", "Power of the jet in electrons"),
    "jet_p": ("erg / s", r"P_\mathrm{p}", "Power of the jet in accelerated protons"),
    "jet_radiation": ("erg / s", r"P_\mathrm{r}", "Power of the jet in radiation"),
    "jet_power": ("erg / s", r"P_\mathrm{jet}", "Field and accelerated particles together"),
    "L_isotropic": ("erg / s", r"L_\mathrm{iso}", "Isotropic luminosity, before the EBL"),
    "nu_low": ("Hz", r"\nu_\mathrm{low}", "Peak of the low-energy hump, as observed"),
    "nu_high": ("Hz", r"\nu_\mathrm{high}", "Peak of the high-energy hump, as observed"),
    "L_low": ("erg / s", r"(\nu L_\nu)_\mathrm{low}", "Luminosity νLν at the low-energy peak"),
    "L_high": ("erg / s", r"(\nu L_\nu)_\mathrm{high}", "Luminosity νLν at the high-energy peak"),
    "compton_dominance": ("", r"\mathrm{CD}", "Flux of the high-energy peak over the low one"),
    "neutrino_flux": ("erg / (s cm2)", r"F_\nu", "Flux of neutrinos, all flavours and energies"),
    "neutrino_peak": ("eV", r"E_{\nu}", "Energy at which E F_E of the neutrinos is highest"),
}
"""Name to unit, symbol in LaTeX, and meaning."""
# To read a unit takes longer than to compute what has it.
_UNITS = {name: u.Unit(unit) for name, (unit, _, _) in DERIVED.items()}
_POWER = u.erg / u.s
_SPEED = C * u.cm / u.s


def derived_quantities(model: Model) -> dict[str, u.Quantity]:
    """Return what follows from a model, in the units and the order of `DERIVED`.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict of str to `~astropy.units.Quantity`
        Without what this kind of model does not have.

    Notes
    -----
    The jet carries pi R^2 Gamma^2 beta c U of each kind of energy density U in the frame of the
    source (Celotti & Ghisellini 2008, MNRAS 385, 283); the radiation's is L' / (4 pi R^2 c).
    Cold protons are not counted.

    Examples
    --------
    >>> from astroquery_mmdc.modeling import SSC
    >>> model = SSC(z=0.031, B=0.03*u.G, R=1e16*u.cm, delta=20, L_e=1e44*u.erg/u.s, p=2.2,
    ...             gamma_min=100, gamma_cut=1e5)
    >>> print(derived_quantities(model)["t_var"].round(2))
    4.78 h
    """
    spectrum = model.spectrum()
    found = {
        "t_var": model.values["R"] * (1.0 + model.z) / (_SPEED * model.doppler_factor),
        **spectrum.energy_densities,
        **_powers(model, spectrum),
        **_luminosities(model, spectrum),
        **_neutrinos(spectrum),
    }
    if spectrum.energy_densities.keys() >= {"U_e", "U_B"}:
        found["U_e_over_U_B"] = found["U_e"] / found["U_B"]
    return {
        name: u.Quantity(found[name]).to(unit) for name, unit in _UNITS.items() if name in found
    }


def _powers(model: Model, spectrum: ModelSpectrum) -> dict[str, u.Quantity]:
    powers = spectrum.powers
    jet = {name: power for name, power in powers.items() if name in ("jet_B", "jet_e", "jet_p")}
    if not jet:
        return {}
    bulk = model.lorentz_factor
    through = 0.25 * bulk * math.sqrt(bulk**2 - 1.0)
    total = sum(jet.values(), 0.0 * _POWER)
    return {**jet, "jet_radiation": through * powers["radiated"], "jet_power": total}


def _luminosities(model: Model, spectrum: ModelSpectrum) -> dict[str, u.Quantity]:
    sphere = 4.0 * math.pi * (model.observer.distance * u.cm) ** 2
    nu = spectrum.nu.to_value(u.Hz)
    light = spectrum.nuFnu if spectrum.intrinsic is None else spectrum.intrinsic
    found = {"L_isotropic": sphere * _area(light.to_value(NUFNU), np.log(nu)) * NUFNU}
    for component, peak, flux in spectrum.peaks.iterrows():
        if component in ("low", "high"):
            found[f"nu_{component}"] = peak
            found[f"L_{component}"] = sphere * flux
    if "L_low" in found and "L_high" in found:
        found["compton_dominance"] = found["L_high"] / found["L_low"]
    return found


def _neutrinos(spectrum: ModelSpectrum) -> dict[str, u.Quantity]:
    energy, flux = spectrum.neutrino_energy, spectrum.neutrino_flux
    if not isinstance(energy, u.Quantity) or flux is None or not np.any(flux > 0):
        return {}
    log_energy = np.log(energy.to_value(u.eV))
    return {
        "neutrino_flux": _area(flux.to_value(NUFNU), log_energy) * NUFNU,
        "neutrino_peak": energy[int(np.argmax(flux))],
    }


def _area(y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    return float(np.sum(0.5 * (y[1:] + y[:-1]) * np.diff(x)))
