"""Swift analyses on demand."""

from __future__ import annotations

import json

import pytest
from astropy.coordinates import SkyCoord

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError, NoResultsWarning
from astroquery_mmdc.server import LocalServer

MRK421 = SkyCoord(166.113808, 38.208833, unit="deg")
WINDOW = {"mjd_start": 58849, "mjd_end": 58880}
UUID = "11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "mjd_start: give either mjd_start and mjd_end, or obsids"),
        ({**WINDOW, "obsids": ["1"]}, "mjd_start: give either"),
        ({"mjd_start": 58849}, "mjd_start: a window needs mjd_start and mjd_end"),
        ({"mjd_start": 58880, "mjd_end": 58849}, "mjd_start: 58880.0 is later than mjd_end"),
        ({"mjd_start": 50000, "mjd_end": 58849}, "mjd_start: 50000.0 is before 54682.6553"),
        ({**WINDOW, "instrument": "bat"}, "instrument: 'bat' is unknown; use one of uvot, xrt"),
        ({**WINDOW, "orbit": True}, "orbit: it is for instrument='xrt' only"),
        ({"obsids": "00030375224"}, "obsids: '00030375224' is one text; give a list"),
        ({"obsids": [str(i) for i in range(61)]}, "obsids: 61 are more than 60"),
        (
            {"mjd_start": 58000, "mjd_end": 58400, "instrument": "xrt"},
            "mjd_end: the window is longer than 365 days",
        ),
        ({**WINDOW, "coordinates": ["Mrk 421", "Mrk 501"]}, "takes one position"),
    ],
)
def test_a_wrong_request_is_said_before_anything_is_sent(mmdc, server, options, message):
    with pytest.raises(InvalidRequestError, match=message):
        mmdc.analyze_swift(**{"coordinates": MRK421, **options})
    assert not server.requests


def test_no_data(mmdc):
    with pytest.warns(NoResultsWarning, match="Swift has no data"):
        result = mmdc.analyze_swift("Mrk 421", **WINDOW)
    assert result.status == "no_data"
    assert len(result.observations) == 0
    assert "is_preferred" in result.fits.colnames
    assert mmdc.list_jobs()["kind"].tolist() == ["swift"]


def test_an_analysis_that_takes_time_is_waited_for():
    with LocalServer(swift_seconds=1.5) as running:
        mmdc = MMDCClass(running.url)
        mmdc.swift_interval = 0.2
        with pytest.warns(NoResultsWarning):
            result = mmdc.analyze_swift(MRK421, obsids=["00030375224"], instrument="xrt")
        polls = [r for r in running.requests if r.method == "GET"]
    assert result.job_id
    assert len(polls) >= 3
    assert "include_results=false" in polls[0].query


def test_fits_of_both_models_are_rows(mmdc, faults):
    body = {
        "uuid": UUID,
        "status": "done",
        "cached": True,
        "results": [],
        "xrt_observations": [
            {
                "obsid": "00030375224",
                "mjd": 58850.5,
                "datamode": "wt",
                "stat_type": "cstat",
                "delta_stat": 12.5,
                "preferred_model": "logparabola",
                "fits": {
                    "powerlaw": {"index": 2.1, "index_err": 0.1, "flux_2_10": 1e-10, "dof": 55},
                    "logparabola": {"alpha": 2.0, "alpha_err": 0.1, "beta": 0.2, "dof": 54},
                },
            },
            {"obsid": "00030375225", "fits": None},
        ],
    }
    faults.add("/api/madam_analysis/", status=200, body=json.dumps(body).encode())
    with pytest.warns(NoResultsWarning):
        result = mmdc.analyze_swift(MRK421, **WINDOW)
    assert result.is_cached
    assert result.fits["model"].tolist() == ["powerlaw", "logparabola"]
    assert result.fits["is_preferred"].tolist() == [False, True]
    assert result.fits["index"].tolist() == [2.1, 2.0]
    assert result.fits["beta"].mask.tolist() == [True, False]
    assert result.fits["dof"].tolist() == [55, 54]


def test_a_failed_analysis_gives_the_end_of_its_log(mmdc, faults):
    faults.add(
        "/api/madam_analysis/",
        method="POST",
        status=200,
        body=json.dumps({"uuid": UUID, "status": "processing", "cached": False}).encode(),
    )
    state = {"uuid": UUID, "status": "error", "logs": "uvotsource: cannot open file"}
    faults.add("/api/madam_analysis/", status=200, body=json.dumps(state).encode())
    with pytest.raises(JobFailedError, match="uvotsource: cannot open file") as caught:
        mmdc.analyze_swift(MRK421, **WINDOW)
    assert caught.value.job_id == UUID
    with pytest.raises(JobFailedError):
        mmdc.get_job(UUID).get_data()


def test_the_payload(mmdc, server):
    payload = mmdc.analyze_swift(
        MRK421, obsids=[30375224], instrument="xrt", orbit=True, row_limit=5, get_query_payload=True
    )
    assert payload["json"]["obsids"] == ["30375224"]
    assert payload["json"]["orbit"] is True
    assert payload["params"] == {"limit": 5}
    assert not server.requests
