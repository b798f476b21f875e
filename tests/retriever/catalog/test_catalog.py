from __future__ import annotations

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.retriever import paths
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.catalog_formats import write_catalog
from astroquery_mmdc.retriever.catalog_positions import moved


@pytest.fixture
def table():
    rng = np.random.default_rng(4)
    size = 30
    return Table(
        {
            "name": [f"S{i:03d}" for i in range(size)],
            "ra": rng.uniform(0, 360, size),
            "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, size))),
            "mag": rng.uniform(14, 20, size),
            "magerr": rng.uniform(0.01, 0.1, size),
            "pmra": rng.normal(0, 100, size),
            "pmdec": rng.normal(0, 100, size),
            "other": [f"alias {i}" for i in range(size)],
        }
    )


def write(table, path):
    if path.suffix == ".h5":
        write_catalog(table, path)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table({name: table[name].tolist() for name in table.colnames}), path)
    else:
        table.write(path)


@pytest.mark.parametrize("name", ["c.csv", "c.fits", "c.h5", "c.parquet", "c.ecsv", "c.vot"])
def test_a6_3_files_of_all_formats_give_the_same_rows(table, tmp_path, name):
    if name.endswith(".vot"):
        table.write(tmp_path / name, format="votable")
    else:
        write(table, tmp_path / name)
    catalog = Catalog(filename=tmp_path / name, alias_column="other")
    assert len(catalog) == 30
    row = catalog.get_row(7)
    assert {key: type(value) for key, value in row.items()} == {
        "cat_index": int,
        "name": str,
        "ra": float,
        "dec": float,
        "mag": float,
        "mag_err": float,
        "mag_filter": str,
        "alias": str,
    }
    assert (row["name"], row["alias"], row["cat_index"]) == ("S007", "alias 7", 7)
    assert row["ra"] == pytest.approx(table["ra"][7], abs=1e-12)
    assert row["mag_err"] == pytest.approx(table["magerr"][7])
    assert catalog.cat_hash == Catalog(table).cat_hash


def test_a6_2_the_test_catalogue_is_made(data_root):
    catalog = Catalog(default="test")
    assert len(catalog) == 10
    assert catalog.get_fullname() == data_root / "catalogs" / "test_catalog.csv"
    again = Catalog(default="Test")
    assert again.cat_hash == catalog.cat_hash
    for ending in ("fits", "h5"):
        other = Catalog(default="test", filename=f"test_catalog.{ending}")
        assert other.cat_hash == catalog.cat_hash


def test_a6_4_rows_by_number_and_name(table):
    catalog = Catalog(table)
    assert catalog.get_row("S004", "name") == catalog.get_row(4, "number", "dict")
    assert catalog.get_row(-1)["name"] == "S029"
    assert catalog.get_row(4, output="raw")["other"] == "alias 4"
    assert catalog.values_from_row(catalog.get_row(4, output="raw")) == catalog.get_row(4)
    assert (catalog.get_index_from_name("S009"), catalog.get_name_from_index(9)) == (9, "S009")
    assert catalog.names[:2].tolist() == ["S000", "S001"]
    assert catalog.get_columns() == table.colnames
    assert len(catalog.get_data_slice(slice(3, 6))) == 3
    assert [row["name"] for row in catalog.rows(2, 4)] == ["S002", "S003"]
    with pytest.raises(KeyError, match="'nobody' is not in the catalogue"):
        catalog.get_row("nobody", "name")
    with pytest.raises(IndexError, match="row 30 is not there"):
        catalog.get_row(30)
    for bad in ({"index_type": "x"}, {"output": "x"}):
        with pytest.raises(InvalidRequestError, match="'x' is not known"):
            catalog.get_row(0, **bad)
    assert isinstance(catalog.coordinates, SkyCoord)
    assert "30 sources" in repr(catalog)
    place = catalog.get_row(4, output="skycoord")
    assert place.separation(catalog.coordinates[4]) == 0 * u.deg
    text = catalog.help()
    assert "name_column" in text
    assert "get_row(): Return a source." in text


def test_where_a_file_lies_is_no_part_of_what_results_depend_on(table, tmp_path):
    catalogs = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        table.write(tmp_path / folder / "c.csv")
        catalogs.append(Catalog(filename=tmp_path / folder / "c.csv"))
    assert catalogs[0].pars.get_hash() == catalogs[1].pars.get_hash()
    assert catalogs[0].pars.get_hash() != Catalog(filename="d.csv").pars.get_hash()


def test_a6_4_raw_rows_may_be_of_pandas(table):
    pytest.importorskip("pandas")
    row = Catalog(table, use_only_pandas=True).get_row(3, output="raw")
    assert row["name"] == "S003"
    assert type(row).__name__ == "Series"
    assert Catalog(table.to_pandas()).get_row(3)["name"] == "S003"


