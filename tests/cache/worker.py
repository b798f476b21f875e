"""A process that works on a store until it is done or killed: `worker.py ROLE FOLDER ARGUMENT`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from astroquery_mmdc.cache.cells import cell_centers, cells_to_ranges
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA

# One cell of order 10 in each base cell; a fetch of it brings rows that carry its version.
CELLS = (np.arange(1, 13) << 20) - (np.arange(12) * 70_001) - 1
ROWS = 40


def say(*words):
    """Tell whoever started this process, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def fetch(cell, version):
    """Return the rows of a cell, and its ranges."""
    pixel = (int(CELLS[cell]) << 10) + np.arange(ROWS) * 25
    x, y, z = cell_centers(15, pixel).T
    ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
    plain = {
        **dict.fromkeys(OBSERVATION_SCHEMA.names),
        "catalog": "ZTF",
        "flux": float(version),
        "frequency": 4.7e14,
        "is_lightcurve": False,
        "is_upper_limit": False,
    }
    rows = [
        {
            **plain,
            "id": int(cell) * ROWS + row,
            "ra": ra[row],
            "dec": dec[row],
            "sky_identifier": int(pixel[row]),
        }
        for row in range(ROWS)
    ]
    ranges = cells_to_ranges(10, CELLS[cell : cell + 1])
    return pa.Table.from_pylist(rows, OBSERVATION_SCHEMA), ranges


def put(store, cell, version):
    rows, ranges = fetch(cell, version)
    store.put(rows, key="", ranges=ranges, fetched=float(version))
    say(cell, version)


def victim(store, version):
    """Fetch without end; compact often, so that many kills hit a compaction."""
    version = int(version)
    while True:
        put(store, version % 12, version)
        if version % 4 == 0:
            store.compact()
        version += 1


def writer(store, number):
    for version in range(1, 41):
        put(store, int(number) * 3 + version % 3, version)


def until(path):
    """Go on until a file is there."""
    end = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < end:
        yield


def compactor(store, done):
    compactions = 0
    for _ in until(done):
        compactions += store.compact()
        time.sleep(0.05)
    say(compactions)


def reader(store, done):
    seen, rounds = {}, 0
    for _ in until(done):
        for cell in range(12):
            _, ranges = fetch(cell, 0)
            # Coverage is asked first: what is known stays known, and its rows are there.
            known = len(store.covered("", ranges)) == 0
            flux = store.region(ranges).column("flux").to_numpy()
            assert len(flux) == ROWS or (not known and not len(flux)), (cell, len(flux))
            assert len(set(flux)) < 2, (cell, set(flux))
            if len(flux):
                assert flux[0] >= seen.get(cell, 0), (cell, flux[0], seen[cell])
                seen[cell] = flux[0]
        rounds += 1
    say(rounds)


if __name__ == "__main__":
    roles = {role.__name__: role for role in (victim, writer, compactor, reader)}
    with ObservationCache(sys.argv[2]) as opened:
        say("ready")
        roles[sys.argv[1]](opened, sys.argv[3])
