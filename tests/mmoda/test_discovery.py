from __future__ import annotations

import pytest

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.exceptions import InvalidRequestError
from tests.mmoda.conftest import as_json


def test_a35_the_list_of_instruments(mmoda):
    names = list(mmoda.list_instruments()["instrument"])
    assert {"localtest", "empty"} <= set(names)
    assert all(isinstance(name, str) for name in names)


def test_a35_a_new_dispatcher_is_asked_at_its_new_address(scripted):
    scripted.answer = lambda asked: as_json(["isgri", "gw"])
    found = MMODAClass(scripted.url).list_instruments_async().get_data()
    assert list(found["instrument"]) == ["isgri", "gw"]
    assert [asked.line for asked in scripted.asked] == ["GET /dispatch-data/instr-list"]


def test_a34_an_instrument_is_described(mmoda):
    table = mmoda.describe_instrument("localtest")
    assert "localtest_spectrum" in table.meta["products"]
    assert set(table["role"]) == {"source", "instrument", "product"}
    assert "query_name: localtest_image_query" in table.meta["text"]


def test_a34_a_product_is_described(mmoda):
    table = mmoda.describe_product("localtest", "localtest_lc")
    assert list(table["name"][-3:]) == ["n", "wait_s", "fail"]
    assert " name: RA,  value: 265.97845833,  units: deg," in table.meta["text"]
    with pytest.raises(InvalidRequestError, match="localtest has no 'nosuch'; it has localtest_"):
        mmoda.describe_product("localtest", "nosuch")


def test_a34_an_unknown_instrument(mmoda):
    with pytest.raises(InvalidRequestError, match=r"nosuch.*known.*localtest"):
        mmoda.describe_instrument("nosuch")


def test_a_description_is_asked_for_once(scripted):
    meta = [[{"instrumet": "i"}, {"prod_dict": {"p": "q"}}, '[{"query_name": "src_query"}]']]
    scripted.answer = lambda asked: as_json(meta)
    mmoda = MMODAClass(scripted.url)
    for _ in range(3):
        assert len(mmoda.describe_product("i", "p")) == 0
    assert len(scripted.asked) == 1
