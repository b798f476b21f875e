"""Runs that are killed and resumed, and runs that go on at the same time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.running.ledger_database import is_gone, started
from astroquery_mmdc.retriever.running.runs import project_session
from tests.processes import running

from .helpers import QUICK, contents, made_project

WORKER = Path(__file__).with_name("worker.py")
KILLER = Path(__file__).with_name("killer.py")
WAITS = {"sim_args": {"num_points": 30}, "wait_time": 0.005}


def start(env, root, size, **keywords):
    """Start a process that runs the project of `made_project` in a data root."""
    own = {**env, "RETRIEVER_DATA": str(root)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return running([sys.executable, WORKER, size, json.dumps(keywords)], env=own, **pipes)


def undisturbed(monkeypatch, root, size, **keywords):
    """Return what comes out of a run that nobody disturbs."""
    with monkeypatch.context() as patch:
        patch.setenv("RETRIEVER_DATA", str(root))
        project = made_project(size, **{**keywords, "database": None})
        project.run(**QUICK)
        return contents(project)


def kill_again_and_again(env, root, size, kills, seed, longest=0.6, **keywords):
    """Kill runs at random instants; return how many were killed before they had ended."""
    command = [sys.executable, KILLER, size, json.dumps(keywords), kills, seed, longest]
    own = {**env, "RETRIEVER_DATA": str(root)}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return int(done.stdout.split()[0])


def resumed(root, monkeypatch, size, **keywords):
    monkeypatch.setenv("RETRIEVER_DATA", str(root))
    project = made_project(size, **keywords)
    summary = project.run(**QUICK)
    assert (summary.failed, summary.elsewhere) == (0, 0)
    return project


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@forks
@pytest.mark.parametrize("storage", ["hdf5", "parquet"])
@pytest.mark.timeout(280)
def test_a3_12_kills_at_any_instant_change_no_result(tmp_path, monkeypatch, python_env, storage):
    expected = undisturbed(monkeypatch, tmp_path / "calm", 150, storage=storage)
    root = tmp_path / "killed"
    keywords = {"storage": storage, "DEMO": WAITS}
    assert kill_again_and_again(python_env, root, 150, 14, 3, **keywords) > 8
    project = resumed(root, monkeypatch, 150, storage=storage)
    assert contents(project) == expected
    assert project.run(**QUICK).skipped == 150


@forks
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("storage", ["hdf5", "parquet"])
@pytest.mark.parametrize(
    ("executor", "kills", "longest"), [("threads", 40, 0.8), ("processes", 12, 5)]
)
def test_a3_12_many_kills_change_no_result(
    tmp_path, monkeypatch, python_env, storage, executor, kills, longest
):
    size, keywords = 600, {"storage": storage, "source_batch_size": 10}
    expected = undisturbed(monkeypatch, tmp_path / "calm", size, **keywords)
    root = tmp_path / "killed"
    others = {"executor": executor, "num_workers": 2, "DEMO": WAITS, **keywords}
    assert kill_again_and_again(python_env, root, size, kills, 4, longest, **others) > kills / 2
    assert contents(resumed(root, monkeypatch, size, **keywords)) == expected


@forks
@pytest.mark.timeout(280)
def test_a3_12_kills_on_postgresql_change_no_result(
    tmp_path, monkeypatch, python_env, postgres_url
):
    expected = undisturbed(monkeypatch, tmp_path / "calm", 100)
    root, keywords = tmp_path / "killed", {"database": postgres_url}
    assert kill_again_and_again(python_env, root, 100, 8, 5, DEMO=WAITS, **keywords) > 4
    assert contents(resumed(root, monkeypatch, 100, **keywords)) == expected


@pytest.mark.parametrize("sessions", [2, 4])
@pytest.mark.timeout(280)
def test_a3_13_sessions_at_the_same_time_count_every_source_once(
    tmp_path, monkeypatch, python_env, database_url, sessions
):
    expected = undisturbed(monkeypatch, tmp_path / "calm", 120)
    root = tmp_path / "shared"
    url = database_url if database_url.startswith("postgresql") else f"sqlite:///{root}/x.db"
    keywords = {"database": url, "DEMO": WAITS, "source_buffer_size": 4}
    done = []
    with ExitStack() as at_end:
        processes = [
            at_end.enter_context(start(python_env, root, 120, **keywords)) for _ in range(sessions)
        ]
        for process in processes:
            output, errors = process.communicate(timeout=200)
            assert not errors, errors
            done.append(int(output.splitlines()[-1].split()[0]))
    assert sum(done) == 120
    assert sum(number > 0 for number in done) > 1
    project = resumed(root, monkeypatch, 120, database=url)
    assert contents(project) == expected
    with project_session(project) as session:
        assert session.scalars(sa.select(database.Claim)).all() == []
        runs = session.scalars(sa.select(database.Run.status)).all()
    assert set(runs) == {"finished"}


def test_a3_13_what_a_dead_session_claimed_is_free(tmp_path):
    assert is_gone(f"{socket.gethostname()}:{os.getpid()}:0:abc")
    with running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        place = f"{socket.gethostname()}:{process.pid}"
        assert not is_gone(f"{place}:{started(process.pid)}:abc")
        assert is_gone(f"{place}:12:abc")
    assert is_gone(f"{place}:12:abc")
    assert not is_gone("elsewhere:1:2:abc")


def test_a3_13_what_a_living_session_claimed_is_left_alone():
    project = made_project(8)
    with database.SmartSession() as session:
        claimed = ["S00002", "S00003"]
        assert database.claim(session, "STUDY", "", claimed, "elsewhere:1:2:abc") == claimed
        session.commit()
    summary = project.run(**QUICK)
    assert (summary.done, summary.elsewhere) == (6, 2)


@pytest.mark.timeout(120)
def test_ctrl_c_ends_a_run_in_order(tmp_path, monkeypatch, python_env):
    slow = {"sim_args": {"num_points": 30}, "wait_time": 0.02}
    root = tmp_path / "stopped"
    with start(python_env, root, 2000, DEMO=slow, source_buffer_size=8) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    monkeypatch.setenv("RETRIEVER_DATA", str(root))
    project = made_project(2000)
    found = contents(project)
    assert 4 <= len(found["properties"]) < 1900
    assert found["histograms"]["all_scores"]["snr"][0] == 30 * len(found["properties"])
    with project_session(project) as session:
        assert session.scalars(sa.select(database.Run.status)).all() == ["interrupted"]
        assert session.scalars(sa.select(database.Claim)).all() == []
        raw = set(session.scalars(sa.select(database.RawPhotometry.source_name)))
    # What was downloaded was also finished.
    assert raw == {name for (name,) in found["properties"]}
    assert len(list((root / "DEMO").rglob("*.h5"))) == len(raw)
