"""The face of the models: what comes out, as Quantities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import cosmology
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import EIC, SSC, BrokenPowerLaw, PowerLaw, normalized
from tests.modeling.model_sets import ALL, EIC_SET, MRK421, NU, of


def test_the_geometry_matters_and_stays():
    model = EIC(**EIC_SET, R_BLR=0.1 * u.pc, xi_DT=0.0, distance=None, geometry="finke", cmb=True)
    assert dict(model.settings.extras)["R_BLR"].unit == u.cm
    other = model.replace(R_BLR=1 * u.pc)
    assert {"ec_disk", "ec_blr", "ec_cmb", "disk"} <= set(model.spectrum().components)
    assert "ec_torus" not in model.spectrum().components
    assert np.max(other(NU)) < np.max(model(NU))
    assert other.replace(log_B=-1).settings.extras == other.settings.extras
    given = {key: EIC_SET[key] for key in ("z", "log_B", "log_radius", "log_Ld", "log_MBH")}
    fixed = EIC(**given, delta=20, electrons=PowerLaw(1.0, 2.2, 100, 1e4))
    assert np.max(fixed(NU)) > 0


def test_narrow_thermal_light_has_enough_points():
    spectrum = EIC(**EIC_SET).spectrum()
    line = spectrum.components["blr"].value
    assert np.sum(line > 0.1 * line.max()) > 10


@pytest.mark.parametrize(("kind", "parameters"), ALL)
def test_frequencies_of_every_kind_and_shape(kind, parameters):
    model = kind(**parameters)
    whole = model(NU)
    assert whole.unit == u.erg / u.s / u.cm**2
    assert np.all(np.isfinite(whole))
    assert np.all(whole >= 0)
    assert whole.max() > 0
    shuffled = np.random.default_rng(0).permutation(len(NU))
    assert np.array_equal(model(NU[shuffled]), whole[shuffled])
    assert model([] * u.Hz).shape == (0,)
    assert model(NU[30]).isscalar
    assert model(NU[30]).value == pytest.approx(whole[30].value, rel=1e-12)
    assert model(NU.reshape(6, 10)).shape == (6, 10)
    assert np.allclose(model(NU.to(u.eV, u.spectral())), whole, rtol=1e-9)
    assert np.allclose(model(NU.to(u.nm, u.spectral())), whole, rtol=1e-9)
    assert np.allclose(model(NU.astype("f4")), whole, rtol=1e-4)
    assert model([1.0, 1e60] * u.Hz).value.tolist() == [0, 0]


def test_values_of_the_textbook():
    """Peaks of two published definitions, computed independently, without SSA and EBL."""
    model = of(ssa=False, ebl=False)
    peaks = {row["component"]: row for row in model.spectrum().peaks}
    for name, nu, flux in (("synchrotron", 15.93, -11.069), ("ssc", 24.60, -11.258)):
        assert np.log10(peaks[name]["nu"].value) == pytest.approx(nu, abs=0.03)
        assert np.log10(peaks[name]["nufnu"].value) == pytest.approx(flux, abs=0.02)


def test_a_published_set_with_given_electrons(shared):
    from astropy.table import QTable

    reference = QTable.read(shared / "data/sed_reference/mrk421_ssc__agnpy-g1000.ecsv")
    distance = cosmology.FlatLambdaCDM(H0=70, Om0=0.3)
    model = SSC(
        z=0.0308,
        B=0.038 * u.G,
        R=5.2e16 * u.cm,
        delta=21,
        electrons=MRK421,
        pairs=False,
        ebl=False,
        cosmology=distance,
    )
    # The file states its distance; another cosmology than ours scales everything.
    ratio = (4.309359165e26 / model.observer.distance) ** 2
    near = (reference["nu"].value > 1e14) & (reference["nu"].value < 1e19)
    mine = model(reference["nu"][near]) / ratio
    assert np.median(abs(mine / reference["nuFnu"][near] - 1)) < 5e-3


def test_given_electrons_with_units():
    plain = PowerLaw(0.5e-3, 2, 10, 1e6)
    source = {"z": 0.1, "B": 1 * u.G, "R": 1e16 * u.cm, "delta": 10}
    with_units = PowerLaw(0.5e3 / u.m**3, 2, 10 * u.one, 1e6)
    converted = SSC(**source, electrons=with_units).electrons
    assert converted.k == pytest.approx(plain.k)
    assert converted.gamma_min == plain.gamma_min
    for wrong, message in (
        (PowerLaw(1e-3 * u.G, 2, 10, 1e6), "k = .* is not a number of 1 / cm3"),
        (PowerLaw(-1, 2, 10, 1e6), "k = -1 has to be above 0"),
        (PowerLaw(1, 2, 1e7, 1e6), "gamma_min = 1e.07 has to be at least 1 and below gamma_max"),
        (PowerLaw(1, math.nan, 10, 1e6), "p = nan is not finite"),
    ):
        with pytest.raises(InvalidRequestError, match=f"electrons: {message}"):
            SSC(**source, electrons=wrong)


def test_normalisations_of_given_electrons():
    shape = BrokenPowerLaw(1, 2.2, 4.0, 2e5, 8e2, 1e7)
    radius = 5.2e16 * u.cm
    by_energy = normalized(shape, u_e=5.2e-4 * u.erg / u.cm**3)
    assert by_energy.k == pytest.approx(1.5e-9, rel=0.02)
    model = SSC(z=0.03, B=1 * u.G, R=radius, delta=10, electrons=by_energy)
    assert model.emission.u_e == pytest.approx(5.2e-4, rel=2e-3)
    total = 5.2e-4 * u.erg / u.cm**3 * (4 / 3 * np.pi * radius**3)
    assert normalized(shape, W_e=total, R=radius).k == pytest.approx(by_energy.k)
    assert normalized(PowerLaw(1, 2, 1, 1e5), n_e=1 / u.cm**3).k == pytest.approx(1, rel=1e-4)
    with pytest.raises(InvalidRequestError, match="electrons: give one of n_e, u_e, or W_e"):
        normalized(shape, W_e=total)


def test_the_ebl_takes_gamma_rays_only():
    model, bare = of(z=0.5), of(z=0.5, ebl=False)
    at = [1e15, 1e22, 1e27] * u.Hz
    ratio = (model(at) / bare(at)).value
    assert ratio[:2].tolist() == [1, 1]
    assert 0 <= ratio[2] < 1e-3
    other = of(z=0.5, ebl="dominguez_2011")
    assert other(1e26 * u.Hz) != model(1e26 * u.Hz)


def test_another_cosmology():
    near = of(cosmology=cosmology.FlatLambdaCDM(H0=142, Om0=0.27), ebl=False)
    at = [1e12, 1e15, 1e24] * u.Hz
    assert (near(at) / of(ebl=False)(at)).value == pytest.approx([4, 4, 4], rel=1e-2)
