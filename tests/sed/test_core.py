from __future__ import annotations

import copy
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, vstack
from astropy.time import Time

import astroquery_mmdc
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.columns import SED_POINT
from astroquery_mmdc.sed import SED
from astroquery_mmdc.sed.build import filled, text

FLUX = u.Unit("erg s-1 cm-2")
NAMES = [spec.name for spec in SED_POINT]


@pytest.fixture
def sed() -> SED:
    return SED.from_columns(
        nu=[1.4e9, 5e14, 2.4e17, 2.4e25] * u.Hz,
        nufnu=[1e-14, 4e-11, 1e-10, 2e-11] * FLUX,
        nufnu_err=[3e-16, np.nan, 5e-12, np.nan] * FLUX,
        is_upper_limit=[False, False, False, True],
        mjd_start=[np.nan, 58001.3, 58001.4, 57900.0],
        mjd_end=[np.nan, 58001.3, 58001.5, 58100.0],
        catalog=["NVSS", "ZTF", "MMDCXRT", "VERITAS"],
        reference=["1998AJ....115.1693C", None, None, "made up"],
        source={"name": "Mrk 421", "ra": 166.1, "dec": 38.2, "redshift": 0.031},
        meta={"mmdc": {"service": "x", "query": {"ra": 166.1}}},
    )


def test_public_name_is_the_same_class():
    assert astroquery_mmdc.SED is SED


def test_all_columns_have_names_units_and_descriptions(sed):
    assert sed.colnames == NAMES
    for spec in SED_POINT:
        assert str(getattr(sed[spec.name], "unit", None) or "") == str(
            u.Unit(spec.unit) if spec.unit else ""
        )
        assert sed[spec.name].info.description == spec.description


def test_missing_values_are_masked(sed):
    assert sed["nufnu_err"].mask.tolist() == [False, True, False, True]
    assert sed["mjd_start"].mask.tolist() == [True, False, False, False]
    assert sed["reference"].mask.tolist() == [False, True, True, False]
    assert sed["undated"].tolist() == [True, False, False, False]


def test_defaults():
    sed = SED({"nu": [1, 2] * u.keV, "nufnu": [1, 2] * FLUX})
    assert sed["nu"].unit == u.Hz
    assert not sed["is_upper_limit"].any()
    assert sed["undated"].all()
    assert sed["nufnu_err"].mask.all()
    assert sed["band"].tolist() == ["x_rays", "x_rays"]
    assert sed["catalog"].tolist() == ["", ""]
    assert sed["reference"].mask.all()


def test_wavelengths_and_times_are_understood():
    sed = SED.from_columns(
        nu=[5000] * u.AA,
        nufnu=[1.0] * u.Unit("W m-2"),
        mjd_start=Time([58000.0], format="mjd", scale="tai"),
        mjd_end=58001 * np.ones(1) * u.d,
    )
    assert sed["nu"][0].value == pytest.approx(5.9958e14, rel=1e-4)
    assert sed["nufnu"][0].value == pytest.approx(1e3)
    assert sed["mjd_start"][0].value == pytest.approx(58000 - 37 / 86400, abs=1e-9)


def test_asymmetric_errors_give_the_mean():
    sed = SED.from_columns(
        nu=[1] * u.keV, nufnu=[9] * FLUX, nufnu_errn=[1] * FLUX, nufnu_errp=[3] * FLUX
    )
    assert sed["nufnu_err"][0] == 2 * FLUX
    assert sed.colnames[-2:] == ["nufnu_errn", "nufnu_errp"]


