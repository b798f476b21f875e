"""Models, fits and CSV files at the service."""

from __future__ import annotations

import pytest
from astropy import units as u

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.exceptions import (
    InvalidRequestError,
    ParseError,
    ServiceError,
)
from astroquery_mmdc.modeling import MODELS, check_parameters
from astroquery_mmdc.server import LocalServer
from tests.ssc_parameters import SSC

CSV = "frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e18,2e-11,1e-12\n"
HADRONIC = {name: (p.low + p.high) / 2 for name, p in MODELS["HADRONIC"].items()}


# ---------------------------------------------------------------- models


def test_a_model_spectrum_has_units(modeller):
    spectrum = modeller.run_model("ssc", z=0.031, parameters=SSC, where="service")
    assert spectrum.nu.unit == u.Hz
    assert spectrum.nuFnu[1] == 1e-11 * u.erg / u.s / u.cm**2
    assert spectrum.neutrinos is None
    assert spectrum.meta["mmdc"]["query"]["parameters"]["log_B"] == -1.5


def test_a_hadronic_spectrum_has_neutrinos_and_the_services_spelling(modeller):
    payload = modeller.run_model("HADRONIC", z=1, parameters=HADRONIC, get_query_payload=True)
    assert payload["model_type"] == "hadronic"
    spectrum = modeller.run_model("Hadronic", z=1, parameters=HADRONIC, where="service")
    assert spectrum.neutrinos["flux"].unit == u.erg / u.s / u.cm**2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "SCS"}, "model_type: 'SCS' is no model; use one of SSC, EIC, HADRONIC"),
        ({"parameters": {**SSC, "log_b": 1}}, "parameters: SSC has no 'log_b'; did you mean log_B"),
        ({"parameters": {"log_B": 1}}, "parameters: SSC also needs log_electron_luminosity"),
        ({"parameters": {**SSC, "log_B": 5}}, "log_B: 5.0 is outside -3 to 2"),
        ({"parameters": {**SSC, "log_B": "strong"}}, "log_B: 'strong' is not a number"),
        ({"parameters": {**SSC, "log_B": float("nan")}}, "log_B: nan is not a finite number"),
        ({"z": 0}, "z: 0.0 is outside 0 < z <= 4.99"),
        ({"z": 5}, "z: 5.0 is outside 0 < z <= 4.99; the EBL tables end there, ebl=False allows"),
        ({"z": 11, "ebl": False}, "z: 11.0 is outside 0 < z <= 10"),
        ({"where": "moon"}, "where: 'moon' is not available"),
    ],
)
def test_a_wrong_model_is_said_before_anything_is_sent(modeller, modelling, options, message):
    call = {"model_type": "SSC", "z": 0.03, "parameters": SSC, "where": "service"}
    with pytest.raises(InvalidRequestError, match=message):
        modeller.run_model(**{**call, **options})
    assert not modelling.requests


def test_the_service_agrees_with_our_ranges(modeller):
    """Every model at both ends of its ranges is accepted here and there."""
    for name, parameters in MODELS.items():
        for end in ("low", "high"):
            values = {key: getattr(p, end) for key, p in parameters.items()}
            assert check_parameters(name, values) == values
            assert len(modeller.run_model(name, z=0.5, parameters=values, where="service")) == 3


def test_a_server_without_models_says_so():
    with LocalServer(engine=None) as running, pytest.raises(ServiceError, match="501"):
        MMDCClass(running.url, app="tests").run_model(
            "SSC", z=0.03, parameters=SSC, where="service"
        )


def test_a_spectrum_that_is_none(modeller, faults):
    faults.add("/api/modeling/", status=200, body=b'{"data": {}}')
    with pytest.raises(ParseError, match=r"no spectrum under data\.best"):
        modeller.run_model("SSC", z=0.03, parameters=SSC, where="service")


def test_four_inferences_at_once_and_no_more(modelling, engine):
    """The service allows four; ten handles queue here instead of being refused there."""
    engine.seconds = 0.2
    mmdc = MMDCClass(modelling.url, app="tests")
    call = {"z": 0.03, "parameters": SSC, "where": "service"}
    handles = [mmdc.run_model_async("SSC", **call) for _ in range(10)]
    assert [len(handle.get_data()) for handle in handles] == [3] * 10
    assert len(modelling.requests) == 10


# ---------------------------------------------------------------- lists


def test_lists(mmdc, server):
    assert "MMDCXRT_ORBIT" in mmdc.list_catalogs(holding="observations")["catalog"]
    assert mmdc.list_parameters("EIC")["name"].tolist() == list(MODELS["EIC"])
    assert len(mmdc.list_models()) == 3
    assert mmdc.list_bands()["nu_min"].unit == u.Hz
    with pytest.raises(InvalidRequestError, match="holding: 'x' is unknown"):
        mmdc.list_catalogs(holding="x")
    assert not server.requests
