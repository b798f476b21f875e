from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from astroquery_mmdc.server import LocalServer

from .sed_calls import MRK421, MRK501, PATH, get, post

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
