"""Answers that no healthy dispatcher gives, and connections that break."""

from __future__ import annotations

import itertools
import json
import logging

import pytest

from astroquery_mmdc import MMODAClass, conf
from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    OfflineError,
    ParseError,
    ServiceError,
    ServiceUnavailableError,
)
from tests.mmoda.conftest import as_json

WANTED = {"instrument": "isgri", "product": "isgri_lc"}
HTML = b"<!doctype html><title>500 Internal Server Error</title><h1>Oops</h1>"
META = [
    [
        {"instrumet": "isgri"},
        {"prod_dict": {"isgri_lc": "isgri_lc_query"}},
        [{"query_name": "src_query"}, {"name": "RA", "units": "deg", "value": 0.0}],
        [{"query_name": "isgri_parameters"}],
        [{"query_name": "isgri_lc_query"}, {"name": "time_bin", "units": "sec", "value": 1}],
    ]
]


def answer(status, *, job="J1", products=None, code=None, message="", session="S"):
    body = {
        "query_status": status,
        "exit_status": {"status": 0, "message": message},
        "job_monitor": {"job_id": job, "session_id": session, "status": status},
        "products": products or {},
    }
    return body if code is None else {**body, "status_code": code}


TEXT = {"text_product_list": [{"name": "note", "value": "null island", "meta_data": {}}]}


class Play:
    """Plays a list of answers to ``run_analysis``; the last one is repeated."""

    def __init__(self, *answers, meta=None):
        self.answers = itertools.chain(answers, itertools.repeat(answers[-1]))
        self.meta = as_json(META) if meta is None else meta
        self.forms = []

    def __call__(self, asked):
        if not asked.path.endswith("/run_analysis"):
            return self.meta
        self.forms.append(asked.form)
        found = next(self.answers)
        return as_json(found) if isinstance(found, dict) else found


@pytest.fixture
def play(scripted):
    def use(*answers, **kwargs):
        scripted.answer = Play(*answers, **kwargs)
        return scripted.answer

    return use


@pytest.fixture
def mmoda(scripted):
    return MMODAClass(scripted.url)


def test_the_connection_is_lost_in_the_middle_of_a_job(play, mmoda):
    hangs = [None] * conf.retries
    played = play(answer("submitted"), answer("progress"), *hangs, answer("done", products=TEXT))
    assert mmoda.get_product(**WANTED, RA=3.5)[0].value == "null island"
    states = [form["query_status"] for form in played.forms]
    # One try more than the retries: the job is asked for anew, by its parameters.
    assert states == ["new", "submitted", *["progress"] * conf.retries, "new"]
    assert {form["RA"] for form in played.forms} == {"3.5"}
    assert "job_id" not in played.forms[-1]
    assert played.forms[1]["job_id"] == "J1"


@pytest.mark.parametrize(
    ("answers", "asked_for"),
    [
        # As long as it is not done, the first one is waited for.
        ([answer("submitted", job="J2"), answer("done", products=TEXT)], ["new", "submitted"]),
        ([answer("failed", job="J2"), answer("done", products=TEXT)], ["new", "submitted"]),
        ([answer("done", job="J2", products=TEXT)], ["new"]),
    ],
)
def test_a_repeated_request_may_be_called_another_job(play, mmoda, answers, asked_for):
    played = play(answer("submitted"), *[None] * (conf.retries + 1), *answers)
    found = mmoda.get_product(**WANTED)
    assert found[0].value == "null island"
    forms = played.forms[conf.retries + 2 :]
    assert [form["query_status"] for form in forms] == asked_for
    assert [form.get("job_id") for form in forms[1:]] == ["J1"] * (len(asked_for) - 1)


def test_a_job_of_somebody_else_is_refused_and_not_waited_for(play, mmoda):
    refusal = answer("failed", job="J2", code=403, message="The job belongs to somebody else")
    play(answer("submitted"), *[None] * (conf.retries + 1), refusal)
    with pytest.raises(AuthError, match="belongs to somebody else"):
        mmoda.get_product(**WANTED)


