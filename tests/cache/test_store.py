from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.cells import ang2pix_nest, cells_to_ranges, needed_ranges
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.layout import ROW_SCHEMA
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import InvalidRequestError
from tests.cache.store_helpers import PLACES, brute, fetch, ids, observations


def test_an_empty_store_answers_with_no_rows(cache):
    table = cache.cone(10.0, 20.0, 30.0)
    assert table.num_rows == 0
    assert table.schema.equals(ROW_SCHEMA)
    assert cache.info()["rows"] == 0
    assert not cache.compact()
    assert not cache.compact(force=True)
    assert len(cache.crossmatch([10.0], [20.0], 5.0).index) == 0
    assert cache.cones([10.0], [20.0], 5.0, columns=["id"])[1].num_rows == 0


def test_put_then_cone_then_compact_then_cone(cache, sky):
    for place in PLACES:
        fetch(cache, sky, *place)
    for step in (lambda: None, cache.compact, lambda: cache.compact(force=True)):
        step()
        for ra, dec in PLACES:
            for radius in (0.0, 1.0, 30.0):
                assert ids(cache.cone(ra, dec, radius)) == ids(
                    sky.filter(pa.array(brute(sky, ra, dec, radius)))
                )
            assert len(cache.covered("", needed_ranges(ra, dec, 30.0))) == 0
    assert cache.info()["open_segments"] == 0


def test_a_compacted_store_survives_reopening(tmp_path, sky):
    with ObservationCache(tmp_path) as cache:
        fetch(cache, sky, *PLACES[0])
        cache.compact()
        fetch(cache, sky, *PLACES[1])
        expected = [ids(cache.cone(*place, 30.0)) for place in PLACES[:2]]
    for read_only in (True, False):
        with ObservationCache(tmp_path, read_only=read_only) as cache:
            assert [ids(cache.cone(*place, 30.0)) for place in PLACES[:2]] == expected


@pytest.mark.parametrize("radius", [0.0, 5.0, 3600.0, 40 * 3600.0, 100 * 3600.0, 180 * 3600.0])
@pytest.mark.parametrize("place", PLACES)
def test_cones_of_every_size_hold_what_a_search_of_all_rows_finds(full, sky, place, radius):
    assert ids(full.cone(*place, radius)) == ids(sky.filter(pa.array(brute(sky, *place, radius))))


@settings(max_examples=150, deadline=None)
@given(
    ra=st.floats(-360, 720),
    dec=st.floats(-90, 90),
    radius=st.floats(0, 648000) | st.floats(0, 600),
    near=st.integers(0, 2000) | st.none(),
)
def test_any_cone_holds_what_a_search_of_all_rows_finds(full, sky, ra, dec, radius, near):
    if near is not None:
        ra, dec = sky["ra"][near].as_py(), sky["dec"][near].as_py()
    expected = ids(sky.filter(pa.array(brute(sky, ra, dec, radius))))
    assert ids(full.cone(ra, dec, radius)) == expected
    index, table = full.cones([ra], [dec], radius)
    assert ids(table) == expected
    assert not index.any()


def test_many_cones_are_the_same_as_one_after_the_other(full, sky):
    rng = np.random.default_rng(2)
    near = rng.integers(0, sky.num_rows, 300)
    ra, dec = sky["ra"].to_numpy()[near], sky["dec"].to_numpy()[near]
    for radius in (2.0, 60.0, 7200.0, 25 * 3600.0):
        found = full.cones_rows(ra[:50], dec[:50], radius)
        index, table = found.query_index(), found.table(["id"])
        assert (np.diff(index) >= 0).all()
        assert len(found) == table.num_rows == found.counts().sum()
        for number in range(50):
            part = table.filter(pa.array(index == number))
            assert ids(part) == ids(full.cone(ra[number], dec[number], radius))
    found = full.cones_rows(ra, dec, 30.0)
    pieces = list(found.batches(64))
    assert np.array_equal(np.concatenate([index for index, _ in pieces]), found.query_index())
    assert sum(table.num_rows for _, table in pieces) == len(found)