@pytest.mark.parametrize(
    ("columns", "parameter", "words"),
    [
        ({"nu": [1] * u.Hz}, "nufnu", "nufnu missing"),
        ({"nufnu": [1] * FLUX, "energy": [1] * u.eV}, "nu", "nu missing"),
        ({"nu": [1.0], "nufnu": [1] * FLUX}, "nu", "no unit"),
        ({"nu": [1] * u.Hz, "nufnu": [1.0]}, "nufnu", "no unit"),
        ({"nu": [1] * u.Hz, "nufnu": [1] * u.Jy}, "nufnu", "does not lead to"),
        ({"nu": [1] * u.deg, "nufnu": [1] * FLUX}, "nu", "does not lead to"),
        ({"nu": [1, -1] * u.Hz, "nufnu": [1, 1] * FLUX}, "nu", "row 1 is -1"),
        ({"nu": [1] * u.Hz, "nufnu": [np.inf] * FLUX}, "nufnu", "row 0 is inf"),
        ({"nu": [1] * u.Hz, "nufnu": [1] * FLUX, "is_upper_limit": ["UL"]}, "is_upper_limit", "UL"),
        ({"nu": [1] * u.Hz, "nufnu": [1] * FLUX, "mjd_start": ["x"]}, "mjd_start", "Time"),
    ],
)
def test_wrong_columns_are_refused(columns, parameter, words):
    with pytest.raises(InvalidRequestError, match=words) as caught:
        SED(columns)
    assert caught.value.parameter == parameter


def test_masked_columns_of_other_tables_are_taken():
    table = QTable(
        {
            "nu": MaskedColumn([1e9, 2e9], mask=[False, True], unit="Hz"),
            "nufnu": MaskedColumn([1e-14, 2e-14], mask=[True, False], unit=FLUX, dtype="f4"),
            "is_upper_limit": MaskedColumn([1, 0], mask=[False, True]),
            "catalog": np.array([b"A", b"B"]),
        }
    )
    sed = SED(table)
    assert np.isnan(filled(sed["nu"])).tolist() == [False, True]
    assert np.isnan(filled(sed["nufnu"])).tolist() == [True, False]
    assert sed["nufnu"].dtype == np.float64
    assert sed["is_upper_limit"].tolist() == [True, False]
    assert sed["catalog"].tolist() == ["A", "B"]


def test_survives_slices_masks_copies_and_stacks(sed):
    for part in (sed[:2], sed[[0, 1]], sed[np.array([True, True, False, False])]):
        assert type(part) is SED
        assert part.colnames == NAMES
        assert part.meta == sed.meta
    for clone in (sed.copy(), copy.deepcopy(sed), SED(sed)):
        assert type(clone) is SED
        assert clone["reference"].mask.tolist() == sed["reference"].mask.tolist()
    both = vstack([sed, sed[:1]], metadata_conflicts="silent")
    assert type(both) is SED
    assert len(both) == 5
    assert both["nufnu_err"].mask.tolist() == [False, True, False, True, False]
    assert sed.group_by("catalog").groups.keys["catalog"].tolist() == sorted(sed["catalog"])


def test_several_columns_are_a_plain_table(sed):
    part = sed["nu", "catalog"]
    assert type(part) is QTable
    assert part.colnames == ["nu", "catalog"]
    assert type(sed[["nufnu"]]) is QTable


def test_extra_columns_stay(sed):
    sed["mine"] = [1, 2, 3, 4]
    assert sed[1:].between(58001, 58002)["mine"].tolist() == [2, 3]
    assert SED(sed.copy())["mine"].tolist() == [1, 2, 3, 4]


def test_times(sed):
    assert sed.time_start.scale == "utc"
    assert np.asarray(sed.time_start.mask).tolist() == [True, False, False, False]
    assert sed.time_end[2].mjd == 58001.5
    assert len(sed[:0].time_start) == 0


def test_facts(sed):
    assert sed.redshift == 0.031
    assert sed.source["name"] == "Mrk 421"
    bare = SED({"nu": [1] * u.Hz, "nufnu": [1] * FLUX})
    assert bare.redshift is None
    assert bare.source == {}


def test_detections_and_limits(sed):
    assert sed.detections["catalog"].tolist() == ["NVSS", "ZTF", "MMDCXRT"]
    assert sed.upper_limits["catalog"].tolist() == ["VERITAS"]


