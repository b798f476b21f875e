"""Notebooks in processes of their own: products, failures, limits, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import astroquery_mmdc
from astroquery_mmdc.exceptions import JobFailedError
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.notebooks import RunLimits, read_notebook, run_notebook
from astroquery_mmdc.schema.instruments import read_values
from tests.peers import peer_python

from .helpers import SEED_PARAMETERS, write_notebook

pytest.importorskip("papermill", reason="needs the extra 'notebooks'")

NASTY = "a\"b'c\\ \n{x}\u2028 '''\"\"\" ${y} __import__"


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    """Make it seen what a run leaves behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def run(path, given=None, **options):
    notebook = read_notebook(path)
    values, _ = read_values(notebook.product, given or {})
    return run_notebook(notebook, values, **options)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int]) -> bool:
    """Whether processes end within a few seconds."""
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_the_notebook_of_the_slides_makes_its_light_curve(tmp_path):
    write = "import os\nhere = os.getcwd()\nopen('scratch', 'w').write('x')"
    lc = "\n".join(
        (
            "import numpy as np",
            "class Unit:",
            "    name, hdu_type, units_dict = 'LC', 'bintable', {'TIME': 'd'}",
            "    header = {'DETNAM': 'LAT', 'NAXIS': 2}",
            "    data = np.array([(1.5, dT / 3)], dtype=[('TIME', 'f8'), ('RATE', 'f4')])",
            "class Curve:",
            "    name, meta_data, data_unit = 'fermi_lc', {'src_name': src_name}, [Unit]",
            "    def encode(self): return {'binarys': 'gASV'}",
            "lc = Curve()",
        )
    )
    path = write_notebook(
        tmp_path / "fermi_lc.ipynb",
        SEED_PARAMETERS.replace("dT=2 #", "dT=2 # oda:Integer #"),
        write,
        lc,
        "result=lc.encode() # http://odahub.io/ontology#LightCurve",
    )
    products = run(path, {"dT": "5", "src_name": NASTY})
    (curve,) = decode_products(products, instrument="fermi", product="fermi_lc")
    (unit,) = curve.data_unit
    assert unit.data["RATE"].tolist() == [np.float32(5 / 3)]
    assert unit.header == {"DETNAM": "LAT"}
    assert curve.meta_data["src_name"] == NASTY


def test_every_kind_of_result_becomes_a_product(tmp_path):
    make = "\n".join(
        (
            "import numpy as np, astropy.units as u",
            "from astropy.table import QTable",
            "from astropy.io import fits",
            "from astropy.nddata import CCDData",
            "from matplotlib.figure import Figure",
            "from pathlib import Path",
            "t = QTable({'TIME': [1., 2.] * u.d, 'RATE': [.1, np.nan] / u.s, 'B': ['g', 'r']})",
            "figure = Figure(); figure.subplots().plot([1, 2])",
            "figure.savefig('saved.png')",
            "hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(t, name='EVENTS')])",
            "hdus.writeto('events.fits')",
        )
    )
    results = "\n".join(
        (
            "curve = t # oda:LightCurve",
            "table = t # oda:ODAAstropyTable",
            "image = np.arange(6.).reshape(2, 3) * u.Jy # oda:Image",
            "ccd = CCDData(np.ones((2, 2)), unit='adu') # oda:Image",
            "numbers = np.arange(3) # oda:NumpyDataProduct",
            "events = Path('events.fits') # oda:ODABinaryProduct",
            "plot = figure # oda:ODAPictureProduct",
            "saved = 'saved.png' # oda:ODAPictureProduct",
            "blob = b'\\x00\\x01' # oda:ODABinaryProduct",
            "words = 'null island' # oda:ODATextProduct",
            "score = np.float64(0.1) # oda:Float",
        )
    )
    path = write_notebook(tmp_path / "all.ipynb", make, results, tags={1: "outputs"})
    made = decode_products(run(path), instrument="x", product="all")
    by_name = {one.name: one for one in made}
    assert by_name["curve"].data_unit[1].data["RATE"][0] == 0.1
    assert np.isnan(by_name["curve"].data_unit[1].data["RATE"][1])
    assert by_name["curve"].data_unit[1].units_dict == {"TIME": "d", "RATE": "s-1"}
    assert by_name["table"].table["B"].tolist() == ["g", "r"]
    assert by_name["image"].data_unit[1].data.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert by_name["image"].data_unit[1].header == {"BUNIT": "Jy"}
    assert by_name["ccd"].data_unit[1].data.shape == (2, 2)
    assert by_name["numbers"].data_unit[1].data["VALUE"].tolist() == [0, 1, 2]
    assert [unit.name for unit in by_name["events"].data_unit] == ["PRIMARY", "EVENTS"]
    assert by_name["blob"].bin_data == b"\x00\x01"
    texts = {name: by_name[name].value for name in ("words", "score")}
    assert texts == {"words": "null island", "score": "0.1"}
    assert len(made) == 11


