"""``mmdc mmoda`` in processes of its own, against our dispatcher and the real one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import httpx
import pytest
from astropy.io import fits

from astroquery_mmdc.mmoda.tokens import decode_token
from astroquery_mmdc.server import LocalServer
from tests.mmoda.conftest import make_token
from tests.notebooks.helpers import write_notebook
from tests.processes import running
from tests.server.test_dispatcher import make_store

MMDC = [sys.executable, "-c", "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"]


@pytest.fixture(scope="module")
def ours():
    with LocalServer(make_store(), engine=None) as server:
        yield server.url + "/dispatch-data"


@pytest.fixture
def run(ours, python_env, tmp_path):
    home = {"HOME": str(tmp_path), "COLUMNS": "120"}

    def call(*arguments, url=ours, **env):
        return subprocess.run(
            [*MMDC, "mmoda", "-u", url, *arguments],
            env={**python_env, **home, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


def test_a45_get_prints_the_description(run):
    listed = run("get")
    assert listed.stdout.split() == ["mmdc_lc", "mmdc_sed", "mmdc_model"]
    described = run("get", "-i", "mmdc_lc")
    assert described.returncode == 0, described.stderr
    assert "query_name: src_query" in described.stdout
    assert " name: RA,  value: 166.113808,  units: deg," in described.stdout
    rows = json.loads(run("describe", "mmdc_lc", "mmdc_lc", "--json").stdout)
    assert {row["name"] for row in rows} >= {"RA", "radius"}


def test_a46_get_saves_products(run, tmp_path):
    arguments = ("get", "-i", "mmdc_lc", "-p", "mmdc_lc", "-a", "src_name=Mrk 421")
    done = run(*arguments, "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "mmdc_lc_0_Mrk421_ZTF_zg: " in done.stdout
    with fits.open(tmp_path / "out" / "mmdc_lc_0_Mrk421_ZTF_zg.fits") as hdus:
        assert hdus[1].data["TIME"].tolist() == [58000.1, 59000.25]
    listed = json.loads(run(*arguments, "--json").stdout)
    assert [one["prod_name"] for one in listed["products"]][2] == "mmdc_lc_2_Mrk421_MMDCGR"


def test_a46_without_waiting_the_job_is_named_and_taken_up(run):
    arguments = ("get", "-nw", "-i", "mmdc_sed", "-p", "mmdc_sed", "-a", "src_name=Mrk 421")
    told = run(*arguments, "--json")
    assert told.returncode == 0, told.stderr
    job_id = json.loads(told.stdout)["job_id"]
    assert job_id in run("jobs").stdout
    assert "mmdc_sed_0_Mrk421" in run("jobs", job_id).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("get", "-i", "nosuch"), 2, "'nosuch' is not known here"),
        (("get", "-i", "mmdc_lc", "-p", "mmdc_lc", "-a", "radius"), 2, "is not NAME=VALUE"),
        (("get", "-i", "mmdc_lc", "-p", "mmdc_lc", "-a", "radius=wide"), 2, "radius"),
        (("token", "inspect"), 1, "token: no valid one is stored"),
        (("jobs", "0123456789abcdef"), 2, "0123456789abcdef"),
    ],
)
def test_a46_errors_are_one_line(run, arguments, status, words):
    done = run(*arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a46_tokens_are_told_modified_and_never_shown(run, tmp_path):
    text = make_token(hours=24, secret=b"a secret for tests")
    told = run("token", "inspect", ODA_TOKEN=text)
    assert "tester@example.org (environment), expires in 24.0 h" in told.stdout
    changed = run(
        *("token", "modify", "-s", "a secret for tests", "--disable-email"),
        *("--new-validity-hours", "48", "--write", "home", "--matrix-room-id", "!r:x"),
        ODA_TOKEN=text,
    )
    assert changed.returncode == 0, changed.stderr
    kept = (tmp_path / ".oda-token").read_text()
    assert (tmp_path / ".oda-token").stat().st_mode & 0o777 == 0o400
    payload = decode_token(kept)
    assert payload["exp"] == pytest.approx(time.time() + 48 * 3600, abs=60)
    assert (payload["mssub"], payload["mxroomid"]) == (False, "!r:x")
    for secret in (text, kept, "a secret for tests"):
        assert secret not in told.stdout + told.stderr + changed.stdout + changed.stderr
    wrong = run("token", "modify", "-s", "another", ODA_TOKEN=text)
    assert wrong.returncode == 1
    assert "signed with another one" in wrong.stderr
    assert run("token", "discard").stdout.startswith("removed from")
    assert not (tmp_path / ".oda-token").exists()


def test_a46_jobs_of_the_dispatcher_are_inspected(run, tmp_path):
    run("get", "-i", "mmdc_sed", "-p", "mmdc_sed")
    done = run("inspect", "-s", "state.json")
    assert done.returncode == 0, done.stderr
    assert "completed  mmdc_sed" in done.stdout
    assert run("inspect", "-l", "-s", "state.json").stdout == done.stdout
    (tmp_path / "other.json").write_text("[]")
    wrong = run("inspect", "-l", "-s", "other.json")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "error: store: other.json holds no records of jobs" in wrong.stderr
    grouped = json.loads(run("inspect", "--group-by-job", "--json").stdout)
    assert grouped[0]["job_status_data"]


def test_serve_notebook_serves_until_it_is_interrupted(python_env, tmp_path):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    path = write_notebook(tmp_path / "double.ipynb", "n = 2 # oda:Integer", "t = 2 * n # oda:Float")
    command = [*MMDC, "mmoda", "serve-notebook", str(path), "--name", "twice", "--port", "0"]
    # Papermill and what it needs may warn of what they like.
    env = {**python_env, "PYTHONWARNINGS": "default"}
    with running(command, stdout=subprocess.PIPE, env=env) as process:
        url = process.stdout.readline().split()[2]
        fields = {"instrument": "twice", "product_type": "double", "n": 21}
        body = {"query_status": "new"}
        deadline = time.monotonic() + 60
        while body["query_status"] not in ("done", "failed") and time.monotonic() < deadline:
            body = httpx.get(url + "/run_analysis", params=fields, timeout=60).json()
        assert body["products"]["text_product_list"][0]["value"] == "42"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
