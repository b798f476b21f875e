from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import QTable
from astropy.timeseries import TimeSeries
from astropy.utils.exceptions import AstropyUserWarning

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.data_unit import DataUnit
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.products import (
    BinaryProduct,
    NumpyProduct,
    PictureProduct,
    TextProduct,
    guess_ending,
)
from astroquery_mmdc.mmoda.table_units import unit_from_text

from . import recorded


def products(shared, kind):
    return decode_products(recorded.products(shared, recorded.SERVERS[0], f"30_product_{kind}"))


def test_a40_a_light_curve_is_ready_to_plot(shared):
    product = products(shared, "lc")[0]
    unit = product.data_unit[1]
    assert unit.data.dtype.names == ("TIME", "XAX_E", "RATE", "ERROR")
    assert {"DETNAM", "NAME", "E_MIN", "E_MAX"} <= set(unit.header)
    table = product.table
    assert isinstance(table, QTable)
    assert table["TIME"].unit == u.day
    assert table.meta["NAME"] == "Crab"
    series = product.timeseries
    assert isinstance(series, TimeSeries)
    assert series.time.mjd[0] == 58193.455
    assert np.array_equal(series["RATE"], unit.data["RATE"])
    assert product.get_data_unit("LC") is product.get_data_unit(1) is unit
    with pytest.raises(InvalidRequestError, match=r"there are \['PRIMARY', 'LC'\]"):
        product.get_data_unit("XX")
    with pytest.raises(InvalidRequestError, match="no image"):
        product.ccd  # noqa: B018


@pytest.mark.parametrize(
    ("header", "time", "mjd"),
    [
        ({"MJDREF": 51544.0, "TIMEUNIT": "d", "TIMESYS": "TT"}, 6000.5, 57544.5),
        ({"MJDREFI": 51544, "MJDREFF": 0.5, "TIMEUNIT": "s"}, 86400.0, 51545.5),
        ({"TTYPE1": "TIME", "TUNIT1": "h", "MJDREF": 50000}, 24.0, 50001.0),
        ({}, 58193.0, 58193.0),
        ({"TIMESYS": "odd"}, 58193.0, 58193.0),
    ],
)
def test_times_of_light_curves(header, time, mjd):
    data = np.rec.fromarrays([[time], [1.0]], names="TIME,RATE")
    times = DataUnit(data, header=header).times
    assert times.mjd[0] == mjd
    assert times.scale == ("tt" if header.get("TIMESYS") == "TT" else "utc")


def test_an_image_knows_where_it_is(shared):
    product = products(shared, "image")[0]
    image = product.ccd
    assert isinstance(image, CCDData)
    assert image.shape == (64, 64)
    assert image.unit == u.dimensionless_unscaled
    center = image.wcs.pixel_to_world(31, 31)
    assert center.separation(SkyCoord(83.63 * u.deg, 22.01 * u.deg)) < 1 * u.arcsec
    assert image.meta["IMATYPE"] == "INTENSITY"
    with pytest.raises(InvalidRequestError, match="no columns"):
        product.data_unit[1].table  # noqa: B018
    with pytest.raises(InvalidRequestError, match="no table"):
        product.table  # noqa: B018
    plain = DataUnit(np.ones((2, 2)), header={"BUNIT": "counts/s"}).ccd
    assert plain.unit == u.ct / u.s
    assert plain.wcs is None
    with pytest.raises(InvalidRequestError, match="no image"):
        DataUnit(None).ccd  # noqa: B018
    with pytest.raises(InvalidRequestError, match="no column TIME"):
        DataUnit(np.rec.fromarrays([[1]], names="A")).times  # noqa: B018


def test_an_image_survives_its_file(shared, tmp_path):
    product = products(shared, "image")[0]
    with fits.open(product.write(tmp_path / "image.fits")) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "INTENSITY", "SIGNIFICANCE"]
        assert np.array_equal(hdus[1].data, product.data_unit[1].data)
        assert hdus[1].header["CTYPE1"] == "RA---TAN"


@pytest.mark.parametrize("server", recorded.SERVERS)
def test_a27_a_table_with_all_kinds_of_columns_survives_its_file(shared, server, tmp_path):
    product = decode_products(recorded.products(shared, server, "30_product_fits"))[0]
    sent = product.data_unit[1].data
    assert product.table["E"].unit == u.keV
    with fits.open(product.write(tmp_path / "table.fits")) as hdus:
        data = hdus["TABLE"].data
        for name in ("E", "U", "SC", "S", "L", "M"):
            assert np.array(data[name]).tolist() == sent[name].tolist(), name
        assert [row.tolist() for row in data["V"]] == [row.tolist() for row in sent["V"]]
        assert hdus["TABLE"].header["LONGTEXT"] == "x" * 60
        assert hdus["TABLE"].columns["E"].unit == "keV"
        assert np.array_equal(hdus["IMA"].data, product.data_unit[2].data)
        assert hdus["IMA"].data.dtype == product.data_unit[2].data.dtype


