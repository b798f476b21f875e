"""Synchrotron self-Compton emission of one homogeneous, spherical source."""

from __future__ import annotations

from dataclasses import replace

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.kernels import zone
from astroquery_mmdc.modeling.kernels.blob import Blob, check_values
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = ["prepared", "solve", "solve_given"]


def prepared(options: Options) -> Options:
    """Return the options with what a normalisation implies for the photons."""
    if options.normalization == "mmdc" and options.photon_escape == Options().photon_escape:
        return replace(options, photon_escape=electrons.SERVICE_PHOTON_ESCAPE)
    return options


def solve(blob: Blob, options: Options = Options()) -> Emission:  # noqa: B008 - frozen
    """Return the emission of electrons that are injected, cool and escape.

    Parameters
    ----------
    blob : Blob
        The source and its electrons.
    options : Options
        Choices of physics and numerics.

    Returns
    -------
    Emission
        In the frame of the source.
    """
    options = prepared(options)
    grid = Grid.default(options.per_decade)
    injection = blob.injection(grid, options)
    return zone.emission(
        zone.relax(grid, injection, blob.magnetic_field, blob.radius, options),
    )


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
