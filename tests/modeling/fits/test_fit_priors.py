from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.priors import (
    Link,
    LogUniform,
    Normal,
    Tabulated,
    Uniform,
    as_prior,
    default_prior,
    prior_from_dict,
)
from astroquery_mmdc.modeling.parameters import MODELS

PRIORS = [
    Uniform(-3, 2),
    LogUniform(0.01, 5),
    Normal(30, 7.1, 3, 100),
    Normal(0, 0.1),
    Normal(0, 1, -0.5, 4),
    Tabulated((0, 1, 2, 4), (0, 3, 1, 0)),
    Tabulated((0, 1), (1, 1)),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@given(part=st.floats(1e-6, 1 - 1e-6))
def test_quantiles_and_probabilities_are_inverse(prior, part):
    assert float(prior.cdf(prior.ppf(np.float64(part)))) == pytest.approx(part, abs=1e-7)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_densities_are_slopes_of_the_probability(prior):
    x = prior.ppf(np.linspace(0.05, 0.95, 7))
    step = 1e-6 * (prior.range[1] - prior.range[0])
    slope = (prior.cdf(x + step) - prior.cdf(x - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(prior.log_pdf(x)), slope, rtol=1e-4)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_nothing_outside_and_most_at_the_peak(prior):
    low, high = prior.range
    inside = prior.log_pdf(np.linspace(low, high, 101))
    assert float(prior.log_pdf(np.float64(prior.peak))) >= np.max(inside) - 1e-12
    assert prior.log_pdf(np.float64(high + 100 * (high - low))) < -700


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_records_lead_back(prior):
    record = prior.as_dict()
    assert all(not (isinstance(v, float) and math.isinf(v)) for v in record.values())
    assert prior_from_dict(record) == prior


def test_defaults_are_those_of_the_service():
    for model, parameters in MODELS.items():
        for name, parameter in parameters.items():
            assert default_prior(model, name).range == (parameter.fit_low, parameter.fit_high)
    assert isinstance(default_prior("EIC", "lorentz_factor"), Normal)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Uniform(2, 1), "low has to be below high"),
        (lambda: LogUniform(0, 1), "not above 0"),
        (lambda: Normal(0, 0), "sigma is above 0"),
        (lambda: Tabulated((0, 1), (0, 0)), "one of them above 0"),
        (lambda: Tabulated((1, 0), (1, 1)), "rising values"),
        (lambda: as_prior("x", name="log_B"), "log_B has 'x'"),
        (lambda: prior_from_dict({"kind": "odd"}), "no kind of prior"),
    ],
)
def test_priors_that_make_no_sense(make, words):
    with pytest.raises(InvalidRequestError, match=words):
        make()


def test_links_are_straight_lines():
    assert Link("a", 2.0, 1.0).value({"a": 3.0}) == 7.0
    assert as_prior((0, 1), name="a") == Uniform(0, 1)