def test_the_error_of_a_cell_is_shown(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", "x = 1 # oda:Float", "y = 2", "boom = x / 0 # oda:Float"
    )
    with pytest.raises(JobFailedError, match=r"a\.ipynb, cell 3: ZeroDivisionError") as caught:
        run(path)
    assert caught.value.code == "cell"
    assert "boom = x / 0" in caught.value.logs
    assert "\x1b" not in caught.value.logs


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("t = object() # oda:Image", "t: a builtins.object is no product"),
        ("t = {'data_unit_list': [{'binarys': 'gASV'}]} # oda:Image", "t: holds a pickle"),
        ("t = {'a': object()} # oda:Image", "t: holds what JSON cannot write"),
        ("t = 3 # oda:Image\ndel t", "t: the notebook did not make this result"),
    ],
)
def test_what_is_no_product_is_refused_by_name(tmp_path, cell, words):
    with pytest.raises(JobFailedError, match=rf"a\.ipynb, results: .*{words}"):
        run(write_notebook(tmp_path / "a.ipynb", "", cell, tags={1: "outputs"}))


def test_a_product_that_was_written_past_the_checks_is_refused(tmp_path):
    # The next to last word is the notebook's: it may write whatever it likes into the folder.
    forge = (
        "t = float(1) # oda:Float\n"
        "import atexit, json, os, signal\n"
        "unit = {'data_unit_list': [{'binarys': 'gASV'}]}\n"
        "json.dump({'numpy_data_product_list': [unit]}, open('../products.json', 'w'))\n"
        "import astroquery_mmdc.notebooks.collect as c\n"
        "c.write_products = lambda *a: None"
    )
    with pytest.raises(JobFailedError, match="in no form that can be passed on"):
        run(write_notebook(tmp_path / "a.ipynb", forge))


def test_time_is_limited_and_nothing_runs_on(tmp_path):
    pids = tmp_path / "pids"
    sleep = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
        "t = time # oda:Float"
    )
    path = write_notebook(tmp_path / "a.ipynb", sleep)
    started = time.monotonic()
    with pytest.raises(JobFailedError, match=r"longer than 6 s and was stopped in cell 1"):
        run(path, limits=RunLimits(seconds=6))
    assert time.monotonic() - started < 12
    found = [int(pid) for pid in pids.read_text().split()]
    assert gone(found)


def test_output_is_limited(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", "while True: print('x' * 10_000)", "t = float(1) # oda:Float"
    )
    with pytest.raises(JobFailedError, match="cell 1: it printed more than 1000000 bytes"):
        run(path, limits=RunLimits(seconds=60, output_bytes=1_000_000))


def test_files_are_limited(tmp_path):
    write = "t = open('big', 'wb').write(bytes(3_000_000)) # oda:Float"
    path = write_notebook(tmp_path / "a.ipynb", write)
    with pytest.raises(JobFailedError, match="cell 1: OSError"):
        run(path, limits=RunLimits(seconds=60, product_bytes=2_000_000))


def test_a_kernel_that_dies_is_told(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", "import os; os.kill(os.getpid(), 9)", "t = float(1) # oda:Float"
    )
    with pytest.raises(JobFailedError, match="cell 1: DeadKernelError"):
        run(path)


def test_a_worker_that_is_killed_is_told_and_its_kernel_ends(tmp_path):
    pid = tmp_path / "pid"
    cell = (
        "import os, time\n"
        f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getppid(), 9)\n"
        "time.sleep(60)\n"
        "t = float(1) # oda:Float"
    )
    with pytest.raises(JobFailedError, match="was ended by SIGKILL") as caught:
        run(write_notebook(tmp_path / "a.ipynb", cell))
    assert caught.value.code == "killed"
    assert gone([int(pid.read_text())])


