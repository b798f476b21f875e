"""Words of the closed world, in forms that they never have."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.limits import Budget, Limits
from astroquery_mmdc.mmoda.pickled import Said
from astroquery_mmdc.mmoda.pickled_fits import table_of
from astroquery_mmdc.mmoda.safe_pickle import read_pickle

from .pickle_words import array_with, dtype_of, name, short


def _reduced(module, attribute, args):
    """A call with these arguments, already written as words."""
    return b"\x80\x04" + name(module, attribute) + args + b"R."


def malformed():
    """Words of the closed world in a form that they never have."""
    array = name("numpy._core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    array += b"K\x00\x85C\x01b\x87R"
    table = name("astropy.io.fits.fitsrec", "FITS_rec")
    begun = name("numpy._core.multiarray", "_reconstruct") + table + b"K\x00\x85C\x01b\x87R"
    column = name("astropy.io.fits.column", "Column") + b")\x81"
    tables = name("astropy.table.table", "Table") + b")\x81"
    unit = name("astropy.units.core", "Unit") + b")\x81"
    double = dtype_of("f8")
    plain = b"(K\x01K\x01\x85" + double + b"\x89C\x08" + bytes(8)
    yield b"\x80\x04" + array + b"Nb.", "an array with a state"
    yield array_with(double, shape=b"N"), "an array of shape None"
    yield array_with(b"K\x07"), "a data type given as int"
    yield array_with(double, raw=short("12345678")), "content is a str"
    yield array_with(dtype_of("O8"), raw=b"]"), "sent as 0 objects"
    yield array_with(dtype_of("O8"), raw=b"]" + name("numpy", "dtype") + b"a"), "with a Name in it"
    record = b"(K\x03\x8c\x01|N" + short("a") + b"\x85}" + short("a") + dtype_of("O8")
    record = dtype_of("V8", record + b"K\x00\x86sK\x08K\x01K\x3ftb")
    yield array_with(record, raw=b"]Na"), "does not match its fields"
    yield array_with(dtype_of("f8", b"Nb")), "a data type with a state"
    yield array_with(dtype_of("f8", b"(K\x03\x8c\x01xNNNNNNtb")), "the byte order"
    yield array_with(dtype_of("V8", b"(K\x03\x8c\x01|N" + short("a") + b"\x85NNNNtb")), "fields"
    yield array_with(dtype_of("V8", b"(K\x03\x8c\x01|K\x01NNNNNtb")), "data type of arrays"
    objects = dtype_of("V8", b"(K\x03\x8c\x01|" + dtype_of("O8") + b"K\x01\x86NNNNNtb")
    yield array_with(objects), "a data type of arrays of objects"
    times = b"(K\x04\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"
    yield array_with(dtype_of("M8", times + b"Ntb")), "times without a unit"
    odd = b"}(C\x01xK\x01K\x01K\x01t\x86tb"
    yield array_with(dtype_of("M8", times + odd)), "times with the unit"
    yield _reduced("numpy", "dtype", b")"), "a data type without a code"
    yield _reduced("numpy", "dtype", b"N"), "a call of numpy.dtype"
    yield _reduced("numpy._core.multiarray", "scalar", b")"), "a number of numpy"
    yield _reduced("numpy._core.numeric", "_frombuffer", b")"), "an array with a state"
    yield _reduced("_codecs", "encode", short("☃") + short("latin1") + b"\x86"), "beyond 255"
    yield _reduced("__builtin__", "bytes", b"K\x01\x85"), "bytes made from something"
    yield _reduced("collections", "OrderedDict", b"K\x01\x85"), "a dictionary made"
    yield _reduced("fractions", "Fraction", short("1e999") + b"\x85"), "the fraction"
    yield b"\x80\x04" + begun + plain + b"tb.", "a FITS table with a state"
    yield b"\x80\x04" + begun + plain + b"]]tb.", "a FITS table without fields"
    yield b"\x80\x04" + column + b"Nb.", "the state of a Column"
    yield b"\x80\x04" + unit + b"Nb.", "the state of a unit"
    yield b"\x80\x04" + tables + b"Nb.", "a table with a state"
    yield b"\x80\x04" + tables + b"NN\x86b.", "a table with a state"
    yield b"\x80\x04" + tables + b"}" + short("a") + b"Ns}\x86b.", "the column 'a'"
    yield b"\x80\x04K\x01\x87.", "a tuple of more items"
    yield b"\x80\x04NNa.", "appending to a NoneType"
    yield b"\x80\x04NNNs.", "setting items of a NoneType"
    yield b"\x80\x04cnumpy", "a name without an end"


@pytest.mark.parametrize(("content", "words"), list(malformed()))
def test_words_in_another_form_are_refused(content, words):
    with pytest.raises(ParseError) as found:
        read_pickle(content)
    assert words in str(found.value)


def columns_of(columns):
    coldefs = Said("ColDefs", ())
    coldefs.state = {"columns": columns}
    return coldefs


def said(letter, **state):
    """What a pickle says about the column ``a``."""
    form, column = Said("_ColumnFormat", ()), Said("Column", ())
    form.state = {"format": letter}
    column.state = {"_name": "a", "_format": form, **state}
    return columns_of([column])


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"_converted": {"a": np.zeros(3)}}, "do not match its length"),
        ({"_converted": {"a": "text"}}, "do not match its length"),
        ({"_converted": [1]}, "without fields"),
        ({"_coldefs": said("P")}, "of variable length"),
        ({"_coldefs": said("J", _bscale="x")}, "no number"),
        ({"_coldefs": columns_of("text")}, "no list"),
    ],
)
def test_fits_tables_whose_parts_do_not_fit(known, words):
    raw = np.zeros(2, dtype=[("a", "i4")])
    with pytest.raises(ParseError, match=words):
        table_of(raw, known, Budget(Limits()))
