"""Hostile answers: each is refused by name, and nothing of it runs."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import pickle
import pickletools
import struct

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import MMDCError, ParseError
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.mmoda.limits import Limits
from astroquery_mmdc.mmoda.safe_pickle import read_pickle

from .pickle_words import array_with, dtype_of, fields, name, short

GOOD = pickle.dumps(np.arange(4.0), protocol=4)


class Runs:
    """A pickle of it calls a function."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def payloads(mark):
    """What is sent, and a word that the refusal must say."""
    import builtins
    import os
    import subprocess

    command = f"touch {mark}"
    touch = f"open({str(mark)!r}, 'w').close()"
    nested = np.empty(1, dtype=object)
    nested[0] = [Runs(os.system, command)]
    table = Table({"a": [1.0]})
    table.meta["x"] = Runs(os.system, command)
    yield "os.system", pickle.dumps(Runs(os.system, command)), "posix.system"
    yield "eval", pickle.dumps(Runs(eval, touch)), "builtins.eval"
    yield "exec", pickle.dumps(Runs(exec, touch)), "builtins.exec"
    yield "open", pickle.dumps(Runs(open, str(mark), "w")), "open"
    yield (
        "subprocess",
        pickle.dumps(Runs(subprocess.Popen, ["touch", str(mark)])),
        "subprocess.Popen",
    )
    yield (
        "getattr",
        (b"\x80\x04" + name("builtins", "getattr") + b"N\x85R."),
        "builtins.getattr",
    )
    yield "import", pickle.dumps(Runs(builtins.__import__, "os")), "__import__"
    yield "protocol 0", b"cos\nsystem\n(S'" + command.encode() + b"'\ntR.", "os.system"
    yield "protocol 2", pickle.dumps(Runs(os.system, command), 2), "posix.system"
    yield "in an array", pickle.dumps(nested), "posix.system"
    yield "in a table", pickle.dumps(table), "posix.system"
    yield "after a good array", GOOD[:-1] + pickle.dumps(Runs(os.system, command), 4)[2:], "posix"
    yield "dotted name", b"\x80\x04" + name("numpy", "testing.measure") + b")R.", "testing.measure"
    yield "numpy.load", b"\x80\x04" + name("numpy", "load") + short("x") + b"\x85R.", "numpy.load"
    yield (
        "numpy.f2py",
        b"\x80\x04" + name("numpy.testing._private.utils", "runstring") + b".",
        ("runstring"),
    )
    yield "name from numbers", b"\x80\x04K\x01K\x02\x93.", "a name that is no text"
    yield (
        "name by memo",
        b"\x80\x04" + short("os") + b"\x94" + short("system") + b"\x940h\x00h\x01\x93.",
        ("os.system"),
    )
    yield "instance", b"(ios\nsystem\n.", "INST"
    yield "object", b"(cos\nsystem\no.", "os.system"
    yield "extension", b"\x80\x02\x82\x01.", "EXT1"
    yield "persistent name", b"\x80\x02Px\n.", "PERSID"
    yield "keyword arguments", b"\x80\x04" + name("numpy", "dtype") + b")}\x92.", "NEWOBJ_EX"
    yield "outside buffer", b"\x80\x05\x97.", "NEXT_BUFFER"
    yield (
        "state of a name",
        b"\x80\x04" + name("numpy", "dtype") + b"}" + short("x") + b"K\x01sb.",
        ("setting the state of a numpy.dtype"),
    )
    yield "state of a list", b"\x80\x04]}b.", "setting the state of a list"
    yield "call of a text", b"\x80\x04" + short("x") + b")R.", "a call of a str"
    yield (
        "call of a class",
        b"\x80\x04" + name("numpy", "ndarray") + b"K\x01\x85R.",
        "numpy.ndarray",
    )
    yield (
        "other encoding",
        b"\x80\x04" + name("_codecs", "encode") + short("x") + short("zip") + (b"\x86R."),
        "latin1",
    )
    yield (
        "array of a function",
        b"\x80\x04"
        + name("numpy._core.multiarray", "_reconstruct")
        + (name("numpy", "dtype") + b"\x85R."),
        "an array of the class",
    )
    yield "addresses as objects", array_with(dtype_of("O8")), "array of objects"
    yield (
        "addresses in a record",
        array_with(
            dtype_of(
                "V8",
                b"(K\x03\x8c\x01|N"
                + short("a")
                + b"\x85}"
                + short("a")
                + dtype_of("O8")
                + (b"K\x00\x86sK\x08K\x01K\x3ftb"),
            )
        ),
        "array of objects",
    )
    yield "field beyond the record", array_with(fields(b"K\x08", offset=b"K\x07")), "fields"
    yield "negative offset", array_with(fields(b"K\x08", offset=b"J\xf0\xff\xff\xff")), "fields"
    yield "unknown data type", array_with(dtype_of("object")), "the data type 'object'"
    yield (
        "data type of a class",
        array_with(name("numpy", "dtype") + name("numpy", "ndarray") + b"\x85R"),
        "the data type numpy.ndarray",
    )
    yield "data type by a list", array_with(name("numpy", "dtype") + b"]\x85R"), "the data type"
    yield (
        "giant shape",
        array_with(dtype_of("f8"), shape=b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
        ("sent as 8"),
    )
    yield "negative shape", array_with(dtype_of("f8"), shape=b"J\xff\xff\xff\xff\x85"), "shape"
    yield "shape of texts", array_with(dtype_of("f8"), shape=short("9") + b"\x85"), "shape"
    yield (
        "endless array of nothing",
        array_with(dtype_of("S0"), raw=b"C\x00", shape=b"J\xff\xff\xff\x7f\x85"),
        "without any bytes",
    )
    yield "too few bytes", array_with(dtype_of("f8"), shape=b"K\x02\x85"), "16 bytes"
    yield "giant item", array_with(dtype_of("S999999999")), "sent as 8"
    yield "giant text", b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.", "bytes where"
    yield (
        "giant integer",
        b"\x80\x04\x8b" + struct.pack("<i", 10**6) + bytes(10**6) + b".",
        "integer",
    )
    yield "nested keys", b"\x80\x04}N" + b"\x94h\x00\x86" * 50 + b"Ns.", "as key"
    yield "deep units", array_table_unit(), "a unit given as"
    yield "cut", GOOD[:40], "bytes where"
    yield "empty", b"", "damaged"
    yield "stack run empty", b"\x80\x04aaa.", "damaged"
    yield "memo of nothing", b"\x80\x04h\x07.", "damaged"
    yield "later version", b"\x80\x09.", "version 9"


def array_table_unit():
    """A unit that consists of itself."""
    unit = name("astropy.units.core", "CompositeUnit") + b")\x81\x94"
    state = b"}" + short("_bases") + b"]h\x00a" + b"s" + short("_powers") + b"]K\x01as" + b"b"
    column = name("numpy._core.multiarray", "_reconstruct") + name("astropy.table.column", "Column")
    column += b"K\x00\x85C\x01b\x87R(K\x01K\x01\x85" + dtype_of("f8") + b"\x89C\x08" + bytes(8)
    column += b"(N" + b"h\x00ttb"
    table = name("astropy.table.table", "Table") + b")\x81}" + short("a") + column + b"s}\x86b"
    return b"\x80\x04" + unit + state + b"0" + table + b"."


HOSTILE = [case[0] for case in payloads("x")]


def test_there_are_enough_hostile_answers():
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("which", HOSTILE)
def test_a_hostile_pickle_is_refused_and_nothing_runs(which, tmp_path):
    mark = tmp_path / "it_ran"
    _, content, words = next(case for case in payloads(mark) if case[0] == which)
    with pytest.raises(ParseError) as found:
        read_pickle(content)
    assert words in str(found.value)
    assert not mark.exists()
    for section, entry in (
        ("numpy_data_product_list", {"data_unit_list": [{"binarys": _text(content)}]}),
        ("astropy_table_product_binary_list", {"binary": _text(content)}),
    ):
        with pytest.raises(ParseError, match=section):
            decode_products({section: [entry]})
    assert not mark.exists()


def _text(content):
    return base64.b64encode(content).decode()


def test_the_same_pickles_do_run_elsewhere(tmp_path):
    mark = tmp_path / "it_ran"
    _, content, _ = next(case for case in payloads(mark) if case[0] == "os.system")
    pickle.loads(content)
    assert mark.exists()


EXPRESSION = "__import__('pathlib').Path({!r}).touch()"


@pytest.mark.parametrize(
    "said",
    [
        {"numpy_data_product": {"data_unit_list": [{"data": "{}", "dt": "f8"}]}},
        {"numpy_data_product": {"data_unit_list": [{"data": "[1]", "dt": "{}"}]}},
        {"numpy_data_product": {"data_unit_list": [{"data": "[1]", "dt": "[{}]"}]}},
        {"numpy_data_product": {"data_unit_list": [{"data": "[1]", "dt": "(numpy.record, {})"}]}},
        {"numpy_data_product": {"data_unit_list": [], "meta_data": "{}"}},
        {"numpy_data_product": {"data_unit_list": [{"header": "{}"}]}},
        {"numpy_data_product": {"data_unit_list": [{"units_dict": "{}"}]}},
        {"astropy_table_product_ascii_list": [{"ascii": "{}"}]},
        {"astropy_table_product_ascii_list": [{"ascii": "x", "meta_data": "{}"}]},
        {"catalog": "{}"},
    ],
)
def test_code_where_text_belongs_is_refused(said, tmp_path):
    mark = tmp_path / "it_ran"
    text = json.dumps(said).replace("{}", EXPRESSION.format(str(mark)))
    with pytest.raises(MMDCError):
        decode_products(json.loads(text))
    assert not mark.exists()


ECSV = "# %ECSV 1.0\n# ---\n# datatype:\n# - {{name: a, datatype: float64}}\n# meta: {}\na\n1.0\n"


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ("!!python/object/apply:os.system ['touch {}']", "python/object/apply:os.system"),
        ("!!python/object/new:subprocess.Popen [[touch, '{}']]", "subprocess.Popen"),
        # Eight bytes that would be taken for the address of an object.
        ("{{x: !numpy.ndarray {{buffer: AAAAAAAAAAA=, dtype: O, shape: [1]}}}}", "!numpy.ndarray"),
        ("{{x: !astropy.time.Time {{jd1: 1}}}}", "!astropy.time.Time"),
        ("{{a: &a {{x: 1}}, b: {{<<: [*a, *a]}}}}", "merged"),
        ("[" * 60 + "]" * 60, "a nesting of more than 50 levels"),
    ],
)
def test_code_in_the_text_of_a_table_is_refused(meta, words, tmp_path):
    mark = tmp_path / "it_ran"
    text = ECSV.format(meta.format(mark))
    with pytest.raises(ParseError, match="no ECSV") as found:
        decode_products({"astropy_table_product_ascii_list": [{"ascii": text}]})
    assert words in str(found.value)
    assert not mark.exists()


