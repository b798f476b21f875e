"""Electrons and protons in one zone: their photons, their cascades and their neutrinos."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.hadronic import protons
from astroquery_mmdc.modeling.hadronic.emission import emission
from astroquery_mmdc.modeling.hadronic.zone import Zone, settle
from astroquery_mmdc.modeling.kernels import responses, ssc
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = ["solve"]

Array = NDArray[np.float64]

_LEAST_DECADES, _MOST_DECADES = 11, 15


def solve(
    blob: Blob,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    proton_luminosity: float,
    proton_gamma_cut: float,
    proton_index: float,
    proton_gamma_min: float = 1.0,
    proton_escape: float = 1.0,
    external: tuple[Array, Array] | None = None,
) -> Emission:
    """Return the emission of electrons and protons that are injected, cool and escape.

    Parameters
    ----------
    blob : Blob
        The source and its electrons.
    options : Options
        Choices of physics and numerics; ``evolution`` has to be None.
    proton_luminosity : float
        L_p [erg/s], the power in protons in the frame of the host; their rest energy counts.
    proton_gamma_cut, proton_index : float
        Exponential cut-off and index of the injected protons.
    proton_gamma_min : float
        Sharp lower end of the protons. The service has no such parameter; 1 is natural.
    proton_escape : float
        Time after which protons leave, in R / c.
    external : tuple of ndarray, optional
        eps and n(eps) [cm^-3] of photons from outside, isotropic in the source: targets of
        protons, electrons and gamma rays. Their scattered photons count as ``"ssc"``.

    Returns
    -------
    Emission
        In the frame of the source. Components: ``"synchrotron"`` and ``"ssc"`` of the injected
        electrons, ``"proton_synchrotron"``, ``"pion_decay"`` (gamma rays of neutral pions), and
        synchrotron with Compton emission of the pairs of ``"bethe_heitler"`` and ``"photopion"``
        production and of ``"gamma_gamma"`` annihilation. Neutrinos at the source are ``"nu_e"``,
        ``"antinu_e"``, ``"nu_mu"`` and ``"antinu_mu"``.

    Warns
    -----
    IncompleteResultWarning
        The iteration reached its bound; or muons would lose energy to synchrotron emission before
        they decay, which the spectra of Kelner & Aharonian (2008) leave out.

    Raises
    ------
    ValueError
        ``options.evolution`` is not None.
    """
    if options.evolution is not None:
        msg = f"evolution: {options.evolution} R/c cannot be followed with protons; use None"
        raise ValueError(msg)
    options = ssc.prepared(options)
    grid = _grid(options.per_decade, proton_gamma_cut)
    zone = Zone(
        grid=grid,
        options=options,
        magnetic_field=blob.magnetic_field,
        radius=blob.radius,
        electrons=blob.injection(grid, options),
        protons=protons.injection(
            grid,
            blob.power_density(proton_luminosity),
            proton_index,
            proton_gamma_min,
            proton_gamma_cut,
            normalization=options.normalization,
        ),
        proton_escape=proton_escape * blob.radius / C,
        external=_on_grid(grid, external),
        synchrotron=responses.synchrotron_response(grid, blob.magnetic_field),
    )
    state = settle(zone)
    protons.warn_about_muons(blob.magnetic_field, proton_gamma_cut, state.neutrino_power(grid))
    return emission(zone, state)


def _grid(per_decade: int, proton_gamma_cut: float) -> Grid:
    """Return a grid up to the electrons of the most energetic protons, and no farther."""
    decades = math.ceil(math.log10(proton_gamma_cut) + 4.0)
    decades = min(max(decades, _LEAST_DECADES), _MOST_DECADES)
    return Grid(per_decade, gamma_decades=decades, eps_high=decades)


def _on_grid(grid: Grid, external: tuple[Array, Array] | None) -> Array:
    """Return an external field on the nodes, interpolated in logarithms, 0 outside."""
    if external is None:
        return np.zeros_like(grid.eps)
    eps, density = external
    log_n = np.log(np.maximum(density, 1e-300))
    outside = -np.inf
    with np.errstate(over="ignore"):
        at = np.interp(np.log(grid.eps), np.log(eps), log_n, left=outside, right=outside)
    return np.where(at > math.log(1e-290), np.exp(at), 0.0)
