from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.notebooks import instrument_of, read_notebook
from astroquery_mmdc.schema.instruments import meta_data, read_values
from astroquery_mmdc.schema.ontology import parse_annotation

from .helpers import SEED_PARAMETERS, write_notebook

LIGHT_CURVE = "result=lc.encode() # http://odahub.io/ontology#LightCurve"


def test_the_cells_of_the_slides_are_understood(tmp_path):
    cells = (SEED_PARAMETERS, "lc = make(T1, T2)", LIGHT_CURVE)
    notebook = read_notebook(write_notebook(tmp_path / "fermi_lc.ipynb", *cells))
    assert notebook.product.name == "fermi_lc"
    assert notebook.variables == {name: name for name in ("src_name", "RA", "DEC", "T1", "T2")}
    assert notebook.product.source["T1"] == "2010-03-06T13:26:48.000"
    (output,) = notebook.outputs
    assert (output.name, output.expression, output.terms) == ("result", "lc", ("LightCurve",))
    tags = notebook.document["cells"][0]["metadata"]["tags"]
    assert tags == ["parameters"]


def test_a_tagged_cell_needs_no_annotations(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb",
        "n = 2\nx = 0.5\nname = 'q'\nflag = True\nsome = [1, 2]\nderived = n + 1",
        "lc = 1",
        tags={0: "parameters", 1: "outputs"},
    )
    kinds = {one.name: one.kind for one in read_notebook(path).product.parameters}
    assert kinds == {"n": "int", "x": "float", "name": "str", "flag": "bool", "some": "json"}


def test_names_of_variables_may_differ_from_those_of_parameters(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb",
        "start_time = '2017-03-06T13:26:48' # http://odahub.io/ontology#StartTime",
        "t = 1 # oda:Float",
    )
    notebook = read_notebook(path)
    values, _ = read_values(notebook.product, {"T1": "58193.455", "T_format": "mjd"})
    assert notebook.injected(values) == {"start_time": "2018-03-16T10:55:12.000"}


def test_everything_an_annotation_tells():
    found = parse_annotation(
        "# http://odahub.io/ontology#Energy_keV ; oda:lower_limit 1 ; oda:upper_limit 1e2 ;"
        ' oda:label "lowest; energy" ; oda:optional # for the plot'
    )
    assert found is not None
    assert (found.unit, found.low, found.high) == ("keV", 1.0, 100.0)
    assert (found.label, found.is_optional) == ("lowest; energy", True)
    assert found.uris == ("http://odahub.io/ontology#Energy_keV",)
    bands = parse_annotation("# oda:String; oda:allowed_value 'g','r, i', \"z\"")
    assert bands is not None
    assert bands.choices == ("g", "r, i", "z")
    assert parse_annotation("# oda:Float ; oda:unit unit:GeV").unit == "GeV"
    assert parse_annotation("# https://odahub.io/ontology/#Boolean").terms == ("Boolean",)
    assert parse_annotation("# see oda:Float") is None


@given(st.text(max_size=200))
def test_any_comment_is_read_or_refused_in_words(text):
    with suppress(ValueError):  # and nothing else
        parse_annotation("# oda:Float ;" + text)


@pytest.mark.parametrize("value", ["(" * 5000, "-" * 50_000 + "1", "{[]: 1}"])
def test_a_value_that_python_cannot_take_is_a_text(value):
    found = parse_annotation(f"# oda:String ; oda:label {value}")
    assert found is not None
    assert found.label == value


