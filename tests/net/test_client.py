"""Requests against a real server that makes trouble on purpose."""

from __future__ import annotations

import logging
import socket
import time

import pytest
import stamina

from astroquery_mmdc import MMDCClass, conf
from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    NotReadyError,
    OfflineError,
    ParseError,
    RateLimitError,
    ServiceError,
    ServiceUnavailableError,
    UpgradeRequiredError,
)
from astroquery_mmdc.net import auth
from astroquery_mmdc.net.errors import retry_after

POSITION = "166.113808 38.208833"
OBSERVATIONS = "/api/observations/"


def _calls(server, path=OBSERVATIONS):
    return [request for request in server.requests if request.path == path]


# ---------------------------------------------------------------- what is tried again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_question_is_asked_again_until_it_is_answered(mmdc, faults, server, status):
    rule = faults.error(status, OBSERVATIONS, times=2)
    assert len(mmdc.query_region(POSITION)) > 0
    assert rule.hits == 2
    assert len(_calls(server)) == 3


@pytest.mark.parametrize("trouble", [{"reset": True}, {"truncate": 100}])
def test_a_broken_connection_is_made_again(mmdc, faults, trouble):
    rule = faults.add(OBSERVATIONS, times=1, **trouble)
    assert len(mmdc.query_region(POSITION)) > 0
    assert rule.hits == 1


@pytest.mark.parametrize("trouble", [{"reset": True}, {"truncate": 100}])
def test_a_connection_that_stays_broken(mmdc, faults, trouble):
    rule = faults.add(OBSERVATIONS, **trouble)
    with pytest.raises(ServiceUnavailableError, match="broke off in the middle"):
        mmdc.query_region(POSITION)
    assert rule.hits == conf.retries


def test_the_number_of_tries_is_configurable(mmdc, faults):
    rule = faults.error(503, OBSERVATIONS)
    with conf.set_temp("retries", 1), pytest.raises(ServiceUnavailableError, match="503"):
        mmdc.query_region(POSITION)
    assert rule.hits == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (409, NotReadyError),
        (422, InvalidRequestError),
        (426, UpgradeRequiredError),
        (500, ServiceError),
    ],
)
def test_what_will_not_get_better_is_not_tried_again(mmdc, faults, status, error):
    rule = faults.error(status, OBSERVATIONS)
    with pytest.raises(error, match="made on purpose"):
        mmdc.query_region(POSITION)
    assert rule.hits == 1


def test_a_submission_that_may_start_hours_of_work_is_sent_once(mmdc, faults):
    rule = faults.error(503, "/api/madam_analysis/", method="POST")
    with pytest.raises(ServiceUnavailableError):
        mmdc.analyze_swift(POSITION, mjd_start=58849, mjd_end=58850)
    assert rule.hits == 1


def test_a_fit_is_submitted_again_under_the_same_key(mmdc, faults, server, tmp_path):
    csv = tmp_path / "sed.csv"
    csv.write_text("frequency,flux,flux_err\n1e14,1e-11,1e-12\n")
    faults.error(503, "/api/modeling/batch_inference/", times=2)
    with pytest.raises(JobFailedError, match="1 detections for 7 free parameters"):
        mmdc.fit_model(csv, "SSC", z=0.03, where="service")
    calls = _calls(server, "/api/modeling/batch_inference/")
    assert len(calls) == 3
    assert len({call.headers["idempotency-key"] for call in calls}) == 1


# ---------------------------------------------------------------- pauses and deadlines


def test_retry_after_is_obeyed(mmdc, faults):
    faults.error(429, OBSERVATIONS, retry_after="1, 5", times=1)
    with stamina.set_testing(False):
        started = time.monotonic()
        mmdc.query_region(POSITION)
    assert 1.0 <= time.monotonic() - started < 4.0


def test_a_retry_after_beyond_the_deadline_is_an_error_at_once(mmdc, faults):
    faults.error(429, "/api/sed/", retry_after=60)
    started = time.monotonic()
    with pytest.raises(RateLimitError, match="try again in 60 s") as caught:
        mmdc.query_sed(POSITION, timeout=5)
    assert caught.value.retry_after == 60
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), ("1, 5", 1.0), ("0.5", 0.5), ("soon", None), ("-1", None)],
)
def test_forms_of_retry_after(value, seconds):
    assert retry_after({"Retry-After": value}) == seconds


def test_retry_after_as_a_date():
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}) > 1e9
    assert retry_after({}) is None


def test_a_slow_server(server, faults):
    faults.add(OBSERVATIONS, latency=5)
    mmdc = MMDCClass(server.url, timeout=0.2)
    with (
        conf.set_temp("retries", 1),
        pytest.raises(ServiceUnavailableError, match="did not answer in time"),
    ):
        mmdc.query_region(POSITION)


def test_the_deadline_ends_the_wait_for_a_slow_job(server, faults):
    faults.add("/api/sed/", latency=5)
    mmdc = MMDCClass(server.url)
    started = time.monotonic()
    with pytest.raises(ServiceUnavailableError, match="did not answer in time"):
        mmdc.query_sed(POSITION, timeout=0.5)
    assert time.monotonic() - started < 3


def test_a_server_that_is_down():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mmdc = MMDCClass(f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceUnavailableError, match=r"cannot be reached .* conf\.server"):
        mmdc.query_region(POSITION)


# ---------------------------------------------------------------- answers that are none


