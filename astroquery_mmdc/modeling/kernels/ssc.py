"""Synchrotron self-Compton emission of one homogeneous, spherical source."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.kernels import zone
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = ["check_values", "injected", "prepared", "solve", "solve_given"]

Array = NDArray[np.float64]

_SERVICE_SHIFT = {"gamma_min": 10.0**0.06, "gamma_cut": 10.0**0.10, "index": -0.03}
"""Half a cell of the service's electron grid, as its recorded curves show; provisional."""


_MAY_BE_ZERO = ("magnetic_field", "luminosity")


def check_values(**values: float) -> None:
    """Refuse numbers that no source has; `index` alone may be negative.

    The ranges of the models are the matter of their parameters: this keeps the kernels from NaN.
    """
    for name, value in values.items():
        allowed = value > 0.0 or name == "index" or (value == 0.0 and name in _MAY_BE_ZERO)
        if math.isfinite(value) and allowed:
            continue
        from astroquery_mmdc.exceptions import InvalidRequestError

        msg = f"{name}: {value} is no value of a source; give a finite number above zero"
        raise InvalidRequestError(msg, parameter=name)


def prepared(options: Options) -> Options:
    """Return the options with what a normalisation implies for the photons."""
    if options.normalization == "mmdc" and options.photon_escape == Options().photon_escape:
        return replace(options, photon_escape=electrons.SERVICE_PHOTON_ESCAPE)
    return options


def injected(
    grid: Grid,
    options: Options,
    *,
    radius: float,
    lorentz_factor: float,
    luminosity: float,
    gamma_min: float,
    gamma_cut: float,
    index: float,
) -> Array:
    """Return the injected electrons Q [cm^-3 s^-1] on ``grid.gamma_fine``.

    Parameters
    ----------
    grid : Grid
        The grid.
    options : Options
        ``normalization`` matters.
    radius : float
        R [cm].
    lorentz_factor : float
        Gamma; the power in the source's frame is L / Gamma^2.
    luminosity : float
        L [erg/s].
    gamma_min, gamma_cut, index : float
        Shape of the injected spectrum.
    """
    if options.normalization == "mmdc":
        gamma_min *= _SERVICE_SHIFT["gamma_min"]
        gamma_cut *= _SERVICE_SHIFT["gamma_cut"]
        index += _SERVICE_SHIFT["index"]
    volume = 4.0 / 3.0 * math.pi * radius**3
    return electrons.injection(
        grid.gamma_fine,
        luminosity / lorentz_factor**2 / volume,
        index,
        gamma_min,
        gamma_cut,
        normalization=options.normalization,
    )


def solve(
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    magnetic_field: float,
    radius: float,
    lorentz_factor: float,
    luminosity: float,
    gamma_min: float,
    gamma_cut: float,
    index: float,
) -> Emission:
    """Return the emission of electrons that are injected, cool and escape.

    Parameters
    ----------
    options : Options
        Choices of physics and numerics.
    magnetic_field : float
        B [G].
    radius : float
        R [cm].
    lorentz_factor : float
        Gamma of the jet.
    luminosity : float
        L_e [erg/s], the power in electrons in the frame of the host.
    gamma_min, gamma_cut : float
        Sharp lower end and exponential cut-off of the injected spectrum.
    index : float
        p of the injected spectrum.

    Returns
    -------
    Emission
        In the frame of the source.

    Raises
    ------
    InvalidRequestError
        A value is not a number, infinite, or not above zero where it has to be.
    """
    check_values(
        magnetic_field=magnetic_field,
        radius=radius,
        lorentz_factor=lorentz_factor,
        luminosity=luminosity,
        gamma_min=gamma_min,
        gamma_cut=gamma_cut,
        index=index,
    )
    options = prepared(options)
    grid = Grid.default(options.per_decade)
    injection = injected(
        grid,
        options,
        radius=radius,
        lorentz_factor=lorentz_factor,
        luminosity=luminosity,
        gamma_min=gamma_min,
        gamma_cut=gamma_cut,
        index=index,
    )
    return zone.emission(zone.relax(grid, injection, magnetic_field, radius, options))


def solve_given(
    distribution: electrons.Distribution,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    magnetic_field: float,
    radius: float,
) -> Emission:
    """Return the emission of a given electron distribution.

    Parameters
    ----------
    distribution : Distribution
        N(gamma) [cm^-3] between sharp ends, as in `PowerLaw` or `BrokenPowerLaw`.
    options : Options
        Choices of physics and numerics.
    magnetic_field : float
        B [G].
    radius : float
        R [cm].

    Returns
    -------
    Emission
        In the frame of the source.
    """
    check_values(magnetic_field=magnetic_field, radius=radius)
    grid = Grid.default(options.per_decade)
    density = electrons.sample(distribution, grid.gamma_fine)
    return zone.emission(zone.illuminate(grid, density, magnetic_field, radius, options))
