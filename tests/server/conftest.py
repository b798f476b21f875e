from __future__ import annotations

import subprocess
import sys
import threading
import uuid
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from astroquery_mmdc.exceptions import JobFailedError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.engine import FitOutcome, FitRequest, FitRun, InferenceRequest

SHARED = Path(__file__).parents[3] / "shared" / "data"
OLD_SDK = "astro-mmdc==0.2.1"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("needs the shared data beside the repository")
    return SHARED


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server


@pytest.fixture
def client(server: LocalServer) -> Iterator[httpx.Client]:
    server.faults.clear()
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture(scope="session")
def sdk_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment that holds the oldest official SDK."""
    cache = getattr(request.config, "cache", None)
    make = cache.mkdir if cache is not None else tmp_path_factory.mktemp
    folder = make("official-sdk-0.2.1")
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", OLD_SDK]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            pytest.skip(f"pip cannot install {OLD_SDK}: {done.stderr[-200:]}")
        ready.touch()
    return str(python)


@pytest.fixture(scope="session")
def newest_sdk_python() -> str:
    pytest.importorskip("astro_mmdc", reason="needs the official SDK, part of the test extra")
    return sys.executable


def make_observations(**columns: Any) -> pa.Table:
    """Return a table of observations; what is not given has a plain value."""
    size = len(columns["ra"])
    plain: dict[str, Any] = {
        "id": np.arange(1, size + 1),
        "catalog": "ZTF",
        "flux": 1e-12,
        "flux_err": 1e-13,
        "frequency": 4.7e14,
        "is_lightcurve": False,
        "is_upper_limit": False,
        "sky_identifier": 0,
        "created_at": "2026-01-01T00:00:00+04:00",
        "reference": {"citation": "Nobody N., 2026", "bibcode": None, "url": None},
    }
    rows = []
    for index in range(size):
        row = dict.fromkeys(OBSERVATION_SCHEMA.names)
        for name, value in {**plain, **columns}.items():
            is_column = isinstance(value, list | tuple | np.ndarray)
            row[name] = value[index] if is_column else value
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=OBSERVATION_SCHEMA)


class FakeEngine:
    """Computes nothing, and that only when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.fails = False
        self.fits = 0

    def infer(self, request: InferenceRequest) -> dict[str, Any]:
        self.go.wait(10)
        return {"nu": [1e12, 1e15], "nuFnu": [1e-12, request.z]}

    def fit(self, request: FitRequest, run: FitRun) -> FitOutcome:
        self.fits += 1
        while not self.go.wait(0.02):
            if run.stop.is_set():
                msg = "stopped"
                raise JobFailedError(msg)
        if self.fails:
            msg = "no convergence"
            raise ValueError(msg)
        best = {"log_B": {"value": -1.0, "error": 0.1}}
        curve = {"nu": [1e12, 1e15], "nuFnu": [1e-12, 1e-11]}
        result = {"data": {"best": curve, "0": curve}, "best_parameters": best}
        result["equal_weighted_posterior"] = [[-1.0], [-1.1]]
        result["multinest_stats"] = {"logZ": -10.0}
        return FitOutcome(result, {"pdf": b"%PDF-1.4", "csv_best_model": b"nu,nuFnu\n"})


@pytest.fixture(scope="module")
def running() -> Iterator[LocalServer]:
    with LocalServer(engine=FakeEngine(), api_keys={"tier-one": 5}) as server:
        yield server


@pytest.fixture
def engine(running: LocalServer) -> Iterator[FakeEngine]:
    engine = running.app.state.site.options.engine
    engine.fits, engine.fails = 0, False
    yield engine
    engine.go.set()


@pytest.fixture
def http(running: LocalServer, engine: FakeEngine) -> Iterator[httpx.Client]:
    # A client of its own for each test, so that limits by client start anew.
    headers = {"X-MMDC-Client": f"tests {uuid.uuid4()}"}
    with httpx.Client(base_url=running.url, headers=headers) as http:
        yield http


@pytest.fixture
def fresh() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server


@pytest.fixture
def slow() -> Iterator[LocalServer]:
    with LocalServer(sed_seconds=0.4) as server:
        yield server
