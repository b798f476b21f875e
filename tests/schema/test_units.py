from __future__ import annotations

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from astropy.utils.masked import Masked
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.units import FLUX_AXES, NUFNU, flux_unit, nufnu_to, spectral_to

_NU = 2.4179892420849e17 * u.Hz  # 1 keV


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("erg cm-2 s-1", 1e-10),
        ("flux_wm2", 1e-13),
        ("flux_jyhz", 1e13),
        ("nufnu_fnu_jy", 1e13 / 2.4179892420849e17),
        ("flux_ev", 1e-10 / 1.602176634e-12),
        ("TeV cm-2 s-1", 1e-10 / 1.602176634),
        ("norm", 1e-10 / 1.602176634e-12 / 1e6),
    ],
)
def test_every_axis_of_the_service_against_hand_values(name, expected):
    converted = nufnu_to(1e-10 * NUFNU, _NU, name)
    assert converted.value == pytest.approx(expected, rel=1e-9)


@given(st.floats(1e7, 1e28), st.floats(1e-20, 1e-5), st.sampled_from(sorted(FLUX_AXES)))
def test_there_and_back(nu, flux, name):
    from astroquery_mmdc.schema.units import nufnu_equivalencies

    there = nufnu_to(flux * NUFNU, nu * u.Hz, name)
    back = there.to_value(NUFNU, equivalencies=nufnu_equivalencies(nu * u.Hz))
    assert back == pytest.approx(flux, rel=1e-12)


def test_website_numbers_use_its_rounded_constants():
    nu, flux = 1e15, 3e-11
    energy = nu * 4.135667696e-15
    website = nufnu_to(flux * NUFNU, nu * u.Hz, "norm", website_compatible=True)
    assert website.value == pytest.approx(flux * 6.242e11 / energy**2, rel=1e-12)
    tev = nufnu_to(flux * NUFNU, nu * u.Hz, "TeV cm-2 s-1", website_compatible=True)
    assert tev.value == pytest.approx(flux * 6.242e11 * 1e-12, rel=1e-12)
    jansky = nufnu_to(flux * NUFNU, nu * u.Hz, "Jy", website_compatible=True)
    assert jansky.value == pytest.approx(flux * 1e-3 / nu / 1e-26, rel=1e-12)


def test_masks_stay():
    masked = Masked([1e-10, 2e-10] * NUFNU, [False, True])
    assert nufnu_to(masked, [1e15, 1e16] * u.Hz, "Jy").mask.tolist() == [False, True]


def test_energy_axis():
    assert spectral_to(_NU, "freq_ev").to_value("keV") == pytest.approx(1, rel=1e-9)
    assert spectral_to(1 * u.um, "Hz").value == pytest.approx(const.c.value / 1e-6)


def test_an_unknown_unit_names_the_known_ones():
    with pytest.raises(InvalidRequestError, match=r"y: 'parsnip' is not a unit; .*'Jy'"):
        flux_unit("parsnip")


def test_arrays_of_frequencies():
    nu = np.logspace(9, 27, 50) * u.Hz
    flux = np.full(50, 1e-12) * NUFNU
    assert np.allclose(nufnu_to(flux, nu, "Jy").value, 1e11 / nu.value, rtol=1e-12)
