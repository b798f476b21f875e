from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u

from astroquery_mmdc.schema.wire import LEGACY_CSV_HEADER
from astroquery_mmdc.server import LocalServer, ObservationStore
from astroquery_mmdc.server.sources import Peak, Source, SourceList

from .conftest import make_observations

MRK421 = {"ra": 166.113808, "dec": 38.208833, "database_name": "Mkn421"}
ERG_TO_EV = u.erg.to(u.eV)

# Two dated points, one of them a limit, and one without a date; two bands, one catalogue twice.
POINTS = make_observations(
    ra=[10.0] * 4,
    dec=[10.0] * 4,
    catalog=["A", "B", "B", "C"],
    frequency=[1e9, 5e14, 6e14, 1e18],
    flux=[1e-14, 1e-12, 3e-12, 1e-11],
    flux_err=[1e-15, None, 1e-13, 1e-12],
    is_upper_limit=[False, True, False, False],
    mjd_start=[55100.0, 55100.0, None, 55200.0],
    mjd_end=[55110.0, 55100.0, None, 55200.0],
)
HERE = {"ra": 10.0, "dec": 10.0, "database_name": "Here", "source_name": "Here it is"}


@pytest.fixture(scope="module")
def fetch() -> Iterator[Callable[..., httpx.Response]]:
    source = Source("Here", 10.0, 10.0, redshift=0.5, peak=Peak(15.2, 0.3))
    store = ObservationStore(POINTS, SourceList([source]))
    with LocalServer(store) as server, httpx.Client(base_url=server.url) as http:
        job = http.post("/api/vou_json/", json=HERE).json()["uuid"]

        def get(kind: str, **params: Any) -> httpx.Response:
            return http.get(f"/api/{kind}/{job}/", params=params)

        yield get


def frequencies(response: httpx.Response) -> list[float]:
    assert response.status_code == 200, response.text
    blocks = response.json()["data"]["range_data"].values()
    kinds = [kind for block in blocks for catalog in block.values() for kind in catalog.values()]
    return sorted(nu for kind in kinds for nu in kind["freq"])


def test_a_new_job_then_the_same_again() -> None:
    with LocalServer() as server, httpx.Client(base_url=server.url) as http:
        created = http.post("/api/vou_json/", json=MRK421)
        assert created.status_code == 201
        assert created.json() == {"status": "created", "uuid": created.json()["uuid"]}
        known = http.post("/api/vou_json/", json=MRK421)
        assert known.status_code == 200
        body = known.json()
        assert body["uuid"] == created.json()["uuid"]
        assert body["status"] == "done"
        assert body["database_name"] == "Mkn421"
        assert "105 points" in body["logs"]
        assert http.get(f"/api/vou_json/{body['uuid']}/").json() == body
        forced = http.post("/api/vou_json/", json=MRK421, params={"force": "true"})
        assert forced.status_code == 201
        assert forced.json()["uuid"] != body["uuid"]


def test_states() -> None:
    with LocalServer(sed_seconds=0.3) as server, httpx.Client(base_url=server.url) as http:
        job = http.post("/api/vou_json/", json=MRK421).json()["uuid"]
        assert http.get(f"/api/vou_json/{job}/").json()["status"] == "processing"
        for kind in ("freq_flux_data", "csv"):
            assert http.get(f"/api/{kind}/{job}/").status_code == 409
        assert http.get(f"/api/source_info/{job}/").status_code == 200
    with LocalServer() as server, httpx.Client(base_url=server.url) as http:
        server.faults.fail_sed("pipeline")
        job = http.post("/api/vou_json/", json=MRK421).json()["uuid"]
        assert http.get(f"/api/vou_json/{job}/").json()["status"] == "error"
        job = http.post("/api/vou_json/", json={**MRK421, "ra": 1.0}).json()["uuid"]
        assert http.get(f"/api/vou_json/{job}/").json()["status"] == "no_data"
        assert frequencies(http.get(f"/api/freq_flux_data/{job}/")) == []


def test_it_works_without_v1() -> None:
    with LocalServer(v1=False) as server:
        assert httpx.post(server.url + "/api/vou_json/", json=MRK421).status_code == 201


@pytest.mark.parametrize(
    "path", ["vou_json/x/", "freq_flux_data/x/", "csv/x/", "source_info/x/", "vou_json/x"]
)
def test_unknown_ids(client: httpx.Client, path: str) -> None:
    response = client.get(f"/api/{path}", follow_redirects=True)
    assert response.status_code == 404
    assert "not known" in response.json()["error"]


def test_bad_requests(client: httpx.Client) -> None:
    for body in ({}, {"ra": 1, "dec": 99}, {"dec": 1}):
        assert client.post("/api/vou_json/", json=body).status_code == 400
    assert client.post("/api/vou_json/", json=MRK421, params={"force": 3}).status_code == 400


