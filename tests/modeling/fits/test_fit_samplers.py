from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.optimiser import Optimum
from astroquery_mmdc.modeling.fits.samplers.checkpoint import Checkpoint, Memory
from astroquery_mmdc.modeling.fits.samplers.importance import adapted
from astroquery_mmdc.modeling.fits.samplers.mcmc import walked
from astroquery_mmdc.modeling.fits.samplers.mixture import Mixture, fitted
from astroquery_mmdc.modeling.fits.samplers.nested import nested
from astroquery_mmdc.modeling.fits.samplers.pareto import effective_size, pareto_k
from astroquery_mmdc.modeling.fits.samplers.posterior import resampled
from astroquery_mmdc.modeling.fits.samplers.proposal import Proposal
from astroquery_mmdc.modeling.fits.samplers.task import Task
from astroquery_mmdc.modeling.fits.samplers.walkers import Walkers
from astroquery_mmdc.modeling.fits.samplers.warp import Warp
from tests.modeling.fit_tools import gaussian


def nothing(stage, part):
    pass


def task(problem, seed=1, n_effective=2000, path=None, evaluate=None, watch=nothing):
    evaluate = evaluate or problem.log_likelihoods
    return Task(problem, evaluate, seed, n_effective, Checkpoint(path, "a fit"), watch)


def run(problem, optima=None, **choices):
    return adapted(task(problem, **choices), optima or [problem.optimum()])


def moments(found):
    weights = np.exp(found.log_weight - found.log_weight.max())
    weights /= weights.sum()
    mean = weights @ found.x
    return mean, (found.x - mean).T @ ((found.x - mean) * weights[:, None])


@pytest.mark.parametrize("bend", [0.0, 1.5])
@pytest.mark.parametrize("size", [2, 5, 9])
def test_evidence_and_moments_of_a_gaussian(size, bend):
    problem = gaussian(size, bend=bend)
    found = run(problem)
    assert not found.trouble
    assert found.n_effective >= 2000
    # A shear does not change volumes: bent or not, the evidence is the same.
    assert found.log_evidence == pytest.approx(problem.log_evidence, abs=0.08)
    assert found.log_evidence_err < 0.05
    if not bend:
        mean, covariance = moments(found)
        error = np.sqrt(np.diag(problem.covariance))
        np.testing.assert_allclose((mean - problem.mean) / error, 0, atol=0.12)
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)) / error, 1, rtol=0.1)


def test_two_modes_are_weighed():
    problem = gaussian(3)
    shift = np.array([6.0, 0.0, 0.0])

    def evaluate(points):
        near, far = problem.log_likelihoods(points), problem.log_likelihoods(points - shift)
        return np.logaddexp(near, far + np.log(0.5))

    other = Optimum(problem.mean + shift, 1.0, problem.covariance, (False,) * 3)
    found = run(problem, evaluate=evaluate, optima=[problem.optimum(), other])
    assert not found.trouble
    assert found.log_evidence == pytest.approx(problem.log_evidence + np.log(1.5), abs=0.08)
    weights = np.exp(found.log_weight - found.log_weight.max())
    part = weights[found.x[:, 0] > 3.5].sum() / weights.sum()
    assert part == pytest.approx(1 / 3, abs=0.05)


def test_a_posterior_that_fills_its_prior():
    problem = gaussian(3)
    flat = Optimum(np.zeros(3), 0.0, np.full((3, 3), np.nan), (False,) * 3)
    found = run(problem, evaluate=lambda points: np.zeros(len(points)), optima=[flat])
    assert found.log_evidence == pytest.approx(0.0, abs=0.05)
    assert np.std(resampled(found, 1)[0][:, 0]) == pytest.approx(20 / np.sqrt(12), rel=0.05)


def test_a_wrong_start_is_noticed_or_mended():
    problem = gaussian(4)
    far = Optimum(problem.mean + 3.0, 0.0, 0.01 * problem.covariance, (False,) * 4)
    found = run(problem, optima=[far])
    good = abs(found.log_evidence - problem.log_evidence) < 0.15
    assert good or found.trouble


def test_hopeless_likelihoods_are_told():
    problem = gaussian(5)
    rng = np.random.default_rng(3)
    found = run(problem, evaluate=lambda points: rng.normal(0, 60, len(points)), n_effective=2000)
    assert found.trouble