def test_select(sed):
    assert sed.select("ZTF")["catalog"].tolist() == ["ZTF"]
    assert sed.select(["ZTF", "NVSS"])["catalog"].tolist() == ["NVSS", "ZTF"]
    assert sed.select(exclude="ZTF")["catalog"].tolist() == ["NVSS", "MMDCXRT", "VERITAS"]
    assert sed.select(bands="x_rays")["catalog"].tolist() == ["MMDCXRT"]
    assert sed.select(nu_min=1 * u.eV, nu_max=1 * u.MeV)["catalog"].tolist() == ["ZTF", "MMDCXRT"]
    assert sed.select(nu_max=1 * u.mm)["catalog"].tolist() == ["NVSS"]
    assert sed.select(upper_limits=False, bands=["gamma_rays"])["catalog"].tolist() == []
    assert len(sed.select()) == 4


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"bands": "optical"}, "no part of the spectrum"),
        ({"nu_min": 1e9}, "no unit"),
        ({"nu_min": 2 * u.keV, "nu_max": 1 * u.keV}, "exchange"),
    ],
)
def test_select_refuses(sed, condition, words):
    with pytest.raises(InvalidRequestError, match=words):
        sed.select(**condition)


def test_converted(sed):
    table = sed.converted("eV", "Jy")
    assert table.colnames == ["x", "y", "y_err"]
    assert table["x"].unit == u.eV
    expected = (sed["nufnu"].unmasked if hasattr(sed["nufnu"], "unmasked") else sed["nufnu"]) / (
        sed["nu"]
    )
    assert u.allclose(table["y"], expected, rtol=1e-12)
    assert table["y_err"].mask.tolist() == [False, True, False, True]
    website = sed.converted("Hz", "eV cm-2 s-1", website_compatible=True)["y"][1]
    assert website.value == pytest.approx(4e-11 * 6.242e11, rel=1e-12)


def test_unmasked(sed):
    plain = sed.unmasked()
    assert type(plain) is QTable
    assert not any(hasattr(plain[name], "mask") for name in plain.colnames)
    assert np.isnan(plain["nufnu_err"].value).tolist() == [False, True, False, True]
    assert plain["reference"].tolist() == ["1998AJ....115.1693C", "", "", "made up"]


def test_cite_names_only_what_is_there(sed):
    assert "1998AJ....115.1693C" in sed.cite()
    assert "1998AJ....115.1693C" not in sed[1:].cite()


def test_to_csv_writes_the_file_too(sed, tmp_path):
    path = tmp_path / "x.csv"
    assert sed.to_csv(path) == path.read_text()
    with pytest.raises(OSError, match="overwrite=True"):
        sed.to_csv(path)
    sed[:1].to_csv(path, overwrite=True)
    assert len(path.read_text().splitlines()) == 2


def test_empty_one_row_and_all_masked():
    empty = SED.from_columns(nu=[] * u.Hz, nufnu=[] * FLUX)
    assert empty.colnames == NAMES
    assert len(empty.between(1, 2)) == 0
    assert empty.to_csv().count("\n") == 1
    masked = SED.from_columns(nu=[1, 2] * u.keV, nufnu=[np.nan, np.nan] * FLUX)
    assert masked["nufnu"].mask.all()
    assert len(masked[:1].converted("eV", "Jy")) == 1
    assert text(masked[:1]["reference"]).tolist() == [""]


def test_large_tables_are_fast():
    rng = np.random.default_rng(1)
    size = 25_000
    begin = time.perf_counter()
    sed = SED.from_columns(
        nu=10 ** rng.uniform(9, 27, size) * u.Hz,
        nufnu=10 ** rng.uniform(-14, -10, size) * FLUX,
        mjd_start=rng.uniform(54000, 60000, size),
    )
    sed.between(58000, 58100).select(bands="x_rays").converted("eV", "Jy")
    # Generous: it takes some hundredths of a second.
    assert time.perf_counter() - begin < 3


def test_it_draws_itself():
    pytest.importorskip("matplotlib")
    sed = SED.from_columns(nu=[1e15] * u.Hz, nufnu=[1e-11] * FLUX, catalog="mine")
    ax = sed.plot(x="eV", color_by="band")
    assert ax.get_xlabel() == "Energy [eV]"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ultraviolet"]
