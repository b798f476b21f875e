"""Bad input, disks that are full, files that are damaged, databases that go away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from astroquery_mmdc.exceptions import (
    AuthError,
    CacheError,
    InputWarning,
    ServiceUnavailableError,
)
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.observatories import VirtualDemoObs
from astroquery_mmdc.retriever.project import Project
from tests.processes import running
from tests.retriever.conftest import postgres_programs, running_postgres

from .helpers import QUICK, contents, made_catalog, made_project

WORKER = Path(__file__).with_name("worker.py")


class OtherObs(VirtualDemoObs):
    """Changes what the demonstration delivers."""

    change = staticmethod(lambda row, table: table)

    def download_from_observatory(self, cat_row, **kwargs):
        table, altdata = super().download_from_observatory(cat_row, **kwargs)
        return self.change(cat_row, table), altdata


def changed(project, change):
    """Let the demonstration observatory of a project deliver something else."""
    observatory = project.observatories[0]
    observatory.__class__ = OtherObs
    observatory.change = change
    return project


def raw_path(name):
    with database.SmartSession() as session:
        query = sa.select(database.RawPhotometry).filter_by(source_name=name)
        return session.scalars(query).one().location.path()


# ------------------------------------------------------------ the data


def test_one_failing_download_among_many_stops_nothing():
    def change(row, table):
        if row["name"] == "S00123":
            msg = "the server had a bad day"
            raise ServiceUnavailableError(msg)
        return table

    project = changed(
        made_project(300, source_batch_size=50, DEMO={"sim_args": {"num_points": 5}}), change
    )
    summary = project.run(**QUICK)
    assert (summary.done, summary.failed) == (299, 1)
    assert [failure["name"] for failure in project.failures_list] == ["S00123"]
    assert ("S00123",) not in contents(project)["properties"]


def test_an_empty_answer_is_remembered():
    project = changed(made_project(5), lambda row, table: table[: 30 * (row["name"] != "S00002")])
    assert project.run(**QUICK).done == 5
    found = contents(project)
    assert [row["has_data"] for row in found["properties"].values()] == [1, 1, 0, 1, 1]
    asked = []
    other = Project("other", catalog=made_catalog(5))
    changed(other, lambda row, table: asked.append(row) or table)
    assert other.run(**QUICK).done == 5
    assert asked == []


def test_times_that_are_no_numbers_are_left_out():
    def change(row, table):
        table["mjd"][::2] = np.nan
        if row["name"] == "S00001":
            table["mjd"] = np.nan
        return table

    project = changed(made_project(4), change)
    assert project.run(**QUICK).done == 4
    found = contents(project)
    assert found["properties"]["S00001",]["has_data"] is False
    assert found["histograms"]["all_scores"]["snr"][0] == 3 * 15


def test_names_that_occur_twice_are_two_sources():
    table = {"name": ["A", "B", "A"], "ra": [10.0, 11.0, 12.0], "dec": [1.0, 2.0, 3.0]}
    catalog = Catalog(table)
    with pytest.warns(InputWarning, match="A"):
        assert len(catalog.names) == 3
    project = made_project(catalog=catalog)
    assert project.run(**QUICK).done == 3
    assert len(contents(project)["sources"]) == 3


def test_names_may_hold_any_sign(data_root):
    names = ["NGC 4151/a", "../../x", "C:\\d*?", "ein Ü", "x" * 300]
    catalog = Catalog({"name": names, "ra": np.full(5, 10.0), "dec": np.arange(5.0)})
    project = made_project(catalog=catalog)
    assert project.run(**QUICK).done == 5
    found = contents(project)
    assert sorted(found["sources"]) == sorted(names)
    assert all(path.is_relative_to(data_root) for path in data_root.rglob("*.h5"))
    assert len(list((data_root / "DEMO").rglob("*.h5"))) == 5


def test_a_source_without_a_position_is_a_failure():
    table = {"name": ["A", "B"], "ra": [10.0, np.nan], "dec": [1.0, 2.0]}
    project = made_project(catalog=Catalog(table))
    summary = project.run(**QUICK)
    assert (summary.done, summary.failed) == (1, 1)
    assert "position" in project.failures_list[0]["error"]
    assert project.run(**QUICK).skipped == 2


def test_an_analysis_that_fails_for_a_source_keeps_its_raw_data(monkeypatch):
    project = made_project(6)
    original = type(project.analysis).analyze_source

    def analyze_source(self, source):
        if source.name == "S00003":
            msg = "odd data"
            raise ArithmeticError(msg)
        return original(self, source)

    with monkeypatch.context() as patch:
        patch.setattr(type(project.analysis), "analyze_source", analyze_source)
        assert project.run(**QUICK).failed == 1
    assert project.failures_list[0]["step"] == "analyse"
    asked = []
    changed(project, lambda row, table: asked.append(row) or table)
    assert project.run(retry_failed=True, **QUICK).done == 1
    assert asked == []
    assert contents(project)["histograms"]["all_scores"]["snr"][0] == 6 * 30


def test_a_reduction_that_fails_is_recorded(monkeypatch):
    project = made_project(6)
    monkeypatch.setattr(
        VirtualDemoObs,
        "reduce_photometry",
        lambda self, dataset, *a, **k: 1 / len(dataset.source[6:]),
    )
    assert project.run(**QUICK).failed == 6
    assert {failure["step"] for failure in project.failures_list} == {"reduce"}


# ------------------------------------------------------------ files


@pytest.mark.parametrize("damage", ["truncated", "garbage", "missing"])
def test_raw_files_that_are_gone_or_damaged_are_fetched_again(damage):
    first = made_project(5)
    first.run(**QUICK)
    expected = contents(first)
    path = raw_path("S00002")
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"rubbish")
    first.delete_all_sources(remove_associated_data=True, remove_detections=True)
    assert first.run(**QUICK).done == 5
    assert contents(first) == expected
    assert path.read_bytes()[:4] == content[:4]


def test_raw_files_without_a_row_are_used():
    project = made_project(5)
    project.run(**QUICK)
    expected = contents(project)
    project.delete_all_sources(remove_associated_data=True, remove_detections=True)
    with database.SmartSession() as session:
        session.execute(sa.delete(database.RawPhotometry))
        session.commit()
    asked = []
    changed(project, lambda row, table: asked.append(row) or table)
    assert project.run(**QUICK).done == 5
    assert asked == []
    assert contents(project) == expected
    assert raw_path("S00003").exists()


def test_reduced_files_that_are_gone_are_made_again():
    project = made_project(5)
    project.demo.fetch_all_sources(reduce=True)
    for path in project.output_folder.rglob("*_reduced.h5"):
        path.unlink()
    assert project.run(**QUICK).done == 5
    assert len(contents(project)["properties"]) == 5


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be made here")
    yield folder
    database.dispose()
    # Lazily: xarray keeps the file open that it could not finish.
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("storage", ["hdf5", "parquet"])
def test_a_disk_that_is_full_keeps_what_was_committed(small_disk, tmp_path, monkeypatch, storage):
    url = f"sqlite:///{tmp_path}/apart.db"
    monkeypatch.setenv("RETRIEVER_DATA", str(small_disk))
    project = made_project(1500, storage=storage, database=url)
    with pytest.raises(CacheError, match="full"):
        project.run(**QUICK)
    found = contents(project)
    done = {name for (name,) in found["properties"]}
    assert 4 <= len(done) < 1500
    assert found["histograms"]["all_scores"]["snr"][0] == 30 * len(done)
    # Room is made by moving to another disk.
    shutil.copytree(small_disk, tmp_path / "roomy", ignore=shutil.ignore_patterns(".*"))
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "roomy"))
    others = [name for name in project.catalog.names.tolist() if name not in done][:20]
    assert project.run(source_names=others, **QUICK).done == 20
    assert len(contents(project)["properties"]) == len(done) + 20


def test_a_disk_that_is_full_of_the_database_keeps_what_was_committed(small_disk, monkeypatch):
    project = made_project(3000, database=f"sqlite:///{small_disk}/x.db")
    with pytest.raises(CacheError, match=r"full|disk"):
        project.run(**QUICK)
    found = contents(project)
    assert found["histograms"]["all_scores"]["snr"][0] == 30 * len(found["properties"])


# ------------------------------------------------------------ databases


def test_a_wrong_password_is_said_and_not_shown(postgres_url):
    wrong = postgres_url.replace("sesame-5107", "open-5108")
    project = made_project(3, database=wrong)
    with pytest.raises(AuthError, match="password") as caught:
        project.run(**QUICK)
    assert "open-5108" not in str(caught.value)


def test_a_database_that_is_not_there_is_said():
    project = made_project(3, database="postgresql+psycopg://x:sesame@127.0.0.1:1/x")
    with pytest.raises(ServiceUnavailableError, match="cannot be reached") as caught:
        project.run(**QUICK)
    assert "sesame" not in str(caught.value)


@pytest.mark.timeout(250)
def test_a_database_that_goes_away_in_a_run_and_comes_back(monkeypatch, tmp_path):
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    expected = made_project(60)
    expected.run(**QUICK)
    base = Path(tempfile.mkdtemp(prefix="mmdc-test-postgres-"))
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "other"))
    try:
        with running_postgres(base, programs, "sesame") as port:
            url = f"postgresql+psycopg://retriever:sesame@127.0.0.1:{port}/postgres"
            project = made_project(60, database=url, source_buffer_size=4)

            def change(row, table):
                if row["name"] == "S00030":
                    # Its own number stands in the first line of this file.
                    pid = int((base / "data" / "postmaster.pid").read_text().split()[0])
                    os.kill(pid, signal.SIGINT)
                    time.sleep(0.5)
                return table

            changed(project, change)
            with pytest.raises(ServiceUnavailableError, match="cannot be reached") as caught:
                project.run(**QUICK)
            assert "sesame" not in str(caught.value)
        database.dispose()
        with restarted(base, programs, port):
            project.observatories[0].change = lambda row, table: table
            done = len(contents(project)["properties"])
            assert 0 < done < 60
            assert project.run(**QUICK).done == 60 - done
            found = contents(project)
            database.dispose()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    monkeypatch.undo()
    monkeypatch.setenv("RETRIEVER_DATA", str(tmp_path / "data"))
    assert found == contents(expected)


@contextmanager
def restarted(base, programs, port):
    """Run the server in a folder again."""
    owner = {}
    if os.geteuid() == 0:
        owner = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    options = {"port": port, "unix_socket_directories": base, "fsync": "off"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = [programs / "postgres", "-D", base / "data", *settings]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    question = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    with running(command, **quiet, **owner) as server:
        end = time.monotonic() + 30
        while subprocess.run(question, check=False).returncode and time.monotonic() < end:
            time.sleep(0.1)
        yield
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def test_without_a_database_everything_but_rows_comes_out(monkeypatch, data_root):
    monkeypatch.setattr(database, "NO_DB_SESSION", True)
    project = made_project(6)
    assert project.run(**QUICK).done == 6
    assert len(list(data_root.rglob("*_processed.h5"))) == 6
    assert (project.output_folder / "histograms_all_scores.nc").exists()
    asked = []
    changed(project, lambda row, table: asked.append(row) or table)
    assert project.run(**QUICK).done == 6
    assert asked == []
    assert not list(data_root.glob("*.db"))
    assert project.get_all_sources() == []
