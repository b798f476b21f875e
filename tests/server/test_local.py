from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.server import LocalServer, load, serving
from astroquery_mmdc.server.middleware import LoggedRequest
from tests.processes import running

ROOT = Path(__file__).parents[2]


def test_serving_yields_an_address() -> None:
    with serving() as url:
        assert url.startswith("http://127.0.0.1:")
        body = httpx.get(url).json()
        assert body["name"] == "astroquery_mmdc"
        assert "/api/observations/" in body["endpoints"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_several_at_once() -> None:
    with serving() as first, serving() as second, serving() as third:
        assert len({first, second, third}) == 3
        assert {httpx.get(url).status_code for url in (first, second, third)} == {200}


def test_inside_a_running_loop() -> None:
    async def ask() -> int:
        with serving() as url:
            async with httpx.AsyncClient() as http:
                return (await http.get(url)).status_code

    assert asyncio.run(ask()) == 200


def test_from_another_thread() -> None:
    found = []

    def ask() -> None:
        with serving() as url:
            found.append(httpx.get(url).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [200]


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    with serving() as url, httpx.Client(base_url=url) as http:
        http.get("/")
    assert threading.active_count() == before


def test_an_error_in_the_block_stops_the_server() -> None:
    with pytest.raises(KeyError), serving() as url:
        raise KeyError(url)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_store_may_be_shared() -> None:
    store = load()
    with LocalServer(store) as first, LocalServer(store) as second:
        assert first.store is second.store
        assert httpx.get(first.url + "/api/observations/?limit=1").status_code == 200


def test_a_port_of_ones_own_and_one_that_is_taken() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port = probe.getsockname()[1]
        with pytest.raises(InvalidRequestError, match=f"cannot listen on 127.0.0.1:{port}"):
            LocalServer(port=port).__enter__()
    with LocalServer(port=port) as server:
        assert server.url == f"http://127.0.0.1:{port}"


def test_ipv6() -> None:
    try:
        with serving(host="::1") as url:
            assert url.startswith("http://[::1]:")
    except InvalidRequestError:
        pytest.skip("this machine has no IPv6")


def test_serve_until_interrupted() -> None:
    code = (
        "import httpx, os, signal, threading, time\n"
        "from astroquery_mmdc.server import serve\n"
        "def ask(url):\n"
        "    assert httpx.get(url).status_code == 200\n"
        "    body = {'ra': 166.11, 'dec': 38.21}\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    start = time.monotonic()\n"
        "    answer = httpx.post(url + '/api/sed/?wait=25', json=body, timeout=30).json()\n"
        "    assert answer['error']['code'] == 'abandoned'\n"
        "    assert time.monotonic() - start < 5\n"
        "    print('answered')\n"
        "def ready(url):\n"
        "    threading.Thread(target=ask, args=(url,)).start()\n"
        "serve(port=0, ready=ready, sed_seconds=60)\n"
        "print('ended')\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(command, cwd=ROOT, **pipes) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert sorted(output.split()) == ["answered", "ended"]


def test_no_warning_at_all() -> None:
    code = (
        "import httpx, gc\n"
        "from astroquery_mmdc.server import serving\n"
        "with serving(sed_seconds=30) as url, httpx.Client(base_url=url) as http:\n"
        "    http.get('/')\n"
        "    http.post('/api/sed/', json={'ra': 166.11, 'dec': 38.21})\n"
        "gc.collect()\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, timeout=60, check=True, capture_output=True)
    assert done.stderr == b""


# ---------------------------------------------------------------- requests


def test_requests_are_logged_without_secrets() -> None:
    headers = {
        "X-API-Key": "secret",
        "Authorization": "secret",
        "Cookie": "secret",
        "X-MMDC-Client": "me",
        "Prefer": "wait=1",
    }
    with LocalServer() as server:
        httpx.get(server.url + "/api/known_sources/?token=secret&a=1", headers=headers)
        (request,) = server.requests
    assert isinstance(request, LoggedRequest)
    assert (request.method, request.path) == ("GET", "/api/known_sources/")
    assert request.headers["x-mmdc-client"] == "me"
    assert request.headers["prefer"] == "wait=1"
    assert request.query == "a=1"
    assert "secret" not in repr(request)


def test_requests_that_meet_a_fault_are_logged_too() -> None:
    with LocalServer() as server:
        server.faults.error(503, times=1)
        httpx.get(server.url)
        httpx.get(server.url)
        assert [request.path for request in server.requests] == ["/", "/"]


def test_unknown_paths_and_methods(client: httpx.Client) -> None:
    for path in ("/nothing", "/api/", "/api/sed/1/2/"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/json"
    response = client.delete("/api/observations/")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert "does not take DELETE" in response.json()["error"]
    assert "access-control-allow-origin" not in response.headers


def test_a_missing_slash_is_forgiven(client: httpx.Client) -> None:
    response = client.get("/api/observations?limit=1", follow_redirects=True)
    assert len(response.json()) == 1


@pytest.mark.parametrize("announced", [True, False])
def test_large_bodies_are_refused(announced: bool) -> None:
    body = b"x" * 300_000
    with LocalServer(max_body=1000) as server, httpx.Client(base_url=server.url) as http:
        content = body if announced else iter([body[:500], body[500:]])
        response = http.post("/api/autocomplete/", content=content)
        assert response.status_code == 413
        assert "larger than 1000 bytes" in response.json()["error"]
        assert http.post("/api/autocomplete/", json={"query": "Mrk"}).status_code == 200


def test_the_servers_own_mistakes_are_not_spelled_out() -> None:
    store = load()
    with LocalServer(store) as server:
        server.app.state.site.store = None
        response = httpx.get(server.url + "/api/observations/", params={"ra": 1, "dec": 1})
        assert response.status_code == 500
        assert response.json() == {"error": "the server made a mistake"}
        response = httpx.get(server.url + "/api/sed/x/")
        assert response.status_code == 404
