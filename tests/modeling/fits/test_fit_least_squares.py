from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling import EIC, SSC, Hadronic
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.fitting import fit
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.neutrino_likelihood import NeutrinoFlux
from astroquery_mmdc.modeling.fits.priors import Link, Normal, Uniform
from astroquery_mmdc.modeling.fits.setup import as_problem, template
from tests.modeling.fit_tools import FLUX, HELD, TRUTH, source, synthetic


def values(result):
    return dict(zip(result.parameters["name"], result.parameters["value"], strict=True))


def errors(result):
    return dict(zip(result.parameters["name"], result.parameters["error"], strict=True))


def test_the_truth_is_found():
    result = fit(synthetic(), source(log_B=-1.0), fixed=HELD, systematic=0.0)
    found, error = values(result), errors(result)
    for name in ("log_B", "log_electron_luminosity"):
        assert abs(found[name] - TRUTH[name]) < 4 * error[name]
        assert 0 < error[name] < 0.1
    assert found["log_radius"] == TRUTH["log_radius"]


def test_errors_are_those_of_the_scatter():
    pulls = []
    for seed in range(8):
        result = fit(
            synthetic(seed=seed), source(), fixed=HELD, systematic=0.0, data={"warn": False}
        )
        found, error = values(result), errors(result)
        pulls += [(found[n] - TRUTH[n]) / error[n] for n in ("log_B", "log_electron_luminosity")]
    assert 0.5 < np.std(pulls) < 1.7


def test_all_parameters_from_a_name_alone():
    table = synthetic(error=0.05, count=60)
    result = fit(table, "ssc", z=0.03, systematic=0.0)
    assert set(values(result)) == set(TRUTH)
    assert result.statistics["evaluations"] < 4000


def test_seeds_repeat_and_the_start_of_the_user_counts():
    one = fit(synthetic(), source(), fixed=HELD, seed=3)
    two = fit(synthetic(), source(), fixed=HELD, seed=3)
    assert values(one) == values(two)


def test_a_redshift_is_needed():
    with pytest.raises(InvalidRequestError, match="give z="):
        fit(synthetic(), SSC)
    with pytest.raises(InvalidRequestError, match="has its own already"):
        fit(synthetic(), source(), z=0.5)


def problem(model=None, **choices):
    model = source() if model is None else model
    return as_problem(model, prepare(synthetic(), warn=False), Likelihood(), **choices)


def test_parameters_go_by_all_their_names():
    made = problem(fixed={"B": 0.1 * u.G, "p": 2.2}, priors={"delta": (10, 40)})
    assert made.fixed["log_B"] == pytest.approx(-1)
    assert made.priors["lorentz_factor"] == Uniform(10, 40)
    assert "spectral_index" not in made.priors
    assert problem(fixed=("log_R",)).fixed == {"log_radius": TRUTH["log_radius"]}


def test_links_follow():
    made = problem(links={"log_gamma_min": Link("log_gamma_cut", offset=-2.5)})
    x = np.array([dict(TRUTH, log_gamma_cut=6.0)[name] for name in made.names])
    assert made.model_at(x).parameters["log_gamma_min"] == 3.5
    assert made.links["log_gamma_min"].parameter == "log_gamma_cut"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"fixed": {"log_B": 5.0}}, "outside the range of its prior"),
        ({"fixed": {"log_X": 5.0}}, "no such parameter"),
        ({"fixed": ("B",)}, "write log_B"),
        ({"fixed": tuple(TRUTH)}, "nothing to fit"),
        ({"fixed": ("log_B",), "priors": {"log_B": (-2, 0)}}, "leave one out"),
        ({"links": {"log_B": "log_B"}}, "linked itself"),
        ({"priors": {"log_B": "wide"}}, "give \\(low, high\\)"),
        ({"priors": {"systematic": (0, 1)}}, "no such parameter"),
    ],
)
def test_requests_that_make_no_sense(choices, words):
    with pytest.raises(InvalidRequestError, match=words):
        problem(**choices)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"method": "magic"}, "use one of least-squares"),
        ({"seed": -1}, "no seed"),
        ({"n_effective": 1}, "outside 10"),
        ({"likelihood": "odd"}, "'odd' is unknown"),
        ({"likelihood": Likelihood(), "systematic": 0.2}, "set it there"),
        ({"method": "importance", "processes": 0}, "no number of processes"),
    ],
)
def test_choices_that_make_no_sense(choices, words):
    with pytest.raises(InvalidRequestError, match=words):
        fit(synthetic(), source(), fixed=HELD, **choices)


