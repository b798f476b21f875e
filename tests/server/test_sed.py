from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.table import QTable

from astroquery_mmdc.schema.tables import sed_columns
from astroquery_mmdc.schema.wire import SED_CSV_HEADER, UNDATED_MJD
from astroquery_mmdc.server import LocalServer, ObservationStore
from astroquery_mmdc.server.sources import Peak, Source, SourceList

from .conftest import make_observations

PATH = "/api/sed/"
MRK421 = {"ra": 166.113808, "dec": 38.208833}
MRK501 = {"ra": 253.467569, "dec": 39.760169}
NOWHERE = {"ra": 10.0, "dec": 10.0}


@pytest.fixture
def fresh() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server


@pytest.fixture
def slow() -> Iterator[LocalServer]:
    with LocalServer(sed_seconds=0.4) as server:
        yield server


def post(server: LocalServer, body: dict[str, Any], **kwargs: Any) -> httpx.Response:
    return httpx.post(server.url + PATH, json=body, **kwargs)


def get(server: LocalServer, path: str, **kwargs: Any) -> httpx.Response:
    return httpx.get(server.url + PATH + path, **kwargs)


# ---------------------------------------------------------------- the answer


def test_envelope_and_points(client: httpx.Client) -> None:
    response = client.post(PATH, json={**MRK421, "name": "Mkn 421"})
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "done"
    assert body["source"]["name"] == "Mrk 421"
    assert body["source"]["gal_b"] == pytest.approx(65.03, abs=0.01)
    assert body["source"]["redshift"] == 0.03
    sed = body["sed"]
    assert sed["units"] == {"freq_hz": "Hz", "nufnu": "erg cm-2 s-1", "mjd": "MJD"}
    table = QTable(sed_columns(sed))
    assert len(table) == sed["points"] == 105
    assert set(table["catalog"]) >= {"RATAN", "MAGIC", "Swift/XRT"}
    assert (np.diff(table["nu"].value) >= 0).all()
    assert all(set(entry) == {"name", "band", "reference", "color"} for entry in sed["catalogs"])


def test_the_same_rows_as_the_observations(client: httpx.Client) -> None:
    rows = client.get("/api/observations/", params=MRK421).json()
    sed = client.post(PATH, json=MRK421).json()["sed"]
    assert sorted(sed["nufnu"]) == sorted(row["flux"] for row in rows)
    assert sorted(sed["freq_hz"]) == sorted(row["frequency"] for row in rows)


def test_two_decimals_find_the_source(client: httpx.Client) -> None:
    body = client.post(PATH, json={"ra": 166.11, "dec": 38.21}).json()
    assert body["source"]["name"] == "Mrk 421"


def test_undated_points_carry_the_placeholder(client: httpx.Client) -> None:
    sed = client.post(PATH, json=MRK501).json()["sed"]
    assert all(sed["undated"])
    assert set(sed["mjd_start"]) == set(sed["mjd_end"]) == {UNDATED_MJD}
    assert None in sed["nufnu_err"]


def test_no_data(client: httpx.Client) -> None:
    body = client.post(PATH, json={**NOWHERE, "name": "nothing"}).json()
    assert body["status"] == "no_data"
    assert body["sed"]["freq_hz"] == []
    assert body["source"]["name"] == "nothing"


def test_without_points(client: httpx.Client) -> None:
    body = client.post(PATH, json=MRK421, params={"sed": "false"}).json()
    assert "sed" not in body
    assert "sed" not in client.get(f"{PATH}{body['id']}/", params={"sed": "false"}).json()
    assert "sed" in client.get(f"{PATH}{body['id']}/").json()


def test_photon_fluxes_and_doubled_measurements_stay_out() -> None:
    rows = make_observations(
        ra=[10.0] * 5,
        dec=[10.0] * 5,
        catalog=["MMDCGR", "MMDCOUV", "MMDCOUV", "ZTF", "ASAS-SN"],
        is_lightcurve=[True, True, False, True, True],
        mjd_mid=[59000.0, 59001.0, None, 59002.0, 59003.0],
        frequency=[1e23, 5e14, 5e14, 4.7e14, None],
    )
    with LocalServer(ObservationStore(rows)) as server:
        sed = post(server, NOWHERE).json()["sed"]
    names = [sed["catalogs"][number]["name"] for number in sed["catalog_idx"]]
    assert sorted(names) == ["MMDCOUV", "ZTF"]
    ztf = names.index("ZTF")
    assert sed["mjd_start"][ztf] == sed["mjd_end"][ztf] == 59002.0


