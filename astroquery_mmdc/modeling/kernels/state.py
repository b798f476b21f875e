"""State of a homogeneous zone, and the one-way steps between its particles and its photons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels import absorption, compton, kinetic, synchrotron
from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = [
    "State",
    "Surroundings",
    "cool",
    "empty",
    "fill",
    "glow",
    "losses",
    "made_pairs",
    "power",
    "scatter",
]

Array = NDArray[np.float64]
Scattering = Callable[[Array], dict[str, Array]]

_NEGLIGIBLE = 1e-5
"""Share of the injected power below which pairs are left out."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the electrons find in the zone beside their own radiation.

    Parameters
    ----------
    cooling : ndarray or None
        Loss rate on external photons [s^-1], not positive, on ``grid.gamma``.
    opacity : ndarray or None
        Absorption by external photons [cm^-1] on ``grid.eps``. It removes photons; its pairs are
        not followed.
    photons : dict of str to ndarray
        Emissivities [cm^-3 s^-1 per unit eps] that these electrons do not make, by process.
    scattering : callable or None
        Returns emissivities by process for N(gamma) on ``grid.gamma``: external Compton.
    """

    cooling: Array | None = None
    opacity: Array | None = None
    photons: dict[str, Array] = field(default_factory=dict)
    scattering: Scattering | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Electrons and radiation of a zone.

    Parameters
    ----------
    grid, magnetic_field, radius, options, surroundings
        What was solved.
    electrons : ndarray
        N [cm^-3] on ``grid.gamma_fine``.
    injection : ndarray
        Q [cm^-3 s^-1] on ``grid.gamma_fine``, pairs included.
    pair_injection : ndarray
        The part of it that photon-photon pairs make.
    gamma_dot : ndarray
        Loss rate [s^-1] on ``grid.gamma_fine``.
    emissivity : dict of str to ndarray
        q [cm^-3 s^-1 per unit eps] by process, before absorption.
    photons : ndarray
        n(eps) [cm^-3].
    alpha, kappa : ndarray
        Self-absorption and photon-photon absorption [cm^-1].
    iterations : int
        Steps taken.
    residual : float
        Last relative change.
    """

    grid: Grid
    magnetic_field: float
    radius: float
    options: Options
    surroundings: Surroundings
    electrons: Array
    injection: Array
    pair_injection: Array
    gamma_dot: Array
    emissivity: dict[str, Array]
    photons: Array
    alpha: Array
    kappa: Array
    iterations: int = 0
    residual: float = math.inf

    @property
    def tau(self) -> Array:
        """Optical depth along the diameter."""
        return 2.0 * self.radius * (self.alpha + self.kappa)

    @property
    def escape_time(self) -> float:
        """Escape time of particles [s]."""
        return self.options.electron_escape * self.radius / C

    @property
    def total(self) -> Array:
        """Emissivity of all processes."""
        return np.asarray(sum(self.emissivity.values(), np.zeros_like(self.photons)))

    def but(self, **changes: Any) -> State:
        """Return the state with some of it changed: `replace` in a third of its time.

        A spectrum takes ten such steps, and is computed in less than a millisecond.
        """
        other = object.__new__(State)
        for name in self.__slots__:
            value = changes[name] if name in changes else getattr(self, name)
            object.__setattr__(other, name, value)
        return other


def empty(
    grid: Grid,
    injection: Array,
    magnetic_field: float,
    radius: float,
    options: Options,
    surroundings: Surroundings,
) -> State:
    """Return the state before any radiation is there."""
    nothing, fine = np.zeros_like(grid.eps), np.zeros_like(grid.gamma_fine)
    state = State(
        grid=grid,
        magnetic_field=magnetic_field,
        radius=radius,
        options=options,
        surroundings=surroundings,
        electrons=fine,
        injection=injection,
        pair_injection=fine,
        gamma_dot=fine,
        emissivity=dict(surroundings.photons),
        photons=nothing,
        alpha=nothing,
        kappa=nothing if surroundings.opacity is None else surroundings.opacity,
    )
    return fill(state) if surroundings.photons else state