FILTERS = [
    Filters(),
    Filters(catalog="ZTF"),
    Filters(catalog="nothing"),
    Filters(filter_band="zg", is_lightcurve=True),
    Filters(is_upper_limit=False, mjd_min=56000.0),
    Filters(mjd_min=56000.0, mjd_max=57000.5),
    Filters(obsid="obs-3", catalog="NVSS"),
]


@pytest.mark.parametrize("filters", FILTERS)
def test_filters_do_what_they_do_on_a_table(full, sky, filters):
    for ra, dec in PLACES:
        near = sky.filter(pa.array(brute(sky, ra, dec, 60.0)))
        expected = ids(near.filter(pa.array(filters.mask(near))))
        assert ids(full.cone(ra, dec, 60.0, mask_filters=filters)) == expected
        _, table = full.cones([ra, ra], [dec, dec], 60.0, mask_filters=filters)
        assert ids(table) == sorted(expected * 2)
    index, table = full.cones(*zip(*PLACES, strict=True), 60.0, mask_filters=filters)
    for number, place in enumerate(PLACES):
        expected = ids(full.cone(*place, 60.0, mask_filters=filters))
        assert ids(table.filter(pa.array(index == number))) == expected
        region = full.region(needed_ranges(*place, 60.0), mask_filters=filters)
        assert set(expected) <= set(ids(region))


def test_a_region_is_decided_by_its_exact_test(full, sky):
    whole = np.array([WHOLE_SKY])
    assert full.region(whole).num_rows == sky.num_rows
    table = full.region(whole, lambda ra, dec: (dec > 10) & (ra < 200), columns=["id"])
    wanted = (sky["dec"].to_numpy() > 10) & (sky["ra"].to_numpy() < 200)
    assert ids(table) == ids(sky.filter(pa.array(wanted)))
    assert full.region(np.empty((0, 2), dtype=np.int64)).num_rows == 0


def test_crossmatch_finds_all_or_the_nearest(full, sky):
    rng = np.random.default_rng(3)
    near = rng.integers(0, 1800, 200)
    ra, dec = sky["ra"].to_numpy()[near], np.clip(sky["dec"].to_numpy()[near] + 1 / 3600, -90, 90)
    every = full.crossmatch(ra, dec, 10.0, nearest=False)
    best = full.crossmatch(ra, dec, 10.0)
    assert ids(every.snapshot.take(every.row, ["id"])) == sorted(
        number for a, d in zip(ra, dec, strict=True) for number in ids(full.cone(a, d, 10.0))
    )
    assert (np.diff(best.index) > 0).all()
    for number, separation in zip(best.index, best.separation, strict=True):
        assert separation == every.separation[every.index == number].min()
    assert every.separation.max() <= 10.0 + 1e-9


def test_a_large_crossmatch_leaves_out_empty_sky(full, sky):
    rng = np.random.default_rng(4)
    n = 20_000
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:500], dec[:500] = sky["ra"].to_numpy()[:500], sky["dec"].to_numpy()[:500]
    match = full.crossmatch(ra, dec, 2.0)
    assert set(range(500)) <= set(match.index.tolist())
    # Fewer positions than it takes to look for empty sky first.
    few = [full.crossmatch(ra[s : s + 5000], dec[s : s + 5000], 2.0) for s in range(0, n, 5000)]
    assert sum(len(part.index) for part in few) == len(match.index)


def test_a_newer_fetch_replaces_older_rows_in_its_cells_only(cache, sky):
    ra, dec = PLACES[0]
    ranges = fetch(cache, sky, ra, dec, 120.0)
    inner = cells_to_ranges(13, np.atleast_1d(ang2pix_nest(13, ra, dec)))
    before = ids(cache.region(ranges))
    gone = ids(cache.region(inner))
    assert gone
    new = observations([ra], [dec], first_id=10**6)
    assert cache.put(new, key="", ranges=inner, fetched=2000.0) == 1
    expected = sorted(set(before) - set(gone) | {10**6})
    assert ids(cache.region(ranges)) == expected
    cache.compact()
    assert ids(cache.region(ranges)) == expected
    assert ids(cache.cone(ra, dec, 600.0)) == expected


