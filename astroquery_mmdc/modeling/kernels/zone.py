"""One homogeneous zone: electrons and the radiation by which they cool, brought into agreement."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels import absorption, compton, kinetic, synchrotron
from astroquery_mmdc.modeling.kernels._mixing import Mixer, warn_unsettled
from astroquery_mmdc.modeling.kernels.constants import ME_C2, C
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options
from astroquery_mmdc.modeling.kernels.state import (
    State,
    Surroundings,
    cool,
    empty,
    glow,
    losses,
    made_pairs,
    power,
    scatter,
)

__all__ = ["State", "Surroundings", "emission", "illuminate", "relax"]

Array = NDArray[np.float64]

_STEPS = 48
"""Steps in time of an evolution."""
_MARCHES = (1.0, 3.0, 10.0, 30.0)
"""Steps in time, in R / c, that lead sources into their steady state where nothing else does.

Sources that are opaque to their gamma rays swing in cycles of a few R / c, in nature as in short
steps; long implicit steps damp them. Which length does so best depends on the source.
"""
_CHEAP = 6
"""Steps that synchrotron photons alone may take."""


def relax(
    grid: Grid,
    injection: Array,
    magnetic_field: float,
    radius: float,
    options: Options,
    surroundings: Surroundings | None = None,
) -> State:
    """Return the state in which injection, losses and escape balance, or that after a time.

    Parameters
    ----------
    grid : Grid
        The grid.
    injection : ndarray
        Q [cm^-3 s^-1] of electrons and positrons on ``grid.gamma`` or ``grid.gamma_fine``.
    magnetic_field, radius : float
        B [G] and R [cm].
    options : Options
        Choices of physics and numerics.
    surroundings : Surroundings, optional
        External photons and further sources of radiation.

    Returns
    -------
    State
        The solution; ``residual`` tells how far the last step went.

    Warns
    -----
    IncompleteResultWarning
        The iteration reached its bound.

    Notes
    -----
    The unknowns are the cooling rates and the injected pairs. Synchrotron photons alone are
    iterated first, as they are cheap; Compton photons join when they are needed. The steps are
    mixed after Anderson (1965), so that the loop settles where Compton losses dominate, too.
    """
    if len(injection) == len(grid.gamma):
        injection = kinetic.refine(grid, injection)
    state = empty(grid, injection, magnetic_field, radius, options, surroundings or Surroundings())
    if options.evolution is not None:
        return _evolve(state, options.evolution * radius / C)
    return _settle(state)


def _settle(state: State) -> State:
    """Iterate cooling, photons and pairs until they agree."""
    primary = state.injection
    if not primary.any():
        return scatter(cool(state, losses(state))).but(residual=0.0)
    state = scatter(_settle_synchrotron(state), power(state.grid, primary))
    mixer = Mixer()
    for count in range(state.iterations + 1, state.options.max_iterations + 1):
        before, state = state, _respond(state, primary)
        residual = _change(before, state)
        if residual < state.options.tolerance:
            return state.but(iterations=count, residual=residual)
        state = state.but(photons=_next_photons(mixer, before.photons, state))
    return _march(state, primary)


def _respond(state: State, primary: Array) -> State:
    """Return the state that the photons of another one lead to."""
    injection = primary + made_pairs(state)
    state = state.but(injection=injection, pair_injection=injection - primary)
    seeds = state.photons
    state = cool(state, losses(state)).but(photons=seeds)
    return scatter(state, power(state.grid, injection))


def _settle_synchrotron(state: State) -> State:
    """Iterate cooling and synchrotron photons alone, the cheap part of the loop."""
    rate, mixer = losses(state), Mixer()
    reach = _reach(state.grid, state.injection)
    for _ in range(_CHEAP):
        state = cool(state, rate).but(iterations=state.iterations + 1)
        wanted = losses(state)
        if not rate.any():
            rate = wanted
            continue
        weight = _importance(state, wanted)[:reach]
        point = np.log(-rate[:reach])
        step = np.log(-wanted[:reach]) - point
        if np.max(np.abs(weight * step)) < state.options.tolerance:
            break
        rate = wanted.copy()
        rate[:reach] = -np.exp(mixer.propose(point, step, weight + 1e-6))
    return state


def _reach(grid: Grid, injection: Array) -> int:
    """Return the number of nodes of ``grid.gamma`` that electrons can have."""
    return int(np.flatnonzero(injection)[-1]) // grid.refinement + 2


def _importance(state: State, rate: Array) -> Array:
    """Return how much the electrons at each node depend on their loss rate, 0 to 1."""
    lost = -rate / state.grid.gamma
    return lost / (lost + 1.0 / state.escape_time + 1e-300)


def _change(before: State, state: State) -> float:
    """Return how far the photons of two states differ, in losses of electrons and in power."""
    grid = state.grid
    old, new = losses(before), losses(state)
    reach = _reach(grid, state.injection)
    weight = _importance(state, new)[:reach]
    cooling = np.max(np.abs(weight * (old[:reach] - new[:reach]) / (new[:reach] - 1e-300)))
    time = state.options.photon_escape * state.radius / C
    moved = float(np.dot(np.abs(state.photons - before.photons), grid.eps**2)) * grid.step / time
    return max(float(cooling), moved / power(grid, state.injection))


def _next_photons(mixer: Mixer, photons: Array, state: State) -> Array:
    """Return the photon density to try next, mixed in its logarithm."""
    new = state.photons
    known = (photons > 0.0) & (new > 0.0)
    step = np.zeros_like(new)
    step[known] = np.log(new[known] / photons[known])
    energy = state.grid.eps**2 * new
    weight = (energy / max(float(np.max(energy)), 1e-300)) ** 0.25
    point = np.log(np.where(known, photons, 1.0))
    return np.where(known, np.exp(mixer.propose(point, step, weight)), new)


def _evolve(state: State, time: float) -> State:
    """Return the state a time after injection began in an empty zone."""
    primary = state.injection
    for _ in range(_STEPS):
        state = _advance(state, primary, time / _STEPS)
    return state.but(iterations=_STEPS, residual=0.0)


def _march(state: State, primary: Array) -> State:
    """Return the steady state by long steps in time, for sources in which nothing else settles."""
    grid, options = state.grid, state.options
    count = options.max_iterations
    for length in np.repeat(_MARCHES, options.max_iterations):
        before, state = state, _advance(state, primary, length * state.radius / C)
        pairs = np.abs(state.pair_injection - before.pair_injection)
        residual = _change(before, state) + power(grid, pairs) / power(grid, state.injection)
        count += 1
        if residual < options.tolerance * min(length, 1.0):
            break
    else:
        warn_unsettled(residual, options.max_iterations)
    return state.but(iterations=count, residual=residual)


def _advance(state: State, primary: Array, dt: float) -> State:
    """Return the state one step in time later: electrons, then their photons, then pairs."""
    grid = state.grid
    gamma_dot = kinetic.refine_rates(grid, losses(state))
    electrons = kinetic.step(
        grid.gamma_fine, state.electrons, state.injection, gamma_dot, state.escape_time, dt
    )
    budget = power(grid, state.injection + state.electrons / dt)
    new = glow(state.but(electrons=electrons, gamma_dot=gamma_dot))
    new = scatter(new, budget)
    # Photons stay for a while: the field follows its sources by an implicit step.
    stay = state.options.photon_escape * state.radius / C * absorption.residence(new.tau)
    photons = (state.photons + new.photons * dt / stay) / (1.0 + dt / stay)
    new = new.but(photons=photons)
    # Half of the change in pairs at a time, or long steps would overshoot and swing.
    pairs = 0.5 * (state.pair_injection + made_pairs(new))
    return new.but(injection=primary + pairs, pair_injection=pairs)


def illuminate(
    grid: Grid, electrons: Array, magnetic_field: float, radius: float, options: Options
) -> State:
    """Return the radiation of given electrons, which do not react to it.

    Parameters
    ----------
    grid : Grid
        The grid.
    electrons : ndarray
        N [cm^-3] on ``grid.gamma_fine``.
    magnetic_field, radius : float
        B [G] and R [cm].
    options : Options
        Choices; pairs absorb, but are not added to electrons that are given.

    Notes
    -----
    The seed photons are those of synchrotron emission: one scattering, as given-electron codes do.
    """
    nothing = np.zeros_like(electrons)
    state = empty(grid, nothing, magnetic_field, radius, options, Surroundings())
    state = scatter(glow(state.but(electrons=electrons)))
    return state.but(iterations=1, residual=0.0)


def emission(state: State) -> Emission:
    """Return what leaves a zone, by process."""
    grid = state.grid
    q = dict(state.emissivity)
    pairs = None
    if state.pair_injection.any():
        pairs = kinetic.steady(
            grid.gamma_fine, state.pair_injection, state.gamma_dot, state.escape_time
        )
        q |= _split(state, pairs)
    # q is per unit eps: nu L_nu = V m c^2 eps^2 q.
    volume = 4.0 / 3.0 * math.pi * state.radius**3
    leaves = absorption.escape(state.tau)
    scale = volume * ME_C2 * grid.eps**2 * leaves
    components = {name: scale * values for name, values in q.items()}
    return Emission(
        grid=grid,
        electrons=_nodes(grid, state.electrons),
        components=components,
        photons=state.photons,
        pairs=None if pairs is None else _nodes(grid, pairs),
        u_b=synchrotron.magnetic_energy_density(state.magnetic_field),
        u_e=ME_C2 * power(grid, state.electrons),
        powers=_powers(state, components, volume, leaves),
        iterations=state.iterations,
        residual=state.residual,
    )


def _nodes(grid: Grid, fine: Array) -> Array:
    return fine[:: grid.refinement]


def _split(state: State, pairs: Array) -> dict[str, Array]:
    """Return synchrotron and Compton emission of the other electrons, and that of pairs."""
    grid = state.grid
    synchrotron_q = synchrotron.emissivity(grid, pairs, state.magnetic_field)
    ssc = compton.emissivity(grid, kinetic.coarsen(grid, pairs), state.photons)
    q = state.emissivity
    return {
        "synchrotron": np.maximum(q["synchrotron"] - synchrotron_q, 0.0),
        "ssc": np.maximum(q["ssc"] - ssc, 0.0),
        "gamma_gamma": np.minimum(synchrotron_q, q["synchrotron"]) + np.minimum(ssc, q["ssc"]),
    }


def _powers(
    state: State, components: dict[str, Array], volume: float, leaves: Array
) -> dict[str, float]:
    grid = state.grid
    unit = volume * ME_C2
    radiated = sum(float(np.sum(values)) for values in components.values()) * grid.step
    absorbed = state.total * (1.0 - leaves)
    return {
        "injected": unit * power(grid, state.injection - state.pair_injection),
        "pairs": unit * power(grid, state.pair_injection),
        "escaped": unit * power(grid, state.electrons) / state.escape_time,
        # Flux of particles that have cooled to gamma = 1, with their rest energy.
        "cooled": unit * float(-state.gamma_dot[0] * state.electrons[0]),
        "radiated": radiated,
        "absorbed": unit * grid.step * float(np.dot(absorbed, grid.eps**2)),
    }