def test_a6_4_smaller_catalogues(table):
    catalog = Catalog(table, mag_filter_name="G")
    small = catalog.make_smaller_catalog([3, 5, 8])
    assert small.names.tolist() == ["S003", "S005", "S008"]
    assert small.pars.mag_filter_name == "G"
    assert small.cat_hash != catalog.cat_hash
    assert len(catalog.make_smaller_catalog(slice(0, 2))) == 2


def test_a6_4_nearest_row_is_that_of_brute_force(table):
    catalog = Catalog(table)
    places = SkyCoord(table["ra"], table["dec"], unit="deg")
    for ra, dec in [(10.0, 20.0), (359.999, -89.9), (0.0, 90.0), (180.0, 0.0)]:
        distances = places.separation(SkyCoord(ra, dec, unit="deg")).arcsec
        found = catalog.get_nearest_row(ra, dec, radius=distances.min() * 1.001)
        assert found["name"] == table["name"][np.argmin(distances)]
        assert catalog.get_nearest_row(ra, dec, radius=distances.min() * 0.999) is None
    ra, dec = float(table["ra"][5]), float(table["dec"][5])
    assert catalog.get_nearest_row(ra, dec, output="raw")["name"] == "S005"


@given(
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
    offset=st.floats(0, 10),
    angle=st.floats(0, 360),
)
def test_a6_4_a_source_is_found_from_its_neighbourhood(ra, dec, offset, angle):
    place = SkyCoord(ra, dec, unit="deg")
    beside = place.directional_offset_by(angle * u.deg, offset * u.arcsec)
    catalog = Catalog({"name": ["only", "far"], "ra": [ra, (ra + 180) % 360], "dec": [dec, -dec]})
    found = catalog.get_nearest_row(beside.ra.deg, beside.dec.deg, radius=offset + 0.001)
    assert found["name"] == "only"


def test_a6_4_duplicate_names_become_different_ones():
    catalog = Catalog({"name": ["a", "b", "a", "a", "a_2"], "ra": range(5), "dec": [0.0] * 5})
    with pytest.warns(InputWarning, match="1 names occur more than once"):
        names = catalog.names.tolist()
    assert len(set(names)) == 5
    assert names[:2] == ["a", "b"]
    assert names[4] == "a_2"
    assert all(catalog.get_row(name, "name")["ra"] == ra for ra, name in enumerate(names))
    numbers = Catalog({"name": [7, 7, 8], "ra": [1.0, 2, 3], "dec": [0.0, 0, 0]})
    with pytest.warns(InputWarning):
        assert numbers.names.tolist() == ["7", "7_2", "8"]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"]), min_size=1, max_size=12))
