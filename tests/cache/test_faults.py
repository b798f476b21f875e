"""What goes wrong around a store: damage, full disks, other processes, newer versions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time

import filelock
import numpy as np
import pytest

from astroquery_mmdc.cache import commit, hats, store
from astroquery_mmdc.cache.cells import needed_ranges
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError
from tests.cache.store_helpers import OTHER, PLACE, fetch, ids, observations, stored, two_places

SKY = np.array([WHOLE_SKY])


@pytest.fixture(scope="module")
def sky():
    return two_places()


@pytest.fixture
def folder(tmp_path, sky):
    return stored(tmp_path / "store", sky)


def everything(path):
    with ObservationCache(path) as cache:
        return ids(cache.region(SKY)), cache.covered("", needed_ranges(*PLACE, 30.0)).tolist()


# ------------------------------------------------------------ what is no store


def test_a_manifest_of_a_newer_version_is_refused(folder):
    with sqlite3.connect(folder / "manifest.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    connection.close()
    for read_only in (True, False):
        with pytest.raises(CacheError, match="newer version of the package"):
            ObservationCache(folder, read_only=read_only)


def test_a_manifest_that_is_none_is_refused(tmp_path):
    (tmp_path / "manifest.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(CacheError, match="cannot be opened"):
        ObservationCache(tmp_path)


def test_a_database_of_something_else_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "manifest.sqlite") as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(CacheError, match="no manifest"):
        ObservationCache(tmp_path, read_only=True)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(CacheError, match="holds no observations"):
        ObservationCache(tmp_path / "nothing", read_only=True)
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be made"):
        ObservationCache(tmp_path / "file" / "store")


# ------------------------------------------------------------ reading only


def test_read_only_changes_nothing(folder, sky):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    expected = everything(folder)
    with ObservationCache(folder, read_only=True) as cache:
        assert ids(cache.region(SKY)) == expected[0]
        ranges = needed_ranges(*PLACE, 30.0)
        for act in (
            lambda: cache.put(sky, key="", ranges=ranges, fetched=1.0),
            lambda: cache.ingest(sky),
            cache.compact,
            cache.clear,
            lambda: cache.verify(repair=True),
            lambda: cache.import_bundle("x"),
        ):
            with pytest.raises(CacheError, match="reading only"):
                act()
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_without_the_right_to_write_can_be_read(folder):
    expected = everything(folder)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        with ObservationCache(folder, read_only=True) as cache:
            assert ids(cache.region(SKY)) == expected[0]
    finally:
        for path in folders:
            path.chmod(0o755)


# ------------------------------------------------------------ interrupted work


def test_what_no_commit_refers_to_is_swept(folder):
    expected = everything(folder)
    (folder / "generation-000077" / "dataset").mkdir(parents=True)
    (folder / "index" / "generation-000077").mkdir()
    (folder / ".spool-abc").mkdir()
    old, new = folder / "delta" / "old.parquet", folder / "delta" / "new.parquet"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    assert everything(folder) == expected
    left = {path.name for path in [*folder.iterdir(), *(folder / "index").iterdir()]}
    assert not left & {"generation-000077", ".spool-abc"}
    assert not old.exists()
    # It may belong to a fetch that commits in a moment.
    assert new.exists()


def test_a_generation_that_was_committed_but_not_named_is_named(folder):
    expected = everything(folder)
    name = (folder / "collection.properties").read_text()
    (folder / "collection.properties").write_text(name.replace("000001", "000000"))
    assert everything(folder) == expected
    assert (folder / "collection.properties").read_text() == name


def test_a_fetch_whose_file_vanishes_is_written_again(folder, sky, monkeypatch):
    written = commit._written
    lost = []

    def careless(layout, table, key):
        segment = written(layout, table, key)
        if len(lost) < 2:
            lost.append(segment.path)
            (folder / "delta" / segment.path).unlink()
        return segment

    monkeypatch.setattr(commit, "_written", careless)
    with ObservationCache(folder) as cache:
        fetch(cache, sky, *OTHER, at=3000.0)
        assert len(cache.covered("", needed_ranges(*OTHER, 30.0), newer_than=2500.0)) == 0
        lost.clear()
        monkeypatch.setattr(commit, "_ATTEMPTS", 2)
        with pytest.raises(CacheError, match="faster than"):
            fetch(cache, sky, *OTHER, at=4000.0)
        assert len(cache.covered("", needed_ranges(*OTHER, 30.0), newer_than=3500.0)) > 0


@pytest.mark.parametrize("step", ["add", "finish"])
def test_a_compaction_that_fails_changes_nothing(folder, monkeypatch, step):
    expected = everything(folder)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with ObservationCache(folder) as cache:
        with monkeypatch.context() as patch:
            patch.setattr(hats.CatalogWriter, step, full)
            with pytest.raises(CacheError, match="No space left"):
                cache.compact()
        assert ids(cache.region(SKY)) == expected[0]
        assert len(list(folder.glob("generation-*"))) == 1
        assert cache.compact()
    assert everything(folder) == expected


LIMITED = """
import resource, signal, sys
import numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError
import pyarrow.parquet as pq
cache = ObservationCache(sys.argv[1])
rows = pq.read_table(sys.argv[2])
whole = np.array([[0, 12 << 58]])
before = cache.region(whole)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
failed = 0
for act in (
    lambda: cache.put(rows, key="", ranges=whole, fetched=9e9),
    lambda: cache.ingest(rows, complete=True),
    cache.compact,
):
    try:
        act()
    except CacheError:
        failed += 1
