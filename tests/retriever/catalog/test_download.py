from __future__ import annotations

import gzip

import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.exceptions import (
    NotFoundError,
    OfflineError,
    ParseError,
    ServiceUnavailableError,
)
from astroquery_mmdc.retriever.download import download_file, fetch_catalog

CONTENT = bytes(range(256)) * 4000
DATE = "Tue, 03 Jun 2025 10:00:00 GMT"


class Broken:
    """A server that cuts the first answers short, and may know how to continue."""

    def __init__(self, cut, *, ranges=True, dated=True):
        self.cut = cut
        self.ranges = ranges
        self.headers = {"Last-Modified": DATE} if dated else {}
        self.asked = []

    def __call__(self, request):
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        begin = int(wanted[6:-1]) if wanted and self.ranges else 0
        body = CONTENT[begin:]
        headers = {**self.headers, "Content-Length": str(len(body))}
        sent = body[: len(body) // 3] if len(self.asked) <= self.cut else body
        return (206 if begin else 200), headers, sent


@pytest.mark.parametrize(("ranges", "dated"), [(True, True), (False, True), (True, False)])
def test_what_broke_off_is_continued_or_begun_anew(serve_http, tmp_path, ranges, dated):
    broken = Broken(2, ranges=ranges, dated=dated)
    path = download_file(serve_http(broken).url + "/file", tmp_path / "file", progress=True)
    assert path.read_bytes() == CONTENT
    assert len(broken.asked) == 3
    assert [each is not None for each in broken.asked] == [False, dated, dated]
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_part_of_an_earlier_try_is_continued(serve_http, tmp_path):
    broken = Broken(1000)
    url = serve_http(broken).url + "/file"
    with pytest.raises(ServiceUnavailableError):
        download_file(url, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    broken.cut = 0
    download_file(url, tmp_path / "file")
    assert broken.asked[-1] is not None
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_does_not_fit_any_more_is_dropped(serve_http, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 2_000_000)

    def answer(request):
        if "Range" in request.headers:
            return 416, {}, b""
        return 200, {"Last-Modified": DATE}, CONTENT

    assert download_file(serve_http(answer).url, tmp_path / "file").read_bytes() == CONTENT


def test_refusals_and_pages_are_errors(serve_http, tmp_path):
    missing = serve_http(lambda request: (404, {}, b"not there"))
    with pytest.raises(NotFoundError):
        download_file(missing.url + "/file", tmp_path / "file")
    page = serve_http(lambda request: (200, {"Content-Type": "text/html"}, b"<html>"))
    with pytest.raises(ParseError, match="HTML page instead of a file"):
        download_file(page.url + "/file", tmp_path / "file")
    with conf.set_temp("offline", True), pytest.raises(OfflineError):
        download_file(page.url, tmp_path / "file")
    with pytest.raises(ServiceUnavailableError):
        download_file("http://127.0.0.1:9/file", tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_packed_files_are_unpacked_or_kept_packed(serve_http, tmp_path):
    packed = gzip.compress(CONTENT)
    url = serve_http(lambda request: (200, {}, packed)).url + "/a.fits.gz"
    assert fetch_catalog(url, tmp_path / "a.fits").read_bytes() == CONTENT
    assert fetch_catalog(url, tmp_path / "b.fits.gz").read_bytes() == packed
    broken = serve_http(lambda request: (200, {}, packed[:-100])).url + "/a.fits.gz"
    with pytest.raises(ParseError, match="no complete gzip file"):
        fetch_catalog(broken, tmp_path / "c.fits")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits", "b.fits.gz"]