def test_too_few_points():
    with pytest.raises(InvalidRequestError, match="4 detections for 7 free parameters"):
        fit(synthetic()[5:25:5], source(), data={"warn": False})


def test_the_formula_of_the_service_warns():
    with pytest.warns(InputWarning, match="mean nothing"):
        fit(synthetic(), source(), fixed=HELD, likelihood="mmdc")


def test_a_bound_is_told():
    with pytest.warns(IncompleteResultWarning, match="end of the prior of log_B"):
        result = fit(synthetic(), source(), fixed=HELD, priors={"log_B": (-1.2, 1)})
    assert values(result)["log_B"] == pytest.approx(-1.2, abs=0.01)


def test_a_limit_pushes_as_the_analytic_case_says():
    """One free amplitude, many points and one limit: the optimum solves one equation."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    table = synthetic(count=20, error=0.1)
    held = tuple(name for name in TRUTH if name != "log_electron_luminosity")
    row = len(table) // 2
    flags = np.zeros(len(table), dtype=bool)
    flags[row] = True
    limited = table.copy()
    limited["is_upper_limit"] = flags
    limited["nufnu"][row] *= 0.4
    how = Likelihood(systematic=0.05)
    priors = {"log_electron_luminosity": (43.7, 44.7)}
    made = as_problem(source(), prepare(limited, warn=False), how, fixed=held, priors=priors)
    data = made.data
    sigma = np.hypot(data.sigma_low, 0.05 / np.log(10))

    def slope(power, step=1e-4):
        total = []
        for d in (power - step, power + step):
            away = np.log10(made.flux(np.array([d]))) - data.log_flux
            seen = -0.5 * np.sum((away / sigma)[~data.is_limit] ** 2)
            total.append(seen + np.sum(norm.logcdf(-(away / sigma)[data.is_limit])))
        return total[1] - total[0]

    expected = brentq(slope, 43.9, 44.5)
    found = fit(limited, source(), fixed=held, priors=priors, systematic=0.05, data={"warn": False})
    without = fit(table[~flags], source(), fixed=held, priors=priors, systematic=0.05)
    assert values(found)["log_electron_luminosity"] == pytest.approx(expected, abs=2e-4)
    name = "log_electron_luminosity"
    assert values(found)[name] < values(without)[name] - 0.002


def test_a_gaussian_prior_pulls():
    held = tuple(name for name in TRUTH if name != "log_B")
    free = values(fit(synthetic(), source(), fixed=held))["log_B"]
    prior = {"log_B": Normal(free + 0.1, 0.02)}
    pulled = values(fit(synthetic(), source(), fixed=held, priors=prior))["log_B"]
    assert free + 0.005 < pulled < free + 0.1


def test_noise_parameters_are_found():
    table = synthetic(count=80, error=0.3)
    table["nufnu_err"] = 0.05 * table["nufnu"]
    result = fit(table, source(), fixed=HELD, systematic="free", data={"warn": False})
    assert values(result)["systematic"] == pytest.approx(0.3, rel=0.3)


def test_absorbed_and_corrected_points():
    model = SSC(z=0.5, **TRUTH)
    nu = np.array([1e14, 1e17, 1e23, 3e26])
    table = synthetic()[:4]
    table["nu"] = nu * u.Hz
    table["nufnu"] = model.observed.intrinsic_cgs(nu) * FLUX
    table["nufnu_err"] = 0.1 * table["nufnu"]
    table["catalog"] = ["A", "A", "A", "DEBL"]
    made = as_problem(model, prepare(table, warn=False), Likelihood(), fixed=HELD)
    x = np.array([TRUTH[name] for name in made.names])
    np.testing.assert_allclose(made.misfits(x)[3], 0, atol=1e-6)


def test_eic_ignores_what_the_service_ignores():
    model, _ = template(None, EIC, 0.361, {})
    made = as_problem(model, prepare(synthetic(), warn=False), Likelihood())
    assert len(made.priors) == 9
    assert "log_nu_BLR" not in made.priors
    model, _ = template(None, EIC, 0.361, {"use_frequencies": True})
    assert "log_nu_BLR" in as_problem(model, made.data, Likelihood()).priors


def test_eic_far_from_its_fields_is_as_good_as_ssc():
    """In the service's geometry the fields are never faint: their density does not know L_d."""
    sed = synthetic(count=24)
    ssc = fit(sed, SSC, z=0.03)
    with warnings.catch_warnings():
        # The disk is then as faint as its prior allows.
        warnings.simplefilter("ignore", IncompleteResultWarning)
        far = fit(sed, EIC, z=0.03, distance=1e21 * u.cm)
    assert far.statistics["best_loglike"] > ssc.statistics["best_loglike"] - 1.0


