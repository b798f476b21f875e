from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from scipy.stats import norm, poisson

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import Hadronic
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.likelihood import Comparison, Likelihood
from astroquery_mmdc.modeling.fits.neutrino_likelihood import (
    EffectiveArea,
    NeutrinoCounts,
    NeutrinoFlux,
)
from tests.modeling.fit_tools import FLUX

LN10 = math.log(10)
NU = np.array([1e14, 1e15, 1e17, 1e23])


def points(limit=(False,) * 4, **columns):
    flux = np.full(4, 1e-11) * FLUX
    table = QTable({"nu": NU * u.Hz, "nufnu": flux, "nufnu_err": 0.1 * flux})
    table["is_upper_limit"] = limit
    for name, values in columns.items():
        table[name] = values
    return prepare(table, warn=False)


def value(data, likelihood, flux, **noise):
    return float(np.sum(Comparison(data, likelihood).terms(flux, noise).log_likelihood))


def test_a_gaussian_in_log_flux():
    flux = np.array([1e-11, 2e-11, 0.7e-11, 1e-11])
    sigma = math.hypot(0.1, 0.2) / LN10
    expected = norm.logpdf(np.log10(flux / 1e-11), scale=sigma).sum()
    assert value(points(), Likelihood(systematic=0.2), flux) == pytest.approx(expected)
    terms = Comparison(points(), Likelihood(systematic=0.2)).terms(flux, {})
    np.testing.assert_allclose(terms.residuals, np.log10(flux / 1e-11) / sigma)


def test_a_limit_is_the_probability_to_be_below():
    data = points(limit=[False, False, False, True])
    sigma = math.hypot(0.1, 0.1) / LN10
    flux = np.full(4, 1e-11) * [1, 1, 1, 3]
    expected = 3 * norm.logpdf(0, scale=sigma) + norm.logcdf(-math.log10(3) / sigma)
    assert value(data, Likelihood(), flux) == pytest.approx(expected)
    low = flux * [1, 1, 1, 1e-4]
    assert value(data, Likelihood(), low) == pytest.approx(3 * norm.logpdf(0, scale=sigma))


def test_the_errors_differ_by_side():
    data = points(nufnu_errn=np.full(4, 1e-12) * FLUX, nufnu_errp=np.full(4, 4e-12) * FLUX)
    up, down = (value(data, Likelihood(systematic=0.0), 1e-11 * f * np.ones(4)) for f in (2, 0.5))
    assert up - down == pytest.approx(2 * (math.log10(2) * LN10) ** 2 * (100 - 100 / 16))


def test_outliers_have_wide_wings():
    how = Likelihood(outliers="free", outlier_width=0.5)
    flux = np.array([1e-11, 1e-11, 1e-11, 1e-9])
    sigma = math.hypot(0.1, 0.1) / LN10
    wide = math.hypot(sigma, 0.5)
    distance = np.array([0, 0, 0, 2.0])
    expected = np.log(
        0.9 * norm.pdf(distance, scale=sigma) + 0.1 * norm.pdf(distance, scale=wide)
    ).sum()
    assert value(points(), how, flux, outlier_fraction=0.1) == pytest.approx(expected)
    assert value(points(), how, flux, outlier_fraction=0.0) < -400


def test_a_free_systematic_error_and_offsets():
    data = points(catalog=["A", "A", "B", "B"])
    how = Likelihood(systematic="free", offsets={"B": 0.05})
    assert list(how.priors()) == ["systematic", "offset_B"]
    sigma = math.hypot(0.1, 0.3) / LN10
    expected = norm.logpdf([0, 0, 0.1, 0.1], scale=sigma).sum()
    found = value(data, how, np.full(4, 1e-11), systematic=0.3, offset_B=0.1)
    assert found == pytest.approx(expected)


def test_residuals_make_up_the_likelihood_whatever_the_terms():
    data = points(limit=[False, False, False, True], catalog=["A", "A", "B", "B"])
    how = Likelihood(systematic="free", outliers="free", offsets={"B": 0.05})
    compared, rng = Comparison(data, how), np.random.default_rng(0)
    totals = []
    for _ in range(20):
        noise = {"systematic": rng.uniform(0.01, 1), "outlier_fraction": rng.uniform(0, 0.5)}
        noise["offset_B"] = rng.normal(0, 0.05)
        terms = compared.terms(1e-11 * 10 ** rng.normal(0, 0.3, 4), noise)
        totals.append(np.sum(terms.log_likelihood) + 0.5 * np.sum(terms.residuals**2))
    np.testing.assert_allclose(totals, totals[0])


def test_a_systematic_error_of_the_point_comes_first():
    data = points(systematic=[0.5, np.nan, np.nan, np.nan])
    flux = np.array([2e-11, 1e-11, 1e-11, 1e-11])
    sigma = math.hypot(0.1, 0.5) / LN10
    found = Comparison(data, Likelihood()).terms(flux, {}).residuals
    assert found[0] == pytest.approx(math.log10(2) / sigma)


def test_the_formula_of_the_service():
    data = points(limit=[False, False, False, True])
    flux = np.array([2e-11, 1e-11, 0.5e-11, 1e-9])
    sigma = 0.1 / LN10
    expected = -0.5 * np.sum(np.log10([2, 1, 0.5]) ** 2) / sigma
    assert value(data, Likelihood(kind="mmdc"), flux) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"kind": "other"}, "use 'gaussian' or 'mmdc'"),
        ({"systematic": -1}, "systematic: -1"),
        ({"outliers": 0.9}, "a part of the points"),
        ({"kind": "mmdc", "outliers": "free"}, "knows neither"),
        ({"offsets": {"A": -1}}, "offsets: A"),
    ],
)
def test_choices_that_make_no_sense(choices, words):
    with pytest.raises(InvalidRequestError, match=words):
        Likelihood(**choices)


