from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.filters import Filters, dates, row_order
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import ORDERINGS

from .helpers import BANDS, CATALOGS, chosen, observations, separations, sky

TABLE = observations(*sky(400))
ROWS = TABLE.to_pylist()
ENCODED = TABLE
for _name in ("catalog", "filter_band", "obsid", "created_at"):
    _place = TABLE.schema.get_field_index(_name)
    ENCODED = ENCODED.set_column(_place, _name, TABLE.column(_name).dictionary_encode())
# Chunks with dictionaries of their own, as several files have them.
ENCODED = pa.concat_tables([ENCODED.slice(0, 100), ENCODED.slice(100)])

FILTERS = st.builds(
    Filters,
    catalog=st.sampled_from([None, *CATALOGS, "NOSUCH"]),
    filter_band=st.sampled_from([None, "", BANDS[0], "nosuch"]),
    is_lightcurve=st.sampled_from([None, True, False]),
    is_upper_limit=st.sampled_from([None, True, False]),
    obsid=st.sampled_from([None, "obs-3", "nosuch"]),
    mjd_min=st.none() | st.floats(54000, 61000),
    mjd_max=st.none() | st.floats(54000, 61000),
)


@settings(max_examples=200, deadline=None)
@given(FILTERS, st.sampled_from([None, *ORDERINGS]), st.booleans(), st.none() | st.integers(0, 50))
def test_rows_are_chosen_and_ordered_as_the_service_does(filters, ordering, descending, limit):
    if ordering and descending:
        ordering = "-" + ordering
    cone = (10.0, 20.0, 180 * 3600.0)
    expected = chosen(ROWS, filters, ordering, cone=cone, limit=limit)
    for table in (TABLE, ENCODED):
        rows = table.filter(pa.array(filters.mask(table)))
        away = separations(*cone[:2], *(rows.column(name).to_numpy() for name in ("ra", "dec")))
        order = row_order(rows, ordering, separation=away, limit=limit)
        assert rows.column("id").take(pa.array(order)).to_pylist() == expected


def test_the_first_of_many_are_those_of_all():
    rng = np.random.default_rng(5)
    numbers = rng.permutation(4000)
    flux = rng.integers(0, 30, 4000) / 10
    for flux_err in (flux, np.where(numbers < 3990, np.nan, flux)):
        table = pa.table({"id": numbers, "flux": flux, "flux_err": pa.array(flux_err)})
        for ordering in (None, "flux", "-flux", "flux_err", "-flux_err"):
            everything = row_order(table, ordering)
            for limit in (0, 1, 7, 300, 499, 501, 5000):
                np.testing.assert_array_equal(
                    row_order(table, ordering, limit=limit), everything[:limit]
                )


def test_the_key_holds_exact_matches_only():
    assert Filters().key() == ""
    assert Filters(mjd_min=1.0, mjd_max=2.0).key() == ""
    assert Filters(filter_band="zg", catalog="ZTF").key() == '{"catalog":"ZTF","filter_band":"zg"}'
    assert Filters(is_lightcurve=False).key() == '{"is_lightcurve":false}'
    assert Filters(catalog="").key() == ""


@given(FILTERS)
def test_a_key_gives_its_filters_back(filters):
    again = Filters.from_key(filters.key())
    assert again.key() == filters.key()
    assert again.mjd_min is None
    timeless = dataclasses.replace(filters, mjd_min=None, mjd_max=None)
    np.testing.assert_array_equal(again.mask(TABLE), timeless.mask(TABLE))


def test_a_window_includes_its_ends_and_no_undated_row():
    columns = {
        "is_lightcurve": [True, True, False, False, False, False],
        "mjd_start": [1.0, None, 10.0, 20.0, None, None],
        "mjd_end": [2.0, None, 30.0, None, 20.0, None],
        "mjd_mid": [20.0, None, 99.0, 99.0, 99.0, 99.0],
    }
    table = pa.table(columns)
    np.testing.assert_array_equal(dates(table), [20, np.nan, 20, 20, 20, np.nan])
    keep = [True, False, True, True, True, False]
    assert Filters(mjd_min=20.0, mjd_max=20.0).mask(table).tolist() == keep
    assert Filters(mjd_min=0.0).mask(table).tolist() == keep
    assert not Filters(mjd_min=20.001).mask(table).any()


def test_no_rows_are_no_problem():
    empty = TABLE.slice(0, 0)
    assert len(Filters(catalog="ZTF", mjd_min=1.0).mask(empty)) == 0
    assert len(row_order(empty, "created_at")) == 0
    no_chunks = pa.table([pa.chunked_array([], field.type) for field in TABLE.schema], TABLE.schema)
    assert len(Filters(catalog="ZTF", is_lightcurve=True).mask(no_chunks)) == 0


@pytest.mark.parametrize("name", ["flux_err", "mjd_start", "created_at"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_missing_values_come_last(name, sign):
    place = TABLE.schema.get_field_index(name)
    values = TABLE.column(name).to_pylist()[:6]
    values[1] = values[4] = None
    table = TABLE.slice(0, 6).set_column(
        place, TABLE.schema.field(name), pa.array(values, TABLE.schema.field(name).type)
    )
    ordered = [values[row] for row in row_order(table, sign + name)]
    missing = sum(value is None for value in values)
    assert ordered[-missing:] == [None] * missing
    known = ordered[:-missing]
    assert known == sorted(known, reverse=bool(sign))


def test_an_unknown_ordering_is_named():
    with pytest.raises(InvalidRequestError, match="'magnitude' is unknown; use mjd_mid"):
        row_order(TABLE, "-magnitude")
    with pytest.raises(InvalidRequestError, match="sep_arcsec needs a position"):
        row_order(TABLE, "sep_arcsec")
