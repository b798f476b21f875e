from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.sed import (
    SED,
    FormatLossWarning,
    to_gammapy_groups,
    write_gammapy_groups,
    write_xspec_groups,
)
from astroquery_mmdc.sed.formats.groups import spectra

FLUX = u.Unit("erg s-1 cm-2")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1.0, 2.0, 3.0]),
            st.sampled_from(["A", "B", ""]),
            st.sampled_from([58000.0, 58001.0, np.nan]),
        ),
        max_size=20,
    )
)
def test_parts_have_every_energy_once_and_lose_no_point(points):
    sed = SED.from_columns(
        nu=[nu for nu, _, _ in points] * u.keV,
        nufnu=np.arange(len(points)) * FLUX,
        catalog=[catalog for _, catalog, _ in points],
        mjd_start=[mjd for _, _, mjd in points],
    )
    parts = spectra(sed)
    for part in parts.values():
        assert (np.diff(part["nu"].value) > 0).all()
        assert len(set(part["catalog"])) == 1
    found = sorted(value for part in parts.values() for value in part["nufnu"].value)
    assert found == list(range(len(points)))


@pytest.fixture
def sed() -> SED:
    return SED.from_columns(
        nu=[1, 2, 1, 2, 1, 3e9] * u.keV,
        nufnu=[1e-12, 2e-12, 3e-12, 4e-12, 5e-12, 6e-12] * FLUX,
        nufnu_err=[1e-13, 1e-13, 1e-13, 1e-13, 1e-13, np.nan] * FLUX,
        is_upper_limit=[False] * 5 + [True],
        catalog=["XRT"] * 5 + ["H.E.S.S."],
        mjd_start=[58000.0, 58000.0, 58001.0, 58001.0, 58001.0, np.nan],
        mjd_end=[58000.5, 58000.5, 58001.5, 58001.5, 58001.5, np.nan],
        source={"name": "x", "redshift": 0.1},
    )


NAMES = ["XRT MJD 58000.0-58000.5", "XRT MJD 58001.0-58001.5", "XRT MJD 58001.0-58001.5 (2)"]


def test_gammapy_groups(sed):
    groups = to_gammapy_groups(sed, ul_conf=0.9)
    assert list(groups) == [*NAMES, "H.E.S.S."]
    limit = groups["H.E.S.S."]
    assert limit.meta == {"SED_TYPE": "e2dnde", "UL_CONF": 0.9, "source": "x", "redshift": 0.1}
    assert limit["is_ul"].tolist() == [True]
    assert np.isnan(limit["e2dnde"].value).all()
    assert limit["e2dnde_ul"].value.tolist() == [6e-12]


def test_files_of_groups_read_back(sed, tmp_path):
    paths = write_gammapy_groups(sed, tmp_path / "new")
    assert [path.name for path in paths][:2] == [
        "XRT_MJD_58000.0-58000.5.ecsv",
        "XRT_MJD_58001.0-58001.5.ecsv",
    ]
    back = [SED.read(path) for path in paths]
    assert sum(len(part) for part in back) == len(sed)
    assert back[0]["mjd_end"].value.tolist() == [58000.5, 58000.5]
    assert back[3].upper_limits["nufnu"].value.tolist() == [6e-12]
    with pytest.raises(OSError, match="exists"):
        write_gammapy_groups(sed, tmp_path / "new")
    write_gammapy_groups(sed, tmp_path / "new", overwrite=True)
    assert len(list((tmp_path / "new").iterdir())) == 4


def test_xspec_files_leave_limits_out_and_say_so(sed, tmp_path):
    with pytest.warns(FormatLossWarning, match="xspec cannot hold: 1 upper limits"):
        paths = write_xspec_groups(sed, tmp_path)
    assert len(paths) == 3
    assert len(paths[0].read_text().splitlines()) == 2


def test_names_of_parts_do_not_collide():
    sed = SED.from_columns(
        nu=[1, 1, 1] * u.keV, nufnu=[1, 2, 3] * FLUX, catalog=["A", "A", "A undated"]
    )
    assert list(spectra(sed)) == ["A undated", "A undated (2)", "A undated (3)"]
