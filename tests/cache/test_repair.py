"""Damaged files: what can be derived is made again, and only the rest is dropped."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pyarrow as pa
import pytest

from astroquery_mmdc.cache import tiling
from astroquery_mmdc.cache.coverage import contains, subtract
from astroquery_mmdc.cache.hats import CatalogWriter
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.layout import KEY, tiles_of
from astroquery_mmdc.cache.rows import normalised
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError, IncompleteResultWarning
from tests.cache.store_helpers import ids, stored, two_places

SKY = np.array([WHOLE_SKY])


@pytest.fixture(scope="module")
def sky():
    return two_places()


@pytest.fixture
def folder(tmp_path, sky):
    return stored(tmp_path / "store", sky)


@pytest.fixture
def tiled(tmp_path, sky, monkeypatch):
    monkeypatch.setattr(tiling, "TILE_ROWS", 100)
    path = tmp_path / "tiled"
    with ObservationCache(path) as cache:
        cache.ingest(sky, complete=True)
    return path


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_a_good_store_is_found_good(folder):
    with ObservationCache(folder) as cache:
        report = cache.verify()
        assert report.is_good
        assert report.checked > 5
        assert not report.damaged
        assert cache.verify(repair=True).is_good


@pytest.mark.parametrize(
    "name",
    [
        "generation-000001/hats.properties",
        "generation-000001/partition_info.csv",
        "generation-000001/dataset/_metadata",
        "generation-000001/dataset/_common_metadata",
        "index/generation-000001/keys.i64",
        "index/generation-000001/date.f64",
        "index/generation-000001/index.json",
        "tile",
        "rows",
    ],
)
@pytest.mark.parametrize("harm", [spoil, lambda path: path.unlink()])
def test_what_can_be_derived_is_repaired(tiled, sky, name, harm):
    patterns = {"tile": "generation-*/**/Npix=*.parquet", "rows": "index/*/rows-*.arrow"}
    path = sorted(tiled.glob(patterns[name]))[1] if name in patterns else tiled / name
    harm(path)
    with ObservationCache(tiled) as cache:
        report = cache.verify()
        assert len(report.damaged) == 1
        assert not report.is_good
        assert cache.verify(repair=True).is_good
        assert cache.verify().is_good
        assert ids(cache.region(SKY)) == ids(sky)
        cache.compact(force=True)
        assert ids(cache.region(SKY)) == ids(sky)


@pytest.mark.parametrize(
    ("name", "step"),
    [("generation-*/**/Npix=*.parquet", "add"), ("generation-000001/hats.properties", "finish")],
)
def test_a_repair_on_a_full_disk_can_be_made_later(tiled, sky, monkeypatch, name, step):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    spoil(sorted(tiled.glob(name))[0])
    with ObservationCache(tiled) as cache:
        with monkeypatch.context() as patch:
            patch.setattr(CatalogWriter, step, full)
            with pytest.raises(CacheError, match=r"repairing .* failed .*No space left"):
                cache.verify(repair=True)
        assert not list(tiled.glob(".spool-*"))
        assert cache.verify(repair=True).is_good
        assert ids(cache.region(SKY)) == ids(sky)


# ------------------------------------------------------------ what cannot be derived


def spoiled_tile(path, number=0):
    """Damage a tile of a store and its index; return the range of its keys."""
    shutil.rmtree(next((path / "index").iterdir()))
    tile = sorted(path.glob("generation-*/**/Npix=*.parquet"))[number]
    spoil(tile)
    (cell,) = tiles_of([tile.relative_to(path).as_posix()])
    return np.array([[cell.low, cell.high]])


def repaired(cache):
    with pytest.warns(IncompleteResultWarning, match="dropped"):
        return cache.verify(repair=True)


def test_a_tile_that_is_lost_with_its_index_is_dropped_with_its_coverage(tiled, sky):
    lost = spoiled_tile(tiled, 1)
    inside = contains(lost, normalised(sky).column(KEY).to_numpy())
    assert 0 < inside.sum() < len(inside)
    with ObservationCache(tiled) as cache:
        # Nothing wrong is ever given.
        with pytest.raises(CacheError, match=r"damaged.*verify"):
            cache.region(SKY)
        report = repaired(cache)
        assert report.is_good
        assert report.lost_rows == inside.sum()
        (name,) = report.dropped
        assert name.endswith(".parquet")
        rest = sky.filter(pa.array(~inside))
        assert ids(cache.region(SKY)) == ids(rest)
        # Exactly its cells are asked for anew.
        np.testing.assert_array_equal(cache.covered("", SKY), lost)
        assert cache.verify().is_good
        there = sky.filter(pa.array(inside))
        cache.put(there, key="", ranges=lost, fetched=9e9)
        for _ in range(2):
            assert ids(cache.region(SKY)) == ids(sky)
            assert len(cache.covered("", SKY)) == 0
            cache.compact()


def test_other_tiles_are_not_written_again(tiled):
    spoiled_tile(tiled)
    before = {path.stat().st_ino for path in tiled.glob("generation-000001/**/Npix=*.parquet")}
    with ObservationCache(tiled) as cache:
        repaired(cache)
    after = {path.stat().st_ino for path in tiled.glob("generation-000002/**/Npix=*.parquet")}
    assert after < before
    assert len(after) == len(before) - 1


def test_later_fetches_stay_when_the_tile_below_them_is_lost(folder, sky):
    with ObservationCache(folder) as cache:
        held, known = cache.region(SKY), cache.coverage().ranges()
        open_ranges = cache.coverage().ranges("", 1500.0)
    lost = spoiled_tile(folder)
    with ObservationCache(folder) as cache:
        report = repaired(cache)
        assert report.is_good
        left = subtract(known, subtract(lost, open_ranges))
        np.testing.assert_array_equal(cache.coverage().ranges(), left)
        keys = normalised(held).column(KEY).to_numpy()
        gone = contains(subtract(lost, open_ranges), keys)
        assert ids(cache.region(SKY)) == ids(held.filter(pa.array(~gone)))
        assert cache.compact()
        assert ids(cache.region(SKY)) == ids(held.filter(pa.array(~gone)))


def test_another_process_sees_the_loss_and_asks_anew(tiled):
    with ObservationCache(tiled) as reader:
        assert len(reader.covered("", SKY)) == 0
        count = reader.info()["rows"]
        lost = spoiled_tile(tiled)
        with ObservationCache(tiled) as cache:
            report = repaired(cache)
        np.testing.assert_array_equal(reader.covered("", SKY), lost)
        assert reader.info()["rows"] == count - report.lost_rows


def test_a_generation_that_is_gone_leaves_an_empty_store(folder):
    shutil.rmtree(folder / "generation-000001")
    shutil.rmtree(folder / "index" / "generation-000001")
    with ObservationCache(folder) as cache:
        report = repaired(cache)
        assert report.is_good
        # How many rows there were is lost, too.
        assert report.lost_rows == 0
        np.testing.assert_array_equal(cache.coverage().ranges(), cache.coverage().ranges("", 1500))
        assert cache.region(SKY).num_rows > 0
        assert cache.verify().is_good


@pytest.mark.parametrize("harm", [spoil, lambda path: path.unlink()])
def test_a_damaged_fetch_is_dropped_and_what_was_known_before_counts_again(folder, harm):
    with ObservationCache(folder) as cache:
        (segment,) = cache._manifest.state().segments
    path = folder / "delta" / segment.path
    harm(path)
    with ObservationCache(folder) as cache:
        assert not cache.verify().is_good
        with pytest.raises(CacheError, match=r"verify\(repair=True\)"):
            cache.region(SKY)
        report = repaired(cache)
        assert report.is_good
        assert report.dropped == (f"delta/{segment.path}",)
        assert report.lost_rows == segment.rows
        ranges = cache.coverage().ranges()
        assert len(ranges)
        assert cache.coverage().oldest("", ranges) == 1000.0
        assert len(cache.coverage().ranges("", 1500.0)) == 0
        assert cache.region(SKY).num_rows > 0
        assert cache.verify().is_good
        assert cache.compact(force=True)


def test_a_repair_that_is_interrupted_leaves_the_store_as_it_was(tiled, monkeypatch):
    from astroquery_mmdc.cache import hats

    lost = spoiled_tile(tiled)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with ObservationCache(tiled) as cache:
        with monkeypatch.context() as patch:
            patch.setattr(hats.CatalogWriter, "finish", full)
            with pytest.raises(CacheError, match="No space left"):
                cache.verify(repair=True)
        assert len(cache.covered("", SKY)) == 0
        assert not cache.verify().is_good
        repaired(cache)
        np.testing.assert_array_equal(cache.covered("", SKY), lost)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert cache.verify(repair=True).is_good