def test_plain_metadata_of_a_table_are_kept():
    text = ECSV.format("!!omap [{a: 1}, {b: !astropy.units.Unit {unit: keV}}, {c: [x, 2.5]}]")
    found = decode_products({"astropy_table_product_ascii_list": [{"ascii": text}]})
    assert found[0].table.meta["a"] == 1
    assert found[0].table.meta["c"] == ["x", 2.5]


def test_bombs_are_refused_before_memory_is_spent():
    limits = Limits(
        encoded_bytes=100_000, unpacked_bytes=100_000, array_bytes=100_000, objects=10_000
    )
    packed = gzip.compress(bytes(10_000_000))
    many = b"\x80\x04" + b"}" * 20_000 + b"."
    # One piece of bytes, taken as the content of many arrays.
    begun = name("numpy._core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    again = begun + b"K\x00\x85C\x01b\x87R(K\x01M\xe8\x03\x85h\x01\x89h\x00tb0"
    memo = (
        b"\x80\x04B" + struct.pack("<I", 1000) + bytes(1000) + b"\x940" + dtype_of("u1") + b"\x940"
    )
    for content, words in (
        (_text(bytes(200_000)), "encoded_bytes"),
        (_text(packed), "unpacked_bytes"),
        (_text(many), "objects"),
        (_text(memo + again * 200 + b"N."), "array_bytes"),
    ):
        with pytest.raises(ParseError, match=words):
            decode_products(
                {"numpy_data_product": {"data_unit_list": [{"binarys": content}]}}, limits=limits
            )


def test_metadata_that_multiply_are_refused():
    table = Table({"a": [1.0]})
    laughs = ["ha"]
    for _ in range(6):
        laughs = [laughs] * 200
    table.meta["x"] = laughs
    content = pickle.dumps(table)
    assert len(content) < 10_000
    with pytest.raises(ParseError, match="objects"):
        read_pickle(content, limits=Limits(objects=100_000))


def test_deep_nesting_is_refused():
    deep = "[" * 100_000 + "]" * 100_000
    for said in (
        {"numpy_data_product": {"data_unit_list": [{"data": deep, "dt": "f8"}]}},
        {"numpy_data_product": {"data_unit_list": [{"data": "[1]", "dt": deep}]}},
        {"numpy_data_product": {"data_unit_list": [], "meta_data": deep}},
        {"catalog": deep},
        {"gw_spectrogram_product": {"value": [[[[1]]]], "yindex": [1]}},
    ):
        with pytest.raises(ParseError):
            decode_products(said)


def test_names_cannot_lead_out_of_the_folder(tmp_path):
    names = ["../../up", "/etc/x", "..", "a/b", "\x00", "con\n", "~", "_p_list", "", "x" * 5000]
    texts = [{"name": name, "value": "v", "meta_data": {"src_name": "../x"}} for name in names]
    folder = tmp_path / "in" / "here"
    found = decode_products({"text_product_list": texts})
    paths = found.save_all_data(directory=folder)
    assert {path.parent for path in paths} == {folder}
    assert sorted(folder.iterdir()) == sorted(paths)
    assert len(paths) == len(names)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["here"]
    assert len(found) == len(names)


def test_numbers_and_texts_of_all_lengths():
    for value in (
        0,
        1,
        255,
        256,
        -1,
        2**31,
        -(2**70),
        3.5,
        "",
        "x" * 300,
        b"",
        b"y" * 300,
        None,
        True,
    ):
        for protocol in (2, 3, 4, 5):
            assert read_pickle(pickle.dumps(value, protocol)) == value
    assert read_pickle(b"\x80\x02(K\x01K\x02l(NN1(U\x01aK\x03d(0N2\x87.") == (
        {b"a": 3},
        None,
        None,
    )
    said = {"a": [1, (2, 3)], "b": {"c": ()}}
    assert read_pickle(pickle.dumps(said)) == said
    assert read_pickle(pickletools.optimize(pickle.dumps(said))) == said


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_garbled_pickles_raise_only_our_error(data):
    content = bytearray(data.draw(st.sampled_from([GOOD, pickle.dumps(Table({"a": [1.0]}))])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ParseError):
        read_pickle(bytes(content))
