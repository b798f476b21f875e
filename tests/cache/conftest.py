"""Stores that the tests of the cache share: one that is full, and one on a web server."""

from __future__ import annotations

import shutil

import pytest

from astroquery_mmdc.cache import ObservationCache

from .store_helpers import PLACES, around, crowded_sky, fetch, observations


@pytest.fixture(scope="session")
def sky():
    """Rows around `PLACES` and all over the sky."""
    return crowded_sky()


@pytest.fixture(scope="session")
def full(sky, tmp_path_factory):
    """A store of all these rows, for reading."""
    with ObservationCache(tmp_path_factory.mktemp("full")) as cache:
        assert cache.ingest(sky, complete=True) == sky.num_rows
        yield cache


@pytest.fixture
def cache(tmp_path):
    """An empty store."""
    with ObservationCache(tmp_path / "store") as cache:
        yield cache


@pytest.fixture(scope="session")
def _mirror_template(tmp_path_factory, sky):
    many = observations(*around(200.0, 10.0, 40_000, 7200), first_id=1_000_000)
    path = tmp_path_factory.mktemp("remote") / "store"
    with ObservationCache(path) as store:
        store.ingest([sky, many])
        fetch(store, sky.slice(0, 700), *PLACES[0], 60.0, at=2000.0)
        fetch(store, sky, *PLACES[1], 60.0, key='{"catalog":"ZTF"}', at=3000.0)
    return path


@pytest.fixture
def mirror(_mirror_template, tmp_path):
    """The folder of a store with a generation of several row groups and fetches since."""
    return shutil.copytree(_mirror_template, tmp_path / "store")


@pytest.fixture
def web(mirror):
    """A web server with that folder."""
    pytest.importorskip("aiohttp")
    from .web import on_the_web

    with on_the_web(mirror) as running:
        yield running


@pytest.fixture
def remote(web, tmp_path):
    """The store on that web server."""
    from astroquery_mmdc.cache import RemoteCache

    with RemoteCache(web.url, keep=tmp_path / "kept", check_after=3600.0) as store:
        yield store
