from __future__ import annotations

import gzip
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.sed import SED, FormatLossWarning
from astroquery_mmdc.sed.build import filled, text
from tests.sed.helpers import EXPECTED, FLUX, STANDARD, assert_same

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "sed_formats"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not here")


def test_legacy_flags_placeholders_and_references():
    rows = [
        "1e9,1e-14,1e-15,55000.0,55000.0,NaN,NVSS,Condon!",
        "1e9,1e-14,1e-15,50000.0,50000.0,,NVSS,Condon",
        "1e9,1e-14,1e-15,,,Det,NVSS,",
        "1e9,1e-14,0,55000.0,55001.0, ul ,NVSS,Condon",
    ]
    header = "frequency,flux,flux_err,MJD_start,MJD_end,flag,catalog,reference"
    sed = SED.read(io.BytesIO("\n".join([header, *rows]).encode()))
    assert sed["undated"].tolist() == [True, True, True, False]
    assert sed["is_upper_limit"].tolist() == [False, False, False, True]
    assert text(sed["reference"]).tolist() == ["Condon", "Condon", "", "Condon"]
    assert np.isnan(filled(sed["nufnu_err"])).tolist() == [False, False, False, True]


def test_v1_csv_of_older_servers_and_with_a_byte_order_mark():
    header = "freq_hz,nufnu,nufnu_err,is_ul,mjd_start,mjd_end,catalog,band,reference"
    content = f"\ufeff{header}\n1e9,1e-14,,False,,,NVSS,radio_waves,\n".encode()
    sed = SED.read(io.BytesIO(content))
    assert sed["undated"].tolist() == [True]
    assert sed["nufnu_err"].mask.tolist() == [True]


def test_fit_input_in_any_order_and_with_the_other_names():
    for content in ("flux_err,extra,flux,frequency\n1,x,2,3\n", "x,y,dy\n3,2,1\n"):
        sed = SED.read(io.BytesIO(content.encode()))
        assert (sed["nu"].value, sed["nufnu"].value, sed["nufnu_err"].value) == (3, 2, 1)


def test_fit_output_counts_what_it_leaves_out():
    content = io.StringIO()
    sed = EXPECTED.copy()
    sed["nufnu_err"] = [3e-16, 0.0, np.nan, 5e-12, 6e-12, np.nan] * FLUX
    with pytest.warns(FormatLossWarning, match="1 upper limits, 2 points without") as caught:
        sed.write(content, format="mmdc.fit")
    assert caught[0].filename == __file__
    assert content.getvalue().splitlines()[1:] == [
        "1400000000.0,1.1e-14,3e-16",
        "2.418e+17,1e-10,5e-12",
        "2.418e+23,5e-11,6e-12",
    ]


def test_vou_csv_shows_what_was_corrected():
    header = "freq. ,flux ,err_flux ,MJD_start ,MJD_end ,flag,catalog,reference"
    rows = [
        " 5.0e+14, 1e-11, 1e-12, 50000.0, 50000.0, ,SDSS , a ",
        " 2.4e+25, 1e-11, 1e-12, 50000.0, 50000.0, ,DEBL , b ",
        " 2.4e+17, 1e-11, 1e-12, 58000.0, 58000.0,UL,RASS , c ",
    ]
    sed = SED.read(io.BytesIO("\n".join([header, *rows]).encode()))
    assert sed["corrections"].tolist() == ["deredden", "ebl", ""]
    assert sed["is_upper_limit"].tolist() == [False, False, True]
    assert sed["undated"].tolist() == [True, True, False]


VOU_TXT = """\
   1 "matched source"  166.11381   38.20883   11
  Frequency     nufnu     nufnu unc.  nufnu unc. start time   end time   Catalog
     Hz       erg/cm2/s     upper       lower      MJD          MJD
 ------------------------------------------------------------------------------
 1.400E+09   1.000E-14   1.300E-14   0.900E-14  50000.0  50000.0  Det  NVSS   Condon et al. 1998
 2.418E+17   1.000E-12   3.000E-12   1.000E-12  58000.0  58000.5  UL   RASS   Boller, 2016
   2 "matched source"  10.0   -20.0   11
  Frequency
     Hz
 -----
 1.400E+09   5.000E-14   6.000E-14   4.000E-14  55000.0  55000.0  Det  FIRST
"""


