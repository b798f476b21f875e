"""Protons of the source: injection, losses and their steady state."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning
from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.kernels import kinetic, synchrotron
from astroquery_mmdc.modeling.kernels.constants import MP_C2, MP_ME
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["cooling", "injection", "steady", "warn_about_muons"]

Array = NDArray[np.float64]

_MUON_LIMIT = 5.6e10
"""gamma B [G] at which a muon loses its energy to synchrotron emission while it decays."""
_MUON_GAMMA = 1.4
"""Lorentz factor of a muon over that of its proton: a fifth of the energy, four fifths of that."""


def injection(
    grid: Grid,
    power_density: float,
    index: float,
    gamma_min: float,
    gamma_cut: float,
    *,
    normalization: str = "textbook",
) -> Array:
    """Return the injected spectrum of protons [cm^-3 s^-1 per unit gamma_p].

    Parameters
    ----------
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Protons live on ``grid.gamma``.
    power_density : float
        Injected power per volume, rest energy included [erg / (cm^3 s)].
    index, gamma_min, gamma_cut : float
        Power law from gamma_min on with an exponential cut-off.
    normalization : {"textbook", "mmdc"}
        See `Options`; that the constants found for electrons hold for protons is an assumption.

    Returns
    -------
    `~numpy.ndarray`
        Q(gamma_p) on ``grid.gamma``.
    """
    return electrons.injection(
        grid.gamma,
        power_density,
        index,
        gamma_min,
        gamma_cut,
        rest_energy=MP_C2,
        normalization=normalization,
    )


def cooling(grid: Grid, magnetic_field: float, photohadronic: Array) -> Array:
    """Return d gamma_p / dt of synchrotron emission and of collisions with photons [s^-1].

    Parameters
    ----------
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Protons live on ``grid.gamma``.
    magnetic_field : float
        B [G].
    photohadronic : `~numpy.ndarray`
        Losses to pairs and pions, negative, on ``grid.gamma``.

    Returns
    -------
    `~numpy.ndarray`
        The sum, on ``grid.gamma``.
    """
    return synchrotron.cooling(grid.gamma, magnetic_field, mass=MP_ME) + photohadronic


def steady(grid: Grid, source: Array, gamma_dot: Array, t_esc: float) -> Array:
    """Return protons in balance between injection, losses and escape [cm^-3 per unit gamma_p].

    Parameters
    ----------
    grid : `~astroquery_mmdc.modeling.kernels.grid.Grid`
        Protons live on ``grid.gamma``.
    source : `~numpy.ndarray`
        From `injection`.
    gamma_dot : `~numpy.ndarray`
        From `cooling`.
    t_esc : float
        Escape time [s].

    Returns
    -------
    `~numpy.ndarray`
        N(gamma_p) on ``grid.gamma``.
    """
    return kinetic.steady(grid.gamma, source, gamma_dot, t_esc)


def warn_about_muons(magnetic_field: float, gamma_cut: float, neutrino_power: float) -> None:
    """Warn where muons cool before they decay, which the spectra of neutrinos leave out.

    Parameters
    ----------
    magnetic_field : float
        B [G].
    gamma_cut : float
        Cut-off of the protons.
    neutrino_power : float
        Any measure of it; without neutrinos there is nothing to warn of.

    Notes
    -----
    Cooling and decay take equally long at gamma_mu B = 5.6e10 G; for pions it is 7.8e11 G. Above
    it neutrinos of the protons at the cut-off are overestimated, and the photons of muons and
    pions are missing.
    """
    reach = _MUON_GAMMA * gamma_cut * magnetic_field
    if reach <= _MUON_LIMIT or neutrino_power <= 0.0:
        return
    msg = (
        f"muons of protons at proton_gamma_cut={gamma_cut:.2g} lose energy to synchrotron emission "
        f"in B={magnetic_field:.2g} G before they decay (gamma B = {reach:.1g} G, limit 5.6e10 G): "
        f"neutrinos of protons above gamma = {_MUON_LIMIT / _MUON_GAMMA / magnetic_field:.1g} are "
        "overestimated; lower magnetic field or cut-off to stay inside of the model"
    )
    warnings.warn(msg, IncompleteResultWarning, stacklevel=3)
