"""Fits at the service, their files, and CSV files for them."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    ServiceUnavailableError,
)
from astroquery_mmdc.modeling import MODELS

CSV = "frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e18,2e-11,1e-12\n"


def fit_there(mmdc, *args, **kwargs):
    return mmdc.fit_model(*args, where="service", **kwargs)


# ---------------------------------------------------------------- fits


def test_a_fit_from_text_to_result(modeller):
    result = fit_there(modeller, io.StringIO(CSV), "SSC", z=0.031, fixed_parameters={"log_B": -1})
    assert result.model_type == "SSC"
    assert result.redshift == 0.031
    fixed = result.parameters[result.parameters["is_fixed"]]
    assert fixed["name"].tolist() == ["log_B"]
    assert fixed["value"].tolist() == [-1.0]
    assert result.posterior.colnames == [n for n in MODELS["SSC"] if n != "log_B"] + [
        "log_likelihood"
    ]
    assert len(result.curves) == 2
    assert result.best.nuFnu.unit == u.erg / u.s / u.cm**2
    assert result.statistics["logZ"] == -12.5
    assert result.data["nu"].value.tolist() == [1e14, 1e18]
    assert set(result.links) == {"pdf", "best_parameters", "best_model"}
    assert result.meta["mmdc"]["job_id"]


def test_a_fit_of_an_sed_counts_what_is_left_out(modeller):
    position = SkyCoord(166.113808, 38.208833, unit="deg")
    sed = modeller.query_sed(position)
    sed["is_upper_limit"][:3] = True
    with pytest.warns(IncompleteResultWarning, match="3 of 105 points are left out"):
        result = fit_there(modeller, sed, "SSC", z=0.03)
    assert len(result.data) == 102
    assert np.allclose(result.data["nufnu"].value, sed["nufnu"].value[3:])


def test_a_fit_that_fails_says_why(modeller):
    with pytest.raises(JobFailedError, match=r"ended as (error|failed)") as caught:
        fit_there(modeller, io.StringIO(CSV), "SSC", z=9.5, ebl=False)
    assert caught.value.job_id


def test_a_fit_is_taken_up_again(modeller, engine):
    engine.seconds = 2.0
    with pytest.raises(JobTimeoutError) as caught:
        fit_there(modeller, io.StringIO(CSV), "EIC", z=0.5, timeout=1)
    result = modeller.get_job(caught.value.job_id).get_data(timeout=30)
    assert result.model_type == "EIC"
    assert modeller.list_jobs()["kind"].tolist() == ["fit"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_icecube": 1}, "n_icecube: neutrinos are for hadronic fits only"),
        ({"likelihood_type": "poisson"}, "likelihood_type: neutrinos are for hadronic fits only"),
        (
            {"model_type": "hadronic", "likelihood_type": "poison"},
            "likelihood_type: 'poison' is unknown; use 'poisson' or 'chi2'",
        ),
        (
            {"model_type": "hadronic", "likelihood_type": "poisson", "n_icecube": 3},
            "likelihood_type: 'poisson' takes n_icecube, dt",
        ),
        (
            {"model_type": "hadronic", "likelihood_type": "poisson", "n_icecube": 0, "dt": 12},
            "n_icecube: 0 is outside 1 to 100 events",
        ),
        ({"fixed_parameters": {"log_X": 1}}, "parameters: SSC has no 'log_X'"),
        ({"fixed_parameters": {"lorentz_factor": 1000}}, "lorentz_factor: 1000.0 is outside"),
        ({"sed_or_csv": "no such file.csv"}, "sed_or_csv: no such file.csv cannot be read"),
        ({"sed_or_csv": io.BytesIO(b"")}, "sed_or_csv: the file is empty"),
        ({"sed_or_csv": 5}, "sed_or_csv: 5 is no file"),
    ],
)
def test_a_wrong_fit_is_said_before_anything_is_sent(modeller, modelling, options, message):
    call = {"sed_or_csv": io.StringIO(CSV), "model_type": "SSC", "z": 0.03, **options}
    with pytest.raises(InvalidRequestError, match=message):
        fit_there(modeller, **call)
    assert not modelling.requests


def test_neutrino_terms_reach_the_service(modeller):
    options = {"likelihood_type": "poisson", "n_icecube": 3, "dt": 12.0}
    csv = io.StringIO(CSV)
    payload = fit_there(modeller, csv, "hadronic", z=1, get_query_payload=True, **options)
    assert payload["data"]["model_type"] == "HADRONIC"
    assert payload["data"]["n_icecube"] == "3"
    assert (
        fit_there(modeller, io.StringIO(CSV), "hadronic", z=1, **options).model_type == "HADRONIC"
    )


def test_a_result_with_a_link_is_complete_whatever_its_status(modeller, faults):
    body = b'{"status": "running", "model_type": "SSC", "pdf_link": "http://x/y.pdf", "z": 1.0}'
    faults.add("/api/modeling/batch_result/", status=200, body=body)
    assert fit_there(modeller, io.StringIO(CSV), "SSC", z=1).links == {"pdf": "http://x/y.pdf"}


# ---------------------------------------------------------------- files of a fit


def test_the_files_of_a_fit(modeller, tmp_path):
    result = fit_there(modeller, io.StringIO(CSV), "SSC", z=0.031)
    paths = modeller.download_files(result, tmp_path)
    assert paths["pdf"].read_bytes() == b"%PDF-1.4"
    assert paths["best_parameters"].suffix == ".csv"
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(InvalidRequestError, match=r"folder: .* exists; .* overwrite=True"):
        modeller.download_files(result, tmp_path)
    assert modeller.download_files(result, tmp_path, overwrite=True) == paths


def test_a_download_that_breaks_off_leaves_nothing(modeller, faults, tmp_path):
    result = fit_there(modeller, io.StringIO(CSV), "SSC", z=0.031)
    from urllib.parse import urlsplit

    faults.add(urlsplit(result.links["pdf"]).path, truncate=3)
    with pytest.raises(ServiceUnavailableError):
        modeller.download_files(result, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def another_host():
    """A web server that remembers all headers, secrets too."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", seen
        running.shutdown()
        thread.join()


