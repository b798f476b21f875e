"""Files in requests for products: catalogues, lists of science windows, and hostile ones."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError
from astroquery_mmdc.mmoda.catalog import DispatcherCatalog
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.sources import Source, SourceList
from astroquery_mmdc.server.store import ObservationStore
from tests.mmoda import recorded
from tests.notebooks.helpers import write_notebook

from .conftest import make_observations

SOURCES = {"Mrk 421": (166.113808, 38.208833, 0.031), "3C 273": (187.277915, 2.052388, 0.158)}
LC = {"instrument": "mmdc_lc", "product_type": "mmdc_lc", "query_status": "new"}
WINDOWS = ["066500220010.001", "066500230010"]
LARGEST = 100_000
NAMES = ["mmdc_lc_0_Mrk421_ZTF_zg", "mmdc_lc_1_3C273_ZTF_zg"]


def make_store() -> ObservationStore:
    ra, dec, _ = zip(*SOURCES.values(), strict=True)
    rows = make_observations(
        ra=list(ra),
        dec=list(dec),
        catalog=["ZTF"] * 2,
        filter_band=["zg"] * 2,
        flux=[1e-12, 2e-12],
        mjd_mid=[58000.0, 58001.0],
        is_lightcurve=[True] * 2,
        frequency=[6.3e14] * 2,
    )
    sources = [Source(name, *place) for name, place in SOURCES.items()]
    return ObservationStore(rows, SourceList(sources))


@pytest.fixture(scope="module")
def dispatcher() -> Iterator[LocalServer]:
    with LocalServer(make_store(), engine=None, max_upload=LARGEST) as server:
        yield server


@pytest.fixture
def mmoda(dispatcher):
    return MMODAClass(dispatcher.url + "/dispatch-data")


@pytest.fixture
def post(dispatcher):
    def call(files: Any, **fields: Any) -> httpx.Response:
        url = dispatcher.url + "/dispatch-data/run_analysis"
        return httpx.post(url, data={**LC, **fields}, files=files, timeout=30)

    return call


def table(kind=Table, **columns: Any) -> Table:
    ra, dec, _ = zip(*SOURCES.values(), strict=True)
    made = kind({"src_names": list(SOURCES), "ra": list(ra), "dec": list(dec), **columns})
    return made


def as_ecsv(made: Table) -> bytes:
    buffer = StringIO()
    made.write(buffer, format="ascii.ecsv")
    return buffer.getvalue().encode()


def as_fits(made: Table, **header: Any) -> bytes:
    hdu = fits.BinTableHDU(made)
    for key, value in header.items():
        hdu.header[f"HIERARCH {key}" if len(key) > 8 else key] = value
    buffer = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    return buffer.getvalue()


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    found = answer.json()["products"].get("numpy_data_product_list", [])
    return [json.loads(one["meta_data"])["src_name"] for one in found]


def test_a_table_of_ones_own_gives_the_light_curves_of_its_sources(mmoda):
    made = mmoda.get_product(instrument="mmdc_lc", product="mmdc_lc", user_catalog_file=table())
    assert made.names == NAMES
    assert [one.data_unit[1].data["FLUX"].tolist() for one in made] == [[1e-12], [2e-12]]
    said = json.loads(made.origin.analysis_parameters["selected_catalog"])
    assert said["cat_column_list"][0] == list(SOURCES)


def test_a_file_of_fits_and_one_of_ecsv_give_the_same(mmoda, tmp_path):
    masked = QTable(table(QTable, flux=[1.5, np.nan]), masked=True)
    for path in (tmp_path / "cat.fits", tmp_path / "cat.ecsv"):
        masked.write(path)
        made = mmoda.get_product(instrument="mmdc_lc", product="mmdc_lc", user_catalog_file=path)
        assert made.names == NAMES
        said = json.loads(made.origin.analysis_parameters["selected_catalog"])
        assert said["cat_column_list"][3] == [1.5, None]


def test_units_and_frames_of_a_catalogue(post):
    ra, dec, _ = zip(*SOURCES.values(), strict=True)
    hours = table(QTable)
    hours["ra"] = (ra * u.deg).to(u.hourangle)
    assert names(post({"user_catalog_file": as_ecsv(hours)})) == list(SOURCES)
    # As the dispatcher itself writes catalogues.
    galactic = Table({"l": [179.83178], "b": [65.03153], "src_names": ["Mrk 421"]})
    words = {"FRAME": "galactic", "COORD_UNIT": "deg", "LON_NAME": "l", "LAT_NAME": "b"}
    assert names(post({"user_catalog_file": as_fits(galactic, **words)})) == ["Mrk 421"]
    nameless = Table({"RA": ra[:1], "Dec": dec[:1], "FLUX": np.ones((1, 3))})
    assert names(post({"user_catalog_file": as_fits(nameless)})) == ["166.113808 38.208833"]


def test_a_catalogue_goes_out_of_one_request_and_into_the_next(mmoda):
    catalog = DispatcherCatalog.from_table(table(significance=[10.0, 3.0]))
    catalog.table = catalog.table[catalog.table["significance"] > 5]
    for instrument, product in (("mmdc_lc", NAMES[:1]), ("mmdc_sed", ["mmdc_sed_0_Mrk421"])):
        made = mmoda.get_product(
            instrument=instrument, product=instrument, selected_catalog=catalog
        )
        assert made.names == product
    sed = mmoda.get_product(instrument="mmdc_sed", product="mmdc_sed", user_catalog_file=table())
    assert [one.meta_data["redshift"] for one in sed] == [0.031, 0.158]


def test_the_recorded_form_is_taken(post, shared):
    scenario = recorded.scenario(shared, "newest_server", "61_user_catalog_file_post")
    body = scenario["exchanges"][0]["request"]["body"]
    content = body.partition('filename="cat.ecsv"')[2].partition("\r\n--")[0].lstrip()
    answer = post({"user_catalog_file": ("cat.ecsv", content)})
    assert answer.json()["exit_status"]["comment"] == "no light curve is known there"
    theirs = scenario["exchanges"][0]["response"]["json"]["products"]["analysis_parameters"]
    mine = answer.json()["products"]["analysis_parameters"]["selected_catalog"]
    assert json.loads(mine) == json.loads(theirs["selected_catalog"])


def test_the_same_file_is_the_same_job(post):
    first, again = (post({"user_catalog_file": as_ecsv(table())}).json() for _ in range(2))
    other = post({"user_catalog_file": as_ecsv(table()[:1])}).json()
    ids = [one["job_monitor"]["job_id"] for one in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_science_windows_reach_a_notebook(mmoda, tmp_path):
    pytest.importorskip("papermill", reason="needs the extra 'notebooks'")
    path = write_notebook(
        tmp_path / "windows.ipynb",
        "scw_list = [] # oda:LongString",
        "found = ' '.join(scw_list) # oda:ODATextProduct",
    )
    listed = tmp_path / "scw.txt"
    listed.write_text("\n".join(WINDOWS))
    with LocalServer(make_store(), engine=None, notebooks=[path]) as server:
        client = MMODAClass(server.url + "/dispatch-data")
        wanted = {"instrument": "windows", "product": "windows"}
        for given in ({"user_scw_list_file": listed}, {"scw_list": WINDOWS}):
            assert client.get_product(**wanted, **given)[0].value == " ".join(WINDOWS)


def test_science_windows_that_nobody_uses_are_told(post):
    answer = post({"user_scw_list_file": "\n".join(WINDOWS)}, use_scws="user_file")
    assert answer.json()["exit_status"]["comment"] == "not used: scw_list"


def _forged_fits() -> bytes:
    content = as_fits(table())
    rows = b"NAXIS2  =                    2"
    assert rows in content
    return content.replace(rows, b"NAXIS2  =        1000000000000")


HOSTILE = {
    "nothing": (b"", "the file is empty"),
    "large": (b"# %ECSV 1.0\n" + b"#" * LARGEST, f"larger than {LARGEST} bytes"),
    "a pickle": (pickle.dumps([1]), "neither FITS nor ECSV"),
    "compressed": (gzip.compress(as_fits(table())), "neither FITS nor ECSV"),
    "more rows than bytes": (_forged_fits(), "no table of sources"),
    "cut": (as_fits(table())[:3000], "no table of sources"),
    "no table": (bytes(fits.PrimaryHDU().header.tostring(), "ascii"), "it holds no table"),
    "a tag of code": (
        as_ecsv(table()).replace(
            b"# schema", b"# meta: !!python/object/apply:os.getcwd []\n# schema"
        ),
        "refused: the object",
    ),
    "no text": (b"# %ECSV 1.0\n\xff\xfe", "no table of sources"),
    "no position": (as_ecsv(table()["src_names", "ra"]), "no column 'dec'"),
    "a gap": (as_ecsv(Table({"ra": [1.0, np.nan], "dec": [2.0, 3.0]})), "a source has no number"),
    "beyond the pole": (as_ecsv(Table({"ra": [1.0], "dec": [91.0]})), "cannot be read"),
    "an odd frame": (as_fits(table(), FRAME="os.system"), "cannot be read"),
    "an odd unit": (as_fits(table(), COORD_UNIT="kg"), "no table of sources"),
    "infinite": (as_ecsv(table(flux=[np.inf, 1])), "no table of sources"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_catalogue_is_refused_in_words(post, case):
    content, words = HOSTILE[case]
    answer = post({"user_catalog_file": ("../../x.fits", content)})
    assert answer.status_code == 400, answer.text
    said = answer.json()["error_message"]
    assert said.startswith("user_catalog_file: ")
    assert words in said
    assert len(said) < 500


@pytest.mark.parametrize(
    ("files", "fields", "words"),
    [
        ({"dummy_file": b"x"}, {}, "dummy_file: a file is not taken here, send a value"),
        ({"user_scw_list_file": b"../../etc"}, {}, "'../../etc' is no science window"),
        (None, {"scw_list": "1;2"}, "'1;2' is no science window"),
        (None, {"use_scws": "user_file"}, "'user_file' was given without a file"),
        (None, {"selected_catalog": "{"}, "not JSON"),
        (None, {"selected_catalog": '{"cat_column_list": []}'}, "must be lists"),
        (None, {"selected_catalog": "[" * 100_000}, "not JSON"),
    ],
)
def test_other_wrong_forms(post, files, fields, words):
    answer = post(files, **fields)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error_message"]


def test_too_many_files_and_sources(post, mmoda, dispatcher):
    many = [("user_scw_list_file", WINDOWS[0].encode())] * 5
    assert post(many).status_code == 400
    rows = Table({"ra": np.arange(201.0), "dec": np.zeros(201)})
    with pytest.raises(JobFailedError, match="201 sources were given and 200 are allowed"):
        mmoda.get_product(instrument="mmdc_lc", product="mmdc_lc", user_catalog_file=rows)
    with pytest.raises(InvalidRequestError, match=f"larger than {LARGEST} bytes"):
        mmoda.get_product(
            instrument="mmdc_lc", product="mmdc_lc", user_catalog_file=b"x" * (LARGEST + 1)
        )


def test_nothing_of_an_upload_is_left_on_disk(post, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    name = str(tmp_path / "out.fits")
    assert names(post({"user_catalog_file": (name, as_ecsv(table()))})) == list(SOURCES)
    assert list(Path(tmp_path).iterdir()) == []