def losses(state: State) -> Array:
    """Return the loss rate [s^-1] on ``grid.gamma`` in the photons of a state."""
    rate = synchrotron.cooling(state.grid.gamma, state.magnetic_field)
    if state.photons.any():
        rate = rate + compton.cooling(state.grid, state.photons)
    return rate if state.surroundings.cooling is None else rate + state.surroundings.cooling


def fill(state: State) -> State:
    """Return the state with the photon density of its emissivities."""
    time = state.options.photon_escape * state.radius / C
    return state.but(photons=state.total * time * absorption.residence(state.tau))


def cool(state: State, rate: Array) -> State:
    """Return the state with the electrons of a loss rate, and their synchrotron emission."""
    grid = state.grid
    gamma_dot = kinetic.refine_rates(grid, rate)
    electrons = kinetic.steady(grid.gamma_fine, state.injection, gamma_dot, state.escape_time)
    return glow(state.but(electrons=electrons, gamma_dot=gamma_dot))


def glow(state: State) -> State:
    """Return the state with the synchrotron emission of its electrons."""
    q, alpha = synchrotron.emission(state.grid, state.electrons, state.magnetic_field)
    if not state.options.ssa:
        alpha = np.zeros_like(alpha)
    return fill(state.but(emissivity=state.emissivity | {"synchrotron": q}, alpha=alpha))


def scatter(state: State, budget: float = math.inf) -> State:
    """Return the state with Compton emission, absorption by its photons, and their density.

    `budget` is what electrons can radiate, in units of m_e c^2 [cm^-3 s^-1].
    """
    grid, around = state.grid, state.surroundings
    electrons = kinetic.coarsen(grid, state.electrons)
    emissivity = state.emissivity | {"ssc": compton.emissivity(grid, electrons, state.photons)}
    if around.scattering is not None:
        emissivity |= around.scattering(electrons)
    kappa = np.zeros_like(state.kappa) if around.opacity is None else around.opacity
    if state.options.pairs:
        kappa = kappa + absorption.opacity(grid, state.photons)
    return fill(state.but(emissivity=_limited(state, emissivity, budget), kappa=kappa))


def _limited(state: State, emissivity: dict[str, Array], budget: float) -> dict[str, Array]:
    """Return emissivities that together carry no more than the electrons receive.

    A solution keeps to that by itself. On the way to it, electrons of one step in photons of the
    next could make energy out of nothing, and a source opaque to its gamma rays would run away.
    """
    given = state.surroundings.photons
    made = sum(
        float(np.dot(q, state.grid.eps**2)) for name, q in emissivity.items() if name not in given
    )
    share = budget / max(made * state.grid.step, 1e-300)
    if share >= 1.0:
        return emissivity
    return {name: q if name in given else share * q for name, q in emissivity.items()}


def made_pairs(state: State) -> Array:
    """Return the pairs injected by the photons of a state, on ``grid.gamma_fine``."""
    grid = state.grid
    if not state.options.pairs:
        return np.zeros_like(grid.gamma_fine)
    kappa = state.kappa
    if state.surroundings.opacity is not None:
        kappa = kappa - state.surroundings.opacity
    # Photons that do not escape, as far as photons of the zone took them.
    tau = state.tau
    rate = state.total * 0.75 * state.radius * absorption.residence(tau) * kappa
    absorbed = float(np.dot(rate, grid.eps**2)) * grid.step
    if absorbed <= _NEGLIGIBLE * power(grid, state.injection):
        return np.zeros_like(grid.gamma_fine)
    return kinetic.refine(grid, absorption.pairs(grid, state.photons, rate))


def power(grid: Grid, injection: Array) -> float:
    """Return the injected energy in units of m_e c^2 [cm^-3 s^-1]."""
    return grid.step / grid.refinement * float(np.dot(injection, grid.gamma_fine**2))
