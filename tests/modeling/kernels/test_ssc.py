"""The solved model: known values, energy, limits, the whole box of priors, hard cases."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import assume, given, settings
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.electrons import BrokenPowerLaw, PowerLaw
from astroquery_mmdc.modeling.kernels import absorption, kinetic, ssc, zone
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.constants import ME_C2, C
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options
from tests.modeling.sources import boxes, physical

TEXTBOOK = Options(ssa=False)
FIRST = {
    "magnetic_field": 10**-1.5,
    "luminosity": 1e44,
    "gamma_cut": 1e5,
    "gamma_min": 1e2,
    "radius": 1e16,
    "lorentz_factor": 20.0,
    "index": 2.2,
}
SECOND = {
    "magnetic_field": 10**-2.931,
    "luminosity": 10**44.744,
    "gamma_cut": 10**7.8,
    "gamma_min": 10**4.09,
    "radius": 10**17.11,
    "lorentz_factor": 53.99,
    "index": 3.258,
}
BALANCED = {
    "magnetic_field": 0.1,
    "luminosity": 2e41,
    "gamma_cut": 1e5,
    "gamma_min": 1.0,
    "radius": 1e16,
    "lorentz_factor": 1.0,
    "index": 2.0,
}
DOMINATED = FIRST | {"magnetic_field": 1e-2, "luminosity": 1e46, "gamma_cut": 1e6}
OPAQUE = FIRST | {"magnetic_field": 1e-2, "radius": 1e15, "lorentz_factor": 3.0, "index": 2.0}
CATASTROPHE = OPAQUE | {"luminosity": 1e48, "gamma_cut": 1e6}


def spline(emission: Emission, name: str) -> CubicSpline:
    values = emission.total if name == "total" else emission.components[name]
    seen = values > 0.0
    return CubicSpline(np.log10(emission.grid.nu[seen]), np.log10(values[seen]), extrapolate=False)


def balance(emission: Emission) -> float:
    power = emission.powers
    gained = power["injected"] + power["pairs"]
    return sum(power[n] for n in ("escaped", "cooled", "radiated", "absorbed")) / gained - 1.0


@pytest.mark.parametrize(
    ("case", "peaks"),
    [
        (FIRST, {"synchrotron": (15.93, -11.069), "ssc": (24.60, -11.258)}),
        (SECOND, {"synchrotron": (14.19, -10.480), "ssc": (24.70, -11.085)}),
    ],
)
def test_textbook_values(case: dict[str, float], peaks: dict[str, tuple[float, float]]) -> None:
    emission = ssc.solve(Blob(**case), TEXTBOOK)
    distance = FlatLambdaCDM(71, 0.27).luminosity_distance(0.03179).to_value("cm")
    delta = case["lorentz_factor"]
    flux = math.log10(delta**4 / (4 * math.pi * distance**2))
    for name, (nu, expected) in peaks.items():
        at = np.linspace(nu - 0.5, nu + 0.5, 2001)
        values = spline(emission, name)(at - math.log10(delta / 1.03179)) + flux
        assert np.max(values) == pytest.approx(expected, abs=0.02)
        # The recorded frequencies are those of a node of a grid with a tenth of a decade.
        assert at[np.argmax(values)] == pytest.approx(nu, abs=0.05)


@pytest.mark.parametrize("case", [FIRST, SECOND, BALANCED, DOMINATED], ids=repr)
@pytest.mark.parametrize("options", [Options(), TEXTBOOK, Options(pairs=False)], ids=repr)
def test_energy_is_kept(case: dict[str, float], options: Options) -> None:
    emission = ssc.solve(Blob(**case), options)
    assert balance(emission) == pytest.approx(0.0, abs=1e-3)
    injected = case["luminosity"] / case["lorentz_factor"] ** 2
    assert emission.powers["injected"] == pytest.approx(injected, rel=1e-9)


@pytest.mark.parametrize(
    "case",
    [FIRST, SECOND, BALANCED, FIRST | {"magnetic_field": 3.0, "radius": 1e17}, DOMINATED],
    ids=repr,
)
def test_default_grid_against_a_fine_one(case: dict[str, float]) -> None:
    truth = ssc.solve(Blob(**case), Options(per_decade=40, tolerance=1e-4))
    ours = ssc.solve(Blob(**case))
    for name in ("synchrotron", "ssc"):
        reference = spline(truth, name)
        at = np.log10(ours.grid.nu[::3]) + 0.01  # between the nodes of both
        expected, seen = 10 ** reference(at), 10 ** spline(ours, name)(at)
        bright = np.isfinite(expected) & np.isfinite(seen)
        bright[bright] &= expected[bright] > 1e-3 * np.max(expected[bright])
        error = np.abs(seen[bright] / expected[bright] - 1.0)
        assert np.median(error) < 1.5e-3
        assert np.max(error) < 0.02


def test_slow_cooling_is_injection_times_escape() -> None:
    case = FIRST | {"magnetic_field": 1e-4, "luminosity": 1e40}
    emission = ssc.solve(Blob(**case))
    grid = emission.grid
    q = Blob(**case).injection(grid, Options())[:: grid.refinement]
    inside = (grid.gamma > 200.0) & (grid.gamma < 2e5)
    np.testing.assert_allclose(
        emission.electrons[inside], q[inside] * case["radius"] / C, rtol=3e-3
    )


def test_compton_and_synchrotron_share_as_photons_and_field() -> None:
    """In Thomson's regime, one scattering: L_ssc / L_sync = u_sync / u_B."""
    case = FIRST | {"magnetic_field": 1.0, "radius": 1e17, "luminosity": 1e45, "gamma_cut": 3e3}
    emission = ssc.solve(Blob(**case), TEXTBOOK)
    grid = emission.grid
    power = {n: grid.step * float(np.sum(y)) for n, y in emission.components.items()}
    volume = 4 / 3 * math.pi * case["radius"] ** 3
    u_synchrotron = power["synchrotron"] / volume * 0.75 * case["radius"] / C
    assert power["ssc"] / power["synchrotron"] == pytest.approx(
        u_synchrotron / emission.u_b, rel=0.05
    )


