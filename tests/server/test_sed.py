from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.table import QTable

from astroquery_mmdc.schema.tables import sed_columns
from astroquery_mmdc.schema.wire import SED_CSV_HEADER, UNDATED_MJD
from astroquery_mmdc.server import LocalServer, ObservationStore
from astroquery_mmdc.server.sources import Peak, Source, SourceList

from .conftest import make_observations
from .sed_calls import MRK421, MRK501, NOWHERE, PATH, get, post

# ---------------------------------------------------------------- the answer


def test_envelope_and_points(client: httpx.Client) -> None:
    response = client.post(PATH, json={**MRK421, "name": "Mkn 421"})
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "done"
    assert body["source"]["name"] == "Mrk 421"
    assert body["source"]["gal_b"] == pytest.approx(65.03, abs=0.01)
    assert body["source"]["redshift"] == 0.03
    sed = body["sed"]
    assert sed["units"] == {"freq_hz": "Hz", "nufnu": "erg cm-2 s-1", "mjd": "MJD"}
    table = QTable(sed_columns(sed))
    assert len(table) == sed["points"] == 105
    assert set(table["catalog"]) >= {"RATAN", "MAGIC", "Swift/XRT"}
    assert (np.diff(table["nu"].value) >= 0).all()
    assert all(set(entry) == {"name", "band", "reference", "color"} for entry in sed["catalogs"])


def test_the_same_rows_as_the_observations(client: httpx.Client) -> None:
    rows = client.get("/api/observations/", params=MRK421).json()
    sed = client.post(PATH, json=MRK421).json()["sed"]
    assert sorted(sed["nufnu"]) == sorted(row["flux"] for row in rows)
    assert sorted(sed["freq_hz"]) == sorted(row["frequency"] for row in rows)


def test_two_decimals_find_the_source(client: httpx.Client) -> None:
    body = client.post(PATH, json={"ra": 166.11, "dec": 38.21}).json()
    assert body["source"]["name"] == "Mrk 421"


def test_undated_points_carry_the_placeholder(client: httpx.Client) -> None:
    sed = client.post(PATH, json=MRK501).json()["sed"]
    assert all(sed["undated"])
    assert set(sed["mjd_start"]) == set(sed["mjd_end"]) == {UNDATED_MJD}
    assert None in sed["nufnu_err"]


def test_no_data(client: httpx.Client) -> None:
    body = client.post(PATH, json={**NOWHERE, "name": "nothing"}).json()
    assert body["status"] == "no_data"
    assert body["sed"]["freq_hz"] == []
    assert body["source"]["name"] == "nothing"


def test_without_points(client: httpx.Client) -> None:
    body = client.post(PATH, json=MRK421, params={"sed": "false"}).json()
    assert "sed" not in body
    assert "sed" not in client.get(f"{PATH}{body['id']}/", params={"sed": "false"}).json()
    assert "sed" in client.get(f"{PATH}{body['id']}/").json()


def test_photon_fluxes_and_doubled_measurements_stay_out() -> None:
    rows = make_observations(
        ra=[10.0] * 5,
        dec=[10.0] * 5,
        catalog=["MMDCGR", "MMDCOUV", "MMDCOUV", "ZTF", "ASAS-SN"],
        is_lightcurve=[True, True, False, True, True],
        mjd_mid=[59000.0, 59001.0, None, 59002.0, 59003.0],
        frequency=[1e23, 5e14, 5e14, 4.7e14, None],
    )
    with LocalServer(ObservationStore(rows)) as server:
        sed = post(server, NOWHERE).json()["sed"]
    names = [sed["catalogs"][number]["name"] for number in sed["catalog_idx"]]
    assert sorted(names) == ["MMDCOUV", "ZTF"]
    ztf = names.index("ZTF")
    assert sed["mjd_start"][ztf] == sed["mjd_end"][ztf] == 59002.0