@pytest.mark.parametrize("trouble", ["html", "half_json"])
def test_an_answer_that_is_no_json_is_not_repeated_and_says_how_it_begins(mmdc, faults, trouble):
    rule = getattr(faults, trouble)(OBSERVATIONS)
    with pytest.raises(ParseError, match=r"is not JSON .* it begins with"):
        mmdc.query_region(POSITION)
    assert rule.hits == 1


def test_an_html_error_page_is_one_line(mmdc, faults):
    faults.html(OBSERVATIONS, status=500)
    with pytest.raises(ServiceError) as caught:
        mmdc.query_region(POSITION)
    assert str(caught.value).endswith("answered 500: an HTML page instead of data")


@pytest.mark.parametrize(
    ("path", "body", "ask"),
    [
        (OBSERVATIONS, b'{"rows": []}', lambda mmdc: mmdc.query_region(POSITION)),
        ("/api/sed/", b"[]", lambda mmdc: mmdc.query_sed(POSITION)),
        ("/api/sed/", b"{}", lambda mmdc: mmdc.query_sed(POSITION)),
        (
            "/api/sed/",
            b'{"id": "1", "status": "done", "sed": {"freq_hz": [1]}, '
            b'"source": {"ra": 1, "dec": 2}}',
            lambda mmdc: mmdc.query_sed(POSITION),
        ),
    ],
)
def test_json_of_another_shape(mmdc, faults, path, body, ask):
    faults.add(path, status=200, body=body, headers={"content-type": "application/json"})
    with pytest.raises(ParseError):
        ask(mmdc)


def test_a_redirect_is_not_followed_with_the_key(server, faults):
    faults.add(OBSERVATIONS, status=302, headers={"location": "http://example.org/"})
    mmdc = MMDCClass(server.url, api_key="SECRET")
    with pytest.raises(ServiceError, match=r"has moved to http://example\.org/; set conf\.server"):
        mmdc.query_region(POSITION)


# ---------------------------------------------------------------- identity and secrets


def test_the_client_says_who_it_is(server):
    mmdc = MMDCClass(server.url, app="my-pipeline", end_user="user:42")
    mmdc.query_region(POSITION)
    headers = server.requests[-1].headers
    assert headers["x-mmdc-client"] == "my-pipeline"
    assert headers["x-mmdc-end-user"] == "user:42"
    assert headers["user-agent"].startswith("astroquery_mmdc/")


@pytest.mark.parametrize("end_user", ["", "me@example.org", "a" * 65, "two words"])
def test_an_end_user_that_is_no_opaque_id(end_user):
    with pytest.raises(InvalidRequestError, match="end_user"):
        MMDCClass(end_user=end_user)


def test_the_key_comes_from_the_argument_then_the_environment(monkeypatch):
    monkeypatch.setenv("MMDC_API_KEY", "from-environment")
    assert auth.find_api_key("given", "https://x") == "given"
    assert auth.find_api_key(None, "https://x") == "from-environment"


def test_the_key_comes_from_the_keyring_of_the_host(monkeypatch):
    keyring = pytest.importorskip("keyring")
    asked = []
    monkeypatch.setattr(
        keyring, "get_password", lambda service, user: asked.append((service, user)) or "secret"
    )
    assert auth.find_api_key(None, "https://mmdc.am") == "secret"
    assert asked == [("mmdc.am", "api_key")]


def test_a_broken_keyring_does_not_stop_a_query(monkeypatch):
    keyring = pytest.importorskip("keyring")

    def broken(service, user):
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", broken)
    assert auth.find_api_key(None, "https://mmdc.am") is None


def test_the_key_appears_nowhere(server, faults, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    mmdc = MMDCClass(server.url, api_key="TOP-SECRET-KEY")
    faults.error(503, OBSERVATIONS, times=1)
    table = mmdc.query_region(POSITION)
    sed = mmdc.query_sed(POSITION)
    faults.error(500, OBSERVATIONS)
    with pytest.raises(ServiceError) as caught:
        mmdc.query_region(POSITION)
    seen = [caplog.text, *capfd.readouterr(), repr(mmdc), repr(mmdc.client), str(caught.value)]
    seen += [str(table.meta), str(sed.meta), str(mmdc.list_jobs())]
    seen += [path.read_text() for path in mmdc.cache_dir.rglob("*.json")]
    assert not [text for text in seen if "TOP-SECRET-KEY" in text]


@pytest.mark.parametrize(
    "url", ["mmdc.am", "ftp://mmdc.am", "http://", "https://me:secret@mmdc.am", "file:///etc"]
)
def test_an_address_that_is_none(url):
    with pytest.raises(InvalidRequestError, match="url: ") as caught:
        MMDCClass(url).query_region(POSITION)
    assert "secret" not in str(caught.value)


# ---------------------------------------------------------------- configuration


def test_offline_asks_nobody(mmdc, server):
    with conf.set_temp("offline", True), pytest.raises(OfflineError, match=r"conf\.offline"):
        mmdc.query_region(POSITION)
    assert not server.requests


def test_the_address_is_read_at_call_time(server, monkeypatch):
    mmdc = MMDCClass()
    with conf.set_temp("server", server.url):
        assert len(mmdc.query_region(POSITION)) > 0
    monkeypatch.setenv("MMDC_SERVER", server.url)
    assert len(mmdc.query_region(POSITION)) > 0
