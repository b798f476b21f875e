"""``mmdc retrieve`` and ``mmdc demo --retriever`` in processes of their own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest
import yaml
from astropy.table import QTable

from tests.processes import running

pytest.importorskip("sqlalchemy", reason="needs the extra 'retriever'")

MMDC = [sys.executable, "-c", "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"]
# Libraries of the extra may warn of what they like; the commands show warnings as lines.
OWN = {"COLUMNS": "120", "PYTHONWARNINGS": "default"}


@pytest.fixture
def env(python_env, tmp_path):
    return {**python_env, **OWN, "HOME": str(tmp_path), "RETRIEVER_DATA": str(tmp_path / "data")}


@pytest.fixture
def run(env, tmp_path):
    def call(*arguments, command="retrieve", **more):
        return subprocess.run(
            [*MMDC, command, *map(str, arguments)],
            env={**env, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


@pytest.fixture
def config(tmp_path):
    """Function that writes a configuration file, of ten made-up sources."""

    def write(*, demo=None, analysis=None, catalog=None, **project):
        content = {
            "project": {"project": "flares", "obs_names": ["demo"], **project},
            "catalog": catalog or {"default": "test"},
            "observatories": {"demo": demo or {}},
            "analysis": analysis or {"num_injections": 20},
        }
        path = tmp_path / "flares.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def status_of(run, path):
    return json.loads(run("status", path, "--json").stdout)


def test_from_a_file_to_begin_with_to_results(run, tmp_path):
    assert run("init", "flares.yaml").stderr == "wrote flares.yaml\n"
    done = run("run", "flares.yaml")
    assert (done.returncode, done.stderr) == (0, f"results: {tmp_path / 'data' / 'FLARES'}\n")
    assert done.stdout.startswith("10 done, 0 failed, 0 skipped, 0 in other sessions, in ")
    again = json.loads(run("run", "flares.yaml", "--json").stdout)
    assert (again["done"], again["skipped"]) == (0, 10)
    told = status_of(run, "flares.yaml")
    assert (told["catalogue"], told["finished"], told["injected"]) == (10, 10, 50)
    for_people = run("status", "flares.yaml").stdout.splitlines()
    assert "finished    10" in for_people
    listed = run("status", "flares.yaml", "--parameters").stdout
    assert "snr_threshold" in listed
    assert "num_injections" in listed


@pytest.mark.parametrize("observatory", ["demo", "ztf", "TESS"])
def test_init_writes_what_a_project_reads(run, tmp_path, observatory):
    assert run("init", "a b.yaml", "--observatory", observatory).returncode == 0
    content = yaml.safe_load((tmp_path / "a b.yaml").read_text())
    assert content["project"]["project"] == "A_B"
    if observatory != "demo":
        assert content["catalog"] == {"filename": str(tmp_path / "my_catalog.csv")}
    again = run("init", "a b.yaml")
    assert again.returncode == 2
    assert again.stderr == "error: config: a b.yaml exists; edit it, or write another one\n"


def test_fetch_downloads_and_analyses_nothing(run, config):
    path = config()
    done = run("fetch", path, "--stop", 4)
    assert (done.returncode, done.stdout) == (0, "DEMO: 4 sources, 0 failed\n")
    assert json.loads(run("fetch", path, "--json").stdout) == [
        {"observatory": "DEMO", "fetched": 10, "failed": 0}
    ]
    assert status_of(run, path)["finished"] == 0
    assert run("run", path).returncode == 0


def test_everything_goes_to_the_database_of_the_project(run, config, tmp_path):
    path = config(database=f"sqlite:///{tmp_path}/own.db")
    for command in ("fetch", "run"):
        assert run(command, path).returncode == 0
    assert (tmp_path / "own.db").exists()
    assert not (tmp_path / "data" / "retriever.db").exists()


def test_detections_as_table_json_and_file(run, config, tmp_path):
    path = config(analysis={"num_injections": 40})
    run("run", path)
    rows = json.loads(run("detections", path, "--simulated", "--json").stdout)
    assert len(rows) == status_of(run, path)["recovered"] > 5
    assert all(abs(row["snr"]) > 5 for row in rows)
    assert [abs(row["snr"]) for row in rows] == sorted((abs(r["snr"]) for r in rows), reverse=True)
    assert run("detections", path, "--simulated", "-o", "events.ecsv").stdout == ""
    table = QTable.read(tmp_path / "events.ecsv")
    assert list(table["source_name"]) == [row["source_name"] for row in rows]
    assert str(table["peak_mag"].unit) == "mag"
    assert rows[0]["source_name"] in run("detections", path, "--simulated").stdout
    assert json.loads(run("detections", path, "--json").stdout) == []


def test_export_to_a_table(run, config, tmp_path):
    path = config()
    run("run", path, "--stop", 3)
    done = run("export", path, "all.ecsv", "--level", "reduced")
    assert (done.returncode, done.stderr) == (0, "wrote all.ecsv\n")
    assert len(QTable.read(tmp_path / "all.ecsv")) == 3 * 100
    again = run("export", path, "all.ecsv")
    assert again.returncode == 2
    assert "error: path: all.ecsv exists" in again.stderr
    assert run("export", path, "all.ecsv", "--overwrite").returncode == 0


def test_errors_are_one_line(run, config):
    path = config()
    wrong = [
        ("run", path, "--source", "nobody"),
        ("export", path, "x.doc"),
        ("init", "x.yaml", "--observatory", "nosuch"),
        ("detections", path, "-o", "x.doc"),
    ]
    for arguments in wrong:
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stderr.startswith("error: "), done.stderr
        assert done.stderr.count("\n") == 1


def test_a_wrong_configuration_is_told_in_one_line(run, tmp_path):
    path = tmp_path / "wrong.yaml"
    for content, words in [
        ("project: {project: a, obs_names: [nosuch]}", "NOSUCH"),
        ("project: {obs_names: [demo]}", "name: a project needs one"),
        ("project: [", "wrong.yaml"),
    ]:
        path.write_text(content)
        done = run("run", path)
        assert done.returncode in (1, 2), done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_failed_source_is_named(run, config):
    path = config(demo={"sim_args": {"nosuch": 1}})
    done = run("run", path, "--stop", 2)
    assert "0 done, 2 failed" in done.stdout
    assert "sim_args: 'nosuch' is not known" in done.stderr
    path = config()
    assert "0 done, 0 failed, 2 skipped" in run("run", path, "--stop", 2).stdout
    assert "2 done, 0 failed" in run("run", path, "--stop", 2, "--retry-failed").stdout


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("command", ["run", "fetch"])
def test_ctrl_c_ends_in_order_and_the_same_command_goes_on(
    run, config, env, tmp_path, command, executor
):
    settings = {"num_threads_download": 1, "source_batch_size": 1, "executor": executor}
    one_by_one = {"num_threads_download": 1, "download_batch_size": 1}
    names = ["name,ra,dec,mag", *(f"S{number},{number},{number},18" for number in range(60))]
    (tmp_path / "sixty.csv").write_text("\n".join(names))
    sixty = {"filename": str(tmp_path / "sixty.csv")}
    path = config(demo={"wait_time": 0.2, **one_by_one}, catalog=sixty, **settings)
    words = [*MMDC, "retrieve", command, path]
    options = {"env": env, "cwd": tmp_path, "stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(words, **options) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "data").rglob("*.h5")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert told.endswith("interrupted; what was finished is kept, the same command goes on\n")
    assert "Traceback" not in told
    assert 0 < len(list((tmp_path / "data" / "DEMO").rglob("*.h5"))) < 60
    path = config(demo=one_by_one, catalog=sixty, **settings)
    assert run(command, path).returncode == 0
    assert len(list((tmp_path / "data" / "DEMO").rglob("*.h5"))) == 60


def in_a_terminal(words, env, folder, columns):
    """Run a command in a terminal that changes its width; return its status and what it shows."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(words[0], words, env)
    shown, resized = b"", False
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with suppress(OSError):  # how a terminal ends
        while chunk := os.read(terminal, 65536):
            shown += chunk
            if b"source/s" in shown and not resized:
                narrow = struct.pack("HHHH", 24, 40, 0, 0)
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, narrow)
                resized = True
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, shown.decode()


