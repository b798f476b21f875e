from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.mmoda.catalog import DispatcherCatalog
from astroquery_mmdc.mmoda.decoding import decode_products

from . import recorded
from .seeds import HARD_CODED


def with_new_source():
    said = json.loads(json.dumps(HARD_CODED))
    row = [9, "NEW_1", 9.0, 84.0, 22.0, 1, 2, 0, None]
    for column, value in zip(said["cat_column_list"], row, strict=True):
        column.append(value)
    return said


def test_a31_the_table_is_filtered_and_assigned_back():
    catalog = DispatcherCatalog.from_api(with_new_source())
    assert isinstance(catalog.table, QTable)
    assert catalog.table["ra"].unit == u.deg
    sources = catalog.table[catalog.table["significance"] >= 8]
    kept = ["NEW" not in name for name in sources["src_names"]]
    catalog.table = sources[kept]
    assert catalog.table["src_names"].tolist() == ["1A 0535+262", "Crab"]
    assert catalog.to_api()["cat_column_list"] == HARD_CODED["cat_column_list"]


def test_a32_the_text_of_a_catalogue_is_what_the_official_client_writes(shared):
    server = recorded.SERVERS[0]
    found = decode_products(recorded.products(shared, server, "30_product_image"))
    text = found.dispatcher_catalog_1.get_api_dictionary()
    theirs = recorded.scenario(shared, server, "30_product_image")["result"]["api_catalog"]
    assert json.loads(text) == json.loads(theirs)
    again = DispatcherCatalog.from_api(text)
    assert again.get_api_dictionary() == text


def test_a33_a_hard_coded_catalogue_goes_round():
    catalog = DispatcherCatalog.from_api(json.dumps(HARD_CODED))
    assert catalog.to_api() == HARD_CODED
    assert isinstance(catalog.coordinates, SkyCoord)
    assert catalog.coordinates.frame.name == "fk5"


def test_what_is_missing_is_masked_and_sent_as_null():
    catalog = DispatcherCatalog.from_api(with_new_source())
    assert catalog.table["ERR_RAD"].mask.tolist() == [False, False, True]
    assert catalog.to_api()["cat_column_list"][-1][-1] is None
    catalog.table["significance"][0] = np.nan
    assert catalog.to_api()["cat_column_list"][2][0] is None
    longer = catalog.table
    longer["src_names"] = ["a much longer name", "b", "c"]
    assert catalog.to_api()["cat_column_descr"][1] == ["src_names", "<U18"]


def test_a_catalogue_without_a_frame():
    said = {
        "cat_column_list": [["GW170817"], [None], [1], [True], ["a"]],
        "cat_column_names": ["name", "nothing", "n", "flag", "mixed"],
        "cat_meta": {"note": "x"},
    }
    catalog = DispatcherCatalog.from_api(said)
    assert catalog.table.meta == {"note": "x"}
    assert catalog.to_api()["cat_column_list"] == said["cat_column_list"]
    assert catalog.to_api()["cat_meta"] == {"note": "x"}
    with pytest.raises(InvalidRequestError, match="coordinates"):
        catalog.coordinates  # noqa: B018


def test_a_table_of_ones_own_becomes_a_catalogue():
    table = Table({"ra": [83.6], "dec": [22.0], "src_names": ["Crab"]})
    catalog = DispatcherCatalog.from_table(table)
    assert catalog.to_api()["cat_column_list"] == [[83.6], [22.0], ["Crab"]]
    hours = QTable({"ra": [6.0] * u.hourangle, "dec": [22.0] * u.deg})
    right_ascension = DispatcherCatalog.from_table(hours).to_api()["cat_column_list"][0]
    assert right_ascension == pytest.approx([90.0])
    with pytest.raises(InvalidRequestError, match="lon_name: no column 'lon'"):
        DispatcherCatalog.from_table(table, lon_name="lon")


def test_texts_of_a_fits_file_are_sent_as_texts(tmp_path):
    Table({"ra": [83.6, 1], "dec": [22.0, 2], "src_names": ["Crab", ""]}).write(tmp_path / "a.fits")
    catalog = DispatcherCatalog.from_table(Table.read(tmp_path / "a.fits"))
    said = json.loads(catalog.get_api_dictionary())
    assert said["cat_column_list"] == [[83.6, 1.0], [22.0, 2.0], ["Crab", None]]
    assert said["cat_column_descr"][2] == ["src_names", "<U4"]
    names = MaskedColumn(np.array([b"Crab", b"x"]), mask=[False, True])
    own = Table({"ra": [1.0, 2.0], "dec": [2.0, 3.0], "src_names": names})
    assert DispatcherCatalog.from_table(own).to_api()["cat_column_list"][2] == ["Crab", None]


def test_mixed_values_stay_as_they_are():
    said = {"cat_column_list": [[1, "x", 2.5]], "cat_column_names": ["a"]}
    assert DispatcherCatalog.from_api(said).to_api()["cat_column_list"] == [[1, "x", 2.5]]
    large = {"cat_column_list": [[2**53 + 1, 0.5]], "cat_column_names": ["a"]}
    assert DispatcherCatalog.from_api(large).to_api()["cat_column_list"] == [[2**53 + 1, 0.5]]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{", "not JSON"),
        ([], "cat_column_list"),
        ({"cat_column_list": 3, "cat_column_names": []}, "must be lists"),
        ({"cat_column_list": [[1]], "cat_column_names": []}, "0 names"),
        ({"cat_column_list": [[1], [1]], "cat_column_names": ["a", "a"]}, "2 names"),
        ({"cat_column_list": [[1], [1, 2]], "cat_column_names": ["a", "b"]}, "different lengths"),
        ({"cat_column_list": [[[1]]], "cat_column_names": ["a"]}, "lists or dictionaries"),
    ],
)
def test_catalogues_that_do_not_fit_together(said, words):
    with pytest.raises(ParseError, match=words):
        DispatcherCatalog.from_api(said)
