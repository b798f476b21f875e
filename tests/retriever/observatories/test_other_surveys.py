from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.time import Time, TimeDelta

from astroquery_mmdc.exceptions import MaxResultsWarning, NoResultsWarning
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories import (
    VirtualASASSN,
    VirtualFermiLCR,
    VirtualMMDC,
    VirtualPanSTARRS,
)
from astroquery_mmdc.server import LocalServer

from .services import asassn, fermi, panstarrs

ROW = {"name": "Mrk 421", "ra": 166.1138, "dec": 38.2088, "mag": 13.0}


def test_panstarrs_detections_by_filter(serve_http):
    server = serve_http(panstarrs)
    obs = VirtualPanSTARRS(url=server.url + "/api/v0.1/panstarrs")
    raw = obs.download(ROW)
    assert len(raw) == 6
    assert raw.data["obsTime"][0] == 55000.5
    utc = Time(55000.5, format="mjd", scale="tai").utc.mjd
    assert raw.mjds[0] == pytest.approx(utc, abs=1e-9)
    lightcurves = obs.reduce_raw(raw)
    assert [lc.filters for lc in lightcurves] == [["g"], ["r"]]
    g, r = lightcurves
    assert g.mags[0] == pytest.approx(17.5, abs=1e-3)
    assert g["flag"].tolist() == [False, False, True]
    assert r["flag"].tolist() == [False, False, True]
    assert np.isnan(r.mags[2])
    assert g.meta["flux_unit"] == "Jy"
    assert (raw.mjds[0] - 55000.5) * 86400 == pytest.approx(-34.0, abs=1e-3)
    assert obs.download({**ROW, "dec": -60.0}).is_empty


def test_asassn_takes_the_nearest_source(serve_http):
    server = serve_http(asassn)
    obs = VirtualASASSN(url=server.url)
    raw = obs.download(ROW)
    assert len(raw) == 6
    assert raw.meta["asas_sn_id"] == 17
    assert raw.mjds[0] == pytest.approx(57000.0)
    lightcurves = obs.reduce_raw(raw)
    assert [lc.filters for lc in lightcurves] == [["V"], ["g"]]
    assert lightcurves[0]["flag"].tolist() == [False, True, True]
    assert np.isnan(lightcurves[0].mags[1])
    assert lightcurves[1].meta["flux_unit"] == "mJy"


def test_fermi_by_name_alias_and_position(serve_http):
    server = serve_http(fermi)
    obs = VirtualFermiLCR(url=server.url + "/queryDB.php")
    raw = obs.download({**ROW, "name": "4FGL J1104.4+3812"})
    assert len(server.requests) == 1
    assert server.requests[0].path == "/queryDB.php"
    assert server.requests[0].query["cadence"] == "weekly"
    by_alias = obs.download({**ROW, "alias": "4FGL J1104.4+3812"})
    by_place = obs.download(ROW)
    obs.download(ROW)
    lists = [each for each in server.requests if each.query["typeOfRequest"] == "SourceList"]
    assert len(lists) == 1
    assert len(raw) == len(by_alias) == len(by_place) == 5
    assert obs.download({**ROW, "ra": 10.0}).is_empty
    assert obs.download({**ROW, "name": "4FGL J2253.9+1609"}).is_empty


def test_fermi_limits_and_failed_fits_are_flagged(serve_http):
    obs = VirtualFermiLCR(url=serve_http(fermi).url)
    raw = obs.download({**ROW, "name": "4FGL J1104.4+3812"})
    assert raw.data["is_upper_limit"].tolist() == [False, False, True, False, False]
    (lightcurve,) = obs.reduce_raw(raw)
    assert lightcurve["flag"].tolist() == [False, False, True, True, True]
    assert lightcurve["flux_err"][0] == pytest.approx(2e-8)
    assert lightcurve.meta["flux_unit"] == "ph / (s cm2)"
    # Mission elapsed seconds count from 2001-01-01 UTC; leap seconds came in 2006 and 2009.
    begin = Time("2001-01-01", scale="utc")
    expected = (begin.tai + TimeDelta(239903940.0, format="sec")).utc.mjd
    assert lightcurve.mjds[0] == pytest.approx(expected, abs=1e-8)


@pytest.fixture
def mmdc(tmp_path, shared):
    """The observatory MMDC at a server with a real light curve, and that server."""
    with LocalServer(shared / "data" / "ztf") as server:
        yield VirtualMMDC(url=server.url, cache_dir=str(tmp_path / "cache")), server


HERE = {"name": "sample", "ra": 359.9996, "dec": 51.3937}


def test_mmdc_light_curves_come_from_service_and_cache(mmdc):
    obs, server = mmdc
    raw = obs.download(HERE)
    assert len(raw) > 100
    assert raw.meta["units"]["flux"] == "erg / (s cm2)"
    assert set(raw.data["catalog"].tolist()) == {"ZTF"}
    asked = len(server.requests)
    assert len(obs.download(HERE)) == len(raw)
    assert len(server.requests) == asked


def test_mmdc_gives_one_light_curve_for_each_catalogue_and_band(mmdc):
    obs, _ = mmdc
    source = obs.fetch_source(HERE, reduce=True)
    raw = source.raw_photometry["MMDC"].lightcurve
    bands = set(raw.data["filter_band"].tolist())
    made = source.reduced_lightcurves
    assert len(made) == len(bands) > 1
    assert sum(len(lc) for lc in made) == len(raw)
    assert {lc.filter for lc in made} == {f"ZTF-{band}" for band in bands}
    assert [lc.series_number for lc in made] == list(range(1, len(made) + 1))
    assert np.isnan(made[0].mags).all()
    assert made[0].lightcurve.meta["flux_unit"] == "erg / (s cm2)"


def test_mmdc_catalogues_can_be_chosen(mmdc):
    obs, _ = mmdc
    obs.pars.catalog = "ASAS-SN"
    assert obs.download(HERE).is_empty
    obs.pars.catalog = "ZTF"
    assert not obs.download(HERE).is_empty


def test_mmdc_photon_fluxes_and_limits():
    size = 6
    data = {
        "time": 59000.0 + np.arange(size),
        "flux": np.full(size, np.nan),
        "flux_err": np.full(size, np.nan),
        "photon_flux": np.full(size, 2e-7),
        "photon_flux_err": np.full(size, 2e-8),
        "is_upper_limit": np.arange(size) == 2,
        "filter_band": [""] * size,
        "catalog": ["MMDCGR"] * size,
    }
    (lightcurve,) = VirtualMMDC().reduce_raw(LightCurve(data, "Mrk 421", "MMDC"))
    assert lightcurve.filters == ["MMDCGR"]
    assert lightcurve.meta["flux_unit"] == "ph / (s cm2)"
    assert lightcurve.fluxes[0] == 2e-7
    assert lightcurve["flag"].sum() == 1


def test_mmdc_without_anything_there_is_empty_and_quiet(server, tmp_path):
    obs = VirtualMMDC(url=server.url, cache_dir=str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoResultsWarning)
        source = obs.fetch_source({"name": "nothing", "ra": 1.0, "dec": -70.0}, reduce=True)
    assert source.raw_photometry["MMDC"].is_empty
    assert source.reduced_lightcurves == []


def test_mmdc_warnings_are_kept_with_the_data(mmdc):
    obs, _ = mmdc
    with pytest.warns(MaxResultsWarning):
        raw = obs.download(HERE, row_limit=5)
    assert len(raw) == 5
    assert "row_limit" in raw.meta["warnings"][0]
