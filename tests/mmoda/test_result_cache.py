from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable

from astroquery_mmdc.mmoda.array_files import read_array, write_array
from astroquery_mmdc.mmoda.collection import DataCollection
from astroquery_mmdc.mmoda.data_unit import DataUnit
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.origin import Origin
from astroquery_mmdc.mmoda.products import NumpyProduct, TableProduct, TextProduct
from astroquery_mmdc.mmoda.result_cache import ResultCache, request_key

from . import recorded

URL = "https://here/dispatch-data"
KEY = request_key(URL, {"RA": 83.6})
KINDS = ("fits", "gw", "image", "json_rows", "lc", "misc", "single", "spectrum", "table")


@pytest.fixture
def cache(tmp_path):
    return ResultCache(tmp_path / "results")


def text(value):
    return DataCollection([TextProduct(name="t", value=value)])


def test_a47_what_belongs_to_a_request():
    base = {"RA": 83.6, "instrument": "isgri"}
    passing = {"token": "secret", "session_id": "A", "query_status": "ready", "job_id": "1"}
    assert request_key(URL, base) == request_key(URL + "/", {**base, **passing})
    others = [
        request_key(URL, {**base, "RA": 83.7}),
        request_key("https://there", base),
        request_key(URL, base, user="tester@example.org"),
    ]
    assert len({request_key(URL, base), *others}) == 4


@pytest.mark.parametrize("server", recorded.SERVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a47_results_come_back_bit_by_bit(shared, server, kind, cache):
    sent = decode_products(recorded.products(shared, server, f"30_product_{kind}"))
    assert cache.get(KEY) is None
    assert cache.put(KEY, sent)
    found = cache.get(KEY)
    assert found.names == sent.names
    for mine, theirs in zip(found, sent, strict=True):
        assert type(mine) is type(theirs)
        assert mine.meta_data == theirs.meta_data
        _same_content(mine, theirs)
    assert len(cache) == 1
    cache.clear()
    assert len(cache) == 0
    assert cache.get(KEY) is None


def _same_content(mine, theirs):
    for one, other in zip(
        getattr(mine, "data_unit", []), getattr(theirs, "data_unit", []), strict=True
    ):
        assert (one.name, one.header, one.hdu_type) == (other.name, other.header, other.hdu_type)
        if other.data is None:
            assert one.data is None
            continue
        assert one.data.dtype == other.data.dtype
        assert one.data.shape == other.data.shape
        for name in other.data.dtype.names or ():
            assert recorded_equal(one.data[name], other.data[name])
    for attribute in ("value", "bin_data", "binary_data", "contours", "t0", "event", "frame"):
        one, other = getattr(mine, attribute, None), getattr(theirs, attribute, None)
        assert np.array_equal(one, other), attribute
    if hasattr(theirs, "to_api"):
        assert mine.to_api() == theirs.to_api()


def recorded_equal(one, other):
    if other.dtype.kind == "O":
        return [row.tobytes() for row in one] == [row.tobytes() for row in other]
    return one.tobytes() == other.tobytes()


def test_a47_files_are_of_open_formats_and_hold_no_secret(shared, cache):
    sent = decode_products(recorded.products(shared, recorded.SERVERS[0], "30_product_image"))
    request = {"instrument": "a", "product_type": "b", "query_type": "Real", "token": "SECRET"}
    sent.origin = Origin(url=URL, job_id="1", request=request, comment="cite us")
    cache.put(KEY, sent)
    files = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".parquet", ".ecsv"}
    assert all(b"SECRET" not in path.read_bytes() for path in files)
    assert cache.get(KEY).origin.comment == "cite us"
    assert "token" not in cache.get(KEY).origin.request


def test_a47_an_old_result_is_not_used(cache):
    cache.put(KEY, text("x"))
    assert ResultCache(cache.folder, max_age=1000).get(KEY)
    assert ResultCache(cache.folder, max_age=0).get(KEY) is None


