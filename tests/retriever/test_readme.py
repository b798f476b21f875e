"""The examples of AstroRetriever's README run as they stand there, with our import path.

Local servers answer for IRSA and MAST; files of configuration, which the README describes, hold
their addresses. What does not run as written is in `CHANGED`, with the reason.
"""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import sqlalchemy as sa
import yaml
from astropy.table import Table

from astroquery_mmdc.retriever import Catalog, VirtualZTF, paths
from astroquery_mmdc.retriever.catalog_defaults import presets
from astroquery_mmdc.retriever.database import Lightcurve, RawPhotometry, Session, Source, dispose
from tests.retriever.observatories.services import Mast, irsa, tess_file, uri, ztf_rows
from tests.retriever.web import serve_http as serve_http

# First line and last line of each example; the page is text and does not mark them.
EXAMPLES = {
    "data root": ("from src import dataset", "dataset.DATA_ROOT ="),
    "tess": ("from src.tess import VirtualTESS", "obs = VirtualTESS(...)"),
    "tic": ("source = obs.download_by_tic", "source = obs.download_by_tic"),
    "fetch source": ('cat_row = obs.catalog.get_row(index, "number"', "source = obs.fetch_source"),
    "fetch all": ("obs.fetch_all_sources(start=0", "obs.fetch_all_sources(start=0"),
    "new project": ("proj = Project(name='new_project'", "proj.run()"),
    "reduce": ("lcs = obs.reduce(source", "lcs = obs.reduce(source"),
    "pipeline": ("from src.project import Project", "proj.run()"),
    "config": ("proj = Project(name='project_name'", "proj = Project(name='project_name'"),
    "threshold": ("proj = Project(", ")"),
    "own analysis": ("# extensions/my_analysis.py", "        ..."),
    "own analysis used": ("proj = Project(", ")"),
    "catalog": ("from src.catalog import Catalog", "cat.load()"),
    "download": ('proj = Project(name="default_test", obs_names=["ZTF"])', "len(obs.raw_data)"),
    "ztf": ("from src.ztf import VirtualZTF", ")"),
    "raw file": ("from src.dataset import RawPhotometry", "lcs = obs.reduce(data"),
    "session": ("import sqlalchemy as sa", "session = Session()"),
    "select": ("sources = session.scalars", ").first()"),
    "add and delete": ("session.add(new_object)", "session.delete(object_to_delete)"),
    "delete data": ("data = session.scalars(", "session.delete(data)"),
    "with": ("with Session() as session:", "  session.commit()"),
    "names": ("raw_data.save()", "lc.filekey"),
    "lazy data": ("with Session() as session:", "  data.plot()"),
}
CHANGED = {
    # example: (what stands there, what runs, why)
    "tess": ("VirtualTESS(...)", "VirtualTESS(**parameters)", "the dots stand for parameters"),
    "own analysis": (
        "from src.analysis import Analysis",
        "from src.analysis import Analysis\nfrom src.analysis_pars import ParsAnalysis",
        "the example uses ParsAnalysis without importing it",
    ),
}
# Modules that lie elsewhere here.
MOVED = {"tess": "observatories.tess", "ztf": "observatories.ztf"}


@pytest.fixture
def examples(shared):
    """The examples, as they stand on the page, in their order."""
    (page,) = (shared / "seeds").glob("003_*.txt")
    lines, place, found = page.read_text(encoding="utf-8").splitlines(), 0, {}
    for name, (first, last) in EXAMPLES.items():
        begin = next(n for n in range(place, len(lines)) if lines[n].startswith(first))
        place = next(n for n in range(begin, len(lines)) if lines[n].startswith(last)) + 1
        found[name] = "\n".join(lines[begin:place])
    return found


@pytest.fixture
def run(examples, monkeypatch):
    """Function that runs an example in a namespace, and returns the namespace."""

    def call(name, **names):
        text = translated(name, examples[name])
        exec(compile(text, name, "exec"), names)  # noqa: S102 - that is the test
        return names

    return call


def translated(name, text):
    if name in CHANGED:
        before, after, _ = CHANGED[name]
        assert before in text
        text = text.replace(before, after)
    for old, new in MOVED.items():
        text = text.replace(f"src.{old} ", f"src.{new} ")
    return re.sub(r"\bsrc(?=[. ])", "astroquery_mmdc.retriever", text)


