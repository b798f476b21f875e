"""Distributions of particles: the given ones, and the spectra that are injected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels._numerics import gauss, lagrange
from astroquery_mmdc.modeling.kernels.constants import ME_C2

__all__ = [
    "SERVICE_INJECTION",
    "SERVICE_PHOTON_ESCAPE",
    "BrokenPowerLaw",
    "Distribution",
    "ExponentialCutoffPowerLaw",
    "LogParabola",
    "PowerLaw",
    "energy_density",
    "injection",
    "number_density",
    "sample",
    "scaled",
]

Array = NDArray[np.float64]

SERVICE_INJECTION = 1.7
"""Injected power of recorded curves of the service over the textbook's; provisional."""
SERVICE_PHOTON_ESCAPE = 1.65
"""Residence of photons, in R / c, that recorded curves of the service ask for; provisional."""


class Distribution(Protocol):
    """A density per unit Lorentz factor between two sharp ends."""

    @property
    def gamma_min(self) -> float:
        """Where the distribution begins."""

    @property
    def gamma_max(self) -> float:
        """Where it ends."""

    def __call__(self, gamma: Array) -> Array:
        """Return the density at `gamma`, ends ignored."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """``k gamma^-p`` between `gamma_min` and `gamma_max`.

    Parameters
    ----------
    k : float
        Density at gamma = 1 [cm^-3].
    p : float
        Index.
    gamma_min, gamma_max : float
        Sharp ends.
    """

    k: float
    p: float
    gamma_min: float
    gamma_max: float

    def __call__(self, gamma: Array) -> Array:
        """Return the density at `gamma`, ends ignored."""
        return self.k * gamma**-self.p


@dataclass(frozen=True, slots=True)
class BrokenPowerLaw:
    """``k (gamma / gamma_break)^-p`` with p1 below and p2 above the break.

    Parameters
    ----------
    k : float
        Density at the break [cm^-3].
    p1, p2 : float
        Indices below and above.
    gamma_break : float
        Where the index changes.
    gamma_min, gamma_max : float
        Sharp ends.
    """

    k: float
    p1: float
    p2: float
    gamma_break: float
    gamma_min: float
    gamma_max: float

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where the slope jumps."""
        return (self.gamma_break,)

    def __call__(self, gamma: Array) -> Array:
        """Return the density at `gamma`, ends ignored."""
        x = gamma / self.gamma_break
        return self.k * x ** -np.where(x < 1.0, self.p1, self.p2)


@dataclass(frozen=True, slots=True)
class LogParabola:
    """``k (gamma / gamma_0)^-(p + q log10(gamma / gamma_0))``.

    Parameters
    ----------
    k : float
        Density at `gamma_0` [cm^-3].
    p, q : float
        Index at `gamma_0` and curvature; the logarithm is the decimal one.
    gamma_0 : float
        Reference Lorentz factor.
    gamma_min, gamma_max : float
        Sharp ends.
    """

    k: float
    p: float
    q: float
    gamma_0: float
    gamma_min: float
    gamma_max: float

    def __call__(self, gamma: Array) -> Array:
        """Return the density at `gamma`, ends ignored."""
        x = gamma / self.gamma_0
        return self.k * x ** -(self.p + self.q * np.log10(x))


@dataclass(frozen=True, slots=True)
class ExponentialCutoffPowerLaw:
    """``k gamma^-p exp(-gamma / gamma_cut)`` from `gamma_min` on.

    Parameters
    ----------
    k : float
        Density at gamma = 1 without the cut-off [cm^-3].
    p : float
        Index.
    gamma_cut : float
        Energy of the exponential cut-off, not an end.
    gamma_min, gamma_max : float
        Sharp ends.
    """

    k: float
    p: float
    gamma_cut: float
    gamma_min: float
    gamma_max: float = math.inf

    def __call__(self, gamma: Array) -> Array:
        """Return the density at `gamma`, ends ignored."""
        return self.k * gamma**-self.p * np.exp(-gamma / self.gamma_cut)


def sample(distribution: Distribution, nodes: Array) -> Array:
    r"""Return point values of a distribution with sharp ends, such that sums are integrals.

    The plain sum ``h sum(gamma N f)`` over the returned values equals :math:`\int N f d\gamma` to
    third order for every smooth f: inside, the values are those of the distribution; in the cells
    next to an end they are the end-corrected weights of a cubic quadrature, and the partial cell
    that holds the end is integrated exactly, keeping the energy.

    Parameters
    ----------
    distribution : Distribution
        What to sample.
    nodes : ndarray
        Logarithmic grid, at least six nodes.

    Returns
    -------
    ndarray
        N at the nodes, zero outside the ends (but for the one node beyond each).
    """
    inner = [
        gamma
        for gamma in getattr(distribution, "breaks", ())
        if distribution.gamma_min < gamma < distribution.gamma_max
    ]
    ends = [distribution.gamma_min, *inner, distribution.gamma_max]
    values = np.zeros_like(nodes)
    for start, stop in pairwise(ends):
        _add_piece(values, distribution, nodes, start, stop)
    return values


