"""Parquet shards of many sources: contents, tidying, HATS."""

from __future__ import annotations

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import (
    DamagedDataError,
    Location,
    MissingDataError,
    open_store,
)

HERE = {"ra": 330.68, "dec": 42.28}


@pytest.fixture
def store():
    return open_store("parquet", project="blazars")


def reopened():
    return open_store("parquet", project="blazars")


def same(one, other):
    assert one.data.dtype == other.data.dtype
    for name in one.colnames:
        np.testing.assert_array_equal(one.data[name], other.data[name])
    assert (one.source, one.observatory, one.level) == (
        other.source,
        other.observatory,
        other.level,
    )
    assert (one.series, one.simulation) == (other.series, other.simulation)
    assert one.meta == other.meta


def test_many_sources_come_back_from_few_files(store, make_lightcurve):
    written = [
        make_lightcurve(f"s{number}", rows=number, series=series, total=2)
        for number in range(30)
        for series in (1, 2)
    ]
    places = [
        store.write([lc], ra=12.0 * at % 360, dec=at - 30.0)[0] for at, lc in enumerate(written)
    ]
    for place, lightcurve in zip(places, written, strict=True):
        same(store.read(place), lightcurve)  # from memory
    store.flush()
    for place, lightcurve in zip(places, written, strict=True):
        same(reopened().read(place), lightcurve)
    files = list(store.root.rglob("*.parquet"))
    assert 1 < len(files) <= 12
    assert {place.path(store.root) for place in places} == set(files)


def test_every_kind_of_column_comes_back(store):
    data = np.zeros(
        4, dtype=[("t", "M8[us]"), ("f", "f4"), ("n", "i8"), ("b", "?"), ("v", "f8", 3)]
    )
    data["t"] = np.datetime64("2020-01-01T00:00:00.25")
    data["n"] = [2**62 + 1, -1, 0, 5]
    data["v"] = np.arange(12).reshape(4, 3)
    names = np.zeros(2, dtype=[("name", "U6"), ("n", "i8")])
    names["name"] = ["é", "zg"]
    nothing = LightCurve(None, "none", "DEMO", meta={"why": "dark"})
    raw = [LightCurve(data, "a", "DEMO"), LightCurve(names, "b", "DEMO"), nothing]
    places = [store.write([lightcurve], **HERE)[0] for lightcurve in raw]
    store.flush()
    assert len({place.filename for place in places}) == 1
    for place, lightcurve in zip(places, raw, strict=True):
        same(reopened().read(place), lightcurve)


def test_columns_that_contradict_each_other_go_into_two_shards(store):
    number = LightCurve({"x": [1.0]}, "a", "DEMO")
    text = LightCurve({"x": ["one"]}, "b", "DEMO")
    places = [store.write([lightcurve], **HERE)[0] for lightcurve in (number, text)]
    store.flush()
    assert places[0].filename != places[1].filename
    assert reopened().read(places[1])["x"][0] == "one"


def test_what_was_not_flushed_is_nowhere(store, make_lightcurve):
    (place,) = store.write([make_lightcurve()], **HERE)
    store.discard()
    store.flush()
    assert not store.exists(place)
    assert not list(store.root.rglob("*.parquet"))


def test_find_and_scan(store, make_lightcurve):
    for name in ("a", "ab"):
        store.write([make_lightcurve(name, series=n, total=2) for n in (1, 2)], **HERE)
        store.write([make_lightcurve(name, "raw")], **HERE)
    store.flush()
    other = reopened()
    keys = [place.filekey for place in other.find("a", "demo", "reduced", **HERE)]
    assert keys == ["photometry_a_reduction_01_of_02", "photometry_a_reduction_02_of_02"]
    (place,) = other.find("a", "demo", "raw", **HERE)
    assert other.read(place).source == "a"
    assert other.find("c", "demo", "raw", **HERE) == []
    assert other.find("a", "demo", "raw", ra=10.0, dec=-80.0) == []
    assert len(list(other.scan("demo", "reduced"))) == 4
    assert list(other.scan("demo", "reduced", "*Npix=11*")) == []


def test_what_is_written_again_is_found_in_the_newest_shard(store, make_lightcurve):
    places = []
    for rows in (5, 6):
        places += store.write([make_lightcurve(rows=rows)], **HERE)
        store.flush()
        (found,) = store.find("BL Lac", "DEMO", "reduced", **HERE)
        assert len(store.read(found)) == rows
    assert [len(store.read(place)) for place in places] == [5, 6]
    assert store.prune("DEMO", "reduced", [(places[1].filename, places[1].filekey)]) == 0
    removed = store.prune(
        "DEMO", "reduced", [(places[1].filename, places[1].filekey)], older_than=-1
    )
    assert removed == 1
    assert not store.exists(places[0])
    assert store.exists(places[1])


