"""``mmdc fit``: from a file to best values, a report and a result that can be loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from astropy.table import QTable

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.modeling import FitResult
from astroquery_mmdc.server import LocalServer

pytest.importorskip("numba")

MMDC = [sys.executable, "-c", "from astroquery_mmdc.cli import main; main(prog_name='mmdc')"]
QUICK = ["--model", "ssc", "--z", "0.031", "--method", "least-squares"]


@pytest.fixture(scope="module")
def sed():
    with LocalServer() as running:
        return MMDCClass(running.url, app="tests").query_sed("Mrk 421")


@pytest.fixture
def fit(python_env, tmp_path):
    def call(*arguments, **env):
        return subprocess.run(
            [*MMDC, "fit", *arguments],
            env={**python_env, "COLUMNS": "120", **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )

    return call


def test_a_fit_with_everything(fit, sed, tmp_path):
    sed.write(tmp_path / "sed.csv", format="mmdc.csv")
    files = ["--report", "fit.pdf", "--save", "fit.zip", "-o", "best.ecsv"]
    done = fit("sed.csv", *QUICK, "--fix", "log_gamma_min=2.9", *files, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["log_gamma_min"]["is_fixed"]
    assert rows["log_gamma_min"]["value"] == 2.9
    assert -3 < rows["log_B"]["value"] < 0
    assert (tmp_path / "fit.pdf").read_bytes()[:5] == b"%PDF-"
    assert len(QTable.read(tmp_path / "best.ecsv")) == 7
    loaded = FitResult.load(tmp_path / "fit.zip")
    assert loaded.redshift == 0.031
    assert len(loaded.data) == 86
    assert [line for line in done.stderr.splitlines() if not line.startswith("wrote ")] == []


def test_files_of_other_kinds_are_fitted_too(fit, sed, tmp_path):
    sed.write(tmp_path / "sed.ecsv")
    done = fit("sed.ecsv", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "spectral_index" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["two.csv", *QUICK], "2 detections for 7 free parameters"),
        (["two.csv", *QUICK, "--fix", "log_B"], "fix: 'log_B': no = in it"),
        (["two.csv", *QUICK, "--fix", "log_B=99"], "log_B: 99.0 is outside"),
        (["two.csv", "--model", "ssx", "--z", "1"], "model_type: 'ssx' is no model"),
        (["two.csv", "--model", "ssc", "--z", "-1"], "z: -1.0 is outside"),
        (["two.csv", "--model", "ssc", "--z", "1", "--method", "x"], "method: 'x' is unknown"),
        (["bad.csv", *QUICK], "column flux_err is missing"),
        (["two.csv", *QUICK, "--where", "service"], "method: the service has no such choice"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(fit, tmp_path, arguments, words):
    (tmp_path / "two.csv").write_text(
        "frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e15,1e-11,1e-12\n"
    )
    (tmp_path / "bad.csv").write_text("frequency,flux\n1e14,1e-11\n")
    done = fit(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in done.stderr
