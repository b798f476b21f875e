"""A table whose columns are made when they are looked at is the one made at once."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import Column, QTable
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

from .pending_tables import ROWS, assert_same_column, assert_same_table, encoded

NAMES = [spec.name for spec in (*OBSERVATION, *PHOTON_FLUX)]
_row = st.builds(
    lambda row, obsid, band: row | {"obsid": obsid, "filter_band": band},
    ROW,
    st.none() | NAME | st.sampled_from(["Größe", "東", "", "a much longer one"]),
    st.none() | st.sampled_from("VgR"),
)


def _chunked(table, cuts):
    ends = sorted({0, *(cut % (table.num_rows + 1) for cut in cuts), table.num_rows})
    parts = [table.slice(a, b - a) for a, b in pairwise(ends)]
    return pa.concat_tables(parts) if parts else table


@st.composite
def _pairs(draw, min_size=0):
    """Draw a table made at once, and one of the same rows that is not made yet."""
    rows = draw(st.lists(_row, min_size=min_size, max_size=6))
    arrow = rows_to_arrow(rows_from_objects(rows))
    arrow = encoded(arrow) if draw(st.booleans()) else arrow
    arrow = _chunked(arrow, draw(st.lists(st.integers(0, 9), max_size=3)))
    order = None
    if draw(st.booleans()):
        chosen = draw(st.permutations(range(len(rows))))
        order = np.array(chosen[: draw(st.integers(min_size, len(rows)))], dtype=np.int64)
        rows = [rows[place] for place in order.tolist()]
    return observations_from_rows(rows), observations_from_arrow(arrow, order)


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
    gc.collect()
    before = pa.total_allocated_bytes()
    table = observations_from_arrow(rows_to_arrow(rows_from_objects(ROWS)))
    assert pa.total_allocated_bytes() > before
    assert len(list(table.columns.values())) == len(NAMES)
    gc.collect()
    assert pa.total_allocated_bytes() == before


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
