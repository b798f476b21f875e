"""Version control of results. Names are those of the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import astroquery_mmdc
from astroquery_mmdc.retriever.project import Project
from astroquery_mmdc.retriever.running import versioning
from astroquery_mmdc.retriever.running.outputs import config_content

from .helpers import QUICK, contents, made_catalog, made_project


@pytest.mark.parametrize("word", ["version_control", "vc"])
def test_a5_1_version_control_is_switched_on_by_either_name(word):
    project = Project("p", catalog=made_catalog(3), **{word: True})
    assert len(project.cfg_hash) == 64
    project.pars.version_control = False
    assert project.cfg_hash == ""
    project.pars.vc = True
    assert len(project.cfg_hash) == 64


def test_a5_1_version_control_is_switched_on_in_a_file(data_root):
    (data_root / "configs").mkdir(parents=True)
    (data_root / "configs" / "p.yaml").write_text("project:\n  version_control: true\n")
    assert Project("p").pars.version_control
    assert not Project("p", cfg_file=False).pars.version_control


def test_a5_2_the_code_is_part_of_the_hash(monkeypatch):
    project = Project("p", catalog=made_catalog(3), vc=True)
    seen = set()
    for commit in ("a" * 40, "b" * 40):
        monkeypatch.setenv("RETRIEVER_GIT_HASH", commit)
        seen.add(project.cfg_hash)
        project.run(**QUICK)
        written = yaml.safe_load((project.output_folder / "config.yaml").read_text())
        assert written["project"]["git_hash"] == commit
        assert written["project"]["cat_hash"] == project.catalog.cat_hash
    assert len(seen) == 2


def test_a5_2_changes_that_were_not_committed_are_noticed(tmp_path, monkeypatch):
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    text = (
        "from astroquery_mmdc.retriever.analysis import Analysis\nclass Mine(Analysis):\n    pass\n"
    )
    (folder / "mine_a5.py").write_text(text)
    mine = {"analysis_module": "mine_a5", "analysis_class": "Mine"}
    project = Project("p", catalog=made_catalog(3), vc=True, **mine)
    before = project.cfg_hash
    (folder / "mine_a5.py").write_text(text + "# another line\n")
    assert project.cfg_hash != before


def test_a5_2_the_repository_is_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = versioning.git_hash()
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(
        [
            "git",
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@x",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        ],
        check=True,
    )
    versioning._commit_of_package.cache_clear()
    assert versioning.git_hash() == here


def test_a5_3_each_version_has_a_folder_and_rows_of_its_own(data_root):
    catalog = made_catalog(4)
    settings = {"num_injections": 1, "snr_threshold": 2.5}
    projects = [
        Project("p", catalog=catalog, vc=True, analysis_kwargs={**settings, "abs_snr": abs_snr})
        for abs_snr in (True, False)
    ]
    for project in projects:
        assert project.run(**QUICK).done == 4
        assert project.output_folder == data_root / f"P_{project.cfg_hash}"
    one, two = (contents(project) for project in projects)
    assert len(one["properties"]) == len(two["properties"]) == 4
    assert one["detections"] != two["detections"]
    for project in projects:
        files = {path.name for path in project.output_folder.rglob("*_*duced.h5")}
        assert len(files) == 4
        assert {source.cfg_hash for source in project.get_all_sources()} == {project.cfg_hash}
    # What one version deletes is not the other's.
    projects[0].delete_all_sources(remove_associated_data=True, remove_detections=True)
    assert contents(projects[1]) == two


def test_a5_4_without_version_control_products_are_used_again():
    project = made_project(4)
    project.run(**QUICK)
    other = made_project(4, analysis_kwargs={"num_injections": 0, "snr_threshold": 4.0})
    assert other.run(**QUICK).skipped == 4
    assert contents(other) == contents(project)


def test_a5_5_raw_data_are_of_no_version(data_root):
    for threshold in (3.0, 4.0):
        kwargs = {"snr_threshold": threshold}
        Project("p", catalog=made_catalog(4), vc=True, analysis_kwargs=kwargs).run(**QUICK)
    assert len(list((data_root / "DEMO").rglob("*.h5"))) == 4
    assert len(list(data_root.glob("P_*"))) == 2


def test_a5_6_what_changes_no_result_does_not_change_the_hash(tmp_path):
    reference = Project("p", catalog=made_catalog(3), vc=True).cfg_hash
    same = [
        {"verbose": 3},
        {"description": "another"},
        {"storage": "parquet"},
        {"executor": "processes", "num_workers": 3},
        {"database": "postgresql+psycopg://me:secret@nowhere/db"},
        {"source_batch_size": 77, "max_num_total_exceptions": 5},
        {"DEMO": {"credentials": {"password": "x"}, "wait_time": 1.0, "num_threads_download": 9}},
        {"analysis_kwargs": {"save_simulated": False}},
        {"analysis_kwargs": {"finder_kwargs": {"snr_threshold": 5.0}}},
    ]
    for kwargs in same:
        assert Project("p", catalog=made_catalog(3), vc=True, **kwargs).cfg_hash == reference, (
            kwargs
        )
    other = [
        {"obs_names": ["demo", "ZTF"]},
        {"DEMO": {"sim_args": {"num_points": 7}}},
        {"obs_kwargs": {"reducer": {"drop_bad": True}}},
        {"analysis_kwargs": {"num_injections": 2}},
        {"analysis_kwargs": {"snr_threshold": 5.5}},
        {"analysis_kwargs": {"offset_threshold": 5.5}},
        {"analysis_kwargs": {"max_width": 5.5}},
        {"analysis_kwargs": {"histogram_kwargs": {"source_coords": {"mag": (10, 20, 1)}}}},
        {"catalog": made_catalog(4)},
    ]
    seen = [
        Project("p", vc=True, **{"catalog": made_catalog(3), **kwargs}).cfg_hash for kwargs in other
    ]
    assert len({reference, *seen}) == len(other) + 1


def test_a5_6_where_the_catalogue_lies_does_not_matter(tmp_path):
    hashes = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "sources.csv"
        made_catalog(3).data.write(path)
        hashes.add(Project("p", catalog_kwargs={"filename": str(path)}, vc=True).cfg_hash)
    assert len(hashes) == 1


def test_a5_6_the_hash_is_that_of_every_process(tmp_path, data_root):
    project = Project("p", catalog_kwargs={"default": "test"}, vc=True)
    code = (
        "from astroquery_mmdc.retriever.project import Project\n"
        "print(Project('p', catalog_kwargs={'default': 'test'}, vc=True).cfg_hash)"
    )
    # The copy of the package that is tested here, and not one in the folder where tests are run.
    here = {**os.environ, "PYTHONPATH": str(Path(astroquery_mmdc.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    found = {
        subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=tmp_path, env=here
        ).stdout.strip()
        for _ in range(2)
    }
    assert found == {project.cfg_hash}


# ------------------------------------------------------------ the file that comes out


def test_a4_12_the_file_that_is_written_makes_the_same_project(tmp_path):
    made_catalog(3).data.write(tmp_path / "sources.csv")
    project = Project(
        "p",
        vc=True,
        description="ümläute",
        obs_names=["demo", "ZTF"],
        catalog_kwargs={"filename": str(tmp_path / "sources.csv")},
        obs_kwargs={"reducer": {"drop_bad": True}},
        ZTF={"credentials": {"username": "guy", "password": "sesame-77"}},
        database="postgresql+psycopg://guy:sesame-78@localhost/db",
        analysis_kwargs={
            "num_injections": 2.5,
            "snr_threshold": 8.5,
            "histogram_kwargs": {"source_coords": {"mag": (10, 20, 1)}},
        },
    )
    # Set late, as a script may do.
    project.analysis.simulator.pars.max_width = 7.0
    path = project.write_config()
    text = path.read_text()
    assert "sesame" not in text
    assert "guy" not in text
    again = Project("p", cfg_file=path)
    assert config_content(again) == config_content(project)
    assert again.cfg_hash == project.cfg_hash
    assert again.write_config().read_text() == text


def test_files_and_arguments_are_mixed(data_root):
    (data_root / "configs").mkdir(parents=True)
    (data_root / "configs" / "mine.yaml").write_text(
        "project:\n  obs_names: [demo]\n  source_batch_size: 3\n"
        "catalog:\n  default: test\n"
        "observatories:\n  check_data_exists: false\n  demo:\n    wait_time: 0.5\n"
        "analysis:\n  num_injections: 4\nfinder:\n  snr_threshold: 9\n"
    )
    project = Project("p", cfg_file="mine", source_batch_size=5)
    assert project.pars.source_batch_size == 5
    assert project.demo.pars.wait_time == 0.5
    assert project.demo.pars.check_data_exists is False
    assert project.analysis.pars.num_injections == 4
    assert project.analysis.finder.pars.snr_threshold == 9.0
    with pytest.raises(FileNotFoundError, match="cfg_file"):
        Project("p", cfg_file="no_such_file")
