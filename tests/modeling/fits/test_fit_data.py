from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc import SED
from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import FitData, prepare
from tests.modeling.fit_tools import FLUX, synthetic


def table(nu=(1e14, 1e15, 1e17, 1e18, 1e23, 1e24), flux=1e-11, error=1e-12, **columns):
    n = len(nu)
    return QTable(
        {
            "nu": np.array(nu) * u.Hz,
            "nufnu": np.broadcast_to(flux, n) * FLUX,
            "nufnu_err": np.broadcast_to(error, n) * FLUX,
            **columns,
        }
    )


def test_points_below_1e11_hz_are_left_out_and_sorted():
    data = prepare(table(nu=(1e17, 1e9, 1e14, 1e23)))
    assert data.nu.tolist() == [1e14, 1e17, 1e23]
    assert len(prepare(table(nu=(1e17, 1e9, 1e14, 1e23)), nu_min=None)) == 4


def test_energies_and_wavelengths_are_ends():
    data = prepare(table(), nu_min=0.1 * u.keV, nu_max=1 * u.GeV, warn=False)
    assert data.nu.tolist() == [1e17, 1e18, 1e23]


def test_an_sed_is_taken_with_its_limits_and_catalogues():
    sed = SED.from_columns(
        nu=[1e14, 1e17, 1e23, 1e25] * u.Hz,
        nufnu=[1e-11, 2e-11, 1e-11, 1e-12] * FLUX,
        nufnu_err=[1e-12, 1e-12, 1e-12, np.nan] * FLUX,
        is_upper_limit=[False, False, False, True],
        catalog=["A", "B", "C", "DEBL"],
    )
    data = prepare(sed)
    assert data.is_limit.tolist() == [False, False, False, True]
    assert data.is_unabsorbed.tolist() == [False, False, False, True]
    assert data.error_low[-1] == 0.0
    assert prepare(sed, exclude="B", warn=False).catalog == ("A", "C", "DEBL")
    assert len(prepare(sed, upper_limits=False)) == 3
    with pytest.raises(InvalidRequestError, match="no point is of 'X'"):
        prepare(sed, catalogs="X")


def test_asymmetric_errors_are_kept():
    data = prepare(table(nufnu_errn=np.full(6, 1e-12) * FLUX, nufnu_errp=np.full(6, 3e-12) * FLUX))
    np.testing.assert_allclose(data.sigma_high / data.sigma_low, 3.0)


@pytest.mark.parametrize(
    ("flux", "error", "words"),
    [
        ((1e-11, -1e-12, 1e-11, 1e-11, 1e-11, 1e-11), 1e-12, "1 of 6 points has a flux not above"),
        ((1e-11, np.nan, 1e-11, 1e-11, 1e-11, 1e-11), 1e-12, "1 of 6 points has no flux"),
        (1e-11, (1e-12, 0, 0, 1e-12, 1e-12, 1e-12), "2 of 6 points have no error and are left"),
    ],
)
def test_points_that_say_nothing_are_counted(flux, error, words):
    with pytest.warns(IncompleteResultWarning, match=words):
        data = prepare(table(flux=np.array(flux), error=np.array(error)))
    assert words in data.notes[0]


def test_nothing_but_limits_is_refused():
    with pytest.raises(InvalidRequestError, match="all 6 points are upper limits"):
        prepare(table(is_upper_limit=np.ones(6, dtype=bool)))


def test_nothing_at_all_is_refused_with_the_reasons():
    with pytest.raises(InvalidRequestError, match=r"none of 6 .* have no error"):
        prepare(table(error=0.0))
    with pytest.raises(InvalidRequestError, match="widen nu_min"):
        prepare(table(), nu_min=1e29 * u.Hz)


def test_columns_need_units():
    bare = QTable({"nu": [1e14], "nufnu": [1e-11], "nufnu_err": [1e-12]})
    with pytest.raises(InvalidRequestError, match="nu has no unit"):
        prepare(bare)
    with pytest.raises(InvalidRequestError, match="no column nufnu"):
        prepare(QTable({"nu": [1e14] * u.Hz}))
    with pytest.raises(InvalidRequestError, match="no unit of nu F_nu"):
        prepare(table(nufnu=np.ones(6) * u.m))


