"""Fetches of the same place that overlap in time: what was asked for last counts."""

from __future__ import annotations

import threading

import numpy as np
import pyarrow as pa
import pytest

from astroquery_mmdc.cache import commit
from astroquery_mmdc.cache.cells import ang2pix_nest, cells_to_ranges
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError
from tests.cache.store_helpers import observations

ZTF = '{"catalog":"ZTF"}'
CELL = ang2pix_nest(10, 50.0, 10.0)
RANGES = cells_to_ranges(10, np.atleast_1d(CELL))
# The first half of the cell.
HALF = np.array([[RANGES[0, 0], RANGES[0].sum() // 2]])


def answer(version, catalogs=("ZTF", "NVSS")):
    """Return a row of each catalogue in either half of the cell, with a flux of their own."""
    keys = np.array([RANGES[0, 0] + 5, RANGES[0, 1] - 5])
    import healpy

    ra, dec = healpy.pix2ang(1 << 29, np.repeat(keys, len(catalogs)), nest=True, lonlat=True)
    table = observations(ra, dec, first_id=10)
    columns = {
        "catalog": pa.array(list(catalogs) * 2),
        "flux": pa.array([float(version)] * len(ra)),
    }
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table


def flux(cache):
    """Return the flux of the rows by catalogue and half."""
    table = cache.region(RANGES)
    halves = ["first" if key < HALF[0, 1] else "second" for key in _keys(table)]
    catalogs = table.column("catalog").to_pylist()
    found = dict(zip(zip(catalogs, halves, strict=True), table["flux"].to_pylist(), strict=True))
    assert len(found) == table.num_rows
    return found


def _keys(table):
    return ang2pix_nest(29, table["ra"].to_numpy(), table["dec"].to_numpy())


def every(zf, zs, nf, ns):
    return {
        ("ZTF", "first"): zf,
        ("ZTF", "second"): zs,
        ("NVSS", "first"): nf,
        ("NVSS", "second"): ns,
    }


@pytest.fixture
def cache(tmp_path):
    with ObservationCache(tmp_path) as cache:
        yield cache


def age(cache, key, ranges):
    return cache.coverage().oldest(key, ranges)


def test_the_later_asked_stays_for_rows_and_age(cache):
    cache.put(answer(2), key="", ranges=RANGES, fetched=200.0)
    cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    for _ in range(2):
        assert flux(cache) == every(2.0, 2.0, 2.0, 2.0)
        assert age(cache, "", RANGES) == 200.0
        cache.compact()


def test_only_where_they_overlap(cache):
    cache.put(answer(2), key="", ranges=HALF, fetched=200.0)
    cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    for _ in range(2):
        assert flux(cache) == every(2.0, 1.0, 2.0, 1.0)
        assert age(cache, "", HALF) == 200.0
        assert age(cache, "", RANGES) == 100.0
        cache.compact()


def test_only_the_rows_that_the_later_one_asked_for(cache):
    cache.put(answer(2, ["ZTF"]), key=ZTF, ranges=HALF, fetched=200.0)
    cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    for _ in range(2):
        assert flux(cache) == every(2.0, 1.0, 1.0, 1.0)
        assert age(cache, ZTF, HALF) == 200.0
        assert age(cache, "", HALF) == 100.0
        cache.compact()


def test_a_tighter_fetch_that_was_asked_earlier_changes_nothing(cache):
    cache.put(answer(2), key="", ranges=RANGES, fetched=200.0)
    cache.compact()
    cache.put(answer(1, ["ZTF"]), key=ZTF, ranges=RANGES, fetched=100.0)
    assert flux(cache) == every(2.0, 2.0, 2.0, 2.0)
    assert age(cache, ZTF, RANGES) == 200.0


def test_rows_that_the_later_one_did_not_find_stay_away(cache):
    cache.put(answer(2).slice(0, 0), key="", ranges=HALF, fetched=200.0)
    cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    assert flux(cache) == {("ZTF", "second"): 1.0, ("NVSS", "second"): 1.0}


def test_of_two_of_the_same_moment_the_second_stays(cache):
    for version in (1, 2):
        cache.put(answer(version), key="", ranges=RANGES, fetched=100.0)
    assert flux(cache) == every(2.0, 2.0, 2.0, 2.0)


def test_one_that_commits_while_the_other_is_written(cache, monkeypatch):
    written, between = commit._written, [200.0, 300.0]

    def slowly(layout, table, key):
        segment = written(layout, table, key)
        if between:
            at = between.pop(0)
            with ObservationCache(cache.folder) as other:
                other.put(answer(at), key="", ranges=HALF, fetched=at)
        return segment

    monkeypatch.setattr(commit, "_written", slowly)
    cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    assert flux(cache) == every(300.0, 1.0, 300.0, 1.0)
    assert age(cache, "", HALF) == 300.0
    # What was written in vain is gone at once.
    paths = {segment.path for segment in cache._manifest.state().segments}
    assert {path.name for path in (cache.folder / "delta").iterdir()} == paths


def test_it_does_not_try_for_ever(cache, monkeypatch):
    written, at = commit._written, iter(range(200, 300))

    def always(layout, table, key):
        segment = written(layout, table, key)
        with monkeypatch.context() as patch, ObservationCache(cache.folder) as other:
            patch.setattr(commit, "_written", written)
            other.put(answer(2), key="", ranges=HALF, fetched=float(next(at)))
        return segment

    monkeypatch.setattr(commit, "_written", always)
    with pytest.raises(CacheError, match="faster than"):
        cache.put(answer(1), key="", ranges=RANGES, fetched=100.0)
    assert flux(cache) == {("ZTF", "first"): 2.0, ("NVSS", "first"): 2.0}
    assert len(cache.covered("", RANGES)) == 1


def test_threads_that_commit_in_any_order_agree(cache):
    times = np.random.default_rng(3).permutation(12).tolist()

    def put(version):
        cache.put(answer(version), key="", ranges=RANGES, fetched=float(version))

    threads = [threading.Thread(target=put, args=(version,)) for version in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flux(cache) == every(11.0, 11.0, 11.0, 11.0)
    assert age(cache, "", RANGES) == 11.0