def test_a_truncated_answer_is_asked_for_again(play, mmoda):
    cut = (200, "application/json", b"")
    play(cut, answer("done", products=TEXT))
    with pytest.raises(ParseError, match="the answer is not JSON"):
        mmoda.get_product(**WANTED)


def test_a_gateway_that_restarts_is_waited_for(play, mmoda):
    away = (503, "text/html", HTML)
    play(answer("submitted"), away, away, away, away, answer("done", products=TEXT))
    assert len(mmoda.get_product(**WANTED)) == 1


def test_a_connection_that_never_was(play, mmoda):
    play(None)
    with pytest.raises(ServiceUnavailableError):
        mmoda.get_product(**WANTED)


def test_an_html_page_with_500(play, mmoda):
    play((500, "text/html", HTML))
    with pytest.raises(ServiceError, match=r"run_analysis answered 500: an HTML page instead of"):
        mmoda.get_product(**WANTED)


def test_a_json_error_with_500(play, mmoda):
    play((500, "application/json", json.dumps({"error_message": "it broke"}).encode()))
    with pytest.raises(ServiceError, match="answered 500: it broke"):
        mmoda.get_product(**WANTED)


def test_a_400_with_a_whole_dictionary_is_trimmed(play, mmoda, recorded):
    body = recorded("12_product_unknown")["exchanges"][-1]["response"]["json"]
    play(as_json(body, 400))
    with pytest.raises(InvalidRequestError) as caught:
        mmoda.get_product(**WANTED)
    said = str(caught.value)
    assert said.startswith("the dispatcher refuses the request: product type nosuch not in query")
    assert "(dummy, " in said
    assert "cfg_dict" not in said
    assert len(said) < 250


@pytest.mark.parametrize("scenario", ["10_bad_value_400", "11_restricted_value_400"])
def test_other_400_say_the_cause_only(play, mmoda, shared, scenario):
    path = shared / "data" / "mmoda" / "newest_server" / f"{scenario}.json"
    body = json.loads(path.read_text())["exchanges"][-1]["response"]["json"]
    play(as_json(body, 400))
    with pytest.raises(InvalidRequestError, match=r"restricted to 800 W$|equal than 8\.0$"):
        mmoda.get_product(**WANTED)


@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [
        ("07_numerical_no_role_403", 403, "needs the role general .*your token has no roles"),
        ("33_max_pointings_403", 403, r"role unige-hpc-full \(needed for max_pointings > 50\)"),
        ("14_expired_token", 403, "the token has expired: tokens live 24 h"),
        ("15_wrong_signature_token", 403, "does not accept the token"),
        ("15b_garbage_token", 400, "does not accept the token"),
    ],
)
def test_a12_refusals(play, mmoda, recorded, scenario, status, words):
    play(as_json(recorded(scenario)["exchanges"][-1]["response"]["json"], status))
    with pytest.raises(AuthError, match=words):
        mmoda.get_product(**WANTED)


def test_a_refusal_inside_a_200(play, mmoda):
    play(answer("failed", code=403, message="A token must be provided."))
    with pytest.raises(AuthError, match="this needs a token"):
        mmoda.get_product(**WANTED)


def test_an_address_that_moved(play, mmoda):
    play((301, "text/html", b""))
    with pytest.raises(ServiceError, match="has moved to elsewhere"):
        mmoda.get_product(**WANTED)


def test_what_is_no_dispatcher(play, mmoda):
    play({"hello": 1})
    with pytest.raises(ParseError, match="is the address right"):
        mmoda.get_product(**WANTED)
    play((200, "text/html", b"<html>"), meta=(200, "text/html", b"<html>"))
    with pytest.raises(ParseError, match="not JSON"):
        mmoda.list_instruments()
    play({}, meta=as_json({"no": "list"}))
    with pytest.raises(ParseError, match="expected a list of names"):
        mmoda.list_instruments()


