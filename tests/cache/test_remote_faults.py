"""A store at an URL: nothing wrong is ever believed, and everything missing is named."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from contextlib import closing

import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.cache import CacheError, RemoteCache
from astroquery_mmdc.exceptions import InvalidRequestError, StaleResultWarning

from .store_helpers import FAR, PLACES

pytest.importorskip("fsspec")


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


def test_a_server_that_says_nothing(mirror, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with conf.set_temp("timeout", 0.2):
            remote = RemoteCache(url, keep=tmp_path / "kept")
        start = time.monotonic()
        with pytest.raises(CacheError, match=r"cannot be read \(\w*Timeout\w*\)"):
            remote.info()
        assert time.monotonic() - start < 5


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


def test_a_manifest_that_is_none(mirror, web, remote):
    (mirror / "manifest.sqlite").write_bytes(b"<html>please log in</html>" * 100)
    with pytest.raises(CacheError, match="damaged or is none"):
        remote.info()


def test_a_manifest_of_a_newer_version(mirror, remote, web):
    with closing(sqlite3.connect(mirror / "manifest.sqlite")) as manifest, manifest:
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
def test_paths_that_lead_outside_are_refused(mirror, tmp_path, column, path):
    with closing(sqlite3.connect(mirror / "manifest.sqlite")) as manifest, manifest:
        manifest.execute(f"UPDATE {column} SET path = ? WHERE path IS NOT NULL", (path,))
    shutil.copytree(mirror / "generation-000001", tmp_path / "outside")
    remote = RemoteCache(mirror.as_uri(), keep=tmp_path / "kept")
    with pytest.raises(CacheError, match="which does not belong to a store"):
        remote.cone(*PLACES[0], 30.0)


def test_checksums_are_no_paths(mirror, tmp_path):
    with closing(sqlite3.connect(mirror / "manifest.sqlite")) as manifest, manifest:
        manifest.execute("UPDATE segment SET checksum = '../../x'")
    with pytest.raises(CacheError, match="is no SHA-256"):
        RemoteCache(mirror.as_uri(), keep=tmp_path / "kept").cone(*PLACES[0], 30.0)


def test_a_store_of_an_earlier_version(mirror, tmp_path):
    with closing(sqlite3.connect(mirror / "manifest.sqlite")) as manifest, manifest:
        manifest.execute("DELETE FROM file WHERE path = 'row_groups.csv'")
    with pytest.raises(CacheError, match=r"run compact\(force=True\) where it lies"):
        RemoteCache(mirror.as_uri(), keep=tmp_path / "kept").info()


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


def test_what_cannot_be_kept_is_still_answered(web, tmp_path):
    with RemoteCache(web.url, keep=tmp_path / "kept") as remote:
        (tmp_path / "kept" / "manifests").mkdir(parents=True)
        (tmp_path / "kept" / "pieces").touch()
        assert remote.cone(*FAR).num_rows