def test_prune_keeps_the_rest_of_a_shard_in_its_place(store, make_lightcurve):
    kept, lost = (store.write([make_lightcurve(name)], **HERE)[0] for name in "ab")
    store.flush()
    assert kept.filename == lost.filename
    assert store.prune("DEMO", "reduced", {(kept.filename, kept.filekey)}, older_than=-1) == 1
    same(reopened().read(kept), make_lightcurve("a"))
    assert store.find("b", "DEMO", "reduced", **HERE) == []


def test_delete(store, make_lightcurve):
    places = [store.write([make_lightcurve(name)], **HERE)[0] for name in "abc"]
    store.delete(places[0])
    store.flush()
    assert [store.exists(place) for place in places] == [False, True, True]
    store.delete(places[1])
    assert [store.exists(place) for place in places] == [False, False, True]
    store.delete(places[2])
    store.delete(places[2])
    assert not list(store.root.rglob("*.parquet"))


@pytest.mark.parametrize("damage", ["cut", "text", "gone"])
def test_damaged_shards_are_recognised(store, make_lightcurve, damage):
    (place,) = store.write([make_lightcurve()], **HERE)
    store.flush()
    path = place.path(store.root)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:200] if damage == "cut" else b"<html>")
    with pytest.raises(MissingDataError if damage == "gone" else DamagedDataError):
        reopened().read(place)
    assert reopened().find("BL Lac", "DEMO", "reduced", **HERE) == []
    assert list(reopened().scan("DEMO", "reduced")) == []
    reopened().delete(place)
    assert not path.exists()


def test_a_key_that_is_not_there(store, make_lightcurve):
    (place,) = store.write([make_lightcurve()], **HERE)
    store.flush()
    with pytest.raises(MissingDataError, match="has no 'other'"):
        store.read(Location(place.folder, place.filename, "other", "parquet"))


def test_shards_are_nested_and_sorted_along_the_sky(store, make_lightcurve):
    for at, ra in enumerate((40.0, 10.0, 30.0)):
        store.write([make_lightcurve(f"s{at}", rows=at + 1)], ra=ra, dec=41.0)
    store.flush()
    (path,) = store.root.rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    cells = table["_healpix_29"].to_pylist()
    assert cells == sorted(cells)
    assert sorted(len(row["mag"]) for row in table["lightcurve"].to_pylist()) == [1, 2, 3]


def test_describe_makes_a_hats_catalogue(store, make_lightcurve):
    with pytest.raises(CacheError, match="no light curves"):
        store.describe("DEMO", "reduced")
    for at in range(6):
        store.write([make_lightcurve(f"s{at}")], ra=60.0 * at, dec=20.0)
        store.flush()
    folder = store.describe("DEMO", "reduced")
    assert "hats_nrows=6\n" in (folder / "hats.properties").read_text()
    tiles = (folder / "partition_info.csv").read_text().split()
    assert tiles[0] == "Norder,Npix"
    assert all((folder / f"dataset/Norder=0/Dir=0/Npix={t[2:]}").is_dir() for t in tiles[1:])
    schema = pq.read_schema(folder / "dataset/_common_metadata")
    assert schema.field("lightcurve").type.get_field_index("flux_err") >= 0


def test_hats_readers_open_it(store, make_lightcurve):
    lsdb = pytest.importorskip("lsdb", reason="lsdb is not installed: extra 'scale'")
    for at in range(20):
        store.write([make_lightcurve(f"s{at:02d}")], ra=18.0 * at, dec=20.0)
        store.flush()
    catalog = lsdb.open_catalog(store.describe("DEMO", "reduced"))
    frame = catalog.compute()
    assert sorted(frame["source"]) == [f"s{at:02d}" for at in range(20)]
    assert len(frame["lightcurve"].iloc[0]) == 20
    near = lsdb.open_catalog(store.describe("DEMO", "reduced")).cone_search(18.0, 20.0, 10.0)
    assert list(near.compute()["source"]) == ["s01"]


def test_leftovers_of_a_killed_process_are_swept(store, make_lightcurve):
    store.write([make_lightcurve()], **HERE)
    store.flush()
    old = store.root / ".partial" / "1-x.parquet"
    new = store.root / ".partial" / "2-x.parquet"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    store.write([make_lightcurve()], **HERE)
    store.flush()
    assert not old.exists()
    assert new.exists()
