from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.api_code import make_api_code, parse_api_code

from .seeds import PAGE


def test_a43_the_code_of_the_page_is_read():
    code = parse_api_code(PAGE)
    assert code.url == "https://www.astro.unige.ch/mmoda/dispatch-data"
    assert code.parameters["RA"] == 197.45035416666664
    assert code.parameters["instrument"] == "gw"
    assert not code.parameters.keys() & {"oda_api_version", "off_line", "token"}


def test_a43_the_code_that_a_dispatcher_sends_is_read(recorded):
    scenario = recorded("05_dummy_sync")["exchanges"][-1]["response"]["json"]
    parameters = parse_api_code(scenario["products"]["api_code"]).parameters
    assert (parameters["instrument"], parameters["product"]) == ("empty", "dummy")
    assert parameters["product_type"] == "Dummy"


def test_a43_catalogues_and_keywords_are_read():
    text = (
        "import json\ncat = {'cat_frame': 'fk5', 'ra': [1.5, -2]}\n"
        "disp = oda_api.api.DispatcherAPI()\n"
        "disp.get_product(instrument='isgri', product='isgri_lc', RA=-83.5,\n"
        "                 selected_catalog=json.dumps(cat))\n"
    )
    code = parse_api_code(text)
    assert code.url is None
    assert code.parameters["RA"] == -83.5
    assert json.loads(code.parameters["selected_catalog"]) == {"cat_frame": "fk5", "ra": [1.5, -2]}


VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(max_size=5), max_size=3),
)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{2,8}_q", fullmatch=True), VALUES, max_size=5))
def test_a43_what_was_written_is_read_again(parameters):
    wanted = {"instrument": "i", "product": "p", **parameters}
    code = parse_api_code(make_api_code("https://example.org/x", wanted))
    assert code.url == "https://example.org/x"
    assert code.parameters == wanted


def test_a43_odd_names_are_kept():
    wanted = {"instrument": "i", "product": "p", "use_resolver[local]": "on", "token": "secret"}
    text = make_api_code("u", wanted)
    assert "secret" not in text
    assert parse_api_code(text).parameters["use_resolver[local]"] == "on"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch hacked')",
        "x = [__import__('os').system('touch hacked')]",
        "disp.get_product(instrument=open('hacked', 'w'))",
        "disp.get_product(**{'a': exec('open(1)')})",
        "disp.get_product(*[1], **f())",
        "class A:\n    pass",
        "for i in range(3):\n    pass",
        "def f(): ...",
        "x = y = 3",
        "d = {1: 2}\ndisp.get_product(**d)",
        "disp.get_product(**3)",
        "x = (lambda: 1)()",
    ],
)
def test_a43_nothing_of_the_code_is_executed(text, tmp_path):
    with pytest.raises(InvalidRequestError):
        parse_api_code(text)
    assert not (tmp_path / "hacked").exists()


def test_a43_the_line_is_named():
    with pytest.raises(InvalidRequestError, match="line 2 is more than the API code"):
        parse_api_code("x = 1\nprint(x)")
    with pytest.raises(InvalidRequestError, match=r"this is no Python code \(line 1\)"):
        parse_api_code("disp.get_product(")
    with pytest.raises(InvalidRequestError, match="no call of get_product"):
        parse_api_code("x = 1")


def test_a43_huge_code_is_refused_soon():
    begun = time.monotonic()
    for text in ("x" * 2_000_000, "x = " + "[" * 5000 + "]" * 5000, "\x00"):
        with pytest.raises(InvalidRequestError):
            parse_api_code(text)
    assert time.monotonic() - begun < 2
