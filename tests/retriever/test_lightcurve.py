"""Light curves as values: columns, times, conversions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.arrays import structured, units_of, with_columns
from astroquery_mmdc.retriever.jsonable import dumps, dumps_fast, plain
from astroquery_mmdc.retriever.lightcurve import COLUMNS, LightCurve, reduced_dtype
from astroquery_mmdc.retriever.time_info import TimeInfo, as_datetime, as_datetimes


def test_documented_columns_exist():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert set(reduced_dtype().names) <= set(names)
    assert reduced_dtype("ra", ("sector", "i4"))["sector"] == np.dtype("i4")


def test_times_of_reduced_data_are_in_mjd(make_lightcurve):
    lc = make_lightcurve(rows=3)
    np.testing.assert_array_equal(lc.mjds, lc.data["mjd"])
    assert lc.times[1] == datetime(2020, 6, 1, tzinfo=UTC)
    assert (lc.time_start, lc.time_end) == (lc.times[0], lc.times[2])


def test_times_of_raw_data_need_to_be_explained():
    meta = {"time_info": TimeInfo("TIME", "jd", 2457000.0, "tdb").to_dict()}
    lc = LightCurve({"TIME": [1325.0, np.nan]}, "TIC 1", "TESS", meta=meta)
    expected = Time(1325.0 + 2457000.0, format="jd", scale="tdb").utc.mjd
    assert abs(lc.mjds[0] - expected) < 1e-9
    assert np.isnan(lc.mjds[1])
    assert lc.times[1] is None
    assert lc.time_end == lc.times[0]


def test_a_start_of_exposure_becomes_its_middle():
    meta = {"time_info": {"column": "mjd", "position": "start"}}
    lc = LightCurve({"mjd": [59000.0], "exptime": [86.4]}, "a", "ZTF", meta=meta)
    assert lc.mjds[0] == pytest.approx(59000.0005, abs=1e-9)


@pytest.mark.parametrize("scale", ["tai", "tt", "tdb", "tcb", "utc"])
def test_scales_are_those_of_astropy(scale):
    mjd = np.linspace(50000, 60000, 50)
    got = TimeInfo("t", "mjd", scale=scale).mjd_utc({"t": mjd})
    want = Time(mjd, format="mjd", scale=scale).utc.mjd
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)


def test_other_formats_of_time():
    stamp = np.array(["2020-05-31T12:00:00", "NaT"], dtype="M8[us]")
    got = TimeInfo("t", "datetime").mjd({"t": stamp})
    assert got[0] == 59000.5
    assert np.isnan(got[1])
    assert TimeInfo("t", "unix").mjd({"t": [0.0]})[0] == 40587.0


@pytest.mark.parametrize("wrong", [{"format": "julian"}, {"position": "end"}])
def test_unknown_meanings_are_refused(wrong):
    with pytest.raises(InvalidRequestError, match="choose from"):
        TimeInfo(**wrong)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)))
def test_datetimes_are_right_to_a_few_microseconds(moment):
    moment = moment.replace(tzinfo=UTC)
    mjd = (moment - datetime(1858, 11, 17, tzinfo=UTC)).total_seconds() / 86400
    assert abs((as_datetime(mjd) - moment).total_seconds()) < 2e-6
    assert as_datetimes(np.array([mjd]))[0] == as_datetime(mjd)


def test_empty_light_curves():
    for data in (None, {"mjd": []}, np.zeros(0, reduced_dtype())):
        lc = LightCurve(data, "a", "ZTF")
        assert lc.is_empty
        assert lc.span == (None, None)
        assert lc.mjds.shape == lc.times.shape == (0,)
        assert len(lc.table) == 0


def test_aliases_and_colmap(make_lightcurve):
    lc = make_lightcurve()
    np.testing.assert_array_equal(lc["magerr"], lc.mag_errors)
    assert "fluxerr" in lc
    assert "x" not in lc
    with pytest.raises(KeyError, match="no column 'x'"):
        lc["x"]
    raw = LightCurve({"m": [17.0]}, "a", "Z", meta={"colmap": {"mag": "m"}})
    assert raw.mags[0] == 17.0


def test_flags_of_survey_and_quality(make_lightcurve):
    data = with_columns(make_lightcurve(rows=3).data, flag=[True, False, False], qflag=[0, 0, 1])
    assert LightCurve(data, "a", "Z", "processed").good.tolist() == [False, True, False]


def test_light_curves_are_values(make_lightcurve):
    lc = make_lightcurve()
    other = lc.replace(level="processed", series=2)
    assert (lc.level, other.level, other.series) == ("reduced", "processed", 2)
    with pytest.raises(AttributeError):
        lc.level = "raw"
    with pytest.raises(InvalidRequestError, match="level"):
        lc.replace(level="cooked")
    assert "reduced 1/1, 20 epochs" in repr(lc)


def test_table_has_units_and_descriptions(make_lightcurve):
    lc = make_lightcurve(meta={"flux_unit": "uJy", "units": {"snr": ""}})
    table = lc.table
    assert isinstance(table, QTable)
    assert table["flux"].unit == u.uJy
    assert table["mjd"].unit == u.day
    assert table["ra"].info.description.startswith("Right ascension")
    assert table.meta["flux_unit"] == "uJy"
    raw = LightCurve({"f": [1.0]}, "a", "Z", meta={"units": {"f": "Jy"}}).table
    assert raw["f"].unit == u.Jy


def test_timeseries_and_pandas(make_lightcurve):
    lc = make_lightcurve(rows=4)
    lc.data["mjd"][1] = np.nan
    series = lc.to_timeseries()
    assert len(series) == 3
    assert series.time.scale == "utc"
    assert series["mag"].unit == u.mag
    pytest.importorskip("pandas")
    frame = lc.to_pandas()
    assert list(frame.columns) == list(lc.colnames)
    assert len(frame) == 4


def test_lightkurve(make_lightcurve):
    pytest.importorskip("lightkurve", reason="lightkurve is not installed")
    curve = make_lightcurve(meta={"flux_unit": "uJy"}).to_lightkurve()
    assert curve.flux.unit == u.uJy


# --- tables of any kind ---------------------------------------------------------------------------


def test_masked_values_become_blanks():
    table = Table(
        {
            "i": MaskedColumn([1, 2], mask=[False, True]),
            "s": MaskedColumn(["a", "b"], mask=[False, True]),
            "b": MaskedColumn([False, False], mask=[False, True]),
        }
    )
    data = structured(table)
    np.testing.assert_array_equal(data["i"], [1.0, np.nan])
    assert data["s"].tolist() == ["a", ""]
    assert data["b"].tolist() == [False, True]


def test_quantities_and_times():
    table = QTable({"f": [1.0, 2.0] * u.Jy, "t": Time([59000.0, 59001.0], format="mjd")})
    table["m"] = Masked([1.0, 2.0] * u.mag, mask=[True, False])
    data = structured(table)
    assert data["t"].tolist() == [59000.0, 59001.0]
    np.testing.assert_array_equal(data["m"], [np.nan, 2.0])
    assert units_of(table) == {"f": "Jy", "m": "mag"}
    assert units_of({"f": [1]}) == {}


def test_objects_bytes_and_byte_orders():
    data = structured(
        {
            "o": np.array([1, None, 3], dtype=object),
            "t": np.array(["x", None, b"y"], dtype=object),
            "s": np.array([b"zg", b"zr", b""]),
            "e": np.array([1.5, 2.5, 3.5], dtype=">f8"),
            "h": np.array([1.5, 2.5, 3.5], dtype="f2"),
        }
    )
    assert data["h"].dtype == np.dtype("f8")
    np.testing.assert_array_equal(data["o"], [1.0, np.nan, 3.0])
    assert data["t"].tolist() == ["x", "", "y"]
    assert data["s"].tolist() == ["zg", "zr", ""]
    assert data["e"].dtype.isnative


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"a": [1, 2], "b": [1]}, "length"),
        (7, "not understood"),
        ({"a": np.array([[1], [1, 2]], dtype=object)}, "column 'a'"),
        ({"a": np.array([object()], dtype=object)}, "numbers or texts"),
    ],
)
def test_what_is_no_table(table, why):
    with pytest.raises(InvalidRequestError, match=why):
        structured(table)


def test_columns_are_added_to_a_copy(make_lightcurve):
    data = make_lightcurve(rows=2).data
    before = data.copy()
    new = with_columns(data, mag=[1.0, 2.0], offset=[0.5, 0.5])
    np.testing.assert_array_equal(data, before)
    assert new["mag"].tolist() == [1.0, 2.0]
    assert "offset" in new.dtype.names


# --- JSON -----------------------------------------------------------------------------------------


def test_everything_becomes_plain():
    value = {
        "a": np.float32(0.5),
        "b": np.arange(2),
        "c": Time("2020-01-01T00:00:00", scale="tdb"),
        "d": 3 * u.Jy,
        "e": {3, 1, 2},
        "f": Path("x"),
        "g": (np.nan, np.inf, None, True),
        "h": date(2020, 1, 2),
        "i": np.ma.masked,
        "j": np.ma.MaskedArray([1, 2], mask=[False, True]),
        4: np.array([(1, 2.5)], dtype=[("x", "i4"), ("y", "f8")])[0],
    }
    got = plain(value)
    assert json.loads(dumps(value)) == got
    assert got["c"] == {"time": "2020-01-01T00:00:00.000", "scale": "tdb"}
    assert got["d"] == {"value": 3.0, "unit": "Jy"}
    assert got["e"] == [1, 2, 3]
    assert got["g"] == [None, None, None, True]
    assert (got["i"], got["j"], got["4"]) == (None, [1, None], {"x": 1, "y": 2.5})


def test_what_has_no_json_is_named():
    with pytest.raises(TypeError, match="object has no JSON"):
        plain(object())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_both_ways_to_json_agree(value):
    try:
        expected = json.loads(dumps(value))
    except UnicodeEncodeError:
        return
    assert json.loads(dumps_fast(value)) == expected


def test_canonical_text_does_not_depend_on_the_order():
    one, two = {"a": 1, "b": {"c": (1, 2)}}, {"b": {"c": [1, 2]}, "a": 1}
    assert dumps(one, canonical=True) == dumps(two, canonical=True) == '{"a":1,"b":{"c":[1,2]}}'
