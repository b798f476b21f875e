"""Queries on their way: threads, loops, forks, cancelling, Ctrl-C."""

from __future__ import annotations

import asyncio
import inspect
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.exceptions import (
    InvalidRequestError,
    JobTimeoutError,
    NoResultsWarning,
    ServiceError,
)
from astroquery_mmdc.net import QueryHandle
from astroquery_mmdc.server import LocalServer
from tests.processes import running

POSITION = "166.113808 38.208833"


@pytest.fixture
def slow():
    with LocalServer(sed_seconds=30) as running:
        yield running


# ---------------------------------------------------------------- handles


def test_a_handle_gives_what_the_other_method_gives(mmdc):
    handle = mmdc.query_region_async(POSITION)
    assert isinstance(handle, QueryHandle)
    table = handle.get_data(timeout=30)
    assert handle.done()
    assert handle.status == "done"
    expected = mmdc.query_region(POSITION)
    assert table.colnames == expected.colnames
    assert (table["id"] == expected["id"]).all()
    assert handle.get_data() is table


def test_a_wrong_parameter_is_an_error_before_there_is_a_handle(mmdc, server):
    with pytest.raises(InvalidRequestError, match="radius"):
        mmdc.query_region_async(POSITION, 5)
    assert not server.requests


def test_an_error_is_kept_until_it_is_asked_for(mmdc, faults):
    faults.error(500)
    handle = mmdc.query_region_async(POSITION)
    with pytest.raises(ServiceError):
        handle.get_data()
    assert handle.status == "failed"


def test_a_warning_comes_once_and_in_the_thread_that_asks(mmdc):
    handle = mmdc.query_region_async("10 10")
    with pytest.warns(NoResultsWarning) as caught:
        handle.get_data()
    assert caught[0].filename == __file__
    handle.get_data()


def test_a_warning_of_the_waiting_method_points_at_its_caller(mmdc):
    with pytest.warns(NoResultsWarning) as caught:
        mmdc.query_region("10 10")
    assert [warning.filename for warning in caught] == [__file__]


def test_waiting_can_end_before_the_query(slow):
    handle = MMDCClass(slow.url).query_sed_async(POSITION)
    with pytest.raises(JobTimeoutError, match="call get_data"):
        handle.get_data(timeout=0.5)
    assert not handle.done()
    handle.cancel()


def test_a_running_query_shows_its_job_and_can_be_cancelled(slow):
    handle = MMDCClass(slow.url).query_sed_async(POSITION, progress=lambda _: None)
    _until(lambda: handle.job_id)
    assert handle.status in ("queued", "running")
    assert handle.job_id in repr(handle)
    assert handle.cancel()
    assert handle.status == "cancelled"
    with pytest.raises(CancelledError):
        handle.get_data()


def _until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_verb_has_its_twin_with_the_same_parameters():
    verbs = [name for name in dir(MMDCClass) if name.endswith("_async")]
    assert {"query_region_async", "query_sed_async", "fit_model_async"} <= set(verbs)
    for name in verbs:
        blocking = getattr(MMDCClass, name.removesuffix("_async"))
        starting = getattr(MMDCClass, name)
        parameters = inspect.signature(blocking).parameters
        assert parameters == inspect.signature(starting).parameters
        assert "job" not in parameters
        assert "QueryHandle" in starting.__doc__


# ---------------------------------------------------------------- threads and loops


def test_eight_threads_share_one_object(mmdc):
    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda _: mmdc.query_region(POSITION), range(40)))
    assert len({len(table) for table in tables}) == 1
    loops = [t for t in threading.enumerate() if t.name.startswith("astroquery_mmdc")]
    assert len(loops) == 1


def test_twenty_handles_in_one_gather(mmdc):
    async def main():
        handles = [mmdc.query_region_async(POSITION) for _ in range(20)]
        return await asyncio.gather(*handles)

    assert len({len(table) for table in asyncio.run(main())}) == 1


def test_the_waiting_method_works_inside_a_running_loop(mmdc):
    async def main():
        return mmdc.query_region(POSITION)

    assert len(asyncio.run(main())) > 0


def test_cancelling_the_awaiting_task_cancels_the_query(slow):
    async def main():
        handle = MMDCClass(slow.url).query_sed_async(POSITION)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(handle, 0.5)
        return handle

    assert asyncio.run(main()).status == "cancelled"


# ---------------------------------------------------------------- other processes


def _run(code, env, **options):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def test_a_plain_script(server, python_env):
    code = f"""
from astroquery_mmdc import MMDC, conf
conf.server = {server.url!r}
print(len(MMDC.query_region({POSITION!r})))
"""
    done = _run(code, python_env)
    assert done.stderr == ""
    assert int(done.stdout) > 0


def test_after_a_fork(server, python_env):
    code = f"""
import os
from astroquery_mmdc import MMDCClass
mmdc = MMDCClass({server.url!r})
before = len(mmdc.query_region({POSITION!r}))
child = os.fork()
if child == 0:
    os._exit(0 if len(mmdc.query_region({POSITION!r})) == before else 1)
_, status = os.waitpid(child, 0)
after = len(mmdc.query_region({POSITION!r}))
print(os.waitstatus_to_exitcode(status), before == after)
"""
    # Python 3.12 and later warn of every fork beside a thread; this one is on purpose.
    done = _run(code, {**python_env, "PYTHONWARNINGS": "error,ignore::DeprecationWarning"})
    assert done.stdout.split() == ["0", "True"], done.stderr


def test_in_ipython_with_a_running_loop(server, python_env, tmp_path):
    pytest.importorskip("IPython")
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
import asyncio
shell = InteractiveShell.instance()
cells = ["from astroquery_mmdc import MMDCClass; mmdc = MMDCClass({server.url!r})",
         "blocking = len(mmdc.query_region({POSITION!r}))",
         "awaited = len(await mmdc.query_region_async({POSITION!r}))"]
async def main():
    for cell in cells:
        await_cell = shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell))
        (await await_cell).raise_error()
asyncio.run(main())
print(shell.user_ns["blocking"] == shell.user_ns["awaited"] > 0)
"""
    env = {**python_env, "IPYTHONDIR": str(tmp_path), "PYTHONWARNINGS": "default"}
    done = _run(code, env)
    assert done.stdout.strip().endswith("True"), done.stdout + done.stderr


def test_control_c_ends_the_wait_and_names_nothing_else(slow, python_env):
    code = f"""
from astroquery_mmdc import MMDCClass
print("waiting", flush=True)
try:
    MMDCClass({slow.url!r}).query_sed({POSITION!r})
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running([sys.executable, "-c", code], env=python_env, **pipes) as process:
        assert process.stdout.readline().strip() == "waiting"
        _until(lambda: slow.requests, 30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert out.strip() == "interrupted"
    assert err == ""