def _add_piece(
    values: Array, distribution: Distribution, nodes: Array, start: float, stop: float
) -> None:
    """Add the smooth part of a distribution between two Lorentz factors."""
    h = math.log(nodes[1] / nodes[0])
    origin, last = math.log(nodes[0]) / h, len(nodes) - 1
    low = max(math.log(start) / h - origin, 0.0)
    high = min(_log(stop) / h - origin, float(last))
    if high <= low:
        return
    # An end within rounding of a node is at the node.
    first, end = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    if end - first < 5:
        _add_narrow(values, distribution, nodes, low, high)
        return
    inside = slice(first, end + 1)
    # Gregory's end weights of the cubic rule: 9/24, 28/24, 23/24, then 1.
    weight = np.ones(end + 1 - first)
    weight[:3] = _GREGORY
    weight[-3:] *= _GREGORY[::-1]
    values[inside] += weight * distribution(nodes[inside])
    if first - low > 1e-9:
        _add_partial(values, distribution, nodes, first - 1, (low, float(first)), first - 1)
    if high - end > 1e-9:
        _add_partial(values, distribution, nodes, end, (float(end), high), end - 2)


_GREGORY = np.array([9.0, 28.0, 23.0]) / 24.0


def _log(gamma: float) -> float:
    return math.log(gamma) if math.isfinite(gamma) else math.inf


def _add_partial(
    values: Array,
    distribution: Distribution,
    nodes: Array,
    cell: int,
    ends: tuple[float, float],
    stencil: int,
) -> None:
    """Add the part of a cell between two positions, given in steps of the grid, to four nodes."""
    points, weights = gauss(8)
    at = ends[0] + (ends[1] - ends[0]) * points
    gamma = nodes[cell] * (nodes[1] / nodes[0]) ** (at - cell)
    energy = distribution(gamma) * gamma**2 * weights * (ends[1] - ends[0])
    shape = lagrange(at - stencil - 1.0)
    values[stencil : stencil + 4] += shape @ energy / nodes[stencil : stencil + 4] ** 2


def _add_narrow(
    values: Array, distribution: Distribution, nodes: Array, low: float, high: float
) -> None:
    """Share a distribution of few cells between neighbours, keeping number and energy."""
    points, weights = gauss(8)
    for cell in range(math.floor(low), math.ceil(high)):
        start, stop = max(low, cell), min(high, cell + 1)
        at = start + (stop - start) * points
        gamma = nodes[cell] * (nodes[1] / nodes[0]) ** (at - cell)
        number = distribution(gamma) * gamma * weights * (stop - start)
        upper = (gamma - nodes[cell]) / (nodes[cell + 1] - nodes[cell])
        values[cell] += np.sum(number * (1.0 - upper)) / nodes[cell]
        values[cell + 1] += np.sum(number * upper) / nodes[cell + 1]


def number_density(nodes: Array, density: Array) -> float:
    """Return the integral of a density over the nodes: n [cm^-3]."""
    return math.log(nodes[1] / nodes[0]) * float(np.sum(nodes * density))


def energy_density(nodes: Array, density: Array, rest_energy: float = ME_C2) -> float:
    """Return the energy density [erg/cm^3], the rest energy included."""
    return rest_energy * math.log(nodes[1] / nodes[0]) * float(np.dot(nodes**2, density))


def scaled(nodes: Array, density: Array, *, energy: float, rest_energy: float = ME_C2) -> Array:
    """Return a density scaled to an energy density [erg/cm^3]."""
    return density * (energy / energy_density(nodes, density, rest_energy))


def injection(
    nodes: Array,
    power_density: float,
    index: float,
    gamma_min: float,
    gamma_cut: float,
    *,
    rest_energy: float = ME_C2,
    normalization: str = "textbook",
) -> Array:
    r"""Return the injected spectrum :math:`Q_0 \gamma^{-p} e^{-\gamma/\gamma_{cut}}`.

    Parameters
    ----------
    nodes : ndarray
        ``grid.gamma`` or ``grid.gamma_fine``.
    power_density : float
        Injected power per volume [erg / (cm^3 s)].
    index, gamma_min, gamma_cut : float
        Shape; zero below `gamma_min`.
    rest_energy : float
        m c^2 of the particle [erg].
    normalization : {"textbook", "mmdc"}
        See `Options`. The second takes the integral of the power law without its cut-off; where
        that diverges, p <= 2, its behaviour is unknown and the textbook's integral is used.

    Returns
    -------
    ndarray
        Q(gamma) [cm^-3 s^-1] at the nodes.

    Notes
    -----
    In the textbook's definition the sum over the grid gives the power exactly, also for p = 2 and
    for a cut-off below `gamma_min`.
    """
    # Scaled to its value at gamma_min, so that steep spectra neither over- nor underflow.
    shape = ExponentialCutoffPowerLaw(gamma_min**index, index, gamma_cut, gamma_min)
    spectrum = sample(shape, nodes)
    if not spectrum.any():
        return spectrum
    if normalization == "mmdc" and index > 2.0:
        energy = rest_energy * gamma_min**2 / (index - 2.0)
        return spectrum * (SERVICE_INJECTION * power_density / energy)
    factor = SERVICE_INJECTION if normalization == "mmdc" else 1.0
    return scaled(nodes, spectrum, energy=factor * power_density, rest_energy=rest_energy)
