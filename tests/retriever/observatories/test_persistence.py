from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.database import RawPhotometry, Session, Source
from astroquery_mmdc.retriever.observatories import (
    VirtualDemoObs,
)

from .helpers import ROW, VirtualCounting, raw_files, sources


def test_a1_1_files_land_below_the_data_root(data_root):
    source = VirtualDemoObs(project="p").fetch_source(ROW)
    raw = source.raw_photometry["demo"]
    path = Path(raw.get_fullname())
    assert path == data_root / "DEMO" / "RA330" / "DEMO_photometry_BL Lac.h5"
    assert path.is_file()


def test_a1_2_the_data_root_can_be_moved_at_run_time(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "DATA_ROOT", str(tmp_path / "other"), raising=False)
    VirtualDemoObs(project="p").fetch_source(ROW)
    assert len(list((tmp_path / "other" / "DEMO").rglob("*.h5"))) == 1


def test_a1_13_names_are_made_legal():
    assert VirtualDemoObs(name=" my survey-2").name == "MY_SURVEY_2"
    with pytest.raises(ValueError, match="2nd"):
        VirtualDemoObs(name="2nd")
    assert VirtualCounting().name == "COUNTING"


def test_a2_11_changed_parameters_download_again(data_root):
    pars = {"download_pars_list": ["demo_string"], "check_download_pars": True}
    first = VirtualDemoObs(**pars).fetch_source(ROW).raw_photometry[0].mags
    report = {}
    obs = VirtualDemoObs(**pars, demo_string="bar")
    second = obs.fetch_source(ROW, report=report).raw_photometry[0].mags
    assert report["raw_photometry"] == "new"
    assert not np.array_equal(first, second)
    VirtualDemoObs(**pars, demo_string="bar").fetch_source(ROW, report=report)
    assert report["raw_photometry"] == "database"
    VirtualDemoObs(demo_string="baz").fetch_source(ROW, report=report)
    assert report["raw_photometry"] == "database"


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a2_12_missing_and_damaged_files_are_fetched_again(counting, data_root, damage):
    counting.fetch_source(ROW)
    (path,) = raw_files(data_root)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"damaged")
    source = counting.fetch_source(ROW, reduce=True)
    assert counting.asked == ["BL Lac", "BL Lac"]
    assert len(source.raw_photometry[0].data) == 10
    with Session() as session:
        assert len(session.scalars(sa.select(RawPhotometry)).all()) == 1
    path.unlink()
    counting.pars.check_data_exists = False
    counting.fetch_source(ROW)
    assert len(counting.asked) == 2


def test_a2_17_orphans_find_their_sources_again(counting, data_root):
    counting.fetch_all_sources(0, 4)
    counting.fetch_source({"name": "foreign", "ra": 1.0, "dec": 2.0})
    (data_root / "retriever.db").rename(data_root / "old.db")
    database.dispose()
    fresh = VirtualCounting(project="again", catalog=counting.catalog)
    assert fresh.populate_sources(num_files=2) == 2
    assert fresh.populate_sources(num_sources=2) == 2
    assert fresh.populate_sources() == 1
    assert fresh.populate_sources() == 0
    assert fresh.populate_sources("nothing*.h5") == 0
    with Session() as session:
        assert len(session.scalars(sa.select(RawPhotometry)).all()) == 5
    assert fresh.fetch_all_sources() == 7
    assert sorted(fresh.asked) == ["S004", "S005", "S006"]


def test_a2_17_orphans_by_attribute_and_number(data_root):
    catalog = sources(4)
    old = VirtualDemoObs(project="a", filekey_prefix="old_")
    row = {"name": "2", "ra": 12.0, "dec": 3.0}
    old.fetch_source(row)
    (data_root / "retriever.db").unlink()
    database.dispose()
    pars = {"catalog_matching": "number", "filekey_prefix": "old_", "catalog": catalog}
    obs = VirtualDemoObs(project="a", **pars)
    assert obs.populate_sources() == 1
    assert obs.latest_source.name == "S002"
    by_attribute = VirtualDemoObs(project="b", dataset_identifier="attribute", **pars)
    assert by_attribute.populate_sources() == 1
    assert by_attribute.latest_source.name == "S002"
    wrong = {**pars, "dataset_identifier": "attribute", "dataset_attribute": "nothing"}
    assert VirtualDemoObs(project="c", **wrong).populate_sources() == 0


def test_a1_5_projects_share_raw_data(counting):
    counting.fetch_all_sources(reduce=True)
    other = VirtualCounting(project="other", catalog=counting.catalog)
    assert other.fetch_all_sources(reduce=True) == 7
    assert other.asked == []
    with Session() as session:
        assert len(session.scalars(sa.select(RawPhotometry)).all()) == 7
        found = session.scalars(sa.select(Source).where(Source.name == "S001")).all()
        assert {source.project for source in found} == {"TESTS", "OTHER"}
        assert all(len(source.reduced_lightcurves) == 1 for source in found)


