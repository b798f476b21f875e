from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import MODELS
from astroquery_mmdc.modeling.fits.derived import DERIVED, derived_quantities
from astroquery_mmdc.modeling.fits.intervals import constraint
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.priors import Link, LogUniform, Normal, Uniform
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.schema.units import NUFNU
from tests.modeling.made_fits import (
    SSC_FREE,
    SSC_NUMBERS,
    hadronic,
    made_fit,
    ssc,
)

# ---------------------------------------------------------------- parameters


def test_parameters_are_those_of_the_model_in_its_order(result):
    table = result.parameters
    assert table["name"].tolist() == list(MODELS["SSC"])
    assert table["name"][table["is_fixed"]].tolist() == [
        name for name in SSC_NUMBERS if name not in SSC_FREE
    ]
    assert dict(zip(table["name"], table["value"], strict=True)) == pytest.approx(SSC_NUMBERS)
    assert np.all(table["error"][table["is_fixed"]] == 0)
    assert result.free == SSC_FREE


def test_errors_are_those_of_the_posterior(result):
    errors = dict(zip(result.parameters["name"], result.parameters["error"], strict=True))
    for name in SSC_FREE:
        assert errors[name] == pytest.approx(np.std(result.posterior[name], ddof=1))
    assert np.allclose(np.sqrt(np.diag(result.covariance)), [errors[n] for n in SSC_FREE])
    assert result.covariance[0, 1] < 0


def test_without_a_posterior_errors_are_those_of_the_covariance():
    fit = made_fit(n_samples=0, method="least-squares")
    found = FitResult.from_fit(fit)
    assert found.posterior is None
    assert found.log_evidence is None
    assert np.array_equal(found.covariance, fit.covariance)
    row = found.intervals(0.6827)[0]
    sigma = np.sqrt(fit.covariance[0, 0])
    assert row["high"] - row["best"] == pytest.approx(sigma, rel=1e-3)
    # The bands are those of the Gaussian, and the same every time.
    again = FitResult.from_fit(fit)
    assert np.array_equal(found.bands["high95"], again.bands["high95"])


def test_a_parameter_without_a_constraint_has_no_error_and_does_not_vary():
    covariance = np.diag([0.01, np.nan, 1.0, 0.001])
    covariance[1] = covariance[:, 1] = np.nan
    found = FitResult.from_fit(made_fit(n_samples=0, covariance=covariance))
    assert np.isnan(found.parameters["error"][1])
    assert found.intervals()["constraint"].tolist() == [
        "measured",
        "unconstrained",
        "measured",
        "measured",
    ]
    assert np.all(found.ensemble.numbers["log_electron_luminosity"] == 44.0)
    assert "dots" not in found.to_latex()
    assert "unconstrained" in found.to_latex()


def test_a_fit_with_neither_samples_nor_covariance_has_no_bands():
    found = FitResult.from_fit(made_fit(n_samples=0, covariance=None))
    assert found.bands is None
    assert found.derived is None
    assert found.derived_intervals() is None
    assert found.curves == ()
    assert found.goodness.p_value > 0.5


def test_linked_parameters_vary_with_their_leader():
    links = {"log_gamma_min": Link("log_gamma_cut", factor=0.5)}
    free = ("log_B", "log_gamma_cut")
    found = FitResult.from_fit(
        made_fit(ssc(log_gamma_min=2.6), free, links=links, fixed={"log_radius": 16.3})
    )
    assert np.allclose(found.posterior["log_gamma_min"], 0.5 * found.posterior["log_gamma_cut"])
    rows = {row["name"]: row for row in found.parameters}
    assert not rows["log_gamma_min"]["is_fixed"]
    assert rows["log_gamma_min"]["error"] == pytest.approx(0.5 * rows["log_gamma_cut"]["error"])
    assert found.posterior.colnames[:3] == ["log_B", "log_gamma_cut", "log_gamma_min"]
    assert "linked" in found.to_latex()


