"""Taking in many rows, tiles, clearing, bundles."""

from __future__ import annotations

import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from astroquery_mmdc.cache import hats, rows, tiling
from astroquery_mmdc.cache.cells import ang2pix_nest, needed_ranges
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from tests.cache.store_helpers import PLACES, around, brute, fetch, ids, observations

# ------------------------------------------------------------ ingestion


def test_ingest_takes_tables_files_folders_and_batches(tmp_path, sky):
    half = sky.num_rows // 2
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(sky.slice(0, half), folder / "a.parquet", row_group_size=500)
    pq.write_table(sky.slice(half), folder / "b.parquet")
    sources = [folder, [folder / "a.parquet", str(folder / "b.parquet")], iter(sky.to_batches(700))]
    for number, source in enumerate(sources):
        with ObservationCache(tmp_path / str(number)) as cache:
            steps = []
            assert cache.ingest(source, progress=steps.append) == sky.num_rows
            assert sum(steps) == sky.num_rows
            whole = cache.region(np.array([WHOLE_SKY]))
            assert ids(whole) == ids(sky)
            assert len(cache.covered("", np.array([WHOLE_SKY]))) == 1


def test_ingest_keeps_every_value(full, sky):
    held = full.region(np.array([WHOLE_SKY])).cast(OBSERVATION_SCHEMA).sort_by("id")
    for name in sky.column_names:
        if name != "reference":
            assert held[name].to_pylist() == sky[name].to_pylist(), name
    assert held["reference"].to_pylist() == sky["reference"].to_pylist()


def test_a_complete_ingest_replaces_everything(cache, sky):
    fetch(cache, sky, *PLACES[0])
    cache.ingest(sky.slice(0, 10), complete=True)
    assert ids(cache.region(np.array([WHOLE_SKY]))) == list(range(10))
    assert len(cache.covered("", np.array([WHOLE_SKY]))) == 0


def test_of_rows_of_one_id_the_newest_stays(cache, sky):
    cache.ingest(sky.slice(0, 100))
    again = observations([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], first_id=50)
    twice = pa.concat_tables([again, observations([4.0], [0.0], first_id=50)])
    assert cache.ingest(twice) == 3
    held = cache.region(np.array([WHOLE_SKY]))
    assert ids(held) == list(range(100))
    assert held.filter(pa.array(held["id"].to_numpy() == 50))["ra"].to_pylist() == [4.0]
    halves = [sky.slice(0, 60), sky.slice(40, 60)]
    assert cache.ingest(halves, complete=True) == 100


def test_ingest_adds_to_what_was_fetched(cache, sky):
    fetch(cache, sky, *PLACES[0])
    known = cache.info()["rows"]
    cache.ingest(observations([100.0], [10.0], first_id=10**7))
    assert cache.info()["rows"] == known + 1
    assert len(cache.covered("", needed_ranges(*PLACES[0], 30.0))) == 0
    assert cache.info()["open_segments"] == 0


