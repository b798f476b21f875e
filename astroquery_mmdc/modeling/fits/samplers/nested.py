"""Posterior and evidence by nested sampling, with the sampler nautilus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Memory
from astroquery_mmdc.modeling.fits.samplers.posterior import Posterior
from astroquery_mmdc.modeling.fits.samplers.task import Array, Task

__all__ = ["is_installed", "nested"]

_LIVE = 1000
_SLICE_SECONDS = 2.0
_BATCH = 100


def is_installed() -> bool:
    """Return whether the sampler is there."""
    from importlib.util import find_spec

    return find_spec("nautilus") is not None


def nested(task: Task) -> Posterior:
    """Sample a posterior from the prior inwards: slower than from the optimum, and blind to none.

    Notes
    -----
    Importance nested sampling with shells found by a small neural network (Lange 2023), 1,000
    live points; the points of its exploration are thrown away, so that ln Z has no bias.
    Where the evaluations are used up before, those points are what there is.

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
    size = len(task.problem.priors)

    def log_likelihoods(u: Array) -> Array:
        # It takes no -inf.
        return np.maximum(task.evaluate(task.problem.from_cube(u)), -1e100)

    memory = Memory(log_likelihoods, size, task.checkpoint)
    sampler = Sampler(
        lambda u: u,
        memory,
        n_dim=size,
        n_live=_LIVE,
        n_networks=1,
        n_batch=_BATCH,
        vectorized=True,
        pass_dict=False,
        seed=task.seed,
    )
    trouble, is_complete = "", True
    try:
        is_complete = _run(sampler, task)
        have = float(sampler.n_eff)
        trouble = task.shortage(have) if is_complete else task.exhaustion(have)
    except KeyboardInterrupt:
        is_complete = False
        if sampler.n_like < 2 * _LIVE:
            raise
    memory.save()
    return _summary(sampler, task, is_complete, trouble)


def _run(sampler: Any, task: Task) -> bool:
    """Run the sampler to its end or to that of the evaluations, and return whether it is done."""
    wanted, limit, done = task.n_effective, task.max_evaluations, False
    while not done and sampler.n_like < limit:
        # In slices, so that somebody learns how far it is.
        done = sampler.run(
            n_eff=wanted, n_like_max=limit, discard_exploration=True, timeout=_SLICE_SECONDS
        )
        part = sampler.n_eff / wanted if sampler.explored else 0.0
        task.watch("posterior" if sampler.explored else "exploration", min(1.0, float(part)))
    return bool(done)


def _summary(sampler: Any, task: Task, is_complete: bool, trouble: str) -> Posterior:
    points, log_weight, log_like = sampler.posterior()
    have = float(sampler.n_eff)
    return Posterior(
        x=task.problem.from_cube(np.asarray(points)),
        log_likelihood=np.asarray(log_like),
        log_weight=np.asarray(log_weight),
        n_effective=have,
        log_evidence=float(sampler.log_z),
        log_evidence_err=1.0 / math.sqrt(max(have, 1.0)),
        is_complete=is_complete,
        trouble=trouble,
        diagnostics={"sampler": "nautilus", "live_points": _LIVE, "calls": int(sampler.n_like)},
    )
