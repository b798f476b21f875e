from __future__ import annotations

import logging
import time

import httpx
import pytest

from astroquery_mmdc.server import Faults, LocalServer, serving

PATH = "/api/observations/"


def test_an_error_befalls_only_so_many(client: httpx.Client, server: LocalServer) -> None:
    rule = server.faults.error(503, PATH, times=2, retry_after=7)
    answers = [client.get(PATH, params={"limit": 1}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error"]
    assert rule.hits == 2


def test_rules_look_at_path_and_method(client: httpx.Client, server: LocalServer) -> None:
    server.faults.error(429, "/api/sed/", method="post", retry_after="1, 5")
    assert client.get(PATH, params={"limit": 1}).status_code == 200
    assert client.get("/api/sed/x/").status_code == 404
    response = client.post("/api/sed/", json={"ra": 1, "dec": 1})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1, 5"


def test_latency(client: httpx.Client, server: LocalServer) -> None:
    server.faults.add(PATH, latency=0.3, times=1)
    start = time.monotonic()
    assert client.get(PATH, params={"limit": 1}).status_code == 200
    assert time.monotonic() - start >= 0.3
    server.faults.add(PATH, latency=1.0, times=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get(PATH, timeout=0.1)


def test_a_cut_connection(
    client: httpx.Client, server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(PATH, reset=True, times=1)
    with caplog.at_level(logging.WARNING), pytest.raises(httpx.TransportError) as failure:
        client.get(PATH)
    assert isinstance(failure.value, httpx.RemoteProtocolError | httpx.ReadError)
    assert client.get(PATH, params={"limit": 1}).status_code == 200
    assert not caplog.records


@pytest.mark.parametrize("size", [0, 10, 20_000])
def test_a_truncated_body(
    client: httpx.Client, server: LocalServer, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    server.faults.add(PATH, truncate=size, times=1)
    with caplog.at_level(logging.WARNING), client.stream("GET", PATH) as response:
        assert int(response.headers["content-length"]) > 100_000
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
        assert response.num_bytes_downloaded == size
    assert not caplog.records


def test_a_truncated_error(client: httpx.Client, server: LocalServer) -> None:
    server.faults.error(500, PATH, truncate=3, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(PATH)


def test_a_web_page(client: httpx.Client, server: LocalServer) -> None:
    server.faults.html(PATH, times=1)
    response = client.get(PATH)
    assert response.status_code == 200
    assert response.text.startswith("<!DOCTYPE html>")


def test_half_a_document(client: httpx.Client, server: LocalServer) -> None:
    server.faults.half_json(PATH, times=1)
    response = client.get(PATH)
    assert response.status_code == 200
    with pytest.raises(ValueError, match="Unterminated"):
        response.json()


def test_faults_can_be_made_before_the_server() -> None:
    faults = Faults()
    faults.error(502)
    with serving(faults=faults) as url:
        assert httpx.get(url + "/").status_code == 502
        faults.clear()
        assert httpx.get(url + "/").status_code == 200