def test_walkers_help_where_draws_find_no_way():
    # Two starts beside the ridge, which is bent more than the proposals can be.
    problem = gaussian(6)

    def evaluate(points):
        bent = points.copy()
        bent[:, 1] -= 2.0 * np.sin(1.5 * points[:, 0])
        bent[:, 2] -= 0.3 * points[:, 0] ** 3
        return problem.log_likelihoods(bent)

    stages = []
    found = run(problem, evaluate=evaluate, watch=lambda stage, part: stages.append(stage))
    assert "walk" in stages
    assert found.trouble or found.log_evidence == pytest.approx(problem.log_evidence, abs=0.15)


def test_seeds_repeat():
    problem = gaussian(3)
    first, again, other = run(problem), run(problem), run(problem, seed=2)
    assert np.array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)


def test_an_interrupt_keeps_what_there_is_and_the_checkpoint_goes_on(tmp_path):
    problem, path = gaussian(4), tmp_path / "fit.npz"
    calls = []

    def evaluate(points):
        calls.append(len(points))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return problem.log_likelihoods(points)

    found = run(problem, path=path, evaluate=evaluate)
    assert not found.is_complete
    before = sum(calls[:2])
    assert len(found.x) == before
    resumed = []

    def counting(points):
        resumed.append(len(points))
        return problem.log_likelihoods(points)

    again = run(problem, path=path, evaluate=counting)
    whole = run(problem)
    assert np.array_equal(again.x, whole.x)
    assert again.log_evidence == whole.log_evidence
    assert sum(resumed) < before + sum(resumed)
    assert again.is_complete


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    path = tmp_path / "fit.npz"
    Checkpoint(path, "one").save({"a": np.arange(3.0)})
    assert Checkpoint(path, "one").load()["a"].tolist() == [0, 1, 2]
    with pytest.raises(InvalidRequestError, match="belongs to another fit"):
        Checkpoint(path, "other").load()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InvalidRequestError, match="no checkpoint"):
        Checkpoint(path, "one").load()


def test_a_memory_knows_the_points_of_the_run_before(tmp_path):
    calls = []

    def squares(points):
        calls.append(len(points))
        return points[:, 0] ** 2

    path, points = tmp_path / "fit.npz", np.arange(1200.0)[:, None]
    first = Memory(squares, 1, Checkpoint(path, "one"))
    for start in (0, 400, 800):
        first(points[start : start + 400])
    # What was computed after the last writing is lost with the process.
    again = Memory(squares, 1, Checkpoint(path, "one"))
    calls.clear()
    for start in (0, 400, 800):
        assert np.array_equal(
            again(points[start : start + 400]), points[start : start + 400, 0] ** 2
        )
    assert calls == [400]
    # Another course than before is computed anew from where it parts.
    other = Memory(squares, 1, Checkpoint(path, "one"))
    assert other(points[:400])[1] == 1.0
    assert np.array_equal(other(-points[400:500]), points[400:500, 0] ** 2)


def test_a_full_disk_does_not_end_the_fit(tmp_path):
    # A folder that is not there cannot be written to either.
    checkpoint = Checkpoint(tmp_path / "gone" / "fit.npz", "one")
    with pytest.warns(IncompleteResultWarning, match="the fit goes on"):
        checkpoint.save({"a": np.arange(3.0)})
    checkpoint.save({"a": np.arange(3.0)})


def test_walkers_agree_with_a_gaussian(tmp_path):
    pytest.importorskip("emcee")
    problem, path = gaussian(3), tmp_path / "walk.npz"
    found = walked(task(problem, path=path), [problem.optimum()])
    mean, covariance = moments(found)
    error = np.sqrt(np.diag(problem.covariance))
    np.testing.assert_allclose((mean - problem.mean) / error, 0, atol=0.15)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)) / error, 1, rtol=0.15)
    assert found.log_evidence is None
    # A shorter chain that goes on from its checkpoint is the longer one.
    short = tmp_path / "short.npz"
    calls = []

    def evaluate(points):
        calls.append(1)
        if len(calls) == 900:
            raise KeyboardInterrupt
        return problem.log_likelihoods(points)

    part = walked(task(problem, path=short, evaluate=evaluate), [problem.optimum()])
    assert not part.is_complete
    again = walked(task(problem, path=short), [problem.optimum()])
    np.testing.assert_allclose(again.x, found.x)


