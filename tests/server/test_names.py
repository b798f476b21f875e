from __future__ import annotations

import httpx
import pytest

from astroquery_mmdc.server.sources import Peak, Source, SourceList, normal_name

PATH = "/api/autocomplete/"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Mrk 421", ["Mrk 421"]),
        ("mkn421", ["Mrk 421"]),
        ("MARKARIAN 421", ["Mrk 421"]),
        ("Mrk", ["Mrk 421", "Mrk 501"]),
        ("PKS 1510-08", ["PKS 1510-089"]),
        ("pks_1510-089", ["PKS 1510-089"]),
        ("4FGL J1104.4+3812", ["Mrk 421"]),
        ("3C 345", []),
        ("   ", []),
    ],
)
def test_names_are_found(client: httpx.Client, query: str, expected: list[str]) -> None:
    response = client.post(PATH, json={"query": query})
    assert response.status_code == 200
    assert [hit["name"] for hit in response.json()["results"]] == expected


def test_a_hit_has_position_and_origin(client: httpx.Client) -> None:
    (hit,) = client.post(PATH, json={"query": "Mrk 421"}).json()["results"]
    assert set(hit) == {"name", "ra", "dec", "refcatalog"}
    assert (hit["ra"], hit["dec"]) == (166.113808, 38.208833)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{}", b'{"query": ""}', b"not json"])
def test_bad_queries(client: httpx.Client, body: bytes) -> None:
    response = client.post(PATH, content=body)
    assert response.status_code == 400
    assert response.json()["fields"]


def test_lists_of_sources(client: httpx.Client) -> None:
    for path in ("/api/known_sources/", "/api/gamma_ray_sources/"):
        entries = client.get(path).json()
        assert [entry["name"] for entry in entries] == ["Mrk 421", "PKS 1510-089", "Mrk 501"]
        assert entries[1]["redshift"] == 0.361


def test_whole_names_come_before_beginnings() -> None:
    sources = SourceList([Source("3C 2730", 1, 1), Source("3C 273", 2, 2), Source("3C273", 3, 3)])
    assert [source.ra for source in sources.search("3c 273")] == [2, 3, 1]
    assert len(sources) == len(list(sources)) == 3


def test_nearest_of_no_sources() -> None:
    assert SourceList().nearest(1, 1, 100) is None
    assert SourceList([Source("a", 1, 1)]).nearest(1, 2, 100) is None


def test_spellings_of_markarian_are_one() -> None:
    names = ("Mrk 421", "Mkn421", "markarian_421", "MRK  0421")
    assert {normal_name(name) for name in names} == {"mrk421"}


def test_peaks_in_words() -> None:
    assert Peak(15.2, 0.3).text == "15.2 +/- 0.3"
    assert Peak(15.2, limit="lower").text == "> 15.2"
    assert Peak(17.0, limit="upper").text == "< 17"
