"""One HDF5 file per source: names, contents, faults."""

from __future__ import annotations

import errno
import json

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
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
    return open_store("hdf5", project="blazars")


def same(one, other):
    assert one.data.dtype == other.data.dtype
    for name in one.colnames:
        np.testing.assert_array_equal(one.data[name], other.data[name])
    assert (one.source, one.observatory, one.level) == (
        other.source,
        other.observatory,
        other.level,
    )
    assert (one.series, one.total) == (other.series, other.total)
    assert (one.simulation, one.simulations) == (other.simulation, other.simulations)
    assert one.meta == other.meta


def test_a1_4_raw_files_lie_in_folders_of_right_ascension(store, data_root, make_lightcurve):
    (place,) = store.write([make_lightcurve("J0457", "raw")], ra=74.26, dec=3.0)
    assert place.path(data_root) == data_root / "DEMO/RA074/DEMO_photometry_J0457.h5"
    assert place.path(data_root).is_file()


def test_a1_6_the_key_of_raw_data_is_photometry_and_the_name(store, make_lightcurve):
    (place,) = store.write([make_lightcurve("J0457", "raw")], **HERE)
    assert place.filekey == "photometry_J0457"
    with h5py.File(place.path(store.root)) as file:
        assert list(file) == ["photometry_J0457"]


def test_a1_6_the_bare_name_is_read_too(store, make_lightcurve):
    (place,) = store.write([make_lightcurve("J0457", "raw")], **HERE)
    with h5py.File(place.path(store.root), "r+") as file:
        file.move("photometry_J0457", "J0457")
    (found,) = store.find("J0457", "demo", "raw", **HERE)
    assert found.filekey == "J0457"
    assert len(store.read(found)) == 20


def test_a1_7_reduced_light_curves_are_numbered_from_one(store, data_root, make_lightcurve):
    parts = [make_lightcurve(series=number, total=2) for number in (1, 2)]
    first, second = store.write(parts, **HERE)
    assert first.path(data_root) == data_root / "BLAZARS/RA330/DEMO_photometry_BL Lac_reduced.h5"
    assert first.filekey == "photometry_BL Lac_reduction_01_of_02"
    assert second.filekey == "photometry_BL Lac_reduction_02_of_02"
    same(store.read(second), parts[1])


def test_a1_8_processed_and_simulated_share_a_file(store, make_lightcurve):
    parts = [
        make_lightcurve(level="processed"),
        make_lightcurve(level="simulated", simulation=3, simulations=12),
    ]
    places = store.write(parts, **HERE)
    assert {place.filename for place in places} == {"RA330/DEMO_photometry_BL Lac_processed.h5"}
    assert places[1].filekey == "photometry_BL Lac_processed_01_of_01_simulated_03_of_12"
    for part, place in zip(parts, places, strict=True):
        same(store.read(place), part)
        assert store.find("BL Lac", "DEMO", part.level, **HERE) == [
            Location(place.folder, place.filename, place.filekey)
        ]


def test_a1_9_finer_folders(data_root, make_lightcurve):
    store = open_store("hdf5", ra_seconds=True)
    (place,) = store.write([make_lightcurve("x", "raw")], ra=74.26, dec=0.0)
    assert place.filename == "RA074/15/36/DEMO_photometry_x.h5"
    (place,) = open_store("hdf5", ra_minutes=True).write(
        [make_lightcurve("x", "raw")], ra=0.0, dec=0.0
    )
    assert place.filename == "RA000/00/DEMO_photometry_x.h5"


def test_a1_10_prefix_and_suffix_of_keys(make_lightcurve):
    store = open_store("hdf5", project="p", prefix="v2_", suffix="_x")
    (raw,) = store.write([make_lightcurve("s", "raw")], **HERE)
    (reduced,) = store.write([make_lightcurve("s")], **HERE)
    assert raw.filekey == "v2_photometry_s_x"
    assert reduced.filekey == "v2_photometry_s_x_reduction_01_of_01"
    assert len(store.find("s", "DEMO", "reduced", **HERE)) == 1


def test_version_control_keeps_products_apart(make_lightcurve):
    old, new = (open_store("hdf5", project="p", cfg_hash=text) for text in ("aa", "bb"))
    (one,), (other,) = (store.write([make_lightcurve()], **HERE) for store in (old, new))
    assert (one.folder, other.folder) == ("P_aa", "P_bb")


def test_an_empty_table_is_kept_with_its_key(store):
    for data in (None, np.zeros(0, dtype=[("mjd", "f8"), ("filter", "U0")])):
        (place,) = store.write([LightCurve(data, "nothing", "DEMO", meta={"why": "dark"})], **HERE)
        again = store.read(place)
        assert again.is_empty
        assert again.meta == {"why": "dark"}


def test_a7_8_lists_of_dictionaries_come_back(store, make_lightcurve):
    headers = [
        {"SECTOR": 1, "EXPOSURE": 20.1},
        {"SECTOR": 2, "note": "é", "mask": [[1, 2], [3, 4]]},
    ]
    large = {"file_headers": headers, "aperture": list(range(50_000))}
    (place,) = store.write([make_lightcurve(level="raw", meta=large)], **HERE)
    assert store.read(place).meta == large


def test_metadata_can_be_read_by_others(store, make_lightcurve):
    (place,) = store.write([make_lightcurve()], **HERE)
    with h5py.File(place.path(store.root)) as file:
        dataset = file[place.filekey]
        assert json.loads(dataset.attrs["altdata"])["filter"] == "zg"
        assert dataset["mag"].shape == (20,)
        assert dataset["filter"][0] == b"zg"