def test_columns_of_all_types_survive_a_file(tmp_path):
    rng = np.random.default_rng(3)
    fields = {
        code: rng.integers(0, 100, (4, 2) if code == "u2" else 4).astype(code)
        for code in (
            "b1",
            "i1",
            "u1",
            "i2",
            "u2",
            "i4",
            "u4",
            "i8",
            "u8",
            "f2",
            "f4",
            "f8",
            "c8",
            "c16",
        )
    }
    fields |= {
        "text": np.array(["a", "α", "", "long text"]),
        "bytes": np.array([[b"a", b"bc"]] * 4),
        "cube": rng.normal(size=(4, 2, 3)),
        "time": np.array(["2020-01-01"] * 4, dtype="M8[s]"),
        "objects": np.array(["x", None, 1.5, 2], dtype=object),
    }
    lengths = np.empty(4, dtype=object)
    lengths[:] = [np.arange(n, dtype="f8") for n in (0, 3, 1, 2)]
    fields["lengths"] = lengths
    unsigned = np.empty(4, dtype=object)
    unsigned[:] = [np.arange(n, dtype="u2") for n in (1, 0, 1, 2)]
    fields["unsigned"] = unsigned
    dtype = [(name, values.dtype, values.shape[1:]) for name, values in fields.items()]
    data = np.empty(4, dtype=dtype)
    for name, values in fields.items():
        data[name] = values
    product = NumpyProduct(name="x", data_unit=[DataUnit(data, units_dict={"f8": "keV"})])
    with fits.open(product.write(tmp_path / "a.fits")) as hdus:
        read = hdus[1].data
        assert hdus[1].columns["f8"].unit == "keV"
        for name in fields:
            if name in ("text", "time", "objects", "lengths", "unsigned", "bytes"):
                continue
            assert np.array(read[name]).tolist() == fields[name].tolist(), name
        assert read["text"].tolist() == ["a", "\\u03b1", "", "long text"]
        assert read["bytes"].tolist()[0] == ["a", "bc"]
        assert read["time"][0] == "2020-01-01T00:00:00"
        assert read["objects"].tolist() == ["x", "", "1.5", "2"]
        assert [row.tolist() for row in read["lengths"]] == [row.tolist() for row in lengths]
        assert [row.tolist() for row in read["unsigned"]] == [row.tolist() for row in unsigned]


def test_headers_that_fits_cannot_hold_are_bent_or_named(tmp_path):
    header = {
        "NAME": "Crab ☃\n2",
        "a long keyword": 1,
        "LIST": [1, 2],
        "DICT": {"a": [1]},
        "NANVALUE": float("nan"),
        "NOTHING": None,
        "COMMENT": "one\ntwo",
        "HISTORY": "made",
        "FLAG": True,
        "NAXIS": 7,
        "TFORM1": "zzz",
        "x" * 90: 1,
    }
    unit = DataUnit(np.ones((2, 2), dtype="?"), name="A", header=header, hdu_type="image")
    with pytest.warns(AstropyUserWarning, match="cannot be written"):
        hdus = NumpyProduct(data_unit=[unit]).hdulist
    hdus.writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as read:
        cards = read["A"].header
        assert cards["NAME"] == "Crab \\u2603 2"
        assert cards["a long keyword"] == 1
        assert (cards["LIST"], cards["DICT"], cards["NANVALUE"]) == ("1,2", '{"a": [1]}', "nan")
        assert cards["NAXIS"] == 2
        assert list(cards["COMMENT"])[-2:] == ["one", "two"]


def test_integers_that_stand_for_missing_values_keep_their_meaning():
    data = np.rec.fromarrays([np.array([1, -99], dtype="i2"), [1.0, 2.0]], names="A,B")
    unit = DataUnit(data, header={"TTYPE1": "A", "TNULL1": -99, "TTYPE2": "B", "TNULL2": 1})
    assert unit.hdu.columns["A"].null == -99
    assert unit.hdu.columns["B"].null is None


@pytest.mark.parametrize("server", recorded.SERVERS)
def test_tables_keep_their_units(shared, server, tmp_path):
    found = decode_products(recorded.products(shared, server, "30_product_table"))
    for product in found:
        assert product.table["flux"].unit == u.Unit("erg / (s cm2)")
        assert product.meta_data == {"k": 1}
        assert product.table.meta["note"] == "local"
        assert QTable.read(product.write_fits_file(tmp_path / "t.fits"))["e"].unit == u.keV
        product.write(tmp_path / f"{product.name}.ecsv")
    assert (found[0].table == found[1].table).all()


def test_pictures_texts_and_files(tmp_path):
    picture = PictureProduct(binary_data=b"\x89PNG\r\n\x1a\n...", meta_data={"m": 1})
    assert picture.img_type == "png"
    assert picture._repr_png_() == picture.binary_data
    assert picture._repr_jpeg_() is None
    assert picture.metadata == {"m": 1}
    assert TextProduct(value={"a": 1}).write(tmp_path / "a.txt").read_text() == '{"a": 1}'
    content = b"%PDF-1.4"
    file = BinaryProduct(bin_data=content, name="f")
    assert file.extension == "pdf"
    assert file.write(tmp_path / "f.pdf").read_bytes() == content
    assert guess_ending(b"RIFF....WEBP") == "webp"
    assert guess_ending(b"<?xml version='1.0'?>\n<svg>") == "svg"
    assert guess_ending(b"<html>") == "bin"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("counts/sec", "ct / s"),
        ("erg cm**-2 s**-1", "erg / (s cm2)"),
        ("erg/cm2/s", "erg / (s cm2)"),
        ("keV", "keV"),
        ("", None),
        (None, None),
        ("furlongs", "furlongs"),
    ],
)
def test_units_as_missions_write_them(text, unit):
    found = unit_from_text(text)
    assert found is unit if unit is None else found.to_string() == unit or found == u.Unit(unit)
