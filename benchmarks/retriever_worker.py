"""A program that is measured: `retriever_worker.py WHAT SIZE STORAGE`, with RETRIEVER_DATA set.

It says as JSON what the work took: CPU seconds (children and PostgreSQL included), wall seconds,
bytes on disk per source, and resident memory in MB on the way.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.paths import data_root
from astroquery_mmdc.retriever.project import Project

BATCH = 250
QUICK = {"progress": False}


def catalog(size):
    rng = np.random.default_rng(1)
    columns = {"ra": rng.uniform(0, 360, size), "dec": rng.uniform(-80, 80, size)}
    names = [f"S{number:07d}" for number in range(size)]
    return Catalog({"name": names, "mag": rng.uniform(15, 21, size), **columns})


def cpu():
    """CPU seconds of this process, of its children, and of the database's server."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + server_cpu()


def server_cpu():
    """CPU seconds of the server that MMDC_BENCH_POSTMASTER names, with sessions that ended."""
    server = os.environ.get("MMDC_BENCH_POSTMASTER")
    if server is None:
        return 0.0
    database.dispose()
    time.sleep(0.5)
    pids = [server, *Path(f"/proc/{server}/task/{server}/children").read_text().split()]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    ended = sum(int(number) for number in fields[0][13:15])
    ticks = ended + sum(int(number) for field in fields for number in field[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory():
    """Resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def on_disk():
    """Bytes of light curves, and of the database."""
    files = [path for path in data_root().rglob("*") if path.is_file()]
    rows = sum(path.stat().st_size for path in files if "retriever.db" in path.name)
    return sum(path.stat().st_size for path in files) - rows, rows


def make(size, storage, **kwargs):
    settings = {"storage": storage, "source_batch_size": BATCH, **kwargs}
    injections = {"num_injections": 3}
    return Project("bench", catalog=catalog(size), analysis_kwargs=injections, **settings)


def measured(size, work):
    """Measure some work on ``size - 1`` sources; the first has loaded what is loaded once."""
    started, used = time.perf_counter(), cpu()
    done = work()
    used, elapsed = cpu() - used, time.perf_counter() - started
    files, rows = on_disk()
    return {
        "done": done,
        "cpu": used,
        "wall": elapsed,
        "kB": files / size / 1e3,
        "database_kB": rows / size / 1e3,
        "MB": memory(),
    }


def fetch(size, storage):
    observatory = make(size, storage, DEMO={"project": "BENCH"}).demo
    observatory.fetch_all_sources(0, 1, save=True, reduce=True)
    return measured(size, lambda: observatory.fetch_all_sources(1, size, save=True, reduce=True))


def run(size, storage):
    project = make(size, storage)
    project.run(0, 1, **QUICK)
    return measured(size, lambda: project.run(**QUICK).done)


def resume(size, storage):
    make(size, storage).run(**QUICK)
    project = make(size, storage)
    project.catalog.names  # noqa: B018 - it is read before, as for any run
    return measured(size, lambda: project.run(**QUICK).skipped)


def grow(size, storage):
    """Resident memory after each thousand sources."""
    seen = {}
    project = make(size, storage)
    project.run(progress=lambda step: seen.__setitem__(step.done // 1000, memory()))
    return {"done": size, "memory": seen}


if __name__ == "__main__":
    kinds = {kind.__name__: kind for kind in (fetch, run, resume, grow)}
    print(json.dumps(kinds[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
