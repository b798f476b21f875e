"""The face of the models: parameters in, Quantities out."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from astropy import cosmology
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import (
    IncompleteResultWarning,
    InputWarning,
    InvalidRequestError,
)
from astroquery_mmdc.modeling import (
    EIC,
    MODELS,
    SSC,
    BrokenPowerLaw,
    Hadronic,
    PowerLaw,
    model_class,
    normalized,
)

NU = np.geomspace(1e9, 1e28, 60) * u.Hz
SET = {
    "z": 0.03179,
    "log_B": -1.5,
    "log_electron_luminosity": 44.0,
    "log_gamma_cut": 5.0,
    "log_gamma_min": 2.0,
    "log_radius": 16.0,
    "lorentz_factor": 20.0,
    "spectral_index": 2.2,
}
EIC_SET = {**SET, "log_Ld": 45.5, "log_MBH": 8.5}
HADRONIC_SET = {
    "z": 0.3,
    "log_B": 1.0,
    "log_Le": 43.0,
    "log_gamma_e_min": 1.8,
    "log_gamma_e_cut": 4.0,
    "log_gamma_p_cut": 8.0,
    "log_Lp": 46.0,
    "log_R": 15.5,
    "lorentz_factor": 20.0,
    "pe": 2.2,
    "pp": 2.0,
}
ALL = [(SSC, SET), (EIC, EIC_SET), (Hadronic, HADRONIC_SET)]
MRK421 = BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7)


def of(**changes):
    return SSC(**{**SET, **changes})


def natural(**changes):
    given = {
        "z": 0.03179,
        "B": 10**-1.5 * u.G,
        "L_e": 1e37 * u.W,
        "gamma_cut": 1e5,
        "gamma_min": 100,
        "R": 1e11 * u.km,
        "delta": 20,
        "p": 2.2,
    }
    return SSC(**{**given, **changes})


# ---------------------------------------------------------------- in


def test_natural_quantities_are_the_services_names():
    assert natural().parameters == pytest.approx(of().parameters)
    assert np.allclose(natural()(NU), of()(NU), rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_Bfield": 1}, "log_Bfield: SSC has no such parameter here; did you mean log_B"),
        ({"B": 1 * u.G}, "log_B: B is given too|B: log_B is given too"),
        ({"log_B": math.nan}, "log_B: nan is not a finite number"),
        ({"log_B": 5}, "log_B: 5.0 is outside -3 to 2"),
        ({"log_gamma_min": 5}, "log_gamma_min: 5 is not below log_gamma_cut = 5"),
        ({"z": 0}, "z: 0.0 is outside 0 < z <= 10"),
        ({"z": 5}, "z: 5 is outside 0 < z <= 4.99, where the EBL model finke_2010 ends"),
        ({"z": math.nan}, "z: nan is not a finite number"),
        ({"z": -0.1, "ebl": False}, "z: -0.1 is outside"),
        ({"ebl": "sunshine"}, "ebl: 'sunshine' is unknown; use True, False or one of finke_2010"),
        ({"normalization": "mmcd"}, "normalization: 'mmcd' is unknown; use 'textbook' or 'mmdc'"),
        ({"points_per_decade": 3}, "points_per_decade: 3 is no whole number from 4 to 80"),
        ({"points_per_decade": 10.5}, "points_per_decade: 10.5 is no whole number"),
        ({"t_esc": 0}, "t_esc: 0 is not above 0; it is a time in units of R/c"),
        ({"evolution": -1}, "evolution: -1 is not above 0"),
        ({"evolution": math.nan}, "evolution: nan is not above 0"),
        ({"viewing_angle": 3}, r"viewing_angle: 3 has no unit; write it as 3\*u.deg"),
        ({"viewing_angle": 3 * u.m}, "viewing_angle: 3.0 m is no angle"),
        ({"viewing_angle": 300 * u.deg}, "viewing_angle: 300.0 deg is outside 0 to 180 deg"),
        ({"electrons": 3}, "electrons: 3 is no distribution"),
        ({"electrons": MRK421}, "log_electron_luminosity: SSC has no such parameter here"),
    ],
)
def test_what_is_wrong_is_said(changes, message):
    with pytest.raises(InvalidRequestError, match=message):
        of(**changes)


def test_what_is_missing_is_said():
    message = r"SSC also needs log_B \(or B\), log_gamma_cut \(or gamma_cut\)"
    with pytest.raises(InvalidRequestError, match=message):
        SSC(**{key: value for key, value in SET.items() if key not in ("log_B", "log_gamma_cut")})
    with pytest.raises(TypeError, match="z"):
        SSC(log_B=-1)


def test_no_field_is_an_error_and_not_a_spectrum_of_zeros():
    with pytest.raises(InvalidRequestError, match=r"B: 0 G is not above 0; a run takes 0.001 G"):
        natural(B=0 * u.G)


def test_strict_false_warns():
    with pytest.warns(InputWarning, match="lorentz_factor: 80.0 is outside 3 to 50"):
        model = of(lorentz_factor=80, strict=False)
    assert model.lorentz_factor == 80
    with pytest.raises(InvalidRequestError, match="log_B: nan"):
        of(log_B=math.nan, strict=False)


def test_the_frequencies_of_the_external_fields_may_be_left_out():
    assert EIC(**EIC_SET).parameters["log_nu_BLR"] == 15.393
    assert EIC(**EIC_SET, nu_DT=1e13 * u.Hz).parameters["log_nu_DT"] == pytest.approx(13)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"R_BLR": 1e17}, "R_BLR: 1e.17 has no unit; write it as a Quantity, for example in cm"),
        ({"R_BLR": 1 * u.s}, "R_BLR: .* is not one number in cm"),
        ({"R_BLR": -1 * u.cm}, "R_BLR: -1.0 cm is not above 0"),
        ({"xi_DT": 1.5}, "xi_DT: 1.5 is not between 0 and 1"),
        ({"xi_DT": "much"}, "xi_DT: 'much' is not one number in no unit"),
        ({"geometry": "flat"}, "geometry: 'flat' is unknown; use one of 'simple', 'finke'"),
        ({"cmb": 3}, "cmb: 3 is unknown; use one of True, False"),
    ],
)
def test_a_wrong_geometry(choices, message):
    with pytest.raises(InvalidRequestError, match=message):
        EIC(**EIC_SET, **choices)


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


# ---------------------------------------------------------------- Doppler factor


def test_an_angle_or_both_factors():
    assert of().doppler_factor == 20
    tilted = of(viewing_angle=5 * u.deg)
    assert tilted.doppler_factor == pytest.approx(10.0, rel=0.02)
    assert np.max(tilted(NU)) < np.max(of()(NU))
    both = {key: value for key, value in SET.items() if key != "lorentz_factor"}
    assert SSC(**both, Gamma=20, delta=25).doppler_factor == pytest.approx(25)
    assert SSC(**both, Gamma=20, delta=25).lorentz_factor == 20
    with pytest.raises(InvalidRequestError, match="delta: viewing_angle is given too"):
        SSC(**both, delta=20, viewing_angle=1 * u.deg)
    with pytest.raises(InvalidRequestError, match="delta: 50 is seen under no angle"):
        SSC(**both, Gamma=20, delta=50)


# ---------------------------------------------------------------- out


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


def test_protons_need_injected_electrons():
    with pytest.raises(InvalidRequestError, match="electrons: Hadronic takes injected electrons"):
        Hadronic(**HADRONIC_SET, electrons=MRK421)
    with pytest.raises(InvalidRequestError, match="evolution: Hadronic is a steady state"):
        Hadronic(**HADRONIC_SET, evolution=3)


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


# ---------------------------------------------------------------- a value


def test_a_model_does_not_change():
    model = of()
    with pytest.raises(
        AttributeError, match=r"SSC does not change; use model.replace\(log_B=...\)"
    ):
        model.log_B = 1
    with pytest.raises(AttributeError):
        del model.z
    model.parameters["log_B"] = 99
    assert model.parameters["log_B"] == -1.5
    assert hash(model) == hash(of())
    assert model == of()
    assert model != of(ssa=False)
    assert model != 3
    assert len({model, of(), natural(), of(z=0.1)}) in (2, 3)
    assert copy.copy(model) == model
    assert pickle.loads(pickle.dumps(model)) == model


def test_replace():
    model = of(ssa=False, viewing_angle=1 * u.deg)
    other = model.replace(log_B=-1)
    assert other.parameters == {**model.parameters, "log_B": -1.0}
    assert other == of(ssa=False, viewing_angle=1 * u.deg, log_B=-1)
    assert model.replace(B=0.1 * u.G).parameters["log_B"] == pytest.approx(-1)
    assert model.replace(z=0.2).observer.redshift == 0.2
    assert model.replace(ssa=True) == of(viewing_angle=1 * u.deg)
    assert model.replace(viewing_angle=None) == of(ssa=False)
    assert np.array_equal(model.replace(log_B=-1)(NU), other(NU))
    with pytest.raises(InvalidRequestError, match=r"log_B: 9.0 is outside"):
        model.replace(log_B=9)
    with pytest.raises(InvalidRequestError, match="log_gamma_min: 2 is not below log_gamma_cut"):
        model.replace(log_gamma_cut=2)
    with pytest.raises(InvalidRequestError, match="nonsense: SSC has no such parameter"):
        model.replace(nonsense=1)


def test_a_step_of_a_fit_may_leave_the_ranges():
    assert of().stepped({"log_B": 2.5}).parameters["log_B"] == 2.5
    with pytest.raises(InvalidRequestError, match="log_B: nan is not a finite number"):
        of().stepped({"log_B": math.nan})
    with pytest.raises(InvalidRequestError, match="is not below"):
        of().stepped({"log_gamma_cut": 1.0})


def test_repr_makes_the_model_again():
    model = of(ssa=False, points_per_decade=12, ebl="gilmore_2012")
    assert repr(model).startswith("SSC(z=0.03179, log_B=-1.5, log_electron_luminosity=44,")
    assert eval(repr(model)) == model  # noqa: S307 - our own text
    assert repr(of()).endswith("spectral_index=2.2)")
    given = SSC(z=0.1, B=1 * u.G, R=1e16 * u.cm, delta=10, electrons=MRK421)
    assert "electrons=BrokenPowerLaw(k=1.5e-09" in repr(given)


def test_names_of_models():
    assert model_class("Ssc") is SSC
    assert model_class("hadronic") is Hadronic
    with pytest.raises(InvalidRequestError, match="model_type: 'x' is no model"):
        model_class("x")


def test_threads_get_the_same():
    model = of(log_B=-1.234)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model(NU))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(one, found[0]) for one in found)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_set_of_the_box_is_computed(data):
    """Finite, not negative, and louder with more power, wherever in the ranges of runs."""
    numbers = {
        name: data.draw(st.floats(one.low, one.high), label=name)
        for name, one in MODELS["SSC"].items()
    }
    low = numbers["log_gamma_min"]
    numbers["log_gamma_cut"] = max(numbers["log_gamma_cut"], low + 0.1)
    # Beyond this the source is a Compton catastrophe, which the solver's own tests look at.
    numbers["log_electron_luminosity"] = min(numbers["log_electron_luminosity"], 45.0)
    model = SSC(z=0.1, **numbers)
    with warnings.catch_warnings():
        # In some corners electrons and photons agree slowly, which the solver says.
        warnings.simplefilter("ignore", IncompleteResultWarning)
        flux = model(NU).value
    assert np.all(np.isfinite(flux))
    assert np.all(flux >= 0)


@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("kind", [EIC, Hadronic])
@given(data=st.data())
def test_any_set_of_the_other_boxes(kind, data):
    ranges = MODELS[kind.model_type]
    numbers = {name: data.draw(st.floats(p.low, p.high), label=name) for name, p in ranges.items()}
    for low, high in (("log_gamma_min", "log_gamma_cut"), ("log_gamma_e_min", "log_gamma_e_cut")):
        if low in numbers:
            numbers[high] = max(numbers[high], numbers[low] + 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteResultWarning)
        # Beyond some densities more power goes elsewhere: into pairs, and electrons at rest.
        warnings.simplefilter("ignore", InputWarning)
        model = kind(z=0.1, **numbers)
        spectrum = model.spectrum()
        flux = model(NU).value
    assert np.all(np.isfinite(flux))
    assert np.all(flux >= 0)
    assert flux.max() > 0
    assert all(np.all(np.isfinite(part)) for part in spectrum.components.values())
    assert np.all(np.isfinite(list(model.emission.powers.values())))


@pytest.mark.parametrize(
    "changes",
    [
        # Electrons of nearly one energy that make pairs of the same: slow to settle.
        {"log_B": 0, "log_electron_luminosity": 43, "log_gamma_min": 5, "log_gamma_cut": 5.1},
        # Compton catastrophes.
        {"log_B": -2, "log_electron_luminosity": 45, "log_gamma_cut": 6},
        {"log_B": -2, "log_electron_luminosity": 48, "log_gamma_cut": 6},
    ],
)
@pytest.mark.parametrize(("kind", "parameters"), ALL[:2])
def test_hard_sources_settle(kind, parameters, changes):
    hard = {"log_radius": 15, "lorentz_factor": 3, "spectral_index": 2.0}
    model = kind(**{**parameters, **hard, **changes})
    assert model.emission.residual < 3e-3
    radiated = model.emission.powers["radiated"]
    assert 0 < radiated < 1.02 * 10 ** changes["log_electron_luminosity"] / 9
    assert np.all(np.isfinite(model(NU)))


def test_no_light_from_a_region_or_dust():
    """A covering factor of nothing is a choice, unlike a negative one."""
    components = EIC(**EIC_SET, xi_BLR=0, xi_DT=0).spectrum().components
    lit = {name for name, flux in components.items() if flux.max() > 0}
    assert lit == {"ec_disk", "disk", "ssc", "synchrotron"}


def test_an_index_of_two_lies_between_its_neighbours():
    for kind, parameters, name in (
        (SSC, SET, "spectral_index"),
        (EIC, EIC_SET, "spectral_index"),
        (Hadronic, HADRONIC_SET, "pp"),
    ):
        below, at, above = (
            kind(**{**parameters, name: index})(NU[::6]).value for index in (2 - 1e-6, 2, 2 + 1e-6)
        )
        assert np.allclose(at, below, rtol=1e-4)
        assert np.allclose(at, above, rtol=1e-4)


@pytest.mark.parametrize(
    ("nu", "message"),
    [
        ([-1.0, 1e15] * u.Hz, "nu: every frequency has to be above 0 and finite"),
        ([0.0, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        ([np.nan, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        ([np.inf, 1e15] * u.Hz, "nu: every frequency has to be above 0"),
        (1e15, r"nu: float has no unit; give a Quantity, such as 1e15\*u.Hz"),
        (1 * u.m / u.s, "nu: m / s is a unit neither of frequency, energy nor wavelength"),
    ],
)
def test_no_frequencies(nu, message):
    for call in (of(), of().spectrum):
        with pytest.raises(InvalidRequestError, match=message):
            call(nu)


# ---------------------------------------------------------------- imports


def test_parameters_cost_no_compiler(python_env):
    code = """
import sys
from astroquery_mmdc.modeling import SSC
SSC(z=0.1, ebl=False, log_B=0, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16, delta=9, p=2)
assert not {"numba", "scipy", "matplotlib", "ebltable"} & set(sys.modules), sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_without_numba_it_says_what_to_install(python_env):
    code = """
import sys
sys.modules["numba"] = None
from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling import SSC
model = SSC(z=0.1, ebl=False, log_B=0, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16, delta=9,
            p=2)
try:
    model.emission
except MMDCError as err:
    print(err)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (
        "numba, which is not installed; run `pip install 'astroquery_mmdc[model]'`" in done.stdout
    )