def test_peak_of_the_source() -> None:
    rows = make_observations(ra=[10.0], dec=[10.0])
    source = Source("Peaked", 10.0, 10.0, peak=Peak(15.2, 0.3))
    with LocalServer(ObservationStore(rows, SourceList([source]))) as server:
        body = post(server, NOWHERE).json()
    assert body["source"]["w_peak"] == {
        "log_nu": 15.2,
        "err": 0.3,
        "limit": None,
        "text": "15.2 +/- 0.3",
    }


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("params", "points"),
    [
        ({}, 105),
        ({"catalogs": "RATAN,MAGIC"}, 14),
        ({"catalogs": "none"}, 0),
        ({"mjd_start": 54916.5, "mjd_end": 54916.5}, 105),  # the middle of 54850 to 54983
        ({"mjd_start": 54917}, 0),
        ({"mjd_end": 54916}, 0),
        ({"undated": "true", "mjd_end": 54916}, 0),
    ],
)
def test_filters(client: httpx.Client, params: dict[str, Any], points: int) -> None:
    body = client.post(PATH, json=MRK421, params=params).json()
    assert body["sed"]["points"] == points
    assert client.get(f"{PATH}{body['id']}/", params=params).json()["sed"]["points"] == points


@pytest.mark.parametrize(
    ("params", "points"),
    [
        ({}, 120),
        ({"undated": "false"}, 0),
        ({"mjd_start": 1, "mjd_end": 99999}, 0),
        ({"mjd_start": 1, "undated": "true"}, 120),
    ],
)
def test_undated_points(client: httpx.Client, params: dict[str, Any], points: int) -> None:
    assert client.post(PATH, json=MRK501, params=params).json()["sed"]["points"] == points


def test_filters_are_repeated(client: httpx.Client) -> None:
    params = {"mjd_start": 50000, "catalogs": "A,B"}
    sed = client.post(PATH, json=MRK421, params=params).json()["sed"]
    assert sed["filters"] == {
        "mjd_start": 50000.0,
        "mjd_end": None,
        "catalogs": ["A", "B"],
        "undated": False,
    }
    assert sed["catalogs"] == []


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ra": 1}, "dec"),
        ({"dec": 1}, "ra"),
        ({"ra": 1, "dec": 91}, "dec"),
        ({"ra": "x", "dec": 1}, "ra"),
        ({"ra": True, "dec": 1}, "ra"),
        ({"ra": [1], "dec": 1}, "ra"),
    ],
)
def test_bad_positions(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["fields"]) == [field]
    assert field in error["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_object(client: httpx.Client, content: bytes) -> None:
    response = client.post(PATH, content=content)
    assert response.status_code == 400
    assert "body" in response.json()["error"]["fields"]


@pytest.mark.parametrize("params", [{"mjd_start": "x"}, {"mjd_start": 2, "mjd_end": 1}, {"sed": 7}])
def test_bad_filters(client: httpx.Client, params: dict[str, Any]) -> None:
    assert client.post(PATH, json=MRK421, params=params).status_code == 400


def test_unknown_ids(client: httpx.Client) -> None:
    for path in ("nothing/", "jobs/nothing/"):
        response = client.get(PATH + path)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"


def test_bad_events_since(client: httpx.Client) -> None:
    job = client.post(PATH, json=MRK421).json()["id"]
    assert client.get(f"{PATH}jobs/{job}/", params={"events_since": -1}).status_code == 400


# ---------------------------------------------------------------- CSV


def test_csv(client: httpx.Client) -> None:
    job = client.post(PATH, json=MRK501).json()["id"]
    response = client.get(f"{PATH}{job}/", params={"format": "csv"})
    assert response.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(response.text))
    assert tuple(header) == SED_CSV_HEADER
    assert len(rows) == 120
    assert {row[3] for row in rows} == {"false"}
    assert {row[4] for row in rows} == {"50000.0"}
    assert sum(row[2] == "" for row in rows) == 8
    filtered = client.get(f"{PATH}{job}/", params={"format": "csv", "undated": "false"})
    assert filtered.text == ",".join(SED_CSV_HEADER) + "\n"


def test_csv_of_an_unfinished_job(slow: LocalServer) -> None:
    job = post(slow, MRK421).json()["id"]
    response = get(slow, f"{job}/", params={"format": "csv"})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "not_ready"


def test_csv_of_a_failed_job(fresh: LocalServer) -> None:
    fresh.faults.fail_sed("timeout")
    job = post(fresh, MRK421).json()["id"]
    response = get(fresh, f"{job}/", params={"format": "csv"})
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "failed"
