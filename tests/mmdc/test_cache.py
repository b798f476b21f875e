"""What was asked once is answered from disk, and exactly as the service would."""

from __future__ import annotations

import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.exceptions import (
    MaxResultsWarning,
    NoResultsWarning,
    OfflineError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.schema.arrow import observations_to_arrow
from astroquery_mmdc.schema.pending import PendingColumns
from astroquery_mmdc.schema.tables import wire_values
from astroquery_mmdc.server import LocalServer

MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")
MRK501 = SkyCoord(253.467569, 39.760169, unit="deg")


def _same(table, other):
    assert table.colnames == other.colnames
    for name in table.colnames:
        assert wire_values(table[name]) == wire_values(other[name]), name
        assert getattr(table[name], "unit", None) == getattr(other[name], "unit", None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"catalog": "MAGIC"},
        {"ordering": "-flux"},
        {"ordering": "sep_arcsec"},
        {"mjd_min": 54000, "mjd_max": 56000},
        {"is_upper_limit": False, "is_lightcurve": False},
    ],
)
def test_the_second_answer_comes_from_disk_and_is_the_same(mmdc, remembering, server, options):
    direct = mmdc.query_region(MRK421, 10 * u.arcsec, **options)
    first = remembering.query_region(MRK421, 10 * u.arcsec, **options)
    asked = len(server.requests)
    second = remembering.query_region(MRK421, 10 * u.arcsec, **options)
    assert len(server.requests) == asked
    _same(first, direct)
    _same(second, direct)
    assert second.meta["mmdc"]["from_cache"]


def test_tighter_filters_and_smaller_cones_need_no_question(mmdc, remembering, server):
    remembering.query_region(MRK421, 30 * u.arcsec)
    asked = len(server.requests)
    tight = remembering.query_region(MRK421, 5 * u.arcsec, catalog="RATAN", mjd_min=54000)
    assert len(server.requests) == asked
    _same(tight, mmdc.query_region(MRK421, 5 * u.arcsec, catalog="RATAN", mjd_min=54000))


def test_looser_filters_are_asked_again(remembering, server):
    remembering.query_region(MRK421, catalog="RATAN")
    asked = len(server.requests)
    assert len(remembering.query_region(MRK421)) > 50
    assert len(server.requests) == asked + 1


def test_that_there_is_nothing_is_remembered_too(remembering, server):
    with pytest.warns(NoResultsWarning):
        remembering.query_region("10 10")
    asked = len(server.requests)
    with pytest.warns(NoResultsWarning):
        assert len(remembering.query_region("10 10")) == 0
    assert len(server.requests) == asked


def test_many_positions_ask_only_for_those_that_are_not_known(mmdc, remembering, server):
    remembering.query_region(MRK421)
    asked = len(server.requests)
    both = SkyCoord([MRK421, MRK501])
    table = remembering.query_region(both)
    assert len(server.requests) == asked + 1
    _same(table, mmdc.query_region(both))


def test_a_limit(mmdc, remembering, server):
    """A glance at an unknown region is not fetched whole; at a known one it costs nothing."""
    with pytest.warns(MaxResultsWarning):
        assert len(remembering.query_region(MRK421, row_limit=5)) == 5
    assert "limit=6" in server.requests[-1].query
    remembering.query_region(MRK421)
    asked = len(server.requests)
    with pytest.warns(MaxResultsWarning, match="only the first 5 rows"):
        first = remembering.query_region(MRK421, row_limit=5, ordering="-flux")
    assert len(server.requests) == asked
    with pytest.warns(MaxResultsWarning):
        _same(first, mmdc.query_region(MRK421, row_limit=5, ordering="-flux"))


def test_refresh_asks_again(remembering, server):
    remembering.query_region(MRK421)
    asked = len(server.requests)
    remembering.query_region(MRK421, refresh=True)
    assert len(server.requests) == asked + 1
    assert len(remembering.query_region(MRK421)) == 105