@pytest.fixture
def configured(data_root):
    """Function that writes ``configs/<name>.yaml``, or a file of another name."""

    def write(name, **content):
        path = paths.configs_folder() / name
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def dwarfs(data_root):
    """Catalogue of white dwarfs under its own name: what the download would bring."""
    table = Table(
        {
            "source_id": np.arange(3) + 4_000_000_000_000_000,
            "ra": [120.0, 121.0, 122.0],
            "dec": [20.0, 20.0, 20.0],
            "phot_g_mean_mag": [17.9, 18.0, 18.1],
            "pmra": [0.0, 1.0, 2.0],
            "pmdec": [0.0, 1.0, 2.0],
            "parallax": [10.0, 11.0, 12.0],
            "phot_bp_mean_mag": [17.9, 18.0, 18.1],
            "phot_rp_mean_mag": [17.9, 18.0, 18.1],
            "WDJ_name": ["WDJ1", "WDJ2", "WDJ3"],
        }
    )
    table.write(paths.catalogs_folder() / presets("WD")["filename"])
    return [str(name) for name in table["source_id"]]


@pytest.fixture
def irsa_url(serve_http):
    login = "/account/signon/login.do"
    answer = irsa(ztf_rows())

    def respond(request):
        if request.path == login:
            return 302, {"Location": "/", "Set-Cookie": "JOSSO_SESSIONID=abc"}, b""
        return answer(request)

    return serve_http(respond).url


@pytest.fixture
def mast_url(serve_http):
    star = {"ID": 7, "ra": 120.0, "dec": 20.0, "Tmag": 12.9, "GAIAmag": 17.9}
    return serve_http(Mast([star], {uri(7, 3): tess_file(7, 3)})).url


def test_every_piece_of_python_is_an_example(examples, shared):
    (page,) = (shared / "seeds").glob("003_*.txt")
    text = page.read_text(encoding="utf-8")
    for example in examples.values():
        text = text.replace(example, "", 1)
    code = re.compile(r"^\s*(import |from \w+ import |\w+ = \w+[\w.]*\(|with .*:$|class \w+)")
    assert [line for line in text.splitlines() if code.match(line)] == []
    assert set(CHANGED) <= set(EXAMPLES)


def test_data_root(run, monkeypatch):
    from astroquery_mmdc.retriever import dataset

    monkeypatch.setattr(dataset, "DATA_ROOT", None)
    run("data root")
    assert str(paths.data_root()) == "/path/to/data/folder"


def test_quick_start(run, mast_url):
    catalog = Catalog({"name": ["mine"], "ra": [120.0], "dec": [20.0], "mag": [17.9]})
    names = run("tess", parameters={"url": mast_url, "catalog": catalog, "project": "quick"})
    names = run("tic", **names, tic_number=7)
    assert names["source"].name == "mine"
    names = run("fetch source", **names, index=0)
    assert names["cat_row"]["name"] == "mine"
    assert len(names["source"].reduced_lightcurves) == 1
    names = run("reduce", **run("fetch all", **names))
    assert names["obs"].num_loaded >= 1
    assert [len(light.data) for light in names["lcs"]] == [50]


def test_a_project_over_a_catalogue(run, configured, dwarfs, mast_url):
    from astroquery_mmdc.retriever import Project

    configured("new_project.yaml", observatories={"TESS": {"url": mast_url}})
    project = run("new project", Project=Project)["proj"]
    assert [source.name for source in project.get_all_sources()] == dwarfs
    assert project.failures_list == []


def test_the_full_pipeline(run, configured, dwarfs, irsa_url):
    configured("default_test.yaml", observatories={"ZTF": {"url": irsa_url}})
    project = run("pipeline")["proj"]
    assert project.analysis.finder.pars.snr_threshold == 7.5
    assert project.ztf.pars.reducer == {"radius": 3, "gap": 40}
    with Session() as session:
        first = session.scalars(project.select_sources()).first()
        assert len(first.reduced_lightcurves) == 1
        assert len(first.reduced_lightcurves[0].data) == 40
        assert first.properties is not None
    assert project.get_histograms()["injected"].get_sum_scores("amplitude") == 3
    assert "12345" not in (project.output_folder / "config.yaml").read_text()


