from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from astroquery_mmdc.server import serving
from astroquery_mmdc.server.emission_engine import EmissionEngine
from astroquery_mmdc.server.fit_exchange import Method

from .conftest import FakeEngine

TESTS = Path(__file__).parents[1]
CALLS = Path(__file__).parent / "data" / "sdk_calls.py"
FIT = Path(__file__).parent / "data" / "sdk_fit.py"


@pytest.mark.parametrize(
    ("fixture", "version", "options"),
    [
        # 0.2.1 does not say who it is: the service no longer lets it compute models.
        ("sdk_python", "0.2.1", {"identification": False}),
        ("newest_sdk_python", "0.2.13", {}),
        ("newest_sdk_python", "0.2.13", {"sed_seconds": 0.2, "swift_seconds": 0.1}),
    ],
)
def test_every_documented_method(
    request: pytest.FixtureRequest, fixture: str, version: str, options: dict[str, object]
) -> None:
    python = request.getfixturevalue(fixture)
    with serving(engine=FakeEngine(), **options) as url:
        done = subprocess.run(
            [python, str(CALLS), url],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"astro-mmdc {version}: every call answered\n"


@pytest.mark.parametrize(
    ("fixture", "method"),
    [
        ("sdk_python", "least-squares"),
        ("newest_sdk_python", "least-squares"),
        pytest.param("newest_sdk_python", "importance", marks=pytest.mark.slow),
    ],
)
def test_a_fit_from_the_csv_to_the_report(
    request: pytest.FixtureRequest, fixture: str, method: Method, tmp_path: Path
) -> None:
    pytest.importorskip("numba")
    python = request.getfixturevalue(fixture)
    csv = tmp_path / "mrk421.csv"
    options = {"engine": EmissionEngine(method=method), "identification": False}
    with serving(**options) as url:
        rows = httpx.post(url + "/api/sed/", json={"ra": 166.1138, "dec": 38.2088}).json()["sed"]
        columns = zip(rows["freq_hz"], rows["nufnu"], rows["nufnu_err"], strict=True)
        lines = [",".join(map(repr, row)) for row in columns if row[0] > 1e11 and row[2]]
        csv.write_text("\n".join(["frequency,flux,flux_err", *lines, ""]))
        command = [python, str(FIT), url, str(csv)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    samples = int(done.stdout.split()[0])
    assert (samples >= 1000) == (method == "importance")
