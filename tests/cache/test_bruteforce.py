"""The store against a search through all rows, while it is filled, compacted and emptied."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from astroquery_mmdc.cache.cells import (
    ORDER,
    ang2pix_nest,
    cells_to_ranges,
    fetch_cells,
    needed_ranges,
)
from astroquery_mmdc.cache.coverage import contains, intersect, union
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.regions import Box, MOCRegion, Polygon
from astroquery_mmdc.cache.store import ObservationCache

from .helpers import CORNERS, observations, separations, sky

RA, DEC = sky(1500)
SERVICE = observations(RA, DEC)
KEYS = ang2pix_nest(ORDER, RA, DEC)
CHOICES = [
    Filters(),
    Filters(catalog="ZTF"),
    Filters(catalog="ZTF", filter_band="zg"),
    Filters(is_lightcurve=True),
    Filters(obsid="obs-3"),
]
# Two ways to find a separation differ by less than this, in arcsec.
ROUNDING = 1e-6


class World:
    """A service whose rows come, change and go, and what a store should know of it.

    ``held`` is the version of each row that the store should have, -1 for none.
    """

    def __init__(self, folder, seed):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.store = ObservationCache(folder)
        self.held = np.full(len(RA), -1)
        self.known = {}
        self.version = 0

    def rows(self, wanted):
        """Return rows of the current version; a fluctuating fifth of them does not exist."""
        self.version += 1
        exists = np.random.default_rng(self.version).uniform(size=len(RA)) < 0.8
        flux = pa.array(np.full(len(RA), float(self.version)))
        place = SERVICE.schema.get_field_index("flux")
        table = SERVICE.set_column(place, SERVICE.schema.field("flux"), flux)
        return exists, table.filter(pa.array(exists & wanted))

    def center(self):
        kind = self.rng.integers(4)
        if kind == 0:
            return CORNERS[self.rng.integers(len(CORNERS))]
        if kind == 1:
            return self.rng.uniform(0, 360), np.degrees(np.arcsin(self.rng.uniform(-1, 1)))
        row = self.rng.integers(len(RA))
        return RA[row], DEC[row]

    def radius(self):
        chosen = 10 ** self.rng.uniform(-1, np.log10(180 * 3600))
        return float(self.rng.choice([0.0, 30.0, chosen, chosen, 180 * 3600.0]))

    # ---------------------------------------------------------------- what may happen

    def put(self):
        filters = CHOICES[self.rng.integers(len(CHOICES))]
        ranges = cells_to_ranges(*fetch_cells(*self.center(), self.radius()))
        wanted = filters.mask(SERVICE) & contains(ranges, KEYS)
        exists, rows = self.rows(wanted)
        assert self.store.put(
            rows, key=filters.key(), ranges=ranges, fetched=float(self.version)
        ) == len(rows)
        self.held[wanted] = np.where(exists, self.version, -1)[wanted]
        held = self.known.get(filters.key(), np.empty((0, 2), dtype=np.int64))
        self.known[filters.key()] = union(held, ranges)

    def compact(self):
        self.store.compact()

    def ingest(self):
        wanted = self.rng.uniform(size=len(RA)) < 0.05
        _, rows = self.rows(wanted)
        self.store.ingest(rows)
        self.held[rows.column("id").to_numpy() - 1] = self.version

    def clear(self):
        ranges = cells_to_ranges(*fetch_cells(*self.center(), 600.0))
        self.store.clear(ranges)
        self.held[contains(ranges, KEYS)] = -1
        whole = cells_to_ranges(0, np.arange(12))
        for key, known in self.known.items():
            self.known[key] = intersect(known, MOCRegion(_without(whole, ranges)).ranges())

    def reopen(self):
        self.store.close()
        self.store = ObservationCache(self.folder)

    # ---------------------------------------------------------------- what has to hold

    def check(self, found, inside, filters=None, doubtful=None):
        mask = inside if filters is None else inside & filters.mask(SERVICE)
        doubtful = np.zeros(len(RA), dtype=bool) if doubtful is None else doubtful
        ids = found.column("id").to_numpy()
        assert len(np.unique(ids)) == len(ids)
        expected = np.where(mask, self.held, -1)
        result = np.full(len(RA), -1)
        result[ids - 1] = found.column("flux").to_numpy()
        np.testing.assert_array_equal(result[~doubtful], expected[~doubtful])

    def check_cone(self):
        center, radius = self.center(), self.radius()
        away = separations(*center, RA, DEC)
        # The centre itself is never in doubt.
        doubtful = (np.abs(away - radius) < ROUNDING) & (away > 0)
        filters = self.some_filters()
        found = self.store.cone(*center, radius, mask_filters=filters)
        self.check(found, away <= radius, filters, doubtful)

    def some_filters(self):
        if self.rng.uniform() < 0.5:
            return None
        low = self.rng.uniform(55000, 59000)
        dated = {"mjd_min": low, "mjd_max": low + 1000} if self.rng.uniform() < 0.5 else {}
        exact = CHOICES[self.rng.integers(len(CHOICES))]
        return Filters.from_key(exact.key()) if not dated else _dated(exact, dated)

    def check_region(self):
        lon, lat = self.center()
        lat = float(np.clip(lat, -80, 80))
        size = float(self.rng.choice([0.01, 1, 8]))
        regions = [
            Box(lon - size, lon + 2 * size, lat - size, lat + size),
            Polygon([lon, lon + size, lon + size / 3], [lat, lat + size / 9, lat + size]),
            MOCRegion(cells_to_ranges(5, ang2pix_nest(5, [lon, lon + 3], lat))),
        ]
        for region in regions:
            filters = self.some_filters()
            found = self.store.region(region.ranges(), region.contains, mask_filters=filters)
            self.check(found, region.contains(RA, DEC), filters)

    def check_many(self):
        centers = np.array([self.center() for _ in range(20)])
        radius = float(self.rng.choice([0.0, 5.0, 3600.0, 40 * 3600.0]))
        number, found = self.store.cones(*centers.T, radius)
        assert (np.diff(number) >= 0).all()
        for place, center in enumerate(centers):
            away = separations(*center, RA, DEC)
            doubtful = (np.abs(away - radius) < ROUNDING) & (away > 0)
            self.check(found.filter(pa.array(number == place)), away <= radius, None, doubtful)

    def check_match(self):
        centers = np.array([self.center() for _ in range(20)])
        match = self.store.crossmatch(*centers.T, 60.0)
        all_pairs = self.store.crossmatch(*centers.T, 60.0, nearest=False)
        for place, center in enumerate(centers):
            away = separations(*center, RA, DEC)[self.held >= 0]
            away = np.sort(away[away <= 60.0])
            ours = match.separation[match.index == place]
            np.testing.assert_allclose(ours, away[:1], atol=ROUNDING)
            ours = all_pairs.separation[all_pairs.index == place]
            np.testing.assert_allclose(np.sort(ours), away, atol=ROUNDING)

    def check_coverage(self):
        coverage = self.store.coverage()
        for filters in CHOICES:
            key = filters.key()
            expected = np.empty((0, 2), dtype=np.int64)
            for held, ranges in self.known.items():
                looser = Filters.from_key(held)._exact().items() <= filters._exact().items()
                expected = union(expected, ranges) if looser else expected
            np.testing.assert_array_equal(coverage.ranges(key), expected)
            needed = needed_ranges(*self.center(), 30.0)
            answered = len(intersect(needed, expected)) and not len(_without(needed, expected))
            assert (len(self.store.covered(key, needed)) == 0) == bool(answered)


def _without(first, second):
    from astroquery_mmdc.cache.coverage import subtract

    return subtract(first, second)


def _dated(filters, window):
    from dataclasses import replace

    return replace(filters, **window)


@pytest.mark.parametrize("seed", range(6))
def test_every_answer_is_that_of_a_full_search(tmp_path, seed):
    world = World(tmp_path / "store", seed)
    happens = [world.put] * 6 + [world.compact, world.ingest, world.clear, world.reopen]
    checks = [world.check_region, world.check_many, world.check_match, world.check_coverage]
    for step in range(30):
        happens[world.rng.integers(len(happens))]()
        for _ in range(6):
            world.check_cone()
        checks[step % len(checks)]()
    world.store.compact(force=True)
    whole = world.store.cone(0, 0, 180 * 3600)
    world.check(whole, np.ones(len(RA), dtype=bool))
    world.store.close()


def test_a_complete_mirror_answers_everything(tmp_path):
    with ObservationCache(tmp_path) as store:
        store.put(SERVICE.slice(0, 0), key="", ranges=np.array([[0, 1 << 58]]), fetched=1.0)
        assert store.ingest(SERVICE, complete=True) == len(SERVICE)
        assert len(store.covered('{"catalog":"ZTF"}', np.array([[0, 12 << 58]]))) == 0
        found = store.cone(123.0, -45.0, 180 * 3600).sort_by("id")
        for name in SERVICE.column_names:
            ours = found.column(name)
            if pa.types.is_dictionary(ours.type):
                ours = ours.cast(pa.string())
            theirs = SERVICE.column(name)
            if name == "reference":
                assert ours.to_pylist() == theirs.to_pylist()
            else:
                assert pc.all(pc.equal(ours, theirs), min_count=0).as_py() is not False
                assert ours.null_count == theirs.null_count