def test_peak_of_the_source() -> None:
    rows = make_observations(ra=[10.0], dec=[10.0])
    source = Source("Peaked", 10.0, 10.0, peak=Peak(15.2, 0.3))
    with LocalServer(ObservationStore(rows, SourceList([source]))) as server:
        body = post(server, NOWHERE).json()
    assert body["source"]["w_peak"] == {
        "log_nu": 15.2,
        "err": 0.3,
        "limit": None,
        "text": "15.2 +/- 0.3",
    }


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("params", "points"),
    [
        ({}, 105),
        ({"catalogs": "RATAN,MAGIC"}, 14),
        ({"catalogs": "none"}, 0),
        ({"mjd_start": 54916.5, "mjd_end": 54916.5}, 105),  # the middle of 54850 to 54983
        ({"mjd_start": 54917}, 0),
        ({"mjd_end": 54916}, 0),
        ({"undated": "true", "mjd_end": 54916}, 0),
    ],
)
def test_filters(client: httpx.Client, params: dict[str, Any], points: int) -> None:
    body = client.post(PATH, json=MRK421, params=params).json()
    assert body["sed"]["points"] == points
    assert client.get(f"{PATH}{body['id']}/", params=params).json()["sed"]["points"] == points


@pytest.mark.parametrize(
    ("params", "points"),
    [
        ({}, 120),
        ({"undated": "false"}, 0),
        ({"mjd_start": 1, "mjd_end": 99999}, 0),
        ({"mjd_start": 1, "undated": "true"}, 120),
    ],
)
def test_undated_points(client: httpx.Client, params: dict[str, Any], points: int) -> None:
    assert client.post(PATH, json=MRK501, params=params).json()["sed"]["points"] == points


