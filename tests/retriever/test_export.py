"""Light curves for other programs are read back by these programs."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import Project
from astroquery_mmdc.retriever.export import (
    SKYPORTAL_FILTERS,
    export_project,
    export_to_skyportal,
    write_lightcurves,
)
from astroquery_mmdc.retriever.running.runs import project_session


@pytest.fixture
def pandas():
    pytest.importorskip("tables", reason="SkyPortal's files are made with PyTables")
    return pytest.importorskip("pandas")


@pytest.fixture
def project():
    made = Project("exports", obs_names="demo", cfg_file=False)
    made.run(progress=False)
    return made


def read_back(pandas, path):
    """Read a file as SkyPortal does: one table, and the metadata beside it."""
    with pandas.HDFStore(str(path), mode="r") as store:
        (key,) = store.keys()
        return store[key], dict(store.get_storer(key).attrs.metadata)


@pytest.mark.parametrize(
    ("band", "expected"), [("zg", "ztfg"), ("zr", "ztfr"), ("zi", "ztfi"), ("other", "other")]
)
def test_a7_15_filters_have_their_own_names(pandas, make_lightcurve, tmp_path, band, expected):
    light = make_lightcurve(observatory="ZTF", band=band)
    path = export_to_skyportal(light, tmp_path / "series.h5")
    assert read_back(pandas, path)[1]["filter"] == expected


def test_a7_15_a_series_is_whole(pandas, make_lightcurve, tmp_path):
    light = make_lightcurve(source="J123.1-32.13", observatory="ZTF")
    data = light.data.copy()
    data["flag"][[2, 5]] = True
    meta = {"ra": 123.1, "dec": -32.13, "object_id": [11, 12], "statistics": {"exp_time": 30.0}}
    path = export_to_skyportal(
        light.replace(data=data, meta=meta), tmp_path / "series.h5", instrument_id=3, group_ids=[7]
    )
    frame, metadata = read_back(pandas, path)
    assert len(frame) == len(light) - 2
    assert np.array_equal(frame["mjd"], light.mjds[~data["flag"]])
    assert np.array_equal(frame["magerr"], light.mag_errors[~data["flag"]])
    assert {"mag", "flux", "fluxerr", "exptime", "ra", "dec"} <= set(frame.columns)
    assert metadata["obj_id"] == "J123.1-32.13"
    assert metadata["series_obj_id"] == "11+12"
    assert (metadata["ra"], metadata["dec"], metadata["exp_time"]) == (123.1, -32.13, 30.0)
    assert (metadata["instrument_id"], metadata["group_ids"]) == (3, [7])
    assert metadata["time_stamp_alignment"] == "middle"
    assert metadata["altdata"]["num_left_out"] == 2


def test_a7_15_rows_of_the_database_export_themselves(pandas, project, tmp_path):
    with project_session(project) as session:
        light = session.scalars(project.select_sources()).first().reduced_lightcurves[0]
        path = light.export_to_skyportal(tmp_path / "one.h5")
        with pytest.raises(InvalidRequestError, match="overwrite=True"):
            light.export_to_skyportal(path)
        light.export_to_skyportal(path, overwrite=True)
    frame, metadata = read_back(pandas, path)
    assert len(frame) == 100
    assert metadata["obj_id"] == light.source_name


def test_known_filters_are_different_ones():
    assert len(set(SKYPORTAL_FILTERS.values())) == len(SKYPORTAL_FILTERS)


def test_nothing_usable_writes_nothing(pandas, make_lightcurve, tmp_path):
    light = make_lightcurve(rows=2)
    data = light.data.copy()
    data["flag"] = True
    with pytest.raises(InvalidRequestError, match="has no usable epoch"):
        export_to_skyportal(light.replace(data=data), tmp_path / "x.h5")
    assert list(tmp_path.glob("*.h5*")) == []


@pytest.mark.parametrize("ending", ["ecsv", "fits", "csv", "parquet"])
def test_tables_are_read_back(make_lightcurve, tmp_path, ending):
    lights = [make_lightcurve("BL Lac", band=band, series=n) for n, band in enumerate("gr", 1)]
    lights.append(make_lightcurve("OJ 287", rows=5))
    path = write_lightcurves(lights, tmp_path / f"all.{ending}")
    if ending == "parquet":
        import pyarrow.parquet as pq

        columns = pq.read_table(path).to_pydict()
    else:
        columns = QTable.read(path)
    assert len(columns["source"]) == 45
    assert [str(name) for name in columns["source"][-5:]] == ["OJ 287"] * 5
    assert list(columns["series"][:40:20]) == [1, 2]
    assert np.allclose(np.asarray(columns["mjd"])[:20], 59000 + np.arange(20))


def test_wrong_files_are_refused(make_lightcurve, tmp_path):
    light = make_lightcurve()
    with pytest.raises(InvalidRequestError, match=r"'.xyz' is no known ending; use .ecsv"):
        write_lightcurves([light], tmp_path / "x.xyz")
    with pytest.raises(InvalidRequestError, match="there are none; run the project first"):
        write_lightcurves([], tmp_path / "x.ecsv")
    path = write_lightcurves([light], tmp_path / "x.ecsv")
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        write_lightcurves([light], path)


def test_a_project_in_one_table(project, tmp_path):
    path = export_project(project, tmp_path / "all.ecsv", level="reduced")
    table = QTable.read(path)
    assert len(table) == 10 * 100
    assert set(table["source"]) == set(project.catalog.names)
    names = list(project.catalog.names[:2])
    some = export_project(project, tmp_path / "some.ecsv", source_names=names)
    assert len(QTable.read(some)) == 2 * 100
    with pytest.raises(InvalidRequestError, match="there are none"):
        export_project(project, tmp_path / "none.ecsv", source_names=["nobody"])


def test_a_project_for_skyportal(pandas, project, tmp_path):
    folder = export_project(project, tmp_path / "sky")
    files = sorted(folder.iterdir())
    assert len(files) == 10
    assert read_back(pandas, files[0])[1]["obj_id"] in project.catalog.names


def test_the_objects_of_other_packages(make_lightcurve):
    light = make_lightcurve()
    series = light.to_timeseries()
    assert np.allclose(series.time.mjd, light.mjds)
    assert series.time.scale == "utc"
    pytest.importorskip("pandas")
    assert list(light.to_pandas()["mjd"]) == list(light.mjds)


def test_lightkurve_takes_a_light_curve(make_lightcurve):
    pytest.importorskip("lightkurve")
    light = make_lightcurve()
    assert len(light.to_lightkurve()) == len(light)