def test_a_terminal_shows_a_bar_that_fits(config, env, tmp_path):
    path = config(demo={"wait_time": 0.2}, num_threads_download=1, source_batch_size=1)
    del env["COLUMNS"]
    words = [*map(str, [*MMDC, "retrieve", "run", path])]
    status, shown = in_a_terminal(words, {**env, "TERM": "xterm"}, tmp_path, 90)
    assert status == 0, shown
    assert "10/10" in shown
    assert "source/s" in shown
    lines = [line for line in re.split(r"[\r\n]+", shown) if "/10" in line]
    plain = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line) for line in lines]
    assert max(map(len, plain)) <= 90
    assert len(plain[-1]) <= 40
    assert "10 done, 0 failed" in shown


@pytest.mark.timeout(120)
def test_the_demonstration_draws_and_goes_on(run, tmp_path):
    pytest.importorskip("matplotlib")
    done = run("--retriever", "--folder", "here", command="demo")
    assert done.returncode == 0, done.stderr
    assert "150 sources, 8 events put into each of them:" in done.stdout
    assert "150 done, 0 done before" in done.stdout
    folder = tmp_path / "here" / "retriever_demo"
    for name in ("efficiency.png", "scores.png", "event.png"):
        assert (folder / name).read_bytes()[:4] == b"\x89PNG"
        assert f"here/retriever_demo/{name}" in done.stdout
    injected, recovered = map(
        int, re.findall(r"(\d+) events injected, (\d+) recovered", done.stdout)[0]
    )
    assert injected == 1200
    assert 100 < recovered < 600
    again = run("--retriever", "--folder", "here", command="demo")
    assert "0 done, 150 done before" in again.stdout
    assert not (tmp_path / "data").exists()
