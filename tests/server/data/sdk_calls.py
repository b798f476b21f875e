"""Calls of the official SDK, run by the tests in an environment of its own: sdk_calls.py URL.

PYTHONPATH names the folder of `ssc_parameters`.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import astro_mmdc
from astro_mmdc import MMDC
from ssc_parameters import SSC

RA, DEC = 166.113808, 38.208833
EIC = {**SSC, "log_Ld": 45.0, "log_MBH": 8.5, "log_nu_BLR": 15.0, "log_nu_DT": 13.5}
HADRONIC = {
    "log_B": 1.0,
    "log_Le": 44.0,
    "log_gamma_e_min": 1.6,
    "log_gamma_e_cut": 4.0,
    "log_gamma_p_cut": 7.0,
    "log_Lp": 46.0,
    "log_R": 16.0,
    "lorentz_factor": 20.0,
    "pe": 2.0,
    "pp": 2.0,
}


def raised(kind, function, *arguments):
    try:
        function(*arguments)
    except kind as error:
        return error
    msg = f"{kind.__name__} was not raised"
    raise AssertionError(msg)


def older_sed(client, folder):
    job = client.sed.prepare(ra=166.11, dec=38.21, database_name="Mkn421", source_name="Mkn 421")
    assert job.source_name == "Mkn 421"
    assert client.sed.get_status(job.uuid).status in ("processing", "done")
    assert client.sed.wait_for_completion(job.uuid, poll_interval=0.05).status == "done"
    assert client.sed.prepare(ra=166.11, dec=38.21, database_name="Mkn421").uuid == job.uuid
    job = client.sed.prepare_and_wait(166.11, 38.21, "Mkn421", force=True, poll_interval=0.05)
    data = client.sed.get_data(
        job.uuid,
        mjd_start=50000.0,
        mjd_end=60000.0,
        exclude_catalogs=["GASP"],
        exclude_freq_ranges=["radio"],
        x_axis="freq_ev",
        y_axis="flux_ev",
    )
    ranges = data.data["range_data"]
    assert not ranges["radio_waves"]
    assert ranges["gamma_rays"]["MAGIC"]["Other"]["freq"]
    info = client.sed.get_info(job.uuid)
    assert (info.redshift, info.W_peak) == (0.03, "N/A")
    assert abs(info.gal_lat - 65.03) < 0.01
    path = client.sed.download_csv(job.uuid, folder / "sed.csv", exclude_catalogs=["MAGIC"])
    assert len(path.read_text().splitlines()) == 1 + 96


def observations(client):
    rows = client.observations.query(
        catalog="RATAN",
        is_lightcurve=False,
        is_upper_limit=False,
        mjd_min=54000,
        mjd_max=55000,
        ordering="-flux",
        limit=3,
    )
    assert [row.catalog for row in rows] == ["RATAN"] * 3
    assert rows[0].flux >= rows[1].flux >= rows[2].flux
    assert rows[0].reference.bibcode == "2011ApJ...736..131A"
    assert client.observations.query(filter_band="R", obsid="1") == []
    near = client.observations.cone_search(RA, DEC, radius_arcsec=10, ordering="sep_arcsec")
    assert len(near) == 105
    assert len(client.observations.cone_search(RA, DEC, limit=7, is_lightcurve=False)) == 7


def modeling(client, folder):
    path = folder / "points.csv"
    path.write_text("frequency,flux,flux_err\n1e12,1e-11,1e-12\n1e15,2e-11,1e-12\n")
    validation = client.modeling.validate_csv(path)
    assert validation.success
    assert validation.data_points == 2
    assert validation.frequency_range == [1e12, 1e15]
    assert client.modeling.csv_to_json(path)["flux"] == [1e-11, 2e-11]
    for model, parameters in (("SSC", SSC), ("EIC", EIC), ("hadronic", HADRONIC)):
        spectrum = client.modeling.infer(z=0.158, ebl=True, model_type=model, parameters=parameters)
        assert len(spectrum.nu) == len(spectrum.nuFnu) > 0
    fit = {"z": 0.158, "ebl": True, "model_type": "SSC"}
    job = client.modeling.submit_batch(path, fixed_parameters={"log_B": -1.5}, **fit)
    result = client.modeling.wait_for_batch(job.batch_result_id, poll_interval=0.05)
    assert result.pdf_link
    assert client.modeling.get_batch_result(job.batch_result_id).status == "done"
    assert result.best_parameters["log_B"].error == 0.1
    assert result.fixed_parameters["log_B"].value == -1.5
    hadronic = {**fit, "model_type": "HADRONIC", "likelihood_type": "poisson"}
    result = client.modeling.batch_infer(path, n_icecube=3, dt=12.0, poll_interval=0.05, **hadronic)
    assert result.model_type == "HADRONIC"
    assert result.uploaded_file["frequency"] == [1e12, 1e15]
    bad = folder / "bad.csv"
    bad.write_text("frequency,flux\n1,2\n")
    error = raised(astro_mmdc.ValidationError, client.modeling.validate_csv, bad)
    assert error.validation_type == "missing_columns"


def newer_sed(client, folder):
    sed = client.sed.get(RA, DEC, "Mkn 421", progress=lambda job: None)
    assert len(sed) == 105
    assert sed.source.name == "Mrk 421"
    assert len(sed.between(54000, 55000)) == 105
    assert len(sed.select(catalogs=["RATAN"]).rows()) == 5
    assert math.isclose(sed.converted(x="eV")["x"][0], 9.51e-6, rel_tol=1e-3)
    csv = client.sed.csv(sed.id, folder / "new.csv")
    assert csv == sed.to_csv()
    some = client.sed.get(RA, DEC, catalogs=["RATAN", "MAGIC"], mjd_start=54000, mjd_end=55000)
    assert len(some) == len(client.sed.fetch(sed.id, catalogs=["RATAN", "MAGIC"])) == 14
    fresh = client.sed.get(RA, DEC, refresh=True)
    assert fresh.id != sed.id
    assert not fresh.stale
    assert client.sed.fetch(sed.id).id == fresh.id
    job = client.sed.submit(253.467569, 39.760169, wait=5)
    assert job.wait().done
    assert len(job.result()) == 120
    assert all(job.result().undated)
    assert client.sed.job(job.id).events
    many = client.sed.get_many(
        [(RA, DEC), {"ra": 228.210554, "dec": -9.099949}, (1.0, 1.0)], return_exceptions=True
    )
    assert [len(many[0]), len(many[1])] == [105, 42]
    assert isinstance(many[2], astro_mmdc.SEDNoData)
    source = client.sed.source(RA, DEC)
    assert (source.redshift, source.w_peak) == (0.03, None)
    raised(astro_mmdc.NotFoundError, client.sed.job, "nothing")
    assert "dec" in raised(astro_mmdc.ValidationError, client.sed.get, 1.0, 91.0).details


def swift(client):
    job = client.madam.analyze(RA, DEC, mjd_start=58849, mjd_end=59031, poll_interval=0.05)
    assert (job.status, job.results) == ("no_data", [])
    assert client.madam.get(job.uuid, include_results=False).results is None
    again = client.madam.analyze(RA, DEC, mjd_start=58849, mjd_end=59031, source_name="Mkn 421")
    assert again.cached
    submission = client.madam.submit(RA, DEC, obsids=["00030352001"], instrument="xrt", orbit=True)
    assert client.madam.wait_for_completion(submission.uuid, poll_interval=0.05).is_finished


def main(url):
    is_new = astro_mmdc.__version__ != "0.2.1"
    with MMDC(base_url=url) as client, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        older_sed(client, folder)
        observations(client)
        modeling(client, folder)
        if is_new:
            newer_sed(client, folder)
            swift(client)
            assert client.for_user("42").observations.query(limit=1)
    sys.stdout.write(f"astro-mmdc {astro_mmdc.__version__}: every call answered\n")


if __name__ == "__main__":
    main(sys.argv[1])
