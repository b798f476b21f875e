from __future__ import annotations

import pytest

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import config, paths
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.observatories.demo import ParsObsDemo, VirtualDemoObs
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.ztf import ParsObsZTF
from astroquery_mmdc.retriever.parameters import Parameters

CONTENT = """
catalog:
  name_column: object
observatories:
  reduce_kwargs: {gap: 30}
  num_threads_download: 2
  demo:
    demo_string: from file
    wait_time: 1
  ZTF:
    reducer: {gap: 60}
    credentials: {username: guy, password: "12345"}
flares:
  snr: 8
"""


class ParsFlares(Parameters):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add_par("snr_threshold", 5.0, float, "Smallest S/N")
        self.add_par("max_events", 1, int, "How many")

    @classmethod
    def get_default_cfg_key(cls):
        return "flares"


@pytest.fixture
def configs():
    folder = paths.configs_folder()
    (folder / "My_Project.yaml").write_text(CONTENT)
    return folder


def test_a1_3_folders_are_made(data_root):
    assert not (data_root / "configs").exists()
    assert ParsFlares(project="whatever").snr_threshold == 5.0
    assert (data_root / "configs").is_dir()
    Catalog(default="test").load()
    assert (data_root / "catalogs" / "test_catalog.csv").is_file()


@pytest.mark.parametrize("name", ["my_project", "MY_PROJECT.yaml", "My_Project.yaml", "absolute"])
def test_a4_6_files_are_found_by_name_in_any_case(configs, name):
    file = configs / "My_Project.yaml" if name == "absolute" else name
    assert ParsFlares(cfg_file=file).snr_threshold == 8.0
    assert ParsFlares(cfg_file=str(file)).snr_threshold == 8.0


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".cfg"])
def test_a4_6_endings(configs, ending):
    (configs / f"other{ending}").write_text("flares: {max_events: 7}")
    assert ParsFlares(cfg_file="other").max_events == 7
    assert ParsFlares(cfg_file=f"other{ending}").max_events == 7


def test_a4_7_the_file_of_the_project_is_found_or_not(configs):
    assert ParsFlares(project="my_project").snr_threshold == 8.0
    assert ParsFlares(project="my_project", cfg_file=False).snr_threshold == 5.0
    assert ParsFlares(project="nobody").snr_threshold == 5.0
    assert ParsFlares().snr_threshold == 5.0


def test_a4_7_a_missing_file_that_was_asked_for_is_an_error(configs):
    with pytest.raises(FileNotFoundError, match=r"cfg_file: there is no 'none\.yaml' in .*configs"):
        ParsFlares(cfg_file="none.yaml")
    with pytest.raises(FileNotFoundError):
        ParsFlares(cfg_file=str(configs / "none"))
    with pytest.raises(FileNotFoundError):
        ParsFlares(cfg_file=True, project="nobody")


@pytest.mark.parametrize("text", ["a: [1, 2", "- 1\n- 2\n", "flares: 3\n", "\tx: 1"])
def test_damaged_files_are_errors_that_name_the_file(configs, text):
    (configs / "bad.yaml").write_text(text)
    with pytest.raises(InvalidRequestError):
        ParsFlares(cfg_file="bad")


def test_errors_about_files_do_not_show_their_text(configs):
    (configs / "bad.yaml").write_text("credentials:\n  password: 'x7-secret\n")
    with pytest.raises(InvalidRequestError, match="line") as error:
        ParsFlares(cfg_file="bad")
    assert "x7-secret" not in str(error.value)


def test_unknown_names_in_files_are_errors(configs):
    (configs / "bad.yaml").write_text("flares: {snr_treshold: 3}")
    with pytest.raises(AttributeError, match="snr_treshold"):
        ParsFlares(cfg_file="bad")


def test_a_file_may_be_empty_or_have_other_keys(configs):
    (configs / "empty.yaml").write_text("")
    assert ParsFlares(cfg_file="empty").max_events == 1
    with pytest.raises(InvalidRequestError, match="cfg_key: the file has no key 'nothing'"):
        ParsFlares(cfg_file="my_project", cfg_key="nothing")
    (configs / "other.yaml").write_text("mine: {max_events: 3}")
    assert ParsFlares(cfg_file="other", cfg_key="mine").max_events == 3