def test_what_is_too_old_is_asked_again(remembering, server):
    remembering.query_region(MRK421)
    asked = len(server.requests)
    with conf.set_temp("cache_timeout", 0.0):
        remembering.query_region(MRK421)
    assert len(server.requests) == asked + 1
    with conf.set_temp("cache_timeout", -1.0):
        remembering.query_region(MRK421)
    assert len(server.requests) == asked + 1


def test_a_service_that_is_down_leaves_what_is_known(remembering, faults):
    known = remembering.query_region(MRK421)
    faults.error(503)
    with conf.set_temp("cache_timeout", 0.0):
        with pytest.warns(StaleResultWarning, match="what is known from before is returned"):
            _same(remembering.query_region(MRK421), known)
        with conf.set_temp("stale_if_error", False), pytest.raises(ServiceUnavailableError):
            remembering.query_region(MRK421)
    with pytest.raises(ServiceUnavailableError):
        remembering.query_region(MRK501)


def test_offline(remembering, server):
    known = remembering.query_region(MRK421)
    asked = len(server.requests)
    with conf.set_temp("offline", True):
        _same(remembering.query_region(MRK421), known)
        with pytest.raises(OfflineError, match=r"cone of 5 arcsec around 253\.46757 \+39\.76017"):
            remembering.query_region(MRK501)
        with conf.set_temp("cache_timeout", 0.0), pytest.warns(StaleResultWarning):
            _same(remembering.query_region(MRK421), known)
    assert len(server.requests) == asked


def test_another_process_finds_what_this_one_asked(remembering, server, tmp_path):
    known = remembering.query_region(MRK421)
    other = MMDCClass(server.url, cache_dir=tmp_path)
    asked = len(server.requests)
    _same(other.query_region(MRK421), known)
    assert len(server.requests) == asked
    other.cache.close()


def test_a_local_server_is_asked_every_time_unless_told_otherwise(mmdc, server):
    mmdc.query_region(MRK421)
    mmdc.query_region(MRK421)
    assert len(server.requests) == 2
    mmdc.query_region(MRK421, cache=True)
    mmdc.query_region(MRK421, cache=True)
    assert len(server.requests) == 3
    assert not mmdc.remembers(False)
    assert MMDCClass("https://mmdc.am").remembers(None)
    with conf.set_temp("cache", False):
        assert not MMDCClass("https://mmdc.am").remembers(None)
    mmdc.cache.close()


def test_nothing_is_kept_of_an_answer_that_cannot_be_read(remembering, faults, server):
    from astroquery_mmdc.exceptions import ParseError

    faults.half_json("/api/observations/", times=1)
    with pytest.raises(ParseError):
        remembering.query_region(MRK421)
    assert len(remembering.query_region(MRK421)) == 105


def test_random_cones_on_real_data_are_those_of_the_service(shared, tmp_path):
    rng = np.random.default_rng(3)
    with LocalServer(shared / "data" / "blazar_seds") as running:
        direct, kept = MMDCClass(running.url), MMDCClass(running.url, cache_dir=tmp_path)
        sources = direct.query_criteria(row_limit=-1)
        pick = rng.integers(0, len(sources), 12)
        centers = SkyCoord(sources["ra"][pick], sources["dec"][pick])
        centers = centers.directional_offset_by(
            rng.uniform(0, 360, 12) * u.deg, rng.uniform(0, 60, 12) * u.arcsec
        )
        for radius in (2 * u.arcsec, 40 * u.arcsec, 0.5 * u.deg):
            _same(kept.query_region(centers, radius), direct.query_region(centers, radius))
            _same(kept.query_region(centers, radius), direct.query_region(centers, radius))
        kept.cache.close()


def test_light_curves_and_handles_come_from_disk_too(shared, tmp_path):
    with LocalServer(shared / "data" / "ztf") as running:
        direct, kept = MMDCClass(running.url), MMDCClass(running.url, cache_dir=tmp_path)
        position = SkyCoord(359.9996, 51.3937, unit="deg")
        expected = direct.query_lightcurve(position, "5 arcsec")
        first = kept.query_lightcurve(position, "5 arcsec")
        asked = len(running.requests)
        handle = kept.query_lightcurve_async(position, "5 arcsec")
        assert handle.done()
        assert len(running.requests) == asked
        for table in (first, handle.get_data()):
            assert (table["time"] == expected["time"]).all()
            assert wire_values(table["flux"]) == wire_values(expected["flux"])
        kept.cache.close()