def test_nested_data(fetch: Callable[..., httpx.Response]) -> None:
    body = fetch("freq_flux_data").json()
    ranges = body["data"]["range_data"]
    assert set(ranges) == {
        "radio_waves",
        "microwaves",
        "infrared",
        "visible",
        "ultraviolet",
        "x_rays",
        "gamma_rays",
    }
    assert ranges["radio_waves"]["A"]["Other"]["freq"] == [1e9]
    assert ranges["radio_waves"]["A"]["UL"]["freq"] == []
    visible = ranges["visible"]["B"]
    assert visible["UL"]["flux"] == [1e-12]
    assert visible["UL"]["err_flux"] == [None]
    assert visible["Other"]["err_flux"] == [1e-13]
    assert visible["UL"]["color"] == visible["Other"]["color"]
    assert body["data"]["min_max"] == {"freq": [1e9, 1e18], "flux": [1e-14, 1e-11]}
    assert body["source_name"] == "Here it is"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1e9, 5e14, 6e14, 1e18]),
        ({"mjd_start": 55105}, [1e9, 1e18]),  # what overlaps the window stays
        ({"mjd_end": 55105}, [1e9, 5e14, 6e14]),
        ({"mjd_start": 54900, "mjd_end": 55050}, [6e14]),  # undated points lie at 55000
        ({"mjd_start": 55150, "mjd_end": 55160}, []),
        ({"exclude_catalogs": ["A", "C"]}, [5e14, 6e14]),
        ({"exclude_catalogs[]": "B"}, [1e9, 1e18]),
        ({"exclude_freq_ranges": "radio"}, [5e14, 6e14, 1e18]),
        ({"exclude_freq_ranges[]": ["radio_waves", "x_rays"]}, [5e14, 6e14]),
    ],
)
def test_filters(
    fetch: Callable[..., httpx.Response], params: dict[str, Any], expected: list[float]
) -> None:
    assert frequencies(fetch("freq_flux_data", **params)) == expected
    rows = list(csv.DictReader(io.StringIO(fetch("csv", **params).text)))
    assert [float(row["frequency"]) for row in rows] == expected


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("flux_ev", 1e-14 * ERG_TO_EV),
        ("flux_wm2", 1e-17),
        ("flux_jyhz", 1e9),
        ("nufnu_fnu_jy", 1.0),
        ("flux_norm", 1e-14 * ERG_TO_EV / (const.h * 1e9 * u.Hz).to_value(u.eV) ** 2),
    ],
)
def test_units_of_the_flux(
    fetch: Callable[..., httpx.Response], axis: str, expected: float
) -> None:
    ranges = fetch("freq_flux_data", y_axis=axis).json()["data"]["range_data"]
    block = ranges["radio_waves"]["A"]["Other"]
    assert block["flux"][0] == pytest.approx(expected, rel=1e-6)
    assert block["err_flux"][0] == pytest.approx(expected / 10, rel=1e-6)


def test_unit_of_the_frequency(fetch: Callable[..., httpx.Response]) -> None:
    (row, *_) = csv.DictReader(io.StringIO(fetch("csv", x_axis="freq_ev").text))
    assert float(row["frequency"]) == pytest.approx((const.h * 1e9 * u.Hz).to_value(u.eV))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"x_axis": "parsec"}, "x_axis"),
        ({"y_axis": "flux_furlong"}, "y_axis"),
        ({"exclude_freq_ranges": "sound"}, "exclude_freq_ranges"),
        ({"exclude_freq_ranges": ""}, "exclude_freq_ranges"),
        ({"mjd_start": "x"}, "mjd_start"),
    ],
)
def test_bad_parameters(
    fetch: Callable[..., httpx.Response], params: dict[str, Any], field: str
) -> None:
    response = fetch("freq_flux_data", **params)
    assert response.status_code == 400
    assert field in response.json()["fields"]


def test_csv(fetch: Callable[..., httpx.Response]) -> None:
    response = fetch("csv")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert tuple(rows[0]) == LEGACY_CSV_HEADER
    assert [row["flag"] for row in rows] == ["Det", "UL", "Det", "Det"]
    assert (rows[2]["MJD_start"], rows[2]["MJD_end"]) == ("55000.0", "55000.0")
    assert rows[1]["flux_err"] == ""
    assert rows[0]["reference"] == "Nobody N., 2026"
    assert np.isclose(float(rows[3]["flux"]), 1e-11)


def test_source_info(fetch: Callable[..., httpx.Response], client: httpx.Client) -> None:
    info = fetch("source_info").json()
    assert info["W_peak"] == "15.2 +/- 0.3"
    assert info["redshift"] == 0.5
    assert set(info) == {
        "source_name",
        "ra",
        "dec",
        "gal_lat",
        "gal_long",
        "redshift",
        "W_peak",
    }
    job = client.post("/api/sed/", json=MRK421).json()["id"]
    assert client.get(f"/api/source_info/{job}/").json()["W_peak"] == "N/A"


def test_one_catalogue_with_two_references() -> None:
    rows = make_observations(
        ra=[10.0, 10.0],
        dec=[10.0, 10.0],
        catalog="A",
        frequency=[1e9, 2e9],
        reference=[
            {"citation": "First", "bibcode": None, "url": None},
            {"citation": "Second", "bibcode": None, "url": None},
        ],
    )
    with LocalServer(ObservationStore(rows)) as server, httpx.Client(base_url=server.url) as http:
        job = http.post("/api/vou_json/", json=HERE).json()["uuid"]
        assert frequencies(http.get(f"/api/freq_flux_data/{job}/")) == [1e9, 2e9]
