"""One file per light curve, and tables that other programs wrote."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.table import Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import (
    DamagedDataError,
    Location,
    MissingDataError,
    open_store,
)

HERE = {"ra": 330.68, "dec": 42.28}
KINDS = ["fits", "csv", "netcdf"]


def test_unknown_kinds_are_refused():
    with pytest.raises(InvalidRequestError, match=r"'hdf4'.*parquet"):
        open_store("hdf4")


@pytest.mark.parametrize("kind", KINDS)
def test_write_replaces_and_add_keeps(kind, make_lightcurve):
    store = open_store(kind, project="p")
    assert store.write([], **HERE) == []
    store.write([make_lightcurve(series=number, total=2) for number in (1, 2)], **HERE)
    assert len(store.find("BL Lac", "DEMO", "reduced", **HERE)) == 2
    store.add([make_lightcurve(series=3, total=3)], **HERE)
    assert len(store.find("BL Lac", "DEMO", "reduced", **HERE)) == 3
    store.write([make_lightcurve(rows=4)], **HERE)
    (place,) = store.find("BL Lac", "DEMO", "reduced", **HERE)
    assert len(store.read(place)) == 4
    store.flush()
    store.discard()


@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_told_apart(kind, make_lightcurve):
    store = open_store(kind, project="p")
    store.write([make_lightcurve("a", "raw")], **HERE)
    store.write([make_lightcurve("a")], **HERE)
    simulated = make_lightcurve("a", "simulated", simulation=1, simulations=1)
    store.write([make_lightcurve("a", "processed"), simulated], **HERE)
    for level in ("raw", "reduced", "processed", "simulated"):
        (place,) = store.scan("demo", level)
        assert store.read(place).level == level
        assert store.find("a", "demo", level, **HERE) == [place]
        assert list(store.scan("demo", level, "RA000/*")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_recognised(kind, make_lightcurve):
    store = open_store(kind, project="p")
    (place,) = store.write([make_lightcurve()], **HERE)
    path = place.path(store.root)
    path.write_bytes(path.read_bytes()[:300] if kind != "csv" else b"a,b\n1\n")
    with pytest.raises(DamagedDataError, match="damaged"):
        store.read(place)
    store.delete(place)
    with pytest.raises(MissingDataError, match="missing"):
        store.read(place)


def test_tables_of_other_programs(tmp_path):
    table = Table({"mjd": [1.0, 2.0], "mag": [17.0, 18.0], "filter": ["g", "r"]})
    table.write(tmp_path / "a.fits")
    table.write(tmp_path / "a.csv", format="ascii.csv")
    xr = pytest.importorskip("xarray")
    numbers = {name: ("epoch", np.asarray(table[name])) for name in ("mjd", "mag")}
    xr.Dataset(numbers).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for kind, name in zip(KINDS, ("a.fits", "a.csv", "a.nc"), strict=True):
        found = open_store(kind, tmp_path).read(Location("", name, "", kind))
        np.testing.assert_array_equal(found["mag"], [17.0, 18.0])
        assert (found.source, found.level) == ("a", "raw")


def test_records_of_other_programs_in_hdf5(tmp_path):
    records = np.array([(1.0, b"g")], dtype=[("mjd", "f8"), ("filter", "S1")])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"] = records
        file["one"].attrs["telescope"] = "T1"
        file["two"] = np.zeros(3)
    store = open_store("hdf5", tmp_path)
    found = store.read(Location("", "a.h5", "one"))
    assert found["mjd"].tolist() == [1.0]
    assert found.meta == {"telescope": "T1"}
    with pytest.raises(DamagedDataError, match="no table"):
        store.read(Location("", "a.h5", "two"))
    with pytest.raises(MissingDataError, match=r"\['one', 'two'\]; say which"):
        store.read(Location("", "a.h5", ""))


def test_numbers_in_a_plain_csv_are_recognised(tmp_path):
    (tmp_path / "a.csv").write_text("# by hand\nid,mag,name\n1,17.5,x\n2,,y\n")
    found = open_store("csv", tmp_path).read(Location("", "a.csv", "", "csv"))
    assert [found.data.dtype[name].kind for name in found.colnames] == ["i", "f", "U"]
    (tmp_path / "b.csv").write_text("")
    assert open_store("csv", tmp_path).read(Location("", "b.csv", "", "csv")).is_empty


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_columns(kind):
    store = open_store(kind)
    nothing = LightCurve(None, "dark", "DEMO", meta={"why": "clouds"})
    (place,) = store.write([nothing], **HERE)
    assert store.read(place).is_empty
    assert store.read(place).meta == {"why": "clouds"}
