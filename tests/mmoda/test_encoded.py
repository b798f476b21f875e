from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.encoded import written_dtype
from astroquery_mmdc.mmoda.limits import Limits


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("float64", "f8"),
        (">i2", ">i2"),
        ("|S3", "S3"),
        ("bool", "?"),
        ("'<f4'", "<f4"),
        ("[('a', '<f8'), ('b', '<i4', (2,))]", [("a", "<f8"), ("b", "<i4", (2,))]),
        ("[('a', [('b', '<f8')])]", [("a", [("b", "<f8")])]),
        ("('<f4', (3,))", ("<f4", (3,))),
        ("(numpy.record, [('a', '<f8')])", np.dtype((np.record, [("a", "<f8")]))),
    ],
)
def test_data_types_as_they_are_written(text, dtype):
    assert written_dtype(text, limits=Limits()) == np.dtype(dtype)


@pytest.mark.parametrize(
    "text",
    [
        None,
        3,
        "",
        "float65",
        "[('a', 3)]",
        "{'a': 1}",
        "[('a', '<f8', -1)]",
        "(1, 2)",
        "[(1,)]",
        "[" * 20 + "]" * 20,
        "[('a'," * 12 + "'f8'" + ")]" * 12,
        "(" + "1," * 150_000 + ")",
        "[('a', 'f8'), ('a', 'f8')]",
        "os.system('x')",
        "(numpy.record, numpy.load('x'))",
    ],
)
def test_other_texts_are_no_data_type(text):
    with pytest.raises(ParseError, match="refused"):
        written_dtype(text, limits=Limits())
