"""A disk that is really full: what was there stays, the error says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.storage import open_store


@pytest.fixture
def small_disk(tmp_path):
    """Folder on a disk of 300 kB."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount or "", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("a small disk can be mounted by the superuser only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["hdf5", "parquet", "fits", "csv", "netcdf"])
def test_a_full_disk_keeps_what_was_there(kind, small_disk, make_lightcurve):
    store = open_store(kind, small_disk / "data", project="p")
    places = []

    def fill():
        for number in range(60):
            written = store.write([make_lightcurve(f"s{number}", rows=1000)], ra=1.0, dec=1.0)
            store.flush()
            places.extend(written)

    with pytest.raises(CacheError, match="disk is full; make room"):
        fill()
    store.discard()
    assert places
    assert all(store.exists(place) for place in places)
    files = [path for path in small_disk.rglob("*") if path.is_file()]
    assert len(files) == len(places)  # nothing half is left
    files[0].unlink()
    store.write([make_lightcurve("last", rows=10)], ra=1.0, dec=1.0)
    store.flush()
