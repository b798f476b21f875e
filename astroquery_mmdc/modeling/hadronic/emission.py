"""What leaves a zone with protons: photons by process, neutrinos by flavour, and the powers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.hadronic.zone import State, Zone, total
from astroquery_mmdc.modeling.kernels import absorption, synchrotron
from astroquery_mmdc.modeling.kernels.constants import ME_C2, MP_C2
from astroquery_mmdc.modeling.kernels.emission import Emission

__all__ = ["emission", "mixed"]

Array = NDArray[np.float64]


def emission(zone: Zone, state: State) -> Emission:
    """Return what leaves a zone.

    Parameters
    ----------
    zone : Zone
        What was solved.
    state : State
        Its solution.

    Returns
    -------
    Emission
        In the frame of the source.
    """
    grid = zone.grid
    scale = zone.volume * ME_C2 * grid.eps**2
    leaves = scale * absorption.escape(2.0 * zone.radius * state.opacity)
    seen = grid.eps >= 1.0  # neutrinos of less than m_e c^2 are neither followed nor detected
    return Emission(
        grid=grid,
        electrons=_total_electrons(zone, state),
        components={name: leaves * q for name, q in state.emissivity.items()},
        photons=state.photons,
        pairs=total(state.pairs),
        protons=state.protons,
        neutrinos={name: (scale * q)[seen] for name, q in state.neutrinos.items()},
        neutrino_energy=grid.eps[seen] * ME_C2,
        u_b=synchrotron.magnetic_energy_density(zone.magnetic_field),
        u_e=_electron_energy(zone, state) * ME_C2,
        u_p=MP_C2 * grid.step * float(state.protons @ grid.gamma**2),
        powers=_powers(zone, state),
        iterations=state.iterations,
        residual=state.residual,
    )


def _total_electrons(zone: Zone, state: State) -> Array:
    """Return injected electrons and pairs on ``grid.gamma``."""
    injected = state.primaries.electrons[:: zone.grid.refinement]
    return injected + total(state.pairs)


def _electron_energy(zone: Zone, state: State) -> float:
    """Return the energy density of electrons and pairs over m_e c^2 [cm^-3]."""
    grid = zone.grid
    fine = grid.step / grid.refinement * float(state.primaries.electrons @ grid.gamma_fine**2)
    return fine + grid.step * float(total(state.pairs) @ grid.gamma**2)


def _powers(zone: Zone, state: State) -> dict[str, float]:
    """Return where the injected power goes [erg/s]."""
    grid, unit = zone.grid, zone.volume * ME_C2
    made = total(state.emissivity) * grid.eps**2 * grid.step
    escape = absorption.escape(2.0 * zone.radius * state.opacity)
    heated = state.alpha / np.maximum(state.opacity, 1e-300)
    gamma2 = grid.gamma**2 * grid.step
    fine = grid.step / grid.refinement * grid.gamma_fine**2
    heavy = zone.volume * MP_C2
    return {
        "injected": unit * float(zone.electrons @ fine),
        "injected_protons": heavy * float(zone.protons @ gamma2),
        "escaped": unit * _electron_energy(zone, state) / zone.electron_escape,
        "escaped_protons": heavy * float(state.protons @ gamma2) / zone.proton_escape,
        "radiated": unit * float(made @ escape),
        "absorbed": unit * float(made @ (1.0 - escape)),
        "self_absorbed": unit * float(made @ ((1.0 - escape) * heated)),
        "neutrinos": unit * state.neutrino_power(grid),
        # Electrons that cooled to rest leave the grid with their rest energy.
        "at_rest": unit * float(-state.primaries.gamma_dot[0] * _total_electrons(zone, state)[0]),
    }


def mixed(neutrinos: dict[str, Array]) -> Array:
    """Return the neutrinos of one flavour, with its antineutrinos, after oscillation.

    Parameters
    ----------
    neutrinos : dict of str to ndarray
        Neutrinos at the source by flavour, as in `Emission`.

    Returns
    -------
    ndarray
        A third of all, for each of the electron, muon and tau flavours: over distances of galaxies
        pion decay arrives as (1 : 1 : 1).
    """
    return total(neutrinos) / 3.0
