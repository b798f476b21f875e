from __future__ import annotations

import base64
import copy
import gzip
import io
import json
import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.limits import Limits

from . import recorded

SCENARIOS = ("fits", "image", "json_rows", "lc", "single", "spectrum", "table")


def unit(array=None, **changes):
    said = {
        "name": "LC",
        "hdu_type": "bintable",
        "header": {},
        "meta_data": {},
        "units_dict": None,
        "dt": None,
        "data": None,
        "binarys": None,
    }
    if array is not None:
        said["binarys"] = base64.b64encode(pickle.dumps(array)).decode()
    return {**said, **changes}


def numpy_product(*units, **changes):
    return {"data_unit_list": list(units), "name": "x", "meta_data": "{}", **changes}


def decoded_array(array, **changes):
    found = decode_products({"numpy_data_product": numpy_product(unit(array, **changes))})
    return found[0].data_unit[0].data


@pytest.mark.parametrize("server", recorded.SERVERS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a27_a38_every_array_is_that_of_the_official_client(shared, server, name):
    name = f"30_product_{name}"
    collection = decode_products(recorded.products(shared, server, name))
    theirs = recorded.reference(shared, server, name)
    recorded.check_arrays(collection, theirs)
    units = [u for item in collection for u in getattr(item, "data_unit", [])]
    count = sum(len(u.data.dtype.names or (1,)) for u in units if u.data is not None)
    assert count == sum(key.split("/")[1].isdigit() and "offsets" not in key for key in theirs)


@pytest.mark.parametrize("server", recorded.SERVERS)
def test_all_recorded_answers_decode(shared, server):
    seen = 0
    for name, number, answer in recorded.answers(shared, server):
        collection = decode_products(answer["products"], instrument="localtest")
        seen += len(collection)
        said = recorded.scenario(shared, server, name).get("result")
        if isinstance(said, dict) and said.get("as_list") and name != "30_product_gw":
            assert collection.names == [entry["prod_name"] for entry in said["as_list"]], number
    assert seen > 25


@pytest.mark.parametrize("server", recorded.SERVERS)
def test_a27_headers_and_kinds_are_those_of_the_official_client(shared, server):
    for name in SCENARIOS:
        scenario = recorded.scenario(shared, server, f"30_product_{name}")
        if server == "pypi_server" or "value" not in (scenario.get("result") or {}):
            continue
        collection = decode_products(recorded.products(shared, server, f"30_product_{name}"))
        for mine, theirs in zip(collection, scenario["result"]["value"], strict=True):
            for unit_, said in zip(
                getattr(mine, "data_unit", []), theirs.get("units", []), strict=True
            ):
                assert unit_.name == said["name"]
                assert unit_.hdu_type == said["hdu_type"]
                assert unit_.header == said["header"]


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_of_all_kinds_and_protocols(protocol):
    rng = np.random.default_rng(7)
    arrays = [
        np.arange(6).astype(dtype).reshape(2, 3)
        for dtype in ("?", "i1", "u2", ">i4", "<u8", "f2", ">f4", "f8", "c8", "c16")
    ]
    arrays += [
        np.array([b"ab", b""]),
        np.array(["Crab", "α"]),
        np.asfortranarray(rng.normal(size=(4, 5))),
        rng.normal(size=(9, 9))[::2, ::3],
        np.array(3.5),
        np.zeros((0, 3)),
        np.array(["2018-03-16", "NaT"], dtype="M8[s]"),
        np.array([[1, 2]], dtype="m8[us]"),
        np.array([np.nan, -np.inf, -0.0]),
        np.array(["a", None, 3, 4.5], dtype=object),
        np.array([(1, "x"), (2, None)], dtype=[("n", "i4"), ("o", "O")]),
        np.zeros(3, dtype=[("a", "f4", (2, 2)), ("b", [("c", "S3"), ("d", ">i2")])]),
        np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.rec.fromarrays([[1, 2], [3.0, 4.0]], names="TIME,RATE"),
    ]
    for array in arrays:
        text = base64.b64encode(pickle.dumps(array, protocol=protocol)).decode()
        mine = decoded_array(None, binarys=text)
        assert mine.dtype == array.dtype
        assert mine.shape == array.shape
        assert mine.flags.writeable
        if array.dtype.hasobject:
            assert mine.tolist() == array.tolist()
        else:
            assert mine.tobytes() == array.tobytes()


def test_a_million_rows_arrive_bit_by_bit():
    rng = np.random.default_rng(1)
    count = 1_000_000
    columns = [58193.455 + np.arange(count) / 86400, np.full(count, 0.5 / 86400)]
    columns += [rng.normal(5, 1, count).astype("f4"), np.full(count, 0.1, "f4")]
    sent = np.rec.fromarrays(columns, names="TIME,XAX_E,RATE,ERROR")
    text = base64.b64encode(pickle.dumps(np.array(sent))).decode()
    # "null" does occur in base64 of this length, and must not be touched.
    text_json = json.dumps({"numpy_data_product_list": [numpy_product(unit(binarys=text))]})
    mine = decode_products(json.loads(text_json))[0].data_unit[0].data
    assert mine.tobytes() == sent.tobytes()
    assert mine.dtype.names == ("TIME", "XAX_E", "RATE", "ERROR")


def test_the_word_null_survives_everywhere():
    meta = json.dumps({"src_name": "null island"})
    said = {
        "numpy_data_product_list": [numpy_product(unit(np.arange(2)), meta_data=meta)],
        "text_product_list": [{"name": "null", "value": "null and None", "meta_data": {}}],
    }
    found = decode_products(said)
    assert found[0].meta_data == {"src_name": "null island"}
    assert found.names[0] == "x_0_nullisland"
    assert found[1].value == "null and None"


def test_nan_and_infinity_of_json_rows():
    rows = "[[NaN, 1], [Infinity, 2], [null, 3]]"
    mine = decoded_array(None, data=rows, dt="(numpy.record, [('A', '<f8'), ('B', '>i4')])")
    assert np.isnan(mine["A"][[0, 2]]).all()
    assert mine["A"][1] == np.inf
    assert mine["B"].tolist() == [1, 2, 3]
    assert decoded_array(None, data="[[1, 2], [3, 4]]", dt="float32").dtype == np.float32
    assert decoded_array(None, data=[1, 2], dt=">i2").tolist() == [1, 2]
    texts = decoded_array(None, data='[["a", 1]]', dt="[('n', '<U3'), ('o', '|O')]")
    assert texts["o"][0] == 1


def test_a_compressed_pickle_and_the_other_alphabet_of_base64():
    array = np.arange(1000, dtype="u1")
    packed = gzip.compress(pickle.dumps(array))
    assert decoded_array(None, binarys=base64.b64encode(packed).decode()).tolist() == array.tolist()
    text = base64.urlsafe_b64encode(pickle.dumps(np.arange(255, dtype="u1"))).decode()
    assert len(decoded_array(None, binarys=text)) == 255


def test_a_fits_table_that_nobody_had_looked_at():
    columns = [
        fits.Column("E", "E", unit="keV", array=np.arange(3)),
        fits.Column("S", "I", array=np.arange(3)),
        fits.Column("U", "J", bzero=2**31, array=np.arange(3, dtype="u4")),
        fits.Column("T", "6A", array=["a", "b b", ""]),
        fits.Column("L", "L", array=[True, False, True]),
        fits.Column("X", "3X", array=[[1, 0, 1], [0, 1, 0], [1, 1, 1]]),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["TSCAL2"], hdu.header["TZERO2"] = 0.5, 10.0
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    with fits.open(io.BytesIO(buffer.getvalue())) as hdus:
        data = hdus[1].data
        data.columns  # noqa: B018
        mine = decoded_array(data)
        theirs = {name: np.array(data[name]) for name in data.names}
    for name, values in theirs.items():
        assert mine[name].tolist() == values.tolist(), name


def test_binary_products_of_all_ages():
    said = {"binary_data_product_list": [base64.urlsafe_b64encode(b"\xff\xfe old").decode()]}
    assert decode_products(said)[0].bin_data == b"\xff\xfe old"
    damaged = [{"name": "x", "data": "AAAA", "md5": "0" * 32}]
    with pytest.raises(ParseError, match="damaged on the way"):
        decode_products({"binary_data_product_list": damaged})


def test_texts_of_all_ages():
    texts = ["bare", '{"name": "n", "value": "v"}', "17", {"name": None, "value": {"a": 1}}]
    found = decode_products({"text_product_list": texts}, product="p")
    assert [str(item) for item in found] == ["bare", "v", "17", '{"a": 1}']
    assert found.names == ["p_0", "n_1", "p_2", "p_3"]


def test_empty_and_unknown_parts_are_no_products():
    said = {"catalog": None, "text_product_list": [], "image": {"x": 1}, "job_id": "1"}
    assert len(decode_products(said)) == 0


def test_one_alone_comes_instead_of_the_list():
    one = numpy_product(unit(np.arange(2)))
    assert len(decode_products({"numpy_data_product": one, "numpy_data_product_list": [one]})) == 1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("numpy_data_product_list", 3, "a list of at most"),
        ("numpy_data_product_list", [3], "data_unit_list"),
        ("numpy_data_product_list", [{"data_unit_list": 3}], "data_unit_list"),
        ("numpy_data_product_list", [numpy_product("x")], "no JSON"),
        ("numpy_data_product_list", [numpy_product(unit(hdu_type="odd"))], "hdu_type 'odd'"),
        ("numpy_data_product_list", [numpy_product(unit(binarys="!!"))], "no base64"),
        ("numpy_data_product_list", [numpy_product(unit(binarys=3))], "base64 text"),
        (
            "numpy_data_product_list",
            [numpy_product(unit(binarys="gAROLg=="))],
            "an array is expected",
        ),
        ("numpy_data_product_list", [numpy_product(unit(data="3", dt="f8"))], "a list is expected"),
        ("numpy_data_product_list", [numpy_product(unit(data="[[]]", dt="[('a','f8')]"))], "rows"),
        ("numpy_data_product_list", [numpy_product(unit(data="['a']", dt="f8"))], "no JSON"),
        ("numpy_data_product_list", [numpy_product(unit(header=[1]))], "header"),
        ("numpy_data_product_list", [numpy_product(meta_data="open('x')")], "plain value"),
        ("astropy_table_product_ascii_list", [{"ascii": None}], "the text of a table"),
        ("astropy_table_product_ascii_list", [{"ascii": "/etc/passwd"}], "no ECSV"),
        ("astropy_table_product_binary_list", [{"binary": "gAROLg=="}], "a table is expected"),
        ("binary_image_product_list", [{"b64data": "AAAA"}], "no picture"),
        ("binary_image_product_list", [{}], "b64data"),
        ("gw_strain_product_list", [{"value": [1], "t0": "x", "dt": 1}], "t0"),
        ("gw_strain_product_list", [{"value": [[1]], "t0": 0, "dt": 1}], "dimensions"),
        ("gw_spectrogram_product", {"value": [[1, 2], [3]]}, "no even list"),
        ("gw_spectrogram_product", {"value": [[1, 2]], "yindex": [1]}, "2 columns"),
        ("gw_skymap_product", {"contours": {"a": {"levels": [1], "contours": []}}}, "each level"),
        ("gw_skymap_product", {"contours": {"a": {"levels": [1], "contours": [[[1]]]}}}, "point"),
        ("gw_skymap_product", [], "a dictionary"),
    ],
)
def test_what_is_damaged_is_named(key, value, words):
    with pytest.raises(ParseError, match=key) as found:
        decode_products({key: value})
    assert words in str(found.value)


