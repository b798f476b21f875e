from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.fitting import fit, solved
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.setup import as_problem
from astroquery_mmdc.modeling.fits.workers import Evaluator
from tests.modeling.fit_tools import HELD, TRUTH, source, synthetic
from tests.processes import running

FEW = {"fixed": HELD, "n_effective": 300}


def problem():
    return as_problem(source(), prepare(synthetic(), warn=False), Likelihood(), fixed=HELD)


def test_a_posterior_around_the_truth():
    result = fit(synthetic(), source(), method="importance", processes=1, **FEW)
    samples = np.stack([result.posterior[name] for name in ("log_B", "log_electron_luminosity")])
    truth = [TRUTH[name] for name in ("log_B", "log_electron_luminosity")]
    away = (samples.mean(axis=1) - truth) / samples.std(axis=1)
    assert np.all(np.abs(away) < 4)
    assert np.isfinite(result.statistics["logZ"])
    assert 0 < result.statistics["logZ_err"] < 0.2
    # The optimum's errors and the samples' are the same where the posterior is a Gaussian.
    quick = fit(synthetic(), source(), fixed=HELD)
    np.testing.assert_allclose(samples.std(axis=1), quick.parameters["error"][:2], rtol=0.25)


def test_the_evidence_is_the_integral():
    from scipy.integrate import simpson

    held = tuple(name for name in TRUTH if name != "log_B")
    made = as_problem(source(), prepare(synthetic(), warn=False), Likelihood(), fixed=held)
    state = solved(made, method="importance", n_effective=400, processes=1)
    x = np.linspace(-1.8, -1.2, 301)
    logs = made.log_likelihoods(x[:, None])
    low, high = made.priors["log_B"].range
    integral = simpson(np.exp(logs - logs.max()), x=x) / (high - low)
    assert state.log_evidence == pytest.approx(np.log(integral) + logs.max(), abs=0.1)


def test_any_number_of_processes_gives_the_same():
    one = solved(problem(), method="importance", n_effective=200, processes=1)
    two = solved(problem(), method="importance", n_effective=200, processes=2)
    assert np.array_equal(one.samples, two.samples)
    assert one.log_evidence == two.log_evidence


def test_a_killed_process_is_replaced():
    made = problem()
    points = np.repeat(made.from_cube(np.array([[0.3, 0.4]])), 800, axis=0)
    with Evaluator(made, 2) as evaluate:
        evaluate(points[:4])
        victim = next(iter(evaluate._pool._processes))
        killer = threading.Timer(0.05, os.kill, (victim, signal.SIGKILL))
        killer.start()
        with pytest.warns(InputWarning, match="died"):
            values = evaluate(points)
        killer.join()
    assert values.tolist() == [made.log_likelihood(points[0])] * 800


def test_a_checkpoint_is_of_one_fit_and_goes_on(tmp_path):
    path = tmp_path / "fit.npz"
    first = solved(problem(), method="importance", n_effective=200, processes=1, checkpoint=path)
    again = solved(problem(), method="importance", n_effective=200, processes=1, checkpoint=path)
    assert np.array_equal(first.samples, again.samples)
    assert again.evaluations < first.evaluations
    with pytest.raises(InvalidRequestError, match="belongs to another fit"):
        solved(problem(), method="importance", n_effective=200, seed=9, checkpoint=path)


SCRIPT = """
import sys, warnings
sys.path.insert(0, {root!r})
from tests.modeling.fit_tools import HELD, source, synthetic
from astroquery_mmdc.modeling.fits.fitting import fit
if __name__ == "__main__":
    warnings.simplefilter("ignore")
    def tell(step):
        print(step.stage, flush=True)
    result = fit(synthetic(), source(), method="importance", n_effective=100000, fixed=HELD,
                 processes=2, progress=tell)
    print("kept", len(result.posterior), result.meta["fit"]["is_complete"], flush=True)
"""


def test_ctrl_c_returns_what_there_is(python_env, tmp_path):
    root = str(Path(__file__).parents[3])
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=root))
    command = [sys.executable, "-W", "ignore", script]
    with running(command, stdout=subprocess.PIPE, env=python_env) as run:
        for line in run.stdout:
            if line.strip() == "adaptation":
                break
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
        assert run.wait(60) == 0
    kept = [line.split() for line in rest.splitlines() if line.startswith("kept")]
    assert kept[0][2] == "False"
    assert int(kept[0][1]) > 10


