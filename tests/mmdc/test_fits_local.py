"""Fits on this machine through the client, and the same fit at the local server."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc import MMDC, MMDCClass
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError
from astroquery_mmdc.net import JobProgress
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.emission_engine import EmissionEngine
from tests import processes

pytest.importorskip("numba")

CSV = "frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e18,2e-11,1e-12\n"
WIDE = CSV + "1e25,2e-11,1e-12\n"
QUICK = {"z": 0.031, "method": "least-squares"}
HELD = {"log_gamma_min": 2.9, "lorentz_factor": 35.0}
SERVICE = {"normalization": "mmdc", "ssa": False}


@pytest.fixture(scope="module")
def running():
    with LocalServer(engine=EmissionEngine(method="least-squares")) as server:
        yield server


@pytest.fixture(scope="module")
def sed(running):
    return MMDCClass(running.url, app="tests").query_sed("Mrk 421")


def test_a_fit_is_made_here_unless_asked_otherwise(server, sed):
    result = MMDCClass(server.url).fit_model(sed, "SSC", fixed_parameters=HELD, **QUICK)
    assert not server.requests
    assert result.meta["mmdc"]["service"] == "local"
    assert result.redshift == 0.031
    assert len(result.data) == 86
    assert set(result.free) == {
        "log_B", "log_electron_luminosity", "log_gamma_cut", "log_radius", "spectral_index",
    }  # fmt: skip
    pulls = np.asarray(result.data["pull"])
    assert np.mean(pulls**2) < 2


def test_here_and_there_is_the_same(running, sed):
    mmdc = MMDCClass(running.url, app="tests")
    options = {"z": 0.031, "fixed_parameters": HELD}
    csv = io.StringIO()
    sed.select(upper_limits=False).write(csv, format="mmdc.fit")
    here = mmdc.fit_model(
        io.StringIO(csv.getvalue()), "SSC", method="least-squares", **options, **SERVICE
    )
    there = mmdc.fit_model(io.StringIO(csv.getvalue()), "SSC", where="service", **options)
    assert here.parameters["name"].tolist() == list(dict.fromkeys(here.parameters["name"]))
    mine = dict(zip(here.parameters["name"], here.parameters["value"], strict=True))
    theirs = dict(zip(there.parameters["name"], there.parameters["value"], strict=True))
    assert mine == pytest.approx(theirs)
    assert there.statistics["best_loglike"] == pytest.approx(here.statistics["best_loglike"])
    assert np.allclose(there.best.nuFnu.value, here.best.nuFnu.value)


def test_a_fit_at_the_server_that_cannot_be_made_says_why(running):
    mmdc = MMDCClass(running.url, app="tests")
    with pytest.raises(JobFailedError, match="2 detections for 7 free") as caught:
        mmdc.fit_model(io.StringIO(CSV), "SSC", z=0.031, where="service")
    assert caught.value.code == "invalid"


def test_progress_is_told(sed):
    heard = []
    MMDC.fit_model(sed, "SSC", fixed_parameters=HELD, progress=heard.append, **QUICK)
    assert all(isinstance(step, JobProgress) for step in heard)
    assert heard[-1].stage == "optimum"
    assert heard[-1].done == heard[-1].total == 100


def test_a_handle_that_is_cancelled_stops_the_fit(sed, tmp_path):
    heard = []
    path = tmp_path / "fit.npz"
    options = {"z": 0.031, "processes": 1, "checkpoint": path, "progress": heard.append}
    handle = MMDC.fit_model_async(sed, "SSC", **options)
    _until(lambda: heard)
    assert handle.cancel()
    assert handle.status == "cancelled"
    _until(lambda: not [t for t in threading.enumerate() if t.name == "mmdc-fit"])
    assert heard[-1].stage == "optimum"


SCRIPT = """
import sys, warnings
sys.path.insert(0, {root!r})
from tests.modeling.fit_tools import synthetic
from astroquery_mmdc import MMDC
told = []
def tell(step):
    told.append(step.stage)
    if len(told) == {wait}:
        print("go", flush=True)
if __name__ == "__main__":
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            result = MMDC.fit_model(synthetic(), "SSC", z=0.03, method="{method}", processes=1,
                                    n_effective=100000, progress=tell)
        except KeyboardInterrupt:
            print("nothing")
        else:
            words = " ".join(str(one.message) for one in heard)
            samples = 0 if result.posterior is None else len(result.posterior)
            print("kept", result.is_complete, "interrupted" in words, samples, flush=True)
"""


@pytest.mark.parametrize(
    ("method", "wait"), [("least-squares", 2), ("importance", 30)], ids=["optimum", "posterior"]
)
def test_ctrl_c_returns_the_best_so_far(python_env, tmp_path, method, wait):
    script = tmp_path / "script.py"
    root = str(Path(__file__).parents[2])
    script.write_text(SCRIPT.format(root=root, method=method, wait=wait))
    with processes.running([sys.executable, script], stdout=subprocess.PIPE, env=python_env) as run:
        assert run.stdout.readline() == "go\n"
        run.send_signal(signal.SIGINT)
        assert run.stdout.read().startswith("kept False True")
        assert run.wait(60) == 0


def _until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"sed_or_csv": io.StringIO(WIDE)}, "3 detections for 7 free parameters"),
        ({"sed_or_csv": io.StringIO("frequency,flux\n1,2\n")}, "column flux_err is missing"),
        ({"sed_or_csv": io.BytesIO(b"")}, "the file is empty"),
        ({"sed_or_csv": "nothing.csv"}, "sed_or_csv: nothing.csv cannot be read"),
        ({"sed_or_csv": 5}, "sed_or_csv: 5 is no file"),
        ({"where": "moon"}, "where: 'moon' is not available"),
        ({"z": 5.0}, "z: 5.0 is outside 0 < z <= 4.99"),
        ({"model_type": "SCS"}, "model_type: 'SCS' is no model"),
        ({"fixed_parameters": {"log_X": 1}}, "parameters: SSC has no 'log_X'"),
        ({"method": "magic"}, "method: 'magic' is unknown"),
        ({"colour": "red"}, "colour"),
        ({"where": "service"}, "method: the service has no such choice"),
    ],
)
def test_what_is_wrong_is_said(mmdc, server, sed, call, words):
    with pytest.raises(InvalidRequestError, match=words):
        mmdc.fit_model(**{"sed_or_csv": sed, "model_type": "SSC", **QUICK, **call})
    assert not server.requests


@pytest.mark.slow
def test_the_posterior_is_the_default(sed):
    result = MMDC.fit_model(sed, "SSC", z=0.031, fixed_parameters=HELD, processes=1)
    assert result.statistics["n_effective"] >= 2000
    assert result.log_evidence_err < 0.2
    assert len(result.posterior) >= 1000


HADRONIC = {"z": 0.1, "model_type": "hadronic", "likelihood_type": "poisson"}


def test_counts_of_neutrinos_need_more_than_the_service_asks_for(sed):
    with pytest.raises(InvalidRequestError, match="likelihood_type: 'poisson' needs the effective"):
        MMDC.fit_model(sed, n_icecube=3, dt=12.0, **HADRONIC)


def test_one_neutrino_term_is_enough(sed):
    chi2 = {"likelihood_type": "chi2", "x1": 10.0, "x2": 1000.0, "y": -11.0}
    with pytest.raises(InvalidRequestError, match="neutrinos: given, and likelihood_type='chi2'"):
        MMDC.fit_model(sed, neutrinos=object(), **{**HADRONIC, **chi2})
