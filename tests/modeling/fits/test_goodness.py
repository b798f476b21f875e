from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.modeling.fits.data import FitData, prepare
from astroquery_mmdc.modeling.fits.goodness import pulls
from astroquery_mmdc.modeling.fits.likelihood import Comparison, Likelihood
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.schema.units import NUFNU
from tests.modeling.made_fits import (
    SSC_FREE,
    SSC_NUMBERS,
    made_fit,
    made_points,
    ssc,
)


def test_pulls_are_those_of_the_likelihood():
    data = prepare(made_points(ssc()), warn=False)
    flux = 1.2 * ssc().flux_cgs(data.nu)
    for likelihood in (
        Likelihood(systematic=0.1),
        Likelihood(systematic="free"),
        Likelihood(offsets={"Fermi": 0.1}),
    ):
        noise = {"systematic": 0.2, "offset_Fermi": 0.05}
        pull, sigma = pulls(data, likelihood, flux, noise)
        terms = Comparison(data, likelihood).terms(flux, noise).log_likelihood
        found = ~data.is_limit
        by_hand = -0.5 * pull**2 - np.log(sigma * np.sqrt(2 * np.pi))
        assert np.allclose(terms[found], by_hand[found])


def test_asymmetric_errors_count_on_their_own_side():
    table = made_points(ssc(), limits=0)
    table["nufnu_errn"] = 0.5 * table["nufnu_err"]
    table["nufnu_errp"] = 2.0 * table["nufnu_err"]
    data = prepare(table, warn=False)
    likelihood = Likelihood(systematic=0.0)
    above, low = pulls(data, likelihood, 0.9 * data.flux, {})
    below, high = pulls(data, likelihood, 1.1 * data.flux, {})
    assert np.all(above > 0)
    assert np.all(below < 0)
    assert np.allclose(high, 4 * low)


def test_the_points_carry_their_residuals(result):
    data = result.data
    assert np.allclose(data["residual"], data["pull"] * data["sigma"])
    expected = np.log10((data["nufnu"] / data["model"]).value)
    assert np.allclose(data["residual"], expected)
    assert isinstance(FitData.from_table(data), FitData)


def test_points_free_of_the_ebl_are_compared_before_it():
    table = made_points(ssc(), limits=0)
    table["corrections"] = ["ebl"] * len(table)
    found = FitResult.from_fit(made_fit(data=prepare(table, warn=False)))
    last = found.data[-1]
    whole = found.best
    before = np.interp(
        np.log(last["nu"].value), np.log(whole.nu.value), whole.intrinsic.to_value(NUFNU)
    )
    assert last["model"].value == pytest.approx(before, rel=0.02)
    assert found.ensemble.at_data[:, -1].mean() == pytest.approx(before, rel=0.5)


def test_a_good_fit_and_a_bad_one():
    tight = dict.fromkeys(range(4), 1e-6)
    covariance = np.diag(list(tight.values()))
    good = FitResult.from_fit(made_fit(n_samples=0, covariance=covariance)).goodness
    assert 0.05 < good.p_value < 1
    assert good.dof == good.n_detections - 4 == 22
    assert good.limits_exceeded == 0
    table = made_points(ssc(), seed=2)
    table["nufnu"][5] *= 30
    table["nufnu_err"][5] *= 30
    bad = FitResult.from_fit(
        made_fit(n_samples=0, covariance=covariance, data=prepare(table, warn=False))
    )
    assert bad.goodness.p_value < 1e-6
    assert bad.goodness.chi_square > 100
    text = " ".join(bad.caveats)
    assert "does not describe" in text
    assert "1 of 28 points is more than 3 sigma" in text
    assert "curvature" not in text


def test_p_values_of_true_models_are_uniform_enough():
    """Data that the model made are as likely on either side of the middle."""
    truth = np.tile([SSC_NUMBERS[name] for name in SSC_FREE], (2, 1))
    found = [
        FitResult.from_fit(
            made_fit(
                samples=truth,
                sample_log_likelihood=None,
                systematic=0.0,
                data=prepare(made_points(ssc(), seed=seed), warn=False),
            )
        ).goodness.p_value
        for seed in range(25)
    ]
    assert 5 <= np.sum(np.array(found) > 0.5) <= 20
    assert min(found) > 1e-3


def test_outliers_are_expected_by_a_likelihood_that_knows_them():
    table = made_points(ssc(), seed=2)
    table["nufnu"][[5, 9]] *= 5
    data = prepare(table, warn=False)
    plain, mixed = (
        FitResult.from_fit(made_fit(data=data, n_samples=50, likelihood=one)).goodness.p_value
        for one in (Likelihood(), Likelihood(outliers=0.1))
    )
    assert mixed > plain


def test_limits_that_are_exceeded_are_counted():
    table = made_points(ssc())
    table["nufnu"][0] /= 30
    found = FitResult.from_fit(made_fit(data=prepare(table, warn=False)))
    assert found.goodness.limits_exceeded == 1
    assert any("exceeds 1 of 2 upper limits" in text for text in found.caveats)


# ---------------------------------------------------------------- caveats


def test_caveats_name_what_limits_the_result():
    found = FitResult.from_fit(
        made_fit(
            is_complete=False,
            n_effective=150.0,
            at_bound=("log_B",),
            warnings=("something odd",),
            method="least-squares",
        )
    )
    text = "\n".join(found.caveats)
    for words in ("interrupted", "150 independent", "log_B", "something odd", "curvature", "5 %"):
        assert words in text
    assert found.warnings == ("something odd",)
    free = FitResult.from_fit(made_fit(likelihood=Likelihood(systematic="free")))
    assert any("systematic error is fitted (5 %" in one for one in free.caveats)
    service = FitResult.from_fit(made_fit(likelihood=Likelihood(kind="mmdc")))
    assert service.caveats[0].startswith("The likelihood is the service's")