def test_ingest_of_nothing_is_a_store_of_nothing(cache, sky):
    assert cache.ingest(sky.slice(0, 0), complete=True) == 0
    assert cache.cone(0.0, 0.0, 30.0).num_rows == 0
    assert len(cache.covered("", np.array([WHOLE_SKY]))) == 0
    assert cache.verify().is_good


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ra", float("nan"), "ra of row 1 is missing"),
        ("dec", float("inf"), "dec of row 1 is missing"),
        ("dec", 90.5, "dec of row 1 is 90.5"),
        ("catalog", None, "catalog of row 1 is missing"),
    ],
)
def test_rows_that_cannot_be_kept_are_named(cache, name, value, message):
    table = observations([1.0, 2.0], [0.0, 0.0])
    values = table[name].to_pylist()
    values[1] = value
    place = table.schema.get_field_index(name)
    wrong = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    for act in (
        lambda: cache.ingest(wrong),
        lambda: cache.put(wrong, key="", ranges=[[0, 1]], fetched=1.0),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            act()
    assert cache.info()["rows"] == 0


def test_rows_without_a_column_or_of_another_kind_are_refused(cache):
    table = observations([1.0], [0.0])
    with pytest.raises(InvalidRequestError, match="no column 'id'"):
        cache.ingest(table.drop_columns(["id"]))
    with pytest.raises(InvalidRequestError, match="column 'flux' is string"):
        cache.ingest(
            table.set_column(table.schema.get_field_index("flux"), "flux", pa.array(["x"]))
        )
    cache.ingest(table.drop_columns(["obsid", "reference"]))
    assert cache.cone(1.0, 0.0, 1.0)["reference"].to_pylist() == [None]


def test_what_is_no_source_is_refused(cache, tmp_path):
    with pytest.raises(InvalidRequestError, match="holds no rows"):
        cache.ingest(5)
    with pytest.raises(InvalidRequestError, match="no Parquet file"):
        cache.ingest(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    with pytest.raises(InvalidRequestError, match="cannot be read as Parquet"):
        cache.ingest(tmp_path / "x.parquet")


def test_an_identifier_that_contradicts_the_position_is_corrected(cache):
    table = observations([1.0, 2.0], [0.0, 0.0])
    right = ang2pix_nest(15, np.array([1.0, 2.0]), np.zeros(2))
    wrong = table.append_column("sky_identifier", pa.array([right[0], 7]))
    with pytest.warns(InputWarning, match="1 of 2 rows contradicts"):
        cache.ingest(wrong)
    assert cache.cone(2.0, 0.0, 1.0)["sky_identifier"].to_pylist() == [right[1]]


def test_times_are_written_as_the_service_does():
    table = observations([1.0, 2.0, 3.0], [0.0] * 3)
    moments = pa.array([0, None, 1_700_000_000_123_456], pa.timestamp("us", tz="UTC"))
    place = table.schema.get_field_index("created_at")
    found = rows.normalised(table.set_column(place, "created_at", moments))["created_at"]
    assert found.to_pylist() == ["1970-01-01T00:00:00.000000Z", None, "2023-11-14T22:13:20.123456Z"]


def test_keys_are_those_of_healpy(monkeypatch):
    rng = np.random.default_rng(6)
    ra, dec = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    ours = rows.healpix_keys(ra, dec)
    monkeypatch.setattr(rows, "_MANY", 0)
    assert np.abs(ours - rows.healpix_keys(ra, dec) != 0).mean() < 0.2
    assert np.array_equal(ours >> 20, rows.healpix_keys(ra, dec) >> 20)


# ------------------------------------------------------------ tiles


def test_tiles_are_cut_where_rows_are_many_and_kept_where_nothing_changed(
    tmp_path, sky, monkeypatch
):
    monkeypatch.setattr(tiling, "TILE_ROWS", 200)
    monkeypatch.setattr(hats, "ROW_GROUP", 64)
    with ObservationCache(tmp_path) as cache:
        cache.ingest(sky, complete=True)
        assert cache.info()["tiles"] > 20
        first = cache.folder / cache.info()["generation"]
        held = {path.relative_to(first): path.stat().st_ino for path in first.rglob("*.parquet")}
        fetch(cache, sky, *PLACES[0], at=5e9)
        assert cache.compact()
        second = cache.folder / cache.info()["generation"]
        now = {path.relative_to(second): path.stat().st_ino for path in second.rglob("*.parquet")}
        changed = [path for path in held if now.get(path) != held[path]]
        assert 0 < len(changed) < len(held) / 2
        assert ids(cache.region(np.array([WHOLE_SKY]))) == ids(sky)
        for ra, dec in PLACES:
            assert ids(cache.cone(ra, dec, 60.0)) == ids(
                sky.filter(pa.array(brute(sky, ra, dec, 60.0)))
            )
        assert cache.verify().is_good
        # A tile that grows beyond the limit is cut.
        before = cache.info()["tiles"]
        cache.ingest(observations(*around(200.0, 50.0, 1500, 3600.0), first_id=10**6))
        assert cache.info()["tiles"] > before
        assert cache.verify().is_good
        cache.compact(force=True)
        assert cache.info()["rows"] == sky.num_rows + 1500


def test_the_folder_is_a_hats_catalogue(full):
    folder = full.folder / full.info()["generation"]
    assert (
        "hats_primary_table_url=" + folder.name
        in (full.folder / "collection.properties").read_text()
    )
    partitions = (folder / "partition_info.csv").read_text().splitlines()
    assert partitions[0] == "Norder,Npix"
    whole = pq.read_metadata(folder / "dataset" / "_metadata")
    assert whole.num_rows == full.info()["rows"]
    for path in folder.rglob("Npix=*.parquet"):
        keys = pq.read_table(path, columns=["_healpix_29"])["_healpix_29"].to_numpy()
        assert (np.diff(keys) >= 0).all()
        order, pixel = int(path.parts[-3][7:]), int(path.stem[5:])
        assert set(keys >> 2 * (29 - order)) == {pixel}
    assert (
        pq.read_schema(folder / "dataset" / "_common_metadata").field("catalog").type == pa.string()
    )


def test_an_index_that_is_gone_is_built_again(tmp_path, sky):
    with ObservationCache(tmp_path) as cache:
        cache.ingest(sky, complete=True)
        summary = cache._layout.index(cache.info()["generation"]) / "index.json"
    summary.unlink()
    for read_only in (True, False):
        with ObservationCache(tmp_path, read_only=read_only) as cache:
            assert ids(cache.cone(*PLACES[0], 30.0)) == ids(
                sky.filter(pa.array(brute(sky, *PLACES[0], 30.0)))
            )
            assert summary.exists() != read_only


# ------------------------------------------------------------ clearing, bundles


def test_clear_forgets_a_region_or_everything(cache, sky):
    first, second = (fetch(cache, sky, *place) for place in PLACES[:2])
    cache.clear(first)
    assert cache.region(first).num_rows == 0
    assert len(cache.covered("", first)) > 0
    assert len(cache.covered("", second)) == 0
    other = ObservationCache(cache.folder)
    assert other.region(second).num_rows == cache.region(second).num_rows > 0
    cache.clear()
    assert cache.info()["rows"] == other.info()["rows"] == 0
    assert len(other.covered("", second)) > 0
    assert not list((cache.folder).glob("generation-*"))
    fetch(cache, sky, *PLACES[1])
    cache.compact()
    assert ids(other.region(second)) == ids(cache.region(second)) != []
    other.close()


def test_a_bundle_takes_rows_and_coverage_to_another_store(tmp_path, cache, sky):
    ranges = fetch(cache, sky, *PLACES[0], at=1000.0)
    fetch(cache, sky, *PLACES[1], key='{"catalog":"ZTF"}', at=2000.0)
    cache.ingest(observations([100.0], [10.0], first_id=10**7))
    rows_out = cache.export(tmp_path / "all.zip")
    assert rows_out == cache.info()["rows"]
    assert cache.export(tmp_path / "some.zip", ranges) == cache.region(ranges).num_rows
    with pytest.raises(InvalidRequestError, match="exists"):
        cache.export(tmp_path / "some.zip", ranges)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.read("references.bib").decode().startswith("@")
    with ObservationCache(tmp_path / "other") as other:
        assert other.import_bundle(tmp_path / "all.zip") == rows_out
        assert ids(other.region(np.array([WHOLE_SKY]))) == ids(cache.region(np.array([WHOLE_SKY])))
        for key in ("", '{"catalog":"ZTF"}'):
            assert np.array_equal(other.coverage().ranges(key), cache.coverage().ranges(key))
        # Nothing of it is newer than what is here now.
        new = observations([PLACES[0][0]], [PLACES[0][1]], first_id=5 * 10**6)
        other.put(new, key="", ranges=ranges, fetched=3000.0)
        other.import_bundle(tmp_path / "some.zip")
        assert ids(other.region(ranges)) == [5 * 10**6]


def test_what_is_no_bundle_is_refused(tmp_path, cache):
    (tmp_path / "x.zip").write_bytes(b"no archive")
    with pytest.raises(InvalidRequestError, match="no bundle"):
        cache.import_bundle(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.writestr("coverage.json", "[" * 100_000)
    with pytest.raises(InvalidRequestError, match="no bundle"):
        cache.import_bundle(tmp_path / "deep.zip")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
        archive.writestr("coverage.json", '{"format": 99}')
    with pytest.raises(InvalidRequestError, match="newer version"):
        cache.import_bundle(tmp_path / "new.zip")
