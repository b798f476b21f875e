from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.arrow import observations_from_arrow, observations_to_arrow
from astroquery_mmdc.schema.columns import OBSERVATION, PHOTON_FLUX
from astroquery_mmdc.schema.rows import decode_rows
from astroquery_mmdc.schema.tables import (
    decode_json,
    observations_from_rows,
    sed_columns,
    sed_to_json,
)
from tests.schema.helpers import MAYBE, NAME, NUMBER, ROW


@given(st.lists(ROW, max_size=5))
def test_observations_survive_the_table_without_loss(rows):
    assert observations_to_arrow(observations_from_rows(rows)).to_pylist() == rows


@given(st.lists(ROW, max_size=5))
def test_arrow_and_json_give_the_same_table(rows):
    table = observations_from_rows(rows)
    arrow = observations_to_arrow(table)
    assert observations_to_arrow(observations_from_arrow(arrow)).to_pylist() == rows


def test_no_rows_still_have_all_columns_and_units():
    table = observations_from_rows([])
    assert table.colnames == [c.name for c in OBSERVATION] + [c.name for c in PHOTON_FLUX]
    assert table["flux"].unit == u.Unit("erg / (s cm2)")
    assert table["photon_flux"].unit == u.Unit("ph / (s cm2)")
    assert table["nu"].unit == u.Hz


def _observation(**values):
    row = dict.fromkeys(c.wire for c in OBSERVATION if c.wire not in ("citation", "bibcode", "url"))
    row |= {"id": 1, "catalog": "ZTF", "ra": 1.0, "dec": 2.0, "flux": 3.0, "sky_identifier": 4}
    row |= {"is_lightcurve": True, "is_upper_limit": False, "reference": None}
    return row | values


def test_fermi_light_curves_go_to_the_photon_flux_column():
    table = observations_from_rows(
        [
            _observation(catalog="MMDCGR", flux=1e-7, flux_err=1e-8),
            _observation(catalog="MMDCGR", flux=1e-11, is_lightcurve=False),
            _observation(catalog="ZTF", flux=2e-11),
        ]
    )
    assert table["photon_flux"].mask.tolist() == [False, True, True]
    assert table["flux"].mask.tolist() == [True, False, False]
    assert table["photon_flux"][0] == 1e-7 * u.Unit("ph / (s cm2)")


def test_a_missing_required_value_is_an_error_that_names_it():
    with pytest.raises(ParseError, match=r"^ra: row 1 has no value"):
        observations_from_rows([_observation(), _observation(ra=None)])


def test_a_text_where_a_number_should_be():
    with pytest.raises(
        ParseError, match=r"Expected `float \| null`, got `str` at `rows\[0\]\.flux`"
    ):
        observations_from_rows([_observation(flux="bright")])


def test_rows_that_are_no_objects():
    with pytest.raises(ParseError, match=r"Expected `object`, got `str` at `rows\[0\]`"):
        observations_from_rows(["x"])


def test_older_rows_without_newer_fields_are_masked():
    row = _observation()
    del row["spectral_index"], row["mjd_mid"]
    table = observations_from_rows([row])
    assert table["spectral_index"].mask.all()
    assert table["mjd_mid"].mask.all()


# ---------------------------------------------------------------- SED


_dates = st.one_of(
    st.just((50000.0, 50000.0, True)),
    st.tuples(st.floats(40000, 49999), st.floats(50001, 70000), st.just(False)),
)
_point = st.tuples(
    st.floats(1e6, 1e30),
    NUMBER,
    MAYBE,
    st.booleans(),
    _dates,
    st.tuples(NAME, st.none() | NAME, st.none() | NAME),
)


def _sed(points):
    catalogs = list(dict.fromkeys(p[5] for p in points))
    return {
        "freq_hz": [p[0] for p in points],
        "nufnu": [p[1] for p in points],
        "nufnu_err": [p[2] for p in points],
        "is_ul": [p[3] for p in points],
        "mjd_start": [p[4][0] for p in points],
        "mjd_end": [p[4][1] for p in points],
        "undated": [p[4][2] for p in points],
        "catalog_idx": [catalogs.index(p[5]) for p in points],
        "catalogs": [
            {"name": name, "band": band, "reference": reference, "color": None}
            for name, band, reference in catalogs
        ],
    }


@given(st.lists(_point, max_size=6))
def test_sed_points_survive_the_table_without_loss(points):
    sed = _sed(points)
    assert sed_to_json(QTable(sed_columns(sed))) == sed


@pytest.mark.parametrize(
    ("dates", "legacy", "expected"),
    [
        ((50000.0, 50000.0), False, True),
        ((None, None), False, True),
        ((55000.0, 55000.0), False, False),
        ((55000.0, 55000.0), True, True),
        ((54999.5, 55000.5), True, False),
        ((50000.0, 50001.0), False, False),
    ],
)
def test_undated_placeholders(dates, legacy, expected):
    sed = _sed([(1e10, 1.0, None, False, (*dates, True), ("NVSS", None, None))])
    del sed["undated"]
    columns = sed_columns(sed, legacy=legacy)
    assert columns["undated"].tolist() == [expected]
    assert bool(getattr(columns["mjd_start"], "mask", np.array([False]))[0]) is expected


def test_the_undated_column_comes_before_the_placeholder():
    sed = _sed([(1e10, 1.0, None, False, (50000.0, 50000.0, False), ("X", None, None))])
    columns = sed_columns(sed)
    assert columns["undated"].tolist() == [False]
    assert columns["mjd_start"][0] == 50000 * u.d


@pytest.mark.parametrize("index", [[5], [-1], []])
def test_a_catalogue_index_that_points_nowhere(index):
    sed = _sed([(1e10, 1.0, None, False, (50000.0, 50000.0, True), ("X", None, None))])
    sed["catalog_idx"] = index
    with pytest.raises(ParseError, match="catalog_idx"):
        sed_columns(sed)


def test_columns_of_different_lengths():
    sed = _sed([(1e10, 1.0, None, False, (50000.0, 50000.0, True), ("X", None, None))])
    sed["nufnu"] = [1.0, 2.0]
    with pytest.raises(ParseError, match=r"sed.nufnu has 2 values for 1 frequencies"):
        sed_columns(sed)


# ---------------------------------------------------------------- JSON


def test_json_with_nan_as_python_servers_write_it():
    assert decode_json(json.dumps({"x": [1.0, float("inf")]}).encode())["x"][1] == float("inf")
    assert np.isnan(decode_json('{"x": NaN}')["x"])


@pytest.mark.parametrize("body", [b"<html>\n <body>busy", b'{"a": [1, 2', b"", b"\xff\xfe"])
def test_what_is_no_json_says_how_it_begins(body):
    with pytest.raises(ParseError, match="the answer is not JSON") as caught:
        decode_json(body)
    assert caught.value.excerpt == " ".join(body.decode("utf-8", "replace").split())


@pytest.mark.parametrize("body", [b"[" * 100_000, '{"a":' * 100_000])
def test_json_that_is_too_deep_is_an_answer_that_cannot_be_read(body):
    with pytest.raises(ParseError, match="the answer is nested too deeply to be read") as caught:
        decode_json(body)
    assert len(caught.value.excerpt) == 120


def test_rows_with_something_too_deep():
    body = b'[{"id": 1, "unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]"
    with pytest.raises(ParseError, match="nested too deeply"):
        decode_rows(body)