def test_configuration(run, configured):
    from astroquery_mmdc.retriever import Project

    configured("project_name.cfg", project={"obs_names": ["demo"]}, finder={"snr_threshold": 6})
    project = run("config", Project=Project)["proj"]
    assert project.observatories.names == ("DEMO",)
    assert project.analysis.finder.pars.snr_threshold == 6
    project = run("threshold", Project=Project)["proj"]
    assert project.analysis.finder.pars.snr_threshold == 8.5


def test_an_analysis_of_ones_own(run, examples, tmp_path, monkeypatch):
    from astroquery_mmdc.retriever import Project

    (tmp_path / "extensions").mkdir()
    code = translated("own analysis", examples["own analysis"])
    (tmp_path / "extensions" / "my_analysis.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    project = run("own analysis used", Project=Project)["proj"]
    assert type(project.analysis).__name__ == "NewAnalysis"
    assert project.analysis.pars.num_kernels == 20
    assert project.run(progress=False).done == 10
    for name in ("extensions", "extensions.my_analysis"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_catalogue_of_white_dwarfs(run, dwarfs):
    assert list(run("catalog")["cat"].names) == dwarfs


def test_downloads(run, configured, dwarfs, irsa_url):
    from astroquery_mmdc.retriever import Project

    configured("default_test.yaml", observatories={"ZTF": {"url": irsa_url}})
    obs = run("download", Project=Project)["obs"]
    assert len(obs.sources) == len(obs.raw_data) == 3


def test_reduction_of_a_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session() as session:
        row = Source(name="J123.1-32.13", ra=120.0, dec=20.0, mag=18.0)
        data = RawPhotometry(ztf_rows(), observatory="ZTF", source=row)
        session.add_all([row, data])
        data.save()
        session.commit()
        (tmp_path / "my_raw_data.h5").write_bytes(
            (paths.data_root() / "ZTF" / data.filename).read_bytes()
        )
    names = run("raw file", **run("ztf"))
    assert len(names["lcs"]) == 1
    assert names["obs"].pars.reducer == {"gap": 60}


@pytest.fixture
def stored(irsa_url):
    """An observatory that has fetched the source of the README."""
    obs = VirtualZTF(url=irsa_url, project="proj_name")
    obs.fetch_source({"name": "J123.1-32.13", "ra": 120.0, "dec": 20.0, "mag": 18.0})
    yield obs
    dispose()


def test_the_database(run, stored):
    names = run("session", Source=Source, RawPhotometry=RawPhotometry)
    names = run("select", **names)
    assert names["source"].name == "J123.1-32.13"
    assert len(names["sources"]) == 1
    new = Source(name="new", ra=1.0, dec=2.0)
    names["session"].add(new)
    names["session"].flush()
    run(
        "add and delete",
        **names,
        new_object=Source(name="b", ra=1.0, dec=2.0),
        object_to_delete=new,
    )
    names["session"].commit()
    names = run("delete data", **names)
    names["session"].commit()
    assert not names["data"].check_file_exists()
    left = names["session"].scalars(sa.select(Source.name)).all()
    assert sorted(left) == ["J123.1-32.13", "b"]
    assert names["session"].scalars(sa.select(RawPhotometry)).all() == []
    names["session"].close()


def test_light_curves_are_saved_and_named(run, stored, data_root):
    run("with", Session=Session, sa=sa, Source=Source, obs=stored)
    with Session() as session:
        raw_data = session.scalars(sa.select(RawPhotometry)).one()
        lc = session.scalars(sa.select(Lightcurve)).one()
        run("names", raw_data=raw_data, lc=lc)
        assert raw_data.filename == "RA120/ZTF_photometry_J123.1-32.13.h5"
        assert raw_data.get_fullname() == str(data_root / "ZTF" / raw_data.filename)
        assert raw_data.filekey.endswith("J123.1-32.13")
        assert lc.filename == "RA120/ZTF_photometry_J123.1-32.13_reduced.h5"
        assert lc.get_fullname() == str(data_root / "PROJ_NAME" / lc.filename)
        assert lc.filekey.endswith("J123.1-32.13_reduction_01_of_01")


def test_data_are_loaded_and_drawn_when_asked_for(run, stored):
    pytest.importorskip("matplotlib")
    names = run("lazy data", Session=Session, sa=sa, RawPhotometry=RawPhotometry)
    assert len(names["mag_array"]) == 40