def test_self_absorbed_below_the_turnover() -> None:
    case = FIRST | {"luminosity": 1e46, "gamma_min": 3.0, "magnetic_field": 1.0}
    thick, thin = ssc.solve(Blob(**case)), ssc.solve(Blob(**case), TEXTBOOK)
    nu = np.log10(thick.grid.nu)
    ratio = thick.components["synchrotron"] / np.maximum(thin.components["synchrotron"], 1e-300)
    low, high = ratio[(nu > 8) & (nu < 9)], ratio[(nu > 14) & (nu < 15)]
    assert np.all(low < 1e-3)
    # Fewer photons to cool on leave more electrons: a tenth in this compact source.
    np.testing.assert_allclose(high, 1.1, atol=0.05)


def test_photon_escape_is_linear_in_ssc_when_it_is_weak() -> None:
    weak = FIRST | {"luminosity": 1e41}
    one, three_quarters = (ssc.solve(Blob(**weak), Options(photon_escape=t)) for t in (1.0, 0.75))
    ratio = one.components["ssc"][150:200] / three_quarters.components["ssc"][150:200]
    np.testing.assert_allclose(ratio, 4 / 3, rtol=1e-3)


def test_service_constants() -> None:
    """The injected power, the photons' time and the shifts of the provisional normalisation."""
    service, textbook = (
        ssc.solve(Blob(**FIRST), Options(normalization="mmdc", ssa=False)),
        ssc.solve(Blob(**FIRST), TEXTBOOK),
    )
    assert np.max(service.components["synchrotron"]) / np.max(
        textbook.components["synchrotron"]
    ) == pytest.approx(10**0.14, rel=0.5)
    assert service.powers["injected"] < 1.7 * textbook.powers["injected"]
    kept = ssc.prepared(Options(normalization="mmdc", photon_escape=1.0))
    assert kept.photon_escape == 1.0


def test_evolution_ends_in_the_steady_state() -> None:
    steady = ssc.solve(Blob(**BALANCED))
    late = ssc.solve(Blob(**BALANCED), Options(evolution=15.0))
    for name in ("synchrotron", "ssc"):
        bright = steady.components[name] > 1e-3 * np.max(steady.components[name])
        np.testing.assert_allclose(
            late.components[name][bright], steady.components[name][bright], rtol=2e-3
        )