def test_hadronic_with_a_neutrino_flux():
    model = Hadronic(
        z=0.3, log_B=0.0, log_Le=45.0, log_gamma_e_min=1.7, log_gamma_e_cut=4.5,
        log_gamma_p_cut=7.5, log_Lp=48.0, log_R=16.0, lorentz_factor=15.0, pe=2.2, pp=2.0,
    )  # fmt: skip
    nu = np.logspace(12, 24, 20)
    table = synthetic()[:20]
    table["nu"], table["nufnu"] = nu * u.Hz, model.flux_cgs(nu) * FLUX
    table["nufnu_err"] = 0.1 * table["nufnu"]
    energy, flavours = model.observed.neutrinos_cgs()
    total = np.sum(list(flavours.values()), axis=0)
    at = int(np.argmax(total))
    term = NeutrinoFlux(energy[at : at + 1] * u.erg, total[at : at + 1] * FLUX)
    data = prepare(table, warn=False)
    made = as_problem(model, data, Likelihood(neutrinos=term), links={"pp": "pe"})
    x = np.array([model.parameters[name] for name in made.names])
    assert made.misfits(x).shape == (21,)
    assert abs(made.misfits(x)[-1]) < 10
    assert np.isfinite(made.log_likelihood(x))


def test_models_that_cannot_be_are_left_alone():
    made = problem()
    x = np.array([dict(TRUTH, log_gamma_min=5.0, log_gamma_cut=4.0)[name] for name in made.names])
    assert made.log_likelihood(x) == -np.inf
    assert np.all(made.misfits(x) == 1e6)


def test_progress_is_told():
    heard = []
    fit(synthetic(), source(), fixed=HELD, progress=heard.append)
    assert heard[-1].stage == "optimum"
    assert heard[-1].part == 1.0
    assert heard[-1].eta == 0.0


def test_an_interrupt_keeps_the_best_so_far(monkeypatch):
    from astroquery_mmdc.modeling.fits.problem import Problem

    calls, honest = [], Problem.misfits

    def interrupted(self, x):
        calls.append(1)
        if len(calls) == 50:
            raise KeyboardInterrupt
        return honest(self, x)

    monkeypatch.setattr(Problem, "misfits", interrupted)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        result = fit(synthetic(), source(), fixed=HELD)
    assert any("interrupted" in str(one.message) for one in heard)
    assert not result.is_complete
    assert result.parameters is not None


# ---------------------------------------------------------------- sources of no file

SYNTHETIC = {
    # Made up: numbers of the usual size for nearby blazars that peak at high energies.
    "a source like Mrk 501": (
        0.034,
        {
            "log_B": -1.2,
            "log_electron_luminosity": 43.6,
            "log_gamma_cut": 5.9,
            "log_gamma_min": 2.5,
            "log_radius": 16.1,
            "lorentz_factor": 16.0,
            "spectral_index": 2.1,
        },
    ),
    "a source like PKS 2155-304": (
        0.116,
        {
            "log_B": -1.0,
            "log_electron_luminosity": 44.8,
            "log_gamma_cut": 4.9,
            "log_gamma_min": 2.8,
            "log_radius": 16.5,
            "lorentz_factor": 28.0,
            "spectral_index": 2.35,
        },
    ),
}


@pytest.mark.parametrize("name", SYNTHETIC)
def test_blazars_in_none_of_the_files(name):
    """Synthetic sources, all seven parameters free, from the priors alone."""
    redshift, truth = SYNTHETIC[name]
    table = synthetic(SSC(z=redshift, **truth), count=60, error=0.05, seed=4)
    result = fit(table, "ssc", z=redshift, systematic=0.0)
    found, error = values(result), errors(result)
    away = {key: (found[key] - truth[key]) / error[key] for key in truth}
    assert set(found) == set(truth)
    assert max(abs(one) for one in away.values()) < 3, away
    # Errors that are wide enough for anything would prove nothing.
    assert error["log_B"] < 0.5
    assert error["spectral_index"] < 0.1


def test_evaluations_are_enough_to_begin_with():
    with pytest.raises(InvalidRequestError, match="max_evaluations: 500 is too few"):
        fit(synthetic(), source(), method="importance", max_evaluations=500)
