"""Walkers that follow a density by themselves, to learn its shape from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from astroquery_mmdc.modeling.fits.samplers.task import Array

__all__ = ["Walkers"]

LogDensity = Callable[[Array], Array]

_LEAP = 0.1
"""Part of the steps that go a whole difference far: from one mode to another."""
_NOISE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Walkers:
    """Points and their log densities.

    Parameters
    ----------
    z : ndarray
        [n, k], n even.
    log_density : ndarray
        [n].
    """

    z: Array
    log_density: Array

    @classmethod
    def at(cls, z: Array, log_density: LogDensity, rng: np.random.Generator) -> Self:
        """Return walkers at points, in an order without meaning."""
        start = rng.permutation(z)
        return cls(start, log_density(start))

    def moved(self, log_density: LogDensity, rng: np.random.Generator) -> Walkers:
        """Return the walkers one step later.

        Notes
        -----
        Differential evolution (ter Braak 2006): one half moves along differences of the other
        half, then the other way round, so that each move of many is computed at once and detailed
        balance holds.
        """
        z, logs = self.z.copy(), self.log_density.copy()
        half = len(z) // 2
        for own, others in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
            there = z[own] + _differences(z[others], len(z[own]), rng)
            found = log_density(there)
            taken = np.log(rng.random(len(there))) < found - logs[own]
            z[own] = np.where(taken[:, None], there, z[own])
            logs[own] = np.where(taken, found, logs[own])
        return Walkers(z, logs)


def _differences(z: Array, count: int, rng: np.random.Generator) -> Array:
    """Return scaled differences of pairs of points [count, k]."""
    size = z.shape[1]
    first = rng.integers(len(z), size=count)
    second = (first + rng.integers(1, len(z), size=count)) % len(z)
    leaps = rng.random(count) < _LEAP
    length = np.where(leaps, 1.0, 2.38 / np.sqrt(2.0 * size))
    noise = _NOISE * rng.standard_normal((count, size))
    return np.asarray(length[:, None] * (z[first] - z[second]) + noise)
