"""Parameters of instruments: what is given is read or refused, whatever it is."""

from __future__ import annotations

import pytest

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.instruments import ParameterSpec


@pytest.mark.parametrize("given", ["[" * 100_000, "{", "[1, 2"])
def test_what_is_no_json_is_refused(given):
    with pytest.raises(InvalidRequestError, match=r"struct: .* was given; expected JSON") as caught:
        ParameterSpec("struct", "json").read(given)
    assert len(str(caught.value)) < 300


def test_json_is_read():
    assert ParameterSpec("struct", "json").read('{"a": [1, 2]}') == {"a": [1, 2]}
