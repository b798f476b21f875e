from __future__ import annotations

from pathlib import Path

import pytest

from astroquery_mmdc.sed import SED
from astroquery_mmdc.sed.build import text
from tests.sed.helpers import EXPECTED, assert_same

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "sed_formats"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not here")


DATED = {"mjd_start", "mjd_end", "undated"}
HOLDS = {
    "agnpy_gadf_e2dnde.ecsv": {"catalog", "is_upper_limit"},
    "bjet_mcmc.dat": {"catalog", "is_upper_limit"},
    "ivoa_sed.vot": {"catalog", *DATED},
    "jetset.ecsv": {"catalog", "is_upper_limit", *DATED},
    "mmdc_legacy.csv": {"catalog", "is_upper_limit", *DATED},
    "mmdc_v1.csv": {"catalog", "is_upper_limit", *DATED},
    "naima.ecsv": {"is_upper_limit"},
    "ssdc_export.txt": {"is_upper_limit", *DATED},
    "ssdc_upload.txt": {"is_upper_limit", *DATED},
    "vizier_like_sed.vot": {"catalog", *DATED},
    "vou_Sed.csv": {"catalog", "is_upper_limit", *DATED},
}


@needs_samples
@pytest.mark.parametrize("name", sorted(HOLDS))
def test_all_samples_are_the_same_sed(name):
    sed = SED.read(SAMPLES / name)
    # Bjet_MCMC's sample has six digits, the other ones in eV the rounding of the conversion.
    rtol = 1e-5 if name.startswith("bjet") else 1e-9
    assert_same(sed, EXPECTED, HOLDS[name] | {"nufnu_err"}, rtol=rtol)


@needs_samples
def test_sample_of_a_fit_has_the_points_that_can_be_fitted():
    assert_same(SED.read(SAMPLES / "mmdc_fit.csv"), EXPECTED[1:5], {"nufnu_err"})


@needs_samples
@pytest.mark.parametrize("name", ["mmdc_v1.csv", "mmdc_legacy.csv", "vou_Sed.csv"])
def test_samples_with_references(name):
    references = text(SED.read(SAMPLES / name)["reference"]).tolist()
    assert references[0].split()[0] == "Condon"
    assert references[-1] == "made up"
