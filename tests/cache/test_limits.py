"""The ends of what can be asked, and of what disks and other processes allow."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from astroquery_mmdc.cache.cells import ang2pix_nest, cells_to_ranges
from astroquery_mmdc.cache.hats import write_rows
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.rows import normalised
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from tests.cache.store_helpers import PLACES, around, brute, fetch, ids, observations
from tests.processes import running

PLACE = (166.1, 38.2)
SKY = np.array([WHOLE_SKY])


def ran(script, *arguments, **options):
    """Run a script with the package at hand and return what it printed."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ------------------------------------------------------------ radii and positions


@pytest.mark.parametrize("place", PLACES)
def test_radius_0_finds_the_rows_of_that_very_position(cache, sky, place):
    here = observations([place[0]] * 3, [place[1]] * 3, first_id=10**6)
    near = observations([place[0]], [np.clip(place[1] + 1e-5, -90, 90)], first_id=10**7)
    moved = place[1] < 90
    cache.ingest([here, near, sky])
    expected = set(range(10**6, 10**6 + 3)) | (set() if moved else {10**7})
    at_pole = abs(place[1]) == 90
    asked = (place[0] + 77.0, place[1]) if at_pole else place
    assert expected <= set(ids(cache.cone(*asked, 0.0)))
    assert ids(cache.cone(*asked, 0.0)) == ids(cache.cones([asked[0]], [asked[1]], 0.0)[1])
    if moved:
        assert 10**7 not in ids(cache.cone(*asked, 0.0))


@pytest.mark.parametrize("place", PLACES)
def test_radius_180_deg_finds_everything_in_every_part(cache, sky, place):
    fetch(cache, sky, *PLACES[0])
    cache.compact()
    fetch(cache, sky, *PLACES[1])
    held = ids(cache.region(SKY))
    assert ids(cache.cone(*place, 180 * 3600.0)) == held
    assert ids(cache.cones([place[0]], [place[1]], 180 * 3600.0)[1]) == held


@pytest.mark.parametrize("name", ["ra", "dec"])
def test_no_position_is_refused_and_named_wherever_it_is(cache, name):
    table = observations(np.full(5, 10.0), np.full(5, 20.0))
    values = table[name].to_pylist()
    values[3] = float("nan")
    wrong = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    with pytest.raises(InvalidRequestError, match=f"{name} of row 8 is missing"):
        cache.ingest([table, wrong])
    assert cache.region(SKY).num_rows == 0
    for ask in (cache.cone, cache.cones, cache.crossmatch):
        with pytest.raises(InvalidRequestError):
            ask(*(float("nan") if name == own else 1.0 for own in ("ra", "dec")), 1.0)


# ------------------------------------------------------------ rows that contradict themselves


def test_a_fetch_whose_index_contradicts_its_positions_is_stored_by_position(cache):
    table = observations([10.0, 200.0], [20.0, -5.0])
    wrong = table.append_column("sky_identifier", pa.array([1, 2]))
    ranges = cells_to_ranges(10, ang2pix_nest(10, np.array([10.0]), np.array([20.0])))
    with pytest.warns(InputWarning, match="2 of 2 rows contradicts"):
        assert cache.put(wrong, key="", ranges=ranges, fetched=1.0) == 1
    (row,) = cache.cone(10.0, 20.0, 1.0).to_pylist()
    assert row["sky_identifier"] == ang2pix_nest(15, 10.0, 20.0)
    assert cache.cone(200.0, -5.0, 1.0).num_rows == 0
    cache.compact()
    assert cache.cone(10.0, 20.0, 1.0).num_rows == 1


def test_of_a_fetch_with_an_id_twice_the_last_row_stays(cache):
    table = pa.concat_tables(
        [observations([10.0, 10.0], [20.0, 20.0], seed=n, first_id=7) for n in (0, 1)]
    )
    ranges = cells_to_ranges(10, ang2pix_nest(10, np.array([10.0]), np.array([20.0])))
    assert cache.put(table, key="", ranges=ranges, fetched=1.0) == 2
    held = cache.cone(10.0, 20.0, 1.0).sort_by("id")
    assert held["id"].to_pylist() == [7, 8]
    assert held["flux"].to_pylist() == table["flux"].to_pylist()[2:]


@pytest.mark.parametrize("step", [1, 10**12])
def test_ids_that_occur_in_several_batches_stay_once(cache, step, monkeypatch):
    from astroquery_mmdc.cache import ingest

    monkeypatch.setattr(ingest, "_BATCH", 50)
    ra, dec = around(*PLACE, 200, 900)
    first = observations(ra, dec)
    numbers = np.random.default_rng(1).permutation(200) * step
    first = first.set_column(0, "id", pa.array(numbers))
    second = first.slice(30, 120).set_column(
        first.schema.get_field_index("flux"), "flux", pa.array(np.full(120, 5.0))
    )
    assert cache.ingest([first, second], complete=True) == 200
    held = cache.region(SKY)
    assert ids(held) == np.sort(numbers).tolist()
    newest = set(second["id"].to_pylist())
    rows = zip(held["id"].to_pylist(), held["flux"].to_pylist(), strict=True)
    assert all((flux == 5.0) == (number in newest) for number, flux in rows)


