"""External photon fields as the blob sees them, and their scattering into the line of sight.

A field is used twice. For losses, pairs and opacity the electrons and gamma rays go in all
directions, so its spectrum averaged over angles matters. For emission the line of sight is one
direction, and the field collapses to a histogram in X = eps (1 - cos psi) (see `headon`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astroquery_mmdc.modeling.external.geometry import Motion, Seeds
from astroquery_mmdc.modeling.kernels._compiled import compiled
from astroquery_mmdc.modeling.kernels.constants import ME_C2
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.planck import photon_shape

__all__ = ["ExternalField", "collapse", "facing_histogram"]

#: Azimuths between 0 and pi over which a bundle is spread.
AZIMUTHS = 24
#: Part of the scattering that the rarest, softest seeds may make up to be left out.
NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class ExternalField:
    """A field of photons in the frame of the blob.

    Parameters
    ----------
    density : ndarray
        n(eps) [cm^-3] on ``grid.eps``, averaged over directions.
    headon : ndarray
        Photons [cm^-3] times 1 - cos psi in each fine step of X, the nodes of ``grid.eps``
        divided by ``grid.refinement``.
    energy_density : float
        [erg cm^-3].
    smooth : bool
        Whether it is made of black bodies, which fill every ``grid.refinement``-th node only.
    """

    density: np.ndarray
    headon: np.ndarray
    energy_density: float
    smooth: bool


def collapse(grid: Grid, seeds: Seeds, motion: Motion) -> ExternalField:
    r"""Return a field in the frame of the blob.

    Parameters
    ----------
    grid : Grid
        The grid.
    seeds : Seeds
        Photons in the frame of their sources.
    motion : Motion
        Of the blob, and the direction of the observer.

    Notes
    -----
    A bundle n at mu becomes :math:`n' = n \Gamma (1 - \beta\mu)` with
    :math:`\epsilon' = \epsilon \Gamma (1 - \beta\mu)`; as photon momenta are four-vectors,
    :math:`n' (1 - \cos\psi') = n \delta (1 - \cos\psi)` and
    :math:`\epsilon' (1 - \cos\psi') = \delta \epsilon (1 - \cos\psi)`.
    Deposits keep both the number and the energy of the photons.
    """
    headon = facing_histogram(grid, seeds, motion.off_axis, motion.doppler)
    _thin(headon, grid.per_decade * grid.refinement, grid.refinement)
    boost = motion.boost(seeds.lag)
    counts = _counts(grid, seeds.density * boost, seeds.energy * boost, thermal=seeds.thermal)
    total = float(grid.eps @ counts) * ME_C2
    return ExternalField(counts / (grid.eps * grid.step), headon, total, seeds.thermal)


def facing_histogram(
    grid: Grid, seeds: Seeds, off_axis: float = 0.0, doppler: float = 1.0
) -> np.ndarray:
    """Return photons [cm^-3] times 1 - cos psi, as seen at a Doppler factor, in fine steps of X.

    Parameters
    ----------
    grid, seeds
        As in `collapse`.
    off_axis : float, optional
        1 - cosine of the angle between the jet and the line of sight.
    doppler : float, optional
        Doppler factor; one is the frame of the sources.
    """
    fine = grid.per_decade * grid.refinement
    histogram = np.zeros((grid.eps.size - 1) * grid.refinement + 1)
    _deposit_facing(
        histogram,
        float(grid.eps_low),
        fine,
        seeds.density,
        seeds.energy,
        seeds.lag,
        off_axis,
        doppler,
    )
    return _warmed(grid, histogram) if seeds.thermal else histogram


def _counts(grid: Grid, number: np.ndarray, energy: np.ndarray, *, thermal: bool) -> np.ndarray:
    """Return photons [cm^-3] in each step of ``grid.eps``."""
    lowest = float(grid.eps_low)
    if not thermal:
        counts = np.zeros(grid.eps.size)
        _deposit(counts, lowest, grid.per_decade, number, energy)
        return counts
    fine = np.zeros((grid.eps.size - 1) * grid.refinement + 1)
    _deposit(fine, lowest, grid.per_decade * grid.refinement, number, energy)
    return _warmed(grid, fine)[:: grid.refinement]


def _warmed(grid: Grid, temperatures: np.ndarray) -> np.ndarray:
    """Give each temperature of a histogram the spectrum of a black body."""
    first, shape = photon_shape(grid)
    return _spread(temperatures, shape, first, grid.refinement)


@compiled
def _deposit(histogram, lowest, per_decade, amounts, positions):  # type: ignore[no-untyped-def]
    """Share each amount between the two nodes about its position."""
    for i in range(amounts.size):
        _share(histogram, lowest, per_decade, amounts[i], positions[i])


@compiled
def _deposit_facing(  # type: ignore[no-untyped-def]
    histogram, lowest, per_decade, density, energy, lag, off_axis, doppler
):
    """Share each bundle, spread over azimuth, between nodes of X."""
    # On the axis, or for photons along it, azimuth does not matter.
    azimuths = AZIMUTHS if off_axis > 0.0 else 1
    for i in range(density.size):
        along = lag[i] + off_axis - lag[i] * off_axis
        across = np.sqrt(lag[i] * (2.0 - lag[i]) * off_axis * (2.0 - off_axis))
        for m in range(azimuths):
            facing = along - across * np.cos(np.pi * (m + 0.5) / azimuths)
            if facing > 0.0:
                amount = density[i] * doppler * facing / azimuths
                _share(histogram, lowest, per_decade, amount, doppler * energy[i] * facing)


@compiled
def _share(histogram, lowest, per_decade, amount, position):  # type: ignore[no-untyped-def]
    """Share one amount so that number and energy are kept; what lies outside the grid is lost."""
    place = (np.log10(position) - lowest) * per_decade
    node = int(np.floor(place))
    if node < 0 or node + 1 >= histogram.size:
        return
    rest = 10.0 ** ((place - node) / per_decade) - 1.0
    part = rest / (10.0 ** (1.0 / per_decade) - 1.0)
    histogram[node] += amount * (1.0 - part)
    histogram[node + 1] += amount * part


@compiled
def _thin(histogram, per_decade, stride):  # type: ignore[no-untyped-def]
    """Make a histogram shorter where that does not show.

    The low end goes, whose part even of Klein-Nishina scattering (as 1/X) is negligible; what is
    two thirds of a decade below the top, a tenth of the photons, is shared between coarse nodes.
    """
    total, part, top = 0.0, 0.0, 0
    for j in range(histogram.size):
        total += histogram[j] * 10.0 ** (-j / per_decade)
        if histogram[j] > 0.0:
            top = j
    pivot = (top - 2 * per_decade // 3) // stride * stride
    for j in range(pivot):
        amount = histogram[j]
        part += amount * 10.0 ** (-j / per_decade)
        rest = j % stride
        if part <= NEGLIGIBLE * total:
            histogram[j] = 0.0
        elif rest > 0 and amount > 0.0:
            share = 10.0 ** (rest / per_decade) - 1.0
            share /= 10.0 ** (stride / per_decade) - 1.0
            histogram[j] = 0.0
            histogram[j - rest] += amount * (1.0 - share)
            histogram[j - rest + stride] += amount * share


@compiled
def _spread(temperatures, shape, first, stride):  # type: ignore[no-untyped-def]
    """Spread a shape over every stride-th node.

    A black body is wide enough for the coarse nodes, and the contraction skips the empty ones.
    """
    out = np.zeros(temperatures.size)
    for j in range(temperatures.size):
        if temperatures[j] > 0.0:
            start = -(-max(0, j + first) // stride) * stride
            stop = min(j + first + shape.size, out.size)
            for i in range(start, stop, stride):
                out[i] += stride * temperatures[j] * shape[i - j - first]
    return out
