"""The retriever on made-up sources of 100 points: speed, disk, memory.

Each figure is taken by a process of its own, on one core, in CPU seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import astroquery_mmdc
from tests.retriever.conftest import postgres_programs, running_postgres

pytestmark = pytest.mark.timeout(1800)

WORKER = Path(__file__).with_name("retriever_worker.py")
ROOT = str(Path(astroquery_mmdc.__file__).parents[1])
SIZE = int(os.environ.get("MMDC_BENCH_SOURCES", "1000"))

IMPORT = """
import resource, sys
from pathlib import Path
from astroquery_mmdc.retriever.project import Project
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.running import runs
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, len(list(Path(sys.argv[1]).iterdir())))
"""


def one_core():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def ran(code, *arguments, **variables):
    with tempfile.TemporaryDirectory(prefix="mmdc-bench-retriever-") as folder:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        places = {"PYTHONPATH": ROOT, "RETRIEVER_DATA": folder}
        done = subprocess.run(
            [sys.executable, *code, *map(str, arguments), folder],
            env={**os.environ, **threads, **places, **variables},
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=one_core,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def work(what, size, storage, **variables):
    return json.loads(ran([str(WORKER)], what, size, storage, **variables))


def row(name, answer, reach):
    rate = answer["done"] / answer["cpu"]
    print(
        f"\n  {name:34s} {rate:9.0f} sources/CPU-s (reach {reach})"
        f"  {answer['done'] / answer['wall']:7.0f}/s wall"
        f"  {answer['kB']:5.1f} + {answer['database_kB']:4.1f} kB/source  {answer['MB']:4.0f} MB",
        end="",
    )
    return rate


CASES = {
    "fetch, save, reduce": ("fetch", "hdf5", ">= 200"),
    "fetch, save, reduce (shards)": ("fetch", "parquet", ">= 200"),
    "run, 3 injections": ("run", "hdf5", ">= 150"),
    "run, 3 injections (shards)": ("run", "parquet", ">= 600"),
    "resume, nothing to do": ("resume", "hdf5", ">= 2000"),
}


@pytest.mark.parametrize("name", CASES)
def test_retriever(name, benchmark):
    """Sources per CPU second, and bytes per source in files and in the database."""
    what, storage, reach = CASES[name]
    answer = benchmark.pedantic(work, args=(what, SIZE, storage), rounds=1)
    benchmark.extra_info |= answer
    benchmark.extra_info["sources per CPU second"] = row(name, answer, reach)


@pytest.mark.parametrize("storage", ["hdf5", "parquet"])
def test_retriever_on_postgresql(storage, benchmark):
    """The same with the CPU time of the server."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    with (
        tempfile.TemporaryDirectory(prefix="mmdc-bench-postgres-") as folder,
        running_postgres(Path(folder), programs, "bench") as port,
    ):
        pid = (Path(folder) / "data" / "postmaster.pid").read_text().split()[0]
        url = f"postgresql+psycopg://retriever:bench@127.0.0.1:{port}/postgres"
        variables = {"RETRIEVER_DATABASE": url, "MMDC_BENCH_POSTMASTER": pid}
        answer = benchmark.pedantic(work, args=("run", SIZE, storage), kwargs=variables, rounds=1)
    benchmark.extra_info |= answer
    row(f"run on PostgreSQL, {storage}", answer, "none")


def test_memory_over_many_sources(benchmark):
    """Resident memory from the thousandth source on."""
    answer = benchmark.pedantic(work, args=("grow", 10 * SIZE, "parquet"), rounds=1)
    seen = {int(number): value for number, value in answer["memory"].items()}
    later = [value for number, value in sorted(seen.items()) if number >= 1]
    benchmark.extra_info["memory"] = seen
    growth = max(later) - later[0]
    print(f"\n  memory {later[0]:.0f} MB, grows by {growth:.0f} MB (reach 30)", end="")


def test_import_of_the_retriever(benchmark):
    """CPU time of a whole interpreter; no file is made."""
    seconds, files = benchmark.pedantic(lambda: map(float, ran(["-c", IMPORT]).split()), rounds=1)
    print(f"\n  import {seconds:.2f} s of CPU (reach <= 1.5), {files:.0f} files made", end="")
    assert files == 0
