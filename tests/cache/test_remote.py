"""A store at an URL answers as it does where it lies."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.cache import CacheError, Filters, ObservationCache, Polygon, RemoteCache
from astroquery_mmdc.exceptions import OfflineError

from .store_helpers import FAR, PLACES, fetch, ids

pytest.importorskip("fsspec")


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


def test_a_web_server(remote, mirror, web):
    with ObservationCache(mirror, read_only=True) as store:
        _same_answers(remote, store)
    asked = len(web.requests)
    assert remote.cone(*PLACES[0], 30.0).num_rows
    assert len(web.requests) == asked
    assert remote.info()["open_segments"] == 2
    assert remote.info()["rows"] > 40_000


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_other_places(scheme, mirror, tmp_path):
    import fsspec

    url = mirror.as_uri()
    if scheme == "memory":
        url = "memory://test/store"
        fsspec.filesystem("memory").put(str(mirror), "/test/store", recursive=True)
    remote = RemoteCache(url, keep=tmp_path / "kept")
    with remote, ObservationCache(mirror, read_only=True) as store:
        _same_answers(remote, store)
    if scheme == "memory":
        fsspec.filesystem("memory").rm("/test", recursive=True)


def test_only_what_a_cone_needs_is_read(remote, web, mirror):
    assert remote.cone(*FAR).num_rows
    parts = [wanted for _, wanted in web.requests if wanted]
    assert 1 <= len(parts) <= 2
    size = sum(path.stat().st_size for path in (mirror / "generation-000001").rglob("*.parquet"))
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


def test_a_new_generation_is_noticed(remote, mirror, sky):
    before = ids(remote.cone(*PLACES[2], 600.0))
    with ObservationCache(mirror) as store:
        fetch(store, sky.slice(0, 0), *PLACES[2], 600.0, at=4000.0)
        store.compact()
        fetch(store, sky.slice(0, 0), *PLACES[3], 600.0, at=5000.0)
        assert ids(remote.cone(*PLACES[2], 600.0)) == before
        remote.check()
        assert remote.info()["generation"] == "generation-000002"
        _same_answers(remote, store)
        assert not remote.cone(*PLACES[2], 600.0).num_rows


def test_a_generation_that_is_gone_is_looked_for_again(remote, mirror):
    remote.coverage()
    with ObservationCache(mirror) as store:
        for _ in range(3):
            store.compact(force=True)
        assert not (mirror / "generation-000001").exists()
        assert rows_of(remote.cone(*FAR)) == rows_of(store.cone(*FAR))


def test_unchanged_row_groups_are_not_read_again(remote, web, mirror, sky):
    remote.cone(*FAR)
    with ObservationCache(mirror) as store:
        fetch(store, sky, *PLACES[4], 60.0, at=6000.0)
        store.compact()
    remote.check()
    asked = len(web.requests)
    remote.cone(*FAR)
    assert not [wanted for _, wanted in web.requests[asked:] if wanted]


def test_commits_in_the_log_are_seen(remote, mirror, sky):
    """A store that is open for writing has its last commits beside the manifest."""
    with ObservationCache(mirror) as store:
        fetch(store, sky, *PLACES[2], 60.0, at=7000.0)
        assert (mirror / "manifest.sqlite-wal").stat().st_size
        _same_answers(remote, store)


def test_from_many_threads(remote, mirror):
    with ObservationCache(mirror, read_only=True) as store, ThreadPoolExecutor(8) as pool:
        places = [*PLACES, FAR[:2]] * 4
        found = list(pool.map(lambda place: ids(remote.cone(*place, 300.0)), places))
        assert found == [ids(store.cone(*place, 300.0)) for place in places]


def test_old_copies_of_the_manifest_go(remote, mirror, sky, tmp_path):
    remote.info()
    (old,) = (tmp_path / "kept" / "manifests").rglob("*.sqlite")
    os.utime(old, (0, 0))
    with ObservationCache(mirror) as store:
        fetch(store, sky, *PLACES[4], 60.0, at=8000.0)
    remote.check()
    assert remote.info()["open_segments"] == 3
    assert len(list((tmp_path / "kept" / "manifests").rglob("*.sqlite"))) == 1


def test_an_empty_store(tmp_path):
    ObservationCache(tmp_path / "store").close()
    remote = RemoteCache((tmp_path / "store").as_uri(), keep=tmp_path / "kept")
    assert remote.cone(1.0, 2.0, 3600.0).num_rows == 0
    assert remote.info()["generation"] is None


def test_writing_is_refused(remote):
    for write in (remote.put, remote.ingest, remote.compact, remote.clear, remote.import_bundle):
        with pytest.raises(CacheError, match="for reading only"):
            write()


def test_what_is_kept_is_bounded(web, tmp_path):
    with RemoteCache(web.url, keep=tmp_path / "kept", keep_bytes=600_000) as remote:
        remote.cone(200.0, 10.0, 7200.0)
        kept = [path.stat().st_size for path in (tmp_path / "kept" / "pieces").iterdir()]
        assert 0 < sum(kept) <= 600_000
        assert remote.cone(*FAR).num_rows


def test_export(remote, mirror, tmp_path):
    with ObservationCache(mirror, read_only=True) as store:
        rows = store.export(tmp_path / "here.zip")
    assert remote.export(tmp_path / "there.zip") == rows
    found = []
    for name in ("here", "there"):
        with ObservationCache(tmp_path / name) as copy:
            copy.import_bundle(tmp_path / f"{name}.zip")
            found.append(rows_of(copy.cone(*PLACES[0], 3600.0)))
    assert found[0] == found[1]


@pytest.mark.slow
def test_s3(mirror, tmp_path, monkeypatch):
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
        _put_on_s3(mirror, options)
        remote = RemoteCache("s3://bucket/mirror/store", options=options, keep=tmp_path / "kept")
        with remote, ObservationCache(mirror, read_only=True) as store:
            _same_answers(remote, store)
        with pytest.raises(CacheError, match="holds no observations"):
            RemoteCache("s3://bucket/other", options=options, keep=tmp_path / "kept").info()
    finally:
        server.stop()


def _put_on_s3(mirror, options):
    import s3fs

    files = s3fs.S3FileSystem(**options)
    files.mkdir("bucket")
    files.put(str(mirror), "bucket/mirror/store", recursive=True)