def test_vou_txt_has_bounds_instead_of_errors():
    sed = SED.read(io.BytesIO(VOU_TXT.encode()))
    assert len(sed) == 2
    assert sed.source == {"ra": 166.11381, "dec": 38.20883}
    np.testing.assert_allclose(filled(sed["nufnu_err"]), [2e-15, np.nan])
    np.testing.assert_allclose(filled(sed["nufnu_errp"]), [3e-15, np.nan])
    np.testing.assert_allclose(filled(sed["nufnu_errn"]), [1e-15, np.nan])
    # An upper limit with an error is twice that error.
    np.testing.assert_allclose(filled(sed["nufnu"]), [1e-14, 2e-12])
    assert text(sed["reference"]).tolist() == ["Condon et al. 1998", "Boller, 2016"]
    second = SED.read(io.BytesIO(VOU_TXT.encode()), format="vou.txt", match=2)
    assert second["catalog"].tolist() == ["FIRST"]
    assert second["undated"].tolist() == [True]
    with pytest.raises(InvalidRequestError, match=r"match: 3 is not among .*\[1, 2\]"):
        SED.read(io.BytesIO(VOU_TXT.encode()), format="vou.txt", match=3)


@needs_samples
def test_ssdc_upload_looks_like_the_sample():
    sed = EXPECTED.copy()
    sed.meta["source"] = {"ra": 166.11381, "dec": 38.20883}
    content = io.StringIO()
    with pytest.warns(FormatLossWarning, match="catalog of 6 rows"):
        sed.write(content, format="ssdc.upload")
    sample = (SAMPLES / "ssdc_upload.txt").read_text().splitlines()
    for ours, theirs in zip(content.getvalue().splitlines(), sample, strict=True):
        first, second = ([cell.strip() for cell in line.split("|")] for line in (ours, theirs))
        assert [float(cell) for cell in first[:8]] == [float(cell) for cell in second[:8]]
        assert first[8:] == second[8:]


def test_ssdc_upload_needs_a_position():
    with pytest.raises(InvalidRequestError, match=r"ssdc.upload: .*position"):
        EXPECTED.write(io.StringIO(), format="ssdc.upload")


def test_jetset_has_five_keys_and_needs_a_redshift():
    with pytest.raises(InvalidRequestError, match="redshift: JetSeT wants one"):
        EXPECTED.write(io.StringIO(), format="jetset")
    content = io.StringIO()
    EXPECTED.write(content, format="jetset", redshift=0.1, ul_cl=0.9)
    table = Table.read(content.getvalue(), format="ascii.ecsv")
    assert dict(table.meta) == {
        "z": 0.1,
        "UL_CL": 0.9,
        "restframe": "obs",
        "data_scale": "lin-lin",
        "obj_name": "unknown",
    }
    assert table.colnames[:8] == ["x", "dx", "y", "dy", "T_start", "T_stop", "UL", "data_set"]
    assert table["T_start"].unit is None


def test_jetset_logarithms_and_rest_frame():
    table = Table({"x": [14.0], "y": [-11.0], "dy": [0.01], "data_set": ["a"]})
    table["x"].unit, table["y"].unit = "Hz", FLUX
    table.meta = {"z": 0.1, "restframe": "obs", "data_scale": "log-log"}
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    sed = SED.read(io.BytesIO(content.getvalue().encode()))
    assert sed["nu"][0].value == pytest.approx(1e14)
    assert sed["nufnu_err"][0].value == pytest.approx(1e-11 * np.log(10) * 0.01)
    with pytest.raises(InvalidRequestError, match="restframe"):
        SED.read(io.BytesIO(content.getvalue().replace("obs", "src").encode()))


