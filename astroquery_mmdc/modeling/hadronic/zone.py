"""One zone with protons: its particles and photons brought into agreement."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.hadronic import bethe_heitler, photohadronic, photopion, protons
from astroquery_mmdc.modeling.hadronic.cascade import Medium, annihilation_pairs
from astroquery_mmdc.modeling.kernels import absorption, compton, kinetic, responses, synchrotron
from astroquery_mmdc.modeling.kernels._mixing import warn_unsettled
from astroquery_mmdc.modeling.kernels._photon_steps import PhotonSteps
from astroquery_mmdc.modeling.kernels.constants import MP_ME, C
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = ["Primaries", "State", "Zone", "settle", "total"]

Array = NDArray[np.float64]

_WARM_STEPS = 12
"""Steps in which electrons and their own photons settle before the protons join."""
_SPHERE = 0.75
"""Mean time of photons in a transparent sphere, in R / c."""
_WARM = 10.0
"""Those steps end at this many times the tolerance."""


@dataclass(frozen=True, slots=True)
class Zone:
    """What is injected, and where.

    Parameters
    ----------
    grid : Grid
        The grid.
    options : Options
        Choices of physics and numerics.
    magnetic_field, radius : float
        B [G] and R [cm].
    electrons : ndarray
        Q [cm^-3 s^-1] of injected electrons on ``grid.gamma_fine``.
    protons : ndarray
        Q [cm^-3 s^-1] of injected protons on ``grid.gamma``.
    proton_escape : float
        Escape time of protons [s].
    external : ndarray
        n(eps) [cm^-3] of photons from outside.
    synchrotron : tuple of ndarray
        From `responses.synchrotron_response`.
    """

    grid: Grid
    options: Options
    magnetic_field: float
    radius: float
    electrons: Array
    protons: Array
    proton_escape: float
    external: Array
    synchrotron: tuple[Array, Array]

    @property
    def electron_escape(self) -> float:
        """Escape time of electrons [s]."""
        return self.options.electron_escape * self.radius / C

    @property
    def volume(self) -> float:
        """Volume of the sphere [cm^3]."""
        return 4.0 / 3.0 * math.pi * self.radius**3

    def residence(self, opacity: Array) -> Array:
        """Return the mean time of a photon in the zone [s], for its density."""
        return self.options.photon_escape / _SPHERE * self.exposure(opacity)

    def exposure(self, opacity: Array) -> Array:
        """Return the mean time of a photon in a sphere [s], in which it may be absorbed.

        Whatever ``photon_escape`` says of densities: what is absorbed does not escape.
        """
        free = _SPHERE * self.radius / C
        return free * absorption.residence(2.0 * self.radius * opacity)


@dataclass(frozen=True, slots=True)
class Primaries:
    """The injected electrons in a field of photons.

    Parameters
    ----------
    electrons : ndarray
        N [cm^-3] on ``grid.gamma_fine``.
    gamma_dot : ndarray
        Cooling rate of electrons [s^-1] on ``grid.gamma``.
    emissivity : dict of str to ndarray
        Synchrotron and Compton photons [cm^-3 s^-1 per unit eps].
    alpha : ndarray
        Self-absorption [cm^-1].
    """

    electrons: Array
    gamma_dot: Array
    emissivity: dict[str, Array]
    alpha: Array


@dataclass(frozen=True, slots=True)
class State:
    """Particles and photons of a zone after a step.

    Parameters
    ----------
    primaries : Primaries
        The injected electrons.
    pairs : dict of str to ndarray
        N [cm^-3] on ``grid.gamma`` by origin.
    protons : ndarray
        N [cm^-3] on ``grid.gamma``.
    emissivity : dict of str to ndarray
        Photons [cm^-3 s^-1 per unit eps] by process, before absorption.
    neutrinos : dict of str to ndarray
        Neutrinos [cm^-3 s^-1 per unit E / (m_e c^2)] on ``grid.eps``.
    alpha, kappa : ndarray
        Self-absorption and photon-photon absorption [cm^-1].
    photons : ndarray
        n(eps) [cm^-3] made inside.
    iterations : int
        Steps taken.
    residual : float
        Last relative change of the photons.
    """

    primaries: Primaries
    pairs: dict[str, Array]
    protons: Array
    emissivity: dict[str, Array]
    neutrinos: dict[str, Array]
    alpha: Array
    kappa: Array
    photons: Array
    iterations: int = 0
    residual: float = math.inf

    @property
    def opacity(self) -> Array:
        """All absorption [cm^-1]."""
        return self.alpha + self.kappa

    def neutrino_power(self, grid: Grid) -> float:
        """Return the power in neutrinos over m_e c^2 [cm^-3 s^-1]."""
        return grid.step * float(total(self.neutrinos) @ grid.eps**2)


def total(parts: dict[str, Array]) -> Array:
    """Return the sum of arrays that are kept by name."""
    return np.asarray(np.sum(list(parts.values()), axis=0))


def settle(zone: Zone) -> State:
    """Return the steady state of a zone, or the last step with a warning.

    Notes
    -----
    The unknown is the density of photons: electrons cool on it, protons and gamma rays collide
    with it, and what they make is the next density. In each step the cascade is summed to its end
    and the protons are in balance with their losses, so a feedback of protons on photons they made
    themselves grows only until the protons have spent their energy. Steps are mixed after
    Anderson (1965).
    """
    photons = _warm(zone)
    steps, options = PhotonSteps(zone.grid), zone.options
    for count in range(1, options.max_iterations + 1):
        state = _advance(zone, photons)
        state = replace(state, iterations=count, residual=steps.change(photons, state.photons))
        if state.residual < options.tolerance:
            return state
        photons = steps.propose(photons, state.photons)
    warn_unsettled(state.residual, state.iterations)
    return state


def _warm(zone: Zone) -> Array:
    """Return photons of the injected electrons alone, nearly settled."""
    photons = np.zeros_like(zone.grid.eps)
    steps, limit = PhotonSteps(zone.grid), _WARM * zone.options.tolerance
    for _ in range(_WARM_STEPS):
        primaries = _primaries(zone, photons)
        made = total(primaries.emissivity) * zone.residence(primaries.alpha)
        if steps.change(photons, made) < limit:
            return made
        photons = steps.propose(photons, made)
    return photons


def _primaries(zone: Zone, photons: Array, scattered: Array | None = None) -> Primaries:
    """Return the injected electrons among photons made inside."""
    grid, field = zone.grid, zone.magnetic_field
    targets = photons + zone.external
    gamma_dot = synchrotron.cooling(grid.gamma, field) + compton.cooling(grid, targets)
    fine = kinetic.refine_rates(grid, gamma_dot)
    density = kinetic.steady(grid.gamma_fine, zone.electrons, fine, zone.electron_escape)
    q, alpha = synchrotron.emission(grid, density, field)
    if not zone.options.ssa:
        alpha = np.zeros_like(alpha)
    coarse = kinetic.coarsen(grid, density)
    if scattered is None:
        ssc = compton.emissivity(grid, coarse, targets)
    else:
        ssc = np.maximum(coarse @ scattered, 0.0)
    return Primaries(density, gamma_dot, {"synchrotron": q, "ssc": ssc}, alpha)


def _advance(zone: Zone, photons: Array) -> State:
    """Return the particles among given photons, and the photons that they make."""
    grid, targets = zone.grid, photons + zone.external
    scattered = compton.response(grid, targets)
    primaries = _primaries(zone, photons, scattered)
    density, sources, direct, neutrinos = _collisions(zone, targets)
    leptons, kappa = _annihilation(zone, targets)
    medium = Medium(
        grid,
        emission=zone.synchrotron[0] + scattered,
        leptons=leptons,
        exposure=zone.exposure(primaries.alpha + kappa),
        gamma_dot=primaries.gamma_dot,
        t_esc=zone.electron_escape,
    )
    emissivity = primaries.emissivity | direct
    pairs = {name: medium.cooled(source) for name, source in sources.items()}
    emissivity |= {name: medium.emitted(number) for name, number in pairs.items()}
    _, pairs["gamma_gamma"] = annihilation_pairs(medium, total(emissivity))
    emissivity["gamma_gamma"] = medium.emitted(pairs["gamma_gamma"])
    alpha = primaries.alpha
    if zone.options.ssa:
        alpha = alpha + total(pairs) @ zone.synchrotron[1]
    made = total(emissivity) * zone.residence(alpha + kappa)
    return State(primaries, pairs, density, emissivity, neutrinos, alpha, kappa, made)


def _annihilation(zone: Zone, targets: Array) -> tuple[Array, Array]:
    """Return the leptons that gamma rays make, and their opacity [cm^-1]."""
    if not zone.options.pairs:
        return np.zeros((targets.size, zone.grid.gamma.size)), np.zeros_like(targets)
    return responses.pair_response(zone.grid, targets)


def _collisions(
    zone: Zone, targets: Array
) -> tuple[Array, dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Return protons, the electrons and the photons they make, and neutrinos."""
    grid = zone.grid
    tables = bethe_heitler.table(grid), photopion.table(grid)
    rates = [photohadronic.rates(table, grid, targets) for table in tables]
    losses = [
        photohadronic.energy_loss(table, grid, rate)
        for table, rate in zip(tables, rates, strict=True)
    ]
    gamma_dot = protons.cooling(grid, zone.magnetic_field, np.add(*losses))
    density = protons.steady(grid, zone.protons, gamma_dot, zone.proton_escape)
    made = photopion.secondaries(grid, rates[1], density)
    direct = {
        "proton_synchrotron": synchrotron.emissivity(
            grid, density, zone.magnetic_field, mass=MP_ME
        ),
        "pion_decay": made.pop("gamma"),
    }
    sources = {
        "bethe_heitler": bethe_heitler.pairs(grid, rates[0], density),
        "photopion": made.pop("electron") + made.pop("positron"),
    }
    return density, sources, direct, made