def test_a_newer_result_takes_the_place(cache):
    cache.put(KEY, text("old"))
    cache.put(KEY, text("new"))
    assert cache.get(KEY)[0].value == "new"
    assert not [path for path in cache.folder.rglob(".*")]


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "index", "name"])
def test_a_damaged_result_is_left_aside(damage, shared, cache, caplog):
    sent = decode_products(recorded.products(shared, recorded.SERVERS[0], "30_product_lc"))
    cache.put(KEY, sent)
    file = next(cache.folder.rglob("*.parquet"))
    index = next(cache.folder.rglob("collection.json"))
    if damage == "cut":
        os.truncate(file, 20)
    elif damage == "other":
        content = bytearray(file.read_bytes())
        content[60] ^= 1
        file.write_bytes(content)
    elif damage == "gone":
        file.unlink()
    elif damage == "index":
        index.write_text("{")
    else:
        said = json.loads(index.read_text())
        said["files"] = {"../x": "0"}
        index.write_text(json.dumps(said))
    assert cache.get(KEY) is None
    cache.put(KEY, sent)
    assert cache.get(KEY).names == sent.names


def test_what_no_format_holds_is_not_kept(cache):
    class Odd(TextProduct):
        pass

    assert not cache.put(KEY, DataCollection([Odd(value="x")]))
    data = np.empty(1, dtype=object)
    data[0] = b"bytes"
    assert not cache.put(KEY, DataCollection([NumpyProduct(data_unit=[DataUnit(data)])]))
    assert cache.get(KEY) is None
    assert not list(cache.folder.rglob("*.parquet"))


@pytest.mark.parametrize("value", ["", " blanks ", "\x1c", "x\u2028y", "null", '""'])
def test_texts_that_a_file_would_change_are_kept_as_well(cache, value):
    gaps = MaskedColumn([value, "b", ""], mask=[False, False, True])
    sent = QTable({"a": [value, "b", ""], "n": [1.5, np.nan, 3] * u.Hz, "gaps": gaps})
    assert cache.put(KEY, DataCollection([TableProduct(table=sent)]))
    found = cache.get(KEY)[0].table
    assert found["a"].tolist() == [value, "b", ""]
    assert found["gaps"].tolist() == [value, "b", None]
    assert found["n"].unit == u.Hz
    assert found["n"].value.tobytes() == sent["n"].value.tobytes()


def test_a_table_that_the_file_does_not_hold_is_not_kept(cache):
    product = TableProduct(table=QTable({"a": [b"bytes", b""]}))
    assert not cache.put(KEY, DataCollection([product]))


def test_a_key_is_never_a_path(cache):
    with pytest.raises(ValueError, match="request_key"):
        cache.get("../../x")


def test_many_writers_of_one_result(cache):
    threads = [threading.Thread(target=cache.put, args=(KEY, text("x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get(KEY)[0].value == "x"


@pytest.mark.parametrize(
    "array",
    [
        np.array([True, False]),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.array([2**63], dtype="u8"),
        np.array([1.5, np.nan, -0.0], dtype="f2"),
        np.array([[1 + 2j]], dtype="c8"),
        np.array(["α", "", "x\ny"]),
        np.array([[b"ab", b""]]),
        np.array(["2020-01-01", "NaT"], dtype="M8[ms]"),
        np.array(["a", None, 1.5], dtype=object),
        np.zeros((0, 3)),
        np.zeros((2, 0), dtype=">f4"),
        np.array(3.5),
        np.zeros(0, dtype=[("a", "f4", (2,))]),
        np.array([(1, [2.0, 3.0]), (4, [5.0, 6.0])], dtype=[("a", "i4"), ("b", ">f8", (2,))]),
        np.frombuffer(b"\x01\x00\xa0\x7f" * 2, dtype="f4"),
    ],
)
def test_arrays_of_all_kinds_come_back(array, tmp_path):
    path = tmp_path / "a.parquet"
    described = json.loads(json.dumps(write_array(path, array)))
    found = read_array(path, described)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    if array.dtype.kind == "O":
        assert found.tolist() == array.tolist()
    else:
        assert found.tobytes() == array.tobytes()
