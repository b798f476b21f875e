"""Against the live service; run with --remote-data=any (tox -e online)."""

from __future__ import annotations

import pytest
from astropy import units as u

from astroquery_mmdc import MMDCClass
from tests.ssc_parameters import SSC

pytestmark = pytest.mark.remote_data


@pytest.fixture(scope="module")
def live():
    return MMDCClass("https://mmdc.am", app="astroquery_mmdc-tests")


def test_observations_of_3c273(live):
    table = live.query_object("3C 273", radius=10 * u.arcsec, row_limit=50, catalog="MMDCXRT")
    assert len(table) > 0
    assert table["separation"].max() <= 10 * u.arcsec


def test_the_sed_of_mrk421(live):
    sed = live.query_sed("Mrk 421", mjd_start=58000, mjd_end=58030)
    assert len(sed) > 0
    assert sed.redshift == pytest.approx(0.03, abs=0.005)


def test_a_model(live):
    spectrum = live.run_model("SSC", z=0.03179, parameters=SSC, where="service")
    assert spectrum.nuFnu.max() > 0 * spectrum.nuFnu.unit
