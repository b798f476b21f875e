from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table
from astropy.time import Time

from astroquery_mmdc.exceptions import AuthError, InvalidRequestError
from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.observatories import VirtualZTF
from astroquery_mmdc.retriever.observatories.credentials import find_credentials

from .services import irsa, ztf_rows

ROW = {"name": "somewhere", "ra": 120.0, "dec": 20.0, "mag": 18.0}


@pytest.fixture
def ztf(serve_http):
    server = serve_http(irsa(ztf_rows()))
    return VirtualZTF(url=server.url), server


def test_public_light_curves_need_no_account(ztf):
    obs, server = ztf
    raw = obs.download(ROW)
    assert len(raw) == 40
    assert raw.data["oid"][0] == 736115200001082
    assert raw.data["mjd"].dtype == np.float64
    assert raw.meta["units"]["mag"] == "mag"
    (request,) = server.requests
    assert request.query["POS"] == "CIRCLE 120.0000000 20.0000000 0.0005556"
    assert "COLLECTION" not in request.query
    assert "Cookie" not in request.headers
    assert "X-API-Key" not in request.headers


def test_times_are_in_the_middle_of_exposures(ztf):
    obs, _ = ztf
    raw = obs.download(ROW)
    (lightcurve,) = obs.reduce_raw(raw)
    half = 15 / 86400
    np.testing.assert_allclose(raw.mjds, raw.data["mjd"] + half, rtol=0, atol=1e-9)
    np.testing.assert_allclose(lightcurve.mjds, raw.mjds, rtol=0, atol=1e-9)
    assert lightcurve.filters == ["zg"]
    assert lightcurve.data["flag"].sum() == 1


def test_a8_2_the_real_sample_comes_back_as_ten_light_curves(serve_http, shared):
    table = Table.read(shared / "data" / "ztf" / "ZTF_lightcurve.csv", format="ascii.csv")
    ra, dec = float(np.median(table["ra"])), float(np.median(table["dec"]))
    server = serve_http(irsa(table))
    obs = VirtualZTF(url=server.url)
    mag = float(np.median(table["mag"]))
    row = {"name": "sample", "ra": ra, "dec": dec, "mag": mag}
    source = obs.fetch_source(row, reduce=True)
    assert len(source.raw_photometry["ZTF"].data) == 1852
    assert len(source.reduced_lightcurves) == 10
    assert obs.fetch_source(row, reduce=True).id == source.id
    assert len(server.requests) == 1


def test_questions_may_be_narrowed(ztf):
    obs, server = ztf
    obs.pars.collection = "ztf_dr24"
    raw = obs.download(ROW, BANDNAME="g,r")
    assert server.requests[0].query["COLLECTION"] == "ztf_dr24"
    assert server.requests[0].query["BANDNAME"] == "g,r"
    assert raw.meta["query"]["COLLECTION"] == "ztf_dr24"
    obs.download({**ROW, "pmra": 3000.0, "pmdec": 4000.0})
    radius = float(server.requests[1].query["POS"].split()[-1]) * 3600
    assert radius == pytest.approx(2.0 + 15.0, abs=1e-3)


@pytest.mark.parametrize("row", [{**ROW, "dec": -40.0}, {**ROW, "mag": 22.0}])
def test_what_ztf_cannot_see_is_not_asked_for(ztf, row):
    obs, server = ztf
    raw = obs.download(row)
    assert raw.is_empty
    assert raw.meta["not_asked"]
    assert obs.reduce_raw(raw) == []
    assert server.requests == []


def test_an_empty_answer_is_an_answer_and_remembered(ztf):
    obs, server = ztf
    row = {**ROW, "name": "elsewhere", "ra": 10.0}
    for _ in range(2):
        source = obs.fetch_source(row, reduce=True)
        assert source.raw_photometry["ZTF"].is_empty
    assert len(server.requests) == 1


