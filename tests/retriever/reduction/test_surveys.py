from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.reduction.surveys import TESS_ZERO_POINT, reduce_tess, reduce_ztf
from astroquery_mmdc.retriever.reduction.target import Target

ZTF_TARGET = Target("source", 359.99974745, 51.39371995, 20.25)
TEXTS = ("filtercode", "ccdid", "qid")


@pytest.fixture(scope="module")
def ztf(shared):
    with (shared / "data" / "ztf" / "ZTF_lightcurve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name]
    columns = {name: [row[name] for row in rows] for name in names}
    for name in set(names) - set(TEXTS):
        kind = np.int64 if name in ("oid", "expid", "catflags") else float
        columns[name] = np.array([value or "nan" for value in columns[name]]).astype(kind)
    return LightCurve(columns, "source", "ZTF")


def test_a8_2_the_sample_of_ztf_gives_ten_light_curves(ztf):
    found = reduce_ztf(ztf, ZTF_TARGET)
    sizes = {(each.meta["series_name"], len(each)) for each in found}
    assert len(ztf) == 1852
    assert len(found) == 10
    assert sizes == {
        ("2018-05-zg", 293),
        ("2018-05-zr", 417),
        ("2018-07-zi", 9),
        ("2019-04-zr", 214),
        ("2019-06-zg", 278),
        ("2019-07-zi", 10),
        ("2020-04-zg", 225),
        ("2020-04-zr", 235),
        ("2021-04-zr", 98),
        ("2021-06-zg", 73),
    }
    assert [each.series for each in found] == list(range(1, 11))
    starts = [each["mjd"][0] for each in found]
    assert starts == sorted(starts)
    objects = {oid for each in found for oid in each.meta["object_id"]}
    assert objects == set(np.unique(ztf.data["oid"]).tolist())
    assert all(each.meta["statistics"]["flux_mean_robust"] > 0 for each in found)


def test_a8_2_flagged_epochs_can_be_dropped(ztf):
    kept = sum(len(each) for each in reduce_ztf(ztf, ZTF_TARGET, drop_bad=True))
    assert kept == np.count_nonzero(ztf.data["catflags"] == 0)


def test_a8_2_other_objects_are_left_out(ztf):
    first = ztf.data["oid"][0]
    for change in ("dec", "mag"):
        data = ztf.data.copy()
        data[change][data["oid"] == first] += {"dec": 4 / 3600, "mag": 1.0}[change]
        found = reduce_ztf(ztf.replace(data=data), ZTF_TARGET)
        assert all(first not in each.meta["object_id"] for each in found)
        kept = reduce_ztf(ztf.replace(data=data), ZTF_TARGET, radius=5.0, mag_range=2.0)
        assert any(first in each.meta["object_id"] for each in kept)


def test_a8_2_nobody_left_is_no_error(ztf):
    assert reduce_ztf(ztf, Target("elsewhere", 10.0, 10.0)) == []
    assert reduce_ztf(LightCurve(None, "source", "ZTF"), ZTF_TARGET) == []


def test_ztf_times_are_mid_exposure(ztf):
    """HJD is that of mid-exposure: with the light time taken off it has to agree with ours."""
    found = reduce_ztf(ztf, ZTF_TARGET)
    mjds = np.sort(np.concatenate([each["mjd"] for each in found]))
    place = SkyCoord(359.9997, 51.3937, unit="deg")
    geocentre = EarthLocation.from_geocentric(0, 0, 0, unit=u.m)
    order = np.argsort(ztf.data["mjd"] + ztf.data["exptime"] / 172800)
    times = Time(mjds, format="mjd", scale="utc", location=geocentre)
    light_time = times.light_travel_time(place, "heliocentric", ephemeris="builtin").to_value("s")
    stated = (ztf.data["hjd"][order] - 2400000.5 - mjds) * 86400
    # The Earth's radius is 21 ms of light; the step from UTC to TDB is not part of this HJD.
    np.testing.assert_allclose(stated, light_time, atol=0.5)


def test_ztf_starts_differ_by_half_of_the_exposure(ztf):
    raw = ztf.replace(data=ztf.data[ztf.data["exptime"] == 300][:5])
    (found,) = reduce_ztf(raw, Target("source"))
    start = np.sort(raw.data["mjd"])
    np.testing.assert_allclose((found["mjd"] - start) * 86400, 150.0, atol=1e-3)


HEADERS = [
    {"SECTOR": 14, "CAMERA": 2, "CCD": 3, "TICID": 77, "TESSMAG": 12.0, "TIMEDEL": 120 / 86400,
     "RA_OBJ": 10.0, "DEC_OBJ": 20.0},
    {"SECTOR": 15, "CAMERA": 1, "CCD": 4, "TICID": 77, "RA_OBJ": 10.0, "DEC_OBJ": 20.0},
]  # fmt: skip


@pytest.fixture
def tess():
    size = 100
    cadences = np.arange(size) * (120 / 86400)
    time = np.concatenate([1700 + cadences, 1683 + cadences])  # the later sector comes first
    columns = {
        "TIME": time,
        "TIMECORR": np.full(2 * size, 0.003),
        "SAP_FLUX": np.full(2 * size, 2000.0),
        "SAP_FLUX_ERR": np.full(2 * size, 2.0),
        "SAP_BKG": np.full(2 * size, 50.0),
        "PDCSAP_FLUX": np.tile([1000.0, 1001.0, 999.0, 1000.0], size // 2),
        "PDCSAP_FLUX_ERR": np.full(2 * size, 1.0),
        "QUALITY": np.where(np.arange(2 * size) == 7, 128, 0),
        "MOM_CENTR1": np.full(2 * size, 5.0),
        "MOM_CENTR2": np.full(2 * size, 6.0),
        "PSF_CENTR1": np.full(2 * size, 7.0),
        "PSF_CENTR2": np.full(2 * size, 8.0),
        "SECTOR": np.repeat([15, 14], size),
    }
    return LightCurve(columns, "source", "TESS", meta={"file_headers": HEADERS})


def test_a8_3_one_light_curve_for_each_sector(tess):
    first, second = reduce_tess(tess, Target("source"))
    assert [first.meta["series_name"], second.meta["series_name"]] == ["TESS_14_2_3", "TESS_15_1_4"]
    assert (first.series, second.series, first.total) == (1, 2, 2)
    assert first.meta["object_id"] == 77
    assert (first.meta["ra"], first.meta["dec"]) == (10.0, 20.0)
    np.testing.assert_array_equal(first["pos1"], 5.0)
    assert np.median(first["flux"]) == 1000.0
    assert second["flag"].sum() == 1


def test_a8_3_other_fluxes_and_positions(tess):
    (first, _) = reduce_tess(
        tess, Target("source"), use_simple_flux=True, use_psf_positions=True, drop_bad=True
    )
    assert np.median(first["flux"]) == 2000.0
    np.testing.assert_array_equal(first["pos2"], 8.0)


def test_a8_3_zero_points(tess):
    first, second = reduce_tess(tess, Target("source"))
    assert first.meta["zero_point_measured"] == pytest.approx(12 + 2.5 * 3)
    assert np.median(first["mag"]) == pytest.approx(12.0, abs=1e-3)
    assert second.meta["zero_point_measured"] is None
    assert np.median(second["mag"]) == pytest.approx(TESS_ZERO_POINT - 7.5, abs=1e-3)
    assert second.meta["zero_point_instrumental"] == TESS_ZERO_POINT


def test_tess_times_are_barycentric_tdb_and_mjd_is_utc_at_the_spacecraft(tess):
    first, _ = reduce_tess(tess, Target("source"))
    assert first.meta["time_scale"] == "tdb"
    assert first["time"][0] == pytest.approx(1683 + 56999.5, abs=1e-9)
    at_spacecraft = Time(1683 + 56999.5 - 0.003, format="mjd", scale="tdb")
    assert (first["mjd"][0] - at_spacecraft.utc.mjd) * 86400 == pytest.approx(0, abs=1e-2)
    # The two scales are 69.18 s apart in these years.
    assert (first["time"][0] - 0.003 - first["mjd"][0]) * 86400 == pytest.approx(69.18, abs=0.02)


def test_tess_exposures_are_the_cadence(tess):
    first, second = reduce_tess(tess, Target("source"))
    np.testing.assert_allclose(first["exptime"], 120.0)  # from the header
    np.testing.assert_allclose(second["exptime"], 120.0)  # from the times


def test_tess_bits_of_quality_can_be_chosen(tess):
    found = reduce_tess(tess, Target("source"), quality_bitmask=1)
    assert not any(each["flag"].any() for each in found)


def test_tess_without_its_columns_is_an_error():
    with pytest.raises(InvalidRequestError, match="SECTOR"):
        reduce_tess(LightCurve({"TIME": [1.0]}, "source", "TESS"), Target("source"))
    assert reduce_tess(LightCurve(None, "source", "TESS"), Target("source")) == []
