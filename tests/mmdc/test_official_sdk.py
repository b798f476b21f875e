"""The official SDK and this client ask the same server and get the same."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.exceptions import JobFailedError
from astroquery_mmdc.schema.tables import wire_values
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.emission_engine import EmissionEngine
from tests.ssc_parameters import SSC

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


@pytest.fixture(scope="module")
def both_fit():
    pytest.importorskip("numba")
    engine = EmissionEngine(method="least-squares")
    with LocalServer(engine=engine) as running, astro_mmdc.MMDC(base_url=running.url) as theirs:
        yield MMDCClass(running.url, app="tests"), theirs


def test_the_same_model(both_fit):
    ours, theirs = both_fit
    # The first request of a server has to answer before the SDK's 30 s are over.
    official = theirs.modeling.infer(z=0.031, ebl=True, model_type="SSC", parameters=SSC)
    mine = ours.run_model("SSC", z=0.031, parameters=SSC, where="service")
    assert mine.nu.value.tolist() == official.nu
    assert mine.nuFnu.value.tolist() == official.nuFnu


def test_the_same_fit(both_fit, tmp_path):
    ours, theirs = both_fit
    path = tmp_path / "sed.csv"
    ours.query_sed("Mrk 421").select(upper_limits=False).write(path, format="mmdc.fit")
    fixed = {"log_gamma_min": 2.9, "lorentz_factor": 35.0}
    official = theirs.modeling.batch_infer(
        path, z=0.031, ebl=True, model_type="SSC", fixed_parameters=fixed, poll_interval=0.2
    )
    result = ours.fit_model(path, "SSC", z=0.031, fixed_parameters=fixed, where="service")
    rows = {row["name"]: (row["value"], row["error"]) for row in result.parameters}
    assert rows == {
        name: (entry.value, entry.error)
        for name, entry in {**official.best_parameters, **official.fixed_parameters}.items()
    }
    assert result.best.nuFnu.value.tolist() == official.data["best"]["nuFnu"]
    files = ours.download_files(result, tmp_path)
    assert files["pdf"].read_bytes()[:5] == b"%PDF-"
    assert files["best_parameters"].read_text().startswith("parameter,value,error")
    assert theirs.modeling.validate_csv(path).data_points == ours.validate_csv(path)["data_points"]
    assert theirs.modeling.csv_to_json(path) == ours.csv_to_json(path)


def test_a_fit_that_fails_is_an_error_of_both(both_fit, tmp_path):
    ours, theirs = both_fit
    path = tmp_path / "sed.csv"
    path.write_text("frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e25,2e-11,1e-12\n")
    with pytest.raises(astro_mmdc.BatchJobError):
        theirs.modeling.batch_infer(path, z=0.031, ebl=True, model_type="SSC", poll_interval=0.2)
    with pytest.raises(JobFailedError, match="2 detections for 7 free parameters"):
        ours.fit_model(path, "SSC", z=0.031, where="service")
