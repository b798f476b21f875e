from __future__ import annotations

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.reduction.reduce import reduce_demo, reduce_table
from astroquery_mmdc.retriever.reduction.target import Target
from astroquery_mmdc.retriever.time_info import TimeInfo

TARGET = Target("source", 10.0, 20.0, 18.0)


def raw_table(**columns):
    size = len(next(iter(columns.values())))
    table = {
        "mjd": 59000.0 + np.arange(size),
        "mag": np.full(size, 18.0),
        "mag_err": np.full(size, 0.1),
        "exptime": np.full(size, 30.0),
        "filter": np.full(size, "R"),
        "flag": np.zeros(size, dtype=bool),
    }
    return LightCurve({**table, **columns}, "source", "DEMO")


def test_a8_1_light_curves_are_numbered_from_one_by_their_start():
    rng = np.random.default_rng(1)
    raw = raw_table(mjd=rng.uniform(59000, 59100, 60), filter=rng.choice(["g", "r", "i"], 60))
    found = reduce_table(raw, TARGET)
    assert [(each.series, each.total) for each in found] == [(1, 3), (2, 3), (3, 3)]
    starts = [each["mjd"][0] for each in found]
    assert starts == sorted(starts)
    assert {each.level for each in found} == {"reduced"}
    for each in found:
        assert (np.diff(each["time"]) >= 0).all()
        assert each.filters == [each.meta["filter"]]


def test_a8_4_demo_splits_by_filter_and_cuts():
    mag = np.array([18.0, 18.1, 19.5, 18.2])
    flag = np.array([False, True, False, False])
    raw = raw_table(mag=mag, flag=flag, filter=np.array(["g", "r", "g", "g"]))
    assert [len(each) for each in reduce_demo(raw, TARGET)] == [3, 1]
    assert [len(each) for each in reduce_demo(raw, TARGET, drop_bad=True)] == [3]
    assert [len(each) for each in reduce_demo(raw, TARGET, mag_range=0.5)] == [2, 1]
    unknown = Target("source")
    assert [len(each) for each in reduce_demo(raw, unknown, mag_range=0.5)] == [3, 1]


def test_a8_5_statistics_are_complete_and_right():
    mag = np.array([18.0, 18.2, 17.8, 18.1, 17.9, 12.0])
    raw = raw_table(mag=mag, flag=mag < 15)
    statistics = reduce_demo(raw, TARGET)[0].meta["statistics"]
    good = 10 ** (0.4 * (23.9 - mag[:5]))
    assert statistics["num_good"] == 5
    assert statistics["flux_mean"] == pytest.approx(good.mean())
    assert statistics["flux_rms"] == pytest.approx(good.std())
    assert statistics["flux_max"] == pytest.approx(good.max())
    assert statistics["mag_brightest"] == pytest.approx(17.8)
    assert statistics["mag_faintest"] == pytest.approx(18.2)
    noise = np.maximum(good.std(), good * 0.1 * np.log(10) / 2.5)
    assert statistics["snr_median"] == pytest.approx(np.median(good / noise))
    assert statistics["snr_max"] == pytest.approx((good / noise).max())
    assert statistics["dsnr_min"] == pytest.approx(((good - good.mean()) / noise).min())
    assert statistics["dmag_brightest"] > 0 > statistics["dmag_faintest"]
    assert statistics["exp_time"] == 30.0
    assert statistics["frame_rate"] == pytest.approx(1 / 86400)
    assert statistics["is_uniformly_sampled"]


def test_rows_without_a_time_are_dropped_and_nothing_is_no_error():
    raw = raw_table(mjd=np.array([59000.0, np.nan, 59001.0]))
    assert len(reduce_table(raw, TARGET)[0]) == 2
    nothing = raw_table(mjd=np.array([np.nan]))
    assert reduce_table(nothing, TARGET) == []
    assert reduce_table(LightCurve(None, "source", "DEMO"), TARGET) == []


def test_the_raw_data_stay_as_they_are():
    rng = np.random.default_rng(2)
    raw = raw_table(mjd=rng.uniform(59000, 59100, 20))
    before = raw.data.copy()
    reduce_table(raw, TARGET, drop_bad=True)
    np.testing.assert_array_equal(raw.data, before)


def test_fluxes_give_magnitudes():
    raw = LightCurve(
        {"jd": [2459000.5, 2459001.5], "flux": [1000.0, -5.0], "flux_err": [10.0, 10.0]}, "s", "X"
    )
    data = reduce_table(raw, TARGET)[0].data
    np.testing.assert_allclose(data["mag"], [16.4, np.nan])
    np.testing.assert_allclose(data["mjd"], [59000.0, 59001.0])


