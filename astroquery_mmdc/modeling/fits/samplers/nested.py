"""Posterior and evidence by nested sampling, with the sampler nautilus."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Checkpoint
from astroquery_mmdc.modeling.fits.samplers.posterior import Posterior

__all__ = ["is_installed", "nested"]

Array = NDArray[np.float64]
Evaluate = Callable[[Array], Array]
Watch = Callable[[str, float], None]

_LIVE = 1000
_SLICE_SECONDS = 2.0
_BATCH = 100


def is_installed() -> bool:
    """Return whether the sampler is there."""
    from importlib.util import find_spec

    return find_spec("nautilus") is not None


def nested(
    problem: Problem,
    evaluate: Evaluate,
    seed: int,
    *,
    n_effective: float,
    checkpoint: Checkpoint,
    watch: Watch,
) -> Posterior:
    """Sample a posterior from the prior inwards: slower than from the optimum, and blind to none.

    Parameters
    ----------
    problem : Problem
    evaluate : callable
        Log-likelihoods of points.
    seed : int
    n_effective : float
        Wanted effective samples.
    checkpoint : Checkpoint
        Likelihoods that were computed before are not computed again.
    watch : callable
        Called with a stage and its part that is done.

    Notes
    -----
    Importance nested sampling with shells found by a small neural network (Lange 2023), 1,000
    live points; the points of its exploration are thrown away, so that ln Z has no bias.

    Raises
    ------
    MMDCError
        The sampler is not installed.
    """
    try:
        from nautilus import Sampler
    except ImportError as err:
        msg = (
            "method: nested sampling is done with nautilus, which is not installed; run "
            "`pip install nautilus-sampler`, or use method='importance'"
        )
        raise MMDCError(msg) from err
    memory = _Memory(problem, evaluate, checkpoint)
    sampler = Sampler(
        lambda u: u,
        memory,
        n_dim=len(problem.priors),
        n_live=_LIVE,
        n_networks=1,
        n_batch=_BATCH,
        vectorized=True,
        pass_dict=False,
        seed=seed,
    )
    is_complete = True
    try:
        _run(sampler, n_effective, watch)
    except KeyboardInterrupt:
        is_complete = False
        if sampler.n_like < 2 * _LIVE:
            raise
    memory.save()
    return _summary(problem, sampler, n_effective, is_complete)


def _run(sampler: Any, n_effective: float, watch: Watch) -> None:
    done = False
    while not done:
        # In slices, so that somebody learns how far it is.
        done = sampler.run(n_eff=n_effective, discard_exploration=True, timeout=_SLICE_SECONDS)
        part = sampler.n_eff / n_effective if sampler.explored else 0.0
        watch("posterior" if sampler.explored else "exploration", min(1.0, float(part)))


class _Memory:
    """The likelihood, with what a run before this one computed; both ask in the same order."""

    def __init__(self, problem: Problem, evaluate: Evaluate, checkpoint: Checkpoint) -> None:
        stored = checkpoint.load()
        self.problem, self.evaluate, self.checkpoint = problem, evaluate, checkpoint
        self._known = stored.get("log_likelihood", np.empty(0))
        self._points = stored.get("u", np.empty((0, len(problem.priors))))
        self._asked = 0

    def __call__(self, u: Array) -> Array:
        first, last = self._asked, self._asked + len(u)
        self._asked = last
        if last <= len(self._known) and np.allclose(self._points[first:last], u, atol=1e-9):
            return self._known[first:last]
        self._known, self._points = self._known[:first], self._points[:first]
        values = np.maximum(self.evaluate(self.problem.from_cube(u)), -1e100)
        self._known = np.concatenate([self._known, values])
        self._points = np.concatenate([self._points, u])
        if self._asked // 2000 > first // 2000:
            self.save()
        return values

    def save(self) -> None:
        self.checkpoint.save({"u": self._points, "log_likelihood": self._known})


def _summary(problem: Problem, sampler: Any, wanted: float, is_complete: bool) -> Posterior:
    points, log_weight, log_like = sampler.posterior()
    have = float(sampler.n_eff)
    trouble = ""
    if is_complete and have < 0.9 * wanted:
        trouble = f"only {have:.0f} of {wanted:.0f} effective samples were reached"
    return Posterior(
        x=problem.from_cube(np.asarray(points)),
        log_likelihood=np.asarray(log_like),
        log_weight=np.asarray(log_weight),
        n_effective=have,
        log_evidence=float(sampler.log_z),
        log_evidence_err=1.0 / math.sqrt(max(have, 1.0)),
        is_complete=is_complete,
        trouble=trouble,
        diagnostics={"sampler": "nautilus", "live_points": _LIVE, "calls": int(sampler.n_like)},
    )
