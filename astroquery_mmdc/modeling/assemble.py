"""A solved model as a `ModelSpectrum`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.spectrum import ModelSpectrum, particles
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.model import Model

__all__ = ["assemble"]

_POWER = u.erg / u.s
_DENSITY = u.erg / u.cm**3


def assemble(model: Model, nu: NDArray[np.float64] | None) -> ModelSpectrum:
    """Return the spectrum of a model at frequencies in Hz, or on its own nodes."""
    observed, emission = model.observed, model.emission
    nodes = observed.nodes_cgs() if nu is None else np.sort(np.ravel(nu))
    eaten = model.observer.absorption
    intrinsic = observed.intrinsic_cgs(nodes)
    components = observed.components_cgs(nodes)
    transmission = np.ones_like(nodes)
    if eaten is not None:
        eaten.warn_above_table(nodes, intrinsic)
        transmission = eaten.transmission_cgs(nodes)
    energy, flavours = observed.neutrinos_cgs()
    return ModelSpectrum(
        nu=nodes * u.Hz,
        nuFnu=intrinsic * transmission * NUFNU,
        neutrino_energy=(energy * u.erg).to(u.eV) if flavours else None,
        neutrino_flux=np.sum(list(flavours.values()), axis=0) * NUFNU if flavours else None,
        meta=_meta(model),
        components={name: flux * transmission * NUFNU for name, flux in components.items()},
        intrinsic=intrinsic * NUFNU,
        flavours={name: flux * NUFNU for name, flux in flavours.items()},
        electrons=particles(emission.grid.gamma, emission.electrons),
        protons=_protons(emission),
        energy_densities=_energy_densities(emission),
        powers=_powers(model, emission),
    )


def _meta(model: Model) -> dict[str, Any]:
    """Return plain values only, so that every format of tables can store them."""
    settings = model.settings
    meta: dict[str, Any] = {
        "model_type": model.model_type,
        "parameters": model.parameters,
        "redshift": model.z,
        "ebl": settings.ebl or False,
        "doppler_factor": model.doppler_factor,
        "luminosity_distance_cm": model.observer.distance,
        "normalization": settings.options.normalization,
        "points_per_decade": settings.options.per_decade,
    }
    if model.electrons is not None:
        meta["electrons"] = repr(model.electrons)
    return meta


def _protons(emission: Emission) -> Any:
    if emission.protons is None:
        return None
    return particles(emission.grid.gamma, emission.protons)


def _energy_densities(emission: Emission) -> dict[str, u.Quantity]:
    densities = {"U_B": emission.u_b, "U_e": emission.u_e, "U_p": emission.u_p}
    return {name: value * _DENSITY for name, value in densities.items() if value > 0}


def _powers(model: Model, emission: Emission) -> dict[str, u.Quantity]:
    """Return the powers in the source, and those that the jet carries: pi R^2 Gamma^2 beta c U."""
    radius = model.values["R"].to_value(u.cm)
    bulk = model.lorentz_factor
    through = math.pi * radius**2 * bulk * math.sqrt(bulk**2 - 1.0) * C
    jet = {"jet_B": emission.u_b, "jet_e": emission.u_e, "jet_p": emission.u_p}
    return {
        **{name: float(value) * _POWER for name, value in emission.powers.items()},
        **{name: through * value * _POWER for name, value in jet.items() if value > 0},
    }
