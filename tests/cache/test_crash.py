"""Processes that are killed, and processes that work on one folder at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.cache.store import ObservationCache
from tests.processes import running

from .worker import fetch

WORKER = Path(__file__).with_name("worker.py")
KILL_POINTS = Path(__file__).with_name("kill_points.py")


def start(env, role, folder, argument):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return running([sys.executable, WORKER, role, folder, argument], env=env, **pipes)


def content(store):
    """Return the version of each cell, after checking that its rows are complete."""
    versions = {}
    for cell in range(12):
        expected, ranges = fetch(cell, 0)
        found = store.region(ranges, None)
        flux = set(found.column("flux").to_pylist())
        if len(found):
            assert sorted(found.column("id").to_pylist()) == expected.column("id").to_pylist()
            assert len(flux) == 1
            versions[cell] = int(flux.pop())
        assert (len(store.covered("", ranges)) == 0) == bool(len(found))
    return versions


def kill_again_and_again(env, folder, kills, seed):
    """Kill a process that fetches and compacts; return how many fetches it committed."""
    rng = np.random.default_rng(seed)
    committed, version = {}, 1
    for _ in range(kills):
        with start(env, "victim", folder, version) as process:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            time.sleep(rng.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
            lines, errors = process.communicate()
        assert not errors
        for line in lines.splitlines():
            # The last line may have been cut off by the kill.
            with suppress(ValueError):
                cell, number = map(int, line.split())
                committed[cell], version = number, number + 1
        with ObservationCache(folder) as store:
            found = content(store)
        # One fetch may have been committed without a word.
        unsaid = {version % 12: version}
        for cell in range(12):
            possible = {committed.get(cell), unsaid.get(cell, committed.get(cell))}
            assert found.get(cell) in possible, (cell, found, committed, version)
        committed = found
        version += 1
    return version


def check_rest(folder):
    """Check that the store is whole and holds nothing but what it should."""
    with ObservationCache(folder) as store:
        before = content(store)
        report = store.verify()
        assert report.is_good, report
        store.compact(force=True)
        assert content(store) == before
    deltas = list((folder / "delta").iterdir())
    # A file is taken for an orphan only when it is a minute old.
    for path in deltas:
        os.utime(path, (0, 0))
    with ObservationCache(folder) as store:
        assert content(store) == before
    assert not list((folder / "delta").iterdir())
    assert not list(folder.glob(".spool-*"))
    assert len(list(folder.glob("generation-*"))) <= 2


def test_nothing_committed_is_lost_by_a_kill(tmp_path, python_env):
    kill_again_and_again(python_env, tmp_path / "store", kills=10, seed=1)
    check_rest(tmp_path / "store")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_committed_is_lost_by_many_kills(tmp_path, python_env):
    version = kill_again_and_again(python_env, tmp_path / "store", kills=120, seed=2)
    assert version > 120
    check_rest(tmp_path / "store")


def kills_at_steps(env, folder, work, every):
    """Kill some work before each so-manieth step until it comes to its end; return how often."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(KILL_POINTS), str(folder), work, str(every)],
        capture_output=True,
        text=True,
        env={**env, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@forks
@pytest.mark.parametrize("work", ["ingest", "compact"])
def test_work_that_is_killed_at_some_steps_is_done_or_not(tmp_path, python_env, work):
    assert kills_at_steps(python_env, tmp_path / "store", work, every=40) > 3


@forks
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_work_that_is_killed_at_any_step_is_done_or_not(tmp_path, python_env):
    every = {"put": 6, "ingest": 12, "add": 14, "compact": 13, "rewrite": 16, "clear": 15}
    every |= {"forget": 2, "repair": 30}
    kills = {
        work: kills_at_steps(python_env, tmp_path / work, work, steps)
        for work, steps in every.items()
    }
    assert min(kills.values()) >= 5, kills
    assert sum(kills.values()) >= 100, kills


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_writers_readers_and_compaction_at_the_same_time(tmp_path, python_env):
    folder, done = tmp_path / "store", tmp_path / "done"
    ObservationCache(folder).close()
    roles = [("writer", number) for number in range(4)]
    roles += [(role, done) for role in ("compactor", "compactor", "reader", "reader")]
    lines = []
    with ExitStack() as at_end:
        processes = [at_end.enter_context(start(python_env, role, folder, x)) for role, x in roles]
        for writer in processes[:4]:
            output, errors = writer.communicate(timeout=120)
            assert not errors
            lines += output.splitlines()[1:]
        done.touch()
        for process in processes[4:]:
            output, errors = process.communicate(timeout=60)
            assert not errors
            assert int(output.splitlines()[-1]) > 0
    assert len(lines) == 160
    with ObservationCache(folder) as store:
        found = content(store)
    # Each writer went around its three cells; the last versions are 38, 39 and 40.
    expected = {
        number * 3 + version % 3: version for number in range(4) for version in (38, 39, 40)
    }
    assert found == expected
    check_rest(folder)
