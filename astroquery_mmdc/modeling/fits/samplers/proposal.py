"""What importance sampling draws from: a bent mixture, with safety nets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.fits.samplers.mixture import Mixture, fitted
from astroquery_mmdc.modeling.fits.samplers.warp import Warp

__all__ = ["Proposal"]

Array = NDArray[np.float64]

_SHARES = (0.90, 0.08, 0.02)
"""Of the mixture that follows the posterior, of a wide one around it, and of the prior."""
_WIDE, _WIDE_DOF = 1.5, 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A density to draw from, in the space in which the prior is a standard Gaussian.

    Parameters
    ----------
    warp : Warp or None
        Straightens the posterior for `near` and `wide`; None where nothing is known of it yet.
    near : Mixture
        Follows the posterior.
    wide : Mixture or None
        One heavy-tailed component, against corners that the others do not reach.
    """

    warp: Warp | None
    near: Mixture
    wide: Mixture | None

    @classmethod
    def around(cls, means: Array, covariances: Array) -> Self:
        """Return a proposal around given points."""
        shares = np.full(len(means), 1.0 / len(means))
        return cls(None, Mixture.made(shares, means, covariances, _WIDE_DOF), None)

    @classmethod
    def learnt(cls, z: Array, weights: Array, count: int, rng: np.random.Generator) -> Self:
        """Return a proposal that follows weighted points, with a number of components."""
        kept = weights > 1e-9 * np.max(weights)
        z, weights = z[kept], weights[kept] / np.sum(weights[kept])
        warp = Warp.learnt(z, weights)
        u = warp.straight(z)
        near = fitted(u, weights, count, rng)
        mean = weights @ u
        spread = (u - mean).T @ ((u - mean) * weights[:, None]) + 1e-9 * np.eye(u.shape[1])
        wide = Mixture.made(np.ones(1), mean[None], _WIDE * spread[None], _WIDE_DOF)
        return cls(warp, near, wide)

    def log_pdf(self, z: Array) -> Array:
        """Return the log density [n]."""
        volume = 0.0 if self.warp is None else self.warp.log_volume
        u = z if self.warp is None else self.warp.straight(z)
        size = z.shape[1]
        prior = -0.5 * np.sum(z**2, axis=1) - 0.5 * size * math.log(2.0 * math.pi)
        shares = self._shares()
        parts = [self.near.log_pdf(u) + volume + math.log(shares[0]), prior + math.log(shares[2])]
        if self.wide is not None:
            parts.append(self.wide.log_pdf(u) + volume + math.log(shares[1]))
        return np.asarray(np.logaddexp.reduce(parts, axis=0))

    def sample(self, rng: np.random.Generator, count: int) -> Array:
        """Draw points [count, k]."""
        sizes = rng.multinomial(count, self._shares())
        parts = [self.near.sample(rng, sizes[0])]
        if self.wide is not None:
            parts.append(self.wide.sample(rng, sizes[1]))
        u = np.vstack(parts)
        z = u if self.warp is None else self.warp.bent(u)
        return np.vstack([z, rng.standard_normal((sizes[2], z.shape[1]))])

    def _shares(self) -> tuple[float, float, float]:
        if self.wide is not None:
            return _SHARES
        return _SHARES[0] + _SHARES[1], 0.0, _SHARES[2]