def test_noise_comes_last_and_is_no_part_of_the_service_form():
    found = FitResult.from_fit(made_fit(likelihood=Likelihood(systematic="free")))
    assert found.parameters["name"][-1] == "systematic"
    assert found.posterior.colnames[-2:] == ["systematic", "log_likelihood"]
    assert len(found.to_json()["equal_weighted_posterior"][0]) == len(SSC_FREE) + 1
    assert "$s$" in found.to_latex()


# ---------------------------------------------------------------- intervals


def test_intervals_are_quantiles(result):
    table = result.intervals(0.9)
    samples = np.asarray(result.posterior["log_B"])
    assert table["low"][0] == pytest.approx(np.quantile(samples, 0.05))
    assert table["high"][0] == pytest.approx(np.quantile(samples, 0.95))
    assert table["median"][0] == pytest.approx(np.median(samples))
    assert set(table["constraint"]) == {"measured"}


@pytest.mark.parametrize("level", [0, 1, 68, True])
def test_a_level_is_a_probability(result, level):
    with pytest.raises(InvalidRequestError, match=r"level: .* use 0.68"):
        result.intervals(level)


@pytest.mark.parametrize("seed", range(5))
def test_limits_are_told_from_measurements(seed):
    rng = np.random.default_rng(seed)
    prior = Uniform(0.0, 10.0)
    assert constraint(rng.normal(5, 0.5, 2000), prior) == "measured"
    assert constraint(np.abs(rng.normal(0, 0.5, 2000)), prior) == "upper limit"
    assert constraint(10 - rng.exponential(1.0, 2000).clip(0, 9), prior) == "lower limit"
    assert constraint(rng.uniform(0, 10, 2000), prior) == "unconstrained"
    # A systematic error is measured as a factor, and its prior is wide.
    wide = LogUniform(0.003, 1.0)
    assert constraint(0.05 * 10 ** rng.normal(0, 0.1, 2000), wide) == "measured"
    assert constraint(0.003 * 10 ** np.abs(rng.normal(0, 0.3, 2000)), wide) == "upper limit"
    # Close to an end and yet turning before it.
    assert constraint(rng.normal(2, 0.5, 2000).clip(0.01), prior) == "measured"
    # A Gaussian prior that comes back is no measurement, either.
    normal = Normal(30, 7.1, 3, 100)
    assert constraint(normal.ppf(rng.random(2000)), normal) == "unconstrained"
    assert constraint(rng.normal(20, 1, 2000), normal) == "measured"


# ---------------------------------------------------------------- derived, bands


def test_derived_quantities_by_hand():
    model = ssc()
    found = derived_quantities(model)
    delta, radius, field = 22.0, 10**16.3 * u.cm, 10**-1.4
    assert found["t_var"].to_value("h") == pytest.approx(
        (radius * 1.031 / (2.99792458e10 * u.cm / u.s * delta)).to_value("h")
    )
    assert found["U_B"].value == pytest.approx(field**2 / (8 * np.pi), rel=1e-6)
    assert found["U_e_over_U_B"].value == pytest.approx((found["U_e"] / found["U_B"]).value)
    beta = np.sqrt(1 - 1 / delta**2)
    through = np.pi * radius.value**2 * delta**2 * beta * 2.99792458e10
    assert found["jet_B"].value == pytest.approx(through * found["U_B"].value, rel=1e-6)
    assert found["jet_power"] == found["jet_B"] + found["jet_e"]
    assert found["compton_dominance"].value == pytest.approx(model.spectrum().compton_dominance)
    sphere = 4 * np.pi * (model.observer.distance * u.cm) ** 2
    nu, flux = model.spectrum().nu.value, model.spectrum().intrinsic.value
    area = np.sum(np.diff(np.log(nu)) * 0.5 * (flux[1:] + flux[:-1])) * NUFNU
    assert found["L_isotropic"].to_value("erg/s") == pytest.approx(
        (sphere * area).to_value("erg/s")
    )
    assert found["L_low"] < found["L_isotropic"]


def test_derived_quantities_have_posteriors(result):
    assert set(result.derived.colnames) <= set(DERIVED)
    assert len(result.derived) == len(result.ensemble) == 300
    # U_B follows from B alone.
    field = 10 ** np.asarray(result.ensemble.numbers["log_B"])
    assert np.allclose(result.derived["U_B"].value, field**2 / (8 * np.pi))
    table = result.derived_intervals()
    row = table[table["name"] == "U_B"][0]
    assert row["low"] < row["median"] < row["high"]
    assert row["unit"] == "erg / cm3"


