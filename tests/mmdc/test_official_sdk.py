"""The official SDK and this client ask the same server and get the same."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.schema.tables import wire_values
from astroquery_mmdc.server import LocalServer

astro_mmdc = pytest.importorskip("astro_mmdc")

NAMES = ["Mrk 421", "Mrk 501", "PKS 1510-089"]


@pytest.fixture(scope="module")
def both():
    with LocalServer() as running, astro_mmdc.MMDC(base_url=running.url) as theirs:
        yield MMDCClass(running.url), theirs


@pytest.fixture(scope="module")
def both_on_real_data(shared):
    with (
        LocalServer(shared / "data" / "blazar_seds") as running,
        astro_mmdc.MMDC(base_url=running.url) as theirs,
    ):
        yield MMDCClass(running.url), theirs


def _same_rows(table, rows):
    assert len(table) == len(rows) > 0
    for name, field in (
        ("id", "id"), ("catalog", "catalog"), ("ra", "ra"), ("dec", "dec"), ("nu", "frequency"),
        ("flux", "flux"), ("flux_err", "flux_err"), ("is_upper_limit", "is_upper_limit"),
        ("mjd_start", "mjd_start"), ("sky_identifier", "sky_identifier"),
    ):  # fmt: skip
        assert wire_values(table[name]) == [getattr(row, field) for row in rows], name
    assert wire_values(table["bibcode"]) == [row.reference.bibcode for row in rows]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "filters", [{}, {"ordering": "-flux"}, {"mjd_min": 54000}, {"is_upper_limit": False}]
)
def test_the_same_observations(both, name, filters):
    ours, theirs = both
    position = ours.resolve_name(name)
    rows = theirs.observations.cone_search(position.ra.deg, position.dec.deg, 10, **filters)
    if not rows:
        pytest.skip(f"the sample has no such rows of {name}")
    _same_rows(ours.query_region(position, "10 arcsec", **filters), rows)


def test_the_same_criteria(both):
    ours, theirs = both
    rows = theirs.observations.query(catalog="MAGIC", ordering="flux", limit=1000)
    _same_rows(ours.query_criteria(catalog="MAGIC", ordering="flux"), rows)


def _same_sed(sed, official):
    assert len(sed) == len(official) > 0
    assert wire_values(sed["nu"]) == official.freq_hz
    assert wire_values(sed["nufnu"]) == official.nufnu
    assert wire_values(sed["nufnu_err"]) == official.nufnu_err
    assert sed["undated"].tolist() == official.undated
    assert sed["is_upper_limit"].tolist() == official.is_ul
    assert sed["catalog"].tolist() == official.catalog
    dated = ~np.asarray(sed["undated"])
    assert (np.array(official.mjd_start)[dated] == np.array(sed["mjd_start"].value)[dated]).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_sed(both, name):
    ours, theirs = both
    position = ours.resolve_name(name)
    official = theirs.sed.get(position.ra.deg, position.dec.deg, name)
    sed = ours.query_sed(name)
    _same_sed(sed, official)
    assert sed.redshift == official.source.redshift
    assert sed.to_csv() == official.to_csv()
    assert sed.to_csv() == theirs.sed.csv(official.id)


def test_the_same_conversions(both):
    ours, theirs = both
    position = ours.resolve_name("Mrk 421")
    official = theirs.sed.get(position.ra.deg, position.dec.deg)
    sed = ours.query_sed("Mrk 421")
    for unit in ("TeV cm-2 s-1", "norm", "Jy Hz", "W m-2", "Jy"):
        expected = official.converted(x="eV", y=unit)
        mine = sed.converted("eV", unit, website_compatible=True)
        assert np.allclose(mine["y"].value, expected["y"], rtol=1e-6)
        assert np.allclose(mine["x"].value, expected["x"], rtol=1e-8)


@pytest.mark.parametrize("name", ["Mkn 421", "3C 454.3", "3C 273"])
def test_the_same_real_measurements(both_on_real_data, name):
    ours, theirs = both_on_real_data
    position = ours.resolve_name(name)
    official = theirs.sed.get(position.ra.deg, position.dec.deg, name)
    _same_sed(ours.query_sed(name), official)
    rows = theirs.observations.cone_search(position.ra.deg, position.dec.deg, 5)
    _same_rows(ours.query_region(position), rows)
