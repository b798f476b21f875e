"""Fixtures of all rooms: a local server on the sample, and clients that remember nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import stamina

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.server import Faults, LocalServer

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """Folder of real measurements beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real measurements is not there")
    return SHARED


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch, tmp_path_factory):
    """Keep the user's configuration, keys and files out of the tests."""
    for name in ("MMDC_SERVER", "MMDC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MMDC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(autouse=True)
def _no_pauses():
    """Try again at once; tests of the pauses themselves switch this off."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def faults():
    return Faults()


@pytest.fixture
def server(faults):
    with LocalServer(faults=faults) as running:
        yield running


@pytest.fixture
def mmdc(server):
    return MMDCClass(server.url, app="tests")


@pytest.fixture
def python_env():
    """Environment of a subprocess that finds the package where the tests found it."""
    import astroquery_mmdc

    root = str(Path(astroquery_mmdc.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": root, "PYTHONWARNINGS": "error"}
