from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

from astroquery_mmdc.schema.columns import OBSERVATION, REFERENCE_FIELDS
from astroquery_mmdc.schema.tables import observations_from_rows
from astroquery_mmdc.server import LocalServer, ObservationStore

from .conftest import make_observations

PATH = "/api/observations/"
MRK421 = {"ra": 166.113808, "dec": 38.208833}

# id: 1..6; two light-curve rows, three SED rows, one without a date
MIXED = make_observations(
    ra=[10.0, 10.0, 10.0005, 10.001, 10.002, 10.003],
    dec=[0.0] * 6,
    catalog=["ZTF", "ZTF", "MMDCXRT", "MMDCXRT", "NVSS", "MMDCGR"],
    is_lightcurve=[True, True, False, False, False, True],
    is_upper_limit=[False, True, False, False, False, False],
    filter_band=["R", "G", None, None, None, None],
    obsid=[None, None, "00030375224", "00030375225", None, None],
    mjd_mid=[59000.0, 59010.0, None, None, None, 59020.0],
    mjd_start=[None, None, 59004.0, 59008.0, None, None],
    mjd_end=[None, None, 59006.0, 59014.0, None, None],
    flux=[3e-12, 1e-12, 2e-12, 5e-12, 4e-12, 1e-8],
    flux_err=[1e-13, None, 2e-13, 5e-13, None, 1e-9],
    spectral_index=[None, None, 2.0, 1.5, None, 2.2],
    created_at=[f"2026-01-0{day}T00:00:00+04:00" for day in (3, 1, 2, 6, 5, 4)],
)


@pytest.fixture(scope="module")
def mixed() -> Any:
    with LocalServer(ObservationStore(MIXED)) as server, httpx.Client(base_url=server.url) as http:
        yield lambda **params: http.get(PATH, params=params)


def ids(response: httpx.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()]


def test_a_row_has_exactly_the_fields_of_the_service(client: httpx.Client) -> None:
    row = client.get(PATH, params={**MRK421, "limit": 1}).json()[0]
    wire = {column.wire for column in OBSERVATION} - set(REFERENCE_FIELDS) | {"reference"}
    assert set(row) == wire
    assert set(row["reference"]) == set(REFERENCE_FIELDS)
    assert (row["mjd_start"], row["mjd_end"]) == (54850.0, 54983.0)


def test_cone_of_the_sample(client: httpx.Client) -> None:
    rows = client.get(PATH, params=MRK421).json()
    assert len(rows) == 105
    assert len(observations_from_rows(rows)) == 105
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_everything_without_conditions(client: httpx.Client) -> None:
    assert len(client.get(PATH).json()) == 267


def test_empty_answer(client: httpx.Client) -> None:
    assert client.get(PATH, params={"ra": 1, "dec": 1}).json() == []
    assert client.get(PATH, params={"catalog": "no such"}).json() == []


def test_not_given_errors_are_null(client: httpx.Client) -> None:
    rows = client.get(PATH, params={"catalog": "MWL2009"}).json()
    assert sum(row["flux_err"] is None for row in rows) == 8
    assert all(row["flux_err"] is None or row["flux_err"] > 1e-20 for row in rows)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"catalog": "ZTF"}, [1, 2]),
        ({"filter_band": "R"}, [1]),
        ({"filter_band": "r"}, []),
        ({"is_lightcurve": "true"}, [1, 2, 6]),
        ({"is_lightcurve": "False"}, [3, 4, 5]),
        ({"is_upper_limit": "true"}, [2]),
        ({"is_upper_limit": "false", "is_lightcurve": "true"}, [1, 6]),
        ({"obsid": "00030375224"}, [3]),
        ({"obsid": "30375224"}, []),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, []),
        ({"ra": 10, "dec": 0, "radius_arcsec": 1.81}, [1, 2, 3]),
        ({"ra": -350, "dec": 0, "radius_arcsec": 1.81}, [1, 2, 3]),
        ({"ra": 10, "dec": 0}, [1, 2, 3, 4]),
        ({"catalog": "", "unknown": "ignored"}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_filters(mixed: Any, params: dict[str, Any], expected: list[int]) -> None:
    assert ids(mixed(**params)) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"mjd_min": 59000}, [1, 2, 3, 4, 6]),
        ({"mjd_min": 59000.1}, [2, 3, 4, 6]),
        ({"mjd_max": 59005}, [1, 3]),
        ({"mjd_max": 59004.9}, [1]),
        ({"mjd_min": 59011, "mjd_max": 59011}, [4]),  # the middle of 59008 to 59014
        ({"mjd_min": 1, "mjd_max": 2}, []),
    ],
)
def test_window_takes_the_middle_and_drops_undated(
    mixed: Any, params: dict[str, Any], expected: list[int]
) -> None:
    assert ids(mixed(**params)) == expected


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("flux", [2, 3, 1, 5, 4, 6]),
        ("-flux", [6, 4, 5, 1, 3, 2]),
        ("flux_err", [1, 3, 4, 6, 2, 5]),
        ("-flux_err", [6, 4, 3, 1, 2, 5]),
        ("mjd_mid", [1, 2, 6, 3, 4, 5]),
        ("-mjd_mid", [6, 2, 1, 3, 4, 5]),
        ("mjd_start", [3, 4, 1, 2, 5, 6]),
        ("-mjd_end", [4, 3, 1, 2, 5, 6]),
        ("spectral_index", [4, 3, 6, 1, 2, 5]),
        ("created_at", [2, 3, 1, 6, 5, 4]),
        ("-created_at", [4, 5, 6, 1, 3, 2]),
    ],
)
def test_ordering_puts_missing_values_last(mixed: Any, ordering: str, expected: list[int]) -> None:
    assert ids(mixed(ordering=ordering)) == expected


