"""What the notebooks of MMODA do, against a real dispatcher, each in fewer lines."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits

from astroquery_mmdc.mmoda import UnknownParameterWarning
from astroquery_mmdc.mmoda.ogip import write_spectrum

from .seeds import HARD_CODED, PAGE


def test_seed_001_spectra_of_many_years_at_once(mmoda, tmp_path):
    common = {"instrument": "localtest", "product": "localtest_spectrum", "max_pointings": 10}
    years = [2017, 2018]
    spectra = mmoda.get_products(
        [
            {
                **common,
                "coordinates": "Crab",
                "T1": f"{year}-01-01T00:00:00.0",
                "T2": f"{year}-12-31T23:59:59.0",
                "radius": 10,
                "selected_catalog": HARD_CODED,
            }
            for year in years
        ]
    )
    for year, found in zip(years, spectra, strict=True):
        files = write_spectrum(found, tmp_path, source="Crab", name=f"Crab_{year}", systematic=0.01)
        with fits.open(files.spectrum) as hdus:
            header = hdus[1].header
            assert header["EXPOSURE"] == 1234.5
            assert header["RESPFILE"] == files.rmf.name
            assert header["ANCRFILE"] == files.arf.name
            assert np.all(hdus[1].data["SYS_ERR"] == np.float32(0.01))


def test_seed_002_a_gravitational_wave_by_name_and_by_code(mmoda):
    products = mmoda.get_product(
        instrument="localtest", product="localtest_gw", coordinates="GW170817"
    )
    assert products.origin.analysis_parameters["T1"] == "2017-08-17T12:40:59.400"
    here = {"instrument": "localtest", "product": "localtest_gw"}
    with pytest.warns(UnknownParameterWarning) as told:
        by_code = mmoda.from_api_code(PAGE, token="", **here)
    names = {str(one.message).partition(":")[0] for one in told}
    assert names == {"contour_levels", "do_cone_search", "level_threshold"}
    assert [type(p) for p in by_code] == [type(p) for p in products]
    assert by_code.origin.analysis_parameters["src_name"] == "gw170817"
    assert "MMODAClass(" in by_code.api_code()


@pytest.fixture
def stored(sign, monkeypatch):
    monkeypatch.setenv("ODA_TOKEN", sign())


@pytest.mark.usefixtures("stored")
def test_seed_004_image_catalogue_spectrum_and_light_curve(mmoda, tmp_path, capsys):
    assert mmoda.discover_token().hours_left > 23
    print_text = mmoda.describe_product("localtest", "localtest_spectrum").meta["text"]
    assert " name: max_pointings,  value: 50,  units: None," in print_text
    where = {"instrument": "localtest", "RA": "275.09142677", "DEC": 7.18535523, "radius": 8}
    when = {"T1": 58193.455, "T2": "58246.892", "T_format": "mjd", "max_pointings": "50"}

    image = mmoda.get_product(product="localtest_image", **where, **when)
    catalog = image.dispatcher_catalog_1
    catalog.table = catalog.table[catalog.table["significance"] >= 200]
    spectrum = mmoda.get_product(
        product="localtest_spectrum", **where, **when, selected_catalog=catalog
    )
    sent = json.loads(spectrum.origin.analysis_parameters["selected_catalog"])
    assert sent["cat_column_list"][1] == ["Crab"]
    crab = spectrum.new_from_metadata("src_name", "Crab")
    crab.show()
    assert capsys.readouterr().out.count("prod_name=prod_") == 3
    crab.save_all_data(directory=tmp_path)
    assert len(list(tmp_path.glob("prod_*_Crab_localtest_*.fits"))) == 3

    curves = mmoda.get_product(product="localtest_lc", **where, **when)
    unit = curves.localtest_lc_1_1A0535p262.data_unit[1]
    assert unit.header["NAME"] == "1A 0535+262"
    assert {"TIME", "XAX_E", "RATE", "ERROR"} <= set(unit.data.dtype.names)
