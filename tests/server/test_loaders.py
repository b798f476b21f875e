from __future__ import annotations

import gzip
import importlib.util
import logging
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import constants as const
from astropy import units as u

from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.catalogs import CATALOGS
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.server import load

from .conftest import make_observations

EVERYTHING = Selection()


def write_blazars(folder: Path, points: str, parameters: str) -> Path:
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / "observed_points.csv.gz", "wt") as stream:
        header = "source,energy_eV,nufnu_erg_cm2_s,nufnu_err_erg_cm2_s,is_upper_limit\n"
        stream.write(header + points)
    header = "Association,CGRABS Name,RA,dec,Redshift\n"
    (folder / "am3_parameters.csv").write_text(header + parameters)
    return folder


# ---------------------------------------------------------------- the sample


def test_the_sample_is_small_and_known() -> None:
    store = load()
    assert len(store) == 267
    names = [source.name for source in store.sources()]
    assert names == ["Mrk 421", "PKS 1510-089", "Mrk 501"]
    rows = store.rows(EVERYTHING)
    assert {row["catalog"] for row in rows} <= set(CATALOGS)
    assert all(row["reference"]["bibcode"] for row in rows)
    assert all(row["flux"] > 0 for row in rows)
    assert len({row["id"] for row in rows}) == 267


def test_dates_of_the_sample() -> None:
    spans: dict[str, set[tuple[float, float]]] = {}
    for row in load().rows(EVERYTHING):
        spans.setdefault(row["reference"]["bibcode"], set()).add((row["mjd_start"], row["mjd_end"]))
    assert spans == {
        "2011ApJ...736..131A": {(54850.0, 54983.0)},
        "2017A&A...603A..29A": {(None, None)},
        "2011ApJ...727..129A": {(None, None)},
    }


def test_every_source_of_the_sample_has_an_sed() -> None:
    store = load()
    assert [len(store.sed(source.ra, source.dec)[1]) for source in store.sources()] == [
        105,
        42,
        120,
    ]


# ---------------------------------------------------------------- blazar SEDs


def test_blazar_seds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    points = "Mkn_421,1.0,1e-11,0.0,0.0\nMkn_421,2.0,2e-11,1e-12,1.0\nLost_1,1.0,1e-11,1e-12,0.0\n"
    folder = write_blazars(tmp_path / "a", points, "Mkn 421,CGRABS J1104+3812,166.1,38.2,0.03\n")
    with caplog.at_level(logging.WARNING):
        store = load(folder)
    assert "Lost_1" in caplog.text
    first, second = store.rows(EVERYTHING)
    hertz = (1 * u.eV / const.h).to_value(u.Hz)
    assert first["frequency"] == pytest.approx(hertz)
    assert first["flux_err"] is None
    assert (second["flux_err"], second["is_upper_limit"]) == (1e-12, True)
    assert first["catalog"] == "Rodrigues2023"
    assert first["reference"]["url"].endswith("2307.13024")
    (source,) = store.sources().search("CGRABS J1104")
    assert (source.name, source.redshift) == ("Mkn 421", 0.03)
    assert all(store.sed(166.1, 38.2)[1].undated)


def test_all_shared_blazars(shared_data: Path) -> None:
    store = load(shared_data / "blazar_seds")
    assert len(store) == 93_348
    assert len(store.sources()) == 287
    assert len(store.gamma_ray_sources()) > 250
    assert store.gamma_ray_sources() is store.gamma_ray_sources()
    source, points = store.sed(166.11, 38.21)
    assert source is not None
    assert source.name == "Mkn 421"
    assert len(points) == 1917


# ---------------------------------------------------------------- ZTF

ZTF_HEADER = "oid,mjd,mag,magerr,catflags,filtercode,ra,dec\n"


