"""External inverse Compton emission: synchrotron self-Compton and photons from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.external.field_opacity import optical_depth, photon_column
from astroquery_mmdc.modeling.external.fields import ExternalField, collapse
from astroquery_mmdc.modeling.external.geometry import (
    REST,
    Motion,
    Seeds,
    boosted_seeds,
    isotropic_seeds,
    isotropized,
)
from astroquery_mmdc.modeling.external.headon import scatter
from astroquery_mmdc.modeling.external.host import Host
from astroquery_mmdc.modeling.external.thermal import THERMAL_NU
from astroquery_mmdc.modeling.kernels import absorption, compton, kinetic, ssc, zone
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.constants import K_B, ME_C2, SIGMA_SB, C
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options
from astroquery_mmdc.modeling.kernels.state import State, Surroundings

__all__ = ["external_fields", "solve", "solve_given"]

Array = NDArray[np.float64]

#: Temperature of the microwave background today [K].
T_CMB = 2.72548


def solve(
    blob: Blob,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    redshift: float = 0.0,
    viewing_angle: float | None = None,
    **host: Any,
) -> Emission:
    """Return the emission of electrons that cool on external photons, too.

    Parameters
    ----------
    blob, options
        As in `ssc.solve`.
    redshift : float
        Of the host; the temperature of the microwave background follows.
    viewing_angle : float or None
        Angle [rad] between the jet and the line of sight; None is where the Doppler factor is
        Gamma. It matters for ``geometry="finke"``.
    **host
        Fields of `Host`: ``disk_luminosity``, ``black_hole_mass`` and what else differs.

    Returns
    -------
    Emission
        In the frame of the source. In ``geometry="finke"`` the components ``ec_*`` are 4 pi times
        what is emitted towards the observer; ``powers`` are true powers, over all directions.

    Notes
    -----
    Electrons are isotropic in the blob, so they cool on the average of the field over directions,
    with the exact Klein-Nishina losses. Photons that were scattered from outside are targets of
    self-Compton scattering and pair production inside like all others.
    """
    options = ssc.prepared(options)
    grid = Grid.default(options.per_decade)
    jet = _Jet(Host(**host), blob.lorentz_factor, viewing_angle, redshift)
    fields = external_fields(grid, jet.host, jet.motion, redshift)
    state = zone.relax(
        grid,
        blob.injection(grid, options),
        blob.magnetic_field,
        blob.radius,
        options,
        _surroundings(grid, fields),
    )
    return _finish(state, _towards_observer(state, fields), jet)


def solve_given(
    distribution: electrons.Distribution,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    magnetic_field: float,
    radius: float,
    lorentz_factor: float,
    redshift: float = 0.0,
    viewing_angle: float | None = None,
    **host: Any,
) -> Emission:
    """Return the emission of a given electron distribution, as `solve` does of injected electrons.

    Parameters
    ----------
    distribution : Distribution
        N(gamma) [cm^-3] between sharp ends.
    options, magnetic_field, radius, lorentz_factor, redshift, viewing_angle, **host
        As in `solve`.
    """
    grid = Grid.default(options.per_decade)
    density = electrons.sample(distribution, grid.gamma_fine)
    jet = _Jet(Host(**host), lorentz_factor, viewing_angle, redshift)
    fields = external_fields(grid, jet.host, jet.motion, redshift)
    state = zone.illuminate(grid, density, magnetic_field, radius, options)
    emissivity = {name: scatter(grid, density, field.headon) for name, field in fields.items()}
    return _finish(state, emissivity, jet)


@dataclass(frozen=True, slots=True)
class _Jet:
    """Where the blob is, how it moves, and from where it is seen."""

    host: Host
    lorentz_factor: float
    viewing_angle: float | None
    redshift: float

    @property
    def motion(self) -> Motion:
        if self.viewing_angle is None:
            return Motion.critical(self.lorentz_factor)
        return Motion.viewed(self.lorentz_factor, self.viewing_angle)


def external_fields(
    grid: Grid, host: Host, motion: Motion, redshift: float = 0.0
) -> dict[str, ExternalField]:
    """Return the fields of a host as the blob sees them.

    Parameters
    ----------
    grid : Grid
        The grid.
    host : Host
        Sources, geometry and distance.
    motion : Motion
        Of the blob.
    redshift : float, optional
        For the microwave background.

    Returns
    -------
    dict
        ``"disk"``, ``"blr"``, ``"torus"`` and ``"cmb"`` as far as they are there.
    """
    seeds = {name: at(host.r) for name, (at, _) in host.seeds_at().items()}
    if host.cmb:
        seeds["cmb"] = cmb_seeds(redshift)
    if host.geometry == "finke":
        return {name: collapse(grid, one, motion) for name, one in seeds.items()}
    simple = {
        name: isotropized(one, motion) for name, one in seeds.items() if name in ("disk", "cmb")
    }
    simple |= _boosted(host, motion)
    return {name: collapse(grid, one, REST) for name, one in simple.items()}


def _boosted(host: Host, motion: Motion) -> dict[str, Seeds]:
    """Return the simple fields of broad line region and torus, isotropic in the blob."""
    thermal, energy = host.torus_photons
    blr, torus = host.xi_blr * host.disk_luminosity, host.xi_torus * host.disk_luminosity
    found = {}
    if blr > 0.0:
        found["blr"] = boosted_seeds(blr, host.r_blr, host.r, host.line, motion, thermal=False)
    if torus > 0.0:
        found["torus"] = boosted_seeds(torus, host.r_torus, host.r, energy, motion, thermal=thermal)
    return found


def cmb_seeds(redshift: float) -> Seeds:
    """Return the microwave background at a redshift."""
    temperature = T_CMB * (1.0 + redshift)
    energy_density = 4.0 * SIGMA_SB / C * temperature**4
    return isotropic_seeds(energy_density, K_B * temperature / ME_C2, thermal=True)


def _surroundings(grid: Grid, fields: dict[str, ExternalField]) -> Surroundings:
    """Return what the electrons lose to the fields and make of them, averaged over directions."""
    photons = np.sum([field.density for field in fields.values()], axis=0)

    def scattered(density: Array) -> dict[str, Array]:
        return {"ec": compton.emissivity(grid, density, photons)}

    return Surroundings(cooling=compton.cooling(grid, photons), scattering=scattered)


def _towards_observer(state: State, fields: dict[str, ExternalField]) -> dict[str, Array]:
    """Return the emissivities of electrons without sharp ends.

    For them and a smooth field coarse nodes do, which takes a third of the time.
    """
    grid = state.grid
    coarse = _coarse(grid.per_decade)
    density = kinetic.coarsen(grid, state.electrons)
    return {
        name: scatter(coarse, density, field.headon[:: grid.refinement])
        if field.smooth
        else scatter(grid, state.electrons, field.headon)
        for name, field in fields.items()
    }


@lru_cache(maxsize=8)
def _coarse(per_decade: int) -> Grid:
    """Return the grid without its finer nodes."""
    return Grid(per_decade, refinement=1)


def _finish(state: State, emissivity: dict[str, Array], jet: _Jet) -> Emission:
    """Return what leaves, the external components in the direction of the observer."""
    grid = state.grid
    whole = zone.emission(state)
    components = {name: values for name, values in whole.components.items() if name != "ec"}
    volume = 4.0 / 3.0 * math.pi * state.radius**3
    scale = volume * ME_C2 * grid.eps**2 * absorption.escape(state.tau)
    components |= {f"ec_{name}": scale * values for name, values in emissivity.items()}
    if jet.host.absorption:
        components = _absorbed(grid, components, jet)
    thermal = dict(_thermal(jet.host))
    return replace(whole, components=components, thermal=thermal, thermal_nu=THERMAL_NU)


def _absorbed(grid: Grid, components: dict[str, Array], jet: _Jet) -> dict[str, Array]:
    """Return the components behind the fields of the host."""
    column = sum(
        photon_column(grid, at, jet.host.r, size) for at, size in jet.host.seeds_at().values()
    )
    leaving = np.exp(-optical_depth(grid, np.asarray(column), grid.eps * jet.motion.doppler))
    return {name: values * leaving for name, values in components.items()}


@lru_cache(maxsize=256)
def _thermal(host: Host) -> dict[str, Array]:
    """Return the unbeamed components; fits often vary the jet and keep the host."""
    found = host.thermal()
    for values in found.values():
        values.flags.writeable = False
    return found