@pytest.mark.parametrize("sampler", ["importance", "nested", "emcee"])
def test_every_sampler_ends(sampler):
    """Evaluations that do not suffice end it: what there is comes back, and says so."""
    problem, asked = gaussian(5), []

    def evaluate(points):
        asked.append(len(points))
        return problem.log_likelihoods(points)

    few = replace(task(problem, n_effective=1e5, evaluate=evaluate), max_evaluations=6000)
    if sampler == "nested":
        pytest.importorskip("nautilus")
        found = nested(few)
    elif sampler == "emcee":
        pytest.importorskip("emcee")
        found = walked(few, [problem.optimum()])
    else:
        found = adapted(few, [problem.optimum()])
    assert not found.is_complete
    assert f"at {found.n_effective:.0f} of 100000 effective samples" in found.trouble
    assert "max_evaluations" in found.trouble
    assert len(found.x) == len(found.log_weight) > 100
    # The last batch may exceed them.
    assert 6000 <= sum(asked) < 15000


@pytest.mark.slow
def test_nested_sampling_agrees_with_a_gaussian(tmp_path):
    pytest.importorskip("nautilus")
    problem, path = gaussian(3), tmp_path / "nested.npz"
    found = nested(task(problem, path=path))
    assert found.log_evidence == pytest.approx(problem.log_evidence, abs=0.1)
    calls = []

    def evaluate(points):
        calls.append(len(points))
        return problem.log_likelihoods(points)

    nested(task(problem, path=path, evaluate=evaluate))
    assert not calls


# ---------------------------------------------------------------- the parts


def test_walkers_keep_a_gaussian_a_gaussian():
    problem, rng = gaussian(3), np.random.default_rng(0)
    start = rng.multivariate_normal(problem.mean, problem.covariance, 60)
    walkers, steps = Walkers.at(start, problem.log_likelihoods, rng), []
    for _ in range(400):
        walkers = walkers.moved(problem.log_likelihoods, rng)
        steps.append(walkers.z)
    z = np.concatenate(steps)
    error = np.sqrt(np.diag(problem.covariance))
    np.testing.assert_allclose((z.mean(axis=0) - problem.mean) / error, 0, atol=0.1)
    np.testing.assert_allclose(z.std(axis=0) / error, 1, rtol=0.1)
    assert np.array_equal(walkers.log_density, problem.log_likelihoods(walkers.z))


def test_mixtures_have_a_norm():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 2)) * [1.0, 0.3] + [0.5, 0.0]
    mixture = fitted(z, np.full(4000, 1 / 4000), 3, rng)
    proposal = Proposal(None, mixture, None)
    for density in (mixture.log_pdf, proposal.log_pdf):
        grid = np.stack(np.meshgrid(*[np.linspace(-20, 20, 801)] * 2), axis=-1).reshape(-1, 2)
        assert np.sum(np.exp(density(grid))) * 0.05**2 == pytest.approx(1.0, abs=0.01)
    drawn = mixture.sample(rng, 20000)
    np.testing.assert_allclose(drawn.mean(axis=0), [0.5, 0.0], atol=0.05)


def test_bent_proposals_have_a_norm():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3000, 2))
    z[:, 1] = 0.2 * z[:, 1] + 0.8 * z[:, 0] ** 2
    proposal = Proposal.learnt(z, np.full(3000, 1 / 3000), 2, rng)
    grid = np.stack(np.meshgrid(*[np.linspace(-25, 25, 1501)] * 2), axis=-1).reshape(-1, 2)
    assert np.sum(np.exp(proposal.log_pdf(grid))) * (50 / 1500) ** 2 == pytest.approx(1, abs=0.02)


def test_warps_lead_back():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 4))
    z[:, 2] += z[:, 0] * z[:, 1]
    warp = Warp.learnt(z, np.full(500, 1 / 500))
    np.testing.assert_allclose(warp.bent(warp.straight(z)), z, atol=1e-9)
    assert np.std(warp.straight(z)[:, 1:]) < 1.3


def test_pareto_shapes():
    rng = np.random.default_rng(0)
    for shape in (0.2, 0.5, 1.0):
        weights = (rng.random(20000) ** -shape - 1) / shape
        assert pareto_k(np.log(weights)) == pytest.approx(shape, abs=0.2)
    assert effective_size(np.array([0.0, -np.inf])) == 1.0
    assert pareto_k(np.zeros(5)) == np.inf


def test_equal_weights_follow_the_weights():
    problem = gaussian(2)
    found = run(problem)
    samples, likes = resampled(found, 1)
    assert len(samples) == len(likes) == int(found.n_effective)
    np.testing.assert_allclose(samples.mean(axis=0), moments(found)[0], atol=0.03)
    assert isinstance(fitted(samples, np.full(len(samples), 1 / len(samples)), 1,
                             np.random.default_rng(0)), Mixture)  # fmt: skip
