"""A store at an URL answers as it does where it lies, and nothing wrong is ever believed."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.cache import CacheError, Filters, ObservationCache, Polygon, RemoteCache
from astroquery_mmdc.exceptions import InvalidRequestError, OfflineError, StaleResultWarning

from .store_helpers import PLACES, around, crowded_sky, fetch, ids, observations
from .web import on_the_web

pytest.importorskip("fsspec")


# A cone in the middle of many others, so that few of the row groups are needed.
FAR = (200.0, 10.0, 300.0)


@pytest.fixture(scope="module")
def sky():
    return crowded_sky(PLACES)


@pytest.fixture(scope="module")
def template(tmp_path_factory, sky):
    """A store with a generation of several row groups and fetches since."""
    many = observations(*around(200.0, 10.0, 40_000, 7200), first_id=1_000_000)
    path = tmp_path_factory.mktemp("remote") / "store"
    with ObservationCache(path) as store:
        store.ingest([sky, many])
        fetch(store, sky.slice(0, 700), *PLACES[0], 60.0, at=2000.0)
        fetch(store, sky, *PLACES[1], 60.0, key='{"catalog":"ZTF"}', at=3000.0)
    return path


@pytest.fixture
def folder(template, tmp_path):
    return shutil.copytree(template, tmp_path / "store")


@pytest.fixture
def web(folder):
    pytest.importorskip("aiohttp")
    with on_the_web(folder) as running:
        yield running


@pytest.fixture
def remote(web, tmp_path):
    with RemoteCache(web.url, keep=tmp_path / "kept", check_after=3600.0) as store:
        yield store


def rows_of(table):
    """Return rows in the order of their ids, texts as texts."""
    return table.take(np.argsort(table["id"].to_numpy(), kind="stable")).to_pylist()


def _same_answers(remote, store):
    rng = np.random.default_rng(2)
    everywhere = (rng.uniform(0, 360, 20), np.degrees(np.arcsin(rng.uniform(-1, 1, 20))))
    places = [*PLACES, (200.0, 10.0), *zip(*everywhere, strict=True)]
    filters = Filters(catalog="ZTF", mjd_min=56000.0, mjd_max=59000.0)
    for ra, dec in places:
        for radius in (0.0, 30.0, 3600.0):
            found, expected = (each.cone(ra, dec, radius) for each in (remote, store))
            assert found.schema == expected.schema
            assert rows_of(found) == rows_of(expected)
            some = remote.cone(ra, dec, radius, mask_filters=filters, columns=["id"])
            assert ids(some) == ids(store.cone(ra, dec, radius, mask_filters=filters))
    shape = Polygon([165.0, 167.0, 167.0, 165.0], [37.0, 37.0, 39.0, 39.0])
    assert ids(remote.region(shape.ranges(), shape.contains)) == ids(
        store.region(shape.ranges(), shape.contains)
    )
    ra, dec = np.array(places).T
    found, expected = remote.cones(ra, dec, 60.0), store.cones(ra, dec, 60.0)
    assert found[0].tolist() == expected[0].tolist()
    assert ids(found[1]) == ids(expected[1])
    pairs, others = (s.crossmatch(ra, dec, 60.0, nearest=False) for s in (remote, store))
    assert pairs.index.tolist() == others.index.tolist()
    assert np.sort(pairs.separation) == pytest.approx(np.sort(others.separation))
    for key in ("", '{"catalog":"ZTF"}'):
        assert (remote.coverage().ranges(key) == store.coverage().ranges(key)).all()


def test_a_web_server(remote, folder, web):
    with ObservationCache(folder, read_only=True) as store:
        _same_answers(remote, store)
    asked = len(web.requests)
    assert remote.cone(*PLACES[0], 30.0).num_rows
    assert len(web.requests) == asked
    assert remote.info()["open_segments"] == 2
    assert remote.info()["rows"] > 40_000


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_other_places(scheme, folder, tmp_path):
    import fsspec

    url = folder.as_uri()
    if scheme == "memory":
        url = "memory://test/store"
        fsspec.filesystem("memory").put(str(folder), "/test/store", recursive=True)
    remote = RemoteCache(url, keep=tmp_path / "kept")
    with remote, ObservationCache(folder, read_only=True) as store:
        _same_answers(remote, store)
    if scheme == "memory":
        fsspec.filesystem("memory").rm("/test", recursive=True)


def test_only_what_a_cone_needs_is_read(remote, web, folder):
    assert remote.cone(*FAR).num_rows
    parts = [wanted for _, wanted in web.requests if wanted]
    assert 1 <= len(parts) <= 2
    size = sum(path.stat().st_size for path in (folder / "generation-000001").rglob("*.parquet"))
    assert web.bytes < size / 2


def test_what_was_read_needs_no_server(remote, web, tmp_path):
    rows = remote.cone(*PLACES[0], 30.0)
    web.stop()
    other = RemoteCache(web.url, keep=tmp_path / "kept")
    with pytest.raises(CacheError, match=r"manifest\.sqlite cannot be read"):
        other.cone(*PLACES[0], 30.0)
    with conf.set_temp("offline", True):
        assert other.cone(*PLACES[0], 30.0).equals(rows)
        with pytest.raises(OfflineError, match=r"not held here and conf\.offline"):
            other.cone(*FAR)


def test_offline_without_anything_kept(web, tmp_path):
    with conf.set_temp("offline", True), pytest.raises(OfflineError, match=r"manifest\.sqlite"):
        RemoteCache(web.url, keep=tmp_path / "new").cone(1.0, 2.0, 3.0)
    assert not web.requests


def test_a_new_generation_is_noticed(remote, folder, sky):
    before = ids(remote.cone(*PLACES[2], 600.0))
    with ObservationCache(folder) as store:
        fetch(store, sky.slice(0, 0), *PLACES[2], 600.0, at=4000.0)
        store.compact()
        fetch(store, sky.slice(0, 0), *PLACES[3], 600.0, at=5000.0)
        assert ids(remote.cone(*PLACES[2], 600.0)) == before
        remote.check()
        assert remote.info()["generation"] == "generation-000002"
        _same_answers(remote, store)
        assert not remote.cone(*PLACES[2], 600.0).num_rows


def test_a_generation_that_is_gone_is_looked_for_again(remote, folder):
    remote.coverage()
    with ObservationCache(folder) as store:
        for _ in range(3):
            store.compact(force=True)
        assert not (folder / "generation-000001").exists()
        assert rows_of(remote.cone(*FAR)) == rows_of(store.cone(*FAR))


def test_unchanged_row_groups_are_not_read_again(remote, web, folder, sky):
    remote.cone(*FAR)
    with ObservationCache(folder) as store:
        fetch(store, sky, *PLACES[4], 60.0, at=6000.0)
        store.compact()
    remote.check()
    asked = len(web.requests)
    remote.cone(*FAR)
    assert not [wanted for _, wanted in web.requests[asked:] if wanted]


def test_commits_in_the_log_are_seen(remote, folder, sky):
    """A store that is open for writing has its last commits beside the manifest."""
    with ObservationCache(folder) as store:
        fetch(store, sky, *PLACES[2], 60.0, at=7000.0)
        assert (folder / "manifest.sqlite-wal").stat().st_size
        _same_answers(remote, store)


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("name", [".parquet", "_metadata", "row_groups.csv"])
def test_damaged_bytes_are_refused(remote, web, name):
    web.damaged.add(name)
    with pytest.raises(CacheError, match=f"{name} is damaged"):
        remote.cone(*FAR)
    web.damaged.clear()
    assert remote.cone(*FAR).num_rows


def test_a_damaged_copy_is_read_again(remote, web, tmp_path):
    rows = remote.cone(*FAR)
    for path in (tmp_path / "kept" / "pieces").iterdir():
        path.write_bytes(b"\0" + path.read_bytes()[1:])
    other = RemoteCache(web.url, keep=tmp_path / "kept")
    assert other.cone(*FAR).equals(rows)


@pytest.mark.parametrize("name", ["manifest.sqlite", ".parquet"])
def test_a_body_that_ends_too_early(remote, web, name):
    web.cut.add(name)
    with pytest.raises(CacheError, match=r"cannot be read \(ClientPayloadError\)"):
        remote.cone(*FAR)


def test_a_server_that_dies(remote, web):
    remote.cone(*PLACES[0], 30.0)
    web.stop()
    with pytest.raises(CacheError, match=r"cannot be read \(Client\w*Error\); check the address"):
        remote.cone(*FAR)
    remote.check()
    with pytest.warns(StaleResultWarning, match="taken as it was before"):
        assert remote.cone(*PLACES[0], 30.0).num_rows
    remote.check()
    with conf.set_temp("stale_if_error", False), pytest.raises(CacheError, match="cannot be read"):
        remote.cone(*PLACES[0], 30.0)


def test_a_server_that_says_nothing(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with conf.set_temp("timeout", 0.2):
            remote = RemoteCache(url, keep=tmp_path / "kept")
        start = time.monotonic()
        with pytest.raises(CacheError, match=r"cannot be read \(\w*Timeout\w*\)"):
            remote.info()
        assert time.monotonic() - start < 5


def test_from_many_threads(remote, folder):
    with ObservationCache(folder, read_only=True) as store, ThreadPoolExecutor(8) as pool:
        places = [*PLACES, FAR[:2]] * 4
        found = list(pool.map(lambda place: ids(remote.cone(*place, 300.0)), places))
        assert found == [ids(store.cone(*place, 300.0)) for place in places]


def test_old_copies_of_the_manifest_go(remote, folder, sky, tmp_path):
    remote.info()
    (old,) = (tmp_path / "kept" / "manifests").rglob("*.sqlite")
    os.utime(old, (0, 0))
    with ObservationCache(folder) as store:
        fetch(store, sky, *PLACES[4], 60.0, at=8000.0)
    remote.check()
    assert remote.info()["open_segments"] == 3
    assert len(list((tmp_path / "kept" / "manifests").rglob("*.sqlite"))) == 1


def test_nothing_there(web, tmp_path):
    with pytest.raises(CacheError, match="holds no observations; give the folder"):
        RemoteCache(f"{web.url}/elsewhere", keep=tmp_path / "kept").info()


def test_a_tile_that_is_missing(remote, web):
    web.gone.add(".parquet")
    with pytest.raises(CacheError, match=r"\.parquet is missing; run verify"):
        remote.cone(*FAR)


def test_a_server_without_ranges(remote, web):
    web.ranges = False
    with pytest.raises(CacheError, match="sends whole files where parts are asked for"):
        remote.cone(*FAR)


def test_a_manifest_that_is_none(folder, web, remote):
    (folder / "manifest.sqlite").write_bytes(b"<html>please log in</html>" * 100)
    with pytest.raises(CacheError, match="damaged or is none"):
        remote.info()


def test_a_manifest_of_a_newer_version(folder, remote, web):
    with closing(sqlite3.connect(folder / "manifest.sqlite")) as manifest, manifest:
        manifest.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(CacheError, match=f"manifest of {web.url} .* newer version"):
        remote.info()


def test_a_server_that_refuses(remote, web):
    web.refused.add(".parquet")
    with pytest.raises(CacheError, match=r"cannot be read \(ClientResponseError 403\)"):
        remote.cone(*FAR)


@pytest.mark.parametrize(
    ("column", "path"),
    [
        ("generation", "../outside"),
        ("generation", "/etc"),
        ("generation", "https://elsewhere.example/x"),
        ("generation", "a\\..\\b"),
        ("segment", "../outside.parquet"),
        ("segment", "%2e%2e/outside.parquet"),
        ("segment", "x.parquet?y"),
    ],
)
def test_paths_that_lead_outside_are_refused(folder, tmp_path, column, path):
    with closing(sqlite3.connect(folder / "manifest.sqlite")) as manifest, manifest:
        manifest.execute(f"UPDATE {column} SET path = ? WHERE path IS NOT NULL", (path,))
    shutil.copytree(folder / "generation-000001", tmp_path / "outside")
    remote = RemoteCache(folder.as_uri(), keep=tmp_path / "kept")
    with pytest.raises(CacheError, match="which does not belong to a store"):
        remote.cone(*PLACES[0], 30.0)


def test_checksums_are_no_paths(folder, tmp_path):
    with closing(sqlite3.connect(folder / "manifest.sqlite")) as manifest, manifest:
        manifest.execute("UPDATE segment SET checksum = '../../x'")
    with pytest.raises(CacheError, match="is no SHA-256"):
        RemoteCache(folder.as_uri(), keep=tmp_path / "kept").cone(*PLACES[0], 30.0)


def test_a_store_of_an_earlier_version(folder, tmp_path):
    with closing(sqlite3.connect(folder / "manifest.sqlite")) as manifest, manifest:
        manifest.execute("DELETE FROM file WHERE path = 'row_groups.csv'")
    with pytest.raises(CacheError, match=r"run compact\(force=True\) where it lies"):
        RemoteCache(folder.as_uri(), keep=tmp_path / "kept").info()


def test_an_empty_store(tmp_path):
    ObservationCache(tmp_path / "store").close()
    remote = RemoteCache((tmp_path / "store").as_uri(), keep=tmp_path / "kept")
    assert remote.cone(1.0, 2.0, 3600.0).num_rows == 0
    assert remote.info()["generation"] is None


def test_writing_is_refused(remote):
    for write in (remote.put, remote.ingest, remote.compact, remote.clear, remote.import_bundle):
        with pytest.raises(CacheError, match="for reading only"):
            write()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/a/folder", "is no URL"),
        ("https://me:secret@host/x", "credentials as options"),
        ("https://host/x?token=secret", "credentials as options"),
        ("nonsense://host/x", r"cannot be read here \(ValueError\)"),
    ],
)
def test_addresses(url, message):
    with pytest.raises(InvalidRequestError, match=message) as caught:
        RemoteCache(url)
    assert "secret" not in str(caught.value)


def test_what_is_kept_is_bounded(web, tmp_path):
    with RemoteCache(web.url, keep=tmp_path / "kept", keep_bytes=600_000) as remote:
        remote.cone(200.0, 10.0, 7200.0)
        kept = [path.stat().st_size for path in (tmp_path / "kept" / "pieces").iterdir()]
        assert 0 < sum(kept) <= 600_000
        assert remote.cone(*FAR).num_rows


def test_what_cannot_be_kept_is_still_answered(web, tmp_path):
    with RemoteCache(web.url, keep=tmp_path / "kept") as remote:
        (tmp_path / "kept" / "manifests").mkdir(parents=True)
        (tmp_path / "kept" / "pieces").touch()
        assert remote.cone(*FAR).num_rows


def test_export(remote, folder, tmp_path):
    with ObservationCache(folder, read_only=True) as store:
        rows = store.export(tmp_path / "here.zip")
    assert remote.export(tmp_path / "there.zip") == rows
    found = []
    for name in ("here", "there"):
        with ObservationCache(tmp_path / name) as copy:
            copy.import_bundle(tmp_path / f"{name}.zip")
            found.append(rows_of(copy.cone(*PLACES[0], 3600.0)))
    assert found[0] == found[1]


@pytest.mark.slow
def test_s3(folder, tmp_path, monkeypatch):
    """The same on an S3 of this machine."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"endpoint_url": f"http://{host}:{port}"}
        _put_on_s3(folder, options)
        remote = RemoteCache("s3://bucket/mirror/store", options=options, keep=tmp_path / "kept")
        with remote, ObservationCache(folder, read_only=True) as store:
            _same_answers(remote, store)
        with pytest.raises(CacheError, match="holds no observations"):
            RemoteCache("s3://bucket/other", options=options, keep=tmp_path / "kept").info()
    finally:
        server.stop()


def _put_on_s3(folder, options):
    import s3fs

    files = s3fs.S3FileSystem(**options)
    files.mkdir("bucket")
    files.put(str(folder), "bucket/mirror/store", recursive=True)
