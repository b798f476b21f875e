"""Products of a real dispatcher, not recorded ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits

from astroquery_mmdc.mmoda.catalog import DispatcherCatalog

from .seeds import HARD_CODED


@pytest.fixture
def ask(mmoda):
    def get(kind, **parameters):
        return mmoda.get_product(instrument="localtest", product=f"localtest_{kind}", **parameters)

    return get


def test_a25_a26_a38_light_curves_spectra_and_images(ask):
    assert ask("lc", n=7).localtest_lc_0_Crab.table["TIME"].size == 7
    spectrum = ask("spectrum")
    assert spectrum.prod_1_Crab_localtest_arf.table["SPECRESP"][0] == 1000.0
    image = ask("image")
    assert image.mosaic_image_0_mosaic.ccd.shape == (64, 64)
    assert image.dispatcher_catalog_1.table["src_names"].tolist() == ["1A 0535+262", "Crab"]


@pytest.mark.parametrize("kind", ["lc", "spectrum", "image", "fits", "table", "misc", "gw"])
def test_a30_every_kind_is_saved(ask, kind, tmp_path):
    paths = ask(kind).save_all_data(directory=tmp_path / "files")
    assert paths
    for path in paths:
        if path.suffix == ".fits":
            with fits.open(path) as hdus:
                hdus.verify("exception")


def test_a32_a_filtered_catalogue_is_accepted_and_comes_back(ask):
    catalog = ask("image").dispatcher_catalog_1
    catalog.table = catalog.table[catalog.table["significance"] < 1000]
    text = catalog.get_api_dictionary()
    found = ask("lc", selected_catalog=text)
    assert json.loads(found.origin.analysis_parameters["selected_catalog"]) == catalog.to_api()


def test_a33_a_hard_coded_catalogue_is_accepted(ask):
    found = ask("lc", selected_catalog=json.dumps(HARD_CODED))
    assert json.loads(found.origin.analysis_parameters["selected_catalog"]) == HARD_CODED


def test_a42_gravitational_waves_need_no_other_package(ask):
    found = ask("gw")
    assert np.array_equal(found.H1_0.value, np.sin(np.arange(64) / 3.0))
    assert found.Spectrogram_1.value.shape == (4, 5)
    assert found[3].lines("GW170817", 50)


def test_uploads_are_understood(ask, tmp_path):
    catalog = DispatcherCatalog.from_api(HARD_CODED)
    # The dispatcher reads its coordinates from the header.
    catalog.table.meta.update(FRAME="fk5", COORD_UNIT="deg", LON_NAME="ra", LAT_NAME="dec")
    found = ask("lc", user_catalog_file=catalog.table, n=3)
    said = json.loads(found.origin.analysis_parameters["selected_catalog"])
    assert said["cat_column_list"][1] == ["1A 0535+262", "Crab"]
    windows = ["066500220010.001", "066500230010.001"]
    path = tmp_path / "scw.txt"
    path.write_text("\n".join(windows))
    found = ask("lc", user_scw_list_file=path, n=3)
    assert found.origin.analysis_parameters["scw_list"] == windows
