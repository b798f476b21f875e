from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from astroquery_mmdc import cite, conf
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.catalogs import BANDS, CATALOGS, band_of, check_catalog
from astroquery_mmdc.schema.sources import source_from_json


def test_every_catalogue_has_a_known_band():
    assert {catalog.band for catalog in CATALOGS.values()} <= set(BANDS)


def test_spelling_does_not_matter_but_the_service_gets_its_own():
    assert check_catalog("mmdcnux") == "MMDCNuX"


def test_an_unknown_catalogue_names_what_comes_close():
    with pytest.raises(InvalidRequestError, match=r"catalog: 'MMDCXTR' .*did you mean MMDCXRT"):
        check_catalog("MMDCXTR")


def test_other_catalogues_can_be_allowed():
    with conf.set_temp("extra_catalogs", ["MYCAT"]):
        assert check_catalog("mycat") == "MYCAT"


def test_bands_meet_without_gap():
    edges = list(BANDS.values())
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    for name, (low, high) in BANDS.items():
        assert band_of([max(low, 1.0), np.nextafter(high, 0)]).tolist() == [name, name]


# ---------------------------------------------------------------- citing


def test_only_what_is_in_the_table_is_cited_and_each_once():
    table = Table(
        {
            "catalog": ["NVSS", "NVSS", "ZTF"],
            "reference": ["Condon et al. 1998", "Condon et al. 1998", "made up"],
            "bibcode": MaskedColumn(["1998AJ....115.1693C"] * 2 + [""], mask=[False, False, True]),
        }
    )
    assert cite(table).count("@") == 3
    assert "1998AJ....115.1693C" in cite(table)
    assert cite(table[:0]).count("@") == 1  # the service itself


def test_an_ads_address_as_reference_becomes_an_article():
    address = "https://ui.adsabs.harvard.edu/abs/2017A%26A...603A..29A/abstract"
    entry = cite(Table({"reference": [address]})).split("\n\n")[1]
    assert entry.startswith("@article{2017A&A...603A..29A")
    assert "volume = {603}" in entry
    assert "pages = {A29}" in entry
    assert r"journal = {A\&A}" in entry


@pytest.mark.parametrize(
    ("citation", "bibcode"),
    [
        ("Condon et al. 1998, AJ, 115, 1693", "1998AJ....115.1693C"),
        ("Abdo A. A., et al., 2011, ApJ, 736, 131", "2011ApJ...736..131A"),
        ("Martin D. C., et al., 2005, ApJ, 619, L1", "2005ApJ...619L...1M"),
        ("Ahnen M. L., et al., 2017, A&A, 603, A29", "2017A&A...603A..29A"),
        ("Bellm et al. 2019 PASP 131 018002", ""),
        ("made up", ""),
    ],
)
def test_the_bibcode_that_a_citation_spells_out(citation, bibcode):
    entries = cite(Table({"reference": [citation]})).split("\n\n")[1:]
    assert entries[0].startswith(f"@article{{{bibcode}," if bibcode else "@misc{mmdc-")


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Log(Nu_peak): 15.2 +/- 0.3", (15.2, 0.3, "")),
        ("15.2 ± 0.3", (15.2, 0.3, "")),
        ("> 15.0", (15.0, None, "lower")),
        ("<14.1", (14.1, None, "upper")),
        ("N/A", (None, None, "")),
        ("", (None, None, "")),
    ],
)
def test_the_older_form_of_the_synchrotron_peak(text, expected):
    source = source_from_json({"source_name": "x", "ra": 1, "dec": 2, "W_peak": text})
    found = source.log_nu_peak, source.log_nu_peak_err, source.nu_peak_limit
    assert found == expected


def test_the_form_of_today():
    peak = {"log_nu": 16.1, "err": 0.2, "limit": "lower", "text": "..."}
    source = source_from_json({"name": "x", "ra": 1, "dec": 2, "redshift": 0.03, "w_peak": peak})
    assert source.nu_peak.value == pytest.approx(10**16.1)
    assert source.nu_peak_limit == "lower"
    assert source.redshift == 0.03
