from __future__ import annotations

import gzip
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.collection import DataCollection, clean_name
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.origin import Origin
from astroquery_mmdc.mmoda.products import TextProduct
from tests.peers import peer_python

from . import recorded

KINDS = ("fits", "image", "json_rows", "lc", "misc", "single", "spectrum", "table")


@pytest.fixture
def collection(shared):
    def read(kind):
        name = f"30_product_{kind}"
        return decode_products(recorded.products(shared, recorded.SERVERS[0], name))

    return read


@pytest.mark.parametrize("server", recorded.SERVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a24_show_prints_what_the_official_client_prints(shared, server, kind, capsys):
    name = f"30_product_{kind}"
    decode_products(recorded.products(shared, server, name)).show()
    printed = recorded.scenario(shared, recorded.SERVERS[0], name)["client_stdout"]
    listing = printed.removeprefix("backend comment\n")
    if kind in ("spectrum", "image"):
        # There the recording goes on with other calls.
        assert listing.startswith(capsys.readouterr().out)
    else:
        assert capsys.readouterr().out.rstrip() == listing.rstrip()


def test_a25_products_by_attribute_place_and_name(collection):
    image = collection("image")
    assert image.mosaic_image_0_mosaic is image[0] is image._p_list[0]
    assert image["mosaic_image_0_mosaic"] is image[0]
    assert image._n_list == image.names == ["mosaic_image_0_mosaic", "dispatcher_catalog_1"]
    assert len(image) == 2
    assert list(image) == image[:]
    assert image[-1] is image.dispatcher_catalog_1
    assert "mosaic_image_0_mosaic" in dir(image)
    assert "0: mosaic_image_0_mosaic (NumpyProduct)" in repr(image)
    with pytest.raises(AttributeError, match="the products are"):
        image.nothing  # noqa: B018
    with pytest.raises(KeyError, match="there are"):
        image["nothing"]


def test_a26_names_follow_the_official_rule(collection):
    assert collection("lc").names == ["localtest_lc_0_Crab", "localtest_lc_1_1A0535p262"]
    assert collection("spectrum").names[3] == "prod_3_1A0535p262_localtest_spectrum"
    meta = {"src_name": "MAXI J1820+070", "product": "isgri_arf"}
    named = DataCollection([TextProduct(name="prod", value="", meta_data=meta)])
    assert named.names == ["prod_0_MAXIJ1820p070_isgri_arf"]
    assert clean_name("4U 1700-377") == "U_1700m377"
    nameless = [TextProduct(name=name, value="") for name in (None, " ", "x y")]
    assert DataCollection(nameless, instrument="i").names == ["i_0", "i_1", "x_y_2"]
    assert DataCollection(nameless, instrument="i", product="p").names[0] == "p_0"
    assert DataCollection(nameless).names[0] == "prod_0"


def test_a29_products_of_one_source(collection):
    spectrum = collection("spectrum")
    crab = spectrum.new_from_metadata("src_name", "Crab")
    assert crab.names == [
        "prod_0_Crab_localtest_spectrum",
        "prod_1_Crab_localtest_arf",
        "prod_2_Crab_localtest_rmf",
    ]
    assert len(spectrum.new_from_metadata("src_name", "Vela")) == 0
    assert len(collection("image").new_from_metadata("product", "mosaic")) == 1


def test_a30_saved_files_have_the_official_names(collection, shared, tmp_path):
    spectrum = collection("spectrum").new_from_metadata("src_name", "Crab")
    folder = tmp_path / "files"
    paths = spectrum.save_all_data(directory=folder)
    said = recorded.scenario(shared, recorded.SERVERS[0], "30_product_spectrum")["result"]["files"]
    assert [path.name for path in paths] == said
    assert sorted(path.name for path in folder.iterdir()) == sorted(said)
    with fits.open(paths[0]) as hdus:
        sent = spectrum[0].data_unit[1]
        assert hdus[1].name == sent.name
        assert hdus[1].header["EXPOSURE"] == 1234.5
        for name in sent.data.dtype.names:
            assert np.array_equal(hdus[1].data[name], sent.data[name])
    before = spectrum.save_all_data("mine", directory=tmp_path / "new")
    assert before[0].name == "mine_prod_0_Crab_localtest_spectrum.fits"
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        spectrum.save_all_data(directory=folder, overwrite=False)
    with pytest.raises(InvalidRequestError, match="prepend_name"):
        spectrum.save_all_data("../x", directory=folder)


@pytest.mark.parametrize("kind", [*KINDS, "gw"])
def test_a30_every_product_can_be_saved(collection, kind, tmp_path):
    found = collection(kind)
    paths = found.save_all_data(directory=tmp_path)
    assert len(paths) == len(found)
    assert all(path.stat().st_size for path in paths)
    if kind == "misc":
        assert [path.name for path in paths] == ["blob_0.bin", "pic_1.png", "txt_2.txt"]
        assert paths[0].read_bytes() == b"\x00\x01binary"
        assert paths[2].read_text() == "hello"


def test_a30_files_go_to_the_current_folder_unless_told(collection, tmp_path):
    paths = collection("lc").save_all_data()
    assert [path.name for path in paths] == sorted(path.name for path in tmp_path.glob("*.fits"))


def test_a28_a_compressed_file_can_be_edited(collection, tmp_path):
    lightcurve = collection("lc")[0]
    path = lightcurve.write_fits_file(tmp_path / "lc.fits.gz")
    assert gzip.decompress(path.read_bytes()).startswith(b"SIMPLE")
    with fits.open(path, mode="update") as hdus:
        hdus[1].header["EXPOSURE"] = 12.0
        hdus[1].data["ERROR"] = 0.5
    with fits.open(path) as hdus:
        assert hdus[1].header["EXPOSURE"] == 12.0
        assert (hdus[1].data["ERROR"] == 0.5).all()
        assert np.array_equal(hdus[1].data["TIME"], lightcurve.data_unit[1].data["TIME"])
    assert lightcurve.write_fits_file(path) == path
    with pytest.raises(InvalidRequestError, match="exists"):
        lightcurve.write(path)
    assert Table.read(path, hdu=1).colnames == ["TIME", "XAX_E", "RATE", "ERROR"]


def test_a_list_of_products(collection):
    assert collection("misc").as_list() == [
        {"ID": 0, "prod_name": "blob_0", "meta_data": {}},
        {"ID": 1, "prod_name": "pic_1", "meta_data": {"m": 1}},
        {"ID": 2, "prod_name": "txt_2", "meta_data": {"t": 1}},
    ]


def test_the_code_of_a_request(collection):
    found = collection("lc")
    with pytest.raises(InvalidRequestError, match="no request"):
        found.api_code()
    request = {"instrument": "isgri", "product_type": "isgri_lc", "query_type": "Real", "RA": 83.6}
    found.origin = Origin(url="https://here/dispatch-data", job_id="1", request=request)
    assert "isgri_lc" in found.api_code()
    assert found.new_from_metadata("src_name", "Crab").origin is found.origin


OFFICIAL = """
import json, sys
from oda_api.api import DataCollection
answer = json.load(open(sys.argv[1]))["exchanges"][-1]["response"]["json"]
DataCollection.from_response_json(answer, None, None).save_all_data()
"""


@pytest.mark.parametrize("kind", ["spectrum", "fits", "image"])
def test_a30_files_hold_what_those_of_the_official_client_hold(collection, shared, kind, tmp_path):
    scenario = shared / "data" / "mmoda" / recorded.SERVERS[0] / f"30_product_{kind}.json"
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.mkdir()
    command = [peer_python("oda"), "-W", "ignore", "-c", OFFICIAL, scenario]
    subprocess.run(command, cwd=theirs, check=True, capture_output=True, timeout=120)
    collection(kind).save_all_data(directory=mine)
    names = sorted(path.name for path in theirs.iterdir())
    assert sorted(path.name for path in mine.iterdir()) == names
    for name in names:
        if not name.endswith(".fits"):
            continue
        with fits.open(theirs / name) as old, fits.open(mine / name) as new:
            assert [hdu.name for hdu in new] == [hdu.name for hdu in old]
            for one, other in zip(new, old, strict=True):
                _same_data(one.data, other.data)


def _same_data(mine, theirs):
    if theirs is None or theirs.size == 0:
        assert mine is None or mine.size == 0
        return
    if theirs.dtype.names is None:
        assert mine.tolist() == theirs.tolist()
        return
    assert mine.names == theirs.names
    for column in theirs.names:
        pairs = zip(mine[column], theirs[column], strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs), column
