from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Galactic, SkyCoord
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.coordinates import (
    as_mjd,
    as_radius,
    as_targets,
    coordinate_from_string,
    sky_identifier,
)

_MRK421 = SkyCoord(166.1138, 38.2088, unit="deg")


@pytest.mark.parametrize(
    "text",
    [
        "166.1138 38.2088",
        "166.1138 +38.2088",
        "166.1138, 38.2088",
        "166.1138d 38.2088d",
        "11:04:27.312 +38:12:31.68",
        "11h04m27.312s +38d12m31.68s",
        "11 04 27.312 +38 12 31.68",
    ],
)
def test_positions_as_text(text):
    assert coordinate_from_string(text).separation(_MRK421) < 0.1 * u.arcsec


@pytest.mark.parametrize(
    "name",
    [
        "Mrk 421",
        "3C 273",
        "1ES 1959+650",
        "PKS 1510-089",
        "TXS 0506+056",
        "4C +01.02",
        "M82",
        "1H 0323+342",
        "S5 0716+714",
        "RX J0648.7+1516",
        "H 1426+428",
    ],
)
def test_names_are_not_taken_for_positions(name):
    assert coordinate_from_string(name) is None


@pytest.mark.parametrize("text", ["10.0 +91.0", "11:04:27 -99:00:00"])
def test_a_declination_beyond_the_pole(text):
    with pytest.raises(InvalidRequestError, match=r"coordinates: .* within -90 to 90"):
        as_targets(text)


def test_any_frame_becomes_icrs():
    targets = as_targets(Galactic(179.8 * u.deg, 65.0 * u.deg))
    assert targets.is_scalar
    assert targets.coordinates.frame.name == "icrs"


@pytest.mark.parametrize(
    "table",
    [
        Table({"RA": [1.0, 2.0], "Dec": [3.0, 4.0]}),
        QTable({"ra": [1.0, 2.0] * u.deg, "dec": [180.0, 240.0] * u.arcmin}),
        QTable({"skycoord": SkyCoord([1.0, 2.0], [3.0, 4.0], unit="deg")}),
    ],
)
def test_tables_of_positions(table):
    targets = as_targets(table)
    assert targets.coordinates.dec.deg.tolist() == [3.0, 4.0]
    assert not targets.is_scalar


def test_a_row_of_a_table_is_one_position():
    assert as_targets(Table({"ra": [1.0], "dec": [2.0]})[0]).is_scalar


def test_a_list_of_names_and_positions():
    targets = as_targets(["Mrk 421", "166.1 38.2"])
    assert targets.names == ("Mrk 421", "166.1 38.2")
    assert targets.coordinates is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is empty"),
        ([], "the list is empty"),
        ([1.0, 2.0], "bare numbers have no unit"),
        (5.0, "cannot read a position from 5.0"),
        (None, "cannot read a position from None"),
        (Table({"x": [1]}), r"no columns ra and dec, only \['x'\]"),
        (SkyCoord([1, np.nan], [2, 3], unit="deg"), "position 1 is not a number"),
        (
            Table({"ra": MaskedColumn([1.0, 2.0], mask=[False, True]), "dec": [1.0, 2.0]}),
            "position 1 is not a number",
        ),
    ],
)
def test_what_is_no_target(value, message):
    with pytest.raises(InvalidRequestError, match=f"coordinates: .*{message}"):
        as_targets(value)


# ---------------------------------------------------------------- radius, dates, index


@pytest.mark.parametrize("value", [5, 5.0, "5", 5 * u.s, 5 * u.mag, None, [1, 2] * u.arcsec])
def test_a_radius_that_is_no_angle(value):
    with pytest.raises(InvalidRequestError, match="radius: "):
        as_radius(value)


@pytest.mark.parametrize("value", [-1 * u.arcsec, 181 * u.deg, np.nan * u.deg, np.inf * u.deg])
def test_a_radius_out_of_range(value):
    with pytest.raises(InvalidRequestError, match=r"radius: .*outside 0 to 180 deg"):
        as_radius(value)


@given(st.floats(0, 180))
def test_a_radius_keeps_its_size(degrees):
    assert as_radius(degrees * u.deg).to_value(u.deg) == pytest.approx(degrees, rel=1e-14)


def test_dates_in_every_form():
    time = Time("2020-01-01T12:00:00", scale="tt")
    assert as_mjd(time, parameter="t") == pytest.approx(time.utc.mjd)
    assert as_mjd("2020-01-01", parameter="t") == 58849.0
    assert as_mjd(58849 * u.d, parameter="t") == 58849.0
    assert as_mjd(58849, parameter="t") == 58849.0
    assert as_mjd(None, parameter="t") is None


@pytest.mark.parametrize("value", ["soon", np.nan, np.inf, 5 * u.m, object()])
def test_what_is_no_date(value):
    with pytest.raises(ValueError, match=r"t: .* is no date"):
        as_mjd(value, parameter="t")


def test_the_index_is_that_of_the_service():
    assert sky_identifier(299.99958, 65.14861) == 4186406942
