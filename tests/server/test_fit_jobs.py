"""Fits as jobs: kept on the disk, taken up after a restart, refused or ended in clear words."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.engine import FitOutcome, FitRequest, FitRun

from .conftest import FakeEngine

BASE = "/api/modeling/"
CSV = b"frequency,flux,flux_err\n1e12,1e-11,1e-12\n1e15,2e-11,1e-12\n"
FIT = {"z": "0.158", "ebl": "true", "model_type": "SSC"}
ME = {"X-MMDC-Client": "tests"}


class CountingEngine(FakeEngine):
    """Counts in its folder how often it was run there."""

    def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
        run.report({"stage": "counting", "done": 1, "total": 2})
        with (run.folder / "runs").open("a") as runs:
            runs.write("x")
        self.runs = (run.folder / "runs").read_text()
        return super().fit(request, run)


@pytest.fixture
def engine() -> Iterator[CountingEngine]:
    engine = CountingEngine()
    yield engine
    engine.go.set()


def send(server: LocalServer, content: bytes = CSV, **headers: str) -> httpx.Response:
    return httpx.post(
        server.url + BASE + "batch_inference/",
        files={"file": ("data.csv", content)},
        data=FIT,
        headers={**ME, **headers},
    )


def submit(server: LocalServer, content: bytes = CSV, **headers: str) -> str:
    response = send(server, content, **headers)
    assert response.status_code == 202, response.text
    job: str = response.json()["batch_result_id"]
    return job


def ask(server: LocalServer, job: str, wait: int = 0) -> dict[str, Any]:
    response = httpx.get(
        server.url + BASE + f"batch_result/{job}/", headers={"Prefer": f"wait={wait}"}, timeout=30
    )
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def until(server: LocalServer, job: str, status: str) -> dict[str, Any]:
    for _ in range(1500):
        body = ask(server, job)
        if body["status"] == status:
            return body
        time.sleep(0.02)
    msg = f"{job} never became {status}, it is {body['status']}"
    raise AssertionError(msg)


# ---------------------------------------------------------------- restarts


def test_a_result_outlives_the_server(engine: CountingEngine, tmp_path: Path) -> None:
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        job = submit(server)
        before = ask(server, job, wait=5)
    with LocalServer(engine=None, jobs=tmp_path) as server:
        after = ask(server, job)
        assert after["status"] == "done"
        assert after["data"] == before["data"]
        assert httpx.get(after["pdf_link"]).content == b"%PDF-1.4"
        assert httpx.get(after["csv_best_model_link"]).text == "nu,nuFnu\n"


def test_a_fit_goes_on_after_a_restart(engine: CountingEngine, tmp_path: Path) -> None:
    engine.go.clear()
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        running, queued = submit(server), submit(server, CSV + b"1e16,2e-11,1e-12\n")
        until(server, running, "running")
        assert ask(server, queued)["queue_position"] == 1
    engine.go.set()
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        assert ask(server, queued, wait=10)["status"] == "done"
        assert ask(server, running, wait=10)["status"] == "done"
    assert engine.fits == 3


def test_whoever_waits_when_the_server_stops_is_answered(
    engine: CountingEngine, tmp_path: Path
) -> None:
    engine.go.clear()
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        job = submit(server)
        until(server, job, "running")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, server, job, wait=20)
            waits = server.app.state.site.fit_waits._taken
            while not waits.total():
                time.sleep(0.02)
            server._server.should_exit = True
            assert answer.result()["status"] in ("running", "queued")


def test_the_same_fit_after_a_failure_works_in_the_same_folder(engine: CountingEngine) -> None:
    engine.fails = True
    with LocalServer(engine=engine) as server:
        assert ask(server, submit(server), wait=5)["status"] == "error"
        engine.fails = False
        assert ask(server, submit(server), wait=5)["status"] == "done"
        assert engine.runs == "xx"
        assert ask(server, submit(server), wait=5)["status"] == "done"
        assert engine.runs == "x"  # a fit that is done leaves nothing to go on from


def test_the_same_fit_at_the_same_time_works_in_another_folder(engine: CountingEngine) -> None:
    engine.go.clear()
    with LocalServer(engine=engine, fit_workers=2) as server:
        jobs = [submit(server), submit(server)]
        for job in jobs:
            until(server, job, "running")
        assert engine.runs == "x"
        engine.go.set()
        assert {ask(server, job, wait=5)["status"] for job in jobs} == {"done"}


def test_a_key_is_remembered_after_a_restart(engine: CountingEngine, tmp_path: Path) -> None:
    key = {"Idempotency-Key": "abc"}
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        job = submit(server, **key)
        ask(server, job, wait=5)
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        assert submit(server, **key) == job
    assert engine.fits == 1


def test_a_fit_that_ends_the_server_each_time_is_given_up(
    engine: CountingEngine, tmp_path: Path
) -> None:
    engine.go.clear()
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        job = submit(server)
        until(server, job, "running")
    path = tmp_path / job / "job.json"
    record = json.loads(path.read_text())
    assert (record["status"], record["attempts"]) == ("queued", 0)
    path.write_text(json.dumps({**record, "status": "running", "attempts": 3}))
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        body = ask(server, job)
    assert (body["status"], body["code"]) == ("failed", "interrupted")
    assert "3 times" in body["error"]


def test_damaged_and_old_records_are_removed(engine: CountingEngine, tmp_path: Path) -> None:
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        old, damaged, good = _three(server)
    record = json.loads((tmp_path / old / "job.json").read_text())
    record["submitted"] = "2020-01-01T00:00:00Z"
    (tmp_path / old / "job.json").write_text(json.dumps(record))
    (tmp_path / damaged / "job.json").write_text('{"id": ')
    work = tmp_path / "work" / "left"
    work.mkdir(parents=True)
    os.utime(work, (0, 0))
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        assert ask(server, good)["status"] == "done"
        for job in (old, damaged):
            assert httpx.get(server.url + BASE + f"batch_result/{job}/").status_code == 404
            assert not (tmp_path / job).exists()
    assert not work.exists()


def _three(server: LocalServer) -> list[str]:
    jobs = []
    for _ in range(3):
        jobs.append(submit(server))
        ask(server, jobs[-1], wait=5)
    return jobs


def test_expired_fits_leave_the_disk(engine: CountingEngine, tmp_path: Path) -> None:
    with LocalServer(engine=engine, jobs=tmp_path) as server:
        job = submit(server)
        ask(server, job, wait=5)
        server.app.state.site.fits.get(job).submitted -= timedelta(days=15, seconds=1)
        assert httpx.get(server.url + BASE + f"batch_result/{job}/").status_code == 404
    assert not (tmp_path / job).exists()


def test_one_folder_for_two_servers_is_refused(tmp_path: Path) -> None:
    refusal = pytest.raises(InvalidRequestError, match=r"jobs: .* is in use by another server")
    with LocalServer(jobs=tmp_path), refusal:
        LocalServer(jobs=tmp_path)
    with LocalServer(jobs=tmp_path):
        pass


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequestError, match=r"jobs: .* cannot be used"):
        LocalServer(jobs=tmp_path / "file")


def test_without_a_folder_nothing_is_left(engine: CountingEngine) -> None:
    with LocalServer(engine=engine) as server:
        ask(server, submit(server), wait=5)
        folder = server.app.state.site.fits._records.folder
        assert folder.is_dir()
    assert not folder.exists()


# ---------------------------------------------------------------- progress and failures


def test_how_far_a_fit_is(engine: CountingEngine) -> None:
    engine.go.clear()
    with LocalServer(engine=engine) as server:
        job = submit(server)
        until(server, job, "running")
        body = ask(server, job)
        assert body["progress"] == {"stage": "counting", "done": 1, "total": 2}
        engine.go.set()
        assert "progress" not in ask(server, job, wait=5)


def test_words_of_the_package_reach_the_client() -> None:
    class Refusing(FakeEngine):
        def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
            msg = f"data: {len(request.points.flux)} points and 7 free parameters; fix some"
            raise InvalidRequestError(msg, parameter="data")

    with LocalServer(engine=Refusing()) as server:
        body = ask(server, submit(server), wait=5)
    assert (body["status"], body["code"]) == ("failed", "invalid")
    assert body["error"] == "data: 2 points and 7 free parameters; fix some"


def test_a_code_of_a_failure_is_kept() -> None:
    class Slow(FakeEngine):
        def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
            msg = "too slow"
            raise JobFailedError(msg, code="timeout")

    with LocalServer(engine=Slow()) as server:
        assert ask(server, submit(server), wait=5)["code"] == "timeout"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk(
    engine: CountingEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        Path("/dev/full").write_bytes(b"x")

    with LocalServer(engine=engine, jobs=tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr("astroquery_mmdc.server.fit_records.write_atomic", full)
            response = send(server)
            assert response.status_code == 507
            assert "No space left on device" in response.json()["detail"]
        engine.go.clear()
        job = submit(server)
        until(server, job, "running")
        with monkeypatch.context() as patch:
            patch.setattr("astroquery_mmdc.server.fit_records.write_atomic", full)
            engine.go.set()
            body = ask(server, job, wait=5)
        assert (body["status"], body["code"]) == ("failed", "storage")
        assert "No space left on device" in body["error"]
        assert ask(server, submit(server), wait=5)["status"] == "done"
        assert engine.runs == "xx"


def test_upper_limits_reach_the_engine() -> None:
    class Looking(FakeEngine):
        def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
            self.request = request
            return super().fit(request, run)

    engine = Looking()
    content = (
        b"freq_hz,nufnu,nufnu_err,is_ul\n1e12,1e-11,1e-12,false\n1e13,1e-11,0,true\n"
        b"1e14,2e-11,1e-12,true\n1e15,-1,,true\n"
    )
    with LocalServer(engine=engine) as server:
        body = ask(server, submit(server, content), wait=5)
    assert body["uploaded_file"]["frequency"] == [1e12]
    assert engine.request.limits.as_json() == {
        "frequency": [1e13, 1e14],
        "flux": [1e-11, 2e-11],
        "flux_err": [0.0, 1e-12],
    }


def test_the_folder_may_vanish(engine: CountingEngine, tmp_path: Path) -> None:
    with LocalServer(engine=engine, jobs=tmp_path / "jobs") as server:
        first = submit(server)
        ask(server, first, wait=5)
        shutil.rmtree(tmp_path / "jobs" / first)
        assert httpx.get(server.url + BASE + f"batch_result/{first}/").status_code == 404
        assert ask(server, submit(server), wait=5)["status"] == "done"
