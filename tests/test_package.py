"""The package as a whole: what an import costs and what it gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import astroquery_mmdc


def _modules_after(statement, env):
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy(python_env):
    loaded = _modules_after("import astroquery_mmdc", python_env)
    heavy = {
        "astroquery.query",
        "astropy.table",
        "astropy.coordinates",
        "httpx",
        "pyarrow",
        "healpy",
        "matplotlib",
        "starlette",
        "keyring",
        "anyio",
        "stamina",
    }
    assert not heavy & loaded


def test_the_client_loads_neither_server_nor_plotting(python_env):
    loaded = _modules_after("from astroquery_mmdc import MMDC", python_env)
    heavy = {
        "pyarrow",
        "healpy",
        "scipy",
        "matplotlib",
        "pandas",
        "starlette",
        "uvicorn",
        "bokeh",
        "astroquery_mmdc.server",
        "astroquery_mmdc.plotting",
    }
    assert not heavy & loaded


def test_the_store_of_the_cache_loads_no_tables(python_env):
    loaded = _modules_after("from astroquery_mmdc.cache import ObservationCache", python_env)
    heavy = {
        "astropy.table",
        "astropy.coordinates",
        "fsspec",
        "healpy",
        "mocpy",
        "numba",
        "pyarrow.dataset",
    }
    assert not heavy & loaded


def test_the_parameters_of_models_load_no_compiler(python_env):
    loaded = _modules_after("from astroquery_mmdc.modeling import MODELS", python_env)
    assert not {"numba", "scipy", "ebltable"} & loaded


def test_making_a_client_touches_no_network(python_env):
    code = """
import socket
def no(*a, **k): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = no
from astroquery_mmdc import MMDC, MMDCClass
MMDCClass("http://192.0.2.1"), MMDC()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", astroquery_mmdc.__all__)
def test_every_public_name_is_there(name):
    assert name in dir(astroquery_mmdc)
    assert getattr(astroquery_mmdc, name) is not None


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = astroquery_mmdc.nothing


def test_it_is_an_astroquery_class():
    from astroquery.query import BaseQuery

    assert isinstance(astroquery_mmdc.MMDC, BaseQuery)
    assert astroquery_mmdc.MMDC.name == "MMDC"
    assert astroquery_mmdc.MMDC(timeout=3).client.timeout == 3


def test_errors_are_those_of_astroquery_too():
    import builtins

    from astroquery import exceptions as theirs

    from astroquery_mmdc import exceptions as ours

    assert issubclass(ours.InvalidRequestError, theirs.InvalidQueryError | ValueError)
    assert issubclass(ours.JobTimeoutError, theirs.TimeoutError)
    assert issubclass(ours.JobTimeoutError, builtins.TimeoutError)
    assert issubclass(ours.ServiceError, theirs.RemoteServiceError)
    assert issubclass(ours.ResolverError, theirs.ResolverError)
    assert ours.NoResultsWarning is theirs.NoResultsWarning