def irsa_with_login(request):
    if request.path == "/account/signon/login.do":
        good = b"josso_password=12345" in request.body and b"josso_username=guy" in request.body
        return (
            302,
            {"Location": "/", **({"Set-Cookie": "JOSSO_SESSIONID=abc"} if good else {})},
            b"",
        )
    assert request.headers.get("Cookie") == "JOSSO_SESSIONID=abc"
    return irsa(ztf_rows())(request)


def test_a2_13_credentials_open_the_data_of_partners(serve_http, caplog):
    caplog.set_level("DEBUG")
    server = serve_http(irsa_with_login)
    obs = VirtualZTF(url=server.url, credentials={"username": "guy", "password": "12345"})
    for _ in range(3):
        assert len(obs.download(ROW)) == 40
    assert [request.path for request in server.requests].count("/account/signon/login.do") == 1
    assert "12345" not in caplog.text
    wrong = VirtualZTF(url=server.url, credentials={"username": "guy", "password": "x7-secret"})
    with pytest.raises(AuthError, match="does not accept these credentials") as error:
        wrong.download(ROW)
    assert "x7-secret" not in str(error.value)
    with pytest.raises(InvalidRequestError, match="password is missing"):
        VirtualZTF(url=server.url, credentials={"username": "guy"}).download(ROW)


def test_a_session_that_ended_is_begun_anew(serve_http):
    sessions = []

    def answer(request):
        if request.path == "/account/signon/login.do":
            sessions.append(f"JOSSO_SESSIONID=n{len(sessions)}")
            return 200, {"Set-Cookie": sessions[-1]}, b""
        if request.headers.get("Cookie") != "JOSSO_SESSIONID=n1":
            return 403, {}, b""
        return irsa(ztf_rows())(request)

    credentials = {"username": "guy", "password": "12345"}
    obs = VirtualZTF(url=serve_http(answer).url, credentials=credentials)
    assert len(obs.download(ROW)) == 40
    assert len(obs.download(ROW)) == 40
    assert len(sessions) == 2


def test_a2_13_where_credentials_are_looked_for(monkeypatch):
    folder = paths.configs_folder()
    assert dict(find_credentials("ZTF", {})) == {}
    monkeypatch.setenv("ZTF_USERNAME", "env")
    assert dict(find_credentials("ZTF", {})) == {}
    monkeypatch.setenv("ZTF_PASSWORD", "p")
    assert find_credentials("ZTF", {})["username"] == "env"
    (folder / "credentials.yaml").write_text("ztf: {username: file, password: q}")
    assert find_credentials("ZTF", {})["username"] == "file"
    (folder / "others.yaml").write_text("irsa: {username: third, password: r}")
    given = {"filename": "others.yaml", "key": "irsa"}
    assert VirtualZTF(credentials=given).find_credentials()["username"] == "third"
    assert find_credentials("ZTF", {"username": "given", "password": "s"})["username"] == "given"
    with pytest.raises(FileNotFoundError):
        find_credentials("ZTF", {"filename": "nowhere.yaml"})
    with pytest.raises(InvalidRequestError, match="cfg_key"):
        find_credentials("ZTF", {"filename": "others.yaml", "key": "no"})


def test_heliocentric_times_of_the_sample_say_that_mjd_is_the_start(shared):
    """What `test_times_are_in_the_middle_of_exposures` relies on, from the data themselves."""
    from astropy import units as u
    from astropy.coordinates import EarthLocation, SkyCoord

    table = Table.read(shared / "data" / "ztf" / "ZTF_lightcurve.csv", format="ascii.csv")[::100]
    place = SkyCoord(table["ra"], table["dec"], unit="deg")
    palomar = EarthLocation.from_geodetic(-116.863 * u.deg, 33.356 * u.deg, 1712 * u.m)
    start = Time(np.array(table["mjd"]), format="mjd", scale="utc", location=palomar)
    light = start.light_travel_time(place, "heliocentric").to_value(u.s)
    offset = (np.array(table["hjd"]) - 2400000.5 - np.array(table["mjd"])) * 86400 - light
    np.testing.assert_allclose(offset, np.array(table["exptime"]) / 2, atol=0.2)