@pytest.mark.parametrize("in_memory", [0, 40_000])
def test_rows_that_do_not_fit_into_memory_go_through_files(cache, sky, monkeypatch, in_memory):
    from astroquery_mmdc.cache import ingest

    monkeypatch.setattr(ingest, "_BATCH", 300)
    monkeypatch.setattr(ingest, "_IN_MEMORY", in_memory)
    assert cache.ingest(sky, complete=True) == sky.num_rows
    for place in PLACES:
        expected = sky.filter(pa.array(brute(sky, *place, 60.0)))
        assert ids(cache.cone(*place, 60.0)) == ids(expected)
    assert not list(cache.folder.glob(".spool-*"))


# ------------------------------------------------------------ folders that cannot be written

READ = """
import os, sys
import numpy as np
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError
whole = np.array([[0, 12 << 58]])

def look(folder):
    with ObservationCache(folder, read_only=True) as cache:
        rows, missing = cache.region(whole).num_rows, len(cache.covered("", whole))
    try:
        with ObservationCache(folder) as cache:
            cache.compact()
    except CacheError:
        return rows, missing, "refused"
    return rows, missing, "written"

assert look(sys.argv[1])[2] == "written"
if os.geteuid() == 0:
    # The superuser may write everywhere. Everything that has to be imported is there by now.
    os.seteuid(65534)
print(*look(sys.argv[2]))
"""


@pytest.fixture
def public(sky):
    """A store in a folder that every user may enter."""
    base = Path(tempfile.mkdtemp(prefix="mmdc-public-"))
    base.chmod(0o755)
    with ObservationCache(base / "store") as cache:
        fetch(cache, sky, *PLACES[0])
        cache.compact()
        fetch(cache, sky, *PLACES[1], at=2000.0)
    yield base / "store"
    for path in [base, *base.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(base)


@pytest.mark.skipif(sys.platform == "win32", reason="rights are of another kind there")
def test_a_folder_that_may_only_be_read_is_read_and_never_written(public, tmp_path):
    with ObservationCache(public) as cache:
        expected = cache.region(SKY).num_rows
    copy = shutil.copytree(public, tmp_path / "copy")
    for path in [public, *public.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in public.rglob("*")}
    printed = ran(READ, copy, public).split()
    assert int(printed[0]) == expected
    assert printed[2:] == ["refused"]
    assert before == {path: path.stat().st_mtime_ns for path in public.rglob("*")}


FILL = """
import sys
import numpy as np
import pyarrow.parquet as pq
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError
whole = np.array([[0, 12 << 58]])
rows = pq.read_table(sys.argv[2])
cache = ObservationCache(sys.argv[1])
committed = 0
for number in range(200):
    try:
        cache.put(rows, key="", ranges=whole, fetched=float(number + 1))
        committed += 1
    except CacheError:
        break
assert 0 < committed < 200, committed
assert cache.coverage().oldest("", whole) == float(committed)
assert cache.region(whole).num_rows == rows.num_rows
refused = 0
for act in (lambda: cache.ingest(rows, complete=True), lambda: cache.compact(force=True)):
    try:
        act()
    except CacheError:
        refused += 1
assert cache.region(whole).num_rows == rows.num_rows
print(committed, refused)
"""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be made here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_keeps_what_was_committed(small_disk, tmp_path, sky):
    write_rows(tmp_path / "rows.parquet", normalised(sky))
    committed, refused = map(
        int, ran(FILL, small_disk / "store", tmp_path / "rows.parquet").split()
    )
    assert refused
    with ObservationCache(small_disk / "store", read_only=True) as cache:
        assert ids(cache.region(SKY)) == ids(sky)
        assert cache.coverage().oldest("", SKY) == float(committed)
        assert cache.verify().is_good


# ------------------------------------------------------------ several processes

COMPACT = """
import sys
from pathlib import Path
from astroquery_mmdc.cache.store import ObservationCache
with ObservationCache(sys.argv[1]) as cache:
    Path(sys.argv[2]).touch()
    while not Path(sys.argv[3]).exists():
        pass
    print(sum(cache.compact(force=True) for _ in range(5)))
"""


def test_two_processes_that_compact_at_once(tmp_path, sky):
    folder, go = tmp_path / "store", tmp_path / "go"
    with ObservationCache(folder) as cache, ExitStack() as at_end:
        for place in PLACES:
            fetch(cache, sky, *place)
        before = cache.region(SKY).sort_by("id")
        known = cache.coverage().ranges()
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes = [
            at_end.enter_context(
                running([sys.executable, "-c", COMPACT, folder, tmp_path / name, go], **pipes)
            )
            for name in ("first", "second")
        ]
        while not all((tmp_path / name).exists() for name in ("first", "second")):
            assert all(process.poll() is None for process in processes)
        go.touch()
        while any(process.poll() is None for process in processes):
            assert cache.region(SKY).num_rows == before.num_rows
            assert len(cache.covered("", known)) == 0
        outputs = [process.communicate() for process in processes]
        assert not any(errors for _, errors in outputs), outputs
        assert sum(int(output) for output, _ in outputs) >= 5
        after = cache.region(SKY).sort_by("id")
        assert ids(after) == ids(before)
        assert after["flux"].equals(before["flux"])
        np.testing.assert_array_equal(cache.coverage().ranges(), known)
        assert cache.verify().is_good
    # The current generation, and the one before it for those who are reading it.
    assert len(list(folder.glob("generation-*"))) <= 2