def test_ingest_and_crossmatch(mmdc, remembering, server):
    everything = mmdc.query_criteria()
    asked = len(server.requests)
    assert remembering.cache.ingest(everything, complete=True) == len(everything)
    with pytest.warns(NoResultsWarning):
        remembering.query_region("10 10", 1 * u.deg)
    assert len(remembering.query_region(MRK421)) == 105
    magic = remembering.query_criteria(catalog="MAGIC", ordering="-flux")
    assert len(server.requests) == asked
    _same(magic, mmdc.query_criteria(catalog="MAGIC", ordering="-flux"))
    found = remembering.cache.crossmatch(SkyCoord([MRK501, MRK421]), 2 * u.arcsec)
    assert found["query_index"].tolist() == [0, 1]
    assert found["separation"].max() < 2 * u.arcsec


def test_prefetch_asks_for_what_is_missing_and_can_be_repeated(remembering, server, faults):
    faults.error(500, "/api/observations/", times=1)
    first = remembering.cache.prefetch(["Mrk 421", "Mrk 501"], progress=False)
    assert (first.asked, len(first.failed)) == (1, 1)
    second = remembering.cache.prefetch(["Mrk 421", "Mrk 501"], progress=False)
    assert (second.asked, second.known, second.failed) == (1, 1, {})
    assert first.rows + second.rows == 225
    asked = len(server.requests)
    assert len(remembering.query_region(SkyCoord([MRK421, MRK501]))) == 225
    assert len(server.requests) == asked


def test_prefetch_of_a_region(remembering, server):
    from astroquery_mmdc.cache.regions import Box

    done = remembering.cache.prefetch(region=Box(166.0, 166.2, 38.1, 38.3), progress=False)
    assert done.rows == 105
    asked = len(server.requests)
    assert len(remembering.query_region(MRK421, 1 * u.arcmin)) == 105
    assert len(server.requests) == asked


def test_regions_and_bundles(remembering, server, tmp_path_factory):
    from astroquery_mmdc.cache.regions import Box

    remembering.query_region(SkyCoord([MRK421, MRK501]))
    inside = remembering.cache.query_region(Box(166, 167, 38, 39))
    assert len(inside) == 105
    bundle = tmp_path_factory.mktemp("bundle") / "mrk421.zip"
    assert remembering.cache.export(bundle, Box(166, 167, 38, 39)) == 105
    other = MMDCClass(server.url, cache_dir=tmp_path_factory.mktemp("other"))
    assert other.cache.import_bundle(bundle) == 105
    with conf.set_temp("offline", True):
        _same(other.query_region(MRK421), remembering.query_region(MRK421))
    assert other.cache.verify().is_good
    assert other.cache.info()["rows"] == 105
    other.cache.close()


def test_criteria_offline_need_a_complete_mirror(remembering, server):
    remembering.query_region(MRK421)
    assert len(remembering.query_criteria(catalog="MAGIC")) > 0
    with (
        conf.set_temp("offline", True),
        pytest.raises(OfflineError, match=r"not all of the sky .* complete=True"),
    ):
        remembering.query_criteria(catalog="MAGIC")


@pytest.fixture
def mirror(mmdc, remembering):
    """A client that holds everything the service has."""
    remembering.cache.ingest(mmdc.query_criteria(), complete=True)
    return remembering


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_lightcurve": False, "mjd_min": 54000, "mjd_max": 56000},
        {"catalog": "MAGIC", "ordering": "-mjd_start"},
        {"catalog": "RATAN", "ordering": "flux", "is_upper_limit": False},
    ],
)
def test_criteria_of_a_complete_mirror_need_no_question(mmdc, mirror, server, options):
    expected = mmdc.query_criteria(**options)
    asked = len(server.requests)
    table = mirror.query_criteria(**options)
    assert len(server.requests) == asked
    _same(table, expected)
    facts, of_the_service = table.meta["mmdc"], expected.meta["mmdc"]
    assert facts["from_cache"]
    assert facts["query"] == of_the_service["query"]
    assert facts["retrieved"] <= of_the_service["retrieved"]


