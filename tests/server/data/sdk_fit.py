"""A fit with the official SDK, run by the tests in another environment: sdk_fit.py URL CSV."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
from astro_mmdc import MMDC

FIXED = {"log_gamma_min": 2.9, "lorentz_factor": 35.0}


def main(url: str, csv: Path) -> None:
    with MMDC(base_url=url) as client:
        validation = client.modeling.validate_csv(csv)
        points = client.modeling.csv_to_json(csv)
        assert validation.success
        assert validation.data_points == len(points["frequency"])
        result = client.modeling.batch_infer(
            csv, z=0.031, ebl=True, model_type="SSC", fixed_parameters=FIXED, poll_interval=0.2
        )
    assert (result.status, result.model_type, result.z) == ("done", "SSC", 0.031)
    assert {n: p.value for n, p in result.fixed_parameters.items()} == FIXED
    assert len(result.best_parameters) == 5
    assert all(p.error > 0 for p in result.best_parameters.values())
    assert len(result.data["best"]["nu"]) == len(result.data["best"]["nuFnu"])
    assert "0" in result.data
    assert result.uploaded_file == points
    for row in result.equal_weighted_posterior:
        assert len(row) in (5, 6)  # the log-likelihood may follow
    pdf = httpx.get(result.pdf_link)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.content.rstrip().endswith(b"%%EOF")
    lines = httpx.get(result.csv_best_parameters_link).text.splitlines()
    assert len(lines) == 8
    model = httpx.get(result.csv_best_model_link).text.splitlines()
    assert model[0].startswith("nu,nuFnu")
    assert len(model) > 50
    samples = len(result.equal_weighted_posterior)
    sys.stdout.write(f"{samples} samples, {len(pdf.content)} bytes of PDF\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