def test_another_host_gets_no_key(modelling, another_host, tmp_path):
    url, seen = another_host
    mmdc = MMDCClass(modelling.url, api_key="SECRET", end_user="me", app="tests")
    result = fit_there(MMDCClass(modelling.url, app="tests"), io.StringIO(CSV), "SSC", z=0.031)
    result.links.clear()
    result.links["pdf"] = f"{url}/x.pdf"
    result.meta["mmdc"]["job_id"] = "../../evil"
    paths = mmdc.download_files(result, tmp_path)
    assert paths["pdf"] == tmp_path / "fit_evil_pdf.pdf"
    assert paths["pdf"].read_bytes() == b"ok"
    assert not {"x-api-key", "x-mmdc-end-user"} & set(seen[0])
    result.links["pdf"] = f"{url}/y.pdf"
    MMDCClass(url, api_key="SECRET", end_user="me").download_files(result, tmp_path, overwrite=True)
    assert seen[-1]["x-api-key"] == "SECRET"


def test_a_folder_that_is_not_there(modeller, tmp_path):
    result = fit_there(modeller, io.StringIO(CSV), "SSC", z=0.031)
    with pytest.raises(InvalidRequestError, match=r"folder: .* is no folder"):
        modeller.download_files(result, tmp_path / "no")


# ---------------------------------------------------------------- CSV files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; it needs the columns frequency, flux, flux_err"),
        ("frequency,flux\n1,2\n", "column flux_err is missing; the file has frequency, flux"),
        ("Frequency,Flux,Flux_err\n1,2,3\n", "column frequency, flux, flux_err is missing"),
        ("frequency,flux,flux_err\n", "the file has a header but no rows"),
        ("frequency,flux,flux_err\n1e14,bright,1\n", "line 2, flux: 'bright' is not a number"),
        ("frequency,flux,flux_err\n1e14,nan,1\n", "line 2, flux: 'nan' is not a finite number"),
    ],
)
def test_a_csv_that_cannot_be_fitted(modeller, modelling, text, message):
    with pytest.raises(InvalidRequestError, match=f"file: {message}"):
        modeller.validate_csv(io.StringIO(text))
    assert not modelling.requests


def test_a_csv_that_can_be_fitted(modeller, tmp_path):
    path = tmp_path / "sed.csv"
    path.write_text(CSV)
    verdict = modeller.validate_csv(path)
    assert verdict["success"]
    assert verdict["data_points"] == 2
    assert modeller.csv_to_json(path)


def test_the_services_own_sed_file_is_a_csv_for_a_fit(modeller, shared):
    path = shared / "data/sed_formats/mmdc_v1.csv"
    assert modeller.validate_csv(path)["success"]
