from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from astroquery_mmdc.server import LocalServer
from tests.ssc_parameters import SSC

from .conftest import FakeEngine
from .modeling_calls import BASE, CSV, FIT, ME, RUN, fit, upload


@pytest.fixture
def plain(client: httpx.Client) -> httpx.Client:
    client.headers.update(ME)
    return client


# ---------------------------------------------------------------- identification


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "unidentified"),
        ({"User-Agent": "curl/8"}, "unidentified"),
        ({"User-Agent": "astro-mmdc/0.2.3"}, "sdk_outdated"),
        ({"User-Agent": "astro-mmdc/0.1"}, "sdk_outdated"),
        ({"X-API-Key": "wrong"}, "invalid_api_key"),
        ({"X-API-Key": "wrong", "X-MMDC-Client": "me"}, "invalid_api_key"),
    ],
)
@pytest.mark.parametrize(
    "path", ["inference/", "validate_csv/", "csv_to_json/", "batch_inference/"]
)
def test_who_is_refused(
    client: httpx.Client, path: str, headers: dict[str, str], reason: str
) -> None:
    response = client.post(BASE + path, headers=headers)
    assert response.status_code == 426
    assert response.headers["x-mmdc-min-version"] == "0.2.4"
    body = response.json()
    assert body["error"] == "upgrade_required"
    assert body["reason"] == reason
    assert body["min_sdk_version"] == "0.2.4"
    assert body["detail"]
    assert "wrong" not in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {"X-MMDC-Client": "me"},
        {"User-Agent": "astro-mmdc/0.2.4"},
        {"User-Agent": "astro-mmdc/0.2.13"},
        {"User-Agent": "astro-mmdc/1.0"},
        {"X-API-Key": "tier-one"},
    ],
)
def test_who_is_let_through(headers: dict[str, str]) -> None:
    with LocalServer(api_keys={"tier-one": 5}) as server:
        response = httpx.post(server.url + BASE + "validate_csv/", headers=headers)
    assert response.status_code == 400  # there is no file


def test_identification_can_be_switched_off() -> None:
    with LocalServer(identification=False, engine=None) as server:
        response = httpx.post(server.url + BASE + "inference/", json=RUN)
    assert response.status_code == 501


def test_results_may_be_asked_for_by_anybody(client: httpx.Client) -> None:
    assert client.get(BASE + "batch_result/nothing/").status_code == 404


# ---------------------------------------------------------------- CSV


def test_a_valid_csv(plain: httpx.Client) -> None:
    body = upload(plain, "validate_csv/", CSV).json()
    assert body == {
        "success": True,
        "message": "CSV file is valid",
        "data_points": 2,
        "columns": ["frequency", "flux", "flux_err"],
        "frequency_range": [1e12, 1e15],
        "flux_range": [1e-11, 2e-11],
        "preview": [
            {"frequency": 1e12, "flux": 1e-11, "flux_err": 1e-12},
            {"frequency": 1e15, "flux": 2e-11, "flux_err": 1e-12},
        ],
    }


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbffrequency,flux,flux_err\r\n1e12,1e-11,1e-12\r\n",
        b"flux_err, frequency , name,flux\n1e-12,1e12,x,1e-11\n",
        b"freq_hz,nufnu,nufnu_err,is_ul\n1e12,1e-11,1e-12,false\n1e13,1e-11,1e-12,true\n",
        b"frequency,flux,flux_err,flag\n1e12,1e-11,1e-12,Det\n1e13,1e-11,1e-12,UL\n",
        b"frequency,flux,flux_err\n1e12,1e-11,1e-12\n1e13,1e-11,\n1e14,inf,1\n-1,1,1\n1,nan,1\n2\n",
    ],
)
def test_what_counts_as_a_point(plain: httpx.Client, content: bytes) -> None:
    expected = {"frequency": [1e12], "flux": [1e-11], "flux_err": [1e-12]}
    assert upload(plain, "csv_to_json/", content).json() == expected


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"frequency,flux\n1,2\n", "missing_columns"),
        (b"Frequency,Flux,Flux_err\n1,2,3\n", "missing_columns"),
        (b"frequency,flux,flux_err\n1e12,bright,1\n", "invalid_values"),
        (b"frequency,flux,flux_err\n", "no_valid_rows"),
        (b"frequency,flux,flux_err\n1,1,0\n", "no_valid_rows"),
        (b"\xff\xfe\x00", "not_csv"),
    ],
)
@pytest.mark.parametrize("path", ["validate_csv/", "csv_to_json/", "batch_inference/"])
def test_bad_csv(plain: httpx.Client, path: str, content: bytes, kind: str) -> None:
    response = upload(plain, path, content, **FIT)
    assert response.status_code == 422
    body = response.json()
    assert body["validation_type"] == kind
    assert body["error"]