def test_gammapy_fits_and_repeated_energies(tmp_path):
    path = tmp_path / "points.fits"
    EXPECTED.write(path, format="gammapy")
    assert_same(SED.read(path), EXPECTED, STANDARD, rtol=1e-12)
    assert Table.read(path, hdu="FLUXPOINTS").meta["SED_TYPE"] == "e2dnde"
    with pytest.raises(InvalidRequestError, match="to_gammapy_groups"):
        EXPECTED[[0, 0]].write(tmp_path / "x.ecsv", format="gammapy")
    assert [entry.name for entry in tmp_path.iterdir()] == ["points.fits"]


def test_gammapy_dnde_is_converted():
    table = Table({"e_ref": [1.0] * u.TeV, "dnde": [1e-11] * u.Unit("TeV-1 s-1 cm-2")})
    table["dnde_err"] = [1e-12] * u.Unit("TeV-1 s-1 cm-2")
    table.meta["SED_TYPE"] = "dnde"
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    sed = SED.read(io.BytesIO(content.getvalue().encode()))
    assert sed["nufnu"][0].value == pytest.approx((1e-11 * u.TeV).to_value(u.erg))
    table.meta["SED_TYPE"] = "likelihood"
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    with pytest.raises(InvalidRequestError, match="likelihood"):
        SED.read(io.BytesIO(content.getvalue().encode()))


def test_naima_photon_fluxes_are_converted():
    table = Table({"energy": [1.0] * u.TeV, "flux": [1e-11] * u.Unit("TeV-1 s-1 cm-2")})
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    sed = SED.read(io.BytesIO(content.getvalue().encode()))
    assert sed["nufnu"][0].value == pytest.approx((1e-11 * u.TeV).to_value(u.erg))
    table["flux"].unit = "erg/s"
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    with pytest.raises(ParseError, match="luminosities need a distance"):
        SED.read(io.BytesIO(content.getvalue().encode()))


def test_bjet_cannot_tell_a_missing_error_from_a_limit():
    sed = EXPECTED.copy()
    sed["nufnu_err"] = [np.nan, 1, 1, 1, 1, 1] * FLUX
    content = io.StringIO()
    words = "mjd_start of 5 rows, mjd_end of 5 rows, 1 points without an error, 1 errors of upper"
    with pytest.warns(FormatLossWarning, match=words):
        sed.write(content, format="bjet")
    assert len(content.getvalue().splitlines()) == 6


def test_xspec_bins_are_contiguous_and_keep_the_flux():
    sed = SED.from_columns(
        nu=[3, 1, 2] * u.keV, nufnu=[3e-12, 1e-12, 2e-12] * FLUX, nufnu_err=[1e-13] * 3 * FLUX
    )
    content = io.StringIO()
    sed.write(content, format="xspec")
    low, high, flux, error = np.loadtxt(io.StringIO(content.getvalue()), unpack=True)
    np.testing.assert_array_equal(low[1:], high[:-1])
    assert ((low < [1, 2, 3]) & (high > [1, 2, 3])).all()
    back = (flux / (1 / low - 1 / high) * u.keV).to_value(u.erg)
    np.testing.assert_allclose(back, [1e-12, 2e-12, 3e-12])
    np.testing.assert_allclose(flux / error, [10, 20, 30])
    with pytest.raises(InvalidRequestError, match="write_xspec_groups"):
        EXPECTED.write(io.StringIO(), format="xspec")
    alone = io.StringIO()
    sed[:1].write(alone, format="xspec")
    assert len(alone.getvalue().split()) == 4


def test_ivoa_has_utypes_and_reads_other_units():
    content = io.BytesIO()
    EXPECTED.write(content, format="ivoa")
    for mark in (b"FluxAxis.Accuracy.StatError", b"spec:Sed", b"TIMESYS", b'ucd="em.freq"'):
        assert mark in content.getvalue()
    words = content.getvalue().decode()
    other = words.replace("spec:Spectrum.Data.", "Data.").replace('unit="Hz"', 'unit="GHz"')
    sed = SED.read(io.BytesIO(other.encode()))
    np.testing.assert_allclose(filled(sed["nu"]), filled(EXPECTED["nu"]) * 1e9)