def test_filters_are_repeated(client: httpx.Client) -> None:
    params = {"mjd_start": 50000, "catalogs": "A,B"}
    sed = client.post(PATH, json=MRK421, params=params).json()["sed"]
    assert sed["filters"] == {
        "mjd_start": 50000.0,
        "mjd_end": None,
        "catalogs": ["A", "B"],
        "undated": False,
    }
    assert sed["catalogs"] == []


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ra": 1}, "dec"),
        ({"dec": 1}, "ra"),
        ({"ra": 1, "dec": 91}, "dec"),
        ({"ra": "x", "dec": 1}, "ra"),
        ({"ra": True, "dec": 1}, "ra"),
        ({"ra": [1], "dec": 1}, "ra"),
    ],
)
def test_bad_positions(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["fields"]) == [field]
    assert field in error["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_bodies_that_are_no_object(client: httpx.Client, content: bytes) -> None:
    response = client.post(PATH, content=content)
    assert response.status_code == 400
    assert "body" in response.json()["error"]["fields"]


@pytest.mark.parametrize("params", [{"mjd_start": "x"}, {"mjd_start": 2, "mjd_end": 1}, {"sed": 7}])
def test_bad_filters(client: httpx.Client, params: dict[str, Any]) -> None:
    assert client.post(PATH, json=MRK421, params=params).status_code == 400


def test_unknown_ids(client: httpx.Client) -> None:
    for path in ("nothing/", "jobs/nothing/"):
        response = client.get(PATH + path)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"


def test_bad_events_since(client: httpx.Client) -> None:
    job = client.post(PATH, json=MRK421).json()["id"]
    assert client.get(f"{PATH}jobs/{job}/", params={"events_since": -1}).status_code == 400


# ---------------------------------------------------------------- CSV


def test_csv(client: httpx.Client) -> None:
    job = client.post(PATH, json=MRK501).json()["id"]
    response = client.get(f"{PATH}{job}/", params={"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(response.text))
    assert tuple(header) == SED_CSV_HEADER
    assert len(rows) == 120
    assert {row[3] for row in rows} == {"false"}
    assert {row[4] for row in rows} == {"50000.0"}
    assert sum(row[2] == "" for row in rows) == 8
    filtered = client.get(f"{PATH}{job}/", params={"format": "csv", "undated": "false"})
    assert filtered.text == ",".join(SED_CSV_HEADER) + "\n"


def test_csv_of_an_unfinished_job(slow: LocalServer) -> None:
    job = post(slow, MRK421).json()["id"]
    response = get(slow, f"{job}/", params={"format": "csv"})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "not_ready"


def test_csv_of_a_failed_job(fresh: LocalServer) -> None:
    fresh.faults.fail_sed("timeout")
    job = post(fresh, MRK421).json()["id"]
    response = get(fresh, f"{job}/", params={"format": "csv"})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "failed"


# ---------------------------------------------------------------- jobs


def test_jobs_within_two_arcsec_are_reused(fresh: LocalServer) -> None:
    first = post(fresh, MRK421).json()
    near = post(fresh, {"ra": MRK421["ra"], "dec": MRK421["dec"] + 1.9 / 3600}).json()
    apart = post(fresh, {"ra": MRK421["ra"], "dec": MRK421["dec"] + 2.1 / 3600}).json()
    assert (first["reused"], near["reused"], apart["reused"]) == (False, True, False)
    assert near["id"] == first["id"] != apart["id"]


def test_a_slow_job_from_start_to_end(slow: LocalServer) -> None:
    response = post(slow, MRK421)
    assert response.status_code == 202
    body = response.json()
    assert body["status"] in ("queued", "running")
    assert "sed" not in body
    assert get(slow, f"{body['id']}/").status_code == 202
    stages, events = set(), []
    while True:
        job = get(slow, f"jobs/{body['id']}/", params={"events_since": len(events)}).json()
        events += job["events"]
        assert len(events) == job["events_next"]
        if job["progress"]:
            stages |= job["progress"]["stages"].keys()
        if job["status"] == "done":
            break
        time.sleep(0.05)
    assert stages == {"catalogues", "lightcurves", "finishing"}
    assert events[0]["kind"] == "start"
    assert events[-1] == {**events[-1], "kind": "summary", "points": 105}
    found = {
        event["subject"]: event["points"] for event in events if event.get("kind") == "catalog"
    }
    assert found["RATAN"] == 5
    assert job["elapsed_s"] == pytest.approx(0.4, abs=0.3)
    assert get(slow, f"{body['id']}/").json()["sed"]["points"] == 105


@pytest.mark.parametrize("style", ["header", "query"])
def test_an_answer_is_held_back(slow: LocalServer, style: str) -> None:
    how: dict[str, Any] = {"params": {"wait": 10}}
    if style == "header":
        how = {"headers": {"Prefer": "respond-async, wait=10"}}
    response = post(slow, MRK421, **how)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"
    assert response.json()["status"] == "done"


def test_a_wait_may_end_before_the_job() -> None:
    with LocalServer(sed_seconds=20.0) as server:
        start = time.monotonic()
        response = post(server, MRK421, headers={"Prefer": "wait=1"})
        assert 0.9 < time.monotonic() - start < 5
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=1"


def test_a_long_wait_is_cut_to_the_limit(slow: LocalServer) -> None:
    response = post(slow, MRK421, headers={"Prefer": "wait=900"})
    assert response.headers["preference-applied"] == "wait=25"


def test_waits_are_limited_for_each_client_and_for_all() -> None:
    async def ask(http: httpx.AsyncClient, name: str) -> httpx.Response:
        headers = {"Prefer": "wait=20", "X-MMDC-Client": name}
        return await http.post(PATH, json=MRK421, headers=headers, timeout=30)

    async def ask_all(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url) as http:
            return await asyncio.gather(*(ask(http, name) for name in "aaabbbccc"))

    with LocalServer(sed_seconds=2.0) as server:
        answers = asyncio.run(ask_all(server.url))
    held = ["preference-applied" in answer.headers for answer in answers]
    assert sum(held) == 4
    by_client = [sum(held[start : start + 3]) for start in (0, 3, 6)]
    assert max(by_client) <= 2
    for answer, waited in zip(answers, held, strict=True):
        assert answer.status_code == (200 if waited else 202)
        assert answer.headers.get("retry-after") == (None if waited else "2")


def test_a_place_is_free_again_once_its_client_is_gone() -> None:
    with LocalServer(sed_seconds=20.0) as server:
        for _ in range(6):
            with pytest.raises(httpx.ReadTimeout):
                post(server, MRK421, headers={"Prefer": "wait=25"}, timeout=0.2)
        time.sleep(0.2)
        response = post(server, MRK421, headers={"Prefer": "wait=1"})
        assert response.headers["preference-applied"] == "wait=1"


def test_leaving_does_not_wait_for_jobs() -> None:
    start = time.monotonic()
    with LocalServer(sed_seconds=60.0) as server:
        post(server, MRK421)
        job = next(iter(server.app.state.site.seds._jobs.values()))
    assert time.monotonic() - start < 5
    assert job.error == {"code": "abandoned", "message": "The run was abandoned."}


# ---------------------------------------------------------------- failures and refreshes


def test_a_failed_job_is_not_tried_again_for_half_an_hour(fresh: LocalServer) -> None:
    fresh.faults.fail_sed("pipeline")
    body = post(fresh, MRK421).json()
    assert body["status"] == "failed"
    assert body["error"]["code"] == "pipeline"
    assert 1790 < body["error"]["retry_after_s"] <= 1800
    again = post(fresh, MRK421).json()
    assert (again["id"], again["reused"]) == (body["id"], True)
    job = fresh.app.state.site.seds.get(body["id"])
    job.finished -= timedelta(minutes=31)
    later = post(fresh, MRK421).json()
    assert later["status"] == "done"
    assert later["id"] != body["id"]


def test_a_failed_job_is_tried_again_on_demand(fresh: LocalServer) -> None:
    fresh.faults.fail_sed("internal")
    failed = post(fresh, MRK421).json()
    body = post(fresh, {**MRK421, "refresh": True}).json()
    assert body["status"] == "done"
    assert body["job"]["refresh_of"] == failed["id"]
    assert get(fresh, f"{failed['id']}/").json()["id"] == body["id"]
    assert get(fresh, f"jobs/{failed['id']}/").json()["replaced_by"] == body["id"]


def test_what_cannot_be_queued(fresh: LocalServer) -> None:
    fresh.faults.fail_sed("enqueue")
    response = post(fresh, MRK421)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "30"
    body = response.json()
    assert body["status"] == "failed"
    assert body["error"] == {**body["error"], "code": "enqueue", "retry_after_s": 30}
    assert get(fresh, f"jobs/{body['id']}/").json()["status"] == "failed"
    assert post(fresh, MRK421).json()["status"] == "done"


def test_missed_catalogs(fresh: LocalServer) -> None:
    fresh.faults.missed_catalogs = ("RATAN",)
    body = post(fresh, MRK421).json()
    assert body["job"]["missed_catalogs"] == ["RATAN"]
    assert body["sed"]["points"] == 100
    assert any(event.get("outcome") == "missed" for event in body["job"]["events"])


def test_a_refresh_keeps_the_older_sed_until_it_is_done(slow: LocalServer) -> None:
    old = post(slow, MRK421, headers={"Prefer": "wait=5"}).json()
    new = post(slow, {**MRK421, "refresh": True}).json()
    assert new["status"] in ("queued", "running")
    assert new["job"]["refresh_of"] == old["id"]
    meanwhile = get(slow, f"{old['id']}/").json()
    assert meanwhile["id"] == old["id"]
    assert meanwhile["sed"]["points"] == 105
    assert meanwhile["refresh"]["id"] == new["id"]
    assert meanwhile["refresh"]["status"] in ("queued", "running")
    assert not meanwhile["stale"]
    same = post(slow, {**MRK421, "refresh": True}).json()
    assert (same["id"], same["reused"]) == (new["id"], True)
    assert post(slow, MRK421).json()["id"] == old["id"]
    done = get(slow, f"{new['id']}/", headers={"Prefer": "wait=5"}).json()
    assert done["status"] == "done"
    assert get(slow, f"{old['id']}/").json()["id"] == new["id"]
    assert post(slow, MRK421).json()["id"] == new["id"]


def test_a_refresh_of_a_running_job_is_that_job(slow: LocalServer) -> None:
    first = post(slow, MRK421).json()
    assert post(slow, {**MRK421, "refresh": True}).json()["id"] == first["id"]


def test_a_failed_refresh_leaves_the_older_sed_stale(fresh: LocalServer) -> None:
    old = post(fresh, MRK421).json()
    fresh.faults.fail_sed("timeout")
    failed = post(fresh, {**MRK421, "refresh": True}).json()
    assert failed["status"] == "failed"
    assert failed["job"]["refresh_of"] == old["id"]
    for body in (get(fresh, f"{old['id']}/").json(), post(fresh, MRK421).json()):
        assert body["id"] == old["id"]
        assert body["status"] == "done"
        assert body["stale"]
        assert body["refresh"]["error"]["code"] == "timeout"
    good = post(fresh, {**MRK421, "refresh": True}).json()
    assert good["status"] == "done"
    assert not good["stale"]


def test_an_empty_refresh_fails(fresh: LocalServer) -> None:
    old = post(fresh, MRK501).json()
    fresh.faults.missed_catalogs = ("MWL2009",)
    body = post(fresh, {**MRK501, "refresh": True}).json()
    assert body["error"]["code"] == "empty_refresh"
    assert get(fresh, f"{old['id']}/").json()["stale"]


def test_without_v1() -> None:
    with LocalServer(v1=False) as server:
        assert post(server, MRK421).status_code == 404
        assert get(server, "jobs/x/").status_code == 404
