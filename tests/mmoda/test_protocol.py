from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import AuthError, JobFailedError, ParseError
from astroquery_mmdc.mmoda.errors import cause, redact
from astroquery_mmdc.mmoda.protocol import (
    ProductRequest,
    failure,
    form,
    next_status,
    read_answer,
    read_report,
)
from astroquery_mmdc.schema.dispatcher import new_session
from tests.mmoda.conftest import make_token


def _answers(scenario):
    return [
        exchange["response"]["json"]
        for exchange in scenario["exchanges"]
        if "run_analysis" in exchange["request"]["url"]
    ]


def test_a03_states_of_a_recorded_job(recorded):
    answers = [read_answer(body) for body in _answers(recorded("24_async_nowait_poll"))]
    states = list(dict.fromkeys(answer.status for answer in answers))
    assert states == ["submitted", "progress", "ready", "done"]
    assert [next_status(state) for state in states] == ["submitted", "progress", "ready", None]
    assert len({answer.job_id for answer in answers}) == 1
    assert answers[-1].products["numpy_data_product_list"]


def test_a22_progress_comes_as_a_list_and_as_one_entry(recorded):
    listed = [read_answer(body) for body in _answers(recorded("21_async_submit_progress_ready"))]
    single = [read_answer(body) for body in _answers(recorded("24_async_nowait_poll"))]
    assert max(answer.report.messages for answer in listed) == 2
    assert any(a.report.stage == "simulation" and a.report.done == 50 for a in listed)
    found = [answer.report for answer in single if answer.report.stage]
    assert found[0].substage == "step 1"
    assert (found[0].done, found[0].total) == (30, 100)
    assert found[0].text == "node1: progressing"


def test_a22_nodes_and_science_windows_of_integral():
    entries = [
        {"node": "ii_spectra", "message": "main done", "scwid": "123456780010.001"},
        {"node": "sum", "message": "restored from cache", "scwid": "inapplicable"},
        {"node": "sum", "message": "main done", "scwid": "123456780020.001"},
    ]
    report = read_report({"full_report_dict_list": entries})
    assert (report.windows, report.nodes, report.computed, report.restored) == (2, 2, 2, 1)
    assert "in 2 SCW so far; nodes (2): 2 computed 1 restored" in str(report)


def test_every_question_repeats_all_parameters():
    request = ProductRequest("isgri", "isgri_lc", parameters={"n": "5", "scw_list": ["a", "b"]})
    first = form(request, session_id="S", token="T")
    later = form(request, session_id="S", status="ready", job_id="J", token="T")
    assert "job_id" not in first
    assert later.items() >= (first | {"query_status": "ready", "job_id": "J"}).items()
    again = form(request, session_id="S", status="new", job_id="J")
    assert "job_id" not in again
    assert "token" not in again


def test_another_session_may_own_the_job_but_not_another_job(recorded):
    body = _answers(recorded("31_backend_failed"))[0]
    answer = read_answer(body)
    assert read_answer(body, job_id=answer.job_id).session_id
    with pytest.raises(ParseError, match="not about other"):
        read_answer(body, job_id="other")


@pytest.mark.parametrize("body", [None, [], "x", {}, {"query_status": "done"}, {"job_monitor": 3}])
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(ParseError, match="neither state nor job"):
        read_answer(body)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("32_process_failed", "processing failed on purpose"),
        ("23b_async_failed_later", "node_final: final"),
        ("22_async_callback_failed", "node: it broke"),
        ("13_failing_product", "Instrument: empty, product: failing"),
    ],
)
def test_the_reason_of_a_failure_is_found_wherever_it_is(recorded, scenario, words):
    error = failure(read_answer(_answers(recorded(scenario))[-1]))
    assert isinstance(error, JobFailedError)
    assert error.job_id in str(error)
    assert words in str(error)


def test_a36_a_missing_role_is_named(recorded):
    error = failure(read_answer(_answers(recorded("33_max_pointings_403"))[-1]))
    assert isinstance(error, AuthError)
    assert "unige-hpc-full (needed for max_pointings > 50)" in str(error)
    assert "general, refresh-tokens" in str(error)


def test_a_session_is_as_the_dispatcher_wants_it():
    assert len(new_session()) == 16
    assert new_session().isalnum()
    assert new_session() != new_session()


def test_a_dictionary_in_a_message_becomes_its_keys(recorded):
    said = _answers(recorded("12_product_unknown"))[0]["error"]
    short = cause(said)
    assert short.startswith("product type nosuch not in query_dictionary (dummy, ")
    assert len(short) < 200
    assert cause("x {" + "a: " * 1000 + "}") == "x {...}"
    assert len(cause("y" * 5000)) == 500


@given(st.text(max_size=300))
def test_any_text_is_shortened_without_a_fault(text):
    assert len(cause(text)) <= 500


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_token_is_never_left_in_a_text(before, after):
    token = make_token()
    assert token.split(".")[1] not in redact(f"{before} {token} {after}")
    assert token.split(".")[1] not in redact(f"{before}token={token}&{after}")