def test_bands_are_ordered_and_hold_the_best_model(result):
    bands = result.bands
    values = [bands[name].value for name in ("low95", "low68", "median", "high68", "high95")]
    assert np.all(np.diff(values, axis=0) >= 0)
    there = bands["median"].value > 1e-14
    best = result.best.interpolate(bands["nu"]).value[there]
    inside = (best > bands["low95"].value[there]) & (best < bands["high95"].value[there])
    assert inside.mean() > 0.95
    assert len(result.curves) == 100
    assert result.neutrino_bands is None


def test_the_bands_of_a_hadronic_fit_have_neutrinos():
    free = ("log_Lp", "log_B")
    found = FitResult.from_fit(made_fit(hadronic(), free, n_samples=20))
    bands = found.neutrino_bands
    assert bands["energy"].unit == u.eV
    assert np.all(bands["high95"] >= bands["low95"])
    assert "neutrino_flux" in found.derived.colnames
    assert found.derived["jet_p"].unit == u.erg / u.s
    assert len(found.curves[0].neutrino_flux) == len(bands)


def test_draws_that_no_model_allows_are_left_out():
    # The cut-off may not be below the lowest energy, which a Gaussian does not know.
    covariance = np.diag([0.5, 0.5])
    free = ("log_gamma_min", "log_gamma_cut")
    model = ssc(log_gamma_min=4.0, log_gamma_cut=4.5)
    found = FitResult.from_fit(made_fit(model, free, n_samples=0, covariance=covariance))
    numbers = found.ensemble.numbers
    assert 100 < len(numbers) < 300
    assert np.all(numbers["log_gamma_min"] < numbers["log_gamma_cut"])


def test_a_gaussian_at_the_end_of_a_prior_stays_inside():
    model = ssc(log_gamma_min=1.5)
    free = ("log_B", "log_gamma_min")
    covariance = np.diag([1e-4, 1e4])
    found = FitResult.from_fit(made_fit(model, free, n_samples=0, covariance=covariance))
    values = np.asarray(found.ensemble.numbers["log_gamma_min"])
    assert values.min() >= 1.5
    assert values.max() <= 5.0


# ---------------------------------------------------------------- words


def test_repr_says_what_it_is(result):
    assert repr(result) == (
        f"<FitResult: SSC, 4 free parameters, 28 points, best ln L = "
        f"{result.statistics['best_loglike']:.2f}, ln Z = 12.50 ± 0.10, 400 samples>"
    )


def test_facts_are_complete(result):
    facts = result.fit_facts
    assert facts["data_sha256"] == made_fit().data.digest
    assert facts["seed"] == 3
    assert set(facts["priors"]) == set(SSC_FREE)
    assert {"numpy", "astropy", "python", "astroquery_mmdc"} <= set(facts["versions"])
    assert facts["likelihood"]["systematic"] == 0.05
    assert result.priors["lorentz_factor"] == Normal(30, 7.1, 3, 100)
    assert result.statistics["AIC"] == pytest.approx(8 - 2 * result.statistics["best_loglike"])


def test_open_priors_come_back():
    found = FitResult.from_fit(made_fit(likelihood=Likelihood(offsets={"Fermi": 0.1})))
    assert found.priors["offset_Fermi"] == Normal(0.0, 0.1)
    assert json.dumps(found.meta, allow_nan=False)
    assert r"\Delta_\mathrm{Fermi}" in found.to_latex()


def test_an_empty_posterior_table_is_none():
    assert FitResult.from_fit(made_fit(samples=np.empty((0, 4)))).posterior is None


def test_a_table_of_nothing_has_its_columns():
    found = FitResult.from_json({"model_type": "SSC"}, meta={})
    assert isinstance(found.intervals(), QTable)
    assert found.intervals().colnames[0] == "name"
    assert found.covariance is None
    assert found.curves == ()
    assert repr(found) == "<FitResult: SSC, 0 free parameters>"