def test_a6_4_no_row_is_lost_whatever_the_names(names):
    size = len(names)
    catalog = Catalog({"name": names, "ra": np.arange(size), "dec": np.zeros(size)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        unique = catalog.names.tolist()
    assert len(set(unique)) == size
    for row, (name, given_name) in enumerate(zip(unique, names, strict=True)):
        assert name.startswith(given_name)
        assert catalog.get_index_from_name(name) == row


@pytest.mark.parametrize("kind", [np.int64, ">i8", np.uint32])
def test_numbers_as_names_stay_numbers_inside(kind):
    numbers = np.array([4295806720, 38655544960, 7, 12], dtype=np.int64).astype(kind)
    catalog = Catalog({"name": numbers, "ra": np.arange(4.0), "dec": np.zeros(4)})
    for row, number in enumerate(numbers.tolist()):
        assert catalog.get_row(str(number), "name")["cat_index"] == row
    for wrong in ("8", "007", "x7", "99999999999999999999999", "-7", ""):
        with pytest.raises(KeyError):
            catalog.get_row(wrong, "name")


def test_names_with_leading_zeros_stay_texts(tmp_path):
    (tmp_path / "c.csv").write_text("name,ra,dec\n0042,10,20\n7,11,21\n")
    catalog = Catalog(filename=tmp_path / "c.csv")
    assert catalog.names.tolist() == ["0042", "7"]
    assert catalog.get_row(0)["mag"] is None
    assert catalog.get_row(0)["mag_filter"] is None


def test_a6_5_rows_know_motions_and_errors(table):
    catalog = Catalog(table, pm_ra_column="pmra", pm_dec_column="pmdec")
    row = catalog.get_row(3)
    assert row["pmra"] == pytest.approx(table["pmra"][3])
    assert row["pmdec"] == pytest.approx(table["pmdec"][3])
    assert row["mag_err"] == pytest.approx(table["magerr"][3])


@pytest.mark.parametrize("time", [2022.0, Time(2022.0, format="jyear"), "2022-01-01T00:00:00"])
def test_a6_6_proper_motion_is_that_of_astropy(table, time):
    keys = {"pm_ra_column": "pmra", "pm_dec_column": "pmdec"}
    catalog = Catalog(table, catalog_observation_year=2016.0, **keys)
    start = SkyCoord(
        table["ra"] * u.deg,
        table["dec"] * u.deg,
        distance=1 * u.kpc,
        pm_ra_cosdec=table["pmra"] * u.mas / u.yr,
        pm_dec=table["pmdec"] * u.mas / u.yr,
        obstime=Time(2016.0, format="jyear", scale="tdb"),
    )
    expected = start.apply_space_motion(Time(2022.0, format="jyear", scale="tdb"))
    for index in (0, 11, 29):
        row = catalog.get_row(index, obstime=time)
        place = SkyCoord(row["ra"], row["dec"], unit="deg")
        assert place.separation(expected[index]).mas < 0.05
        found = catalog.get_nearest_row(row["ra"], row["dec"], 0.01, obstime=time)
        assert found["cat_index"] == index
    with pytest.raises(InvalidRequestError, match="obstime: 'never'"):
        catalog.get_row(0, obstime="never")


@given(st.floats(0, 359), st.floats(-89, 89), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a6_6_motion_forth_and_back(ra, dec, pmra, pmdec):
    lon, lat = moved(ra, dec, pmra, pmdec, 100)
    start, there = SkyCoord(ra, dec, unit="deg"), SkyCoord(lon, lat, unit="deg")
    assert start.separation(there).arcsec == pytest.approx(np.hypot(pmra, pmdec) / 10, abs=1e-4)


def test_a6_6_frames_are_transformed(table):
    galactic = SkyCoord(table["ra"], table["dec"], unit="deg").galactic
    catalog = Catalog(table, coord_frame_output="galactic")
    row = catalog.get_row(4)
    assert (row["ra"], row["dec"]) == pytest.approx((galactic[4].l.deg, galactic[4].b.deg))
    assert row["frame"] == "galactic"
    data = Table({"name": table["name"], "l": galactic.l.deg, "b": galactic.b.deg})
    names = {"ra_column": "l", "dec_column": "b"}
    back = Catalog(data, coord_frame_data="galactic", **names)
    assert back.get_row(4)["ra"] == pytest.approx(table["ra"][4])
    assert back.get_nearest_row(table["ra"][4], table["dec"][4])["name"] == "S004"
    moving = Catalog(
        {**{name: data[name] for name in data.colnames}, "pl": [500.0] * 30, "pb": [0.0] * 30},
        coord_frame_data="galactic",
        pm_ra_column="pl",
        pm_dec_column="pb",
        **names,
    )
    there = moving.get_row(4, obstime=2010.0)
    place = SkyCoord(there["ra"], there["dec"], unit="deg")
    assert place.separation(galactic[4]).arcsec == pytest.approx(5.0, abs=1e-6)
    with pytest.raises(InvalidRequestError, match="coord_frame"):
        _ = Catalog(table, coord_frame_data="nowhere").coordinates


def test_preferred_magnitudes(table):
    table["rp"] = table["mag"] - 1
    table["e_rp"] = 0.5
    catalog = Catalog(
        table, mag_to_column_map={"Gaia_RP": "rp"}, mag_to_error_column_map={"gaia_rp": "e_rp"}
    )
    row = catalog.get_row(3, preferred_mag="gaia_rp")
    assert row["mag"] == pytest.approx(table["rp"][3])
    assert (row["mag_err"], row["mag_filter"]) == (0.5, "gaia_rp")
    assert catalog.get_row(3, preferred_mag="R")["mag"] == pytest.approx(table["mag"][3])
    with pytest.raises(InvalidRequestError, match="preferred_mag: the catalogue has no 'V'"):
        catalog.get_row(3, preferred_mag="V")


def test_lists_of_blazars_are_understood(tmp_path):
    coordinates = ["11 04 27.31 +38 12 31.8", "22 02 43.29 -42 16 40.0"]
    ra, dec = zip(*((text[:11], text[12:]) for text in coordinates), strict=True)
    names = ["5BZB J1104+3812", "5BZB J2202-4216"]
    columns = [
        fits.Column("Name", "20A", array=names),
        fits.Column("RAJ2000", "12A", unit='"h:m:s"', array=list(ra)),
        fits.Column("DEJ2000", "12A", unit='"d:m:s"', array=list(dec)),
        fits.Column("Rmag", "D", unit="mag", array=[12.9, np.nan]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "bz.fits")
    catalog = Catalog(default="BZCAT", filename=tmp_path / "bz.fits", url=None)
    first, second = catalog.rows()
    assert first["ra"] == pytest.approx(166.113792, abs=1e-6)
    assert second["dec"] == pytest.approx(-42.277778, abs=1e-6)
    assert (first["mag"], second["mag"]) == (12.9, None)
    fermi = QTable({"Source_Name": ["4FGL J1104.4+3812"], "RAJ2000": [166.11] * u.deg})
    fermi["DEJ2000"] = [38.2] * u.deg
    fermi["ASSOC1"] = ["Mkn 421 "]
    row = Catalog(fermi, default="4FGL").get_row(0)
    assert (row["name"], row["alias"], row["mag"]) == ("4FGL J1104.4+3812", "Mkn 421", None)
    assert Catalog(fermi).get_row(0)["ra"] == pytest.approx(166.11)


def test_units_of_columns_count():
    table = QTable({"name": ["a"], "ra": [1.0] * u.rad, "dec": [0.5] * u.rad})
    table["pmra"] = [1.0] * u.arcsec / u.yr
    table["pmdec"] = [2.0] * u.arcsec / u.yr
    row = Catalog(table, pm_ra_column="pmra", pm_dec_column="pmdec").get_row(0)
    assert row["ra"] == pytest.approx(np.degrees(1.0))
    assert (row["pmra"], row["pmdec"]) == pytest.approx((1000.0, 2000.0))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"name": ["a"], "ra": [1.0]}, "dec_column: the catalogue has no column 'dec'"),
        ({"name": [], "ra": [], "dec": []}, "has no rows"),
        ({"name": ["a", " "], "ra": [1.0, 2], "dec": [1.0, 2]}, "row 1 has no name"),
        ({"name": ["a"], "ra": [1.0], "dec": [91.0]}, "row 0 has 91.0"),
    ],
)
def test_bad_catalogues_are_refused(columns, message):
    with pytest.raises(InvalidRequestError, match=message):
        Catalog(columns).get_row(0)


