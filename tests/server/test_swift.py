from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from astroquery_mmdc.server import LocalServer, ObservationStore

from .conftest import make_observations

PATH = "/api/madam_analysis/"
HERE = {"ra": 10.0, "dec": 10.0}
WINDOW = {"mjd_start": 59000.0, "mjd_end": 59100.0}

# Each measurement comes twice: as a light-curve row and as an SED row.
ROWS = make_observations(
    ra=[10.0] * 7,
    dec=[10.0] * 6 + [10.0 + 6 / 3600],
    catalog=["MMDCOUV", "MMDCOUV", "MMDCXRT", "MMDCXRT", "MMDCXRT_ORBIT", "ZTF", "MMDCOUV"],
    is_lightcurve=[True, False, True, False, False, True, True],
    obsid=["00030375224"] * 2 + ["00030375225"] * 3 + [None, "00030375299"],
    mjd_mid=[59050.0, None, 59060.0, None, None, 59070.0, 59050.0],
    mjd_start=[None, 59049.9, None, 59059.9, 59059.9, None, None],
    mjd_end=[None, 59050.1, None, 59060.1, 59060.1, None, None],
)


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with (
        LocalServer(ObservationStore(ROWS)) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        yield http


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"instrument": "uvot", **WINDOW}, [1, 2]),
        (WINDOW, [1, 2]),
        ({"instrument": "xrt", **WINDOW}, [3, 4, 5]),
        ({"instrument": "xrt", "orbit": False, **WINDOW}, [3, 4]),
        ({"instrument": "swift", **WINDOW}, [1, 2, 3, 4, 5]),
        ({"obsids": ["00030375224"]}, [1, 2]),
        ({"obsids": ["30375224"]}, [1, 2]),
        ({"instrument": "swift", "obsids": ["00030375224", "00030375225"]}, [1, 2, 3, 4, 5]),
    ],
)
def test_what_the_store_covers_is_answered_at_once(
    http: httpx.Client, request_: dict[str, Any], expected: list[int]
) -> None:
    response = http.post(PATH, json={**HERE, **request_})
    assert response.status_code == 200
    body = response.json()
    assert body["cached"] is True
    assert body["status"] == "done"
    assert [row["id"] for row in body["results"]] == expected
    assert body["count"] == len(expected)


def test_x_ray_rows_by_observation(http: httpx.Client) -> None:
    body = http.post(PATH, json={**HERE, **WINDOW, "instrument": "xrt"}).json()
    (observation,) = body["xrt_observations"]
    assert observation["obsid"] == "00030375225"
    assert observation["mjd"] == 59059.9
    assert [row["id"] for row in observation["points"]] == [3, 4, 5]
    assert observation["fits"] is None
    assert "xrt_observations" not in http.post(PATH, json={**HERE, **WINDOW}).json()


def test_a_limit_caps_the_rows(http: httpx.Client) -> None:
    body = http.post(PATH, json={**HERE, **WINDOW}, params={"limit": 1}).json()
    assert (len(body["results"]), body["count"]) == (1, 2)
    job = http.get(f"{PATH}{body['uuid']}/", params={"limit": 1}).json()
    assert (len(job["results"]), job["count"]) == (1, 2)


@pytest.mark.parametrize(
    "request_",
    [
        {"mjd_start": 58000.0, "mjd_end": 58100.0},
        {"obsids": ["00030375224", "00000000001"]},
        {**WINDOW, "force": True},
    ],
)
def test_the_rest_ends_without_data(http: httpx.Client, request_: dict[str, Any]) -> None:
    response = http.post(PATH, json={**HERE, **request_, "source_name": "Here"})
    assert response.status_code == 202
    body = response.json()
    assert body == {"uuid": body["uuid"], "status": "processing", "cached": False}
    job = http.get(f"{PATH}{body['uuid']}/").json()
    assert job["status"] == "no_data"
    assert job["results"] == []
    assert job["source_name"] == "Here"
    assert job["finished_at"]
    bare = http.get(f"{PATH}{body['uuid']}/", params={"include_results": "false"}).json()
    assert "results" not in bare


def test_states_of_a_job() -> None:
    with LocalServer(swift_seconds=0.3) as server, httpx.Client(base_url=server.url) as http:
        body = {**HERE, "obsids": ["00000000001"]}
        first = http.post(PATH, json=body).json()
        job = http.get(f"{PATH}{first['uuid']}/").json()
        assert job["status"] == "processing"
        assert job["mode"] == "obsid"
        assert "results" not in job
        again = http.post(PATH, json={**body, "source_name": "named"}).json()
        assert again == first
        while http.get(f"{PATH}{first['uuid']}/").json()["status"] == "processing":
            time.sleep(0.02)
        ended = http.post(PATH, json=body).json()
        assert (ended["uuid"], ended["status"], ended["cached"]) == (first["uuid"], "no_data", True)
        assert http.post(PATH, json={**body, "force": True}).json()["uuid"] != first["uuid"]


def test_shape_of_a_job(http: httpx.Client) -> None:
    uuid = http.post(PATH, json={**HERE, **WINDOW, "instrument": "xrt"}).json()["uuid"]
    job = http.get(f"{PATH}{uuid}/").json()
    assert job["mode"] == "time_range"
    assert (job["mjd_start"], job["mjd_end"], job["obsids"]) == (59000.0, 59100.0, None)
    assert (job["orbit"], job["rows_ingested"], job["exit_code"]) == (True, 3, 0)
    assert len(job["xrt_observations"]) == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "mjd_start"),
        ({"mjd_start": 59000}, "mjd_end"),
        ({"mjd_end": 59000}, "mjd_start"),
        ({**WINDOW, "obsids": ["1"]}, "mjd_start"),
        ({"obsids": []}, "mjd_start"),
        ({"obsids": "00030375224"}, "obsids"),
        ({"obsids": [1.5]}, "obsids"),
        ({"obsids": ["1"] * 61}, "obsids"),
        ({"mjd_start": 54682.6, "mjd_end": 55000}, "mjd_start"),
        ({"mjd_start": 59100, "mjd_end": 59000}, "mjd_start"),
        ({"mjd_start": "x", "mjd_end": 59000}, "mjd_start"),
        ({"mjd_start": 59000, "mjd_end": 59366, "instrument": "xrt"}, "mjd_end"),
        ({"mjd_start": 59000, "mjd_end": 59366, "instrument": "swift"}, "mjd_end"),
        ({**WINDOW, "instrument": "bat"}, "instrument"),
        ({**WINDOW, "orbit": True}, "orbit"),
        ({**WINDOW, "orbit": False, "instrument": "swift"}, "orbit"),
        ({**WINDOW, "dec": 100}, "dec"),
        ({**WINDOW, "ra": None}, "ra"),
    ],
)
def test_bad_requests(http: httpx.Client, request_: dict[str, Any], field: str) -> None:
    response = http.post(PATH, json={**HERE, **request_})
    assert response.status_code == 400
    assert field in response.json()["fields"]


def test_a_long_window_is_fine_for_uvot(http: httpx.Client) -> None:
    window = {"mjd_start": 54682.6553, "mjd_end": 60000}
    assert http.post(PATH, json={**HERE, **window}).status_code == 200


def test_unknown_ids_and_bad_queries(http: httpx.Client) -> None:
    assert http.get(PATH + "nothing/").status_code == 404
    assert http.get(PATH + "nothing/", params={"limit": "x"}).status_code == 400
