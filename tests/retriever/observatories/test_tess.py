from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc import conf
from astroquery_mmdc.exceptions import InvalidRequestError, NotFoundError, ServiceError
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.observatories import VirtualTESS

from .services import Mast, tess_file, uri

TIC = 25155310
STARS = [
    {"ID": TIC, "ra": 120.0, "dec": 20.0, "Tmag": 12.9, "GAIAmag": 13.5, "pmRA": 5.0, "pmDEC": 1.0},
    {"ID": 7, "ra": 120.0005, "dec": 20.0, "Tmag": 16.0, "GAIAmag": 16.5},
    {"ID": 8, "ra": 120.001, "dec": 20.01, "Tmag": 12.9, "GAIAmag": 13.5},
]
ROW = {"name": "star", "ra": 120.0003, "dec": 20.0, "mag": 16.4, "mag_filter": "Gaia_G"}


@pytest.fixture
def mast():
    files = {uri(TIC, sector): tess_file(TIC, sector, rows=40 + sector) for sector in (3, 1)}
    files[uri(TIC, 1, "a_fast-lc.fits")] = b"not wanted"
    files[uri(TIC, 1, "s_tp.fits")] = b"not wanted"
    files[uri(TIC, 1, "a_lc.fits")] = tess_file(TIC, 1, rows=20)
    files[uri(7, 5)] = tess_file(7, 5)
    return Mast(STARS, files)


@pytest.fixture
def tess(mast, serve_http):
    return VirtualTESS(url=serve_http(mast).url, project="tess")


@pytest.mark.parametrize("verb", ["fetch_by_ticid", "download_by_tic"])
def test_a2_2_sources_by_their_number_in_the_tic(tess, mast, verb):
    source = getattr(tess, verb)(TIC)
    assert source.name == f"TIC{TIC}"
    assert source.local_names == {"TESS": TIC}
    raw = source.raw_photometry["TESS"].lightcurve
    assert np.unique(raw.data["SECTOR"]).tolist() == [1, 3]
    assert (raw.data["SECTOR"] == 1).sum() == 41
    assert [header["SECTOR"] for header in raw.meta["file_headers"]] == [1, 3]
    assert raw.meta["file_headers"][0]["TESSMAG"] == 12.9
    asked = len(mast.services)
    again = getattr(tess, verb)(TIC, reduce=True)
    assert again.id == source.id
    assert len(mast.services) == asked + 1
    assert [lc.series_number for lc in again.reduced_lightcurves] == [1, 2]


def test_a2_2_names_come_from_the_catalogue(tess):
    tess.catalog = Catalog({"name": ["mine"], "ra": [120.0], "dec": [20.0]})
    assert tess.fetch_by_ticid(TIC).name == "mine"
    assert tess.fetch_by_ticid(TIC, use_catalog=False).name == f"TIC{TIC}"
    row = tess.fetch_by_ticid(7, download=False, use_catalog=False)
    assert (row["name"], row["mag"], row["pmra"]) == ("TIC7", 16.0, 0.0)
    with pytest.raises(NotFoundError, match="has no star 999"):
        tess.fetch_by_ticid(999)
    with pytest.raises(InvalidRequestError, match="ticid: -1"):
        tess.fetch_by_ticid(-1)


def test_stars_are_found_by_position_and_magnitude(tess):
    assert tess.download(ROW).meta["TICID"] == 7
    assert tess.download({**ROW, "mag": 13.6}).meta["TICID"] == TIC
    assert tess.download({**ROW, "mag": 12.8, "mag_filter": "Gaia_RP"}).meta["TICID"] == TIC
    assert tess.download({**ROW, "mag": 9.0, "mag_filter": "V"}).meta["TICID"] == 7
    for row in ({**ROW, "mag": 10.0}, {**ROW, "dec": 25.0}, {**ROW, "mag": 18.5}):
        raw = tess.download(row)
        assert raw.is_empty
        assert raw.meta["not_asked"]


def test_times_are_barycentric_and_come_back_as_utc(tess):
    raw = tess.download(ROW, ticid=TIC)
    first, second = tess.reduce_raw(raw)
    begin = raw.data["TIME"][0] + 2457000 - 2400000.5
    assert first.meta["time_scale"] == "tdb"
    assert first["time"][0] == pytest.approx(begin, abs=1e-9)
    # TDB is ahead of UTC by 69.184 s, and the light reaches the spacecraft 86.4 s later.
    assert (first["time"][0] - first["mjd"][0]) * 86400 == pytest.approx(69.184 + 86.4, abs=0.01)
    assert first["exptime"][0] == pytest.approx(120, abs=1)
    assert first["time"][0] < second["time"][0]
    assert raw.mjds[0] == pytest.approx(begin - 69.184 / 86400, abs=1e-7)


def test_parameters_choose_fluxes_and_positions(tess):
    raw = tess.download(ROW, ticid=TIC)
    tess.pars.use_simple_flux = True
    sap = tess.reduce_raw(raw)[0]
    pdcsap = tess.reduce_raw(raw, use_simple_flux=False)[0]
    assert sap["flux"][0] == pytest.approx(raw.data["SAP_FLUX"][0])
    assert pdcsap["flux"][0] == pytest.approx(raw.data["PDCSAP_FLUX"][0])


def test_mast_may_need_time_and_several_pages(tess, mast):
    mast.executing = 2
    with conf.set_temp("poll_interval", 0.01):
        assert tess.download(ROW).meta["TICID"] == 7
    assert mast.services[0] == "Mast.Catalogs.Tic.Cone"
    with conf.set_temp("poll_interval", 0.01), conf.set_temp("job_timeout", 0.0):
        mast.executing = 1000
        with pytest.raises(ServiceError, match="still executing"):
            tess.download(ROW)


def test_stars_without_files_are_empty(tess, mast):
    mast.files.clear()
    raw = tess.download(ROW)
    assert raw.is_empty
    assert raw.meta["TICID"] == 7