def test_sizes_are_limited():
    array = np.arange(1000)
    said = {"numpy_data_product": numpy_product(unit(array))}
    for limits, words in (
        (Limits(encoded_bytes=100), "encoded_bytes"),
        (Limits(array_bytes=100), "array_bytes"),
        (Limits(objects=5), "objects"),
    ):
        with pytest.raises(ParseError, match=words):
            decode_products(said, limits=limits)
    rows = {"numpy_data_product": numpy_product(unit(data="[1, 2]", dt="f8"))}
    with pytest.raises(ParseError, match="more than the limit"):
        decode_products(rows, limits=Limits(array_bytes=8))
    with pytest.raises(ParseError, match="list of at most 1"):
        decode_products({"text_product_list": ["a", "b"]}, limits=Limits(products=1))


def test_decoding_changes_nothing_of_the_answer(shared):
    for _, _, answer in recorded.answers(shared, recorded.SERVERS[0]):
        before = copy.deepcopy(answer["products"])
        decode_products(answer["products"])
        assert answer["products"] == before


def test_units_of_a_table_that_was_sent_whole():
    units = {"a": "keV", "b": "1e-10 erg / (cm2 s)", "c": "m(1/2)", "d": "", "e": None, "f": "mag"}
    table = Table(
        {name: [1.0] for name in units},
        meta={"n": 1, "nested": {"x": [1, (2,)], "odd": Table()}, "odd": Table()},
    )
    for name, text in units.items():
        table[name].unit = None if text is None else u.Unit(text)
    table["t"] = ["text"]
    text = base64.b64encode(pickle.dumps(table)).decode()
    said = {"astropy_table_product_binary_list": [{"binary": text, "meta_data": "{'a': 1}"}]}
    if "function" in str(pickle.dumps(table)):
        with pytest.raises(ParseError, match=r"astropy\.units\.function"):
            decode_products(said)
        table.remove_column("f")
        said["astropy_table_product_binary_list"][0]["binary"] = base64.b64encode(
            pickle.dumps(table)
        ).decode()
    found = decode_products(said)[0]
    assert found.meta_data == {"a": 1}
    assert found.table.meta == {"n": 1, "nested": {"x": [1, [2]]}}
    for name in "abcd":
        assert found.table[name].unit == u.Unit(units[name]), name
    assert found.table["e"].unit is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"x" * 100)[:20], "cut off"),
        (b"\x1f\x8b" + b"\xff" * 20, "damaged compression"),
    ],
)
def test_damaged_compression(content, words):
    with pytest.raises(ParseError, match=words):
        decoded_array(None, binarys=base64.b64encode(content).decode())


@pytest.mark.parametrize("said", [[["a"]], [[{"b": 1}]]])
def test_objects_that_are_no_plain_values_are_refused(said):
    rows = [[value] for value in said]
    with pytest.raises(ParseError, match="no plain values"):
        decoded_array(None, data=json.dumps(rows), dt="[('a', '|O')]")


def test_a_million_rows_of_a_real_dispatcher_arrive_bit_by_bit(mmoda):
    count = 1_000_000
    found = mmoda.get_product(instrument="localtest", product="localtest_lc", n=count)
    for item, source in zip(found, ("Crab", "1A 0535+262"), strict=True):
        # How the test instrument makes its numbers.
        rng = np.random.default_rng(sum(map(ord, repr((source, count)))))
        data = item.data_unit[1].data
        assert data["TIME"].tobytes() == (58193.455 + np.arange(count) / 86400.0).tobytes()
        assert data["RATE"].tobytes() == rng.normal(5, 1, count).astype("f4").tobytes()
        assert data["XAX_E"].tobytes() == np.full(count, 0.5 / 86400).tobytes()
        assert data["ERROR"].tobytes() == np.full(count, 0.1, "f4").tobytes()
