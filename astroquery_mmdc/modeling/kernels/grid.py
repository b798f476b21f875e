"""The logarithmic grids on which every process is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.kernels.constants import HZ

__all__ = ["Grid"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes for particles and photons, all on one logarithmic step.

    Every array is a set of *point values* at these nodes, and an integral over a grid is the plain
    sum ``ln(10) / per_decade * sum(x * f(x))``. One common step turns the kernels, which depend on
    products and quotients of energies, into tables of sums and differences of indices.

    Parameters
    ----------
    per_decade : int
        Nodes per decade of every grid.
    gamma_decades : int
        Lorentz factors reach from 1 to ``10**gamma_decades``.
    eps_low, eps_high : int
        Photon energies reach from ``10**eps_low`` to ``10**eps_high`` in units of m_e c^2.
    refinement : int
        How many times finer `gamma_fine` is: the grid of the kinetic equation and of synchrotron
        emission, which see sharp ends of a distribution that Compton scattering smooths.

    Notes
    -----
    Two grids with the same four numbers are equal and hash alike, so tables are cached by grid.
    Use `default` and `hadronic`, which remember the grids they made.
    """

    per_decade: int = 10
    gamma_decades: int = 9
    eps_low: int = -15
    eps_high: int = 9
    refinement: int = 3
    gamma: Array = field(init=False, repr=False, compare=False)
    gamma_fine: Array = field(init=False, repr=False, compare=False)
    eps: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        n, fine = self.per_decade, self.per_decade * self.refinement
        self._set("gamma", 10.0 ** (np.arange(self.gamma_decades * n + 1) / n))
        self._set("gamma_fine", 10.0 ** (np.arange(self.gamma_decades * fine + 1) / fine))
        self._set("eps", 10.0 ** (np.arange(self.eps_low * n, self.eps_high * n + 1) / n))

    def _set(self, name: str, values: Array) -> None:
        values.setflags(write=False)
        object.__setattr__(self, name, values)

    @property
    def step(self) -> float:
        """Natural-logarithmic step of `gamma` and `eps`."""
        return float(np.log(10.0) / self.per_decade)

    @property
    def eps_index(self) -> int:
        """Index k0 of the lowest photon energy: ``eps[k] = 10**((k0 + k) / per_decade)``."""
        return self.eps_low * self.per_decade

    @property
    def nu(self) -> Array:
        """Frequencies of `eps` [Hz]."""
        return self.eps * HZ

    @staticmethod
    @lru_cache(maxsize=16)
    def default(per_decade: int = 10) -> Grid:
        """Return the grid of leptonic models: gamma to 1e9, eps from 1e-15 to 1e9."""
        return Grid(per_decade)

    @staticmethod
    @lru_cache(maxsize=16)
    def hadronic(per_decade: int = 10) -> Grid:
        """Return the grid of hadronic models: gamma and eps to 1e15, which holds decay products."""
        return Grid(per_decade, gamma_decades=15, eps_high=15)
