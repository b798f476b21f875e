"""Jobs of a real dispatcher."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    ServiceUnavailableError,
)
from tests.processes import running

LC = {"instrument": "localtest", "product": "localtest_lc"}


def _rates(collection):
    return np.asarray(collection[0].data_unit[1].data["RATE"])


def test_a01_nothing_is_sent_when_an_object_is_made(scripted):
    mmoda = MMODAClass(scripted.url)
    assert mmoda.url == scripted.url
    mmoda.url = "https://example.org/"
    assert mmoda.url == "https://example.org"
    assert MMODAClass().url == "https://www.astro.unige.ch/mmoda/dispatch-data"
    assert not scripted.asked


def test_a02_without_waiting_a_handle_comes_at_once(dispatcher, fresh):
    mmoda = MMODAClass(dispatcher.url, wait=False)
    begun = time.monotonic()
    handle = mmoda.get_product(**LC, wait_s=1, src_name=fresh())
    assert time.monotonic() - begun < 0.5
    assert len(handle.get_data(20)) == 2


def test_a03_flags_at_each_state(mmoda, fresh):
    handle = mmoda.get_product(**LC, wait_s=1.5, src_name=fresh(), wait=False)
    assert handle.is_prepared
    assert handle.poll() in ("submitted", "progress")
    assert handle.is_submitted
    assert handle.job_id
    assert not any((handle.is_complete, handle.is_done, handle.is_failed))
    handle.get_data(20)
    assert handle.is_complete
    assert handle.is_done
    assert not handle.is_failed
    assert handle.poll() == handle.status == "done"


def test_a03_flags_of_a_failure(mmoda, fresh):
    handle = mmoda.get_product_async(**LC, fail="process", src_name=fresh())
    with pytest.raises(JobFailedError, match="processing failed on purpose"):
        handle.get_data(20)
    assert handle.is_complete
    assert handle.is_failed
    assert not handle.is_done


def test_a04_many_products_at_once(mmoda, fresh):
    requests = [{**LC, "n": n, "wait_s": 1, "src_name": fresh()} for n in range(3, 8)]
    found = mmoda.get_products(requests)
    assert [len(_rates(collection)) for collection in found] == [3, 4, 5, 6, 7]


def test_a04_errors_of_some_of_many(mmoda):
    requests = [{**LC, "n": 3}, {**LC, "fail": "process"}, {**LC, "n": 4}]
    first, error, last = mmoda.get_products(requests, return_exceptions=True)
    assert isinstance(error, JobFailedError)
    assert (len(_rates(first)), len(_rates(last))) == (3, 4)
    with pytest.raises(JobFailedError) as caught:
        mmoda.get_products(requests)
    assert "in requests[1]; 1 of 3 failed" in caught.value.__notes__
    with pytest.raises(InvalidRequestError, match="give a list of mappings"):
        mmoda.get_products(LC)


def test_a04_a_bar_counts_them(mmoda, capsys):
    mmoda.get_products([{**LC, "n": 3}], progress=True)
    assert "/1 [" in capsys.readouterr().err


def test_a05_the_same_request_is_the_same_job(mmoda, fresh, dispatcher):
    request = {**LC, "wait_s": 0.6, "n": 5, "src_name": fresh()}
    first = mmoda.get_product(**request)
    begun = time.monotonic()
    second = mmoda.get_product(**request)
    assert time.monotonic() - begun < 0.5
    assert first.origin.job_id == second.origin.job_id
    assert np.array_equal(_rates(first), _rates(second))


def test_a06_messages_come_through_logging_only(mmoda, fresh, caplog, capsys):
    caplog.set_level(logging.WARNING, "astroquery_mmdc")
    mmoda.get_product(**LC, wait_s=0.4, src_name=fresh())
    assert not caplog.records
    caplog.set_level(logging.INFO, "astroquery_mmdc")
    mmoda.get_product(**LC, wait_s=0.4, src_name=fresh())
    assert "prepared => submitted" in caplog.text
    assert "=> done" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_a07_a_token_reaches_the_dispatcher(mmoda, sign):
    numerical = {"instrument": "empty", "product": "numerical", "product_type": "Dummy"}
    with pytest.raises(AuthError, match="this needs the role general"):
        mmoda.get_product(**numerical)
    assert mmoda.get_product(**numerical, token=sign())
    with pytest.raises(AuthError, match=r"role general .*your token has nothing of it"):
        mmoda.get_product(**numerical, token=sign(roles="nothing of it"))


def test_a08_a_stored_token_is_sent(mmoda, token, monkeypatch):
    monkeypatch.setenv("ODA_TOKEN", token)
    assert mmoda.get_product(instrument="empty", product="numerical", product_type="Dummy")


def test_a12_a_wrongly_signed_token(mmoda, sign):
    with pytest.raises(AuthError, match="does not accept the token: it is damaged"):
        mmoda.get_product(**LC, token=sign(secret=b"other"))


def test_a18_texts_and_mjd_give_the_same_product(mmoda):
    texts = mmoda.get_product(**LC, RA="257.5", n="4", T1="58193.455", T2="58194", T_format="mjd")
    numbers = mmoda.get_product(**LC, RA=257.5, n=4, T1=58193.455, T2=58194, T_format="mjd")
    assert np.array_equal(_rates(texts), _rates(numbers))
    assert numbers.origin.analysis_parameters["T1"] == "2018-03-16T10:55:12.000"


def test_a22_progress_is_told(mmoda, fresh):
    seen = []
    handle = mmoda.get_product(**LC, wait_s=1.5, src_name=fresh(), progress=seen.append, wait=False)
    handle.get_data(20)
    assert next(p.stage for p in seen if p.stage).startswith("simulation step")
    # "ready" as well, unless a busy machine was silent for so long that the job was asked for anew.
    assert {p.status for p in seen} >= {"progress", "done"}
    assert max(p.done for p in seen) == 60
    assert f"status=done job_id={handle.job_id[:8]} in " in handle.summary
    assert handle.session_id


def test_a22_one_line_on_the_terminal(mmoda, fresh, capsys):
    mmoda.get_product(**LC, wait_s=0.8, src_name=fresh(), progress=True)
    assert "simulation step" in capsys.readouterr().err
    with pytest.raises(InvalidRequestError, match="progress: 3 is neither"):
        mmoda.get_product(**LC, progress=3)


def test_a23_a_wait_that_ended_is_taken_up_again(mmoda, fresh):
    with pytest.raises(JobTimeoutError, match="it goes on at the dispatcher") as caught:
        mmoda.get_product(**LC, wait_s=2, src_name=fresh(), timeout=0.7)
    job_id = caught.value.job_id
    jobs = mmoda.list_jobs()
    assert jobs["job_id"][0] == job_id
    assert (jobs["instrument"][0], jobs["product"][0]) == ("localtest", "localtest_lc")
    collection = mmoda.get_job(job_id).get_data(20)
    assert collection.origin.job_id == job_id
    assert mmoda.list_jobs()["status"][0] == "done"


SCRIPT = """
import sys
from astroquery_mmdc import MMODAClass
mmoda = MMODAClass(sys.argv[1])
print("waiting", flush=True)
mmoda.get_product(instrument="localtest", product="localtest_lc", wait_s=4, src_name=sys.argv[2])
"""


def test_a23_ctrl_c_and_another_process(dispatcher, mmoda, fresh, python_env):
    name = fresh()
    with running(
        [sys.executable, "-c", SCRIPT, dispatcher.url, name],
        env={**python_env, **os.environ, "PYTHONPATH": python_env["PYTHONPATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        for _ in range(200):
            if len(mmoda.list_jobs()):
                break
            time.sleep(0.05)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - begun < 3
        assert "KeyboardInterrupt" in said
    jobs = mmoda.list_jobs()
    by_id = mmoda.get_job(jobs["job_id"][0]).get_data(30)
    again = mmoda.get_product(**LC, wait_s=4, src_name=name)
    assert by_id.origin.job_id == again.origin.job_id == jobs["job_id"][0]


def test_a23_what_cannot_be_taken_up(mmoda):
    with pytest.raises(InvalidRequestError, match="no job 'none' was started from here"):
        mmoda.get_job("none")


def test_a36_too_many_pointings_without_the_role(mmoda, sign):
    with pytest.raises(AuthError, match=r"role unige-hpc-full \(needed for max_pointings > 50\)"):
        mmoda.get_product(**LC, max_pointings=500, token=sign())
    allowed = sign(roles="general, unige-hpc-full")
    assert mmoda.get_product(**LC, max_pointings=500, token=allowed)


def test_a43_a44_a49_a_product_knows_where_it_comes_from(mmoda, token, fresh):
    collection = mmoda.get_product(**LC, n=4, token=token)
    assert collection.origin.analysis_parameters["n"] == 4
    assert "token" not in collection.origin.analysis_parameters
    assert collection.origin.comment == "backend comment"
    code = collection.api_code()
    assert token not in code
    names = {}
    exec(code, names)  # noqa: S102 - the code has to run as it is
    assert np.array_equal(_rates(names["data"]), _rates(collection))
    again = mmoda.from_api_code(code, n=6, token=token)
    assert len(_rates(again)) == 6


def test_the_payload_is_shown_and_nothing_is_submitted(mmoda, token, fresh):
    payload = mmoda.get_product(**LC, n=4, token=token, get_query_payload=True)
    assert payload == {
        "n": "4",
        "instrument": "localtest",
        "product_type": "localtest_lc",
        "query_type": "Real",
    }
    assert not len(mmoda.list_jobs())


def test_wrong_arguments(mmoda):
    with pytest.raises(InvalidRequestError, match="product_type: 'isgri_lc' is neither"):
        mmoda.get_product(**LC, product_type="isgri_lc")
    with pytest.raises(InvalidRequestError, match="instrument: '' is no name"):
        mmoda.get_product(instrument="", product="a")
    with pytest.raises(InvalidRequestError, match="nosuch"):
        mmoda.get_product(instrument="nosuch", product="a")
    with pytest.raises(InvalidRequestError, match="localtest has no 'localtest_lcc'; did you mean"):
        mmoda.get_product(instrument="localtest", product="localtest_lcc")


def test_a_handle_can_be_awaited_and_cancelled(mmoda, fresh):
    async def main():
        return await mmoda.get_product_async(**LC, n=3)

    assert len(asyncio.run(main())) == 2
    handle = mmoda.get_product_async(**LC, wait_s=5, src_name=fresh())
    handle.poll()
    assert handle.cancel()
    assert handle.status == "cancelled"
    assert not any((handle.is_done, handle.is_failed))


def test_one_object_serves_many_threads(mmoda, fresh):
    found = {}

    def ask(n):
        found[n] = len(_rates(mmoda.get_product(**LC, n=n, wait_s=0.5, src_name=fresh())))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n for n in range(3, 9)}


# ---------------------------------------------------------------- faults


def test_the_dispatcher_is_restarted_in_the_middle_of_a_job(dispatcher, mmoda, fresh):
    handle = mmoda.get_product_async(**LC, n=4, wait_s=2.5, src_name=fresh())
    handle.poll()
    dispatcher.stop()
    time.sleep(0.5)
    assert not handle.done()
    dispatcher.start()
    assert len(_rates(handle.get_data(60))) == 4


def test_a_dispatcher_that_is_not_there(mmoda, dispatcher):
    away = MMODAClass("http://127.0.0.1:9/dispatch-data")
    with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
        away.get_product(**LC)


# ---------------------------------------------------------------- speed


def _seconds_late(mmoda, name):
    """Return how long after its last sign of work a job of 4 s was returned: at least as late."""
    told = []

    def note(progress):
        if progress.status == "progress":
            told.append(time.monotonic())

    mmoda.get_product(**LC, wait_s=4, src_name=name, progress=note)
    return time.monotonic() - told[-1]


def test_the_end_of_a_job_is_noticed_soon(mmoda, fresh):
    # A busy machine may be late once.
    assert any(_seconds_late(mmoda, fresh()) < 0.3 for _ in range(4))


@pytest.mark.slow
def test_twenty_jobs_take_hardly_longer_than_one(mmoda, fresh):
    seconds = 15
    mmoda.get_products([{**LC, "wait_s": seconds, "src_name": fresh()} for _ in range(1)])
    begun = time.monotonic()
    found = mmoda.get_products(
        [{**LC, "wait_s": seconds, "src_name": fresh()} for _ in range(20)], timeout=90
    )
    assert len(found) == 20
    assert time.monotonic() - begun < 1.2 * seconds


# ---------------------------------------------------------------- kept results


def test_a47_a_kept_result_needs_no_request(mmoda, dispatcher, fresh, token, sign):
    request = {**LC, "n": 7, "src_name": fresh()}
    first = mmoda.get_product(**request, cache=True, token=token)
    before = dispatcher.log().count("POST /dispatch-data/run_analysis")
    second = mmoda.get_product(**request, cache=True, token=token)
    assert dispatcher.log().count("POST /dispatch-data/run_analysis") == before > 0
    assert np.array_equal(_rates(first), _rates(second))
    assert second.origin.job_id == first.origin.job_id
    # Another user may have other rights.
    mmoda.get_product(**request, cache=True, token=sign(sub="other@example.org"))
    assert dispatcher.log().count("POST /dispatch-data/run_analysis") == before + 1