def test_rows_without_a_position_are_refused_alone():
    catalog = Catalog({"name": ["a", "b"], "ra": [1.0, np.nan], "dec": [2.0, 3.0]})
    assert catalog.get_row(0)["name"] == "a"
    with pytest.raises(InvalidRequestError, match="'b' \\(row 1\\) has no position"):
        catalog.get_row(1)
    assert catalog.get_nearest_row(1.0, 2.0)["name"] == "a"


@pytest.mark.parametrize("name", ["c.csv", "c.fits", "c.h5", "c.parquet"])
def test_damaged_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x01 this is no table")
    with pytest.raises(InvalidRequestError, match=name):
        Catalog(filename=tmp_path / name).load()
    with pytest.raises(InvalidRequestError, match="does not exist"):
        Catalog(filename="nowhere.csv").load()
    with pytest.raises(InvalidRequestError, match="filename: there is none"):
        Catalog().load()
    with pytest.raises(InvalidRequestError, match="data: int is no table"):
        Catalog(3)


def test_a6_1_the_white_dwarfs_are_downloaded_unpacked_and_read(white_dwarf_server):
    url, requests = white_dwarf_server
    catalog = Catalog(default="wds", url=url)
    assert len(catalog) == 50
    row = catalog.get_row(3, preferred_mag="Gaia_BP")
    assert (row["mag_filter"], row["mag"]) == ("Gaia_BP", pytest.approx(18.03))
    assert catalog.get_row(3)["alias"] == "WDJ000003"
    assert catalog.get_row(row["name"], "name")["cat_index"] == 3
    folder = paths.catalogs_folder()
    assert not [path.name for path in folder.iterdir() if path.suffix in (".gz", ".part")]
    Catalog(default="WD", url=url).load()
    assert len(requests) == 1
    catalog.load(force_redownload=True)
    assert len(requests) == 2


@pytest.fixture
def white_dwarf_server(serve_http):
    table = Table(
        {
            "source_id": np.arange(50, dtype=np.int64) * 4295806720 + 7,
            "WDJ_name": [f"WDJ{i:06d}" for i in range(50)],
            "ra": np.linspace(0, 359, 50),
            "dec": np.linspace(-80, 80, 50),
            "pmra": np.zeros(50),
            "pmdec": np.zeros(50),
            "parallax": np.ones(50),
            "phot_g_mean_mag": np.full(50, 17.0),
            "phot_bp_mean_mag": 18 + np.arange(50) / 100,
            "phot_rp_mean_mag": np.full(50, 16.0),
        }
    )
    hdu = fits.BinTableHDU(table)
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    content = gzip.compress(buffer.getvalue())
    server = serve_http(lambda request: (200, {"Content-Type": "application/gzip"}, content))
    return f"{server.url}/gaiaedr3_wd_main.fits.gz", server.requests
