from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from astroquery_mmdc.sed import SED, FormatLossWarning
from astroquery_mmdc.sed.build import filled, text
from tests.sed.helpers import FLUX, OPTIONAL, STANDARD, assert_same, values

ENERGIES = st.floats(6, 29).map(lambda log: 10**log)
FINITE = st.floats(-20, -6).map(lambda log: 10**log)
FLUXES = st.one_of(FINITE, st.just(np.nan))
MJDS = st.floats(40000, 70000).filter(lambda mjd: mjd not in (50000.0, 55000.0))
DATES = st.one_of(st.tuples(MJDS, MJDS).map(sorted), st.just([np.nan, np.nan]))
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
WORDS = st.text(LETTERS, max_size=12)
NAMES = st.sampled_from(["NVSS", "ZTF", "MMDCXRT", "4FGL-DR4", "H.E.S.S."])


@st.composite
def seds(draw: Any, *, whole: bool = False, extras: bool = True) -> SED:
    """Make an SED; a whole one has a flux in every row, an error or a limit too."""
    size = draw(st.integers(0, 6))
    fluxes = FINITE if whole else FLUXES

    def column(strategy: Any) -> list[Any]:
        return draw(st.lists(strategy, min_size=size, max_size=size))

    limit = np.array(column(st.booleans()), dtype=bool)
    error = np.array(column(fluxes), dtype=float)
    if whole:
        error = np.where(limit, np.nan, error)
    dates = column(DATES)
    columns: dict[str, Any] = {
        "nu": column(ENERGIES) * u.Hz,
        "nufnu": column(fluxes) * FLUX,
        "nufnu_err": error * FLUX,
        "is_upper_limit": limit,
        "mjd_start": [start for start, _ in dates],
        "mjd_end": [end for _, end in dates],
        "catalog": column(NAMES),
        "reference": column(st.one_of(st.none(), WORDS)),
    }
    if extras and draw(st.booleans()):
        columns["nufnu_errn"], columns["nufnu_errp"] = 0.5 * error * FLUX, 1.5 * error * FLUX
        columns["nu_min"] = columns["nu"] * 0.9
        columns["nu_max"] = columns["nu"] * 1.1
        columns["instrument"] = column(st.one_of(st.none(), WORDS))
        columns["bibcode"] = column(st.one_of(st.none(), WORDS))
        columns["corrections"] = column(st.sampled_from(["", "ebl", "deredden,nh"]))
    source = {"name": "Mrk 421", "ra": 166.11381, "dec": 38.20883, "redshift": 0.031}
    return SED.from_columns(**columns, source=source)


