"""Names, units and ranges of parameters, in whichever way they are written."""

from __future__ import annotations

import math

import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.modeling import MODELS, check_parameters
from astroquery_mmdc.modeling.inputs import known_names, read_parameters
from astroquery_mmdc.modeling.parameters import check_order
from tests.ssc_parameters import SSC


def read(**given):
    return read_parameters("SSC", given, names=tuple(MODELS["SSC"]))


@pytest.mark.parametrize("model", MODELS)
def test_the_table_is_complete(model):
    for name, one in MODELS[model].items():
        assert one.name == name
        assert one.low < one.high
        assert one.fit_low < one.fit_high
        assert one.description
        assert one.latex
        u.Unit(one.unit)
        assert one.is_log == name.startswith("log_")
        assert (one.fit_mean is None) == (one.fit_sigma is None)


def test_names_of_the_service():
    assert list(MODELS["SSC"]) == list(SSC)
    assert [len(parameters) for parameters in MODELS.values()] == [7, 11, 10]


def test_gaussian_priors():
    assert MODELS["SSC"]["lorentz_factor"].prior == "Gaussian 30 ± 7.1, 3 to 100"
    assert MODELS["EIC"]["lorentz_factor"].prior == "Gaussian 35 ± 8.4, 3 to 100"
    assert MODELS["HADRONIC"]["lorentz_factor"].prior == "uniform, 3.5 to 100"


@pytest.mark.parametrize("model", MODELS)
def test_no_name_means_two_things(model):
    aliases = [alias for one in MODELS[model].values() for alias in one.aliases]
    assert len(aliases) == len(set(aliases))
    assert all(known_names(model)[name] == (one, False) for name, one in MODELS[model].items())


@pytest.mark.parametrize("model", MODELS)
@given(data=st.data())
def test_natural_values_and_numbers_are_the_same(model, data):
    names = tuple(MODELS[model])
    numbers = {name: data.draw(st.floats(one.low, one.high)) for name, one in MODELS[model].items()}
    natural = {
        one.natural_name: one.value(numbers[name]) * u.Unit(one.unit)
        for name, one in MODELS[model].items()
    }
    found = read_parameters(model, natural, names=names)
    assert found.keys() == numbers.keys()
    assert all(math.isclose(found[name], numbers[name], abs_tol=1e-9) for name in names)


def test_units_are_converted():
    found = read(B=3 * u.uT, R=100 * u.AU, L_e=1e37 * u.W, gamma_min=100)
    assert found["log_B"] == pytest.approx(math.log10(0.03))
    assert found["log_radius"] == pytest.approx(math.log10((100 * u.AU).to_value(u.cm)))
    assert found["log_electron_luminosity"] == pytest.approx(44)
    assert found["log_gamma_min"] == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"magnetic": 1}, "magnetic: SSC has no such parameter here"),
        ({"log_b": 1}, "log_b: SSC has no such parameter here; did you mean log_B"),
        ({"B": 0.03}, "B: 0.03 has no unit; write it as a Quantity, for example in G"),
        ({"B": 3 * u.cm}, "B: 3.0 cm is not in a unit of magnetic flux density; use G"),
        ({"log_B": -1.5 * u.G}, "log_B: -1.5 G has a unit, but this is log10 .*; write B=-1.5 G"),
        ({"B": 1 * u.G, "log_B": 0}, "log_B: B is given too and means the same; leave one out"),
        ({"Gamma": 10, "lorentz_factor": 10}, "lorentz_factor: Gamma is given too"),
        ({"B": 0 * u.G}, r"B: 0 G is not above 0; a run takes 0.001 G to 100 G \(log_B -3 to 2\)"),
        ({"B": -1 * u.G}, "B: -1 G is not above 0"),
        ({"B": math.nan * u.G}, "B: nan G is not above 0"),
        ({"B": 200 * u.G}, r"B: 200 G is outside 0.001 G to 100 G \(log_B -3 to 2\)"),
        ({"log_B": 5}, "log_B: 5.0 is outside -3 to 2"),
        ({"delta": 60}, "lorentz_factor: 60.0 is outside 3 to 50"),
        ({"B": [1, 2] * u.G}, r"B: .* is not one number"),
        ({"log_B": math.inf}, "log_B: inf is not a finite number"),
        ({"log_B": None}, "log_B: None is not a number"),
        ({"spectral_index": 1.0 * u.s}, "spectral_index: 1.0 s has a unit"),
    ],
)
def test_what_is_wrong_is_said(given, message):
    with pytest.raises(InvalidRequestError, match=message):
        read(**given)


def test_out_of_range_warns_where_that_is_wanted():
    with pytest.warns(InputWarning, match="log_B: 5.0 is outside -3 to 2"):
        found = check_parameters("SSC", {**SSC, "log_B": 5}, strict=False)
    assert found["log_B"] == 5
    with pytest.warns(InputWarning, match="log_B"):
        read_parameters("SSC", {"B": 1e5 * u.G}, names=("log_B",), strict=False)


def test_a_cut_off_below_the_lowest_energy():
    with pytest.raises(InvalidRequestError, match="log_gamma_min: 5 is not below log_gamma_cut"):
        check_parameters("SSC", {**SSC, "log_gamma_min": 5})
    check_order({"log_B": 1})


def test_other_names_of_logarithms():
    assert read(log_R=16)["log_radius"] == 16
    assert read(log_L_e=44)["log_electron_luminosity"] == 44