VALUES = {
    "f8": st.floats(),
    "f4": st.floats(width=32),
    "i8": st.integers(-(2**63), 2**63 - 1),
    "u1": st.integers(0, 255),
    "?": st.booleans(),
    "U5": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
    "M8[us]": st.datetimes(),
}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_table_comes_back_as_it_was(tmp_path_factory, data):
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=4))
    rows = data.draw(st.integers(0, 5))
    table = np.zeros(rows, dtype=[(f"c{index}", kind) for index, kind in enumerate(kinds)])
    for index, kind in enumerate(kinds):
        table[f"c{index}"] = data.draw(st.lists(VALUES[kind], min_size=rows, max_size=rows))
    store = open_store("hdf5", tmp_path_factory.mktemp("any"))
    written = LightCurve(table, "any/thing: *?", "DEMO")
    (place,) = store.write([written], ra=1.0, dec=1.0)
    again = store.read(place)
    assert again.source == written.source
    assert again.colnames == written.colnames
    for name in table.dtype.names or ():
        np.testing.assert_array_equal(again.data[name], table[name])


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 400, "é/ö" * 80, "C:\\x", "a\0b", " a "])
def test_any_name_of_a_source_is_one_file(store, data_root, make_lightcurve, name):
    (place,) = store.write([make_lightcurve(name, "raw")], **HERE)
    assert place.path(data_root).parent == data_root / "DEMO/RA330"
    assert store.read(place).source == name
    assert store.find(name, "DEMO", "raw", **HERE)


def test_a_source_needs_a_name(store, make_lightcurve):
    with pytest.raises(InvalidRequestError, match="name"):
        store.write([make_lightcurve(" ", "raw")], **HERE)


def test_light_curves_of_two_files_are_refused(store, make_lightcurve):
    with pytest.raises(InvalidRequestError, match="two files"):
        store.write([make_lightcurve("a"), make_lightcurve("b")], **HERE)


def test_products_need_a_project(make_lightcurve):
    with pytest.raises(InvalidRequestError, match="project"):
        open_store("hdf5").write([make_lightcurve()], **HERE)


def test_what_is_missing_is_said(store, make_lightcurve):
    (place,) = store.write([make_lightcurve()], **HERE)
    other = Location(place.folder, place.filename, "photometry_other")
    with pytest.raises(MissingDataError, match="photometry_BL Lac_reduction_01_of_01"):
        store.read(other)
    assert store.exists(place)
    assert not store.exists(other)
    place.path(store.root).unlink()
    with pytest.raises(MissingDataError, match="missing"):
        store.read(place)


@pytest.mark.parametrize("damage", ["cut", "text", "bit"])
def test_damaged_files_are_recognised(store, make_lightcurve, damage):
    (place,) = store.write([make_lightcurve(rows=300)], **HERE)
    path = place.path(store.root)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "text":
        content = bytearray(b"<html>busy</html>")
    else:
        content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match="BL Lac_reduced"):
        store.read(place)
    if damage == "text":
        assert store.find("BL Lac", "DEMO", "reduced", **HERE) == []


def test_writing_again_replaces(store, make_lightcurve):
    store.write([make_lightcurve(series=number, total=3) for number in (1, 2, 3)], **HERE)
    store.write([make_lightcurve(rows=7)], **HERE)
    (place,) = store.find("BL Lac", "DEMO", "reduced", **HERE)
    assert len(store.read(place)) == 7


def test_delete_removes_the_key_then_the_file(store, make_lightcurve):
    first, second = store.write([make_lightcurve(series=n, total=2) for n in (1, 2)], **HERE)
    store.delete(first)
    assert not store.exists(first)
    assert len(store.read(second)) == 20
    store.delete(second)
    store.delete(second)
    assert not second.path(store.root).exists()


def test_scan_finds_everything_of_a_level(store, data_root, make_lightcurve):
    for name, ra in (("a", 10.5), ("b", 200.5)):
        store.write([make_lightcurve(name, "raw")], ra=ra, dec=0)
        store.write([make_lightcurve(name, "processed")], ra=ra, dec=0)
        store.write([make_lightcurve(name)], ra=ra, dec=0)
    (data_root / "DEMO/RA010/DEMO_photometry_broken.h5").write_bytes(b"x")
    assert [p.filekey for p in store.scan("demo")] == ["photometry_a", "photometry_b"]
    assert [p.filename[:5] for p in store.scan("demo", pattern="RA200/*")] == ["RA200"]
    assert len(list(store.scan("demo", "reduced"))) == 2
    assert len(list(store.scan("demo", "processed"))) == 2
    assert list(store.scan("demo", "simulated")) == []


def test_nothing_half_is_left_when_the_disk_is_full(store, make_lightcurve, monkeypatch):
    (place,) = store.write([make_lightcurve(rows=5)], **HERE)

    def full(path, lightcurves):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("astroquery_mmdc.retriever.storage.per_source.write_file", full)
    with pytest.raises(CacheError, match=r"disk is full; make room"):
        store.write([make_lightcurve(rows=9)], **HERE)
    assert len(store.read(place)) == 5
    assert not list((store.root / ".partial").iterdir())


def test_flush_may_be_called_at_any_time(store, make_lightcurve):
    store.flush()
    (place,) = store.write([make_lightcurve()], **HERE)
    store.delete(place)
    store.flush()
    store.write([make_lightcurve()], **HERE)
    store.discard()
    assert store.exists(place)


def test_equal_light_curves_are_equal_files(tmp_path, make_lightcurve):
    contents = []
    for name in "ab":
        (place,) = open_store("hdf5", tmp_path / name).write([make_lightcurve(level="raw")], **HERE)
        contents.append(place.path(tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
