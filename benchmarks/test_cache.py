"""The cone-search cache against engines that one might use in its place, on the same rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import astroquery_mmdc

SHARED = Path(__file__).parents[2] / "shared"
GENERATOR = SHARED / "tools" / "gen_observations.py"
PEERS = Path(__file__).with_name("cache_peers.py")
ROWS = int(os.environ.get("MMDC_BENCH_ROWS", "12400000"))
ROOT = str(Path(astroquery_mmdc.__file__).parents[1])
CONES, MANY, MATCHED = 500, 10_000, 1_000_000

INGEST = """
import resource, sys, time
from astroquery_mmdc.cache.store import ObservationCache
started = time.perf_counter()
with ObservationCache(sys.argv[1]) as store:
    rows = store.ingest(sys.argv[2], complete=True)
print(rows, time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
FIRST = """
import sys
from astroquery_mmdc.cache.store import ObservationCache
print(ObservationCache(sys.argv[1]).cone(float(sys.argv[2]), float(sys.argv[3]), 30.0).num_rows)
"""
HATS_IMPORT = """
import sys, time
from pathlib import Path
if __name__ == "__main__":
    from dask.distributed import Client
    from hats_import.catalog.arguments import ImportArguments
    from hats_import.pipeline import pipeline_with_client
    files = sorted(Path(sys.argv[1]).glob("*.parquet"))[:1]
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        started = time.perf_counter()
        pipeline_with_client(ImportArguments(
            output_path=sys.argv[2], output_artifact_name="peer", input_file_list=files,
            file_reader="parquet", ra_column="ra", dec_column="dec", progress_bar=False), client)
        print(time.perf_counter() - started)
"""


def run(python, *arguments):
    """Run a program on one core and return the last line that it prints."""
    done = subprocess.run(
        [str(python), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ROOT},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1] if done.stdout else ""


@pytest.fixture(scope="module")
def folder():
    """Rows, store and questions; kept between runs in MMDC_BENCH_DIR or the temporary folder."""
    if not GENERATOR.is_file():
        pytest.skip("the folder ../shared with the generator of observations is not there")
    base = Path(os.environ.get("MMDC_BENCH_DIR", tempfile.gettempdir())) / f"mmdc-bench-{ROWS}"
    base.mkdir(parents=True, exist_ok=True)
    if not (base / "raw").is_dir():
        options = ["--kind", "mmdc", "--rows", ROWS, "--sources", 5000, "--seed", 1]
        run(sys.executable, GENERATOR, *options, "--out", base / "raw")
    return base


@pytest.fixture(scope="module")
def ingested(folder):
    """Ingest into a new store; rows, seconds and peak memory in GB."""
    store = folder / "store"
    if store.exists():
        shutil.rmtree(store)
    rows, seconds, peak = run(sys.executable, "-c", INGEST, store, folder / "raw").split()
    ask(folder)
    return int(rows), float(seconds), int(peak) / 1024**2


def positions(path):
    """Return right ascensions and declinations, shape (2, n)."""
    table = pq.read_table(path, columns=["ra", "dec"])
    return np.stack([column.to_numpy() for column in table.columns])


def ask(folder):
    """Write the questions down, and what a peer needs to index the rows in the same way."""
    from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest, cone_ranges

    sources = positions(folder / "sources.parquet").T
    rng = np.random.default_rng(4)
    cones = sources[rng.integers(0, len(sources), CONES)].tolist()
    question = {
        "cones": cones,
        "ranges": [cone_ranges(*cone, 30.0).tolist() for cone in cones],
        "many": sources[rng.integers(0, len(sources), MANY)].tolist(),
    }
    (folder / "question.json").write_text(json.dumps(question))
    if not (folder / "keys.npy").exists():
        np.save(folder / "keys.npy", ang2pix_nest(ORDER, *positions(folder / "raw")))


@pytest.fixture(scope="module")
def peer(folder):
    """The interpreter of an environment with the engines to compare with."""
    home = folder.parent / "mmdc-bench-peers"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        packages = ["duckdb", "scipy", "pyarrow", "numpy", "hats-import"]
        run(python, "-m", "pip", "install", "--quiet", *packages)
        (home / "ready").touch()
    return python


@pytest.fixture
def line(benchmark):
    """Print a figure and keep it beside pytest-benchmark's own."""

    def keep(what, value, unit, reach):
        benchmark.extra_info[what] = value
        print(f"  {what:44s} {value:12,.3f} {unit:8s} reach {reach}")

    print()
    return keep


def size(path):
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())


def test_ingest(benchmark, line, folder, ingested, peer, tmp_path):
    rows, seconds, peak = ingested
    line(f"ingest of {rows:,} rows", rows / seconds, "rows/s", ">= 500,000")
    line("peak memory of it", peak, "GB", "<= 3")
    generation = next((folder / "store").glob("generation-*"))
    line("store / plain Parquet", size(generation) / size(folder / "raw"), "", "<= 1.3")
    line("index / plain Parquet", size(folder / "store" / "index") / size(folder / "raw"), "", "")
    first = tmp_path / "first"
    first.mkdir()
    part = min((folder / "raw").glob("*.parquet"))
    (first / part.name).symlink_to(part)
    command = (sys.executable, "-c", INGEST, tmp_path / "ours", first)
    some, ours, _ = benchmark.pedantic(run, command).split()
    script = tmp_path / "hats_import_peer.py"
    script.write_text(HATS_IMPORT)
    theirs = float(run(peer, script, folder / "raw", tmp_path))
    line(f"hats-import / ours, {int(some):,} rows", theirs / float(ours), "x", "> 1")


