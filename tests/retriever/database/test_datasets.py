"""Rows whose values lie on disk."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.retriever import database, dataset
from astroquery_mmdc.retriever.database import (
    Lightcurve,
    RawPhotometry,
    Session,
    Source,
    UniqueList,
)
from astroquery_mmdc.retriever.lightcurve import LightCurve


@pytest.fixture
def source():
    return Source(name="J123.1-32.13", project="PROJ", ra=123.1, dec=-32.13)


@pytest.fixture
def raw(source):
    data = {"mjd": [59001.0, 59002.5], "mag": [17.0, np.nan], "filter": ["zg", "zr"]}
    return RawPhotometry(data, {"oid": 7}, source=source, observatory="ZTF")


@pytest.fixture
def session():
    with Session() as opened:
        yield opened
    database.dispose()


def test_a7_4_saved_data_are_found_again(session, source, raw, data_root):
    raw.save()
    assert raw.filename == "RA123/ZTF_photometry_J123.1-32.13.h5"
    assert raw.get_fullname() == str(data_root / "ZTF" / raw.filename)
    assert raw.filekey == "photometry_J123.1-32.13"
    assert raw.check_file_exists()
    assert raw.check_data_exists()
    session.add(source)
    session.commit()
    session.expunge_all()
    again = session.scalars(
        sa.select(RawPhotometry).where(RawPhotometry.source_name == "J123.1-32.13")
    ).first()
    assert not again.is_loaded
    np.testing.assert_array_equal(again.data["mag"], [17.0, np.nan])
    assert again.is_loaded
    assert again.lightcurve.meta == {"oid": 7}
    assert again.times[0] == datetime(2020, 6, 1, tzinfo=UTC)
    np.testing.assert_array_equal(again.mjds, [59001.0, 59002.5])
    assert (again.number, again.shape, len(again)) == (2, [2], 2)
    assert again.time_end == datetime(2020, 6, 2, 12, tzinfo=UTC)
    again.delete_data_from_disk()
    assert not again.check_file_exists()
    assert not again.check_data_exists()


def test_a7_4_light_curves_lie_in_the_folder_of_the_project(source, data_root, make_lightcurve):
    lightcurves = [
        Lightcurve.from_lightcurve(
            make_lightcurve(source.name, series=number, total=3), source=source, project="PROJ_NAME"
        )
        for number in (1, 2, 3)
    ]
    for lc in lightcurves:
        lc.save()
    path = data_root / "PROJ_NAME/RA123/DEMO_photometry_J123.1-32.13_reduced.h5"
    assert {lc.get_fullname() for lc in lightcurves} == {str(path)}
    assert lightcurves[0].filekey == "photometry_J123.1-32.13_reduction_01_of_03"
    for lc in lightcurves:
        assert lc.check_data_exists()  # the later ones left the earlier ones alone
    assert lightcurves[0].num_good == 20
    assert lightcurves[0].filter == "zg"


@pytest.mark.parametrize("kind", ["hdf5", "parquet", "fits", "csv", "netcdf"])
@pytest.mark.parametrize("level", ["raw", "reduced"])
def test_a7_5_every_format_saves_and_loads(kind, level, source, make_lightcurve):
    table = np.zeros(
        3, dtype=[("mjd", "f8"), ("ok", "?"), ("name", "U4"), ("id", "i8"), ("s", "f4")]
    )
    table["mjd"], table["name"], table["id"] = [1.5, np.nan, 3], ["é", "", "zg"], 2**53 + 1
    model = RawPhotometry if level == "raw" else Lightcurve
    held = LightCurve(table, source.name, "DEMO", level, meta={"a": [{"b": 1}]})
    row = model.from_lightcurve(held, source=source, format=kind)
    row.save()
    assert row.check_data_exists()
    again = model(filename=row.filename, folder=row.folder, filekey=row.filekey, format=kind)
    again.load()
    assert again.data.dtype.names == table.dtype.names
    for name in table.dtype.names:
        np.testing.assert_array_equal(again.data[name], table[name])
        if table.dtype[name].kind != "U":
            assert again.data.dtype[name] == table.dtype[name]
    assert again.lightcurve.meta == held.meta
    assert again.lightcurve.source == source.name
    row.delete_data_from_disk()
    assert not again.check_data_exists()


@pytest.mark.parametrize("kind", ["hdf5", "parquet", "fits", "csv", "netcdf"])
def test_a7_6_empty_data_are_saved_in_every_format(kind, source):
    raw = RawPhotometry({"mjd": [], "mag": []}, source=source, observatory="ZTF", format=kind)
    assert raw.is_empty
    raw.save()
    again = RawPhotometry(filename=raw.filename, folder="ZTF", filekey=raw.filekey, format=kind)
    again.load()
    assert again.is_empty
    assert again.data.dtype.names == ("mjd", "mag")
    assert again.check_data_exists()


def test_tables_of_many_kinds_become_data(source):
    pd = pytest.importorskip("pandas")
    xr = pytest.importorskip("xarray")
    frame = pd.DataFrame({"mjd": [1.0, 2.0], "filter": ["g", None]})
    array = np.array([(1.0, "g")], dtype=[("mjd", "f8"), ("filter", "U1")])
    dataset_ = xr.Dataset({"mjd": ("epoch", [1.0, 2.0])})
    assert RawPhotometry(frame, observatory="Z").data["filter"].tolist() == ["g", ""]
    assert RawPhotometry(array, observatory="Z").data["mjd"] == [1.0]
    assert RawPhotometry(dataset_, observatory="Z").data["mjd"].tolist() == [1.0, 2.0]


def test_a_file_of_the_users_own(tmp_path, monkeypatch, source, raw):
    raw.save()
    shutil.copy(raw.get_fullname(), tmp_path / "my_raw_data.h5")
    monkeypatch.chdir(tmp_path)
    data = RawPhotometry(filename="my_raw_data.h5")
    data.load()
    assert data.data["mag"][0] == 17.0
    assert data.number == 2
    (tmp_path / "plain.csv").write_text("mjd,mag,filter\n59000,17.25,zg\n59001,,zr\n")
    data = RawPhotometry(filename=str(tmp_path / "plain.csv"))
    assert data.format == "csv"
    np.testing.assert_array_equal(data.data["mag"], [17.25, np.nan])
    assert data.data["filter"].tolist() == ["zg", "zr"]


def test_files_of_pandas_are_not_unpickled(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file["key"] = np.array([b"x"], dtype=h5py.special_dtype(vlen=bytes))
    with pytest.raises(CacheError, match="no table of numbers and texts"):
        RawPhotometry(filename=str(path), filekey="key").load()


def test_a7_7_a_row_whose_file_is_missing_says_so(source, raw):
    raw.save()
    raw.delete_data_from_disk()
    again = RawPhotometry(filename=raw.filename, folder="ZTF", filekey=raw.filekey)
    with pytest.raises(CacheError, match="fetch or reduce"):
        again.load()


def test_a7_8_altdata_come_back(source):
    headers = [{"SECTOR": 1, "aperture": [[1, 2], [3, 4]]}, {"SECTOR": 2}]
    raw = RawPhotometry({"t": [1.0]}, {"file_headers": headers}, source=source, observatory="TESS")
    raw.save()
    again = RawPhotometry(filename=raw.filename, folder="TESS", filekey=raw.filekey)
    assert again.lightcurve.meta["file_headers"] == headers


def test_a7_9_deleting_a_row_deletes_its_file(session, source, raw, make_lightcurve):
    raw.save()
    lc = Lightcurve.from_lightcurve(make_lightcurve(source.name), source=source, raw_data=raw)
    lc.save()
    session.add_all([source, raw, lc])
    session.commit()
    session.delete(lc)
    session.rollback()
    assert lc.check_data_exists()
    session.delete(lc)
    session.commit()
    assert not lc.check_file_exists()
    assert raw.check_file_exists()


def test_a7_9_deleting_raw_data_cascades(session, source, raw, make_lightcurve):
    raw.save()
    lc = Lightcurve.from_lightcurve(make_lightcurve(source.name), source=source, raw_data=raw)
    lc.save()
    session.add(source)
    session.commit()
    assert lc.raw_data_id == raw.id
    session.delete(raw)
    session.commit()
    assert session.scalars(sa.select(Lightcurve)).all() == []
    assert not lc.check_file_exists()
    session.expire_all()
    assert session.scalars(sa.select(Source)).one().raw_photometry == []


def test_a7_10_flags(source, raw):
    saved = RawPhotometry({"mjd": [1.0]}, source=source, observatory="DEMO", autosave=True)
    assert saved.check_data_exists()
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        saved.save(overwrite=False)
    saved.save()
    lazy = RawPhotometry(filename=saved.filename, folder="DEMO", autoload=False)
    with pytest.raises(CacheError, match=r"call load\(\)"):
        lazy.data  # noqa: B018
    lazy.load()
    assert len(lazy.data) == 1
    saved.overwrite = False
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        saved.save()
    assert saved.public


def test_saving_needs_a_source(raw):
    orphan = RawPhotometry({"mjd": [1.0]}, observatory="DEMO")
    with pytest.raises(InvalidRequestError, match="source"):
        orphan.save()
    with pytest.raises(InvalidRequestError, match="no file yet"):
        orphan.get_fullname()


def test_a7_12_data_are_found_by_observatory(session, source, make_lightcurve):
    for observatory in ("DEMO", "ZTF"):
        raw = RawPhotometry({"mjd": [1.0]}, source=source, observatory=observatory)
        for number in (1, 2):
            lc = make_lightcurve(source.name, observatory=observatory, series=number, total=2)
            Lightcurve.from_lightcurve(lc, source=source, raw_data=raw)
    session.add(source)
    session.commit()
    session.expire_all()
    assert source.raw_photometry["demo"].observatory == "DEMO"
    assert source.rp[0] is source.raw_photometry[0]
    assert source.rl["demo", 0].series_number == 1
    assert len(source.rl["ztf"]) == 2
    assert isinstance(source.rl["ztf"], UniqueList)
    assert "demo" in source.rl
    assert "tess" not in source.rl
    assert source.pl == source.sl == []
    with pytest.raises(KeyError, match="no data of 'tess'"):
        source.rl["tess"]


def test_a1_2_the_data_root_can_be_assigned(monkeypatch, tmp_path, source, raw):
    for module in (dataset, database):
        monkeypatch.setattr(module, "DATA_ROOT", str(tmp_path / module.__name__))
        raw.save()
        assert raw.get_fullname().startswith(str(tmp_path / module.__name__))
        monkeypatch.setattr(module, "DATA_ROOT", None)


def test_a7_16_rows_of_tests_can_be_removed(session, source):
    source.test_hash = "t1"
    session.add(source)
    session.add(Source(name="real", ra=0.0, dec=0.0))
    session.commit()
    session.execute(sa.delete(Source).where(Source.test_hash == "t1"))
    session.commit()
    assert [row.name for row in session.scalars(sa.select(Source))] == ["real"]
