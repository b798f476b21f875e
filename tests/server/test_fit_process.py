"""Fits of the server's own engine, in processes that are killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from astroquery_mmdc.schema.wire import SED_CSV_HEADER
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.emission_engine import EmissionEngine
from astroquery_mmdc.server.fit_exchange import CHECKPOINT
from tests.processes import running

from .test_fit_jobs import ask, submit, until

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def csv() -> bytes:
    """The sample's SED of Mrk 421, as the service gives it out."""
    with LocalServer() as server:
        job = httpx.post(server.url + "/api/sed/", json={"ra": 166.1138, "dec": 38.2088}).json()
        content = httpx.get(server.url + f"/api/sed/{job['id']}/?format=csv").content
    assert content.decode().splitlines()[0] == ",".join(SED_CSV_HEADER)
    return content


def workers(folder: Path) -> list[int]:
    """Return the processes that work in a folder, and those that these started."""
    sessions = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(part.startswith(os.fsencode(folder)) for part in command):
            sessions.add(int(place.name))
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(state[3]) in sessions and state[0] != "Z":
            found.append(int(place.name))
    return found


def wait_for(what: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def test_data_that_cannot_be_fitted_are_refused_in_words(tmp_path: Path) -> None:
    with LocalServer(jobs=tmp_path) as server:
        body = ask(server, submit(server), wait=25)
    assert (body["status"], body["code"]) == ("failed", "invalid")
    assert "2 detections for 7 free parameters" in body["error"]
    assert body["pdf_link"] is None


def test_a_fit_that_takes_too_long_is_stopped(csv: bytes, tmp_path: Path) -> None:
    with LocalServer(jobs=tmp_path, engine=EmissionEngine(fit_seconds=0.5)) as server:
        body = ask(server, submit(server, csv), wait=25)
        assert workers(tmp_path) == []
    assert (body["status"], body["code"]) == ("failed", "timeout")
    assert "took longer than 0.5 s" in body["error"]


def test_a_killed_worker_fails_its_fit_alone(csv: bytes, tmp_path: Path) -> None:
    with LocalServer(jobs=tmp_path) as server:
        job = submit(server, csv)
        wait_for(lambda: workers(tmp_path))
        os.kill(min(workers(tmp_path)), signal.SIGKILL)
        body = ask(server, job, wait=25)
        assert workers(tmp_path) == []
        assert httpx.get(server.url).status_code == 200
    assert (body["status"], body["code"]) == ("failed", "killed")
    assert "ended by SIGKILL" in body["error"]
    assert "send the same fit again" in body["error"]


def test_stopping_the_server_stops_its_workers(csv: bytes, tmp_path: Path) -> None:
    with LocalServer(jobs=tmp_path) as server:
        submit(server, csv)
        wait_for(lambda: workers(tmp_path))
        start = time.monotonic()
    assert time.monotonic() - start < 12
    assert workers(tmp_path) == []


SERVE = """
import sys
from astroquery_mmdc.server import serve
from astroquery_mmdc.server.emission_engine import EmissionEngine
serve(port=0, jobs=sys.argv[1], engine=EmissionEngine(method="least-squares"),
      ready=lambda url: print(url, flush=True))
"""


def test_a_fit_survives_the_sudden_death_of_the_server(csv: bytes, tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with running(command, stdout=subprocess.PIPE, env=env) as dying:
        assert dying.stdout is not None
        answer = httpx.post(
            dying.stdout.readline().strip() + "/api/modeling/batch_inference/",
            files={"file": ("data.csv", csv)},
            data={"z": "0.031", "ebl": "true", "model_type": "SSC"},
            headers={"X-MMDC-Client": "tests"},
        )
        job = answer.json()["batch_result_id"]
        wait_for(lambda: workers(tmp_path / "work"))
    # Nobody is left to stop the worker: it ends by itself.
    wait_for(lambda: not workers(tmp_path / "work"), 15)
    engine = EmissionEngine(method="least-squares")
    with LocalServer(jobs=tmp_path, engine=engine) as server:
        wait_for(lambda: ask(server, job, wait=25)["status"] not in ("queued", "running"), 120)
        body = ask(server, job)
        assert body["status"] == "done", body
        assert httpx.get(body["pdf_link"]).content.startswith(b"%PDF")


@pytest.mark.slow
def test_a_killed_fit_goes_on_from_its_checkpoint(csv: bytes, tmp_path: Path) -> None:
    with LocalServer(jobs=tmp_path) as server:
        first = submit(server, csv)
        wait_for(lambda: list(tmp_path.glob(f"work/*/{CHECKPOINT}.npz")), 120)
        os.kill(min(workers(tmp_path)), signal.SIGKILL)
        until(server, first, "failed")
        kept = next(tmp_path.glob(f"work/*/{CHECKPOINT}.npz"))
        before = kept.stat().st_ino
        again = submit(server, csv)
        until(server, again, "running")
        assert kept.stat().st_ino == before  # it is not started anew
        wait_for(lambda: ask(server, again, wait=25)["status"] not in ("queued", "running"), 200)
        body = ask(server, again)
        assert body["status"] == "done", body
        assert len(body["equal_weighted_posterior"]) >= 1000
    assert not list(tmp_path.glob("work/*"))
