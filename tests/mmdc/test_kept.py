"""SEDs, sources and names that were asked once answer without a network."""

from __future__ import annotations

import os

import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.exceptions import (
    OfflineError,
    ParseError,
    ResolverError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.kept import Answers


def _same(first, second):
    assert first.colnames == second.colnames
    assert first.pformat(max_lines=-1) == second.pformat(max_lines=-1)


@pytest.mark.parametrize("options", [{}, {"catalogs": ["MAGIC"]}, {"mjd_start": 54000}])
def test_an_sed_offline(remembering, server, options):
    sed = remembering.query_sed("Mrk 421", **options)
    asked = len(server.requests)
    steps = []
    with conf.set_temp("offline", True):
        again = remembering.query_sed("mrk  421", progress=steps.append, **options)
        with pytest.raises(OfflineError, match=r"has on Mrk 421 \(sed, for these filters\)"):
            remembering.query_sed("Mrk 421", catalogs=["RATAN"])
    assert len(server.requests) == asked
    _same(sed, again)
    assert again.source == sed.source
    assert again.meta["mmdc"]["from_cache"]
    assert again.meta["mmdc"]["job_id"] == sed.meta["mmdc"]["job_id"]
    assert steps[-1].status == "done"


def test_many_seds_and_sources_offline(remembering, server):
    names = ["Mrk 421", "Mrk 501"]
    seds, sources = remembering.query_sed(names), remembering.query_source(names)
    with conf.set_temp("offline", True):
        _same(seds, remembering.query_sed(names, refresh=True))
        _same(sources, remembering.query_source(names))
        handle = remembering.query_source_async("Mrk 421")
        assert handle.get_data().redshift == 0.03
        with pytest.raises(OfflineError, match="source, for these filters"):
            remembering.query_source("166.1 +38.1")


def test_a_job_offline(remembering):
    sed = remembering.query_sed("Mrk 421")
    job_id = sed.meta["mmdc"]["job_id"]
    with conf.set_temp("offline", True):
        _same(remembering.get_job(job_id).get_data(), sed)
    newer = remembering.query_sed("Mrk 421", refresh=True).meta["mmdc"]["job_id"]
    with conf.set_temp("offline", True):
        with pytest.raises(OfflineError, match=f"job {job_id}"):
            remembering.get_job(job_id).get_data()
        remembering.get_job(newer).get_data()
    first = remembering.get_job(job_id).get_data()
    with conf.set_temp("offline", True):
        _same(remembering.get_job(job_id).get_data(), first)


def test_names_offline(remembering, server):
    position = remembering.resolve_name(["Mrk 421", "PKS 1510-089"])
    asked = len(server.requests)
    with conf.set_temp("offline", True):
        assert (remembering.resolve_name(["mrk 421", "PKS 1510-089"]) == position).all()
        with pytest.raises(OfflineError, match="position of 'PKS 1510\\+089' is not held"):
            remembering.resolve_name("PKS 1510+089")
    assert len(server.requests) == asked


def test_a_service_that_is_down(remembering, faults):
    sed, position = (
        remembering.query_sed("166.113808 +38.208833"),
        remembering.resolve_name("Mrk 421"),
    )
    remembering.query_source("166.113808 +38.208833")
    faults.error(503)
    with pytest.warns(StaleResultWarning, match="the answer of 2"):
        _same(sed, remembering.query_sed("166.113808 +38.208833"))
    with pytest.warns(StaleResultWarning) as told:
        assert remembering.query_source(["166.113808 +38.208833"])["redshift"][0] == 0.03
    assert len(told) == 1
    with conf.set_temp("stale_if_error", False), pytest.raises(ServiceUnavailableError):
        remembering.query_sed("166.113808 +38.208833")
    with pytest.warns(StaleResultWarning):
        assert remembering.resolve_name("Mrk 421") == position
    with pytest.raises(ResolverError):
        remembering.resolve_name("Mrk 501")


def test_nothing_is_kept_unless_it_may_be(mmdc, remembering, server):
    mmdc.query_sed("Mrk 421")
    with conf.set_temp("cache", False):
        remembering.query_sed("Mrk 421")
    with conf.set_temp("offline", True):
        for client in (mmdc, remembering):
            with pytest.raises(OfflineError, match="position of 'Mrk 421' is not held locally"):
                client.query_sed("Mrk 421")
    remembering.query_sed("Mrk 421")
    remembering.cache.clear()
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        remembering.query_sed("Mrk 421")


def test_an_answer_that_cannot_be_read_is_not_kept(remembering, faults):
    faults.half_json("/api/sed/", times=1)
    with pytest.raises(ParseError):
        remembering.query_sed("166.113808 +38.208833")
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        remembering.query_sed("166.113808 +38.208833")


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


def test_what_is_kept_is_bounded_and_the_oldest_goes_first(tmp_path):
    answers = Answers(tmp_path)

    def held():
        return [n for n in range(8) if answers.get("sed", {"n": n})]

    with conf.set_temp("answers_size", 50_000):
        for number in range(8):
            answers.put("sed", {"n": number}, "x" * 9000)
            newest = max(tmp_path.rglob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            os.utime(newest, (number, number))
        assert held() == [4, 5, 6, 7]
        answers.put("name", {"name": "mrk 421"}, [166.1, 38.2])
        assert answers.get("name", {"name": "mrk 421"})
        answers.put("sed", {"n": 0}, "x" * 60_000)
        assert held() == []
    with conf.set_temp("answers_size", -1):
        for number in range(8):
            answers.put("sed", {"n": number}, "x" * 9000)
        assert held() == list(range(8))
