from __future__ import annotations

import json

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Angle
from astropy.table import Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda import UnknownParameterWarning
from astroquery_mmdc.mmoda.description import Description, Parameter, Query, read_description
from astroquery_mmdc.mmoda.parameters import build_request
from astroquery_mmdc.net import Job

PARAMETERS = (
    Parameter("RA", "deg", 0.0, "source"),
    Parameter("T1", "isot", None, "source"),
    Parameter("T2", "isot", None, "source"),
    Parameter("E1_keV", "keV", 15.0),
    Parameter("time_bin", "sec", 1000.0),
    Parameter("osa_version", "str", None),
    Parameter("integral_data_rights", "str", "public"),
    Parameter("bounded", None, 5, minimum=2, maximum=8),
    Parameter("bounded_time", "s", 5, minimum=2.5),
    Parameter("choice", "str", "spam", choices=("spam", "eggs")),
    Parameter("maybe", None, 5.0, is_optional=True),
    Parameter("empty", None, None, is_optional=True),
    Parameter("struct", None, {}),
)
KNOWN = Description("i", ("p",), (Query("q", "p", "product", PARAMETERS),))


def _request(job=None, *, strict=False, **given):
    job = job or Job()
    request = build_request("i", "p", "Real", given, description=KNOWN, job=job, strict=strict)
    job.emit_warnings()
    return request


def _wire(**given):
    return _request(**given).parameters


def test_a18_texts_and_numbers_are_sent_as_they_are():
    assert _wire(RA="257.815417")["RA"] == "257.815417"
    assert _wire(RA=257.815417)["RA"] == "257.815417"
    assert _wire(bounded="5")["bounded"] == "5"
    assert _wire(bounded=np.int64(5))["bounded"] == "5"
    assert _wire(T1="58195.455", T_format="mjd") == {"T1": "58195.455", "T_format": "mjd"}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a18_no_digit_of_a_number_is_lost(value):
    assert float(_wire(RA=value)["RA"]) == value
    assert float(_wire(RA=value * u.deg)["RA"]) == value


def test_units_are_converted():
    assert float(_wire(RA=Angle("5h34m31.94s"))["RA"]) == pytest.approx(83.633083)
    assert _wire(E1_keV=30 * u.keV)["E1_keV"] == "30.0"
    assert float(_wire(E1_keV=0.03 * u.MeV)["E1_keV"]) == pytest.approx(30)
    assert float(_wire(time_bin=1 * u.hour)["time_bin"]) == pytest.approx(3600)
    with pytest.raises(InvalidRequestError, match=r"time_bin: 3\.0 deg is not in a unit like s"):
        _wire(time_bin=3 * u.deg)
    with pytest.raises(InvalidRequestError, match="has no unit there; give a number"):
        _wire(bounded=3 * u.m)


def test_times_are_written_exactly():
    moment = Time("2018-03-16T10:55:12.123456789", scale="utc")
    assert _wire(T1=moment) == {"T1": "2018-03-16T10:55:12.123456789", "T_format": "isot"}
    assert _wire(T1=Time(58193, format="mjd"))["T1"] == "2018-03-16T00:00:00.000"
    given = _wire(T1=moment, T_format="mjd")
    assert float(given["T1"]) == moment.mjd
    assert _wire(T1=moment.tdb)["T1"] == moment.isot[:-3] + "123456789"
    with pytest.raises(InvalidRequestError, match="T_format: 'unix'"):
        _wire(T1=moment, T_format="unix")
    with pytest.raises(InvalidRequestError, match="2 times were given"):
        _wire(T1=Time([1, 2], format="mjd"))


def test_a19_none_is_left_out_or_said():
    assert _wire(osa_version=None, empty=None, user_catalog_file=None) == {}
    assert _wire(maybe=None) == {"maybe": "\x00"}


def test_a20_an_unknown_parameter_is_warned_about():
    with pytest.warns(UserWarning, match=r"time_bim: .*did you mean 'time_bin'.*Valid.*E1_keV"):
        request = _request(time_bim=3)
    assert request.parameters == {"time_bim": "3"}
    assert issubclass(UnknownParameterWarning, UserWarning)


def test_a21_in_strict_mode_it_is_an_error():
    with pytest.raises(InvalidRequestError, match="time_bim: no parameter of p") as caught:
        _request(time_bim=3, strict=True)
    assert caught.value.parameter == "time_bim"