def test_an_answer_about_another_job(play, mmoda):
    play(answer("submitted"), answer("done", job="J2", products=TEXT))
    with pytest.raises(ParseError, match="about job J2, not about J1"):
        mmoda.get_product(**WANTED)


def test_an_answer_in_the_middle_that_names_no_job(play, mmoda):
    nameless = {**answer("progress"), "job_monitor": {"status": "unaccessible"}}
    play(answer("submitted"), nameless, answer("done", products=TEXT))
    assert len(mmoda.get_product(**WANTED)) == 1


def test_another_session_may_own_the_job(play, mmoda):
    play(answer("submitted", session="X"), answer("done", session="Y", products=TEXT))
    assert len(mmoda.get_product(**WANTED)) == 1


def test_ready_is_followed_at_once_and_may_start_anew(play, mmoda):
    played = play(
        answer("ready"), answer("ready"), answer("submitted"), answer("done", products=TEXT)
    )
    mmoda.get_product(**WANTED)
    assert [form["query_status"] for form in played.forms] == ["new", "ready", "ready", "submitted"]


def test_a_failure_without_any_reason(play, mmoda):
    play(answer("failed"))
    with pytest.raises(JobFailedError, match="job J1 failed: the dispatcher gives no reason"):
        mmoda.get_product(**WANTED)


def test_nan_and_infinity_in_an_answer(play, mmoda):
    body = json.dumps(answer("done", products={**TEXT, "analysis_parameters": {"x": 1e999}}))
    assert "Infinity" in body
    play((200, "application/json", body.encode()))
    found = mmoda.get_product(**WANTED)
    assert found.origin.analysis_parameters["x"] == float("inf")


def test_a_silent_dispatcher_is_made_to_ask_its_backend(play, mmoda, monkeypatch):
    monkeypatch.setattr("astroquery_mmdc.mmoda.jobs._SILENCE_MIN", 0.3)
    played = play(*[answer("progress")] * 10, answer("progress"))
    with pytest.raises(JobTimeoutError):
        mmoda.get_product(**WANTED, timeout=1.5)
    states = [form["query_status"] for form in played.forms]
    assert 2 <= states.count("new") < len(states) / 2


def test_without_a_description_the_dispatcher_checks(play, mmoda, caplog):
    caplog.set_level(logging.INFO, "astroquery_mmdc")
    refused = as_json({"error_message": "A token must be provided."}, 403)
    play(answer("done", products=TEXT), meta=refused)
    assert len(mmoda.get_product(**WANTED, whatever=3)) == 1
    assert "parameters of isgri are not checked here" in caplog.text


def test_a_warning_of_the_dispatcher_reaches_the_user(play, mmoda):
    body = answer("done", products=TEXT)
    body["exit_status"]["warning"] = "old data"
    play(body)
    with pytest.warns(Warning, match="the dispatcher warns: old data"):
        mmoda.get_product(**WANTED)


def test_offline(play, mmoda):
    play(answer("done", products=TEXT))
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        mmoda.get_product(**WANTED)


def test_uploads_are_sent_and_not_taken_up_by_id(scripted, play, mmoda, tmp_path):
    path = tmp_path / "mine.fits"
    path.write_bytes(b"FITS of mine")
    play(answer("submitted"), answer("done", products=TEXT))
    mmoda.get_product(**WANTED, user_catalog_file=path)
    bodies = [asked.body for asked in scripted.asked if asked.method == "POST"]
    assert len(bodies) == 2
    assert all('filename="mine.fits"' in body and "FITS of mine" in body for body in bodies)
    with pytest.raises(InvalidRequestError, match=r"files were uploaded for .*user_catalog_file"):
        mmoda.get_job("J1")


def test_the_wait_of_an_answer_does_not_end_too_soon(play, mmoda):
    play(answer("submitted"))
    with pytest.raises(JobTimeoutError, match="job J1 is still submitted") as caught:
        mmoda.get_product(**WANTED, timeout=0.3)
    assert caught.value.job_id == "J1"