def test_ordering_by_separation(mixed: Any) -> None:
    cone = {"ra": 10.003, "dec": 0, "radius_arcsec": 20}
    assert ids(mixed(**cone, ordering="sep_arcsec")) == [6, 5, 4, 3, 1, 2]
    assert ids(mixed(**cone, ordering="-sep_arcsec")) == [1, 2, 3, 4, 5, 6]
    assert ids(mixed(**cone, ordering="sep_arcsec", limit=1)) == [6]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"ra": 10}, "dec"),
        ({"dec": 10}, "ra"),
        ({"ra": 10, "dec": 90.5}, "dec"),
        ({"ra": 10, "dec": -91}, "dec"),
        ({"ra": "ten", "dec": 0}, "ra"),
        ({"ra": "nan", "dec": 0}, "ra"),
        ({"ra": 1000, "dec": 0}, "ra"),
        ({"ra": 1, "dec": 0, "radius_arcsec": -1}, "radius_arcsec"),
        ({"ra": 1, "dec": 0, "radius_arcsec": "inf"}, "radius_arcsec"),
        ({"ordering": "id"}, "ordering"),
        ({"ordering": "--flux"}, "ordering"),
        ({"ordering": "sep_arcsec"}, "ordering"),
        ({"is_lightcurve": "maybe"}, "is_lightcurve"),
        ({"limit": -1}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"mjd_min": "yesterday"}, "mjd_min"),
        ({"mjd_min": 2, "mjd_max": 1}, "mjd_min"),
    ],
)
def test_bad_parameters_are_named(mixed: Any, params: dict[str, Any], field: str) -> None:
    response = mixed(**params)
    assert response.status_code == 400
    body = response.json()
    assert list(body["fields"]) == [field]
    assert body["error"].startswith(f"{field}: ")


def test_all_wrong_fields_at_once(mixed: Any) -> None:
    assert set(mixed(limit="x", ordering="x", ra=1).json()["fields"]) == {
        "limit",
        "ordering",
        "dec",
    }


def test_values_that_are_not_finite_count_as_missing() -> None:
    rows = make_observations(
        ra=[1.0, 2.0], dec=[0.0, 0.0], flux=[np.nan, 1.0], flux_err=[1.0, np.inf]
    )
    with LocalServer(ObservationStore(rows)) as server:
        answer = httpx.get(server.url + PATH).json()
    assert [(row["id"], row["flux_err"]) for row in answer] == [(2, None)]


def test_many_cones_at_once(server: LocalServer) -> None:
    with httpx.Client(base_url=server.url) as http, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: len(http.get(PATH, params=MRK421).json()), range(200)))
    assert set(answers) == {105}


def test_kept_fragments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("astroquery_mmdc.server.fragments._FRAGMENTS", 2)
    store = ObservationStore(MIXED)
    with LocalServer(store) as server:
        for catalog, expected in (("ZTF", [1, 2]), ("MMDCXRT", [3, 4]), ("ZTF", [1, 2])):
            assert ids(httpx.get(server.url + PATH, params={"catalog": catalog})) == expected
        assert ids(httpx.get(server.url + PATH)) == [1, 2, 3, 4, 5, 6]
