from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from astropy.table import Table

from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.database import Session, Source
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories import (
    VirtualDemoObs,
    VirtualObservatory,
    observatory_class,
)
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table

from .helpers import ROW, VirtualCounting, sources


def test_a2_1_an_observatory_stands_alone():
    obs = VirtualDemoObs(sim_args={"num_points": 5}, reducer={"drop_bad": True})
    assert obs.pars.reduce_kwargs == {"drop_bad": True}
    obs.pars.reducer = {"mag_range": 1.0}
    assert obs.pars.reduce_kwargs == {"mag_range": 1.0}
    assert len(obs.download(ROW)) == 5
    assert "sim_args" in obs.help()
    assert "fetch_source(): Return a source" in obs.help()
    assert repr(obs) == "<VirtualDemoObs DEMO, 0 sources fetched>"


def test_a2_3_second_call_does_not_download(counting):
    row = counting.catalog.get_row(2, "number", "dict")
    first = counting.fetch_source(row, save=True, reduce=True)
    assert counting.asked == ["S002"]
    second = counting.fetch_source(row, save=True, reduce=True)
    third = VirtualCounting(project="tests").fetch_source(row, save=True, reduce=True)
    assert counting.asked == ["S002"]
    assert first.id == second.id == third.id
    raw = third.raw_photometry["counting"]
    assert len(raw.data) == 10
    assert raw.lightcurve.meta["headers"] == [{"a": 1}, {"b": [1, 2]}]
    assert [lc.series_number for lc in third.reduced_lightcurves] == [1]
    np.testing.assert_allclose(third.reduced_lightcurves[0].mags, 17.0)


def test_a2_4_any_row_with_name_and_position_will_do(counting):
    source = counting.fetch_source({"name": "a/b:*", "ra": 359.9999, "dec": -30.25, "other": [1]})
    assert (source.name, source.ra, source.cat_row["other"]) == ("a/b:*", 359.9999, [1])
    assert Path(source.raw_photometry[0].get_fullname()).parent.name == "RA359"
    galactic = {"name": "g", "ra": 0.0, "dec": 0.0, "frame": "galactic"}
    assert counting.fetch_source(galactic).ra == pytest.approx(266.40499, abs=1e-4)
    for bad in ({"ra": 1, "dec": 2}, {"name": "x", "ra": 1}, {"name": "x", "ra": 1, "dec": 91}):
        with pytest.raises(InvalidRequestError, match="cat_row"):
            counting.fetch_source(bad)
    with pytest.raises(InvalidRequestError, match="no numbers"):
        counting.fetch_source({"name": "x", "ra": "one", "dec": 2})


def test_a2_5_all_sources_of_the_catalogue(counting):
    assert counting.fetch_all_sources(2, 5, save=True, reduce=True) == 3
    assert counting.asked == ["S002", "S003", "S004"]
    assert counting.fetch_all_sources(progress=True) == 7
    assert sorted(counting.asked) == [f"S{i:03d}" for i in range(7)]
    with Session() as session:
        names = session.scalars(sa.select(Source.name).order_by(Source.name)).all()
        assert names == counting.catalog.names.tolist()
        assert [source.name for source in counting.catalog.get_all_sources(session)] == names
    with pytest.raises(InvalidRequestError, match="catalog: COUNTING has none"):
        VirtualCounting().fetch_all_sources()


def test_a2_6_a_report_says_where_everything_came_from(counting, data_root):
    report = {}
    source = counting.fetch_source(ROW, report=report)
    assert report == {"source": "new", "raw_photometry": "new"}
    counting.fetch_source(ROW, report=report)
    assert report == {"source": "database", "raw_photometry": "database"}
    counting.fetch_source(source, report=report)
    assert report["source"] == "given"
    assert counting.asked == ["BL Lac"]


def test_a2_7_only_the_latest_are_kept_in_memory():
    obs = VirtualDemoObs(catalog=sources(23), download_batch_size=10, sim_args={"num_points": 3})
    assert obs.fetch_all_sources() == 23
    assert len(obs.sources) == len(obs.raw_data) == 10
    assert obs.sources[-1].name == obs.latest_source.name == "S022"
    assert VirtualDemoObs().sources.maxlen == 100


