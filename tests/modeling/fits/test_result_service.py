from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import MODELS
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.results.result import FitResult
from tests.modeling.made_fits import (
    HADRONIC_NUMBERS,
    SSC_FREE,
    hadronic,
    made_fit,
    made_points,
    ssc,
)

# ---------------------------------------------------------------- comparison


def test_comparison_by_evidence(result):
    other = FitResult.from_fit(made_fit(log_evidence=6.5, log_evidence_err=0.1))
    found = result.compare(other)
    assert found.delta_log_evidence == pytest.approx(6.0)
    assert found.delta_log_evidence_err == pytest.approx(np.hypot(0.1, 0.1))
    assert found.bayes_factor == pytest.approx(np.exp(6.0))
    assert str(found) == (
        "very strong evidence for the first SSC over the second SSC (ln K = 6.00 ± 0.14)"
    )
    assert "for the second SSC" in str(other.compare(result))
    assert found.delta_aic == found.delta_bic == 0.0
    near = FitResult.from_fit(made_fit(log_evidence=12.6))
    assert "equally likely" in str(result.compare(near))


def test_comparison_without_evidence_is_by_aic():
    one = FitResult.from_fit(made_fit(n_samples=0))
    two = FitResult.from_fit(made_fit(free=(*SSC_FREE, "log_radius"), n_samples=0))
    found = one.compare(two)
    assert found.bayes_factor is None
    assert found.delta_aic == pytest.approx(-2.0)
    assert "by AIC, 2.0 in favour of the first SSC" in str(found)


def test_only_fits_of_the_same_data_compare(result):
    other = prepare(made_points(ssc(), seed=9), warn=False)
    with pytest.raises(InvalidRequestError, match="different points"):
        result.compare(FitResult.from_fit(made_fit(data=other)))
    with pytest.raises(InvalidRequestError, match="different likelihoods"):
        result.compare(FitResult.from_fit(made_fit(systematic=0.2)))
    served = FitResult.from_json(result.to_json(), meta={})
    with pytest.raises(InvalidRequestError, match="fit the points here"):
        result.compare(served)


# ---------------------------------------------------------------- the service's JSON


def test_there_and_back_in_the_service_form(result):
    text = json.dumps(result.to_json(), allow_nan=False)
    back = FitResult.from_json(json.loads(text), meta={"a": 1})
    assert back.model_type == "SSC"
    assert back.redshift == 0.031
    assert set(back.parameters["name"]) == set(MODELS["SSC"])
    assert back.posterior.colnames == result.posterior.colnames
    for name in result.posterior.colnames:
        assert np.array_equal(back.posterior[name], result.posterior[name])
    assert back.log_evidence == 12.5
    assert len(back.curves) == 100
    assert np.allclose(back.data["nufnu"], result.data["nufnu"])
    assert np.allclose(back.best.nuFnu, result.best.nuFnu)
    assert back.intervals()["median"].tolist() == result.intervals()["median"].tolist()
    assert back.goodness is None
    there = back.bands["median"].value > 1e-14
    ours = np.interp(back.bands["nu"], result.bands["nu"], result.bands["median"])
    assert np.allclose(back.bands["median"][there] / ours[there], 1, atol=0.2)


def test_the_official_sdk_reads_it(result):
    models = pytest.importorskip("astro_mmdc.models.modeling")
    read = models.BatchResult.model_validate(result.to_json())
    assert read.best_parameters["log_B"].value == -1.4
    assert read.fixed_parameters["log_radius"].value == 16.3


def test_the_service_form_has_no_place_for_given_electrons():
    from astroquery_mmdc.modeling import SSC, BrokenPowerLaw

    electrons = BrokenPowerLaw(k=1e-8 / u.cm**3, p1=2.0, p2=3.5, gamma_break=1e5, gamma_min=500,
                               gamma_max=1e6)  # fmt: skip
    model = SSC(z=0.031, electrons=electrons, B=0.05 * u.G, R=1e16 * u.cm, delta=20)
    found = FitResult.from_fit(made_fit(model, ("log_B", "lorentz_factor")))
    with pytest.raises(InvalidRequestError, match="no place for a model without log_electron"):
        found.to_json()
    assert "0.05" in found.fit_facts["model"] or "-1.3" in found.fit_facts["model"]


def test_curves_of_the_service_on_other_frequencies_are_brought_together():
    def curve(nu):
        return {"nu": nu, "nuFnu": [1e-12] * len(nu)}

    answer = {
        "model_type": "SSC",
        "data": {"0": curve([1e10, 1e12, 1e14]), "1": curve([1e9, 1e15])},
        "best_parameters": {"log_B": {"value": 1.98, "error": 0.1}},
    }
    found = FitResult.from_json(answer, meta={})
    assert np.allclose(found.bands["high95"].value, 1e-12)
    assert found.parameters["at_bound"].tolist() == [True]
    assert found.goodness is None


def test_errors_that_are_not_known_are_0_in_the_service_form():
    covariance = np.diag([0.01, np.nan, 1.0, 0.001])
    found = FitResult.from_fit(made_fit(n_samples=0, covariance=covariance))
    entry = found.to_json()["best_parameters"]["log_electron_luminosity"]
    assert entry == {"value": 44.0, "error": 0.0}
    assert found.to_json()["equal_weighted_posterior"] == []


def test_hadronic_results_in_the_service_form():
    found = FitResult.from_fit(made_fit(hadronic(), ("log_Lp", "log_B"), n_samples=20))
    answer = found.to_json()
    assert len(answer["data"]["best"]["neutrino_energy"]) > 10
    assert len(answer["data"]["0"]["eFe_nu_tot"]) == len(answer["data"]["0"]["neutrino_energy"])
    assert set(answer["fixed_parameters"]) == set(HADRONIC_NUMBERS) - {"log_Lp", "log_B"}
