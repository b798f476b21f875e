"""A table whose columns are made when they are looked at is the one made at once."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import threading
import weakref
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import Column, QTable, Table, hstack, join, unique, vstack
from astropy.table.table import TableColumns
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.arrow import (
    OBSERVATION_SCHEMA,
    observations_from_arrow,
    rows_to_arrow,
)
from astroquery_mmdc.schema.columns import OBSERVATION, PHOTON_FLUX
from astroquery_mmdc.schema.pending import PendingColumns, pending_table
from astroquery_mmdc.schema.rows import rows_from_objects
from astroquery_mmdc.schema.tables import observations_from_rows
from tests.schema.helpers import NAME, ROW

NAMES = [spec.name for spec in (*OBSERVATION, *PHOTON_FLUX)]
_row = st.builds(
    lambda row, obsid, band: row | {"obsid": obsid, "filter_band": band},
    ROW,
    st.none() | NAME | st.sampled_from(["Größe", "東", "", "a much longer one"]),
    st.none() | st.sampled_from("VgR"),
)


def _encoded(table):
    """Return rows as the store keeps them: texts that repeat as numbers."""
    for name in ("catalog", "filter_band"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).dictionary_encode())
    reference = table.column("reference").combine_chunks()
    children = [child.dictionary_encode() for child in reference.flatten()]
    names = [field.name for field in reference.type]
    encoded = pa.StructArray.from_arrays(children, names, mask=reference.is_null())
    return table.set_column(table.column_names.index("reference"), "reference", encoded)


def _chunked(table, cuts):
    ends = sorted({0, *(cut % (table.num_rows + 1) for cut in cuts), table.num_rows})
    parts = [table.slice(a, b - a) for a, b in pairwise(ends)]
    return pa.concat_tables(parts) if parts else table


@st.composite
def _pairs(draw, min_size=0):
    """Draw a table made at once, and one of the same rows that is not made yet."""
    rows = draw(st.lists(_row, min_size=min_size, max_size=6))
    arrow = rows_to_arrow(rows_from_objects(rows))
    arrow = _encoded(arrow) if draw(st.booleans()) else arrow
    arrow = _chunked(arrow, draw(st.lists(st.integers(0, 9), max_size=3)))
    order = None
    if draw(st.booleans()):
        chosen = draw(st.permutations(range(len(rows))))
        order = np.array(chosen[: draw(st.integers(min_size, len(rows)))], dtype=np.int64)
        rows = [rows[place] for place in order.tolist()]
    return observations_from_rows(rows), observations_from_arrow(arrow, order)


def assert_same_column(given, expected):
    assert type(given) is type(expected)
    assert given.dtype == expected.dtype
    assert given.shape == expected.shape
    assert getattr(given, "unit", None) == getattr(expected, "unit", None)
    plain, right = (np.asarray(getattr(x, "unmasked", x)) for x in (given, expected))
    mask, right_mask = (
        np.broadcast_to(getattr(x, "mask", False), x.shape) for x in (given, expected)
    )
    np.testing.assert_array_equal(mask, right_mask)
    np.testing.assert_array_equal(plain[~mask], right[~mask])
    assert plain.flags.writeable
    for fact in ("name", "description", "format", "meta", "unit", "dtype"):
        assert getattr(given.info, fact) == getattr(expected.info, fact), fact
    assert str(given.info.indices) == str(expected.info.indices)
    if hasattr(expected, "fill_value"):
        assert given.fill_value == expected.fill_value


def assert_same_table(given, expected):
    assert type(given) is type(expected)
    assert given.colnames == expected.colnames
    assert len(given) == len(expected)
    assert given.meta == expected.meta
    for name in expected.colnames:
        assert_same_column(given[name], expected[name])
        # After a deep copy, in older versions of astropy, it is None.
        belongs = expected[name].info.parent_table is expected
        assert (given[name].info.parent_table is given) == belongs


# ---------------------------------------------------------------- columns


@settings(deadline=None)
@given(_pairs(), st.lists(st.sampled_from(NAMES), max_size=8))
def test_whatever_is_looked_at_first_the_table_is_the_same(pair, looked_at):
    expected, table = pair
    assert len(table) == len(expected)
    for name in looked_at:
        assert_same_column(table[name], expected[name])
        assert table[name] is table[name]
    assert_same_table(table, expected)
    assert [str(line) for line in table.pformat(max_width=-1)] == expected.pformat(max_width=-1)


_step = st.one_of(
    st.tuples(st.just("look"), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES)),
    st.tuples(st.just("replace"), st.sampled_from(NAMES)),
    st.tuples(st.just("add"), st.integers(0, 3)),
    st.tuples(st.just("row"), st.integers(0, 5)),
    st.tuples(st.just("drop_row"), st.integers(0, 5)),
    st.tuples(st.just("change"), st.sampled_from(["flux", "mjd_mid", "catalog"])),
    st.tuples(st.just("sort"), st.sampled_from(["id", "catalog", "ra"])),
)


def _do(table, step, value, number):
    if isinstance(value, str) and value not in table.colnames:
        return None
    if step in ("row", "drop_row", "change") and not len(table):
        return None
    if step == "look":
        return [str(cell) for cell in table[value]]
    if step == "remove":
        table.remove_column(value)
    elif step == "rename":
        table.rename_column(value, f"{value}_{number}")
    elif step == "replace":
        table[value] = np.arange(len(table))
    elif step == "add":
        table.add_column(np.arange(len(table)), name=f"new_{number}", index=value)
    elif step == "row":
        return [str(cell) for cell in table[value % len(table)]]
    elif step == "drop_row":
        table.remove_row(value % len(table))
    elif step == "change":
        table[value][0] = table[value][-1]
    elif step == "sort":
        table.sort(value)
    return table.colnames


@settings(deadline=None)
@given(_pairs(), st.lists(_step, max_size=8))
def test_whatever_is_done_to_it_the_table_is_the_same(pair, steps):
    expected, table = pair
    for number, (step, value) in enumerate(steps):
        assert _do(table, step, value, number) == _do(expected, step, value, number)
        assert len(table) == len(expected)
    assert_same_table(table, expected)


# ---------------------------------------------------------------- operations of tables


ROWS = [
    {
        "id": number,
        "catalog": catalog,
        "ra": 10.0 + number,
        "dec": -5.0,
        "flux": flux,
        "frequency": 1e14,
        "is_upper_limit": number == 2,
        "is_lightcurve": True,
        "mjd_mid": 58000.0 + number,
        "filter_band": band,
        "sky_identifier": number,
        "reference": {"citation": "Author, 2020", "bibcode": None, "url": None},
        "created_at": "2026-09-01T10:00:00Z",
    }
    for number, (catalog, flux, band) in enumerate(
        [("ZTF", 1e-12, "g"), ("MMDCGR", 2e-8, None), ("ZTF", 3e-12, "r"), ("NVSS", None, None)]
    )
]


@pytest.fixture
def pair():
    arrow = _encoded(rows_to_arrow(rows_from_objects(ROWS)))
    table, expected = observations_from_arrow(arrow), observations_from_rows(ROWS)
    table.meta["mmdc"] = expected.meta["mmdc"] = {"query": {"ra": 10.0}}
    return expected, table


def _written(table, **options):
    text = io.StringIO()
    table.write(text, **options)
    return text.getvalue()


def _in_place(do):
    def method(table):
        do(table)
        return table

    return method


def _with_index(table):
    table.add_index("id")
    return table.loc[[1, 2]]


OPERATIONS = {
    "copy": lambda t: t.copy(),
    "copy of names": lambda t: t.copy(copy_data=False),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
    "slice": lambda t: t[1:3],
    "mask": lambda t: t[t["is_upper_limit"]],
    "rows by number": lambda t: t[[2, 0]],
    "no rows": lambda t: t[[]],
    "some columns": lambda t: t["flux", "mjd_mid"],
    "QTable": QTable,
    "Table": Table,
    "vstack": lambda t: vstack([t, t]),
    "hstack": lambda t: hstack([t, t]),
    "join": lambda t: join(t, t["id", "flux"], keys="id"),
    "unique": lambda t: unique(t, "catalog"),
    "group_by": lambda t: t.group_by("catalog"),
    "groups": lambda t: t.group_by("catalog").groups[1],
    "index": _with_index,
    "where": lambda t: t[np.where(t["flux"].mask)[0]],
    "sort": _in_place(lambda t: t.sort("mjd_mid", reverse=True)),
    "reverse": _in_place(lambda t: t.reverse()),
    "add_row": _in_place(lambda t: t.add_row(t[0])),
    "remove_rows": _in_place(lambda t: t.remove_rows([0, 2])),
    "add_column": _in_place(lambda t: t.add_column([1, 2, 3, 4], name="new", index=2)),
    "update": _in_place(lambda t: t.update({"flux": [1, 2, 3, 4] * u.Jy})),
    "rename_columns": _in_place(lambda t: t.rename_columns(["flux", "ra"], ["f", "alpha"])),
    "keep_columns": _in_place(lambda t: t.keep_columns(["flux", "id"])),
    "remove_columns": _in_place(lambda t: t.remove_columns(["id", "ra"])),
    "replace_column": _in_place(lambda t: t.replace_column("id", Column([4, 3, 2, 1]))),
    "set a column": _in_place(lambda t: t.__setitem__("ra", t["ra"].to(u.rad))),
    "set a value": _in_place(lambda t: t["dec"].__setitem__(0, 3 * u.deg)),
    "set a row": _in_place(lambda t: t.__setitem__(0, list(t[3]))),
    "the name of a column": _in_place(lambda t: setattr(t["ra"].info, "name", "alpha")),
    "only one column": _in_place(lambda t: t.keep_columns("flux") or t.replace_column("flux", [1])),
    "|": lambda t: t | Table({"new": [1, 2, 3, 4]}),
    "with_units": lambda t: t.convert_bytestring_to_unicode() or t,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_of_tables(pair, name):
    expected, table = pair
    try:
        expected = OPERATIONS[name](expected)
    except Exception as err:
        # Older versions of astropy cannot copy or pickle a masked Quantity.
        with pytest.raises(type(err)):
            OPERATIONS[name](table)
    else:
        assert_same_table(OPERATIONS[name](table), expected)


FACTS = {
    "repr": repr,
    "str": str,
    "html": lambda t: t._repr_html_().replace(str(id(t)), ""),
    "info": lambda t: [list(map(str, row)) for row in t.info(out=None)],
    "dtype": lambda t: t.dtype,
    "names": lambda t: (t.keys(), t.colnames, list(t.columns), "flux" in t.columns),
    "length": lambda t: (len(t), len(t.columns)),
    "a row": lambda t: [str(cell) for cell in t[1]],
    "values of a row": lambda t: (str(t[1]["flux"]), t[-1]["catalog"], t[0]["mjd_mid"].value),
    "rows": lambda t: [(row["id"], str(row["filter_band"])) for row in t],
    "iterrows": lambda t: list(t.iterrows("id", "catalog")),
    "array": lambda t: str(t.as_array()),
    "masks": lambda t: (t.has_masked_columns, t.has_mixin_columns, t.masked),
    "equal": lambda t: (t == t).tolist(),
    "ECSV": lambda t: _written(t, format="ascii.ecsv"),
    "CSV": lambda t: _written(t, format="ascii.csv"),
    "a column by number": lambda t: t.columns[-1].info.name,
    "columns by slice": lambda t: repr(t.columns[1:3]),
    "columns by names": lambda t: repr(t.columns["id", "ra"]),
    "get": lambda t: (t.columns.get("nothing", 3), t.columns.get("ra").value.tolist()),
    "columns of a class": lambda t: [c.info.name for c in t.columns.isinstance(Column)],
    "columns as a dict": lambda t: {name: str(c) for name, c in dict(t.columns).items()},
    "columns unpacked": lambda t: {name: str(c) for name, c in {**t.columns}.items()},
    "columns copied": lambda t: [str(c) for c in t.columns.copy().values()],
    "columns taken": lambda t: (str(t.columns.pop("ra")), t.columns.popitem()[0], len(t.columns)),
    "items": lambda t: [(name, str(c)) for name, c in t.items()],
    "itercols": lambda t: [str(c) for c in t.itercols()],
    "backwards": lambda t: list(reversed(t.columns)),
}


@pytest.mark.parametrize("name", FACTS)
def test_what_a_table_says_of_itself(pair, name):
    expected, table = pair
    assert FACTS[name](table) == FACTS[name](expected)
    if name != "columns taken":
        assert_same_table(table, expected)


def test_as_pandas(pair):
    pytest.importorskip("pandas")
    expected, table = pair
    assert table.to_pandas().equals(expected.to_pandas())


# ---------------------------------------------------------------- only what is needed


def _counting(made, size=3):
    def maker(name):
        def make():
            made.append(name)
            return Column(np.arange(size))

        return make

    return pending_table({name: maker(name) for name in "abc"}, size)


def test_a_column_is_made_once_and_only_when_it_is_looked_at():
    made = []
    table = _counting(made)
    assert (len(table), table.colnames, "a" in table.columns) == (3, ["a", "b", "c"], True)
    table.meta["x"] = 1
    assert repr(table.columns) == "<PendingColumns names=('a','b','c')>"
    assert made in ([], ["a"])
    made.clear()
    assert table["b"] is table["b"]
    assert [row["b"] for row in table] == [0, 1, 2]
    assert made == ["b"]
    table["d"] = [1, 2, 3]
    assert "c" not in made
    assert type(table) is QTable


def test_when_all_are_made_the_columns_are_ordinary_ones():
    table = _counting([])
    assert isinstance(table.columns, PendingColumns)
    columns = table.columns
    assert list(columns.values()) == list(columns.values())
    assert type(columns) is TableColumns
    assert columns == copy.copy(columns)
    assert columns != {}


def test_columns_of_two_tables_compare():
    one, other = _counting([], 1), _counting([], 1)
    assert one.columns == other.columns
    differ = _counting([], 1).columns != _counting([], 1).columns
    assert not differ
    assert len(pickle.loads(pickle.dumps(_counting([]).columns))) == 3


def test_columns_outlive_their_table():
    columns = _counting([]).columns
    gc.collect()
    assert columns["a"].parent_table is None


def test_nothing_is_held_when_all_is_made():
    held = observations_from_arrow(rows_to_arrow(rows_from_objects(ROWS)))
    arrow = weakref.ref(next(iter(held.columns.values())))
    rows = pa.total_allocated_bytes()
    del held
    gc.collect()
    assert arrow() is None
    assert pa.total_allocated_bytes() <= rows


def test_threads_get_the_same_column():
    made, found = [], []
    table = _counting(made)
    start = threading.Barrier(8)

    def look():
        start.wait()
        found.append((table["a"], table[1]["b"], list(table.columns.values())))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["a", "b", "c"]
    assert {id(column) for column, _, _ in found} == {id(table["a"])}
    assert all(columns[0] is table["a"] for _, _, columns in found)


def test_an_error_comes_each_time_it_is_looked_at():
    def fail():
        msg = "no such file"
        raise OSError(msg)

    table = pending_table({"a": fail, "b": lambda: Column([1])}, 1)
    for _ in range(2):
        with pytest.raises(OSError, match="no such file"):
            table["a"]
    assert table["b"].tolist() == [1]


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", None), ("catalog", None), ("ra", None), ("dec", np.nan), ("sky_identifier", None)],
)
def test_a_missing_required_value_is_an_error_at_once(name, value):
    arrow = pa.Table.from_pylist([*ROWS, ROWS[0] | {name: value}], schema=OBSERVATION_SCHEMA)
    with pytest.raises(ParseError, match=rf"^{name}: row 4 has no value, but one is required"):
        observations_from_arrow(arrow)


def test_a_column_is_not_arrows_own_memory():
    arrow = rows_to_arrow(rows_from_objects(ROWS))
    table = observations_from_arrow(arrow)
    table["ra"] += 1 * u.deg
    table["catalog"][0] = "MAGIC"
    table["is_lightcurve"][:] = False
    again = observations_from_arrow(arrow)
    assert again["ra"][0] == 10 * u.deg
    assert (again["catalog"][0], again["is_lightcurve"][0]) == ("ZTF", True)
    # What other columns depend on is what came, not what became of it.
    assert table["photon_flux"].mask.tolist() == again["photon_flux"].mask.tolist()
