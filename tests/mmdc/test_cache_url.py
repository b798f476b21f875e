"""A client whose ``cache_dir`` is an URL reads observations from there."""

from __future__ import annotations

import shutil

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.cache import Box
from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.schema.tables import wire_values

pytest.importorskip("fsspec")

MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")
MRK501 = SkyCoord(253.467569, 39.760169, unit="deg")


@pytest.fixture
def mirror(server, tmp_path):
    """A client that reads what another one has fetched."""
    kept = MMDCClass(server.url, cache_dir=tmp_path / "kept")
    kept.query_region(MRK421, 30 * u.arcsec)
    kept.cache.close()
    shutil.copytree(tmp_path / "kept", tmp_path / "mirror")
    return MMDCClass(server.url, cache_dir=(tmp_path / "mirror").as_uri())


@pytest.mark.parametrize("options", [{}, {"catalog": "MAGIC"}, {"ordering": "-flux"}])
def test_what_it_holds_needs_no_service(mmdc, mirror, server, options):
    expected = mmdc.query_region(MRK421, 10 * u.arcsec, **options)
    asked = len(server.requests)
    for offline in (False, True):
        with conf.set_temp("offline", offline):
            found = mirror.query_region(MRK421, 10 * u.arcsec, **options)
        assert found.meta["mmdc"]["from_cache"]
        assert found.colnames == expected.colnames
        for name in found.colnames:
            assert wire_values(found[name]) == wire_values(expected[name]), name
    assert len(server.requests) == asked


def test_what_it_does_not_hold_is_asked_and_not_kept(mirror, server):
    asked = len(server.requests)
    for _ in range(2):
        assert len(mirror.query_region(MRK501)) > 100
    assert len(server.requests) == asked + 2


def test_the_rest_of_the_cache(mirror):
    box = Box(166.0, 166.2, 38.1, 38.3)
    assert len(mirror.cache.query_region(box)) == 105
    found = mirror.cache.crossmatch(SkyCoord([MRK501, MRK421]), 2 * u.arcsec)
    assert found["query_index"].tolist() == [1]
    assert mirror.cache.coverage().contains_skycoords(MRK421)
    assert mirror.cache.info()["open_segments"] == 1


def test_writing_says_why_not(mirror):
    with pytest.raises(CacheError, match="is for reading only; give a folder to fetch into"):
        mirror.cache.prefetch(["Mrk 501"], progress=False)
    with pytest.raises(CacheError, match="for reading only"):
        mirror.cache.compact()
    with pytest.raises(CacheError, match="for reading only"):
        mirror.cache.clear()


def test_the_environment_may_name_it(mirror, server, monkeypatch):
    monkeypatch.setenv("MMDC_CACHE_DIR", mirror.cache_url)
    other = MMDCClass(server.url)
    assert other.cache.url == mirror.cache.url
    assert other.cache.info()["url"] == mirror.cache.url
    # Jobs are noted in a folder all the same.
    assert "://" not in str(other.journal)