def round_trip(sed: SED, name: str, **options: Any) -> SED:
    """Write and read without a format given for reading: the content has to say it."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatLossWarning)
        sed.write(content, format=name, **options)
    content.seek(0)
    return SED.read(content, format=name) if not len(sed) else SED.read(content)


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---------------------------------------------------------------- round trips


@quick
@given(seds())
def test_v1_csv(sed):
    assert_same(round_trip(sed, "mmdc.csv"), sed, STANDARD)


@quick
@given(seds())
def test_v1_json(sed):
    back = round_trip(sed, "mmdc.json")
    assert_same(back, sed, STANDARD)
    assert back.source["name"] == "Mrk 421"
    assert back.redshift == 0.031


@quick
@given(seds())
def test_legacy_csv(sed):
    sed = sed[np.char.find(text(sed["reference"]), "!") < 0]
    back = round_trip(sed, "mmdc.legacy")
    assert_same(back, sed, STANDARD - {"reference"})
    assert text(back["reference"]).tolist() == text(sed["reference"]).tolist()


@quick
@given(seds())
def test_fit_csv(sed):
    kept = sed[
        ~np.asarray(sed["is_upper_limit"], bool)
        & (filled(sed["nufnu_err"]) > 0)
        & np.isfinite(filled(sed["nufnu"]))
    ]
    assert_same(round_trip(sed, "mmdc.fit"), kept, {"nufnu_err"})


@quick
@given(seds(extras=False))
def test_ssdc_upload(sed):
    back = round_trip(sed, "ssdc.upload")
    assert_same(back, sed, STANDARD - {"catalog", "reference"})
    if len(sed):
        assert (back.source["ra"], back.source["dec"]) == (166.11381, 38.20883)


@quick
@given(seds())
def test_ssdc_export(sed):
    back = round_trip(sed, "ssdc.export")
    assert_same(back, sed, STANDARD - {"catalog", "reference"})
    assert_same(back, sed, {"nu_min", "nu_max"}, rtol=1e-12)


@quick
@given(seds())
def test_jetset(sed):
    back = round_trip(sed, "jetset")
    assert_same(back, sed, STANDARD | OPTIONAL)
    assert back.source == {"name": "Mrk 421", "redshift": 0.031}


@quick
@given(seds(whole=True))
def test_naima(sed):
    assert_same(round_trip(sed, "naima"), sed, STANDARD | OPTIONAL, rtol=1e-12)


@quick
@given(seds(whole=True))
def test_bjet(sed):
    names = {"nufnu_err", "nufnu_errn", "nufnu_errp", "nu_min", "nu_max", "catalog"}
    assert_same(round_trip(sed, "bjet"), sed, names | {"is_upper_limit"}, rtol=1e-9)


@quick
@given(seds(whole=True))
def test_gammapy(sed):
    _, first = np.unique(filled(sed["nu"]), return_index=True)
    sed = sed[first]
    back = round_trip(sed, "gammapy")
    assert_same(back, sed, STANDARD | OPTIONAL, rtol=1e-12)


@quick
@given(seds(whole=True))
def test_agnpy(sed):
    sed = sed.detections
    sed["nufnu"] = np.arange(1.0, len(sed) + 1) * FLUX
    back = round_trip(sed, "agnpy")
    back, sed = (
        table[np.lexsort([values(table, name) for name in (*sorted(STANDARD), "nufnu", "nu")])]
        for table in (back, sed)
    )
    assert_same(back, sed, STANDARD | OPTIONAL, rtol=1e-12)


@quick
@given(seds())
def test_ivoa(sed):
    back = round_trip(sed, "ivoa")
    assert_same(back, sed, STANDARD | OPTIONAL)
    assert back.meta == sed.meta


@quick
@given(seds())
def test_ecsv(sed):
    back = round_trip(sed, "ascii.ecsv")
    assert_same(back, sed, STANDARD | OPTIONAL)
    assert back.colnames == sed.colnames
    assert back.meta == sed.meta


@pytest.mark.parametrize("ending", ["ecsv", "fits", "parquet", "vot", "xml", "csv", "json"])
def test_the_ending_says_the_format(ending, tmp_path):
    sed = SED.from_columns(
        nu=[1, 2, 3] * u.keV,
        nufnu=[1e-11, np.nan, 3e-11] * FLUX,
        nufnu_err=[np.nan, 1e-12, 1e-12] * FLUX,
        is_upper_limit=[True, False, False],
        mjd_start=[58000.0, np.nan, 58001.0],
        mjd_end=[58000.0, np.nan, 58003.0],
        catalog=["A", "B", "C"],
        reference=[None, "two", "three"],
        source={"name": "x", "ra": 1.0, "dec": 2.0, "redshift": 0.5},
        meta={"mmdc": {"service": "s", "query": {"ra": 1.0}, "window": None}},
    )
    path = tmp_path / f"sed.{ending}"
    sed.write(path)
    back = SED.read(path)
    assert type(back) is SED
    assert_same(back, sed, STANDARD)
    if ending not in ("csv", "json"):
        assert back.meta["mmdc"] == sed.meta["mmdc"]
        assert back.meta["source"] == sed.meta["source"]
        assert back["nufnu"].info.description == sed["nufnu"].info.description or ending == "xml"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