def test_a_fetch_with_a_filter_replaces_only_what_matches(cache, sky):
    ra, dec = PLACES[0]
    ranges = fetch(cache, sky, ra, dec)
    key = Filters(catalog="ZTF").key()
    before = cache.region(ranges)
    others = before.filter(pa.array(~Filters(catalog="ZTF").mask(before)))
    cache.put(sky.slice(0, 0), key=key, ranges=ranges, fetched=2000.0)
    for _ in range(2):
        assert ids(cache.region(ranges)) == ids(others)
        assert len(cache.covered(key, ranges, newer_than=1500.0)) == 0
        assert len(cache.covered("", ranges, newer_than=1500.0)) > 0
        assert len(cache.covered("", ranges)) == 0
        cache.compact()


def test_rows_outside_of_the_ranges_are_left_out(cache):
    ranges = cells_to_ranges(10, np.atleast_1d(ang2pix_nest(10, 10.0, 20.0)))
    table = observations([10.0, 50.0], [20.0, 20.0])
    assert cache.put(table, key="", ranges=ranges, fetched=1.0) == 1
    assert cache.info()["rows"] == 1


def test_rows_that_contradict_their_key_are_refused(cache):
    table = observations([10.0, 10.0, 10.0, 10.0, 10.0], [20.0] * 5)
    ranges = needed_ranges(10.0, 20.0, 5.0)
    with pytest.raises(InvalidRequestError, match="do not match the key"):
        cache.put(table, key='{"catalog":"ZTF"}', ranges=ranges, fetched=1.0)
    assert cache.info()["segments"] == 0


def test_no_rows_here_is_remembered(cache):
    ranges = needed_ranges(10.0, 20.0, 5.0)
    assert cache.put(observations([], []), key="", ranges=ranges, fetched=1.0) == 0
    assert len(cache.covered("", ranges)) == 0
    cache.compact()
    assert len(cache.covered("", ranges)) == 0
    assert not list((cache.folder / "delta").iterdir())


def test_many_fetches_make_few_parts(cache, sky):
    rng = np.random.default_rng(5)
    for number in rng.integers(0, sky.num_rows, 40).tolist():
        fetch(cache, sky, sky["ra"][number].as_py(), sky["dec"][number].as_py())
        cache.cone(0.0, 0.0, 1.0)
    assert len(cache._loader.snapshot().parts) < 10
    held = cache.region(np.array([WHOLE_SKY]))
    assert len(set(ids(held))) == held.num_rows
    cache.compact()
    assert ids(cache.region(np.array([WHOLE_SKY]))) == ids(held)


# ------------------------------------------------------------ questions that are wrong


@pytest.mark.parametrize(
    ("ra", "dec", "radius", "name"),
    [
        (float("nan"), 0.0, 1.0, "coordinates"),
        (0.0, float("nan"), 1.0, "coordinates"),
        (0.0, 90.1, 1.0, "coordinates"),
        (0.0, 0.0, -1.0, "radius"),
        (0.0, 0.0, float("nan"), "radius"),
        (0.0, 0.0, 648001.0, "radius"),
    ],
)
def test_what_is_no_cone_is_refused(full, ra, dec, radius, name):
    for ask in (full.cone, full.cones, full.crossmatch):
        with pytest.raises(InvalidRequestError) as caught:
            ask(ra, dec, radius)
        assert caught.value.parameter == name


def test_readers_in_threads_agree_while_others_write(tmp_path, sky):
    with ObservationCache(tmp_path) as cache:
        fetch(cache, sky, *PLACES[0])
        expected = ids(cache.cone(*PLACES[0], 30.0))
        wrong, stop = [], threading.Event()

        def read():
            while not stop.is_set():
                found = ids(cache.cone(*PLACES[0], 30.0))
                if found != expected:
                    wrong.append(found)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(8):
            fetch(cache, sky, *PLACES[number % len(PLACES)], at=2000.0 + number)
            if number % 2:
                cache.compact()
        stop.set()
        for reader in readers:
            reader.join()
        assert not wrong