def test_a_missing_column_is_named(plain: httpx.Client) -> None:
    body = upload(plain, "validate_csv/", b"frequency,flux\n1,2\n").json()
    assert body["missing_columns"] == ["flux_err"]
    assert "flux_err" in body["error"]


def test_no_file(plain: httpx.Client) -> None:
    for path in ("validate_csv/", "csv_to_json/", "batch_inference/"):
        response = plain.post(BASE + path, data={"file": "not a file"})
        assert response.status_code in (400, 422)
        assert "file" in response.json()["fields"]


# ---------------------------------------------------------------- model runs


def test_a_model_run(http: httpx.Client) -> None:
    body = http.post(BASE + "inference/", json=RUN).json()
    assert body["data"]["best"] == {"nu": [1e12, 1e15], "nuFnu": [1e-12, 0.158]}


def test_without_an_engine() -> None:
    with (
        LocalServer(engine=None) as server,
        httpx.Client(base_url=server.url, headers=ME) as plain,
    ):
        for response in (plain.post(BASE + "inference/", json=RUN), fit(plain)):
            assert response.status_code == 501
            assert response.json()["error"] == "not_implemented"
            assert "started without an engine" in response.json()["detail"]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # An environment without numba takes minutes to make.
    monkeypatch.setattr("astroquery_mmdc.server.emission_engine._NEEDED", ("scipy", "no_numba"))
    with LocalServer() as server:
        response = httpx.post(server.url + BASE + "inference/", json=RUN, headers=ME)
    assert response.status_code == 501
    assert "no_numba is not installed" in response.json()["detail"]
    assert "astroquery_mmdc[model]" in response.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"z": 0}, "z"),
        ({"z": 5.0}, "z"),
        ({"z": None}, "z"),
        ({"z": 11, "ebl": False}, "z"),
        ({"ebl": None}, "ebl"),
        ({"ebl": "perhaps"}, "ebl"),
        ({"model_type": "SSD"}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"parameters": None}, "parameters"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {**SSC, "log_B": 99}}, "log_B"),
        ({"parameters": {**SSC, "log_B": "x"}}, "log_B"),
        ({"parameters": {**SSC, "log_b": 1}}, "log_b"),
    ],
)
def test_bad_model_runs(plain: httpx.Client, changes: dict[str, Any], field: str) -> None:
    response = plain.post(BASE + "inference/", json={**RUN, **changes})
    assert response.status_code == 422
    body = response.json()
    assert body["validation_type"] == "invalid_parameters"
    assert field in body["fields"]


def test_a_model_type_in_any_case(http: httpx.Client) -> None:
    assert http.post(BASE + "inference/", json={**RUN, "model_type": "ssc"}).status_code == 200


def test_five_model_runs_at_once_are_one_too_many(http: httpx.Client, engine: FakeEngine) -> None:
    engine.go.clear()
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(http.post, BASE + "inference/", json=RUN) for _ in range(6)]
        while sum(answer.done() for answer in answers) < 2:
            time.sleep(0.02)
        engine.go.set()
    refused = [answer.result() for answer in answers if answer.result().status_code == 429]
    assert len(refused) == 2
    assert refused[0].headers["retry-after"] == "10"
    assert http.post(BASE + "inference/", json=RUN).status_code == 200
