"""A 30 arcsec cone of the cache as a QTable: to get it, to use it, and through the client."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.cache.filters import row_order
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.schema.arrow import observations_from_arrow

GENERATOR = Path(__file__).parents[2] / "shared" / "tools" / "gen_observations.py"
ROWS = int(os.environ.get("MMDC_BENCH_ROWS", "12400000"))
CONES, ROUNDS, RADIUS = 100, 7, 30.0
# What a cone of a well-observed source holds.
FEWEST, MOST = 500, 800


@pytest.fixture(scope="module")
def folder():
    """Rows and store, those of ``test_cache.py`` where they are there."""
    if not GENERATOR.is_file():
        pytest.skip("the folder ../shared with the generator of observations is not there")
    base = Path(os.environ.get("MMDC_BENCH_DIR", tempfile.gettempdir())) / f"mmdc-bench-{ROWS}"
    if not (base / "raw").is_dir():
        base.mkdir(parents=True, exist_ok=True)
        options = ["--kind", "mmdc", "--rows", ROWS, "--sources", 5000, "--seed", 1]
        command = [sys.executable, GENERATOR, *options, "--out", base / "raw"]
        subprocess.run([str(word) for word in command], check=True)
    if not (base / "store").is_dir():
        with ObservationCache(base / "store") as store:
            store.ingest(base / "raw", complete=True)
    return base


@pytest.fixture(scope="module")
def store(folder):
    with ObservationCache(folder / "store") as store:
        yield store


@pytest.fixture(scope="module")
def cones(folder, store):
    """Positions with several hundred rows each."""
    table = pq.read_table(folder / "sources.parquet", columns=["ra", "dec"])
    sources = zip(*(column.to_pylist() for column in table.columns), strict=True)
    found = []
    for ra, dec in sources:
        if FEWEST < store.cone(ra, dec, RADIUS).num_rows < MOST:
            found.append((ra, dec))
        if len(found) == CONES:
            break
    if not found:
        pytest.skip(f"no cone of {ROWS} rows holds {FEWEST} to {MOST} of them")
    return found


@pytest.fixture
def client(folder, tmp_path):
    mmdc = MMDCClass(cache_dir=tmp_path)
    mmdc.cache.folder.parent.mkdir(parents=True)
    mmdc.cache.folder.symlink_to(folder / "store", target_is_directory=True)
    with conf.set_temp("cache_timeout", -1.0), conf.set_temp("offline", True):
        yield mmdc
    mmdc.cache.close()


def p50(calls, questions, rounds=ROUNDS):
    """Return the median seconds of each call, over all questions, in turn for several rounds."""
    seconds = defaultdict(list)
    for number in range(rounds + 1):
        for name, call in calls.items():
            for question in questions:
                started = time.perf_counter()
                call(question)
                if number:
                    seconds[name].append(time.perf_counter() - started)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def at_once(table):
    """Return the same rows as astropy makes a table of them, from arrays that are ready."""
    arrays = {
        name: np.ma.MaskedArray(np.asarray(column.unmasked), column.mask)
        if hasattr(column, "unmasked")
        else np.ma.MaskedArray(column)
        if hasattr(column, "mask")
        else np.asarray(column)
        for name, column in table.columns.items()
    }
    units = {name: column.unit for name, column in table.columns.items() if column.unit}
    descriptions = {name: column.info.description for name, column in table.columns.items()}
    return lambda _: QTable(arrays, units=units, descriptions=descriptions, copy=False)


def test_cone_as_qtable(benchmark, store, cones, client):
    def arrow(cone):
        rows = store.cone(*cone, RADIUS)
        return rows, row_order(rows)

    def table(cone):
        return observations_from_arrow(*arrow(cone))

    def some(cone):
        found = table(cone)
        return found["flux"], found["mjd_mid"]

    def query(cone):
        return client.query_region(positions[cone], radius)

    def query_some(cone):
        found = query(cone)
        return found["flux"], found["mjd_mid"]

    radius = RADIUS * u.arcsec
    positions = {cone: SkyCoord(*cone, unit="deg") for cone in cones}
    calls = {
        "to Arrow, in order": (arrow, "0.1"),
        "to a QTable": (table, "0.4"),
        "and flux, mjd_mid of it": (some, ""),
        "and all its columns": (lambda cone: table(cone).columns.values(), ""),
        "query_region": (query, "1.0"),
        "and flux, mjd_mid of it ": (query_some, ""),
        "and all its columns ": (lambda cone: query(cone).columns.values(), ""),
        "astropy: only QTable(arrays)": (at_once(table(cones[0])), ""),
    }
    rows = np.median([len(table(cone)) for cone in cones])
    found = p50({name: call for name, (call, _) in calls.items()}, cones)
    print(f'\n  30" cone of {rows:.0f} rows, {len(table(cones[0]).columns)} columns, p50')
    for name, seconds in found.items():
        print(f"  {name:32s} {seconds * 1e3:8.3f} ms   reach {calls[name][1]}")
        benchmark.extra_info[name.strip()] = seconds
    benchmark(table, cones[0])