def test_ivoa_says_what_it_cannot_hold():
    sed = EXPECTED.copy()
    sed["where"] = SkyCoord(np.arange(6.0), np.zeros(6), unit="deg")
    with pytest.warns(FormatLossWarning, match="where of 6 rows"):
        sed.write(io.BytesIO(), format="ivoa")


def ned_file() -> Path:
    import astroquery.ipac.ned

    return Path(astroquery.ipac.ned.__file__).parent / "tests" / "data" / "query_photometry.xml"


def test_ned():
    if not ned_file().exists():
        pytest.skip("astroquery came without its test data")
    with pytest.warns(FormatLossWarning, match="53 of 556 rows"):
        sed = SED.read(ned_file())
    assert len(sed) == 503
    # 100 MeV - 100 GeV: 1.70e-12 Jy at 1.21e25 Hz, although the file says um.
    first = sed[0]
    assert first["nu"] == 1.21e25 * u.Hz
    assert float(first["nufnu"].value) == pytest.approx(1.7e-12 * 1e-23 * 1.21e25)
    assert float(first["nufnu_err"].value) == pytest.approx(4.13e-14 * 1e-23 * 1.21e25)
    assert first["bibcode"] == "2010ApJS..188..405A"
    assert sed.upper_limits["instrument"].tolist() == ["100 microns", "500 microns"]
    assert float(sed.upper_limits["nufnu"][0].value) == pytest.approx(4 * 1e-23 * 3e12)


# ---------------------------------------------------------------- files


def test_gzipped_files_are_read_and_written(tmp_path):
    path = tmp_path / "sed.csv.gz"
    EXPECTED.write(path)
    assert gzip.decompress(path.read_bytes()).decode() == EXPECTED.to_csv()
    assert_same(SED.read(path), EXPECTED, STANDARD)
    assert_same(SED.read(str(path), format="mmdc.csv"), EXPECTED, STANDARD)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "sed.ecsv"
    path.write_text("precious")
    with pytest.raises(InvalidRequestError):
        EXPECTED.write(path, format="jetset", overwrite=True)
    with pytest.raises(OSError, match="exists"):
        EXPECTED.write(path)
    assert path.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mmdc.csv", "a,b\n1,2\n", "no column 'freq_hz'"),
        ("mmdc.csv", "", "no column 'freq_hz'"),
        ("mmdc.fit", "frequency,flux\n1,2\n", "flux_err are needed"),
        ("mmdc.fit", "frequency,flux,flux_err\n1,2\n", "row 1 has 2 cells, the header 3"),
        ("mmdc.fit", "frequency,flux,flux_err\n1,2,3\n1,x,3\n", "flux: row 2 holds 'x'"),
        ("mmdc.json", '{"status": "queued"}', "no object 'sed'"),
        ("mmdc.json", "<html>", "not JSON"),
        ("ssdc.export", "1 2 3\n", "line 1 has 3 numbers"),
        ("ssdc.upload", "1 | 2 | 3\n", "line 1 has 3 fields"),
        ("bjet", "!E(eV)\n1 2 3\n", "row 1 has 3 entries"),
        ("vou.txt", '1 "matched source" 1 2\na\nb\nc\n1 2 3\n', "3 entries"),
        ("ivoa", "<VOTABLE", "no readable VOTable"),
        (
            "jetset",
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1\n",
            "'x'",
        ),
    ],
)
def test_files_that_are_not_what_they_should_be(name, content, words):
    with pytest.raises(ParseError, match=words):
        SED.read(io.BytesIO(content.encode()), format=name)


