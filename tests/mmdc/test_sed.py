"""SEDs, sources and jobs against a local server."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from astroquery_mmdc import SED, MMDCClass
from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    NoResultsWarning,
    ParseError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.legacy import read_legacy_csv
from astroquery_mmdc.net import JobProgress
from astroquery_mmdc.server import Faults, LocalServer

MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")
NOWHERE = SkyCoord(10, 10, unit="deg")


def test_an_sed_with_units_source_and_provenance(mmdc, server):
    sed = mmdc.query_sed("Mrk 421")
    assert isinstance(sed, SED)
    assert sed["nufnu"].unit == u.erg / u.s / u.cm**2
    assert sed.source["name"] == "Mrk 421"
    assert sed.redshift == pytest.approx(0.03)
    assert sed.meta["mmdc"]["job_id"]
    assert sed.meta["mmdc"]["service"] == server.url


def test_the_points_of_the_published_table(mmdc):
    """First and last row of the multi-wavelength SED of Abdo et al. 2011."""
    sed = mmdc.query_sed(MRK421)
    order = np.argsort(sed["nu"])
    assert sed["nu"][order[0]].to_value(u.GHz) == pytest.approx(2.29954, rel=1e-5)
    assert sed["nufnu"][order[0]].value == pytest.approx(1.3409e-14)
    assert sed["catalog"][order[-1]] == "MAGIC"


def test_windows_catalogues_and_undated_points(mmdc, server):
    everything = mmdc.query_sed(MRK421)
    campaign = mmdc.query_sed(MRK421, mjd_start=54850, mjd_end=Time(54983, format="mjd"))
    assert 0 < len(campaign) <= len(everything)
    assert not campaign["undated"].any()
    assert "undated=false" in [r.query for r in server.requests if r.path == "/api/sed/"][-1]
    chosen = mmdc.query_sed(MRK421, catalogs=["MAGIC", "fermi"])
    assert set(chosen["catalog"]) == {"MAGIC", "Fermi"}
    rest = mmdc.query_sed(MRK421, exclude_catalogs="MAGIC")
    assert len(rest) == len(everything) - (everything["catalog"] == "MAGIC").sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mjd_start": 59000, "mjd_end": 58000}, "mjd_start: 59000.0 is later than mjd_end"),
        ({"catalogs": ["NVSSS"]}, "catalogs: 'NVSSS' is no known catalogue; did you mean NVSS"),
        ({"exclude_catalogs": "x"}, "exclude_catalogs: 'x'"),
        ({"progress": 5}, "progress: 5 is neither"),
    ],
)
def test_a_wrong_parameter_is_said_before_anything_is_sent(mmdc, server, options, message):
    with pytest.raises(InvalidRequestError, match=message):
        mmdc.query_sed(MRK421, **options)
    assert not server.requests


def test_the_payload(mmdc, server):
    payload = mmdc.query_sed(MRK421, refresh=True, catalogs="NVSS", get_query_payload=True)
    assert payload == {
        "json": {"ra": pytest.approx(166.113808), "dec": pytest.approx(38.208833), "refresh": True},
        "params": {"catalogs": "NVSS"},
    }
    assert not server.requests


def test_no_data_is_an_empty_sed(mmdc):
    with pytest.warns(NoResultsWarning):
        sed = mmdc.query_sed(NOWHERE)
    assert isinstance(sed, SED)
    assert len(sed) == 0
    assert sed["nu"].unit == u.Hz


def test_many_sources_are_stacked(mmdc):
    sed = mmdc.query_sed(["Mrk 421", "Mrk 501"])
    assert isinstance(sed, SED)
    assert set(sed["query_index"]) == {0, 1}
    assert [source["name"] for source in sed.meta["sources"]] == ["Mrk 421", "Mrk 501"]
    assert len(sed) == len(mmdc.query_sed("Mrk 421")) + len(mmdc.query_sed("Mrk 501"))


# ---------------------------------------------------------------- jobs that take time


def test_progress_is_told_step_by_step():
    seen = []
    with LocalServer(sed_seconds=3) as running:
        sed = MMDCClass(running.url).query_sed("Mrk 421", progress=seen.append)
    assert len(sed) > 100
    assert all(isinstance(step, JobProgress) for step in seen)
    assert {step.status for step in seen} >= {"done"}
    assert {step.stage for step in seen} & {"catalogues", "lightcurves", "finishing"}
    assert any(step.events for step in seen)


def test_a_progress_bar_goes_to_stderr(capfd):
    with LocalServer(sed_seconds=2.5) as running:
        MMDCClass(running.url).query_sed("Mrk 421", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "catalogues" in err or "finishing" in err


def test_a_wait_that_ends_before_the_job_names_the_job():
    with LocalServer(sed_seconds=20) as running:
        mmdc = MMDCClass(running.url)
        with pytest.raises(JobTimeoutError, match=r"MMDC\.get_job\('") as caught:
            mmdc.query_sed(MRK421, timeout=1.5)
        assert caught.value.job_id
        assert isinstance(caught.value, TimeoutError)
        assert mmdc.list_jobs()["job_id"][0] == caught.value.job_id


def test_a_job_is_taken_up_by_another_process(python_env, tmp_path):
    with LocalServer(sed_seconds=4) as running:
        mmdc = MMDCClass(running.url, cache_dir=tmp_path)
        handle = mmdc.query_sed_async("Mrk 421", progress=lambda _: None)
        while not handle.job_id:
            pass
        handle.cancel()
        code = (
            "from astroquery_mmdc import MMDCClass\n"
            f"mmdc = MMDCClass({running.url!r}, cache_dir={str(tmp_path)!r})\n"
            "job = mmdc.list_jobs()['job_id'][0]\n"
            "print(len(mmdc.get_job(job).get_data()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=90
        )
    assert done.stderr == ""
    assert int(done.stdout) > 100


def test_a_job_of_another_machine_is_found_by_asking(mmdc, tmp_path):
    job_id = mmdc.query_sed("Mrk 421").meta["mmdc"]["job_id"]
    elsewhere = MMDCClass(mmdc.client.server, cache_dir=tmp_path)
    assert len(elsewhere.get_job(job_id).get_data()) > 100


def test_a_job_that_nobody_knows(mmdc):
    with pytest.raises(InvalidRequestError, match=r"job_id: .* knows no job 'nothing'"):
        mmdc.get_job("nothing").get_data()


def test_an_empty_list_of_jobs(mmdc):
    assert mmdc.list_jobs().colnames[:2] == ["job_id", "kind"]
    assert len(mmdc.list_jobs()) == 0


def test_the_journal_keeps_no_secret_and_no_path_of_the_server(mmdc, faults):
    evil = {"id": "../../etc/passwd", "status": "done", "source": {"ra": 1, "dec": 2}, "sed": {}}
    faults.add("/api/sed/", status=200, body=json.dumps(evil).encode())
    with pytest.warns(NoResultsWarning):
        mmdc.query_sed(MRK421)
    files = [path for path in mmdc.cache_dir.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert files[0].parent == mmdc.cache_dir / "jobs"


def test_a_broken_journal_entry_is_passed_over(mmdc):
    mmdc.query_sed(MRK421)
    (mmdc.cache_dir / "jobs" / "broken.json").write_text("{")
    assert len(mmdc.list_jobs()) == 1


def test_two_jobs_in_flight_and_no_more(mmdc, faults):
    """The service allows two: four jobs of 0.4 s take at least 0.8 s."""
    faults.add("/api/sed/", latency=0.4)
    started = time.monotonic()
    handles = [mmdc.query_sed_async("Mrk 421") for _ in range(4)]
    assert len({len(handle.get_data()) for handle in handles}) == 1
    assert time.monotonic() - started >= 0.8


# ---------------------------------------------------------------- jobs that fail


@pytest.mark.parametrize("code", ["pipeline", "timeout", "internal"])
def test_a_failed_job_says_why(mmdc, faults, code):
    faults.fail_sed(code)
    with pytest.raises(JobFailedError, match=f"failed \\({code}") as caught:
        mmdc.query_sed(MRK421)
    assert caught.value.code == code
    assert caught.value.job_id


def test_a_failed_refresh_gives_the_sed_from_before(mmdc, faults):
    before = mmdc.query_sed(MRK421)
    faults.fail_sed("pipeline")
    with pytest.warns(StaleResultWarning, match="the SED from before is returned"):
        after = mmdc.query_sed(MRK421, refresh=True)
    assert len(after) == len(before)
    assert after.meta["mmdc"]["stale"]


def test_catalogues_that_could_not_be_asked_are_named(mmdc, faults):
    faults.missed_catalogs = ("MAGIC", "SMA")
    with pytest.warns(
        IncompleteResultWarning, match="SMA, MAGIC; refresh=True|MAGIC, SMA; refresh=True"
    ):
        sed = mmdc.query_sed(MRK421)
    assert set(sed.meta["mmdc"]["missed_catalogs"]) == {"MAGIC", "SMA"}
    assert not set(sed["catalog"]) & {"MAGIC", "SMA"}


def test_a_job_that_cannot_be_queued(mmdc, faults):
    faults.fail_sed("enqueue", times=5)
    with pytest.raises(ServiceUnavailableError):
        mmdc.query_sed(MRK421, timeout=20)


# ---------------------------------------------------------------- sources


def test_a_source(mmdc):
    source = mmdc.query_source("Mrk 421")
    assert source.name == "Mrk 421"
    assert source.redshift == pytest.approx(0.03)
    assert source.coordinates.separation(MRK421) < 1 * u.arcsec


def test_many_sources(mmdc):
    table = mmdc.query_source(["Mrk 421", "Mrk 501"])
    assert table["query_index"].tolist() == [0, 1]
    assert table["redshift"].tolist() == pytest.approx([0.03, 0.0336], abs=2e-3)


def test_a_source_that_takes_time():
    with LocalServer(sed_seconds=2) as running:
        assert MMDCClass(running.url).query_source("Mrk 421").redshift == pytest.approx(0.03)


# ---------------------------------------------------------------- the older interface


@pytest.fixture
def older():
    with LocalServer(v1=False, faults=Faults()) as running:
        yield MMDCClass(running.url)


def test_a_server_without_the_newer_interface(older, mmdc):
    sed, expected = older.query_sed("Mrk 421"), mmdc.query_sed("Mrk 421")
    assert len(sed) == len(expected)
    assert np.allclose(np.sort(sed["nu"].value), np.sort(expected["nu"].value), rtol=1e-6)
    assert sed["undated"].sum() == expected["undated"].sum()
    assert sed.redshift == expected.redshift


def test_filters_hold_with_the_older_interface_too(older):
    sed = older.query_sed("Mrk 421", mjd_start=54850, mjd_end=54983, catalogs="MAGIC")
    assert set(sed["catalog"]) == {"MAGIC"}
    assert not sed["undated"].any()


def test_no_data_and_sources_with_the_older_interface(older):
    with pytest.warns(NoResultsWarning):
        assert len(older.query_sed(NOWHERE)) == 0
    assert older.query_source("Mrk 421").redshift == pytest.approx(0.03)


def test_the_older_csv_of_the_samples(shared):
    sed = read_legacy_csv((shared / "data/sed_formats/mmdc_legacy.csv").read_bytes())
    assert sed["is_ul"] == [False] * 5 + [True]
    assert sed["mjd_start"][0] == 55000.0


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"<html></html>"])
def test_an_older_csv_that_is_none(content):
    with pytest.raises(ParseError, match="has no column frequency"):
        read_legacy_csv(content)
