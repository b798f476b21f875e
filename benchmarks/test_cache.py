"""The cone-search cache against engines that one might use in its place, on the same rows."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from . import cache_programs as programs
from .cache_postgres import postgres
from .cache_postgres import programs as postgres_programs
from .cache_setup import (
    CONES,
    LSDB,
    MATCHED,
    PEERS,
    ROWS,
    ask,
    emptied,
    environment,
    interpreter,
    rows,
    run,
    size,
)

WORKER = Path(__file__).with_name("cache_worker.py")
SAMPLE = 250_000
# Loading the peers takes PostgreSQL minutes at the full size.
pytestmark = pytest.mark.timeout(3600)

ENGINES = ("ours", "kdtree", "duckdb", "sqlite", "pgsphere", "q3c", "lsdb")
# So many questions in a row: after each one alone, the caches of the processor would be those of
# the engine before.
BLOCK = 50
# Slow ones are asked only some of the questions, evenly among them.
STRIDES = {"lsdb": 25}


@pytest.fixture(scope="module")
def folder():
    return rows()


@pytest.fixture(scope="module")
def ingested(folder):
    """Ingest into a new store; rows, wall and CPU seconds, and peak memory in GB."""
    store = emptied(folder / "store")
    done = run(sys.executable, "-c", programs.INGEST, store, folder / "raw").split()
    ask(folder)
    return int(done[0]), float(done[1]), float(done[2]), int(done[3]) / 1024**2


@pytest.fixture(scope="module")
def pythons():
    """The interpreter for each engine, or why there is none."""
    found = {"ours": (Path(sys.executable), None)}
    peers, lsdb = interpreter(PEERS), interpreter(LSDB)
    for engine in ("kdtree", "duckdb", "sqlite"):
        found[engine] = peers
    missing = None if postgres_programs() else "PostgreSQL with Q3C and pg_sphere is not installed"
    for engine in ("pgsphere", "q3c"):
        found[engine] = (None, missing) if missing else peers
    return found | {"lsdb": lsdb}


@pytest.fixture
def line(benchmark):
    """Print a figure and keep it beside pytest-benchmark's own."""

    def keep(what, value, unit, reach=""):
        benchmark.extra_info[what] = value
        reach = f"reach {reach}" if reach else ""
        print(f"  {what:52s} {value:12,.3f} {unit:8s} {reach}")

    print()
    return keep


def skipped(engine, reason):
    print(f"  {engine}: skipped, {reason}")


# ---------------------------------------------------------------- taking in


def test_ingest(benchmark, line, folder, ingested, pythons, tmp_path):
    count, seconds, used, peak = ingested
    line(f"ingest of {count:,} rows", count / seconds, "rows/s", ">= 500,000")
    line("CPU time of it", used / count * 1e6, "us/row")
    line("peak memory of it", peak, "GB", "<= 3")
    generation = next((folder / "store").glob("generation-*"))
    line("store / plain Parquet", size(generation) / size(folder / "raw"), "", "<= 1.3")
    line("index / plain Parquet", size(folder / "store" / "index") / size(folder / "raw"), "")
    # hats-import takes 30 us for each row: both are given a sample.
    some = tmp_path / "some.parquet"
    table = pq.read_table(min((folder / "raw").glob("*.parquet"))).slice(0, SAMPLE)
    pq.write_table(table, some)
    python, reason = pythons["lsdb"]
    command = (sys.executable, "-c", programs.INGEST)
    ours = [float(run(*command, tmp_path / str(n), some).split()[1]) for n in range(2)]
    if python is not None:
        script = tmp_path / "hats_import_peer.py"
        script.write_text(programs.HATS_IMPORT)
        theirs = float(run(python, script, some, tmp_path))
        line(f"hats-import, sample of {table.num_rows:,} rows", table.num_rows / theirs, "rows/s")
    ours.append(float(benchmark.pedantic(run, (*command, tmp_path / "2", some)).split()[1]))
    sample = statistics.median(ours)
    line(f"ours, sample of {table.num_rows:,} rows", table.num_rows / sample, "rows/s")
    if python is None:
        skipped("hats-import", reason)
    else:
        line("hats-import / ours, wall", theirs / sample, "x", "> 1")


# ---------------------------------------------------------------- cones


