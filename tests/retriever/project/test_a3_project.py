"""A project: how it is made, what it runs, what came out of it. Names are those of the contract."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.analysis import Analysis
from astroquery_mmdc.retriever.observatories import VirtualDemoObs
from astroquery_mmdc.retriever.project import Project
from astroquery_mmdc.retriever.running.failures import RunStoppedError

from .helpers import QUICK, contents, made_catalog, made_project


class CountingObs(VirtualDemoObs):
    """Counts its downloads, and fails for sources that are named in ``bad``."""

    asked: list[str]
    bad: frozenset[str] = frozenset()

    def download_from_observatory(self, cat_row, **kwargs):
        self.__dict__.setdefault("asked", []).append(cat_row["name"])
        if cat_row["name"] in self.bad:
            msg = f"no luck with {cat_row['name']}"
            raise RuntimeError(msg)
        return super().download_from_observatory(cat_row, **kwargs)


def counted(project, bad=()):
    """Let the demonstration observatory of a project count and fail."""
    observatory = project.observatories[0]
    observatory.__class__ = CountingObs
    observatory.asked, observatory.bad = [], frozenset(bad)
    return observatory


class OtherAnalysis(Analysis):
    """Finds nothing at all."""

    def analyze_photometry(self, source):
        return []


# ------------------------------------------------------------ making one


def test_a3_1_arguments_reach_the_objects_they_are_for():
    project = Project(
        name="my study-2",
        description="a study",
        version_control=False,
        obs_names=["demo", "ZTF"],
        analysis_kwargs={"num_injections": 3, "finder_kwargs": {"snr_threshold": 7.5}},
        analysis_module="astroquery_mmdc.retriever.analysis",
        analysis_class="Analysis",
        catalog_kwargs={"default": "test"},
        obs_kwargs={"reducer": {"drop_bad": True}},
        ZTF={"credentials": {"username": "guy", "password": "12345"}},
        verbose=0,
    )
    assert project.name == "MY_STUDY_2"
    assert project.pars.description == "a study"
    assert project.observatories.names == ("DEMO", "ZTF")
    assert project.analysis.pars.num_injections == 3
    assert project.analysis.finder.pars.snr_threshold == 7.5
    assert project.ztf.pars.credentials["username"] == "guy"
    assert "password" not in dict(project.demo.pars.credentials)
    assert "12345" not in repr(project.ztf.pars)
    assert len(project.catalog) == 10


def test_a3_1_values_of_one_observatory_may_stand_in_obs_kwargs():
    project = Project(
        "p",
        obs_names=["ZTF", "demo"],
        obs_kwargs={"ZTF": {"cone_search_radius": 4.0}},
        cfg_file=False,
    )
    assert project.ztf.pars.cone_search_radius == 4.0


def test_a3_1_what_nobody_knows_is_refused():
    with pytest.raises(AttributeError, match="num_injectons"):
        Project("p", analysis_kwargs={"num_injectons": 3})
    with pytest.raises(AttributeError, match="descripion"):
        Project("p", descripion="x")
    with pytest.raises(InvalidRequestError, match="obs_names"):
        Project("p", obs_names="demo", TESS={"mag_limit": 3})
    with pytest.raises(InvalidRequestError, match="executor"):
        Project("p", executor="gpu")
    with pytest.raises(InvalidRequestError, match="name"):
        Project()


def test_a3_1_the_classes_of_the_user_are_taken():
    project = made_project(
        4, analysis_kwargs={}, analysis_module=__name__, analysis_class="OtherAnalysis"
    )
    assert type(project.analysis).__name__ == "OtherAnalysis"
    assert project.run(**QUICK).done == 4
    assert project.get_detections() == []


@pytest.mark.parametrize("word", ["reducer", "reduce_kwargs"])
def test_a3_2_the_reducer_is_known_by_both_names(word):
    project = Project("p", obs_kwargs={word: {"mag_range": 0.5}})
    assert project.demo.pars.reduce_kwargs == {"mag_range": 0.5}
    assert project.demo.pars.reducer == {"mag_range": 0.5}


def test_a3_3_a_parameter_goes_to_the_object_that_owns_it():
    project = Project("p", analysis_kwargs={"snr_threshold": 8.5, "offset_threshold": 2.0})
    assert project.analysis.finder.pars.snr_threshold == 8.5
    assert project.analysis.quality_checker.pars.offset_threshold == 2.0


def test_a3_4_observatories_are_found_by_name_number_and_attribute():
    project = Project("p", obs_names=["ZTF", "demo"])
    assert project.observatories["ztf"] is project.observatories[0] is project.ztf
    assert project.observatories["Demo"] is project.observatories[-1] is project.demo
    assert "DEMO" in project.observatories
    with pytest.raises(KeyError, match="TESS"):
        project.observatories["TESS"]
    with pytest.raises(AttributeError, match="tess"):
        project.tess  # noqa: B018 - it is the access that fails


# ------------------------------------------------------------ running it


def test_a3_5_a_run_takes_sources_from_catalogue_to_detections():
    project = made_project(12)
    summary = project.run(**QUICK)
    assert (summary.done, summary.failed, summary.skipped) == (12, 0, 0)
    found = contents(project)
    assert len(found["properties"]) == len(found["sources"]) == 12
    levels = {level for _, _, level, *_ in found["lightcurves"]}
    assert levels == {"reduced", "processed", "simulated"}
    assert {row["simulated"] for row in found["detections"].values()} == {True, False}
    assert found["histograms"]["all_scores"]["snr"][0] == 12 * 30
    assert found["histograms"]["injected"]["amplitude"][0] == 12 * 2
    names = {path.name for path in project.output_folder.glob("*.*")}
    assert {"config.yaml", "histograms_all_scores.nc", "histograms_quality_values.nc"} <= names


def test_a3_5_only_some_sources_may_be_wanted():
    project = made_project(12)
    assert project.run(start=2, finish=5, **QUICK).done == 3
    assert project.run(source_names=["S00007", "S00003"], **QUICK).done == 1
    assert project.run(source_ids=[0, 11, 3], **QUICK).done == 2
    done = {name for (name,) in contents(project)["properties"]}
    assert done == {f"S{number:05d}" for number in (0, 2, 3, 4, 7, 11)}
    with pytest.raises(InvalidRequestError, match="S99999"):
        project.run(source_names=["S99999"], **QUICK)


def test_a3_6_what_is_done_is_not_done_again():
    project = made_project(8)
    observatory = counted(project)
    assert project.run(finish=5, **QUICK).done == 5
    before = contents(project)
    summary = project.run(**QUICK)
    assert (summary.done, summary.skipped) == (3, 5)
    assert sorted(observatory.asked) == [f"S{number:05d}" for number in range(8)]
    again = project.run(**QUICK)
    assert (again.done, again.skipped) == (0, 8)
    after = contents(project)
    assert {key: after["properties"][key] for key in before["properties"]} == before["properties"]


def test_a3_6_raw_data_are_downloaded_once_for_all_projects():
    first, second = made_project(6), Project("other", catalog=made_catalog(6))
    counted(first)
    observatory = counted(second)
    first.run(**QUICK)
    assert second.run(**QUICK).done == 6
    assert observatory.asked == []


def test_a3_6_reduced_light_curves_are_used_again(monkeypatch):
    project = made_project(5)
    assert project.demo.fetch_all_sources(reduce=True) == 5
    reduced = []
    monkeypatch.setattr(
        VirtualDemoObs, "reduce_photometry", lambda *args, **kwargs: reduced.append(args) or []
    )
    observatory = counted(project)
    assert project.run(**QUICK).done == 5
    assert (observatory.asked, reduced) == ([], [])
    assert contents(project)["histograms"]["all_scores"]["snr"][0] == 5 * 30


def test_a3_7_a_failure_is_recorded_and_retried_on_demand():
    project = made_project(9)
    observatory = counted(project, bad=["S00004"])
    summary = project.run(**QUICK)
    assert (summary.done, summary.failed) == (8, 1)
    (failure,) = project.failures_list
    assert failure["index"] == 4
    assert failure["step"] == "fetch"
    assert failure["error"] == "RuntimeError: no luck with S00004"
    assert "download_from_observatory" in failure["traceback"]
    assert failure["cat_row"]["name"] == "S00004"
    assert project.run(**QUICK).skipped == 9
    observatory.bad = frozenset()
    assert project.run(retry_failed=True, **QUICK).done == 1
    with database.SmartSession() as session:
        assert session.scalars(sa.select(database.Failure)).all() == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_num_total_exceptions": 3, "max_num_sequence_exceptions": 99}, "total"),
        ({"max_num_total_exceptions": 99, "max_num_sequence_exceptions": 3}, "sequence"),
    ],
)
def test_a3_7_too_many_failures_end_a_run(limits, words):
    project = made_project(40, num_threads_download=1, source_buffer_size=4, **limits)
    bad = [f"S{number:05d}" for number in range(10, 40)]
    observatory = counted(project, bad=bad)
    with pytest.raises(RunStoppedError, match=f"max_num_{words}_exceptions is 3"):
        project.run(**QUICK)
    assert len(contents(project)["properties"]) == 10
    assert 4 <= len(project.failures_list) < 30
    observatory.bad = frozenset()
    assert project.run(retry_failed=True, **QUICK).done == 30


def test_a3_8_a_batch_is_what_is_committed_together():
    project = made_project(11, source_batch_size=4, source_buffer_size=4)
    project.run(**QUICK)
    with database.SmartSession() as session:
        sizes = session.scalars(sa.select(database.Batch.num_sources)).all()
    assert sorted(sizes) == [3, 4, 4]


@pytest.mark.parametrize("ignores", [True, False])
def test_a3_9_missing_raw_data_may_be_ignored(ignores):
    project = made_project(6, ignore_missing_raw_data=ignores)
    assert project.demo.fetch_all_sources() == 6
    with database.SmartSession() as session:
        rows = session.scalars(sa.select(database.RawPhotometry)).all()
    next(row for row in rows if row.source_name == "S00002").location.path().unlink()
    observatory = counted(project)
    assert project.run(**QUICK).done == (5 if ignores else 6)
    assert observatory.asked == ([] if ignores else ["S00002"])
    assert project.failures_list == []


# ------------------------------------------------------------ what came out


def test_a3_10_sources_and_detections_are_selected_by_project():
    project, other = made_project(6), Project("other", catalog=made_catalog(3))
    assert project.get_all_sources() == []
    project.run(**QUICK)
    other.run(**QUICK)
    with database.SmartSession() as session:
        assert len(project.get_all_sources(session)) == 6
        assert len(session.scalars(project.select_sources()).all()) == 6
        detections = session.scalars(project.select_detections()).all()
        assert {found.project for found in detections} == {"STUDY"}
        real = project.get_detections(session, simulated=False)
        simulated = project.get_detections(session, simulated=True)
        assert len(real) + len(simulated) == len(detections) == len(project.get_detections())
        assert all(found.sim_pars for found in simulated)


def test_a3_11_sources_are_deleted_with_what_belongs_to_them():
    project, other = made_project(5), Project("other", catalog=made_catalog(5))
    project.run(**QUICK)
    other.run(**QUICK)
    with pytest.raises(InvalidRequestError, match="remove_detections"):
        project.delete_all_sources()
    number = project.delete_all_sources(remove_associated_data=True, remove_detections=True)
    assert number == 5
    left = contents(project)
    assert not any(left[name] for name in ("properties", "detections", "lightcurves", "sources"))
    assert left["histograms"] == {}
    assert not list(project.output_folder.rglob("*.h5"))
    assert len(contents(other)["properties"]) == 5
    # The raw data are still there, and everything comes out as before.
    observatory = counted(project)
    assert project.run(**QUICK).done == 5
    assert observatory.asked == []
    project.delete_project_files()
    assert not project.output_folder.exists()


def test_a3_11_everything_can_be_deleted(data_root):
    project = made_project(5)
    project.run(**QUICK)
    project.delete_everything()
    assert not list(data_root.rglob("*.h5"))
    with database.SmartSession() as session:
        for table in (database.Source, database.RawPhotometry, database.HistogramPart):
            assert session.scalars(sa.select(table)).all() == []


def test_a3_11_files_of_a_project_named_like_an_observatory_leave_raw_data(data_root):
    project = Project("demo", catalog=made_catalog(3))
    project.run(**QUICK)
    project.delete_project_files()
    assert len(list((data_root / "DEMO").rglob("*.h5"))) == 3
    assert not list((data_root / "DEMO").glob("config.yaml"))


def test_a3_14_a_project_may_have_several_observatories():
    project = made_project(4, obs_names=["demo"])
    second = VirtualDemoObs(
        name="DEMO2", catalog=project.catalog, demo_string="bar", sim_args={"num_points": 20}
    )
    project.observatories = type(project.observatories)([project.demo, second])
    assert project.run(**QUICK).done == 4
    found = contents(project)
    assert {row[1] for row in found["lightcurves"]} == {"DEMO", "DEMO2"}
    assert found["histograms"]["all_scores"]["snr"][0] == 4 * 50


def test_a3_15_help_tells_of_all_parameters():
    text = Project("p").help()
    for word in ("run", "source_batch_size", "snr_threshold", "offset_threshold", "sim_args"):
        assert word in text
    assert repr(text) == str(text)


def test_progress_is_told_to_a_function():
    told = []
    made_project(9).run(progress=told.append)
    assert [step.done for step in told][-1] == 9
    assert told[-1].total == 9
    assert told[-1].rate > 0
    assert told[-1].eta == 0
    with pytest.raises(InvalidRequestError, match="progress"):
        made_project(9).run(progress="yes")


def test_observatories_use_the_database_of_their_project(tmp_path, data_root):
    project = made_project(4, database=f"sqlite:///{tmp_path}/apart.db")
    assert project.demo.fetch_all_sources(0, 2) == 2
    observatory = counted(project)
    assert project.run(**QUICK).done == 4
    assert sorted(observatory.asked) == ["S00002", "S00003"]
    assert not list(data_root.glob("*.db"))


def test_sources_have_the_names_of_surveys_and_positions_in_icrs(data_root, monkeypatch):
    def name(self, source):
        source.local_names["DEMO"] = f"D-{source.raw.source}"

    monkeypatch.setattr(VirtualDemoObs, "_append_local_name", name)
    catalog = made_catalog(2)
    catalog.pars.coord_frame_output = "galactic"
    project = made_project(catalog=catalog)
    assert project.run(**QUICK).done == 2
    sources = project.get_all_sources()
    assert [source.local_names for source in sources] == [
        {"DEMO": "D-S00000"},
        {"DEMO": "D-S00001"},
    ]
    for source, row in zip(sources, made_catalog(2).rows(), strict=True):
        assert abs(source.ra - row["ra"]) < 1e-9
        assert (data_root / "DEMO" / f"RA{int(row['ra']):03d}").is_dir()
