"""Kill a process before each step of some work on a store: `kill_points.py FOLDER WORK EVERY`.

A step is whatever touches a file or the manifest. Each attempt is a fork, so that nothing has to be
imported again; the process that forks works on no store itself. Prints how many were killed.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from astroquery_mmdc.cache import manifest, tiling
from astroquery_mmdc.cache.store import ObservationCache

sys.path.insert(0, str(Path(__file__).parent))
from worker import CELLS, fetch

EVENTS = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"}
EVERYTHING = np.array([[0, 12 << 58]])


class Countdown:
    """Kills this process before the step of a number."""

    def __init__(self, steps):
        self.left, self.armed = steps, False

    def step(self, *_):
        if self.armed:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self):
        sys.addaudithook(lambda event, args: event in EVENTS and self.step())
        fsync, opened = os.fsync, manifest.Manifest._open

        def watched_fsync(handle):
            self.step()
            fsync(handle)

        def watched_open(instance, uri):
            connection = opened(instance, uri)
            connection.set_trace_callback(self.step)
            return connection

        os.fsync, manifest.Manifest._open = watched_fsync, watched_open


# ---------------------------------------------------------------- work; before, the work, after


def rows_of(version):
    return pa.concat_tables([fetch(cell, version)[0] for cell in range(len(CELLS))])


def put_some(store, version):
    for cell in range(version % 3, 12, 3):
        store.put(fetch(cell, version)[0], key="", ranges=fetch(cell, 0)[1], fetched=version)


def damage(store, version):
    put_some(store, version)
    store.compact()
    folder = store.folder / store.info()["generation"]
    sorted(folder.glob("dataset/**/Npix=*.parquet"))[version % 5].write_bytes(b"")
    shutil.rmtree(store.folder / "index" / folder.name)


def repair(store, version):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert store.verify(repair=True).is_good


def fill(store, version):
    store.ingest(rows_of(version), complete=True)


WORK = {
    "put": (fill, lambda store, version: put_some(store, version + 1)),
    "ingest": (fill, lambda store, version: fill(store, version + 1)),
    "add": (put_some, lambda store, version: store.ingest(rows_of(version + 1))),
    "compact": (put_some, lambda store, version: store.compact()),
    "rewrite": (put_some, lambda store, version: store.compact(force=True)),
    "clear": (put_some, lambda store, version: store.clear(fetch(version % 12, 0)[1])),
    "forget": (put_some, lambda store, version: store.clear()),
    "repair": (damage, repair),
}


def content(store):
    """Return the version of each cell, None where it is not known."""
    found = []
    for cell in range(len(CELLS)):
        rows, ranges = fetch(cell, 0)
        table = store.region(ranges)
        versions = set(table.column("flux").to_pylist())
        assert len(versions) < 2, versions
        assert len(table) in (0, len(rows)), len(table)
        known = len(store.covered("", ranges)) == 0
        assert not known or versions
        found.append([versions.pop() if versions else None, known])
    return found


# ---------------------------------------------------------------- attempts


def forked(task):
    """Run a task in a process of its own; return its exit code, negative if it was killed."""
    child = os.fork()
    if not child:
        code = 70
        try:
            task()
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def attempt(folder, notes, work, version, steps):
    """Let one process be killed, another one look; return whether the first was killed."""
    before, act = WORK[work]

    def victim():
        countdown = Countdown(steps)
        countdown.watch()
        with ObservationCache(folder) as store:
            before(store, version)
            if work != "repair":
                (notes / "before").write_text(json.dumps(content(store)))
            countdown.armed = True
            act(store, version)
            countdown.armed = False
            (notes / "after").write_text(json.dumps(content(store)))

    def witness():
        with ObservationCache(folder) as store:
            if work == "repair":
                repair(store, version)
            report = store.verify()
            assert report.is_good, report
            (notes / "found").write_text(json.dumps(content(store)))

    code = forked(victim)
    assert code in (0, -signal.SIGKILL), code
    assert forked(witness) == 0
    check(notes, work, killed=code != 0)
    return code != 0


def check(notes, work, *, killed):
    found = json.loads((notes / "found").read_text())
    after = notes / "after"
    if not killed:
        assert found == json.loads(after.read_text()), (work, found)
        after.unlink()
        return
    if work == "repair":
        return
    old = json.loads((notes / "before").read_text())
    unchanged = [new == before for new, before in zip(found, old, strict=True)]
    if work == "put":
        # Each of its fetches is a commit of its own.
        newer = [new[0] > before[0] for new, before in zip(found, old, strict=True)]
        assert all(a or b for a, b in zip(unchanged, newer, strict=True)), (old, found)
    elif work == "clear":
        assert sum(unchanged) >= len(CELLS) - 1, (old, found)
    elif work == "forget":
        assert all(unchanged) or found == [[None, False]] * len(CELLS), (old, found)
    elif work in ("compact", "rewrite"):
        assert all(unchanged), (old, found)
    else:
        assert all(unchanged) or len({version for version, _ in found}) == 1, (old, found)


def main():
    folder, work, every = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    tiling.TILE_ROWS = 90
    killed = 0
    with tempfile.TemporaryDirectory() as notes:
        for number in itertools.count():
            if not attempt(folder, Path(notes), work, number * 10 + 1, number * every + 1):
                break
            killed += 1
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main()
