"""Posterior and evidence by adaptive importance sampling, started at the optima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from astroquery_mmdc.modeling.fits.optimiser import Optimum
from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Memory
from astroquery_mmdc.modeling.fits.samplers.pareto import effective_size, pareto_k
from astroquery_mmdc.modeling.fits.samplers.posterior import Posterior
from astroquery_mmdc.modeling.fits.samplers.proposal import Proposal
from astroquery_mmdc.modeling.fits.samplers.task import Array, ExhaustedError, Task
from astroquery_mmdc.modeling.fits.samplers.walkers import Walkers

__all__ = ["adapted", "start_around"]

_BATCH = 120
"""Draws of a batch for each parameter."""
_ROUNDS = 16
_GOOD = 0.6
"""Effective part of a batch at which the proposal is good enough to be kept."""
_PATIENCE = 4
"""Rounds without a better proposal after which the best one is kept."""
_USEFUL = 0.02
"""Effective part of a batch below which this sampler is the wrong one."""
_STUCK, _POOR = 5, 0.15
"""Rounds after which a proposal that is no better than this is left to walkers."""
_WALKERS, _WALK = 16, 60
"""Walkers for each parameter, and their steps."""
_FEW = 2
"""Components learnt from walkers, whose steps are worth less than they are many."""
_LEARN = 30.0
"""Effective points for each parameter that a new proposal is learnt from, at least."""
_COMPONENTS = 8
_RECENT = 12
"""Batches that a proposal is learnt from: each is weighed with the proposals of all of them."""
_K_LIMIT = 0.7
_ATTEMPTS = 3
"""How often the posterior is drawn, each time from a proposal that walkers have mended."""
_PROBE = 4
"""Batches after which a proposal that turns out poor is given up, but for the last."""
_MAX_DRAWS = 60_000


def start_around(problem: Problem, optima: Sequence[Optimum]) -> Proposal:
    """Return a proposal around optima, as wide as their covariances say, and four times that."""
    means, covariances = [], []
    for one in optima:
        mean = np.clip(problem.to_normal(one.x), -3.5, 3.5)
        spread = _spread(problem, one)
        for stretch in (1.0, 4.0):
            means.append(mean)
            covariances.append(spread * stretch)
    return Proposal.around(np.array(means), np.array(covariances))


def _spread(problem: Problem, optimum: Optimum) -> Array:
    """Return the covariance in normal space; nowhere wider than the prior."""
    size = len(optimum.x)
    error = np.sqrt(np.diag(optimum.covariance))
    known = np.isfinite(error) & (error > 0)
    z = problem.to_normal(optimum.x)
    slopes = np.ones(size)
    for index in np.flatnonzero(known):
        step = np.zeros(size)
        step[index] = 0.05 * error[index]
        moved = problem.to_normal(optimum.x + step) - problem.to_normal(optimum.x - step)
        slopes[index] = max(moved[index] / (0.1 * error[index]), 1e-12)
    precision = np.eye(size)
    if known.any():
        block = np.ix_(known, known)
        own = optimum.covariance[block] * np.outer(slopes[known], slopes[known])
        # The prior, a unit Gaussian here, keeps what the data leave open within bounds.
        precision[block] += np.linalg.pinv(own, rcond=1e-10, hermitian=True)
    covariance = np.linalg.inv(precision)
    at_edge = np.abs(z) > 3.0
    covariance[np.diag_indices(size)] += np.where(at_edge, 0.1, 0.0)
    return np.asarray(0.5 * (covariance + covariance.T))


class _Run:
    """All draws of a run, and what they say."""

    def __init__(self, task: Task) -> None:
        self.task, size = task, len(task.problem.priors)
        self.memory = Memory(self._computed, size, task.checkpoint)
        self.batch = max(500, _BATCH * size)
        self.proposals: list[Proposal] = []
        self.z: list[Array] = []
        self.log_like: list[Array] = []

    def _computed(self, z: Array) -> Array:
        return self.task.evaluate(self.task.problem.from_normal(z))

    def log_density(self, z: Array) -> Array:
        """Return the log density of the posterior, but for the evidence [n]."""
        return _log_prior(z) + self.log_likelihoods(z)

    def log_likelihoods(self, z: Array) -> Array:
        """Return the log-likelihoods of points [n, k], as long as there are evaluations left."""
        if self.memory.asked >= self.task.max_evaluations:
            raise ExhaustedError
        return self.memory(z)

    def draw(self, proposal: Proposal, count: int) -> None:
        """Draw and evaluate a batch."""
        rng = np.random.default_rng([self.task.seed, 2, len(self.z)])
        z = proposal.sample(rng, count)
        log_like = self.log_likelihoods(z)
        self.proposals.append(proposal)
        self.z.append(z)
        self.log_like.append(log_like)

    def log_weights(self, first: int = 0) -> Array:
        """Return the weights of the batches from one on, over the mixture that drew them all."""
        z = np.concatenate(self.z[first:])
        sizes = [len(one) for one in self.z[first:]]
        shares: dict[int, float] = {}
        unique: dict[int, Proposal] = {}
        for proposal, size in zip(self.proposals[first:], sizes, strict=True):
            shares[id(proposal)] = shares.get(id(proposal), 0.0) + size / len(z)
            unique[id(proposal)] = proposal
        drawn = [unique[key].log_pdf(z) + math.log(share) for key, share in shares.items()]
        log_like = np.concatenate(self.log_like[first:])
        return _log_prior(z) + log_like - np.logaddexp.reduce(drawn, axis=0)

    def recent(self) -> tuple[Array, Array]:
        """Return the points of the latest batches, to learn from, and their weights."""
        first = max(0, len(self.z) - _RECENT)
        return np.concatenate(self.z[first:]), self.log_weights(first)

    def efficiency(self) -> float:
        """Return the effective part of the last batch."""
        z, proposal = self.z[-1], self.proposals[-1]
        weights = _log_prior(z) + self.log_like[-1] - proposal.log_pdf(z)
        return effective_size(weights) / len(z)


def adapted(task: Task, optima: Sequence[Optimum]) -> Posterior:
    """Sample a posterior from its modes outwards.

    Notes
    -----
    Adaptive multiple importance sampling (Cornuet et al. 2012) in the space in which the prior is
    a standard Gaussian. Proposals are mixtures of t distributions around the optima, with the
    prior as a defensive component (Hesterberg 1995); each is fitted to the draws so far, whose
    weights are tempered while few of them count (Koblents & Miguez 2015). Where that leads nowhere
    it is fitted once to the steps of `Walkers`, which find tails that draws have missed. The best
    proposal is frozen, and evidence and posterior come from its draws alone, so that they are
    unbiased; where their weights turn out badly, walkers mend it, and it is drawn from anew.
    The shape of the largest weights (`pareto_k`) tells whether that worked. Where the evaluations
    are used up before, all draws so far are weighed together.
    """
    run = _Run(task)
    try:
        best, _ = _adapt(run, start_around(task.problem, optima))
        for attempt in range(_ATTEMPTS):
            first = len(run.z)
            _harvest(run, best, is_last=attempt == _ATTEMPTS - 1)
            found = _summary(run, first)
            if not found.trouble:
                break
            # Its draws came upon parts of the posterior that the proposal hardly knew of.
            best, part = _adapt(run, _wandered(run))
            if part < _USEFUL:
                break
    except KeyboardInterrupt:
        if not run.z:
            raise
        found = _summary(run, 0, is_complete=False)
    except ExhaustedError:
        found = _summary(run, 0, is_complete=False)
        found = replace(found, trouble=task.exhaustion(found.n_effective))
    run.memory.save()
    return found


def _adapt(run: _Run, proposal: Proposal) -> tuple[Proposal, float]:
    """Return the best proposal that was learnt, and the effective part of its draws."""
    best, best_part, since = proposal, -1.0, 0
    for count in range(_ROUNDS):
        run.draw(proposal, run.batch)
        part = run.efficiency()
        since = since + 1 if part < 1.1 * best_part else 0
        if part > best_part:
            best, best_part = proposal, part
        run.task.watch("adaptation", (count + 1) / _ROUNDS)
        if part > _GOOD or (since >= _PATIENCE and best_part > _USEFUL):
            break
        is_stuck = count + 1 == _STUCK and best_part < _POOR
        proposal = _wandered(run) if is_stuck else _learnt(run)
    return best, best_part


def _wandered(run: _Run) -> Proposal:
    """Return a proposal that walkers have found, which see the tails that draws have missed."""
    z, logs = run.recent()
    size = z.shape[1]
    n_walkers = _WALKERS * size
    rng = np.random.default_rng([run.task.seed, 7, len(run.z)])
    weights = np.exp(_tempered(logs, 2.0 * size) * (logs - np.max(logs)))
    start = z[rng.choice(len(z), n_walkers, p=weights / np.sum(weights))]
    walkers = Walkers.at(start, run.log_density, rng)
    steps = []
    for count in range(_WALK):
        walkers = walkers.moved(run.log_density, rng)
        steps.append(walkers.z)
        run.task.watch("walk", (count + 1) / _WALK)
    late = np.concatenate(steps[_WALK // 3 :])
    return Proposal.learnt(late, np.full(len(late), 1.0 / len(late)), _FEW, rng)


def _learnt(run: _Run) -> Proposal:
    """Return a proposal fitted to the latest draws."""
    z, logs = run.recent()
    wanted = _LEARN * z.shape[1]
    power = _tempered(logs, min(wanted, 0.2 * len(logs)))
    weights = np.exp(power * (logs - np.max(logs)))
    effective = effective_size(power * logs)
    components = int(np.clip(effective / (0.5 * _LEARN * z.shape[1]), 1, _COMPONENTS))
    rng = np.random.default_rng([run.task.seed, 3, len(run.z) - 1])
    return Proposal.learnt(z, weights / np.sum(weights), components, rng)


def _tempered(logs: Array, wanted: float) -> float:
    """Return the power of the weights with which enough of them count."""
    if effective_size(logs) >= wanted:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high) if effective_size(_scaled(logs, middle)) >= wanted else (low, middle)
        )
    return low


def _scaled(logs: Array, power: float) -> Array:
    # Points that cannot be at all stay so, whatever the power.
    return np.where(np.isfinite(logs), power * logs, -np.inf)


def _harvest(run: _Run, proposal: Proposal, *, is_last: bool) -> None:
    wanted = run.task.n_effective
    first, drawn, have = len(run.z), 0, 0.0
    while have < wanted and drawn < _MAX_DRAWS:
        part = have / drawn if drawn else max(run.efficiency(), 0.05)
        count = int(np.clip(1.1 * (wanted - have) / max(part, 0.01), 200, 2 * run.batch))
        run.draw(proposal, count)
        drawn += count
        have = effective_size(run.log_weights(first))
        run.task.watch("posterior", min(1.0, have / wanted))
        if drawn >= _PROBE * run.batch and have < (_USEFUL if is_last else _POOR) * drawn:
            return


def _summary(run: _Run, first: int, *, is_complete: bool = True) -> Posterior:
    logs = run.log_weights(first)
    z, likes = np.concatenate(run.z[first:]), np.concatenate(run.log_like[first:])
    have, shape = effective_size(logs), pareto_k(logs)
    top = float(np.max(logs))
    log_z = top + math.log(float(np.mean(np.exp(logs - top)))) if math.isfinite(top) else -math.inf
    error = math.sqrt(max(1.0 / have - 1.0 / len(logs), 0.0)) if have > 0 else math.inf
    return Posterior(
        x=run.task.problem.from_normal(z),
        log_likelihood=likes,
        log_weight=logs,
        log_evidence=log_z,
        log_evidence_err=error,
        n_effective=have,
        is_complete=is_complete,
        trouble=run.task.shortage(have) or _trouble(shape) if is_complete else "",
        diagnostics={"pareto_k": shape, "efficiency": have / len(logs), "batches": len(run.z)}
        | {"calls": run.memory.asked},
    )


def _trouble(shape: float) -> str:
    if shape > _K_LIMIT:
        return f"the largest weights are too large (Pareto k = {shape:.2f} > {_K_LIMIT})"
    return ""


def _log_prior(z: Array) -> Array:
    size = z.shape[1]
    return np.asarray(-0.5 * np.sum(z**2, axis=1) - 0.5 * size * math.log(2.0 * math.pi))
