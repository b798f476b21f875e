"""What the server answers from: rows in memory, in a temporary folder, or in somebody's cache."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.cache import Box, CacheError, Filters, ObservationCache
from astroquery_mmdc.cache.layout import MAX_KEY
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.tables import wire_values
from astroquery_mmdc.schema.wire import ORDERINGS
from astroquery_mmdc.server import (
    LocalServer,
    ObservationStore,
    load,
    loaders,
    open_store,
    serving,
)
from tests.cache.helpers import BANDS, CATALOGS, CENTERS, CORNERS, RADII, chosen, observations, sky
from tests.processes import running

from .conftest import make_observations

PATH = "/api/observations/"
MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")

TABLE = observations(*sky(300))
ROWS = TABLE.to_pylist()


@pytest.fixture(scope="module", params=["memory", "disk"])
def store(request: pytest.FixtureRequest) -> Iterator[ObservationStore]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "disk":
            patch.setattr(loaders, "_IN_MEMORY", 0)
        store = load(TABLE)
    yield store
    store.close()


def ids(rows: bytes) -> list[int]:
    return [row["id"] for row in json.loads(rows)]


# ---------------------------------------------------------------- the rules

FILTERS = st.builds(
    Filters,
    catalog=st.sampled_from([None, None, *CATALOGS, "NOSUCH"]),
    filter_band=st.sampled_from([None, None, BANDS[0], "nosuch"]),
    is_lightcurve=st.sampled_from([None, None, True, False]),
    is_upper_limit=st.sampled_from([None, None, True, False]),
    obsid=st.sampled_from([None, None, "obs-3", "nosuch"]),
    mjd_min=st.none() | st.floats(54000, 61000),
    mjd_max=st.none() | st.floats(54000, 61000),
)


@settings(max_examples=150, deadline=None)
@given(
    filters=FILTERS,
    center=st.none() | st.sampled_from(CORNERS) | CENTERS,
    radius=st.floats(30, 300) | RADII.filter(lambda radius: radius > 1),
    ordering=st.sampled_from([None, *ORDERINGS]),
    sign=st.sampled_from(["", "-"]),
    limit=st.none() | st.integers(0, 30),
)
def test_answers_are_those_of_brute_force(
    store: ObservationStore,
    filters: Filters,
    center: tuple[float, float] | None,
    radius: float,
    ordering: str | None,
    sign: str,
    limit: int | None,
) -> None:
    if ordering == "sep_arcsec" and center is None:
        ordering = None
    cone = Cone(*center, radius) if center else None
    wanted = Selection(filters, cone, sign + ordering if ordering else None, limit)
    expected = chosen(ROWS, filters, wanted.ordering, cone=cone, limit=limit)
    assert ids(store.json(wanted)) == expected
    assert [row["id"] for row in store.rows(wanted)] == expected


def test_rows_come_back_as_they_were_given(store: ObservationStore) -> None:
    assert store.rows(Selection()) == ROWS
    assert json.loads(store.json(Selection())) == ROWS
    assert len(store) == len(ROWS)


@pytest.mark.parametrize("in_memory", [0, 1000])
def test_rows_with_and_without_references(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(loaders, "_IN_MEMORY", in_memory)
    first = {"citation": "A", "bibcode": None, "url": "a"}
    rows = make_observations(
        ra=[10.0, 10.0, 200.0, 300.0],
        dec=[0.0, 0.0, 50.0, -50.0],
        reference=[None, first, {**first, "bibcode": "x"}, None],
    )
    store = load(rows)
    for wanted in (Selection(limit=1), Selection(cone=Cone(10.0, 0.0, 1.0)), Selection()):
        assert store.json(wanted) == msgspec.json.encode(store.rows(wanted))
    given = [row["reference"] for row in rows.to_pylist()]
    assert [row["reference"] for row in store.rows(Selection())] == given
    store.close()


# ---------------------------------------------------------------- data of all kinds


def test_a_table_of_the_client(mmdc: MMDCClass) -> None:
    table = mmdc.query_region(MRK421)
    with serving(table) as url:
        again = MMDCClass(url).query_region(MRK421)
    for name in table.colnames:
        assert wire_values(again[name]) == wire_values(table[name]), name


def test_a_table_without_a_needed_column() -> None:
    table = make_observations(ra=[1.0], dec=[2.0]).drop_columns(["flux"])
    with pytest.raises(ParseError, match="data: has no column flux"):
        load(table)


def test_ids_that_repeat_across_files_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders, "_IN_MEMORY", 0)
    rows = make_observations(ra=[10.0, 20.0, 30.0], dec=[1.0, 2.0, 3.0], flux=[1.0, np.nan, 3.0])
    pq.write_table(rows, tmp_path / "a.parquet")
    pq.write_table(rows.drop_columns(["reference", "filter_band"]), tmp_path / "b.parquet")
    store = load(tmp_path)
    found = [(row["id"], row["ra"]) for row in store.rows(Selection())]
    assert found == [(1, 10.0), (3, 30.0), (4, 10.0), (6, 30.0)]
    store.close()


def test_a_row_that_cannot_be_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    pq.write_table(make_observations(ra=[1.0, 2.0], dec=[0.0, 99.0]), tmp_path / "rows.parquet")
    with pytest.raises(InvalidRequestError, match=r"dec of row 1 is 99\.0"):
        load(tmp_path / "rows.parquet")
    assert list((tmp_path / "tmp").iterdir()) == []


# ---------------------------------------------------------------- the temporary folder


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; everything goes to one."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(loaders, "_IN_MEMORY", 0)
    return tmp_path / "tmp"


def test_the_folder_lasts_as_long_as_the_server(folders: Path) -> None:
    with serving(TABLE) as url:
        assert len(list(folders.iterdir())) == 1
        assert ids(httpx.get(url + PATH, params={"limit": 3}).content) == [1, 2, 3]
    assert list(folders.iterdir()) == []


def test_a_store_of_ones_own_outlives_the_server(folders: Path) -> None:
    store = load(TABLE)
    with LocalServer(store):
        pass
    assert len(store.rows(Selection(limit=5))) == 5
    store.close()
    store.close()
    assert list(folders.iterdir()) == []


def test_a_store_that_is_forgotten_is_removed_quietly(folders: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = load(TABLE)
        del store
        gc.collect()
    assert list(folders.iterdir()) == []


def test_a_server_that_never_ran_leaves_nothing(folders: Path) -> None:
    server = LocalServer(TABLE)
    assert len(list(folders.iterdir())) == 1
    del server
    gc.collect()
    assert list(folders.iterdir()) == []


# ---------------------------------------------------------------- a cache as it is


@pytest.fixture
def remembering(server: LocalServer, tmp_path: Path) -> Iterator[MMDCClass]:
    """A client that has asked for two regions, one of them twice over."""
    mmdc = MMDCClass(server.url, cache_dir=tmp_path / "cache")
    mmdc.query_region(MRK421, 10 * u.arcsec)
    mmdc.query_region("PKS 1510-089", 30 * u.arcsec)
    mmdc.cache.compact()
    mmdc.query_region("Mrk 501", 30 * u.arcsec)
    yield mmdc
    mmdc.cache.close()


def test_a_served_cache_answers_what_the_cache_answers(remembering: MMDCClass) -> None:
    region = Box(166.0, 254.0, -10.0, 40.0)
    held = remembering.cache.query_region(region)
    with serving(store=remembering.cache.folder) as url:
        rows = httpx.get(url + PATH).json()
        other = MMDCClass(url)
        assert sorted(held["id"].tolist()) == [row["id"] for row in rows]
        for place, options in (
            (MRK421, {}),
            (MRK421, {"catalog": "MAGIC", "ordering": "-flux"}),
            (SkyCoord(253.4676, 39.7602, unit="deg"), {"ordering": "sep_arcsec"}),
        ):
            table = other.query_region(place, 10 * u.arcsec, **options)
            with conf.set_temp("offline", True):
                known = remembering.query_region(place, 10 * u.arcsec, **options)
            assert len(table) == len(known) > 0
            for name in table.colnames:
                assert wire_values(table[name]) == wire_values(known[name]), name
        assert len(other.query_sed("PKS 1510-089")) == 42


def test_a_served_cache_is_not_written_to(remembering: MMDCClass) -> None:
    folder = remembering.cache.folder
    remembering.cache.close()
    before = _contents(folder)
    with serving(store=folder) as url:
        assert len(httpx.get(url + PATH).json()) == 267
    assert _contents(folder) == before


def _contents(folder: Path) -> dict[str, bytes]:
    # SQLite keeps notes about its readers beside the manifest.
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p): p.read_bytes() for p in files if not p.name.endswith(("-shm", "-wal"))}


def test_what_is_fetched_meanwhile_is_served_too(tmp_path: Path) -> None:
    with ObservationCache(tmp_path) as cache:
        cache.ingest(TABLE.slice(0, 100))
        with serving(store=tmp_path) as url, httpx.Client(base_url=url) as http:
            assert len(http.get(PATH).json()) == 100
            everything = np.array([[0, MAX_KEY]])
            cache.put(TABLE.slice(50), key="", ranges=everything, fetched=time.time())
            assert ids(http.get(PATH).content) == list(range(51, len(ROWS) + 1))
            for _ in range(3):  # the files that were open are gone after two of these
                cache.compact(force=True)
            assert ids(http.get(PATH).content) == list(range(51, len(ROWS) + 1))


def test_readers_while_the_cache_changes(tmp_path: Path) -> None:
    everything = np.array([[0, MAX_KEY]])
    with ObservationCache(tmp_path) as cache:
        cache.ingest(TABLE, complete=True)
        with serving(store=tmp_path) as url:
            wrong: list[Any] = []
            done = threading.Event()

            def ask() -> None:
                with httpx.Client(base_url=url) as http:
                    while not done.is_set():
                        found = http.get(PATH, params={"limit": 400})
                        if found.status_code != 200 or len(found.json()) != 400:
                            wrong.append(found.text)

            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(5):
                cache.put(TABLE, key="", ranges=everything, fetched=time.time())
                cache.compact(force=True)
            done.set()
            for thread in threads:
                thread.join()
    assert wrong == []


def test_rows_without_a_flux_are_served_as_the_cache_has_them(tmp_path: Path) -> None:
    with ObservationCache(tmp_path) as cache:
        rows = make_observations(ra=[1.0, 2.0], dec=[0.0, 0.0], flux=[None, 2.0])
        cache.ingest(rows.drop_columns(["sky_identifier"]))
    store = open_store(tmp_path)
    assert [row["flux"] for row in store.rows(Selection())] == [None, 2.0]
    store.close()


def test_the_command_serves_a_cache(tmp_path: Path, python_env: dict[str, str]) -> None:
    with ObservationCache(tmp_path) as cache:
        cache.ingest(TABLE)
    code = "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"
    command = [sys.executable, "-c", code, "serve", "--port", "0"]
    with running(
        [*command, "--store", tmp_path], env=python_env, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[2]
        assert len(httpx.get(url + PATH).json()) == len(ROWS), line
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_no_cache_there(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="holds no observations"):
        LocalServer(store=tmp_path)


def test_a_cache_is_no_data_and_data_are_no_cache(tmp_path: Path) -> None:
    with ObservationCache(tmp_path) as cache:
        cache.ingest(TABLE)
    with pytest.raises(InvalidRequestError, match="is a cache, not data; give it as store="):
        LocalServer(tmp_path)
    with pytest.raises(InvalidRequestError, match="give one of them"):
        LocalServer(TABLE, store=tmp_path)


def test_many_rows_of_a_large_answer_are_given_in_order(store: ObservationStore) -> None:
    order = store.rows(Selection(ordering="-flux"))
    flux = [row["flux"] for row in order]
    assert flux == sorted(flux, reverse=True)
    assert pa.array([row["id"] for row in order]).unique().to_pylist() == [r["id"] for r in order]