def test_an_offset_needs_points():
    with pytest.raises(InvalidRequestError, match="no point is of 'XRT'"):
        Comparison(points(), Likelihood(offsets={"XRT": 0.1}))


# ---------------------------------------------------------------- neutrinos


ENERGY = np.logspace(0, 6, 200)  # erg


def power_law(level=1e-11):
    return {"numu": np.full(200, level), "nue": np.full(200, level / 2)}


def flat_area(level=1e6):
    return EffectiveArea(
        np.logspace(0, 4, 41), np.array([-90.0, 0.0, 90.0]),
        np.vstack([np.zeros(40), np.full(40, level)]), "made up for a test",
    )  # fmt: skip


def test_expected_counts_are_the_integral_by_hand():
    counts = NeutrinoCounts(3, 2 * u.yr, 10 * u.deg, flat_area(), background=0.5)
    # E F_E flat: phi = K / E^2, so that A T K (1/E1 - 1/E2) a third of all flavours.
    level, erg = 1.5e-11 / 3, 1.602176634
    by_hand = 1e6 * 2 * 365.25 * 86400 * level / erg * (1 - 1e-4)
    mean = counts.expected(ENERGY, power_law())
    assert mean == pytest.approx(by_hand + 0.5, rel=1e-3)
    assert counts.log_likelihood(ENERGY, power_law()) == pytest.approx(poisson.logpmf(3, mean))
    assert NeutrinoCounts(1, 1 * u.yr, -10 * u.deg, flat_area()).expected(ENERGY, power_law()) == 0


def test_residuals_of_counts_make_up_their_likelihood():
    counts = NeutrinoCounts(3, 2 * u.yr, 10 * u.deg, flat_area())
    totals = [
        counts.log_likelihood(ENERGY, power_law(k))
        + 0.5 * counts.residuals(ENERGY, power_law(k))[0] ** 2
        for k in (1e-13, 1e-12, 1e-11)
    ]
    np.testing.assert_allclose(totals, totals[0])


def test_a_flux_at_two_energies():
    term = NeutrinoFlux.at((10, 1000), math.log10(1.2e-11))
    pulls = term.residuals(ENERGY, power_law())
    np.testing.assert_allclose(pulls, (1.5 / 1.2 - 1) / 0.1, rtol=1e-6)
    assert term.log_likelihood(ENERGY, power_law()) == pytest.approx(-0.5 * np.sum(pulls**2))
    np.testing.assert_allclose(term.residuals(np.empty(0), {}), -10)


def test_tables_of_both_public_forms_are_read(tmp_path):
    one, other = tmp_path / "degrees.txt", tmp_path / "cosines.txt"
    rows = ["# Release of a test"]
    zenith = ["# Release of a test"]
    for low, high, area in ((2, 2.2, 1e4), (2.2, 2.4, 2e4)):
        for dec in ((-90, 0), (0, 90)):
            size = area * (1 if dec[0] < 0 else 3)
            rows.append(f"{low} {high} {dec[0]} {dec[1]} {size}")
            cosines = sorted(-math.sin(math.radians(d)) for d in dec)
            zenith.append(f"{10**low} {10**high} {cosines[0]} {cosines[1]} {size / 1e4}")
    one.write_text("\n".join(rows))
    other.write_text("\n".join(zenith))
    first, second = EffectiveArea.read(one), EffectiveArea.read(other, source="mine")
    np.testing.assert_allclose(first.area, second.area)
    np.testing.assert_allclose(first.energy, second.energy, rtol=1e-3)
    np.testing.assert_allclose(first.at(20.0), [3e4, 6e4])
    assert (first.source, second.source) == ("Release of a test", "mine")
    # The names of columns, with which releases begin, are no source.
    names = (
        "#  log10(E_nu/GeV)_min  log10(E_nu/GeV)_max  Dec_nu_min[deg]  Dec_nu_max[deg]  A_Eff[cm^2]"
    )
    one.write_text("\n".join([names, *rows[1:]]))
    with pytest.raises(InvalidRequestError, match="say which publication"):
        EffectiveArea.read(one)
    assert EffectiveArea.read(one, source="arXiv:1").source == "arXiv:1"
    one.write_text("nothing")
    with pytest.raises(InvalidRequestError, match="no table of an effective area"):
        EffectiveArea.read(one)


def test_neutrino_terms_that_make_no_sense():
    with pytest.raises(InvalidRequestError, match="say which publication"):
        EffectiveArea(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.ones((1, 1)), " ")
    with pytest.raises(InvalidRequestError, match="no Quantity in d"):
        NeutrinoCounts(1, 3, 10 * u.deg, flat_area())
    with pytest.raises(InvalidRequestError, match="no number of events"):
        NeutrinoCounts(-1, 3 * u.d, 10 * u.deg, flat_area())
    with pytest.raises(InvalidRequestError, match="above 0"):
        NeutrinoFlux.at((10, 0), -11)
    with pytest.raises(InvalidRequestError, match="as Quantities"):
        NeutrinoFlux([1, 2], 1e-11)


def test_the_neutrinos_of_a_model_are_used():
    model = Hadronic(
        z=0.3, log_B=0.0, log_Le=45.0, log_gamma_e_min=1.7, log_gamma_e_cut=4.5,
        log_gamma_p_cut=7.5, log_Lp=49.0, log_R=16.0, lorentz_factor=15.0, pe=2.2, pp=2.0,
    )  # fmt: skip
    energy, flavours = model.observed.neutrinos_cgs()
    counts = NeutrinoCounts.in_months(1, 12, 5 * u.deg, flat_area())
    assert counts.expected(energy, flavours) > 0
    assert counts.as_dict()["effective_area"] == "made up for a test"