def test_evolution_without_escape_grows_with_time() -> None:
    case = FIRST | {"magnetic_field": 1e-4, "luminosity": 1e40}
    one, two = (
        ssc.solve(Blob(**case), Options(evolution=t, electron_escape=math.inf)) for t in (1.0, 2.0)
    )
    assert two.u_e / one.u_e == pytest.approx(2.0, rel=1e-2)
    assert one.powers["escaped"] == 0.0


def test_given_electrons_stay_as_they_are() -> None:
    shape = BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7)
    emission = ssc.solve_given(shape, magnetic_field=0.038, radius=5.2e16)
    assert emission.u_e == pytest.approx(5.2e-4, rel=0.02)
    inside = (emission.grid.gamma > 1e3) & (emission.grid.gamma < 5e6)
    near_break = np.abs(np.log10(emission.grid.gamma / 2e5)) < 0.15
    expected = shape(emission.grid.gamma)
    kept = inside & ~near_break
    np.testing.assert_allclose(emission.electrons[kept], expected[kept], rtol=1e-9)
    assert emission.pairs is None


@pytest.mark.parametrize("factor", [1e-3, 10.0])
def test_given_electrons_scale(factor: float) -> None:
    base = PowerLaw(1.0, 2.5, 100.0, 1e5)
    options = Options(ssa=False, pairs=False)
    one = ssc.solve_given(base, options, magnetic_field=0.1, radius=1e15)
    many = ssc.solve_given(replace(base, k=factor), options, magnetic_field=0.1, radius=1e15)
    for name, power in (("synchrotron", 1), ("ssc", 2)):
        np.testing.assert_allclose(
            many.components[name], factor**power * one.components[name], rtol=1e-9
        )


def test_pairs_are_a_component_of_their_own() -> None:
    case = OPAQUE | {"luminosity": 1e46, "gamma_cut": 1e6}
    emission = ssc.solve(Blob(**case))
    assert emission.pairs is not None
    assert 0.0 < emission.powers["pairs"] < emission.powers["absorbed"] * 1.01
    grid = emission.grid
    without = ssc.solve(Blob(**case), Options(pairs=False))
    absorbed = np.searchsorted(grid.eps, 3e4)
    assert emission.total[absorbed] < 0.6 * without.total[absorbed]
    assert emission.powers["absorbed"] > 0.05 * emission.powers["injected"]
    total = sum(float(np.sum(y)) for y in emission.components.values()) * grid.step
    assert total == pytest.approx(emission.powers["radiated"])


def test_cascade_has_converged() -> None:
    """The pairs injected are those that the final photons make."""
    grid = Grid.default()
    q = Blob(**OPAQUE | {"luminosity": 3e46}).injection(grid, Options())
    state = zone.relax(grid, q, 1e-2, OPAQUE["radius"], Options())
    made = absorption.pairs(grid, state.photons, C * state.kappa * state.photons)
    used = kinetic.coarsen(grid, state.pair_injection)
    energy = [float(np.dot(x, grid.gamma**2)) for x in (made, used)]
    assert energy[0] == pytest.approx(energy[1], rel=0.02)
    assert state.residual < Options().tolerance


@pytest.mark.parametrize("luminosity", [1e46, 1e47, 1e48])
def test_compton_catastrophe_ends(luminosity: float) -> None:
    emission = ssc.solve(Blob(**CATASTROPHE | {"luminosity": luminosity}))
    assert np.all(np.isfinite(emission.total))
    assert np.all(emission.total >= 0.0)
    assert emission.residual < Options().tolerance
    assert abs(balance(emission)) < 0.03
    assert emission.powers["radiated"] < emission.powers["injected"]


def test_what_does_not_settle_is_told() -> None:
    options = Options(max_iterations=3, tolerance=1e-9)
    with pytest.warns(IncompleteResultWarning, match="max_iterations"):
        emission = ssc.solve(Blob(**CATASTROPHE), options)
    assert np.all(np.isfinite(emission.total))
    assert emission.residual > 1e-9


@pytest.mark.parametrize("index", [2.0, 1.0, 1.0 + 1e-12])
def test_no_index_is_special(index: float) -> None:
    near = [ssc.solve(Blob(**FIRST | {"index": index + d})) for d in (-1e-6, 0.0, 1e-6)]
    for other in (near[0], near[2]):
        seen = near[1].total > 1e-9 * np.max(near[1].total)
        np.testing.assert_allclose(other.total[seen], near[1].total[seen], rtol=1e-3)


