from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.catalog_formats import degrees, read_catalog


def test_csv_with_comments_and_gaps(tmp_path):
    (tmp_path / "c.csv").write_text("# made by hand\nname,ra,dec,mag\na,10,20,17.5\nb,11,21,\n")
    first, second = Catalog(filename=tmp_path / "c.csv").rows()
    assert (first["name"], first["ra"], first["mag"]) == ("a", 10.0, 17.5)
    assert second["mag"] is None
    (tmp_path / "d.csv").write_text("name,ra,dec,mag\na,10,20,17.5\nb,11,21,\n")
    assert list(Catalog(filename=tmp_path / "d.csv").rows()) == [first, second]


def test_names_may_be_in_any_case_or_usual_words(tmp_path):
    (tmp_path / "c.csv").write_text("Source_Name,RAJ2000,DEJ2000,MAG\n4FGL J1,10,20,17.5\n")
    row = Catalog(filename=tmp_path / "c.csv").get_row(0)
    assert (row["name"], row["ra"], row["dec"], row["mag"]) == ("4FGL J1", 10.0, 20.0, 17.5)
    with pytest.raises(InvalidRequestError, match="mag_column: the catalogue has no column 'B'"):
        Catalog(filename=tmp_path / "c.csv", mag_column="B").load()


def test_fits_needs_a_table(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(InvalidRequestError, match="no table extension"):
        Catalog(filename=tmp_path / "image.fits").load()


def test_a_large_fits_table_is_not_read_as_a_whole(tmp_path):
    Table({"name": ["a"], "ra": [1.0], "dec": [2.0]}).write(tmp_path / "c.fits")
    table = read_catalog(tmp_path / "c.fits")
    column = np.asarray(table["ra"])
    while isinstance(column.base, np.ndarray):
        column = column.base
    assert not column.flags.owndata


def test_hdf5_of_one_dataset_for_each_column(tmp_path):
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["name"] = np.array([b"a", b"b"])
        file["ra"], file["dec"] = [1.0, 2.0], [3.0, 4.0]
    assert Catalog(filename=tmp_path / "c.h5").names.tolist() == ["a", "b"]
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["name"], file["ra"] = [1, 2, 3], [1.0, 2.0]
    with pytest.raises(InvalidRequestError, match="write it as Parquet"):
        Catalog(filename=tmp_path / "d.h5").load()


def test_hdf5_in_groups(tmp_path):
    records = np.array([("a", 1.0, 2.0)], dtype=[("name", "S3"), ("ra", "f8"), ("dec", "f8")])
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["deep/in/here"] = records
    assert Catalog(filename=tmp_path / "c.h5").get_row(0)["name"] == "a"


def test_numbers_that_were_written_as_floats_are_names(tmp_path):
    catalog = Catalog({"name": [7.0, 4295806720.0], "ra": [1.0, 2.0], "dec": [3.0, 4.0]})
    assert catalog.names.tolist() == ["7", "4295806720"]


def test_texts_may_be_bytes():
    table = Table({"name": np.array([b"a "]), "ra": [1.0], "dec": [2.0], "other": np.array([b"x"])})
    row = Catalog(table, alias_column="other").get_row(0)
    assert (row["name"], row["alias"]) == ("a", "x")


def test_angles_with_gaps_are_no_numbers():
    column = MaskedColumn([1.0, 2.0], mask=[False, True], unit="rad")
    np.testing.assert_allclose(degrees(column), [np.degrees(1.0), np.nan])
    assert degrees(np.array(["12:00:00"]), is_hours=True)[0] == pytest.approx(180.0)
    assert degrees(np.array(["-12:30:00"]))[0] == pytest.approx(-12.5)


def test_a_directory_is_no_catalogue(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidRequestError, match="cannot be read as a catalogue"):
        Catalog(filename=tmp_path / "folder.csv").load()