def test_a_value_that_cannot_be_made_is_no_plain_one(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", "n = 1 # oda:Float", "x = {[]: 1} # oda:String")
    notebook = read_notebook(path)
    assert [one.name for one in notebook.product.parameters] == ["n"]
    assert [one.name for one in notebook.outputs] == ["x"]


def test_a_comment_inside_brackets_counts(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb",
        "cut = (\n    0.7  # http://odahub.io/ontology#Float; oda:allowed_value 0.4,0.7,0.9\n)",
        "%matplotlib inline\n!ls\nt = 1 # oda:Float",
    )
    (cut,) = read_notebook(path).product.parameters
    assert (cut.kind, cut.default, cut.choices) == ("float", 0.7, (0.4, 0.7, 0.9))


@pytest.mark.parametrize(
    ("value", "way_out"),
    [
        ("0.5", "choose one of"),
        ("many", "expected a number"),
        ("nan", "expected a number"),
        (None, "a value is needed"),
        ("\x00", "a value is needed"),
    ],
)
def test_wrong_values_are_refused_with_the_way_out(tmp_path, value, way_out):
    source = "cut = 0.7  # oda:Float; oda:allowed_value 0.4,0.7,0.9"
    path = write_notebook(tmp_path / "a.ipynb", source, "t = 1 # oda:Float")
    with pytest.raises(InvalidRequestError, match=rf"cut: .*{way_out}") as caught:
        read_values(read_notebook(path).product, {"cut": value})
    assert caught.value.parameter == "cut"


def test_units_are_converted_or_refused(tmp_path):
    source = (
        "e = 10.0 # oda:Energy_keV ; oda:lower_limit 1 ; oda:upper_limit 100\nn = 3 # oda:Integer"
    )
    path = write_notebook(tmp_path / "a.ipynb", source, "t = 1 # oda:Float")
    product = read_notebook(path).product
    assert read_values(product, {"e": "0.05 MeV", "n": "4"})[0]["e"] == pytest.approx(50)
    for name, wrong, words in (
        ("e", "3 s", "does not convert to keV"),
        ("e", "0.5", "smallest value is 1 keV"),
        ("e", "1 MeV", "largest value is 100 keV"),
        ("n", "2.5", "expected a whole number"),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            read_values(product, {name: wrong})


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("x = 1 # oda:Float",), "marks no result"),
        (("x = 1 # oda:Float ; oda:lower_limit 2", "t = f() # oda:Image"), "smallest value is 2"),
        (("x = 1 # oda:Float ; oda:lower_limit low", "t = f() # oda:Image"), "is no number"),
        (("x = 'a' # oda:POSIXPath", "t = f() # oda:Image"), "is a file"),
        (("x = (1, 2) # oda:Thing", "t = f() # oda:Image"), "is no parameter"),
    ],
)
def test_contradictions_are_found_when_a_notebook_is_read(tmp_path, cells, words):
    with pytest.raises(InvalidRequestError, match=words):
        read_notebook(write_notebook(tmp_path / "a.ipynb", *cells))


def test_what_is_no_notebook_is_refused(tmp_path):
    text = tmp_path / "a.ipynb"
    for content in ("{", "[]", '{"cells": 3}', "[" * 100_000):
        text.write_text(content)
        with pytest.raises(InvalidRequestError, match=r"notebook: .*a\.ipynb"):
            read_notebook(text)
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        read_notebook(tmp_path / "none.ipynb")
    julia = {"metadata": {"language_info": {"name": "julia"}}}
    with pytest.raises(InvalidRequestError, match="is in julia"):
        read_notebook(write_notebook(tmp_path / "b.ipynb", "x = 1", **julia))


def test_nothing_is_executed_when_a_notebook_is_read(tmp_path):
    spy = tmp_path / "spy"
    cell = f"open({str(spy)!r}, 'w').write('x')\nt = open({str(spy)!r}, 'w') # oda:Image"
    read_notebook(write_notebook(tmp_path / "a.ipynb", "x = 1 # oda:Float", cell))
    assert not spy.exists()


def test_several_notebooks_make_one_instrument(tmp_path):
    cells = (SEED_PARAMETERS, "lc = 1", LIGHT_CURVE)
    paths = [write_notebook(tmp_path / f"{name}.ipynb", *cells) for name in ("lc", "image")]
    notebooks = [read_notebook(path) for path in paths]
    instrument = instrument_of(notebooks, "fermi")
    (described,) = meta_data(instrument)
    assert described[0] == {"instrumet": "fermi"}
    assert described[1] == {"prod_dict": {"lc": "lc_query", "image": "image_query"}}
    names = [entry.get("name") for entry in described[2]]
    assert names[1:] == ["src_name", "RA", "DEC", "T1", "T2", "T_format", "token"]
    json.dumps(described)
    with pytest.raises(InvalidRequestError, match="two make the product 'lc'"):
        instrument_of([notebooks[0], notebooks[0]])
    with pytest.raises(InvalidRequestError, match="name"):
        instrument_of(notebooks, "../fermi")