def test_ranges_and_choices_are_checked_here():
    assert _wire(bounded=2)["bounded"] == "2"
    for value in (1, 9, "9", float("nan")):
        with pytest.raises(InvalidRequestError, match="has to be at least 2 and at most 8"):
            _wire(bounded=value)
    with pytest.raises(InvalidRequestError, match=r"at least 2\.5 s$"):
        _wire(bounded_time=2000 * u.ms)
    with pytest.raises(InvalidRequestError, match="is no number"):
        _wire(bounded="many")
    with pytest.raises(InvalidRequestError, match="choice: 'ham' is none of spam, eggs"):
        _wire(choice="ham")


def test_a37_rights_are_passed_on():
    assert _wire(integral_data_rights="all-private") == {"integral_data_rights": "all-private"}


def test_lists_dicts_and_catalogues():
    assert json.loads(_wire(struct={"a": [1, 2]})["struct"]) == {"a": [1, 2]}
    assert json.loads(_wire(selected_catalog={"cat_frame": "fk5"})["selected_catalog"])
    assert _wire(selected_catalog='{"a": 1}')["selected_catalog"] == '{"a": 1}'
    sent = _wire(scw_list=["1.001", "2.001"])
    assert sent == {"scw_list": ["1.001", "2.001"], "use_scws": "form_list"}
    assert _wire(struct=True)["struct"] == "True"
    with pytest.raises(InvalidRequestError, match="struct: a object cannot be sent"):
        _wire(struct=object())


def test_files_are_uploaded(tmp_path):
    path = tmp_path / "sources.fits"
    path.write_bytes(b"FITS")
    assert _request(user_catalog_file=path).files == {
        "user_catalog_file": ("sources.fits", b"FITS")
    }
    assert _request(user_catalog_file=str(path)).files["user_catalog_file"][1] == b"FITS"
    request = _request(user_scw_list_file=b"1.001\n")
    assert request.parameters == {"use_scws": "user_file"}
    table = _request(user_catalog_file=Table({"ra": [1.0]})).files["user_catalog_file"]
    assert table[0].endswith(".ecsv")
    assert b"%ECSV" in table[1]
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        _request(user_catalog_file=tmp_path / "none")


def test_an_unknown_product_is_found_here():
    with pytest.raises(InvalidRequestError, match=r"did you mean 'p'\? It has p"):
        build_request("i", "pp", "Real", {}, description=KNOWN, job=Job())


def test_without_a_description_nothing_is_checked():
    given = {"what": 3, "RA": 5 * u.deg}
    request = build_request("i", "x", "Real", given, description=None, job=Job())
    assert request.parameters == {"what": "3", "RA": "5.0"}


def test_a34_descriptions_of_both_generations(recorded):
    body = recorded("03b_product_description_localtest")["exchanges"][0]["response"]["json"]
    description = read_description(body)
    assert {"localtest_lc", "localtest_spectrum"} < set(description.products)
    lines = description.text("localtest_lc").splitlines()
    for line in (
        "query_name: src_query",
        " name: RA,  value: 265.97845833,  units: deg,",
        "query_name: localtest_parameters",
        "query_name: localtest_lc_query",
        " product_name: localtest_lc",
        " name: n,  value: 10,  units: None,",
    ):
        assert line in lines
    table = description.table("localtest_lc")
    assert table.colnames[1:7] == ["name", "unit", "default", "range", "choices", "role"]
    row = table[list(table["name"]).index("wait_s")]
    assert (row["unit"], row["default"], row["role"]) == ("s", "0.0", "product")


def test_restrictions_are_shown_and_known(shared):
    folder = shared / "data" / "mmoda" / "newest_server"
    scenario = json.loads((folder / "02_instrument_description_empty.json").read_text())
    description = read_description(scenario["exchanges"][0]["response"]["json"])
    known = description.parameters("restricted")
    assert (known["bounded_int_par"].minimum, known["bounded_int_par"].maximum) == (2, 8)
    assert known["string_select_par"].choices == ("spam", "eggs", "ham")
    table = description.table("restricted")
    row = table[list(table["name"]).index("bounded_float_par")]
    assert row["range"] == "2.2 to 7.7"
    assert row["optional"] == "no"