class Engine:
    """A process that is asked one question at a time."""

    def __init__(self, name, python, folder):
        self.name, self.stride = name, STRIDES.get(name, 1)
        command = [str(python), str(WORKER), name, str(folder)]
        # Progress bars, for example; shown only if it ends.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        # What is ours is installed in its interpreter, and nobody else needs it.
        env = environment() if name == "ours" else environment(PYTHONPATH="")
        self.process = subprocess.Popen(command, env=env, text=True, **pipes)
        self.can = self.answer()["can"]
        self.wall, self.cpu, self.rows = {}, {}, {}

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            pytest.fail(f"{self.name} has ended: {self.errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, what, *places):
        self.process.stdin.write(" ".join(map(str, (what, *places))) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self, what, place):
        if what in self.can and place % self.stride == 0:
            wall, cpu, rows = self.ask(what, place)
            self.wall.setdefault(what, []).append(wall)
            self.cpu.setdefault(what, []).append(cpu)
            self.rows[what, place] = rows

    def p(self, what, percent=50):
        return float(np.percentile(self.wall[what], percent)) if what in self.wall else np.nan

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()


@pytest.fixture(scope="module")
def engines(folder, ingested, pythons):
    """Every engine that is here, each in a process of its own."""
    started = []
    with postgres(folder, pythons["pgsphere"][0]):
        try:
            for name in ENGINES:
                python, reason = pythons[name]
                if python is None:
                    skipped(name, reason)
                else:
                    started.append(Engine(name, python, folder))
            yield started
        finally:
            for engine in started:
                engine.close()


def interleaved(engines):
    """Ask all engines every question, some at a time in turn; the second round counts."""
    for _ in range(2):
        for engine in engines:
            engine.wall, engine.cpu = {}, {}
        for start in range(0, CONES, BLOCK):
            for engine in engines:
                for what in ("cone", "filtered"):
                    for place in range(start, min(start + BLOCK, CONES)):
                        engine.measure(what, place)


def test_cones(benchmark, engines):
    benchmark.pedantic(interleaved, (engines,))
    ours = engines[0]
    print(
        f'\n  30" cones on {ROWS:,} rows, ms; p50 / ours in brackets\n'
        "                 p50        p99   CPU p50       filtered p50  private MB  (server)"
    )
    for engine in engines:
        assert engine.rows.items() <= ours.rows.items(), engine.name
        own, server = engine.ask("memory")
        cone, filtered = engine.p("cone"), engine.p("filtered")
        print(
            f"  {engine.name:9s}{cone:10.3f} ({cone / ours.p('cone'):6.1f}) "
            f"{engine.p('cone', 99):8.2f} {np.median(engine.cpu['cone']):9.3f} "
            f"{filtered:9.3f} ({filtered / ours.p('filtered'):6.1f}) {own:9.0f}"
            + (f"  ({server:.0f})" if server is not None else "")
        )
        benchmark.extra_info[engine.name] = [cone, filtered, own]
    print("  reach         0.100                                 0.150              250")


def test_many_cones(benchmark, engines):
    able = [engine for engine in engines if "many" in engine.can]

    def all_at_once():
        return {engine.name: engine.ask("many") for engine in able}

    rounds = [all_at_once(), all_at_once(), benchmark.pedantic(all_at_once)]
    count = len(json.loads((rows() / "question.json").read_text())["many"])
    pairs = rounds[0]["ours"][2]
    print(f'\n  {count:,} cones of 30" in one call, {pairs:,} pairs')
    fastest = None
    for engine in able:
        assert {found[engine.name][2] for found in rounds} == {pairs}, engine.name
        wall, cpu = (statistics.median(f[engine.name][k] for f in rounds) / 1e3 for k in (0, 1))
        fastest = fastest or wall
        own, server = engine.ask("memory")
        print(
            f"  {engine.name:9s} {count / wall:12,.0f} cones/s  CPU {cpu:7.2f} s "
            f"({wall / fastest:7.1f} x ours)  private {own + (server or 0):7,.0f} MB"
        )
        benchmark.extra_info[engine.name] = count / wall
    print("  reach           40,000 cones/s                                        250 MB")


def children():
    """Return the CPU time of all programs that have been run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_first_cone(benchmark, line, folder, ingested, pythons):
    cone = json.loads((folder / "question.json").read_text())["cones"][0]
    commands = {"ours": (programs.FIRST, folder / "store", *cone)}
    if (folder / "peer.duckdb").exists():
        commands["duckdb"] = (programs.FIRST_DUCKDB, folder)
    commands["lsdb"] = (programs.FIRST_LSDB, folder / "store", *cone)
    able = {name: command for name, command in commands.items() if pythons[name][0]}
    times = {name: [] for name in able}

    def everyone():
        for name, command in able.items():
            started, used = time.perf_counter(), children()
            run(pythons[name][0], "-c", *command)
            times[name].append((time.perf_counter() - started, children() - used))

    benchmark.pedantic(everyone, rounds=5)
    medians = {name: np.median(some, axis=0) for name, some in times.items()}
    line("first cone of a process, import included", medians["ours"][0], "s", "<= 0.7")
    line("CPU time of it", medians["ours"][1], "s")
    for name in medians.keys() - {"ours"}:
        line(f"{name} / ours, wall", medians[name][0] / medians["ours"][0], "x", "> 1")
        line(f"{name} / ours, CPU", medians[name][1] / medians["ours"][1], "x")


# ---------------------------------------------------------------- commits, cross-match, coverage


def test_commit(benchmark, line, folder, ingested, tmp_path):
    from astroquery_mmdc.cache.cells import cells_to_ranges, enclosing_cone, fetch_cells
    from astroquery_mmdc.cache.store import ObservationCache

    cones = iter(json.loads((folder / "question.json").read_text())["cones"])
    times, cpu, sizes = [], [], []
    with ObservationCache(folder / "store") as source, ObservationCache(tmp_path) as store:

        def fetch():
            order, cells = fetch_cells(*next(cones), 30.0)
            table = source.cone(*enclosing_cone(order, cells)).slice(0, 2000)
            return (table, cells_to_ranges(order, cells)), {}

        def put(table, ranges):
            started, used = time.perf_counter(), time.process_time()
            store.put(table, key="", ranges=ranges, fetched=time.time())
            times.append(time.perf_counter() - started)
            cpu.append(time.process_time() - used)
            sizes.append(len(table))

        benchmark.pedantic(put, setup=fetch, rounds=100)
    median = float(np.median(times)) * 1e3
    line(f"commit of {np.mean(sizes):,.0f} rows, p50", median, "ms", "<= 30")
    line("CPU time of it, p50", float(np.median(cpu)) * 1e3, "ms")


def test_crossmatch(benchmark, line, folder, ingested, pythons):
    matched = folder / "matched.npy"
    commands = {
        "ours": (programs.MATCH, folder / "store", matched),
        "astropy": (programs.MATCH_ASTROPY, folder / "raw", matched),
        "lsdb": (programs.MATCH_LSDB, folder / "store", matched),
    }
    interpreters = pythons | {"astropy": pythons["ours"]}
    found = {name: [] for name in commands if interpreters[name][0]}

    def everyone():
        for name, some in found.items():
            some.append(json.loads(run(interpreters[name][0], "-c", *commands[name])))

    benchmark.pedantic(everyone, rounds=3)
    _, _, number, total = found["ours"][0]
    medians = {name: np.median(some, axis=0)[:2] for name, some in found.items()}
    line(f'nearest of {MATCHED:,} positions within 2"', medians["ours"][0], "s")
    for name in found:
        assert found[name][0][2] == number, name
        np.testing.assert_allclose(found[name][0][3], total, rtol=1e-6, err_msg=name)
        if name != "ours":
            line(f"{name} / ours, wall", medians[name][0] / medians["ours"][0], "x", "> 1")
            line(f"{name} / ours, CPU", medians[name][1] / medians["ours"][1], "x")
    if "lsdb" not in found:
        skipped("lsdb", pythons["lsdb"][1])


def test_coverage_is_decided_at_once(benchmark):
    from astroquery_mmdc.cache.cells import cells_to_ranges, fetch_cells, needed_ranges
    from astroquery_mmdc.cache.coverage import Coverage

    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    known = [
        ("", low, high, float(number))
        for number, cone in enumerate(zip(ra.tolist(), dec.tolist(), strict=True))
        for low, high in cells_to_ranges(*fetch_cells(*cone, 30.0)).tolist()
    ]
    coverage = Coverage.from_rows(known)

    def decide():
        return len(coverage.missing("", needed_ranges(ra[7], dec[7], 30.0), newer_than=-1.0))

    assert benchmark(decide) == 0