def test_neither_magnitude_nor_flux_is_an_error():
    raw = LightCurve({"mjd": [59000.0], "colour": [1.0]}, "s", "X")
    with pytest.raises(InvalidRequestError, match="magnitude or a flux"):
        reduce_table(raw, TARGET)


@pytest.mark.parametrize("scale", ["utc", "tai", "tt", "tdb", "tcb"])
def test_time_stays_in_its_scale_and_mjd_is_utc_at_mid_exposure(scale):
    info = TimeInfo("t", "mjd", 0.0, scale, "start", "exptime")
    raw = LightCurve({"t": [59000.0], "mag": [18.0], "exptime": [86.4]}, "s", "X")
    found = reduce_table(raw, TARGET, time_info=info)[0]
    assert found["time"][0] == pytest.approx(59000.0005, abs=1e-9)
    expected = Time(59000.0005, format="mjd", scale=scale).utc.mjd
    assert found["mjd"][0] == pytest.approx(expected, abs=1e-9)
    assert found.meta["time_scale"] == scale


def test_what_the_raw_metadata_say_of_the_time_holds():
    info = TimeInfo("t", "jd", 2457000.0, "tdb")
    raw = LightCurve({"t": [2000.5], "mag": [18.0]}, "s", "X", meta={"time_info": info.to_dict()})
    assert reduce_table(raw, TARGET)[0]["time"][0] == pytest.approx(59000.0, abs=1e-9)


def test_what_the_raw_metadata_say_of_the_columns_holds():
    meta = {"colmap": {"mag": "psfMag", "flag": None}}
    raw = LightCurve({"mjd": [1.0], "psfMag": [18.0], "flags": [1]}, "s", "X", meta=meta)
    found = reduce_table(raw, TARGET)[0]
    assert (found["mag"].tolist(), found["flag"].tolist()) == ([18.0], [False])


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40), st.floats(1, 100))
def test_seasons_against_brute_force(times, gap):
    mjd = 59000.0 + np.array(times)
    raw = raw_table(mjd=mjd, filter=np.where(np.arange(len(mjd)) % 2, "g", "r"))
    found = reduce_table(raw, TARGET, gap=gap)
    seasons = [[]]
    for value, name in sorted(zip(mjd, raw.data["filter"], strict=True)):
        if seasons[-1] and value - seasons[-1][-1][0] > gap:
            seasons.append([])
        seasons[-1].append((value, name))
    expected = sorted(
        sorted(value for value, name in season if name == wanted)
        for season in seasons
        for wanted in {name for _, name in season}
    )
    assert sorted(each["mjd"].tolist() for each in found) == expected
    assert sum(map(len, found)) == len(mjd)


def test_targets_of_rows_names_and_objects():
    class Source:
        name, ra, dec, mag = "a", 1, 2.0, None

    made = Target.of(Source())
    assert (made.name, made.ra, made.dec) == ("a", 1.0, 2.0)
    assert np.isnan(made.mag)
    assert Target.of("b").name == "b"
    assert Target.of(made) is made


def test_positions_across_zero_hours():
    raw = raw_table(ra=np.array([359.9999, 0.0001, 0.0002]), dec=np.zeros(3))
    meta = reduce_table(raw, Target("unknown place"))[0].meta
    assert meta["ra"] == pytest.approx(0.0001, abs=1e-6)
    assert meta["dec"] == 0


def test_metadata_are_complete():
    meta = reduce_demo(raw_table(mjd=np.array([59000.0, 59001.0])), TARGET)[0].meta
    assert (meta["ra"], meta["dec"], meta["object_id"]) == (10.0, 20.0, "source")
    assert (meta["series_name"], meta["time_stamp_alignment"]) == ("2020-05-R", "mid")
    assert (meta["flux_unit"], meta["zero_point_instrumental"]) == ("uJy", 23.9)


def test_quality_letters_are_flags():
    raw = LightCurve({"mjd": [1.0, 2.0], "mag": [18.0, 18.0], "quality": ["G", "B"]}, "s", "X")
    assert reduce_table(raw, TARGET)[0]["flag"].tolist() == [False, True]


def test_long_names_of_filters_are_not_cut():
    raw = raw_table(filter=np.array(["a long name 1", "a long name 2"]))
    found = reduce_table(raw, TARGET)
    assert [each.filters for each in found] == [["a long name 1"], ["a long name 2"]]


def test_a_survey_without_filters():
    raw = LightCurve({"mjd": [59000.0], "mag": [18.0]}, "s", "X")
    assert reduce_table(raw, TARGET)[0].meta["series_name"] == "2020-05"
