from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astroquery_mmdc.mmoda.data_unit import DataUnit
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.gravitational import SkyMapProduct

from . import recorded


@pytest.fixture(params=recorded.SERVERS)
def sent(request, shared):
    return recorded.products(shared, request.param, "30_product_gw")


def test_a42_strain_and_spectrogram_without_other_packages(sent, tmp_path):
    found = decode_products(sent)
    strain, spectrogram = found[0], found[1]
    said = sent["gw_strain_product_list"][0]
    assert strain.value.tolist() == said["value"]
    assert strain.times.gps[1] - strain.times.gps[0] == said["dt"]
    assert strain.times[0].gps == said["t0"]
    assert len(strain.timeseries) == len(said["value"])
    assert strain.table["gps"][0] == said["t0"] * u.s
    assert spectrogram.value.tolist() == sent["gw_spectrogram_product"]["value"]
    assert spectrogram.frequencies[0] == 16 * u.Hz
    assert len(spectrogram.times) == 4
    table = QTable.read(spectrogram.write(tmp_path / "s.ecsv"))
    assert table["power"].tolist() == spectrogram.value.tolist()
    assert table.meta["frequencies"] == [16.0, 32.0, 64.0, 128.0, 256.0]


def test_a42_sky_map_and_contours(sent):
    found = decode_products(sent)
    assert found.names[2:] == ["mosaic_image_2_mosaic", "prod_3"]
    sky_map, contours = found[2], found[3]
    assert sky_map.event == "GW170817"
    assert not sky_map.is_healpix
    assert sky_map.ccd.shape == (16, 16)
    assert contours.event_list == ["GW170817"]
    line = contours.lines("GW170817", 90)[0]
    assert line[0].separation(SkyCoord(196.4 * u.deg, -22.4 * u.deg)) < 1e-6 * u.arcsec
    table = contours.table
    assert len(table) == 6
    assert table["ra"].unit == u.deg
    assert len(decode_products({"gw_skymap_product": {"contours": {}}})[0].table) == 0


@pytest.mark.parametrize("ordering", ["RING", "NESTED"])
@pytest.mark.parametrize("rows", [1, 4])
def test_a42_a_healpix_map_is_asked_by_position(ordering, rows):
    nside = 8
    values = np.arange(12 * nside**2, dtype="f8")
    column = values.reshape(-1, rows) if rows > 1 else values
    data = np.rec.fromarrays([column], dtype=[("PROB", "f8", column.shape[1:])])
    header = {"PIXTYPE": "HEALPIX", "ORDERING": ordering}
    sky_map = SkyMapProduct(data_unit=[DataUnit(data, header=header)], event="GW1")
    assert sky_map.is_healpix
    assert sky_map.nside == nside
    place = SkyCoord([197.4, 0.0] * u.deg, [-23.4, 80.0] * u.deg)
    nest = ordering == "NESTED"
    pixels = healpy.ang2pix(nside, place.ra.deg, place.dec.deg, lonlat=True, nest=nest)
    assert sky_map.probability_at(place).tolist() == values[pixels].tolist()