def test_a2_8_one_failure_does_not_stop_the_others(counting):
    counting.faults = {"S003": ValueError("out of order")}
    assert counting.fetch_all_sources(reduce=True) == 6
    (failure,) = counting.failures_list
    assert failure["index"] == 3
    assert failure["cat_row"]["name"] == "S003"
    assert "ValueError: out of order" in failure["error"]
    assert counting.num_loaded == 6
    assert [lc.series_number for lc in counting.latest_reductions] == [1]
    counting.faults = {}
    assert counting.fetch_all_sources() == 7
    assert counting.asked.count("S003") == 2
    assert counting.asked.count("S001") == 1


def test_a2_8_failures_are_rows_of_the_database(counting):
    counting.faults = {"S003": ValueError("out of order")}
    counting.fetch_all_sources()
    with Session() as session:
        (failure,) = session.scalars(sa.select(database.Failure)).all()
        assert (failure.source_name, failure.step) == ("S003", "fetch")
        assert "out of order" in failure.error


def test_a2_8_a_refusal_or_many_failures_end_it(counting):
    counting.faults = {"S001": AuthError("no access")}
    with pytest.raises(AuthError):
        counting.fetch_all_sources()
    with Session() as session:
        assert "S000" in session.scalars(sa.select(Source.name)).all()
    other = VirtualCounting(catalog=sources(9, "T"), max_num_sequence_exceptions=3)
    other.faults = {f"T{i:03d}": ServiceUnavailableError("down") for i in (0, 2, 3, 4, 5)}
    with pytest.raises(ServiceUnavailableError):
        other.fetch_all_sources()
    assert len(other.failures_list) == 4 or len(other.failures_list) == 5
    assert other.num_loaded >= 1


@pytest.mark.parametrize("threads", [1, 3])
def test_a2_9_threads_deliver_the_same_in_order(threads):
    obs = VirtualCounting(
        catalog=sources(30, "T"), num_threads_download=threads, download_batch_size=7
    )
    obs.faults = {"T004": ValueError("broken")}
    obs.empty = {"T005"}
    assert obs.fetch_all_sources(reduce=True) == 29
    assert [each["index"] for each in obs.failures_list] == [4]
    assert [source.name for source in obs.sources] == [f"T{i:03d}" for i in range(23, 30)]


def test_a2_9_a_slow_source_does_not_hold_the_others_up():
    obs = VirtualCounting(catalog=sources(9, "T"), num_threads_download=2)
    gate = obs.slow["T000"] = threading.Event()
    done = threading.Thread(target=obs.fetch_all_sources)
    done.start()
    for _ in range(500):
        if len(obs.asked) >= 6:
            break
        threading.Event().wait(0.01)
    assert len(obs.asked) >= 6
    gate.set()
    done.join()
    assert obs.num_loaded == 9


def test_a2_10_other_data_are_not_there(counting):
    counting.pars.data_types = ["lc", "spectra"]
    with pytest.raises(ValueError, match="COUNTING delivers photometry, no spectra"):
        counting.fetch_source(ROW)
    with pytest.raises(ValueError, match="reduces photometry only"):
        counting.reduce(LightCurve(None, "a", "COUNTING"), data_type="images")


def test_a2_14_filters_get_other_names():
    obs = VirtualCounting(filtmap="<observatory>-<filter>")
    assert obs.reduce_raw(obs.download(ROW))[0].filters == ["COUNTING-g"]
    obs.pars.filtmap = {"g": "green"}
    assert obs.reduce_raw(obs.download(ROW))[0].filters == ["green"]


def test_a2_15_sources_are_where_they_move_to():
    catalog = Catalog(
        {"name": ["a"], "ra": [10.0], "dec": [0.0], "pa": [3600e3], "pd": [0.0], "rp": [12.0]},
        pm_ra_column="pa",
        pm_dec_column="pd",
        mag_to_column_map={"gaia_rp": "rp"},
    )
    pars = {"observation_time": 2001.0, "preferred_catalog_mag": "Gaia_RP"}
    obs = VirtualDemoObs(catalog=catalog, **pars)
    obs.fetch_all_sources()
    assert obs.latest_source.ra == pytest.approx(11.0, abs=1e-3)
    assert obs.latest_source.mag == 12.0