def test_ztf(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(
        ZTF_HEADER
        + "736115200001082,58274.4,20.0,0.1,0,zg,359.9995,51.3937\n"
        + "736115200001082,58275.4,20.0,0.1,32768,zg,359.9995,51.3937\n"
        + "736215200001589,58276.4,16.4,0.02,1,zr,0.0001,51.3937\n"
    )
    first, second = load(path).rows(EVERYTHING)
    assert (first["catalog"], first["filter_band"], first["obsid"]) == (
        "ZTF",
        "G",
        "736115200001082",
    )
    nu = (472.274 * u.nm).to_value(u.Hz, u.spectral())
    assert first["frequency"] == pytest.approx(nu)
    flux = ((20 * u.ABmag).to(u.Jy) * nu * u.Hz).to_value(u.erg / u.s / u.cm**2)
    assert first["flux"] == pytest.approx(flux, rel=1e-3)
    assert first["flux_err"] / first["flux"] == pytest.approx(0.1 * np.log(10) / 2.5)
    assert (first["mjd_mid"], first["is_lightcurve"]) == (58274.4, True)
    assert second["filter_band"] == "R"


def test_an_unknown_filter(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(ZTF_HEADER + "1,58274.4,20.0,0.1,0,zy,1,2\n")
    with pytest.raises(ParseError, match="filtercode 'zy'"):
        load(path)


def test_the_shared_light_curve(shared_data: Path) -> None:
    store = load(shared_data / "ztf")
    assert len(store) == 1852 - 42
    cone = Selection(cone=Cone(0.0, 51.3937, 5.0))
    rows = store.rows(cone)
    assert len(rows) > 1500  # on both sides of right ascension 0
    assert {row["filter_band"] for row in rows} == {"G", "R", "I"}
    assert len({row["obsid"] for row in rows}) == 5


def test_all_shared_data_together(shared_data: Path) -> None:
    store = load(shared_data)
    assert len(store) == 93_348 + 1810
    assert len({row["id"] for row in store.rows(EVERYTHING)}) == len(store)


# ---------------------------------------------------------------- Parquet


def test_parquet_of_the_service(tmp_path: Path) -> None:
    table = make_observations(ra=[10.0, 20.0], dec=[1.0, 2.0])
    stamps = pa.array([0, 1], pa.timestamp("us", tz="UTC"))
    place = table.schema.get_field_index("created_at")
    table = table.set_column(place, "created_at", stamps)
    pq.write_table(table, tmp_path / "rows.parquet")
    pq.write_table(table.slice(1), tmp_path / "more.parquet")
    sources = pa.table({"source": [3], "ra": [10.0], "dec": [1.0]})
    pq.write_table(sources, tmp_path / "sources.parquet")
    store = load(tmp_path)
    assert len(store) == 3
    rows = store.rows(EVERYTHING)
    assert sorted(row["id"] for row in rows) == [1, 2, 3]  # made unique
    assert {row["sky_identifier"] for row in rows} == set(sky_identifier([10.0, 20], [1.0, 2]))
    assert rows[0]["created_at"].startswith("1970-01-01T00:00:00")
    assert [source.name for source in store.sources()] == ["source 3"]


def test_missing_columns_that_may_be_missing(tmp_path: Path) -> None:
    table = make_observations(ra=[10.0], dec=[1.0]).drop_columns(["reference", "obsid"])
    pq.write_table(table, tmp_path / "rows.parquet")
    (row,) = load(tmp_path / "rows.parquet").rows(EVERYTHING)
    assert row["reference"] is row["obsid"] is None


def test_a_reference_without_words_is_none(tmp_path: Path) -> None:
    empty = {"citation": None, "bibcode": None, "url": "x"}
    pq.write_table(make_observations(ra=[1.0], dec=[1.0], reference=empty), tmp_path / "r.parquet")
    (row,) = load(tmp_path).rows(EVERYTHING)
    assert row["reference"] is None


# ---------------------------------------------------------------- trouble


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="does not exist"):
        load(tmp_path / "nothing")


def test_nothing_known(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no data")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidRequestError, match=r"nothing in .* is known"):
        load(tmp_path)
    with pytest.raises(InvalidRequestError, match=r"nothing in .* is known"):
        load(tmp_path / "notes.txt")


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(ParseError, match=r"bad\.parquet: cannot be read"):
        load(tmp_path)


def test_a_parquet_file_without_a_column(tmp_path: Path) -> None:
    table = make_observations(ra=[10.0], dec=[1.0]).drop_columns(["catalog"])
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(ParseError, match="no column catalog"):
        load(tmp_path)


def test_a_parquet_file_with_a_wrong_type(tmp_path: Path) -> None:
    table = make_observations(ra=[10.0], dec=[1.0]).drop_columns(["id"])
    pq.write_table(table.append_column("id", pa.array(["one"])), tmp_path / "rows.parquet")
    with pytest.raises(ParseError, match="not of the service's type"):
        load(tmp_path)


def test_damaged_points(tmp_path: Path) -> None:
    folder = write_blazars(tmp_path / "a", "", "")
    (folder / "observed_points.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(ParseError, match="cannot be read as CSV"):
        load(folder)


def test_positions_without_a_column(tmp_path: Path) -> None:
    folder = write_blazars(tmp_path / "a", "Mkn_421,1.0,1e-11,0.0,0.0\n", "")
    (folder / "am3_parameters.csv").write_text("Association,RA\nx,1\n")
    with pytest.raises(ParseError, match="no column CGRABS Name, dec, Redshift"):
        load(folder)


# ---------------------------------------------------------------- tools/make_sample.py


@pytest.mark.remote_data
def test_the_sample_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "tools" / "make_sample.py"
    spec = importlib.util.spec_from_file_location("make_sample", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_sample", module)
    spec.loader.exec_module(module)
    committed = module.DATA
    monkeypatch.setattr(module, "DATA", tmp_path)
    module.main([])
    made = pq.read_table(tmp_path / "observations.parquet")
    assert made.equals(pq.read_table(committed / "observations.parquet"))
    names = [(folder / "sources.json").read_text() for folder in (tmp_path, committed)]
    assert names[0] == names[1]