def test_flux_densities_become_nufnu():
    jansky = table(nufnu=np.full(6, 1.0) * u.Jy, nufnu_err=np.full(6, 0.1) * u.Jy)
    data = prepare(jansky, warn=False)
    np.testing.assert_allclose(data.flux, 1e-23 * data.nu)


def test_the_service_csv_is_read(tmp_path):
    path = tmp_path / "sed.csv"
    path.write_text(
        "frequency,flux,flux_err\n1e14,1e-11,1e-12\n1e17,1e-11,1e-12\n1e23,1e-11,1e-12\n"
    )
    assert len(prepare(path)) == 3
    path.write_text(
        "freq_hz,nufnu,nufnu_err,is_ul,mjd_start,mjd_end,catalog,band,reference\n"
        "1e14,1e-11,1e-12,false,50000.0,50000.0,A,visible,\n"
        "1e17,1e-11,1e-12,false,58000.0,58001.0,B,x_rays,\n"
        "1e23,1e-11,,true,58000.0,58001.0,C,gamma_rays,\n"
        "1e22,1e-11,1e-12,false,58000.0,58001.0,C,gamma_rays,\n"
    )
    data = prepare(path)
    assert data.is_limit.sum() == 1
    assert data.catalog == ("A", "B", "C", "C")
    with pytest.raises(InvalidRequestError, match="is not there"):
        prepare(tmp_path / "other.csv")
    path.write_text("frequency,flux,flux_err\n1e14,abc,1e-12\n")
    with pytest.raises(InvalidRequestError, match="no number"):
        prepare(path)


def test_mixed_epochs_are_told():
    days = np.array([54000.0, 54001.0, 55000.5, 55001.0, 56000.0, 56001.0])
    with pytest.warns(InputWarning, match="3 epochs"):
        prepare(table(mjd_start=days, mjd_end=days))
    assert len(prepare(table(mjd_start=days, mjd_end=days), mjd_max=54500, warn=False)) == 2


def test_variable_points_are_told():
    nu = np.repeat([1e14, 1e15, 1e17, 1e23], 2)
    with pytest.warns(InputWarning, match="spread by more than a factor 3 in 4 bins"):
        prepare(table(nu=nu, flux=np.tile([1e-12, 1e-11], 4)))


def test_missing_bands_are_told():
    with pytest.warns(InputWarning, match="no gamma-ray detection"):
        prepare(table(nu=(1e14, 1e15, 1e17)))


def test_duplicates_are_told():
    with pytest.warns(InputWarning, match="1 of the points repeat others"):
        prepare(table(nu=(1e14, 1e17, 1e23, 1e23)))


def test_frequencies_of_the_source_frame():
    data = prepare(table(), frame="source", redshift=1.0)
    np.testing.assert_allclose(data.nu[0], 5e13)
    with pytest.raises(InvalidRequestError, match="needs it"):
        prepare(table(), frame="source")


def test_bins_average_and_keep_the_information():
    nu = np.logspace(14, 24, 400)
    scatter = np.random.default_rng(1).normal(0, 0.1, 400)
    points = table(nu=nu, flux=1e-11 * np.exp(scatter), error=1e-12 * np.exp(scatter))
    data = prepare(points, bin_dex=1.0, warn=False)
    assert len(data) == 11
    np.testing.assert_allclose(data.flux[:10], 1e-11, rtol=0.06)
    np.testing.assert_allclose(data.error_high[2], 1e-12 / np.sqrt(40), rtol=0.4)
    with pytest.raises(InvalidRequestError, match="no width"):
        prepare(points, bin_dex=0)


def test_systematics_by_catalogue():
    data = prepare(
        table(catalog=["A", "A", "B", "B", "C", "C"]), systematics={"B": 0.3}, warn=False
    )
    assert data.systematic[2] == 0.3
    assert np.isnan(data.systematic[0])


def test_the_table_leads_back():
    data = prepare(synthetic())
    again = FitData.from_table(data.table())
    assert again.digest == data.digest
    assert prepare(data) is data