assert failed == 3, failed
assert cache.region(whole).equals(before)
assert len(cache.covered("", whole)) > 0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit of size there")
@pytest.mark.parametrize("limit", [0, 4096])
def test_on_a_full_disk_nothing_is_lost(folder, tmp_path, sky, limit):
    expected = everything(folder)
    hats.write_rows(tmp_path / "rows.parquet", sky)
    command = [sys.executable, "-c", LIMITED, folder, tmp_path / "rows.parquet", limit]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert everything(folder) == expected


# ------------------------------------------------------------ several processes


def test_the_second_of_two_compactors_returns_at_once(folder):
    lock = filelock.FileLock(folder / ".maintenance.lock", thread_local=False)
    with ObservationCache(folder) as cache:
        with lock:
            assert not cache.compact()
            # Opening does not wait either.
            ObservationCache(folder).close()
        assert cache.compact()


def test_ingestion_does_not_wait_for_ever(folder, sky, monkeypatch):
    monkeypatch.setattr(store, "_WAIT", 0.01)
    with ObservationCache(folder) as cache, filelock.FileLock(folder / ".maintenance.lock"):
        for act in (lambda: cache.ingest(sky), cache.clear, lambda: cache.verify(repair=True)):
            with pytest.raises(CacheError, match="another process"):
                act()


def test_a_reader_notices_what_another_process_commits(folder, sky):
    with ObservationCache(folder) as reader, ObservationCache(folder) as writer:
        count = reader.info()["rows"]
        new = observations([10.0], [10.0], first_id=10**6)
        writer.put(new, key="", ranges=needed_ranges(10.0, 10.0, 5.0), fetched=1.0)
        assert ids(reader.cone(10.0, 10.0, 5.0)) == [10**6]
        assert len(reader.covered("", needed_ranges(10.0, 10.0, 5.0))) == 0
        writer.compact()
        assert reader.info()["rows"] == count + 1
        fetch(writer, sky, *PLACE, at=5000.0)
        writer.compact(force=True)
        assert reader.info()["rows"] == count + 1
        assert reader.info()["generation"] == writer.info()["generation"]


FORKED = """
import os, sys
import numpy as np
from astroquery_mmdc.cache.store import ObservationCache
cache = ObservationCache(sys.argv[1])
whole = np.array([[0, 12 << 58]])
rows = cache.region(whole).slice(0, 1)
child = os.fork()
if not child:
    cache.put(rows, key="", ranges=whole, fetched=9e9)
    os._exit(cache.region(whole).num_rows - 1)
assert os.waitpid(child, 0)[1] == 0
assert cache.region(whole).num_rows == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_store_goes_on_after_a_fork(folder):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_row_numbers_stay_valid_after_a_compaction(folder, sky):
    with ObservationCache(folder) as reader, ObservationCache(folder) as writer:
        found = reader.cones_rows([PLACE[0]], [PLACE[1]], 30.0)
        writer.compact()
        _, now = reader.cones([PLACE[0]], [PLACE[1]], 30.0)
        assert ids(found.table()) == ids(now)


def test_a_missing_generation_is_reported(folder):
    shutil.rmtree(folder / "generation-000001")
    shutil.rmtree(folder / "index" / "generation-000001")
    with (
        ObservationCache(folder) as cache,
        pytest.raises(CacheError, match=r"missing from the store.*verify"),
    ):
        cache.cone(*PLACE, 30.0)
