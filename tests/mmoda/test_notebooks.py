"""Notebooks that are registered with the client."""

from __future__ import annotations

import pytest

from astroquery_mmdc import MMODAClass, conf
from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    ServiceUnavailableError,
)
from astroquery_mmdc.mmoda import UnknownParameterWarning
from tests.notebooks.helpers import write_notebook

pytest.importorskip("papermill", reason="needs the extra 'notebooks'")

CELLS = (
    "n = 2 # oda:Integer ; oda:upper_limit 9\n"
    "src_name = 'Mrk 421' # oda:AstrophysicalObject\n"
    "RA = 166.1 # oda:PointOfInterestRA",
    "from astropy.table import QTable\nfrom astropy import units as u\n"
    "if n == 3:\n    raise RuntimeError('three is too many')\n"
    "if n == 4:\n    import time; time.sleep(60)",
    "curve = QTable({'TIME': [RA, n / 3] * u.d}) # oda:LightCurve",
)


@pytest.fixture
def client(tmp_path):
    # Nobody listens there: whatever a notebook answers comes from here.
    made = MMODAClass("http://127.0.0.1:9/dispatch-data", timeout=2)
    path = write_notebook(tmp_path / "fermi_lc.ipynb", *CELLS)
    assert made.register_notebook(path, name="fermi", seconds=50) == "fermi"
    return made


def test_a_registered_notebook_is_an_instrument(client):
    described = client.describe_instrument("fermi")
    assert described.meta["products"] == ["fermi_lc"]
    assert "n" in described["name"]
    with pytest.warns(UnknownParameterWarning, match="colour") as told:
        made = client.get_product(
            instrument="fermi", product="fermi_lc", n=6, coordinates="10.5 20.5", colour="red"
        )
    assert told[0].filename == __file__
    assert made.names == ["curve_0_Mrk421"]
    assert made[0].data_unit[1].data["TIME"].tolist() == [10.5, 2.0]
    assert "instrument='fermi'" in made.api_code()


def test_a22_how_far_a_notebook_is_is_shown(client, tmp_path, capsys):
    words = '{"stage": "photons", "progress": 2, "progress_max": 5, "message": "two of five"}'
    report = (
        "import json, time\n"
        "file = json.load(open('.oda_api_context'))['callback'].removeprefix('file://')\n"
        f"open(file, 'w').write({words!r}); time.sleep(1)"
    )
    path = write_notebook(tmp_path / "telling.ipynb", report, "t = float(1) # oda:Float")
    name, seen = client.register_notebook(path), []
    client.get_product(instrument=name, product="telling", progress=seen.append)
    steps = [(one.status, one.stage, one.done, one.total) for one in seen]
    assert ("progress", "photons", 2, 5) in steps
    assert steps[-1] == ("done", "photons", 2, 5)
    assert len(set(steps)) == len(steps)
    with pytest.raises(JobFailedError):
        client.get_product(instrument="fermi", product="fermi_lc", n=3, progress=True)
    assert "cell 2" in capsys.readouterr().err


def test_they_are_listed_without_a_dispatcher(client):
    with pytest.warns(IncompleteResultWarning, match="only the notebooks of this machine"):
        assert list(client.list_instruments()["instrument"]) == ["fermi"]
    with conf.set_temp("offline", True), pytest.warns(IncompleteResultWarning):
        assert list(client.list_instruments()["instrument"]) == ["fermi"]
    with pytest.raises(ServiceUnavailableError):
        MMODAClass(client.url).list_instruments()


def test_wrong_values_are_found_before_anything_runs(client):
    for name, value in (("n", 10), ("n", "many"), ("RA", 400)):
        with pytest.raises(InvalidRequestError, match=name):
            client.get_product(instrument="fermi", product="fermi_lc", **{name: value})
    with pytest.raises(InvalidRequestError, match="no notebook was given"):
        client.register_notebook()


def test_the_error_of_a_cell_and_the_end_of_time_are_told(client):
    handle = client.get_product_async(instrument="fermi", product="fermi_lc", n=3)
    with pytest.raises(JobFailedError, match="cell 2: RuntimeError: three is too many") as caught:
        handle.get_data()
    assert "raise RuntimeError" in caught.value.logs
    with pytest.raises(JobTimeoutError, match="the notebook was stopped"):
        client.get_product(instrument="fermi", product="fermi_lc", n=4, timeout=4)
