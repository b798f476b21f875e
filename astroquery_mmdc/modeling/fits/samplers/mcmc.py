"""Posterior by an ensemble of walkers, with the sampler emcee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling.fits.optimiser import Optimum
from astroquery_mmdc.modeling.fits.samplers.importance import start_around
from astroquery_mmdc.modeling.fits.samplers.posterior import Posterior
from astroquery_mmdc.modeling.fits.samplers.task import Array, Task

__all__ = ["walked"]

_BLOCK = 200
_MAX_STEPS = 20_000
_LENGTHS = 50.0
"""Autocorrelation times that a chain has to last before its own estimate of them is believed."""


def walked(task: Task, optima: Sequence[Optimum]) -> Posterior:
    """Sample a posterior with walkers that start at the best optimum.

    Notes
    -----
    The affine-invariant ensemble of Goodman & Weare (2010) with differential-evolution moves, in
    the space in which the prior is a standard Gaussian. There is no evidence, and other modes of
    the posterior are not found.

    Raises
    ------
    MMDCError
        The sampler is not installed.
    """
    try:
        import emcee
    except ImportError as err:
        msg = "method: emcee is not installed; run `pip install emcee`, or use method='importance'"
        raise MMDCError(msg) from err

    problem = task.problem

    def log_probability(z: Array) -> Array:
        return task.evaluate(problem.from_normal(z)) - 0.5 * np.sum(z**2, axis=1)

    size = len(problem.priors)
    n_walkers = max(32, 4 * size)
    moves = [(emcee.moves.DEMove(), 0.7), (emcee.moves.DESnookerMove(), 0.1)]
    moves.append((emcee.moves.StretchMove(), 0.2))
    sampler = emcee.EnsembleSampler(n_walkers, size, log_probability, vectorize=True, moves=moves)
    stored = task.checkpoint.load()
    rng = np.random.default_rng([task.seed, 5])
    start = start_around(problem, optima[:1]).near.sample(rng, n_walkers)
    chain = _Chain(stored.get("z"), stored.get("log_probability"), n_walkers, size)
    is_complete = True
    try:
        _run(sampler, chain, start, task)
    except KeyboardInterrupt:
        is_complete = False
        if not chain.length:
            raise
    return _summary(chain, task, is_complete)


class _Chain:
    """All steps so far: points [steps, walkers, k] and their log-probabilities."""

    def __init__(
        self, z: Array | None, log_probability: Array | None, n_walkers: int, size: int
    ) -> None:
        self.z = np.empty((0, n_walkers, size)) if z is None else z
        self.log_probability = (
            np.empty((0, n_walkers)) if log_probability is None else log_probability
        )

    @property
    def length(self) -> int:
        return len(self.z)

    def extend(self, z: Array, log_probability: Array) -> None:
        self.z = np.concatenate([self.z, z])
        self.log_probability = np.concatenate([self.log_probability, log_probability])

    def correlation(self) -> float:
        """Return the longest autocorrelation time of the chain without its beginning."""
        from emcee.autocorr import integrated_time

        return float(np.max(integrated_time(self.z[self.length // 4 :], tol=0, quiet=True)))


def _run(sampler: Any, chain: _Chain, start: Array, task: Task) -> None:
    from emcee import State

    n_walkers = start.shape[0]
    while chain.length < min(_MAX_STEPS, task.max_evaluations / n_walkers):
        place = chain.z[-1] if chain.length else start
        known = chain.log_probability[-1] if chain.length else None
        # A generator for each block: an interrupted chain goes on as if it had not been.
        random = np.random.RandomState(np.random.MT19937([task.seed, 6, chain.length]))
        sampler.reset()
        sampler.random_state = random.get_state()
        sampler.run_mcmc(State(place, log_prob=known), _BLOCK, skip_initial_state_check=True)
        chain.extend(sampler.get_chain(), sampler.get_log_prob())
        task.checkpoint.save({"z": chain.z, "log_probability": chain.log_probability})
        time = chain.correlation()
        have = 0.75 * chain.length * n_walkers / time
        part = min(have / task.n_effective, chain.length / (_LENGTHS * time))
        task.watch("posterior", min(1.0, part))
        if part >= 1.0:
            return


def _summary(chain: _Chain, task: Task, is_complete: bool) -> Posterior:
    time = chain.correlation() if chain.length > 8 else math.inf
    kept = slice(chain.length // 4, None)
    z = chain.z[kept].reshape(-1, chain.z.shape[2])
    log_like = chain.log_probability[kept].ravel() + 0.5 * np.sum(z**2, axis=1)
    have = len(z) / time if math.isfinite(time) else 1.0
    trouble = ""
    if is_complete and chain.z[..., 0].size >= task.max_evaluations:
        is_complete, trouble = False, task.exhaustion(have)
    elif is_complete and (task.shortage(have) or chain.length < _LENGTHS * time):
        trouble = f"the chain lasted {chain.length / time:.0f} autocorrelation times only"
    return Posterior(
        x=task.problem.from_normal(z),
        log_likelihood=log_like,
        log_weight=np.zeros(len(z)),
        n_effective=have,
        is_complete=is_complete,
        trouble=trouble,
        diagnostics={"sampler": "emcee", "autocorrelation_time": time, "steps": chain.length},
    )
