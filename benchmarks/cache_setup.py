"""Rows, questions and environments that the benchmarks of the cache share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import astroquery_mmdc

GENERATOR = Path(__file__).parents[2] / "shared" / "tools" / "gen_observations.py"
ROWS = int(os.environ.get("MMDC_BENCH_ROWS", "1000000"))
ROOT = str(Path(astroquery_mmdc.__file__).parents[1])
CONES, MANY, MATCHED = 500, 10_000, 1_000_000
RADIUS = 30.0
WINDOW = (57000.0, 58000.0)

# Environments of the peers; an interpreter named by the variable is used as it is.
PEERS = ("MMDC_BENCH_PEERS", ["duckdb", "scipy", "pyarrow", "numpy", "psycopg[binary]"])
LSDB = ("MMDC_BENCH_LSDB", ["lsdb==0.11.*", "hats-import"])


def home():
    """Return the folder that everything is kept in between runs."""
    return Path(os.environ.get("MMDC_BENCH_DIR", tempfile.gettempdir()))


def environment(**others):
    """Return variables that keep a program on one core."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": ROOT, **others}


def run(python, *arguments):
    """Run a program on one core and return the last line that it prints."""
    done = subprocess.run(
        [str(python), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1] if done.stdout else ""


def interpreter(kind):
    """Return the interpreter of an environment with peers, or why there is none."""
    variable, packages = kind
    if os.environ.get(variable):
        return Path(os.environ[variable]), None
    folder = home() / f"mmdc-bench-{variable.removeprefix('MMDC_BENCH_').lower()}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return None, f"pip cannot install {', '.join(packages)}: {done.stderr[-200:].strip()}"
        (folder / "ready").touch()
    return python, None


def rows():
    """Return the folder with the rows, made if they are not there."""
    if not GENERATOR.is_file():
        pytest.skip("the folder ../shared with the generator of observations is not there")
    base = home() / f"mmdc-bench-{ROWS}"
    base.mkdir(parents=True, exist_ok=True)
    if not (base / "raw").is_dir():
        options = ["--kind", "mmdc", "--rows", ROWS, "--sources", 5000, "--seed", 1]
        run(sys.executable, GENERATOR, *options, "--out", base / "making")
        # The generator writes the list of sources beside its folder.
        (base / "making").rename(base / "raw")
    return base


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
        "radius": RADIUS,
        "window": WINDOW,
        "cones": cones,
        "ranges": [cone_ranges(*cone, RADIUS).tolist() for cone in cones],
        "many": sources[rng.integers(0, len(sources), MANY)].tolist(),
    }
    (folder / "question.json").write_text(json.dumps(question))
    if not (folder / "keys.npy").exists():
        np.save(folder / "keys.npy", ang2pix_nest(ORDER, *positions(folder / "raw")))
    ra, dec = rng.uniform(0, 360, MATCHED), np.degrees(np.arcsin(rng.uniform(-1, 1, MATCHED)))
    count = min(len(sources), MATCHED)
    ra[:count], dec[:count] = sources[:count].T
    np.save(folder / "matched.npy", np.stack([ra, dec]))


def size(path):
    """Return the bytes of the files in a folder."""
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())


def emptied(folder):
    """Return a folder that is not there."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder
