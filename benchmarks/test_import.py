from __future__ import annotations

import statistics
import subprocess
import sys

CODE = """
import resource
{statement}
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def _cpu(statement):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def test_import(benchmark, report):
    """CPU time of a whole interpreter, start included, median of 11 interleaved runs."""
    statements = ("import astroquery", "import astroquery_mmdc", "from astroquery_mmdc import MMDC")
    times = {statement: [] for statement in statements}
    for _ in range(11):
        for statement in statements:
            times[statement].append(_cpu(statement))
    medians = {statement: statistics.median(values) for statement, values in times.items()}
    for statement, seconds in medians.items():
        print(f"\n  {statement:36s} CPU {seconds * 1e3:6.0f} ms", end="")
    print()
    benchmark.pedantic(_cpu, args=("import astroquery_mmdc",), rounds=3)
    ours = medians["import astroquery_mmdc"]
    report("import, ms of CPU", ours * 1e3, "<= 260")
    report("import / astroquery", ours / medians["import astroquery"], "<= 1.1")
