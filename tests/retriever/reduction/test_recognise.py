from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.reduction.recognise import column_map, mapped_filters, time_info_of


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Exp_Time", "exptime"),
        ("RA", "ra"),
        ("magerr", "mag_err"),
        ("mag_err", "mag_err"),
        ("Flux Error", "flux_err"),
        ("counts", "flux"),
        ("filtercode", "filter"),
        ("filt", "filter"),
        ("catflags", "flag"),
        ("QUALITY", "flag"),
        ("flux, e-/s", "flux"),
    ],
)
def test_columns_are_found_under_the_names_of_surveys(name, meaning):
    assert column_map(("other", name)) == {meaning: name}


def test_given_names_come_first_and_none_hides_a_column():
    names = ("mag", "flux", "psfFlux")
    assert column_map(names, {"flux": "psfFlux", "mag": None}) == {"flux": "psfFlux"}


def test_a_given_name_must_be_there():
    with pytest.raises(InvalidRequestError, match="psfFlux"):
        column_map(("mag",), {"flux": "psfFlux"})


@pytest.mark.parametrize(
    ("name", "value", "mjd"),
    [
        ("mjd", 59000.0, 59000.0),
        ("JD", 2459000.5, 59000.0),
        ("BJD - 2457000", 2000.5, 59000.0),
        ("BJD-2457000, days", 2000.5, 59000.0),
        ("unix", 1590883200.0, 59000.0),
    ],
)
def test_times_are_read_with_the_offset_that_their_name_tells(name, value, mjd):
    info = time_info_of(("other", name))
    assert info.column == name
    assert info.mjd({name: np.array([value])})[0] == pytest.approx(mjd, abs=1e-9)
    assert info.scale == ("tdb" if name.startswith("BJD") else "utc")


def test_no_time_is_an_error_that_says_the_way_out():
    with pytest.raises(InvalidRequestError, match="TimeInfo"):
        time_info_of(("mag", "flux"))


def test_filters_get_other_names():
    filters = np.array(["zg", "zr", "zg"])
    assert mapped_filters(filters, "ZTF", None) is filters
    renamed = mapped_filters(filters, "ZTF", {"zg": "green"})
    assert renamed.tolist() == ["green", "zr", "green"]
    assert mapped_filters(filters, "ZTF", "<observatory>:<filter>")[0] == "ZTF:zg"