def test_nothing_outlives_a_process_that_was_killed_while_it_waited(tmp_path):
    pid = tmp_path / "pid"
    cell = (
        "import os, time\n"
        f"open({str(pid)!r}, 'w').write(f'{{os.getppid()}} {{os.getpid()}} ')\n"
        "time.sleep(60)\n"
        "t = float(1) # oda:Float"
    )
    path = write_notebook(tmp_path / "a.ipynb", cell)
    root = str(Path(astroquery_mmdc.__file__).parents[1])
    program = (
        "import sys; from astroquery_mmdc.notebooks import *\n"
        "run_notebook(read_notebook(sys.argv[1]), {})"
    )
    env = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", program, str(path)], env=env) as process:
        deadline = time.monotonic() + 60
        while not (pid.exists() and pid.read_text().endswith(" ")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert gone([int(one) for one in pid.read_text().split()])


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("astroquery_mmdc.notebooks.run._NEEDED", ("no_such_package",))
    with pytest.raises(JobFailedError, match=r"no_such_package is not installed; install"):
        run(write_notebook(tmp_path / "a.ipynb", "t = float(1) # oda:Float"))


def test_a_run_can_be_stopped_and_tells_how_far_it_is(tmp_path):
    stop, told = threading.Event(), []

    def report(progress):
        told.append(dict(progress))
        if progress.get("stage") == "cell 2":
            stop.set()

    path = write_notebook(
        tmp_path / "a.ipynb", "x = 1", "import time; time.sleep(60)", "t = float(1) # oda:Float"
    )
    with pytest.raises(JobFailedError, match="was stopped") as caught:
        run(path, stop=stop, report=report)
    assert caught.value.code == "stopped"
    assert told[-1]["progress_max"] == 4


# What the official client's ProgressReporter does.
REPORTER = """
import json, time
from pathlib import Path
file = Path(json.loads(Path(".oda_api_context").read_text())["callback"].removeprefix("file://"))
time.sleep(0.5)
for words in {words!r}:
    file.write_text(words)
    time.sleep(0.5)
"""


def steps_of(path):
    """Return what a run tells, each once."""
    told = []
    run(path, report=lambda progress: told.append(dict(progress)))
    return [step for place, step in enumerate(told) if step and step not in told[:place]]


def test_a48_a_notebook_tells_itself_how_far_it_is(tmp_path):
    long = "x" * 5000
    words = [
        '{"stage": "photons", "progress": 30, "progress_max": 60, "action": "progress"}',
        '{"stage": "half wri',
        '{"stage": ["a"], "progress": NaN, "substage": "fit", "message": "' + long + '"}',
        '{"progress": 1' + "0" * 400 + "}",
        "[1]",
    ]
    path = write_notebook(
        tmp_path / "a.ipynb", REPORTER.format(words=words), "t = float(1) # oda:Float"
    )
    steps = steps_of(path)
    first, later = {"stage": "photons", "progress": 30, "progress_max": 60}, {"substage": "fit"}
    assert first in steps
    assert {**later, "message": long[:1000]} in steps
    # Before and after its words the cells are told.
    assert steps[0]["stage"].startswith("cell ")


def test_a48_the_official_reporter_is_heard(tmp_path):
    folder = Path(peer_python("oda")).parents[1]
    (packages,) = folder.glob("lib/python3*/site-packages")
    report = (
        f"import sys, time; sys.path.append({str(packages)!r})\n"
        "from oda_api.api import ProgressReporter\n"
        "ProgressReporter().report_progress(stage='photons', progress=40, message='two of five')\n"
        "time.sleep(1)"
    )
    path = write_notebook(tmp_path / "a.ipynb", report, "t = float(1) # oda:Float")
    told = {"stage": "photons", "progress": 40, "progress_max": 100.0, "message": "two of five"}
    assert any(told.items() <= step.items() for step in steps_of(path))


def test_nothing_of_the_notebook_runs_here_and_no_secret_goes_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ODA_TOKEN", "secret-token")
    (tmp_path / "beside.py").write_text("word = 'from beside'")
    words = (
        "import os, beside\n"
        "t = f\"{os.getpid()} {os.environ.get('ODA_TOKEN')} {beside.word}\" # oda:ODATextProduct"
    )
    products = run(write_notebook(tmp_path / "a.ipynb", words))
    pid, token, *rest = products["text_product_list"][0]["value"].split()
    assert int(pid) != os.getpid()
    assert (token, rest) == ("None", ["from", "beside"])
