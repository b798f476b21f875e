"""The command line, in processes of its own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time

import httpx
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable

from astroquery_mmdc import SED
from astroquery_mmdc.cli.main import _COMMANDS
from tests.processes import running

MMDC = [sys.executable, "-c", "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"]


@pytest.fixture
def run(server, python_env, tmp_path):
    def call(*arguments, **env):
        return subprocess.run(
            [*MMDC, *arguments],
            env={**python_env, "MMDC_SERVER": server.url, "COLUMNS": "120", **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


def test_the_demo_writes_four_files_and_seven_lines_that_work(run, tmp_path, python_env, server):
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first = SED.read(tmp_path / "mrk421_sed.csv", format="mmdc.csv")
    second = SED.read(tmp_path / "mrk421_sed.ecsv")
    assert len(first) == len(second) > 50
    assert (tmp_path / "mrk421_sed.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "mrk421_fit.pdf").read_bytes()[:5] == b"%PDF-"
    assert "mrk421_fit.pdf" in done.stdout
    lines = "\n".join(done.stdout.strip().splitlines()[-7:])
    (tmp_path / "mrk421_sed.png").unlink()
    (tmp_path / "mrk421_fit.pdf").unlink()
    again = subprocess.run(
        [sys.executable, "-c", lines],
        # Old releases of matplotlib warn of newer ones of numpy, which is not our concern here.
        env={**python_env, "MMDC_SERVER": server.url, "PYTHONWARNINGS": "default"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "mrk421_sed.png").stat().st_size > 10_000
    assert (tmp_path / "mrk421_fit.pdf").stat().st_size > 10_000
    assert len(SED.read(tmp_path / "mrk421_sed.csv", format="mmdc.csv")) == len(first)


def test_a_cone_for_people(run):
    done = run("cone", "Mrk 421", "--catalog", "MAGIC")
    assert done.returncode == 0, done.stderr
    assert "MAGIC" in done.stdout
    assert "erg / (s cm2)" in done.stdout
    assert done.stdout.splitlines()[-1] == "9 rows"


def test_a_cone_for_programs(run):
    rows = json.loads(run("cone", "166.113808 38.208833", "--json", "--limit", "200").stdout)
    assert len(rows) > 50
    assert rows[0]["ra"] == pytest.approx(166.113808)


@pytest.mark.parametrize("ending", ["csv", "ecsv", "fits", "vot", "parquet", "json"])
def test_tables_as_files_of_every_kind(run, tmp_path, ending):
    done = run("cone", "Mrk 421", "-o", f"out.{ending}")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"wrote out.{ending}"
    path = tmp_path / f"out.{ending}"
    if ending == "json":
        assert len(json.loads(path.read_text())) > 50
    else:
        assert _rows(path, ending) > 50
    assert [p.name for p in tmp_path.iterdir()] == [f"out.{ending}"]


def _rows(path, ending):
    if ending == "parquet":
        return pq.read_table(path).num_rows
    form = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable"}.get(ending, ending)
    return len(QTable.read(path, format=form))


def test_an_sed_with_a_figure_in_another_format(run, tmp_path):
    done = run("sed", "Mrk 421", "-o", "a.ecsv", "--format", "jetset", "--plot", "a.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert "data_set" in (tmp_path / "a.ecsv").read_text()
    assert run("convert", "a.ecsv", "b.csv", "--to", "mmdc.csv").returncode == 0
    assert len(SED.read(tmp_path / "b.csv", format="mmdc.csv")) > 50


def test_positions_and_sources(run):
    assert run("resolve", "mkn 421").stdout.startswith("166.113808 +38.208833")
    assert "0.03" in run("source", "Mrk 421").stdout
    assert json.loads(run("resolve", "Mrk 501", "--json").stdout)["dec"] == pytest.approx(39.760169)


def test_lists(run):
    assert "MMDCNuX" in run("catalogs", "--holding", "observations").stdout
    assert "log_B" in run("parameters", "ssc").stdout
    assert run("jobs").stdout.splitlines()[-1] == "0 rows"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("cone", "Mrk 421", "--radius", "5"), 2, "error: radius: '5' is not an angle"),
        (("cone", "Mrk 421", "--catalog", "x"), 2, "error: catalog: 'x' is no known catalogue"),
        (("cone", "No such thing"), 1, "error: name: 'No such thing' is unknown"),
        (("cone", "Mrk 421", "-o", "x.xyz"), 2, "error: output: '.xyz' is no known ending"),
        (("model", "ssc", "--z", "0.03", "-p", "log_B"), 2, "error: parameter: 'log_B': no = in"),
        (("parameters", "scs"), 2, "error: model_type: 'scs' is no model"),
        (("convert", "a", "b"), 2, "'a' does not exist"),
        (("serve", "--data", "nowhere"), 2, "'nowhere' does not exist"),
        (("nonsense",), 2, "No such command 'nonsense'"),
    ],
)
def test_errors_are_one_line_and_a_status(run, arguments, status, message):
    done = run(*arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_is_down(run):
    done = run("cone", "10 10", MMDC_SERVER="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr


def test_a_warning_is_one_line(run):
    done = run("cone", "10 10")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the service has no observation")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_every_command_has_help(run, command):
    done = run(*([command] if command else []), "--help")
    assert done.returncode == 0
    assert "Usage: mmdc" in done.stdout


def test_the_cache_from_a_terminal(run, tmp_path):
    def here(*arguments):
        done = run("cache", *arguments, MMDC_CACHE_DIR=str(tmp_path / "kept"))
        assert "Traceback" not in done.stderr
        return done

    assert here("prefetch", "Mrk 421").stdout.startswith("105 rows by 1 questions")
    (tmp_path / "names.txt").write_text("Mrk 421\n# a comment\nMrk 501\n")
    assert "1 parts were known" in here("prefetch", "@names.txt").stdout
    assert here("verify").returncode == 0
    assert here("compact").returncode == 0
    assert json.loads(here("info", "--json").stdout)["rows"] == 225
    assert here("export", "all.zip").returncode == 0
    assert here("clear", "--yes").returncode == 0
    assert here("import", "all.zip").stdout.strip() == "225 rows"


# ---------------------------------------------------------------- a real terminal


def test_serve_answers_until_it_is_interrupted(python_env, tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = [*MMDC, "serve", "--port", "0"]
    with running(command, env=python_env, cwd=tmp_path, **pipes) as process:
        url = ""
        while "http://" not in url:
            url = process.stdout.readline()
            assert url, "the server ended before it said where it listens"
        url = "http://" + url.split("http://")[1].split()[0].rstrip("/.")
        assert httpx.get(url + "/api/observations/", params={"limit": 1}).status_code == 200
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest


def test_a_table_fits_the_terminal(server, python_env, tmp_path):
    """In a terminal of 24 lines and 80 columns a long table is shortened to fit."""
    import fcntl
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = {k: v for k, v in python_env.items() if k not in ("COLUMNS", "LINES")}
    env |= {"MMDC_SERVER": server.url, "TERM": "xterm"}
    terminal = {"stdin": follower, "stdout": follower, "stderr": follower}
    with running([*MMDC, "cone", "Mrk 421"], env=env, cwd=tmp_path, **terminal) as process:
        os.close(follower)
        text = b""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            text += chunk
        process.wait(30)
    os.close(leader)
    lines = text.decode().replace("\r", "").splitlines()
    assert lines[-1] == "Length = 105 rows"
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
