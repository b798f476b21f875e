"""Batches that are analysed elsewhere: in other processes, and on a Dask cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.running.executor import open_executor
from astroquery_mmdc.retriever.running.recipes import Recipe, _analysis, _Key, _observatory
from tests.processes import running

from .helpers import QUICK, contents, made_project

WORKER = Path(__file__).with_name("worker.py")


@pytest.mark.parametrize("storage", ["hdf5", "parquet"])
def test_processes_give_the_same_as_this_one(tmp_path, monkeypatch, python_env, storage):
    here = made_project(24, storage=storage)
    here.run(**QUICK)
    expected = contents(here)
    root = tmp_path / "other"
    keywords = {"executor": "processes", "num_workers": 2, "storage": storage}
    command = [sys.executable, str(WORKER), "24", json.dumps(keywords)]
    environment = {**python_env, "RETRIEVER_DATA": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    assert done.stdout.splitlines()[-1] == "24 0 0"
    monkeypatch.setenv("RETRIEVER_DATA", str(root))
    database.dispose()
    assert contents(made_project(24, storage=storage)) == expected


def test_a_process_that_dies_ends_the_run_and_keeps_what_was_committed(
    tmp_path, monkeypatch, python_env
):
    root = tmp_path / "other"
    keywords = {"executor": "processes", "num_workers": 1, "source_batch_size": 2}
    deadly = {"analysis_module": "tests.retriever.project.helpers", "analysis_kwargs": {}}
    keywords |= {**deadly, "analysis_class": "DeadlyAnalysis"}
    command = [sys.executable, str(WORKER), "12", json.dumps(keywords)]
    environment = {**python_env, "RETRIEVER_DATA": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "RunStoppedError: a process that analyses died" in done.stderr
    monkeypatch.setenv("RETRIEVER_DATA", str(root))
    project = made_project(12)
    before = len(contents(project)["properties"])
    assert before <= 6
    assert project.run(**QUICK).done == 12 - before


def children(pid):
    """Return the processes that a process has started, but for multiprocessing's own helper."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for each in found if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc")
def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path, python_env):
    keywords = {"executor": "processes", "num_workers": 2, "DEMO": {"wait_time": 0.05}}
    command = [sys.executable, WORKER, 5000, json.dumps(keywords)]
    environment = {**python_env, "RETRIEVER_DATA": str(tmp_path / "other")}
    with running(command, env=environment, stdout=subprocess.PIPE) as process:
        end = time.monotonic() + 60
        while len(workers := children(process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(3)
        process.kill()
    while any(map(is_running, workers)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(workers) == 2
    assert not any(map(is_running, workers))


def is_running(pid):
    return Path(f"/proc/{pid}").exists()


def test_settings_that_were_changed_late_reach_other_processes(monkeypatch):
    project = made_project(4)
    project.analysis.finder.pars.snr_threshold = 7.7
    project.demo.pars.reducer = {"mag_range": 0.4}
    recipe = Recipe.of(project, "")
    analysis, observatory = _analysis(recipe), _observatory(recipe, "DEMO")
    assert analysis.finder.pars.snr_threshold == 7.7
    assert analysis.pars.num_injections == 2
    assert observatory.pars.reduce_kwargs == {"mag_range": 0.4}
    assert observatory.pars.sim_args == {"num_points": 30}
    assert _Key(recipe) == _Key(Recipe.of(project, ""))
    assert hash(_Key(recipe)) == hash(_Key(Recipe.of(project, "")))


def test_an_executor_that_is_not_there_is_said(monkeypatch):
    with pytest.raises(MMDCError, match="executor"):
        open_executor("gpu")
    pytest.importorskip("distributed")
    with pytest.raises(MMDCError, match="client"):
        open_executor("dask")


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_dask_cluster_gives_the_same_as_this_process(tmp_path, monkeypatch, postgres_url):
    distributed = pytest.importorskip("distributed")
    here = made_project(40)
    here.run(**QUICK)
    expected = contents(here)
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "shared"))
    with warnings.catch_warnings():
        # Its threads leave sockets and event loops to the collector.
        warnings.simplefilter("ignore")
        with distributed.Client(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as client:
            project = made_project(40, executor="dask", database=postgres_url)
            assert project.run(client=client, **QUICK).done == 40
        assert contents(project) == expected
