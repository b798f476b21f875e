"""Our server as a MMODA dispatcher, for the official client and for ours."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.sources import Source, SourceList
from astroquery_mmdc.server.store import ObservationStore
from tests.notebooks.helpers import write_notebook
from tests.peers import peer_python

from .conftest import FakeEngine, make_observations

CALLS = Path(__file__).parent / "data" / "oda_calls.py"
RA, DEC = 166.113808, 38.208833
BANDS = ["zg", "zr", "zg", None]
NOTEBOOK = (
    "n = 2 # oda:Integer ; oda:lower_limit 1 ; oda:upper_limit 9",
    "import numpy as np\n"
    "from astropy.table import Table\n"
    "if n == 3:\n    raise RuntimeError('three is too many')",
    "curve = Table({'TIME': np.arange(n) / 3, 'RATE': [np.nan] * n}) # oda:LightCurve\n"
    "word = f'null island {n}' # oda:ODATextProduct",
)


def make_store() -> ObservationStore:
    rows = make_observations(
        ra=[RA] * 5,
        dec=[DEC] * 5,
        catalog=["ZTF", "ZTF", "ZTF", "MMDCGR", "NVSS"],
        filter_band=[*BANDS, None],
        flux=[1.1e-12, 0.1, 1 / 3, 2e-8, 3e-15],
        flux_err=[1e-13, None, 0.1, 1e-9, 1e-16],
        mjd_mid=[58000.1, 58001.5, 59000.25, 59001.5, None],
        mjd_start=[58000.0, None, 59000.0, 59001.0, None],
        mjd_end=[58000.2, None, 59000.5, 59002.0, None],
        is_lightcurve=[True, True, True, True, False],
        is_upper_limit=[False, True, False, False, False],
        frequency=[6.3e14, 4.7e14, 6.3e14, 2.4e23, 1.4e9],
    )
    return ObservationStore(rows, SourceList([Source("Mrk 421", RA, DEC, 0.031)]))


@pytest.fixture(scope="module")
def dispatcher(tmp_path_factory) -> Iterator[LocalServer]:
    path = write_notebook(tmp_path_factory.mktemp("nb") / "notebook.ipynb", *NOTEBOOK)
    options = {"notebooks": [path], "notebook_instrument": "nb", "engine": FakeEngine()}
    with LocalServer(make_store(), **options) as server:
        yield server


@pytest.fixture
def ask(dispatcher):
    with httpx.Client(base_url=dispatcher.url + "/dispatch-data", timeout=60) as client:

        def call(path: str = "/run_analysis", status: int = 200, **fields: Any) -> Any:
            reply = client.get(path, params=fields)
            assert reply.status_code == status, reply.text
            return reply.json()

        yield call


def test_the_official_client_lists_describes_runs_and_saves(dispatcher, tmp_path):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    command = [peer_python("oda"), str(CALLS), dispatcher.url + "/dispatch-data", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # It prints comments of the server before the result.
    got = json.loads(done.stdout[done.stdout.index('{"instruments"') :])
    assert got["instruments"] == ["mmdc_lc", "mmdc_sed", "mmdc_model", "nb"]
    assert got["description"][0][0] == {"instrumet": "mmdc_lc"}
    assert got["product"][0][4][1] == {"product_name": "ssc"}
    _check_light_curves(got["lc"])
    _check_sed(got["sed"])
    assert {one["name"].split("_")[3] for one in got["listed"]} == {"mine"}
    assert [one["parts"][1]["data"] for one in got["listed"]] == [
        one["parts"][1]["data"] for one in got["lc"]
    ]
    data = got["model"][0]["parts"][1]["data"]
    assert data == {"FREQUENCY": [1e12, 1e15], "NUFNU": [1e-12, 0.05]}
    curve, word = got["notebook"]
    assert curve["parts"][1]["data"]["TIME"] == [0.0, 1 / 3]
    assert np.isnan(curve["parts"][1]["data"]["RATE"]).all()
    # It replaces "null" wherever it stands; the value left here as it should be.
    assert word["parts"] == "None island 2"
    assert "RemoteException" in got["failure"]
    assert "cell 2: RuntimeError: three is too many" in got["failure"]
    assert len(got["state"]["records"]) >= 4
    assert "mmdc_lc_0_Mrk421_ZTF_zg.fits" in got["files"]
    assert "mmdc_sed_0_Mrk421.fits" in got["files"]
    assert "word_1_Mrk421.txt" in got["files"]


def _check_light_curves(products: list[dict[str, Any]]) -> None:
    names = [one["name"] for one in products]
    assert names == [
        "mmdc_lc_0_Mrk421_ZTF_zg",
        "mmdc_lc_1_Mrk421_ZTF_zr",
        "mmdc_lc_2_Mrk421_MMDCGR",
    ]
    green, red, photons = (one["parts"][1] for one in products)
    assert green["data"]["TIME"] == [58000.1, 59000.25]
    assert green["data"]["FLUX"] == [1.1e-12, 1 / 3]
    assert green["data"]["ERROR"] == [1e-13, 0.1]
    assert green["data"]["UPPER_LIMIT"] == [False, False]
    assert green["header"]["DETNAM"] == "ZTF"
    assert np.isnan(red["data"]["ERROR"]).all()
    assert red["data"]["UPPER_LIMIT"] == [True]
    assert green["units"]["FLUX"] == "erg/(s cm2)"
    assert photons["units"]["FLUX"] == "photon/(s cm2)"


def _check_sed(products: list[dict[str, Any]]) -> None:
    (sed,) = products
    assert sed["name"] == "mmdc_sed_0_Mrk421"
    assert sed["parts"]["nu"] == {"unit": "Hz", "data": [1.4e9, 4.7e14, 6.3e14, 6.3e14]}
    assert sed["parts"]["nufnu"]["data"] == [3e-15, 0.1, 1.1e-12, 1 / 3]
    assert sed["parts"]["is_upper_limit"]["data"] == [False, True, False, False]
    assert sed["parts"]["catalog"]["data"] == ["NVSS", "ZTF", "ZTF", "ZTF"]


def test_our_client_gets_the_same_values(dispatcher, tmp_path):
    mmoda = MMODAClass(dispatcher.url + "/dispatch-data")
    assert "nb" in mmoda.list_instruments()["instrument"]
    described = mmoda.describe_product("mmdc_model", "ssc")
    assert "log_B" in described["name"]
    made = mmoda.get_product(instrument="mmdc_lc", product="mmdc_lc", src_name="Mrk 421")
    truth = make_store().arrow(Selection(cone=Cone(RA, DEC, 5.0), ordering="mjd_mid"))
    fluxes = [one.data_unit[1].data["FLUX"] for one in made]
    expected = [row["flux"] for row in truth.to_pylist() if row["is_lightcurve"]]
    assert sorted(np.concatenate(fluxes).tolist()) == sorted(expected)
    made.save_all_data(directory=tmp_path)
    assert (tmp_path / "mmdc_lc_0_Mrk421_ZTF_zg.fits").exists()
    sed = mmoda.get_product(instrument="mmdc_sed", product="mmdc_sed", src_name="Mrk 421")
    assert sed[0].table["nufnu"].unit == "erg / (s cm2)"
    with pytest.raises(InvalidRequestError, match="radius"):
        mmoda.get_product(instrument="mmdc_lc", product="mmdc_lc", radius=9999)


def test_a_notebook_runs_once_for_the_same_request_and_tells_its_failure(dispatcher, ask):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    mmoda = MMODAClass(dispatcher.url + "/dispatch-data")
    curve, word = mmoda.get_product(instrument="nb", product="notebook", n=4)
    assert curve.data_unit[1].data["TIME"].tolist() == (np.arange(4) / 3).tolist()
    assert word.value == "null island 4"
    started = time.monotonic()
    again = ask(instrument="nb", product_type="notebook", query_status="new", n=4)
    assert again["query_status"] == "done"
    assert time.monotonic() - started < 1.0
    with pytest.raises(JobFailedError, match="cell 2: RuntimeError: three is too many"):
        mmoda.get_product(instrument="nb", product="notebook", n=3)


def test_a_slow_product_is_a_job(dispatcher, ask, monkeypatch):
    engine = dispatcher.app.state.site.options.engine
    monkeypatch.setattr("astroquery_mmdc.server.dispatcher_routes._NEW_SECONDS", 0.1)
    engine.go.clear()
    fields = {"instrument": "mmdc_model", "product_type": "ssc", "z": 0.07, "session_id": "A" * 16}
    try:
        first = ask(query_status="new", **fields)
        assert first["query_status"] == "submitted"
        assert first["products"] == {}
        job_id = first["job_monitor"]["job_id"]
        # Parameters that are left out make another product, not this one.
        short = {name: value for name, value in fields.items() if name != "z"}
        wrong = ask(status=400, query_status="submitted", job_id=job_id, **short)
        assert "is not the job of these parameters" in wrong["error_message"]
        other = ask(query_status="new", **{**fields, "session_id": "B" * 16})
        assert other["job_monitor"] == first["job_monitor"]
    finally:
        engine.go.set()
    done = ask(query_status="submitted", job_id=job_id, **fields)
    assert done["query_status"] == "done"
    assert done["products"]["analysis_parameters"]["z"] == 0.07
    assert "'z': 0.07," in done["products"]["api_code"]


def test_two_notebooks_run_at_once_and_the_third_waits(tmp_path):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    cell = (
        "import time, os, pathlib\n"
        f"here = pathlib.Path({str(tmp_path)!r}) / f'run{{k}}'\n"
        "here.touch(); time.sleep(2); here.unlink()\n"
        "t = float(k) # oda:Float"
    )
    path = write_notebook(tmp_path / "slow.ipynb", "k = 0 # oda:Integer", cell)
    most = 0
    with LocalServer(make_store(), notebooks=[path], engine=None) as server:
        mmoda = MMODAClass(server.url + "/dispatch-data")
        handles = [
            mmoda.get_product_async(instrument="slow", product="slow", k=k) for k in range(3)
        ]
        while not all(handle.done() for handle in handles):
            most = max(most, len(list(tmp_path.glob("run*"))))
            threading.Event().wait(0.05)
        assert [handle.get_data()[0].value for handle in handles] == ["0.0", "1.0", "2.0"]
    assert most == 2


def test_a_server_that_ends_takes_its_notebooks_along(tmp_path):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    cell = (
        "import os, time, pathlib\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(100)\nt = float(1) # oda:Float"
    )
    path = write_notebook(tmp_path / "slow.ipynb", cell)
    with LocalServer(make_store(), notebooks=[path], engine=None) as server:
        fields = {"instrument": "slow", "product_type": "slow"}
        httpx.get(server.url + "/dispatch-data/run_analysis", params=fields, timeout=30)
        deadline = time.monotonic() + 20
        while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
            threading.Event().wait(0.05)
    pid = int((tmp_path / "pid").read_text())
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/api/meta-data", {"instrument": "nosuch"}, "known are mmdc_lc, mmdc_sed"),
        ("/api/par-names", {"instrument": "mmdc_lc"}, "It has mmdc_lc"),
        ("/run_analysis", {}, "instrument: None is not known"),
        (
            "/run_analysis",
            {"instrument": "mmdc_sed", "product_type": "mmdc_sec"},
            "did you mean 'mmdc_sed'",
        ),
        (
            "/run_analysis",
            {"instrument": "mmdc_sed", "product_type": "mmdc_sed", "RA": "x", "DEC": "1"},
            "RA: 'x' was given; expected a number in deg",
        ),
        (
            "/run_analysis",
            {"instrument": "mmdc_lc", "product_type": "mmdc_lc", "T1": "soon"},
            "T1: 'soon' was given; expected a time",
        ),
        (
            "/run_analysis",
            {"instrument": "mmdc_lc", "product_type": "mmdc_lc", "T1": "x", "T_format": "mjd"},
            "it is an MJD",
        ),
    ],
)
def test_wrong_requests_are_refused_in_words(ask, path, fields, words):
    body = ask(path, status=400, **fields)
    assert words in body["error_message"]
    assert body["installed_instruments"][0] == "mmdc_lc"


def test_windows_in_time_and_unknown_names(ask):
    fields = {"instrument": "mmdc_lc", "product_type": "mmdc_lc", "query_status": "new"}
    some = ask(T1="58500", T_format="mjd", filter_band="zg", colour="red", **fields)
    (curve,) = some["products"]["numpy_data_product_list"]
    assert json.loads(curve["data_unit_list"][1]["data"])[0][0] == 59000.25
    assert some["exit_status"]["comment"] == "not used: colour"
    assert some["products"]["analysis_parameters"]["T1"] == "2019-01-17T00:00:00.000"
    none = ask(RA=10, DEC=10, **fields)
    assert none["exit_status"]["comment"] == "no light curve is known there"
    assert none["products"]["analysis_parameters"]["src_name"] == "10 10"


def test_names_and_jobs_are_told(ask):
    assert ask("/resolve_name", name="mkn421")["RA"] == RA
    assert "could not be resolved" in ask("/resolve_name", name="nobody")["message"]
    ask(instrument="mmdc_sed", product_type="mmdc_sed", query_status="new", token="a.b.c")
    records = ask("/inspect-state", token="a.b.c")["records"]
    assert records
    assert "a.b.c" not in json.dumps(records)
    group = ask("/inspect-user-state", group_by_job="True", job_id=records[-1]["job_id"])
    assert group["records"][0]["job_id"] == records[-1]["job_id"]
    source = ask("/meta-data-src", instrument="mmdc_lc")
    assert source[0][0] == {"query_name": "src_query"}


def test_a_token_is_kept_nowhere(dispatcher, ask):
    ask(instrument="mmdc_sed", product_type="mmdc_sed", query_status="new", token="s3cret")
    assert "s3cret" not in repr(dispatcher.requests)


def test_forms_are_read(dispatcher):
    url = dispatcher.url + "/dispatch-data/run_analysis"
    fields = {"instrument": "mmdc_sed", "product_type": "mmdc_sed", "query_status": "new"}
    assert httpx.post(url, data=fields).json()["query_status"] == "done"


def test_a_server_without_an_engine_says_what_to_install():
    with LocalServer(make_store(), engine=None) as server:
        mmoda = MMODAClass(server.url + "/dispatch-data")
        with pytest.raises(JobFailedError, match="computes no models"):
            mmoda.get_product(instrument="mmdc_model", product="ssc")