UNGUARDED = {
    "one": "fit(synthetic(), source(), method='importance', n_effective=50, fixed=HELD,\n"
    "    processes=2)",
    "many": "fit_many({'a': synthetic(), 'b': synthetic(seed=1)}, source(), fixed=HELD,\n"
    "    processes=2)",
}


@pytest.mark.parametrize("which", UNGUARDED)
def test_a_script_without_a_guard_runs_once(python_env, tmp_path, which):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from tests.modeling.fit_tools import HELD, source, synthetic\n"
        "from astroquery_mmdc.modeling.fits.fitting import fit\n"
        "from astroquery_mmdc.modeling.fits.many_fits import fit_many\n"
        f"print('begun', flush=True)\n{UNGUARDED[which]}\nprint('done')\n"
    )
    command = [sys.executable, "-W", "default", script]
    run = subprocess.run(command, capture_output=True, text=True, env=python_env, check=False)
    assert run.stdout.split() == ["begun", "done"]
    assert f"{script} has no `if __name__ == '__main__':`" in run.stderr


@pytest.mark.slow
def test_the_worthier_of_two_unfinished_posteriors_is_kept():
    """Importance sampling reaches most of what is wanted, nested sampling has hardly begun."""
    pytest.importorskip("nautilus")
    made = as_problem(source(), prepare(synthetic(), warn=False), Likelihood(), fixed=HELD[:3])
    choices = {"n_effective": 20_000, "max_evaluations": 10_000, "processes": 1}
    with (
        pytest.warns(InputWarning, match="nested sampling takes over"),
        pytest.warns(IncompleteResultWarning, match="models, was worth less"),
    ):
        state = solved(made, method="importance", **choices)
    assert not state.is_complete
    assert state.method == "importance"
    assert state.n_effective > 500


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_second_sampler_agrees():
    """Four free parameters of a synthetic source, by importance, nested sampling and walkers."""
    pytest.importorskip("nautilus")
    pytest.importorskip("emcee")
    made = as_problem(source(), prepare(synthetic(), warn=False), Likelihood(), fixed=HELD[:3])
    states = {
        method: solved(made, method=method, n_effective=2000)
        for method in ("importance", "nested", "emcee")
    }
    first, second, third = states.values()
    assert first.log_evidence == pytest.approx(second.log_evidence, abs=0.2)
    spread = first.samples.std(axis=0)
    for other in (second, third):
        moved = (other.samples.mean(axis=0) - first.samples.mean(axis=0)) / spread
        np.testing.assert_allclose(moved, 0, atol=0.15)
        np.testing.assert_allclose(other.samples.std(axis=0) / spread, 1, rtol=0.12)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_simulation_based_calibration():
    """A hundred sources of the prior: ranks of the truth are uniform, intervals cover it.

    Three parameters are free, in ranges of the prior in which the source shines in all bands.
    """
    from scipy.stats import binom, kstest

    free = {"log_B": (-2.0, -1.0), "log_electron_luminosity": (43.5, 45.0)}
    free["spectral_index"] = (2.0, 2.6)
    held = tuple(name for name in TRUTH if name not in free)
    rng = np.random.default_rng(7)
    ranks, inside = [], {0.68: [], 0.95: []}
    for seed in range(100):
        truth = {name: rng.uniform(*ends) for name, ends in free.items()}
        sed = synthetic(source(**truth), count=20, error=0.1, seed=seed)
        made = as_problem(
            source(), prepare(sed, warn=False), Likelihood(systematic=0.0),
            fixed=held, priors=free,
        )  # fmt: skip
        with warnings.catch_warnings():
            # Of a truth near an end of its prior the optimum is often that end.
            warnings.simplefilter("ignore", IncompleteResultWarning)
            state = solved(made, method="importance", n_effective=200, processes=1)
        for index, name in enumerate(state.names):
            samples = state.samples[:, index]
            ranks.append(np.mean(samples < truth[name]))
            for level, found in inside.items():
                tail = 50 * (1 - level)
                low, high = np.percentile(samples, [tail, 100 - tail])
                found.append(low < truth[name] < high)
    assert kstest(ranks, "uniform").pvalue > 0.005
    for level, found in inside.items():
        # Three parameters of one source are not independent: the bounds are those of a hundred.
        low, high = binom.interval(0.997, 100, level)
        assert low / 100 <= np.mean(found) <= high / 100, (level, np.mean(found))