def test_a_bad_flag_is_an_error():
    header = "freq_hz,nufnu,nufnu_err,is_ul,mjd_start,mjd_end,catalog,band,reference"
    with pytest.raises(ParseError, match="'maybe', which is neither true nor false"):
        SED.read(io.BytesIO(f"{header}\n1,1,1,maybe,,,a,b,c\n".encode()))


def test_a_table_without_the_columns_says_so():
    content = io.StringIO()
    Table({"wavelength": [1.0]}).write(content, format="ascii.ecsv")
    with pytest.raises(InvalidRequestError, match="nu and nufnu missing"):
        SED.read(io.StringIO(content.getvalue()), format="ascii.ecsv")


def votable(**columns: Any) -> io.BytesIO:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", u.UnitsWarning)
        Table(columns).write(content, format="votable")
    content.seek(0)
    return content


def test_vizier_without_times_names_and_errors():
    source = votable(sed_freq=[1.4] * u.GHz, sed_flux=[1000.0] * u.mJy)
    sed = SED.read(source)
    assert sed["nufnu"][0].value == pytest.approx(1.4e9 * 1e-23)
    assert sed["undated"].tolist() == [True]
    assert sed["nufnu_err"].mask.tolist() == [True]
    assert sed["catalog"].tolist() == [""]


@pytest.mark.parametrize(("name", "words"), [("vizier", "no field 'sed_freq'"), ("ivoa", "utype")])
def test_votables_of_another_kind(name, words):
    with pytest.raises(ParseError, match=words):
        SED.read(votable(a=[1.0]), format=name)


def test_json_with_provenance_and_without_a_position():
    from astroquery_mmdc.sed.formats.mmdc_json import from_envelope, to_envelope

    envelope = to_envelope(EXPECTED)
    assert envelope["source"] is None
    sed = from_envelope(envelope, meta={"service": "x"})
    assert sed.meta == {"mmdc": {"service": "x"}}
    assert_same(sed, EXPECTED, STANDARD)


def test_limits_without_a_flag_are_found():
    table = Table({"e_ref": [1.0, 2.0] * u.TeV, "e2dnde": [1e-12, np.nan] * FLUX})
    table["e2dnde_ul"] = [np.nan, 3e-12] * FLUX
    content = io.StringIO()
    table.write(content, format="ascii.ecsv")
    sed = SED.read(io.BytesIO(content.getvalue().encode()))
    assert sed["is_upper_limit"].tolist() == [False, True]
    assert sed["nufnu"].value.tolist() == [1e-12, 3e-12]


def test_own_columns_go_along(tmp_path):
    sed = EXPECTED.copy()
    sed["mine"] = [1, 2, 3, 4, 5, 6]
    for name, path in (("jetset", "a.ecsv"), ("parquet", "a.parquet"), ("fits", "a.fits")):
        options = {"redshift": 0.1} if name == "jetset" else {}
        sed.write(tmp_path / path, format=name, **options)
        assert SED.read(tmp_path / path)["mine"].tolist() == [1, 2, 3, 4, 5, 6]


def test_parquet_says_what_it_cannot_hold_and_refuses_rubbish(tmp_path):
    sed = EXPECTED.copy()
    sed["where"] = SkyCoord(np.arange(6.0), np.zeros(6), unit="deg")
    with pytest.warns(FormatLossWarning, match="where of 6 rows"):
        sed.write(tmp_path / "x.parquet")
    assert_same(SED.read(tmp_path / "x.parquet"), EXPECTED, STANDARD)
    (tmp_path / "y.parquet").write_bytes(b"PAR1 rubbish")
    with pytest.raises(ParseError, match="no readable Parquet file"):
        SED.read(tmp_path / "y.parquet")


@pytest.mark.parametrize("name", ["mmdc.csv", "jetset", "ivoa", "fits", "parquet", "xspec"])
def test_empty_tables_are_written(name, tmp_path):
    sed = EXPECTED[:0]
    options = {"redshift": 0.1} if name == "jetset" else {}
    sed.write(tmp_path / "x", format=name, **options)
    if name != "xspec":
        assert len(SED.read(tmp_path / "x", format=name)) == 0