def test_a4_8_keys_of_observatories_override_what_is_for_all(configs):
    demo = VirtualDemoObs(project="my_project")
    assert demo.pars.reduce_kwargs == {"gap": 30}
    assert (demo.pars.demo_string, demo.pars.wait_time) == ("from file", 1.0)
    assert demo.pars.num_threads_download == 2
    ztf = ParsObsZTF(project="my_project", cfg_sub_key="ZTF")
    assert ztf.reduce_kwargs == {"gap": 60}
    assert ztf.credentials["username"] == "guy"
    assert ParsObservatory(project="my_project").reduce_kwargs == {"gap": 30}
    assert Catalog(project="my_project").pars.name_column == "object"


def test_a4_9_precedence_and_nothing_leaks(configs):
    pars = ParsFlares(project="my_project", snr_threshold=9, max_events=2)
    assert (pars.snr_threshold, pars.max_events) == (9.0, 2)
    pars.snr_threshold = 10
    again = ParsFlares(project="my_project")
    assert (again.snr_threshold, again.max_events) == (8.0, 1)
    demo = VirtualDemoObs(project="my_project", reducer={"gap": 5})
    demo.pars.reduce_kwargs["more"] = 1
    assert VirtualDemoObs(project="my_project").pars.reduce_kwargs == {"gap": 30}


def test_a4_11_presets_come_before_file_and_keywords():
    pars = Catalog(default="white dwarf", mag_column="other").pars
    assert (pars.name_column, pars.mag_column) == ("source_id", "other")
    assert pars.catalog_observation_year == 2016.0
    paths.configs_folder().joinpath("p.yaml").write_text("catalog: {default: WD, ra_column: x}")
    pars = Catalog(project="p").pars
    assert (pars.name_column, pars.ra_column) == ("source_id", "x")
    with pytest.raises(InvalidRequestError, match="default: 'nothing'"):
        Catalog(default="nothing")


def test_a4_12_what_is_saved_reads_back_without_secrets(tmp_path):
    obs = VirtualDemoObs(
        project="a",
        credentials={"password": "x7-secret"},
        reducer={"gap": 5},
        sim_args={"exptime": 9},
    )
    path = obs.pars.save(tmp_path / "out.yaml")
    assert "x7-secret" not in path.read_text()
    other = ParsObsDemo(cfg_file=str(path))
    assert other.compare(obs.pars, ignore=["cfg_file"])
    third = ParsObsDemo()
    third.load(path)
    assert third.sim_args == {"exptime": 9}


def test_route_gives_values_to_the_object_that_owns_them():
    owners = {"finder_kwargs": ["snr_threshold"], "quality_kwargs": ["offset_threshold", "both"]}
    given = {"snr_threshold": 8.5, "num_injections": 3, "unknown": 1}
    assert config.route(given, ["num_injections"], owners) == {
        "num_injections": 3,
        "unknown": 1,
        "finder_kwargs": {"snr_threshold": 8.5},
    }
    explicit = {"snr_threshold": 8.5, "finder_kwargs": {"snr_threshold": 7}}
    assert config.route(explicit, [], owners) == {"finder_kwargs": {"snr_threshold": 7}}
    with pytest.raises(ValueError, match="both: it belongs to"):
        config.route({"both": 1}, [], {**owners, "finder_kwargs": ["both"]})


def test_a4_10_classes_of_users(tmp_path, monkeypatch):
    (tmp_path / "my_extension_f1.py").write_text("class Mine:\n    pass\nvalue = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = config.import_class("my_extension_f1", "Mine", parameter="analysis_class")
    assert found.__name__ == "Mine"
    for module, name in [
        ("my_extension_f1", "Other"),
        ("no_such_f1", "X"),
        ("my_extension_f1", "value"),
    ]:
        with pytest.raises(InvalidRequestError, match="analysis_class: "):
            config.import_class(module, name, parameter="analysis_class")