def test_a7_6_nothing_is_remembered_as_nothing(counting):
    counting.empty = {"S001"}
    assert counting.fetch_all_sources(reduce=True) == 7
    again = VirtualCounting(project="tests", catalog=counting.catalog)
    assert again.fetch_all_sources(reduce=True) == 7
    assert again.asked == []
    report = {}
    source = again.fetch_source(counting.catalog.get_row(1), reduce=True, report=report)
    assert report["raw_photometry"] == "database"
    assert source.raw_photometry[0].is_empty
    assert source.raw_photometry[0].lightcurve.meta["survey"] == "nothing there"
    assert source.reduced_lightcurves == []


@pytest.mark.parametrize("session", [False, "switched off"])
def test_a7_3_without_a_database(counting, data_root, monkeypatch, session):
    if session == "switched off":
        monkeypatch.setattr(database, "NO_DB_SESSION", True)
        session = None
    assert counting.fetch_all_sources(reduce=True, session=session) == 7
    assert len(raw_files(data_root)) == 7
    assert not (data_root / "retriever.db").exists()
    source = counting.fetch_source(counting.catalog.get_row(1), reduce=True, session=session)
    assert len(source.raw_photometry[0].data) == 10
    assert len(source.reduced_lightcurves) == 1
    assert len(counting.asked) == 7


def test_a7_7_a_file_without_a_row_is_not_downloaded_again(counting, data_root):
    counting.fetch_all_sources()
    (data_root / "retriever.db").unlink()
    database.dispose()
    report = {}
    counting.fetch_source(counting.catalog.get_row(0), report=report)
    assert report == {"source": "new", "raw_photometry": "disk"}
    assert counting.fetch_all_sources() == 7
    assert len(counting.asked) == 7
    with Session() as session:
        assert len(session.scalars(sa.select(RawPhotometry)).all()) == 7


def test_two_observatories_fetch_into_one_database(database_url, monkeypatch):
    monkeypatch.setenv("RETRIEVER_DATABASE", database_url)
    catalog = sources(12)
    pars = {"project": "both", "catalog": catalog, "download_batch_size": 3}
    both = [VirtualCounting(**pars) for _ in range(2)]
    errors = []

    def work(obs):
        try:
            obs.fetch_all_sources(reduce=True)
        except Exception as err:
            errors.append(err)

    threads = [threading.Thread(target=work, args=(obs,)) for obs in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [obs.num_loaded for obs in both] == [12, 12]
    with Session() as session:
        for model in (Source, RawPhotometry, database.Lightcurve):
            assert len(session.scalars(sa.select(model)).all()) == 12
    again = VirtualCounting(**pars)
    assert again.fetch_all_sources(reduce=True) == 12
    assert again.asked == []


def test_nothing_is_saved_if_that_is_wished(counting, data_root):
    source = counting.fetch_source(ROW, save=False, reduce=True)
    assert len(source.raw_photometry["COUNTING"].data) == 10
    assert len(source.reduced_lightcurves) == 1
    assert counting.fetch_all_sources(save=False) == 7
    assert len(counting.asked) == 8
    assert raw_files(data_root) == []
    with Session() as session:
        assert session.scalars(sa.select(Source)).all() == []


def test_a_session_of_ones_own_is_used_and_left_open(counting):
    with Session() as session:
        source = counting.fetch_source(ROW, session=session, dataset_args={"public": False})
        assert source in session
        assert source.raw_photometry[0].public is False


def test_a8_6_reduced_light_curves_may_be_left_unsaved(counting, data_root):
    counting.pars.save_reduced = False
    counting.fetch_source(ROW, reduce=True)
    assert list(data_root.rglob("*_reduced.h5")) == []


def test_shards_hold_raw_and_reduced_data_as_well(data_root):
    catalog = sources(12)
    pars = {"project": "shards", "catalog": catalog, "storage": "parquet"}
    obs = VirtualCounting(**pars)
    assert obs.fetch_all_sources(reduce=True) == 12
    assert not list(data_root.rglob("*.h5"))
    again = VirtualCounting(**pars)
    assert again.fetch_all_sources(reduce=True) == 12
    assert again.asked == []
    source = again.fetch_source(catalog.get_row(3), reduce=True)
    assert again.asked == []
    assert len(source.raw_photometry[0].data) == len(source.reduced_lightcurves[0].data) == 10


def test_a8_1_a_file_of_raw_data_is_reduced_as_documented(counting, data_root):
    counting.fetch_source(ROW)
    (path,) = raw_files(data_root)
    data = RawPhotometry(filename=str(path))
    data.load()
    obs = VirtualCounting(name="ZTF", credentials={"username": "guy", "password": "12345"})
    obs.pars.reducer = {"gap": 3}
    lcs = obs.reduce(data, data_type="photometry")
    assert [(lc.series_number, lc.series_total, len(lc)) for lc in lcs] == [(1, 1, 10)]
    with Session() as session:
        source = session.scalars(sa.select(Source)).one()
        for lc in counting.reduce(source.raw_photometry[0], data_type="photometry"):
            lc.save()
            session.add(lc)
        session.commit()
        assert source.reduced_lightcurves[0].check_data_exists()
        assert source.reduced_lightcurves[0].filekey == "photometry_BL Lac_reduction_01_of_01"
