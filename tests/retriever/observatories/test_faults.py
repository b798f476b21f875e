"""Troubles of services: each raises, none is taken for an empty answer."""

from __future__ import annotations

import time

import pytest
import stamina

from astroquery_mmdc import conf
from astroquery_mmdc.exceptions import (
    AuthError,
    InvalidRequestError,
    MMDCError,
    OfflineError,
    ParseError,
    RateLimitError,
    ServiceError,
    ServiceUnavailableError,
)
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient
from astroquery_mmdc.retriever.observatories import (
    VirtualASASSN,
    VirtualFermiLCR,
    VirtualPanSTARRS,
    VirtualTESS,
    VirtualZTF,
)
from tests.retriever.web import Request

from .services import Mast, asassn, fermi, irsa, panstarrs, tess_file, uri, ztf_rows

ROW = {"name": "4FGL J1104.4+3812", "ra": 120.0, "dec": 20.0}
STAR = {"ID": 7, "ra": 120.0, "dec": 20.0, "Tmag": 12.9, "GAIAmag": 13.5}
PAGE = b"\n<!DOCTYPE html>\n<html><body>Down for maintenance</body></html>"


def _mast():
    return Mast([STAR], {uri(7, 1): tess_file(7, 1)})


SURVEYS = {
    "ztf": (VirtualZTF, lambda: irsa(ztf_rows()), ""),
    "tess": (VirtualTESS, _mast, ""),
    "panstarrs": (VirtualPanSTARRS, lambda: panstarrs, "/api/v0.1/panstarrs"),
    "asassn": (VirtualASASSN, lambda: asassn, ""),
    "fermi": (VirtualFermiLCR, lambda: fermi, ""),
}


class Troubled:
    """A service in trouble for some requests, beginning with one of them."""

    def __init__(self, answer, trouble, *, first=0, count=10**6):
        self.answer = answer
        self.trouble = trouble
        self.first = first
        self.count = count
        self.times = []

    def __call__(self, request):
        number = len(self.times)
        self.times.append(time.monotonic())
        if self.first <= number < self.first + self.count:
            return self.trouble(self.answer(request))
        return self.answer(request)