def test_a_limit_of_criteria(mmdc, mirror, server):
    with pytest.warns(MaxResultsWarning, match="only the first 7 rows"):
        expected = mmdc.query_criteria(ordering="-flux", row_limit=7)
    asked = len(server.requests)
    with pytest.warns(MaxResultsWarning, match="only the first 7 rows"):
        _same(mirror.query_criteria(ordering="-flux", row_limit=7), expected)
    assert len(server.requests) == asked


def test_criteria_are_answered_where_all_rows_of_a_catalogue_are_known(mmdc, remembering, server):
    whole_sky = np.array([WHOLE_SKY], dtype=np.int64)
    rows = observations_to_arrow(mmdc.query_criteria(catalog="MAGIC"))
    key = '{"catalog":"MAGIC"}'
    remembering.cache.store.put(rows, key=key, ranges=whole_sky, fetched=time.time())
    asked = len(server.requests)
    early = remembering.query_criteria(catalog="MAGIC", mjd_max=55000)
    assert len(server.requests) == asked
    _same(early, mmdc.query_criteria(catalog="MAGIC", mjd_max=55000))
    remembering.query_criteria(catalog="RATAN")
    assert len(server.requests) == asked + 2


def test_a_mirror_that_is_too_old(mirror, server, faults):
    known = mirror.query_criteria(catalog="MAGIC")
    asked = len(server.requests)
    with conf.set_temp("cache_timeout", 0.0):
        assert "from_cache" not in mirror.query_criteria(catalog="MAGIC").meta["mmdc"]
        assert len(server.requests) == asked + 1
        with (
            conf.set_temp("offline", True),
            pytest.warns(StaleResultWarning, match="older than conf.cache_timeout"),
        ):
            _same(mirror.query_criteria(catalog="MAGIC"), known)
        faults.error(503)
        with pytest.warns(StaleResultWarning, match="what is known from before is returned"):
            _same(mirror.query_criteria(catalog="MAGIC"), known)
        with conf.set_temp("stale_if_error", False), pytest.raises(ServiceUnavailableError):
            mirror.query_criteria(catalog="MAGIC")


def test_criteria_without_a_mirror_and_without_the_service(remembering, faults):
    faults.error(503)
    with pytest.raises(ServiceUnavailableError):
        remembering.query_criteria(catalog="MAGIC")


def test_refresh_asks_for_criteria_again(mirror, server):
    asked = len(server.requests)
    mirror.query_criteria(catalog="MAGIC", refresh=True)
    assert len(server.requests) == asked + 1


def test_columns_of_an_answer_from_disk_wait_until_they_are_looked_at(mmdc, remembering):
    direct = mmdc.query_region(MRK421, 10 * u.arcsec)
    remembering.query_region(MRK421, 10 * u.arcsec)
    table = remembering.query_region(MRK421, 10 * u.arcsec)
    assert isinstance(table.columns, PendingColumns)
    assert len(table) == len(direct)
    table["ra"] += 1 * u.deg
    np.testing.assert_array_equal(table["separation"], direct["separation"])
    for name in direct.colnames:
        assert table[name].info.description == direct[name].info.description
        assert table[name].info.meta == direct[name].info.meta
    assert type(table.columns) is PendingColumns
    assert len(list(table.columns.values())) == len(direct.colnames)
    assert not isinstance(table.columns, PendingColumns)


def test_distances_are_those_of_astropy(remembering):
    remembering.query_region(MRK421, 10 * u.arcsec)
    table = remembering.query_region(MRK421, 10 * u.arcsec)
    expected = SkyCoord(table["ra"], table["dec"]).separation(MRK421).to(u.arcsec)
    np.testing.assert_allclose(table["separation"].value, expected.value, rtol=0, atol=1e-9)
