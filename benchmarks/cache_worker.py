"""One engine in one process: ``cache_worker.py ENGINE FOLDER``.

It reads orders, one a line, and answers each with a line of JSON. So many engines can be asked in
turn, and whatever else the machine does at the time meets all of them alike.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path

if __name__ == "__main__":
    # As a program it stands alone: the package's folder must not be taken for a part of it.
    sys.path.insert(0, str(Path(__file__).parent))

import cache_engines


def seconds_of(process):
    """Return the CPU time of another process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def private_mb(process="self"):
    """Return the memory of a process alone that cannot be dropped: mapped files can be."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines]
    return sum(int(field[1]) for field in fields if field[0] == "Private_Dirty:") / 1024


def measured(call):
    """Return wall and CPU time in ms, and what was returned."""
    used, started = time.process_time(), time.perf_counter()
    found = call()
    ended = time.perf_counter()
    return [(ended - started) * 1e3, (time.process_time() - used) * 1e3], found


def main():
    warnings.simplefilter("ignore")
    engine, folder = sys.argv[1], Path(sys.argv[2])
    question = json.loads((folder / "question.json").read_text())
    times, calls = measured(lambda: getattr(cache_engines, engine)(folder, question))
    server = calls.pop("server", None)
    say({"open": times[0], "can": sorted(calls)})
    for line in sys.stdin:
        what, *places = line.split()
        if what == "memory":
            say([private_mb(), private_mb(server) if server else None])
            continue
        before = seconds_of(server) if server else 0.0
        times, found = measured(lambda: calls[what](*map(int, places)))  # noqa: B023
        if server and not places:
            times[1] += (seconds_of(server) - before) * 1e3
        say([*times, found if isinstance(found, int) else len(found)])


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
