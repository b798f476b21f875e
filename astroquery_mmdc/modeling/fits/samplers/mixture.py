"""Mixtures of multivariate t distributions: proposals that follow a posterior's shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mixture", "fitted"]

Array = NDArray[np.float64]

_DOF = 8.0
"""Degrees of freedom: tails that are heavier than those of the posterior, but not by much."""
_STEPS = 25
_SHRINK = 3.0
"""Points' worth of the common covariance that is mixed into that of each component."""
_INFLATE = 1.1
"""Components are made this much wider: points far out must not be missed."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A sum of t distributions.

    Parameters
    ----------
    weights : ndarray
        [m], with sum 1.
    means : ndarray
        [m, k].
    factors : ndarray
        Lower Cholesky factors of the scale matrices [m, k, k].
    dof : ndarray
        Degrees of freedom [m]; infinite for a Gaussian.
    """

    weights: Array
    means: Array
    factors: Array
    dof: Array

    @classmethod
    def made(cls, weights: Array, means: Array, covariances: Array, dof: float) -> Self:
        """Return components of given scale matrices."""
        factors = np.asarray(np.linalg.cholesky(covariances), dtype=float)
        return cls(weights, means, factors, np.full(len(weights), dof))

    def log_pdfs(self, z: Array) -> Array:
        """Return the log density of each component, with its weight [n, m]."""
        size = z.shape[1]
        columns = []
        for weight, mean, factor, dof in zip(
            self.weights, self.means, self.factors, self.dof, strict=True
        ):
            square = _distance(z, mean, factor)
            norm = -float(np.sum(np.log(np.diag(factor)))) + math.log(max(weight, 1e-300))
            columns.append(norm + _log_t(square, dof, size))
        return np.stack(columns, axis=1)

    def log_pdf(self, z: Array) -> Array:
        """Return the log density [n]."""
        return np.asarray(np.logaddexp.reduce(self.log_pdfs(z), axis=1))

    def sample(self, rng: np.random.Generator, count: int) -> Array:
        """Draw points; the components' shares are as even as can be, which lowers the noise."""
        share = (np.arange(count) + rng.random()) / count
        which = np.searchsorted(np.cumsum(self.weights)[:-1], share, side="right")
        normal = rng.standard_normal((count, self.means.shape[1]))
        chi = rng.chisquare(np.where(np.isinf(self.dof), 1.0, self.dof)[which])
        stretch = np.where(np.isinf(self.dof[which]), 1.0, np.sqrt(self.dof[which] / chi))
        moved = np.einsum("nij,nj->ni", self.factors[which], normal)
        return np.asarray(self.means[which] + moved * stretch[:, None])


def _distance(z: Array, mean: Array, factor: Array) -> Array:
    from scipy.linalg import solve_triangular

    return np.asarray(np.sum(solve_triangular(factor, (z - mean).T, lower=True) ** 2, axis=0))


def _log_t(square: Array, dof: float, size: int) -> Array:
    if math.isinf(dof):
        return -0.5 * square - 0.5 * size * math.log(2.0 * math.pi)
    norm = math.lgamma(0.5 * (dof + size)) - math.lgamma(0.5 * dof)
    norm -= 0.5 * size * math.log(dof * math.pi)
    return norm - 0.5 * (dof + size) * np.log1p(square / dof)


def fitted(
    z: Array,
    weights: Array,
    count: int,
    rng: np.random.Generator,
) -> Mixture:
    """Fit a mixture to weighted points by expectation-maximisation.

    Parameters
    ----------
    z : ndarray
        [n, k].
    weights : ndarray
        [n], with sum 1.
    count : int
        Number of components.
    rng : Generator
        Draws the starts.

    Notes
    -----
    Peel & McLachlan (2000) for t distributions with fixed degrees of freedom; the covariance of
    each component leans on the common one, so that few points do not make a needle.
    """
    size = z.shape[1]
    kept = weights > 1e-12 * np.max(weights)
    z, weights = z[kept], weights[kept] / np.sum(weights[kept])
    common = _covariance(z, weights, weights @ z)
    means = z[_spread_start(z, weights, common, count, rng)]
    covariances = np.repeat(common[None] / count ** (2.0 / size), count, axis=0)
    shares = np.full(count, 1.0 / count)
    effective = 1.0 / np.sum(weights**2)
    for _ in range(_STEPS):
        mixture = Mixture.made(shares, means, covariances, _DOF)
        logs = mixture.log_pdfs(z)
        part = np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None]) * weights[:, None]
        square = np.stack(
            [_distance(z, mean, one) for mean, one in zip(means, mixture.factors, strict=True)],
            axis=1,
        )
        pull = part * (_DOF + size) / (_DOF + square)
        shares = np.maximum(np.sum(part, axis=0), 1e-12)
        means = (pull.T @ z) / np.maximum(np.sum(pull, axis=0), 1e-300)[:, None]
        for index in range(count):
            own = (z - means[index]).T @ ((z - means[index]) * pull[:, index][:, None])
            points = shares[index] * effective
            scale = common / count ** (2.0 / size)
            covariances[index] = (own * effective + _SHRINK * scale) / (points + _SHRINK)
        shares = shares / np.sum(shares)
    alive = shares * effective > 1.0
    alive[np.argmax(shares)] = True
    shares = shares[alive] / np.sum(shares[alive])
    return Mixture.made(shares, means[alive], _INFLATE * covariances[alive], _DOF)


def _covariance(z: Array, weights: Array, mean: Array) -> Array:
    away = z - mean
    spread = away.T @ (away * weights[:, None])
    # A hair of roundness keeps the matrix invertible where the points lie in a plane.
    return np.asarray(spread + 1e-10 * np.eye(z.shape[1]) * (1.0 + np.trace(spread)))


def _spread_start(
    z: Array, weights: Array, common: Array, count: int, rng: np.random.Generator
) -> NDArray[np.int_]:
    """Return points that are far from each other (k-means++)."""
    factor = np.asarray(np.linalg.cholesky(common), dtype=float)
    chosen = [int(rng.choice(len(z), p=weights))]
    nearest = _distance(z, z[chosen[0]], factor)
    for _ in range(count - 1):
        chance = weights * nearest
        total = float(np.sum(chance))
        chance = chance / total if total > 0 else weights
        chosen.append(int(rng.choice(len(z), p=chance)))
        nearest = np.minimum(nearest, _distance(z, z[chosen[-1]], factor))
    return np.array(chosen)
