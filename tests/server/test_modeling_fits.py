from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from astroquery_mmdc.server import LocalServer

from .conftest import FakeEngine
from .modeling_calls import ME, fit, result


def test_a_fit(http: httpx.Client) -> None:
    response = fit(http, fixed_parameters=json.dumps({"log_B": -1.5}))
    assert response.status_code == 202
    job = response.json()["batch_result_id"]
    answer = result(http, job, headers={"Prefer": "wait=5"})
    body = answer.json()
    assert body["status"] == "done"
    assert body["model_type"] == "SSC"
    assert body["z"] == 0.158
    assert body["fixed_parameters"] == {"log_B": {"value": -1.5, "error": 0.0}}
    assert body["best_parameters"]["log_B"]["error"] == 0.1
    assert body["uploaded_file"]["frequency"] == [1e12, 1e15]
    assert body["csv_best_parameters_link"] is None
    assert http.get(body["pdf_link"]).content == b"%PDF-1.4"
    assert http.get(body["pdf_link"]).headers["content-type"] == "application/pdf"
    assert http.get(body["csv_best_model_link"]).text == "nu,nuFnu\n"
    assert http.get(body["pdf_link"].replace("pdf", "doc")).status_code == 404


def test_a_fit_that_runs(http: httpx.Client, engine: FakeEngine) -> None:
    engine.go.clear()
    job = fit(http).json()["batch_result_id"]
    body = result(http, job).json()
    assert body["status"] in ("queued", "running")
    assert body["data"] is body["pdf_link"] is None
    engine.go.set()
    answer = result(http, job, headers={"Prefer": "wait=10"})
    assert answer.json()["status"] == "done"


def test_a_fit_that_fails(http: httpx.Client, engine: FakeEngine) -> None:
    engine.fails = True
    job = fit(http).json()["batch_result_id"]
    result(http, job, headers={"Prefer": "wait=5"})
    body = result(http, job).json()
    assert body["status"] == "error"
    assert body["code"] == "internal"
    assert "the server made a mistake" in body["error"]
    assert "convergence" not in json.dumps(body)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"z": "x"}, "z"),
        ({"ebl": ""}, "ebl"),
        ({"model_type": "x"}, "model_type"),
        ({"fixed_parameters": "{"}, "fixed_parameters"),
        ({"fixed_parameters": "[1]"}, "fixed_parameters"),
        ({"fixed_parameters": "[" * 100_000}, "fixed_parameters"),
        ({"fixed_parameters": '{"log_B": 77}'}, "log_B"),
        ({"model_type": "HADRONIC"}, "likelihood_type"),
        ({"likelihood_type": "maximum"}, "likelihood_type"),
        ({"model_type": "HADRONIC", "likelihood_type": "poisson", "dt": "1"}, "n_icecube"),
        ({"model_type": "HADRONIC", "likelihood_type": "chi2", "x1": "1", "x2": "2"}, "y"),
        ({"n_icecube": "some"}, "n_icecube"),
        ({"dt": "-1"}, "dt"),
    ],
)
def test_bad_fits(http: httpx.Client, changes: dict[str, str], field: str) -> None:
    response = fit(http, **changes)
    assert response.status_code == 422
    assert field in response.json()["fields"]


def test_a_hadronic_fit(http: httpx.Client) -> None:
    neutrinos = {"likelihood_type": "poisson", "n_icecube": "3", "dt": "12.0"}
    assert fit(http, model_type="hadronic", **neutrinos).status_code == 202


def test_two_fits_for_each_client(http: httpx.Client, engine: FakeEngine) -> None:
    engine.go.clear()
    assert [fit(http).status_code for _ in range(3)] == [202, 202, 429]
    refused = fit(http)
    assert refused.headers["retry-after"] == "120"
    assert refused.json()["error"] == "too_many_requests"
    assert fit(http, headers={"X-MMDC-Client": "another"}).status_code == 202
    with_key = {"X-API-Key": "tier-one"}
    assert [fit(http, headers=with_key).status_code for _ in range(6)] == [202] * 5 + [429]


def test_an_ended_fit_makes_room(http: httpx.Client) -> None:
    for _ in range(4):
        job = fit(http).json()["batch_result_id"]
        result(http, job, headers={"Prefer": "wait=5"})
        assert result(http, job).json()["status"] == "done"


def test_the_same_idempotency_key_is_the_same_fit(http: httpx.Client, engine: FakeEngine) -> None:
    key = {"Idempotency-Key": "abc"}
    jobs = {fit(http, headers=key).json()["batch_result_id"] for _ in range(4)}
    assert len(jobs) == 1
    result(http, jobs.pop(), headers={"Prefer": "wait=5"})
    assert engine.fits == 1
    other = {"Idempotency-Key": "abc", "X-MMDC-Client": "another"}
    assert fit(http, headers=other).json()["batch_result_id"] not in jobs


def test_waits_for_fits_are_limited(http: httpx.Client, engine: FakeEngine) -> None:
    engine.go.clear()
    job = fit(http).json()["batch_result_id"]
    with ThreadPoolExecutor(5) as pool:
        names = [{"Prefer": "wait=1", "X-MMDC-Client": name} for name in "aaabb"]
        answers = list(pool.map(lambda headers: result(http, job, headers=headers), names))
    held = ["preference-applied" in answer.headers for answer in answers]
    assert sum(held) == 3
    assert sum(held[:3]) <= 2
    assert {answer.headers.get("retry-after") for answer in answers} == {None, "2"}


def test_results_are_deleted_after_fifteen_days() -> None:
    with LocalServer(engine=FakeEngine()) as server, httpx.Client(base_url=server.url) as http:
        job = fit(http, headers=ME).json()["batch_result_id"]
        server.app.state.site.fits.get(job).submitted -= timedelta(days=15, seconds=1)
        assert result(http, job).status_code == 404
        assert result(http, job).status_code == 404


def test_leaving_does_not_wait_for_fits() -> None:
    engine = FakeEngine()
    engine.go.clear()
    with LocalServer(engine=engine) as server, httpx.Client(base_url=server.url) as http:
        job = fit(http, headers=ME).json()["batch_result_id"]
        fits = server.app.state.site.fits
    assert fits.get(job).status == "cancelled"
    engine.go.set()