def test_without_a_field_there_is_nothing_to_see() -> None:
    emission = ssc.solve(Blob(**FIRST | {"magnetic_field": 0.0}))
    assert not emission.total.any()
    assert np.all(np.isfinite(emission.electrons))
    assert balance(emission) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", list(FIRST))
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_numbers_of_no_source(name: str, value: float) -> None:
    if name == "index" and value == -1.0:
        return
    with pytest.raises(InvalidRequestError, match=name):
        ssc.solve(Blob(**FIRST | {name: value}))


def test_electrons_out_of_reach_give_an_empty_spectrum() -> None:
    emission = ssc.solve(Blob(**FIRST | {"gamma_min": 3e9, "gamma_cut": 1e10}))
    assert not emission.total.any()
    assert not emission.electrons.any()


BOX = {
    "log_magnetic_field": (-3.0, 2.0),
    "log_radius": (15.0, 18.0),
    "lorentz_factor": (3.0, 100.0),
    "log_luminosity": (42.0, 48.0),
    "log_gamma_min": (1.5, 5.0),
    "log_gamma_cut": (2.0, 8.0),
    "index": (1.8, 5.0),
}


@settings(max_examples=80, deadline=None)
@given(numbers=boxes(BOX))
def test_the_whole_box(numbers: dict[str, float]) -> None:
    assume(numbers["log_gamma_cut"] > numbers["log_gamma_min"])
    case = physical(numbers)
    emission = ssc.solve(Blob(**case))
    for values in (*emission.components.values(), emission.electrons, emission.photons):
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0.0)
    # Cooled to a few m_e c^2 electrons radiate less than the formulas for gamma >> 1 say.
    assert abs(balance(emission)) < (0.01 if emission.powers["pairs"] == 0.0 else 0.03)
    assert emission.residual < Options().tolerance
    brighter = ssc.solve(Blob(**case | {"luminosity": case["luminosity"] * 1.3}))
    # More power gives more light in all; in single bands cooling and absorption may take it away.
    if emission.powers["pairs"] == 0.0 and brighter.powers["pairs"] == 0.0:
        assert np.sum(brighter.total) > np.sum(emission.total)


def test_the_same_from_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = ssc.solve(Blob(**FIRST)).total
        with ThreadPoolExecutor(4) as pool:
            for result in pool.map(lambda _: ssc.solve(Blob(**FIRST)).total, range(16)):
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("case", [FIRST, SECOND, FIRST | {"index": 3.5, "gamma_cut": 300.0}])
def test_normalisation_of_the_service(case: dict[str, float]) -> None:
    """1.7 L / Gamma^2 over the integral of the power law alone, and photons for 1.65 R / c."""
    emission = ssc.solve(Blob(**case), Options(normalization="mmdc", ssa=False, pairs=False))
    low, cut = case["gamma_min"] * 10**0.06, case["gamma_cut"] * 10**0.10
    index = case["index"] - 0.03

    def energy(t: float, cut_off: float) -> float:
        """Of the electrons per ln(gamma), gamma being e^t times the lowest."""
        return math.exp((2.0 - index) * t - low / cut_off * math.exp(min(t, 600.0)))

    plain = quad(energy, 0.0, math.inf, args=(math.inf,), limit=400)[0]
    whole = quad(energy, 0.0, math.log(1.0 + 60.0 * cut / low), args=(cut,), limit=400)[0]
    expected = 1.7 * case["luminosity"] / case["lorentz_factor"] ** 2 * whole / plain
    assert emission.powers["injected"] == pytest.approx(expected, rel=2e-3)
    volume = 4.0 / 3.0 * math.pi * case["radius"] ** 3
    stay = 1.65 * case["radius"] / C
    made = emission.total / (volume * ME_C2 * emission.grid.eps**2)
    bright = emission.total > 1e-6 * np.max(emission.total)
    np.testing.assert_allclose(emission.photons[bright], made[bright] * stay, rtol=1e-9)


def test_normalisation_of_the_service_where_its_integral_diverges() -> None:
    """At p <= 2 the power law alone has no energy: the textbook's integral, 1.7 times."""
    case = FIRST | {"index": 2.0}
    emission = ssc.solve(Blob(**case), Options(normalization="mmdc", ssa=False))
    assert emission.powers["injected"] == pytest.approx(1.7 * 1e44 / 400.0, rel=1e-6)