def test_a2_16_classes_are_found_by_name(tmp_path, monkeypatch):
    assert observatory_class("demo") is VirtualDemoObs
    names = {observatory_class(name).__name__ for name in ("ztf", "TESS", "Pan-STARRS", "asas_sn")}
    assert names == {"VirtualZTF", "VirtualTESS", "VirtualPanSTARRS", "VirtualASASSN"}
    with pytest.raises(InvalidRequestError, match="obs_names: 'nothing'"):
        observatory_class("nothing")
    (tmp_path / "my_survey_f1.py").write_text("class VirtualMINE:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert observatory_class("mine", "my_survey_f1").__name__ == "VirtualMINE"
    with pytest.raises(TypeError, match="abstract"):
        VirtualObservatory()


def test_a2_16_a_subclass_may_reduce_as_it_likes():
    class VirtualMine(VirtualCounting):
        def reduce_photometry(self, dataset, source, init_kwargs, **pars):
            assert (Target.of(source).mag, pars) == (14.5, {"gap": 5})
            later, first = dataset.data[5:], dataset.data[:5]
            table = reduce_table(dataset.replace(data=first), Target.of(source))
            return [LightCurve(later, **init_kwargs), None, Table(), *table]

        def get_colmap_time_info(self, altdata=None):
            assert altdata["survey"] == "counting"
            return {"mag": "mag"}, None

        def _append_local_name(self, source):
            source.local_names["MINE"] = 42

    obs = VirtualMine(project="p", reducer={"gap": 5})
    source = obs.fetch_source(ROW, reduce=True)
    made = source.reduced_lightcurves
    assert [(lc.series_number, lc.series_total, len(lc)) for lc in made] == [(1, 2, 5), (2, 2, 5)]
    assert source.local_names == {"MINE": 42}
    assert source.raw_photometry[0].lightcurve.meta["colmap"] == {"mag": "mag"}


def test_a8_1_reduction_of_what_was_fetched(counting):
    source = counting.fetch_source(ROW)
    for dataset in (source, source.raw_photometry[0]):
        (row,) = counting.reduce(dataset, data_type="phot")
        assert (row.source_name, row.series_number, len(row.data)) == ("BL Lac", 1, 10)
    (plain,) = counting.reduce(source.raw_photometry[0].lightcurve)
    assert isinstance(plain, LightCurve)
    assert counting.reduce(LightCurve(None, "a", "COUNTING")) == []


def test_demo_light_curves_are_the_same_every_time():
    first, second = (VirtualDemoObs().download(ROW) for _ in range(2))
    assert np.array_equal(first.data, second.data)
    assert not np.array_equal(first.data, VirtualDemoObs().download({**ROW, "name": "x"}).data)
    assert (np.diff(first.data["mjd"]) > 0).all()
    shuffled = VirtualDemoObs(sim_args={"shuffle_time": True}).download(ROW)
    assert (np.diff(shuffled.data["mjd"]) < 0).any()
    assert len(VirtualDemoObs().download(ROW, num_points=7)) == 7
    with pytest.raises(InvalidRequestError, match="sim_args: 'points'"):
        VirtualDemoObs(sim_args={"points": 1}).download(ROW)
    VirtualDemoObs(wait_time=0.01, wait_time_poisson=0.001).download(ROW)


def test_a2_16_tables_may_be_data_frames():
    pd = pytest.importorskip("pandas")

    class VirtualFrames(VirtualCounting):
        def download_from_observatory(self, cat_row, **kwargs):
            table, altdata = super().download_from_observatory(cat_row)
            return pd.DataFrame(table), altdata

    raw = VirtualFrames().download(ROW)
    assert raw.data.dtype.names == ("mjd", "mag", "magerr", "filter", "exptime")
    assert len(VirtualFrames().reduce_raw(raw)[0]) == 10