def test_cones(benchmark, folder, ingested, peer):
    ours = benchmark.pedantic(run, (sys.executable, PEERS, "ours", folder))
    answers = {"ours": json.loads(ours)}
    for engine in ("kdtree", "duckdb", "sqlite"):
        answers[engine] = json.loads(run(peer, PEERS, engine, folder))
    print(
        '\n  30" cones, ms         p50      p99   filtered p50   cones/s   private MB   p50 / ours'
    )
    for engine, found in answers.items():
        p50, p99, rows = found["cone"]
        assert rows == answers["ours"]["cone"][2], engine
        filtered = found.get("filtered", [np.nan])
        if len(filtered) == 3:
            assert filtered[2] == answers["ours"]["filtered"][2], engine
        assert found.get("pairs") in (None, answers["ours"]["pairs"]), engine
        print(
            f"  {engine:16s} {p50:10.3f} {p99:8.2f} {filtered[0]:14.3f} "
            f"{found.get('cones/s', np.nan):9,.0f} {found['private MB']:12.0f} "
            f"{p50 / answers['ours']['cone'][0]:12.1f}"
        )
        benchmark.extra_info[engine] = found
    print("  reach                 0.100                   0.150    40,000          250")


def test_first_cone(benchmark, line, folder, ingested):
    cone = json.loads((folder / "question.json").read_text())["cones"][0]
    benchmark.pedantic(run, (sys.executable, "-c", FIRST, folder / "store", *cone), rounds=7)
    if benchmark.enabled:
        median = benchmark.stats.stats.median
        line("first cone of a process, import included", median, "s", "<= 0.7")


def test_commit(benchmark, line, folder, ingested, tmp_path):
    from astroquery_mmdc.cache.cells import cells_to_ranges, enclosing_cone, fetch_cells
    from astroquery_mmdc.cache.store import ObservationCache

    cones = iter(json.loads((folder / "question.json").read_text())["cones"])
    times, rows = [], []
    with ObservationCache(folder / "store") as source, ObservationCache(tmp_path) as store:

        def fetch():
            order, cells = fetch_cells(*next(cones), 30.0)
            table = source.cone(*enclosing_cone(order, cells)).slice(0, 2000)
            return (table, cells_to_ranges(order, cells)), {}

        def put(table, ranges):
            started = time.perf_counter()
            store.put(table, key="", ranges=ranges, fetched=time.time())
            times.append(time.perf_counter() - started)
            rows.append(len(table))

        benchmark.pedantic(put, setup=fetch, rounds=100)
    line(f"commit of {np.mean(rows):,.0f} rows, p50", float(np.median(times)) * 1e3, "ms", "<= 30")


def test_crossmatch(benchmark, line, folder, ingested):
    from astropy import units as u
    from astropy.coordinates import SkyCoord, match_coordinates_sky

    from astroquery_mmdc.cache.store import ObservationCache

    rng = np.random.default_rng(6)
    ra, dec = rng.uniform(0, 360, MATCHED), np.degrees(np.arcsin(rng.uniform(-1, 1, MATCHED)))
    sources = positions(folder / "sources.parquet")
    ra[: sources.shape[1]], dec[: sources.shape[1]] = sources
    held = SkyCoord(*positions(folder / "raw") * u.deg)
    given = SkyCoord(ra * u.deg, dec * u.deg)
    started = time.perf_counter()
    _, separation, _ = match_coordinates_sky(given, held)
    theirs = time.perf_counter() - started
    with ObservationCache(folder / "store") as store:
        store.crossmatch(ra[:10], dec[:10], 2.0)
        started = time.perf_counter()
        match = benchmark.pedantic(store.crossmatch, (ra, dec, 2.0))
        seconds = time.perf_counter() - started
    expected = np.flatnonzero(separation.arcsec <= 2.0)
    np.testing.assert_array_equal(match.index, expected)
    np.testing.assert_allclose(match.separation, separation.arcsec[expected], atol=1e-6)
    line(f'nearest of {MATCHED:,} positions within 2"', seconds, "s", "")
    line("astropy match_coordinates_sky / ours", theirs / seconds, "x", "> 1")


def test_coverage_is_decided_at_once(benchmark):
    from astroquery_mmdc.cache.cells import cells_to_ranges, fetch_cells, needed_ranges
    from astroquery_mmdc.cache.coverage import Coverage

    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 3000), np.degrees(np.arcsin(rng.uniform(-1, 1, 3000)))
    rows = [
        ("", low, high, float(number))
        for number, cone in enumerate(zip(ra.tolist(), dec.tolist(), strict=True))
        for low, high in cells_to_ranges(*fetch_cells(*cone, 30.0)).tolist()
    ]
    coverage = Coverage.from_rows(rows)

    def decide():
        return len(coverage.missing("", needed_ranges(ra[7], dec[7], 30.0), newer_than=-1.0))

    assert benchmark(decide) == 0
