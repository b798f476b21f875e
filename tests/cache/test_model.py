"""Any sequence of what a store can be asked to do, against a model of it in a dictionary."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import healpy
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from astroquery_mmdc.cache import tiling
from astroquery_mmdc.cache.cells import cells_to_ranges
from astroquery_mmdc.cache.coverage import answers, contains
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.layout import tiles_of
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import IncompleteResultWarning
from tests.cache.store_helpers import observations

ORDER = 8
# Neighbours, cells of the poles and of several base cells.
CELLS = np.array([0, 1, 2, 3, 65535, 65536, 150_000, 458_752, 786_431])
ROWS = 6
KEYS = ["", '{"catalog":"ZTF"}', '{"catalog":"ZTF","filter_band":"zg"}', '{"is_lightcurve":true}']
SKY = np.array([WHOLE_SKY])
# Waiting for a disk thousands of times would take minutes.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def universe():
    """Return every row there is, six in each cell."""
    fine = (CELLS[:, None] << 2 * (15 - ORDER)) + np.arange(ROWS) * 2000
    ra, dec = healpy.pix2ang(1 << 15, fine.ravel(), nest=True, lonlat=True)
    return observations(ra, dec, seed=4)


ALL = universe()
CELL_OF = np.repeat(np.arange(len(CELLS)), ROWS)
MATCHES = {key: Filters.from_key(key).mask(ALL) for key in KEYS}
RANGES = [cells_to_ranges(ORDER, CELLS[number : number + 1]) for number in range(len(CELLS))]

SOME_CELLS = st.sets(st.integers(0, len(CELLS) - 1), min_size=1).map(sorted)
SOME_ROWS = st.sets(st.integers(0, len(CELL_OF) - 1)).map(sorted)
TIMES = st.integers(1, 20).map(float)


class StoreMachine(RuleBasedStateMachine):
    """``held`` maps rows to their versions, ``known`` cells and keys to times of fetch."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mmdc-model-", dir=MEMORY))
        self.store = ObservationCache(self.folder)
        self.held, self.known, self.version = {}, {}, 0

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def rows(self, numbers):
        """Return rows of a new version."""
        self.version += 1
        table = ALL.take(pa.array(numbers, pa.int64()))
        flux = pa.array([float(self.version)] * len(numbers), pa.float64())
        return table.set_column(table.schema.get_field_index("flux"), "flux", flux)

    # ---------------------------------------------------------------- what may happen

    @rule(key=st.sampled_from(KEYS), cells=SOME_CELLS, missing=SOME_ROWS, at=TIMES)
    def put(self, key, cells, missing, at):
        """Fetch cells, some of whose rows do not exist just now, in any order of time."""
        inside = np.isin(CELL_OF, cells) & MATCHES[key]
        exists = np.setdiff1d(np.flatnonzero(inside), missing).tolist()
        ranges = np.concatenate([RANGES[cell] for cell in cells])
        self.store.put(self.rows(exists), key=key, ranges=ranges, fetched=at)
        for row in np.flatnonzero(inside).tolist():
            if not self.is_newer(row, at):
                self.set_row(row, self.version if row in exists else None)
        for cell in cells:
            self.known[cell, key] = max(at, self.known.get((cell, key), 0.0))

    def is_newer(self, row, at):
        """Return whether a row is known from a later time."""
        return any(
            time > at and cell == CELL_OF[row] and MATCHES[key][row]
            for (cell, key), time in self.known.items()
        )

    def set_row(self, row, version):
        self.held.pop(row, None)
        if version is not None:
            self.held[row] = version

    @rule(rows=SOME_ROWS)
    def ingest(self, rows):
        self.store.ingest(self.rows(rows))
        self.held |= dict.fromkeys(rows, self.version)

    @rule(missing=SOME_ROWS)
    def ingest_everything(self, missing):
        rows = np.setdiff1d(np.arange(len(CELL_OF)), missing).tolist()
        table = self.rows(rows)
        self.store.ingest(table, complete=True)
        self.held = dict.fromkeys(rows, self.version)
        # The time is that of the clock, later than all others.
        self.known = {(cell, ""): np.inf for cell in range(len(CELLS))}

    @rule(force=st.booleans())
    def compact(self, force):
        self.store.compact(force=force)

    @rule(cells=SOME_CELLS)
    def clear(self, cells):
        self.store.clear(np.concatenate([RANGES[cell] for cell in cells]))
        self.forget(cells)

    @rule()
    def clear_everything(self):
        self.store.clear()
        self.forget(range(len(CELLS)))

    def forget(self, cells):
        gone = set(cells)
        self.held = {row: v for row, v in self.held.items() if CELL_OF[row] not in gone}
        self.known = {at: time for at, time in self.known.items() if at[0] not in gone}

    @rule()
    def reopen(self):
        self.store.close()
        self.store = ObservationCache(self.folder)

    @rule()
    def verify(self):
        assert self.store.verify().is_good
        assert self.store.verify(repair=True).is_good

    @precondition(lambda self: self.held)
    @rule(choice=st.integers(0, 100))
    def lose_a_tile(self, choice):
        """Damage a tile with the index; all that is known is in the generation."""
        self.store.compact()
        name = self.store.info()["generation"]
        tiles = sorted((self.folder / name).glob("dataset/**/Npix=*.parquet"))
        tile = tiles[choice % len(tiles)]
        tile.write_bytes(b"damaged")
        shutil.rmtree(self.folder / "index" / name)
        self.reopen()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            report = self.store.verify(repair=True)
        assert [warning.category for warning in caught] == [IncompleteResultWarning]
        assert report.is_good
        (cell,) = tiles_of([tile.relative_to(self.folder).as_posix()])
        lost = np.array([[cell.low, cell.high]])
        starts = [int(ranges[0, 0]) for ranges in RANGES]
        gone = np.flatnonzero(contains(lost, starts)).tolist()
        assert report.lost_rows == sum(CELL_OF[row] in gone for row in self.held)
        self.forget(gone)

    # ---------------------------------------------------------------- what has to hold

    @invariant()
    def rows_are_those_of_the_model(self):
        if not hasattr(self, "store"):
            return
        table = self.store.region(SKY)
        numbers = table["id"].to_pylist()
        assert len(set(numbers)) == len(numbers)
        assert dict(zip(numbers, table["flux"].to_pylist(), strict=True)) == self.held

    @invariant()
    def coverage_is_that_of_the_model(self):
        if not hasattr(self, "store"):
            return
        for cell, ranges in enumerate(RANGES):
            for key in KEYS:
                times = [
                    time
                    for (known, held), time in self.known.items()
                    if known == cell and answers(held, key)
                ]
                age = self.store.coverage().oldest(key, ranges)
                assert (age is None) == (not times)
                assert not times or age == max(times) or (age > 1e9 and max(times) == np.inf)
                missing = self.store.covered(key, ranges)
                assert missing.tolist() == ([] if times else ranges.tolist())


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Let a few rows fill a tile."""
    monkeypatch.setattr(tiling, "TILE_ROWS", 8)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_long_sequences():
    from hypothesis.stateful import run_state_machine_as_test

    longer = settings(TestStore.settings, max_examples=60, stateful_step_count=40)
    run_state_machine_as_test(StoreMachine, settings=longer)
