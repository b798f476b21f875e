from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.schema.columnar import is_among, numbers, texts

_letters = st.characters(exclude_characters="\x00", exclude_categories=("Cs",))
_words = st.lists(st.none() | st.text(_letters, max_size=6) | st.sampled_from(["ZTF", "NVSS"]))


def _column(words, cut, *, encoded):
    array = pa.array(words, pa.string())
    cut = cut % (len(words) + 1)
    parts = [array[:cut], array[cut:]]
    if encoded:
        # Each part with a dictionary of its own.
        parts = [part.dictionary_encode() for part in parts]
    return pa.chunked_array(parts)


@given(_words, st.integers(0, 99), st.booleans(), st.randoms(use_true_random=False))
def test_texts_are_those_of_python(words, cut, encoded, random):
    column = _column(words, cut, encoded=encoded)
    order = list(range(len(words)))
    random.shuffle(order)
    order = order[: random.randint(0, len(words))]
    for chosen in (None, order):
        expected = words if chosen is None else [words[place] for place in chosen]
        found = texts(column, None if chosen is None else np.array(chosen, dtype=np.int64))
        there = [word for word in expected if word is not None]
        assert found.dtype == np.array(["", *there]).dtype
        assert found.tolist() == expected
        assert isinstance(found, np.ma.MaskedArray) == (None in expected)
        among = is_among(column, ["ZTF", "東"], None if chosen is None else np.array(chosen, int))
        assert among.tolist() == [word in ("ZTF", "東") for word in expected]


@pytest.mark.parametrize("order", [None, np.array([2, 0])])
def test_numbers_are_copies(order):
    values = np.array([1.0, 2.0, 3.0])
    column = pa.chunked_array([pa.array(values)])
    found = numbers(column, order)
    found[:] = 0
    assert values.tolist() == [1, 2, 3]


def test_flags_that_are_missing_are_false():
    column = pa.chunked_array([[True, None], [False, True]])
    assert numbers(column).tolist() == [True, False, False, True]
    assert numbers(column).dtype == bool


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.bool_()])
def test_no_rows(kind):
    assert numbers(pa.chunked_array([], kind)).tolist() == []
    assert texts(pa.chunked_array([], pa.string())).tolist() == []
    assert texts(pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))).tolist() == []


def test_text_under_a_null_is_never_shown():
    bitmap = pa.py_buffer(b"\x01")
    offsets = pa.py_buffer(np.array([0, 2, 5], np.int32))
    array = pa.Array.from_buffers(pa.string(), 2, [bitmap, offsets, pa.py_buffer(b"abcde")])
    found = texts(pa.chunked_array([array]))
    assert found.tolist() == ["ab", None]
    assert found.dtype == "<U2"
