"""The face of the models: parameters and frequencies that go in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.modeling import EIC, SSC, Hadronic
from tests.modeling.model_sets import EIC_SET, HADRONIC_SET, MRK421, NU, SET, natural, of


def test_natural_quantities_are_the_services_names():
    assert natural().parameters == pytest.approx(of().parameters)
    assert np.allclose(natural()(NU), of()(NU), rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_Bfield": 1}, "log_Bfield: SSC has no such parameter here; did you mean log_B"),
        ({"B": 1 * u.G}, "log_B: B is given too|B: log_B is given too"),
        ({"log_B": math.nan}, "log_B: nan is not a finite number"),
        ({"log_B": 5}, "log_B: 5.0 is outside -3 to 2"),
        ({"log_gamma_min": 5}, "log_gamma_min: 5 is not below log_gamma_cut = 5"),
        ({"z": 0}, "z: 0.0 is outside 0 < z <= 10"),
        ({"z": 5}, "z: 5 is outside 0 < z <= 4.99, where the EBL model finke_2010 ends"),
        ({"z": math.nan}, "z: nan is not a finite number"),
        ({"z": -0.1, "ebl": False}, "z: -0.1 is outside"),
        ({"ebl": "sunshine"}, "ebl: 'sunshine' is unknown; use True, False or one of finke_2010"),
        ({"normalization": "mmcd"}, "normalization: 'mmcd' is unknown; use 'textbook' or 'mmdc'"),
        ({"points_per_decade": 3}, "points_per_decade: 3 is no whole number from 4 to 80"),
        ({"points_per_decade": 10.5}, "points_per_decade: 10.5 is no whole number"),
        ({"t_esc": 0}, "t_esc: 0 is not above 0; it is a time in units of R/c"),
        ({"evolution": -1}, "evolution: -1 is not above 0"),
        ({"evolution": math.nan}, "evolution: nan is not above 0"),
        ({"viewing_angle": 3}, r"viewing_angle: 3 has no unit; write it as 3\*u.deg"),
        ({"viewing_angle": 3 * u.m}, "viewing_angle: 3.0 m is no angle"),
        ({"viewing_angle": 300 * u.deg}, "viewing_angle: 300.0 deg is outside 0 to 180 deg"),
        ({"electrons": 3}, "electrons: 3 is no distribution"),
        ({"electrons": MRK421}, "log_electron_luminosity: SSC has no such parameter here"),
    ],
)
def test_what_is_wrong_is_said(changes, message):
    with pytest.raises(InvalidRequestError, match=message):
        of(**changes)


def test_what_is_missing_is_said():
    message = r"SSC also needs log_B \(or B\), log_gamma_cut \(or gamma_cut\)"
    with pytest.raises(InvalidRequestError, match=message):
        SSC(**{key: value for key, value in SET.items() if key not in ("log_B", "log_gamma_cut")})
    with pytest.raises(TypeError, match="z"):
        SSC(log_B=-1)


def test_no_field_is_an_error_and_not_a_spectrum_of_zeros():
    with pytest.raises(InvalidRequestError, match=r"B: 0 G is not above 0; a run takes 0.001 G"):
        natural(B=0 * u.G)


def test_strict_false_warns():
    with pytest.warns(InputWarning, match="lorentz_factor: 80.0 is outside 3 to 50"):
        model = of(lorentz_factor=80, strict=False)
    assert model.lorentz_factor == 80
    with pytest.raises(InvalidRequestError, match="log_B: nan"):
        of(log_B=math.nan, strict=False)


def test_the_frequencies_of_the_external_fields_may_be_left_out():
    assert EIC(**EIC_SET).parameters["log_nu_BLR"] == 15.393
    assert EIC(**EIC_SET, nu_DT=1e13 * u.Hz).parameters["log_nu_DT"] == pytest.approx(13)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"R_BLR": 1e17}, "R_BLR: 1e.17 has no unit; write it as a Quantity, for example in cm"),
        ({"R_BLR": 1 * u.s}, "R_BLR: .* is not one number in cm"),
        ({"R_BLR": -1 * u.cm}, "R_BLR: -1.0 cm is not above 0"),
        ({"xi_DT": 1.5}, "xi_DT: 1.5 is not between 0 and 1"),
        ({"xi_DT": "much"}, "xi_DT: 'much' is not one number in no unit"),
        ({"geometry": "flat"}, "geometry: 'flat' is unknown; use one of 'simple', 'finke'"),
        ({"cmb": 3}, "cmb: 3 is unknown; use one of True, False"),
    ],
)
def test_a_wrong_geometry(choices, message):
    with pytest.raises(InvalidRequestError, match=message):
        EIC(**EIC_SET, **choices)


def test_an_angle_or_both_factors():
    assert of().doppler_factor == 20
    tilted = of(viewing_angle=5 * u.deg)
    assert tilted.doppler_factor == pytest.approx(10.0, rel=0.02)
    assert np.max(tilted(NU)) < np.max(of()(NU))
    both = {key: value for key, value in SET.items() if key != "lorentz_factor"}
    assert SSC(**both, Gamma=20, delta=25).doppler_factor == pytest.approx(25)
    assert SSC(**both, Gamma=20, delta=25).lorentz_factor == 20
    with pytest.raises(InvalidRequestError, match="delta: viewing_angle is given too"):
        SSC(**both, delta=20, viewing_angle=1 * u.deg)
    with pytest.raises(InvalidRequestError, match="delta: 50 is seen under no angle"):
        SSC(**both, Gamma=20, delta=50)


def test_protons_need_injected_electrons():
    with pytest.raises(InvalidRequestError, match="electrons: Hadronic takes injected electrons"):
        Hadronic(**HADRONIC_SET, electrons=MRK421)
    with pytest.raises(InvalidRequestError, match="evolution: Hadronic is a steady state"):
        Hadronic(**HADRONIC_SET, evolution=3)


@pytest.mark.parametrize(
    ("nu", "message"),
    [
        ([-1.0, 1e15] * u.Hz, "nu: every frequency has to be above 0 and finite"),
        ([0.0, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        ([np.nan, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        ([np.inf, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        (1e15, r"nu: float has no unit; give a Quantity, such as 1e15\*u.Hz"),
        (1 * u.m / u.s, "nu: m / s is a unit neither of frequency, energy nor wavelength"),
    ],
)
def test_no_frequencies(nu, message):
    for call in (of(), of().spectrum):
        with pytest.raises(InvalidRequestError, match=message):
            call(nu)
