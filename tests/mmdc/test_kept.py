"""SEDs, sources and names that were asked once answer without a network."""

from __future__ import annotations

import pytest

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.exceptions import (
    OfflineError,
    ParseError,
    ResolverError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.kept import Answers


@pytest.fixture
def keeping(server, tmp_path):
    """A client with a folder of its own, which therefore remembers a local server too."""
    mmdc = MMDCClass(server.url, cache_dir=tmp_path)
    yield mmdc
    mmdc.cache.close()


def _same(first, second):
    assert first.colnames == second.colnames
    assert first.pformat(max_lines=-1) == second.pformat(max_lines=-1)


@pytest.mark.parametrize("options", [{}, {"catalogs": ["MAGIC"]}, {"mjd_start": 54000}])
def test_an_sed_offline(keeping, server, options):
    sed = keeping.query_sed("Mrk 421", **options)
    asked = len(server.requests)
    steps = []
    with conf.set_temp("offline", True):
        again = keeping.query_sed("mrk  421", progress=steps.append, **options)
        with pytest.raises(OfflineError, match=r"has on Mrk 421 \(sed, for these filters\)"):
            keeping.query_sed("Mrk 421", catalogs=["RATAN"])
    assert len(server.requests) == asked
    _same(sed, again)
    assert again.source == sed.source
    assert again.meta["mmdc"]["from_cache"]
    assert again.meta["mmdc"]["job_id"] == sed.meta["mmdc"]["job_id"]
    assert steps[-1].status == "done"


def test_many_seds_and_sources_offline(keeping, server):
    names = ["Mrk 421", "Mrk 501"]
    seds, sources = keeping.query_sed(names), keeping.query_source(names)
    with conf.set_temp("offline", True):
        _same(seds, keeping.query_sed(names, refresh=True))
        _same(sources, keeping.query_source(names))
        handle = keeping.query_source_async("Mrk 421")
        assert handle.get_data().redshift == 0.03
        with pytest.raises(OfflineError, match="source, for these filters"):
            keeping.query_source("166.1 +38.1")


def test_a_job_offline(keeping):
    sed = keeping.query_sed("Mrk 421")
    job_id = sed.meta["mmdc"]["job_id"]
    with conf.set_temp("offline", True):
        _same(keeping.get_job(job_id).get_data(), sed)
    newer = keeping.query_sed("Mrk 421", refresh=True).meta["mmdc"]["job_id"]
    with conf.set_temp("offline", True):
        with pytest.raises(OfflineError, match=f"job {job_id}"):
            keeping.get_job(job_id).get_data()
        keeping.get_job(newer).get_data()
    first = keeping.get_job(job_id).get_data()
    with conf.set_temp("offline", True):
        _same(keeping.get_job(job_id).get_data(), first)


def test_names_offline(keeping, server):
    position = keeping.resolve_name(["Mrk 421", "PKS 1510-089"])
    asked = len(server.requests)
    with conf.set_temp("offline", True):
        assert (keeping.resolve_name(["mrk 421", "PKS 1510-089"]) == position).all()
        with pytest.raises(OfflineError, match="position of 'PKS 1510\\+089' is not held"):
            keeping.resolve_name("PKS 1510+089")
    assert len(server.requests) == asked


def test_a_service_that_is_down(keeping, faults):
    sed, position = keeping.query_sed("166.113808 +38.208833"), keeping.resolve_name("Mrk 421")
    faults.error(503)
    with pytest.warns(StaleResultWarning, match="the answer of 2"):
        _same(sed, keeping.query_sed("166.113808 +38.208833"))
    with conf.set_temp("stale_if_error", False), pytest.raises(ServiceUnavailableError):
        keeping.query_sed("166.113808 +38.208833")
    with pytest.warns(StaleResultWarning):
        assert keeping.resolve_name("Mrk 421") == position
    with pytest.raises(ResolverError):
        keeping.resolve_name("Mrk 501")


def test_nothing_is_kept_unless_it_may_be(mmdc, keeping, server):
    mmdc.query_sed("Mrk 421")
    with conf.set_temp("cache", False):
        keeping.query_sed("Mrk 421")
    with conf.set_temp("offline", True):
        for client in (mmdc, keeping):
            with pytest.raises(OfflineError, match="position of 'Mrk 421' is not held locally"):
                client.query_sed("Mrk 421")
    keeping.query_sed("Mrk 421")
    keeping.cache.clear()
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        keeping.query_sed("Mrk 421")


def test_an_answer_that_cannot_be_read_is_not_kept(keeping, faults):
    faults.half_json("/api/sed/", times=1)
    with pytest.raises(ParseError):
        keeping.query_sed("166.113808 +38.208833")
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        keeping.query_sed("166.113808 +38.208833")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 2}', b"\xff\xfe"])
def test_a_damaged_file_counts_as_nothing(tmp_path, content):
    answers = Answers(tmp_path)
    answers.put("sed", {"ra": 1.0}, {"sed": {}})
    assert answers.get("sed", {"ra": 1.0}).content == {"sed": {}}
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(content)
    assert answers.get("sed", {"ra": 1.0}) is None


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path):
    (tmp_path / "sed").touch()
    Answers(tmp_path).put("sed", {"ra": 1.0}, {})
    assert Answers(tmp_path).get("sed", {"ra": 1.0}) is None