def _status(status, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda good: (status, names, b"no")


def _page(good):
    return 200, {"Content-Type": "text/html"}, PAGE


def _cut(good):
    status, headers, body = good
    return status, headers, body[: len(body) // 2]


def _broken_off(good):
    status, headers, body = good
    return status, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2]


TROUBLES = {
    "unauthorised": (_status(401), AuthError),
    "forbidden": (_status(403), AuthError),
    "bad request": (_status(400), InvalidRequestError),
    "missing": (_status(404), ServiceError),
    "too many": (_status(429, Retry_After="0"), RateLimitError),
    "failed": (_status(500), ServiceUnavailableError),
    "unavailable": (_status(503), ServiceUnavailableError),
    "page": (_page, ParseError),
    "cut": (_cut, ParseError),
    "broken off": (_broken_off, ServiceUnavailableError),
    "nothing": (lambda good: (200, {}, b""), ParseError),
}


@pytest.mark.parametrize("survey", SURVEYS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_troubles_raise(serve_http, survey, trouble):
    kind, make, path = SURVEYS[survey]
    make_trouble, error = TROUBLES[trouble]
    service = Troubled(make(), make_trouble)
    obs = kind(url=serve_http(service).url + path)
    if (survey, trouble) == ("panstarrs", "nothing"):
        assert obs.download(ROW).is_empty  # CSV of nothing is nothing
        return
    with pytest.raises(error) as raised:
        obs.download(ROW)
    assert isinstance(raised.value, MMDCError)


@pytest.mark.parametrize("trouble", ["forbidden", "too many", "failed", "page", "cut"])
def test_troubles_are_not_remembered(serve_http, trouble):
    make_trouble, error = TROUBLES[trouble]
    service = Troubled(irsa(ztf_rows()), make_trouble)
    obs = VirtualZTF(url=serve_http(service).url, project="faults")
    with pytest.raises(error):
        obs.fetch_source(ROW)
    service.count = 0
    assert not obs.fetch_source(ROW).raw_photometry[0].is_empty


@pytest.mark.parametrize("trouble", ["forbidden", "cut", "page", "failed"])
def test_troubles_with_one_file_of_many_raise(serve_http, trouble):
    make_trouble, error = TROUBLES[trouble]
    service = Troubled(_mast(), make_trouble, first=2)
    obs = VirtualTESS(url=serve_http(service).url)
    with pytest.raises(error):
        obs.download({**ROW, "mag": None})


@pytest.mark.parametrize("trouble", ["too many", "failed", "unavailable", "broken off"])
def test_what_may_pass_is_tried_again(serve_http, trouble):
    service = Troubled(irsa(ztf_rows()), TROUBLES[trouble][0], count=2)
    obs = VirtualZTF(url=serve_http(service).url)
    assert len(obs.download(ROW)) == 40
    assert len(service.times) == 3


def test_the_service_says_how_long_to_wait(serve_http):
    service = Troubled(irsa(ztf_rows()), _status(429, Retry_After="1"), count=1)
    obs = VirtualZTF(url=serve_http(service).url)
    with stamina.set_testing(False):
        obs.download(ROW)
    assert service.times[1] - service.times[0] >= 1


@pytest.mark.parametrize("name", ["MAST says no", "no rows", "no JSON"])
def test_mast_tells_of_errors_with_status_200(serve_http, name):
    bodies = {
        "MAST says no": (b'{"status": "ERROR", "msg": "bad filter"}', ServiceError),
        "no rows": (b'{"status": "COMPLETE"}', ParseError),
        "no JSON": (b"[1, 2]", ParseError),
    }
    body, error = bodies[name]
    obs = VirtualTESS(url=serve_http(lambda request: (200, {}, body)).url)
    with pytest.raises(error):
        obs.download(ROW)


def test_irsa_tells_of_errors_in_a_votable(serve_http):
    text = (
        b'<?xml version="1.0"?><VOTABLE version="1.3"><RESOURCE type="results">'
        b'<INFO name="QUERY_STATUS" value="ERROR">no such collection</INFO></RESOURCE></VOTABLE>'
    )
    obs = VirtualZTF(url=serve_http(lambda request: (200, {}, text)).url)
    with pytest.raises(ParseError, match="no such collection"):
        obs.download(ROW)
    no_table = text.replace(b"ERROR", b"OK")
    obs = VirtualZTF(url=serve_http(lambda request: (200, {}, no_table)).url)
    with pytest.raises(ParseError, match="it has no table"):
        obs.download(ROW)


@pytest.mark.parametrize("body", [b'{"a": 1}', b"[3]", b"[]"])
def test_a_list_of_sources_that_is_none_raises(serve_http, body):
    obs = VirtualFermiLCR(url=serve_http(lambda request: (200, {}, body)).url)
    with pytest.raises(ParseError):
        obs.download({**ROW, "name": "elsewhere"})


@pytest.mark.parametrize("body", [b"[1, 2]", b'{"flux": [[1]]}', b'{"flux": 3}'])
def test_light_curves_that_are_none_raise(serve_http, body):
    obs = VirtualFermiLCR(url=serve_http(lambda request: (200, {}, body)).url)
    with pytest.raises(ParseError):
        obs.download(ROW)


def test_asassn_asks_the_next_server_if_one_is_down(serve_http):
    server = serve_http(lambda request: asassn(request))

    def answer(request):
        if request.path == "/get_block_servers":
            return 200, {}, f'["127.0.0.1:9", "{server.url[7:]}"]'.encode()
        return asassn(request)

    front = serve_http(answer)
    assert len(VirtualASASSN(url=front.url).download(ROW)) == 6

    def without(servers):
        return lambda request: (
            (200, {}, servers) if request.path == "/get_block_servers" else asassn(request)
        )

    for servers, error in [(b"[]", ParseError), (b"{}", ParseError)]:
        with pytest.raises(error):
            VirtualASASSN(url=serve_http(without(servers)).url).download(ROW)
    with pytest.raises(ServiceUnavailableError):
        VirtualASASSN(url=serve_http(without(b'["127.0.0.1:9"]')).url).download(ROW)


def test_nothing_is_asked_offline(serve_http):
    server = serve_http(irsa(ztf_rows()))
    credentials = {"username": "guy", "password": "12345"}
    with conf.set_temp("offline", True):
        for given in ({}, credentials):
            with pytest.raises(OfflineError):
                VirtualZTF(url=server.url, credentials=given).download(ROW)
    assert server.requests == []
    with pytest.raises(InvalidRequestError, match="url: 'irsa' is no address"):
        VirtualZTF(url="irsa").download(ROW)


def test_a_service_that_is_not_there(serve_http):
    credentials = {"username": "guy", "password": "12345"}
    for given in ({}, credentials):
        with pytest.raises(ServiceUnavailableError):
            VirtualZTF(url="http://127.0.0.1:9", credentials=given).download(ROW)


def test_requests_keep_their_distance(serve_http):
    times = []

    def answer(request):
        times.append(time.monotonic())
        return 200, {}, b"ok"

    client = SurveyClient("TEST", serve_http(answer).url, limits=Limits(at_once=8, per_second=20))
    for _ in range(5):
        assert client.get("/x").content == b"ok"
    assert times[-1] - times[0] >= 4 / 20 * 0.7


def test_no_more_requests_at_once_than_allowed(serve_http):
    import threading
    from concurrent.futures import ThreadPoolExecutor

    running, most, lock = 0, 0, threading.Lock()

    def answer(request):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.03)
        with lock:
            running -= 1
        return 200, {}, b"ok"

    url = serve_http(answer).url
    clients = [SurveyClient("TEST", url, limits=Limits(at_once=2)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda client: client.get(), clients))
    assert most == 2


@pytest.mark.parametrize("body", [b"a,b\n1,2,3\n", b"a,b\n1,2"])
def test_csv_that_is_none_raises(serve_http, body):
    obs = VirtualPanSTARRS(url=serve_http(lambda request: (200, {}, body)).url)
    with pytest.raises(ParseError):
        obs.download(ROW)


def test_half_a_votable_raises(serve_http):
    _, _, content = irsa(ztf_rows())(_cone())
    whole = content.rstrip()
    for cut in (len(whole) - 12, len(whole) - 30, 300):
        obs = VirtualZTF(url=serve_http(lambda request, cut=cut: (200, {}, whole[:cut])).url)
        with pytest.raises(ParseError):
            obs.download(ROW)


def _cone():
    query = {"FORMAT": "VOTABLE", "POS": "CIRCLE 120 20 0.001"}
    return Request("GET", "/cgi-bin/ZTF/nph_light_curves", query, {}, b"")


def test_a_cut_off_list_of_detections_is_told(serve_http, monkeypatch):
    from astroquery_mmdc.exceptions import IncompleteResultWarning
    from astroquery_mmdc.retriever.observatories import panstarrs as module

    monkeypatch.setattr(module, "_PAGE_SIZE", 6)
    obs = VirtualPanSTARRS(url=serve_http(panstarrs).url + "/api/v0.1/panstarrs")
    with pytest.warns(IncompleteResultWarning, match="more detections than 6"):
        obs.download(ROW)


def test_a_service_that_hangs(serve_http):
    import threading

    gate = threading.Event()

    def answer(request):
        gate.wait(10)
        return 200, {}, b""

    obs = VirtualZTF(url=serve_http(answer).url)
    slow = pytest.raises(ServiceUnavailableError, match="did not answer in time")
    with conf.set_temp("timeout", 0.2), conf.set_temp("retries", 1), slow:
        obs.download(ROW)
    gate.set()
