"""The hadronic model: limits, energy, feedback, and the whole box of its parameters."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from astroquery_mmdc.exceptions import IncompleteResultWarning
from astroquery_mmdc.modeling.hadronic import emission as hadronic_emission
from astroquery_mmdc.modeling.kernels import ssc
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.constants import ME_C2
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.options import Options
from tests.modeling.sources import boxes, physical, solved

SOURCE = {
    "magnetic_field": 1.0,
    "radius": 1e16,
    "lorentz_factor": 20.0,
    "luminosity": 1e44,
    "gamma_min": 100.0,
    "gamma_cut": 1e4,
    "index": 2.2,
    "proton_luminosity": 1e48,
    "proton_gamma_cut": 1e7,
    "proton_index": 2.0,
}
COMPACT = SOURCE | {"radius": 1e15, "proton_luminosity": 1e50}
STRONG_FIELD = SOURCE | {"magnetic_field": 30.0, "proton_gamma_cut": 1e9, "proton_luminosity": 1e47}
BOX = {
    "lorentz_factor": (3.5, 100.0),
    "log_radius": (14.5, 18.0),
    "log_magnetic_field": (-3.0, 3.5),
    "index": (1.75, 5.0),
    "log_gamma_min": (1.5, 2.0),
    "log_gamma_cut": (2.0, 8.0),
    "log_luminosity": (42.5, 48.5),
    "proton_index": (1.65, 3.45),
    "log_proton_gamma_cut": (3.0, 11.0),
    "log_proton_luminosity": (42.0, 52.0),
}
COMPONENTS = {
    "synchrotron",
    "ssc",
    "proton_synchrotron",
    "pion_decay",
    "bethe_heitler",
    "photopion",
    "gamma_gamma",
}


def balance(emission: Emission) -> float:
    """Return outgoing over injected power, minus 1."""
    p = emission.powers
    out = p["escaped"] + p["escaped_protons"] + p["radiated"] + p["neutrinos"]
    out += p["self_absorbed"] + p["at_rest"]
    return out / (p["injected"] + p["injected_protons"]) - 1.0


@pytest.mark.parametrize("source", [SOURCE, COMPACT, STRONG_FIELD])
def test_energy_is_conserved(source: dict[str, float]) -> None:
    assert abs(balance(solved(source))) < 1e-2


@pytest.mark.parametrize("source", [COMPACT, STRONG_FIELD])
def test_the_power_of_the_protons_is_conserved(source: dict[str, float]) -> None:
    """The same without the protons that escape, which else are nearly everything."""
    p = solved(source).powers
    spent = p["injected"] + p["injected_protons"] - p["escaped_protons"]
    out = p["escaped"] + p["radiated"] + p["neutrinos"] + p["self_absorbed"] + p["at_rest"]
    assert out == pytest.approx(spent, rel=2e-2)


def test_components_and_neutrinos_by_name() -> None:
    emission = solved(SOURCE)
    assert set(emission.components) == COMPONENTS
    assert set(emission.neutrinos) == {"nu_e", "antinu_e", "nu_mu", "antinu_mu"}
    assert emission.neutrino_energy is not None
    assert emission.protons is not None
    assert emission.u_p > emission.u_e > 0.0
    total = sum(np.sum(f) for f in emission.neutrinos.values()) * emission.grid.step
    assert total == pytest.approx(emission.powers["neutrinos"], rel=1e-2)
    third = hadronic_emission.mixed(emission.neutrinos)
    assert 3.0 * third == pytest.approx(sum(emission.neutrinos.values()))


def test_without_protons_it_is_synchrotron_self_compton() -> None:
    """Both solvers agree to 1 per cent where there is flux."""
    leptons = {name: SOURCE[name] for name in itertools.islice(SOURCE, 7)}
    emission = solved(SOURCE | {"proton_luminosity": 1e-10})
    expected = ssc.solve(Blob(**leptons))
    nodes = np.searchsorted(emission.grid.eps, expected.grid.eps * 0.999)
    for name in ("synchrotron", "ssc"):
        want = expected.components[name]
        bright = want > 1e-4 * want.max()
        assert emission.components[name][nodes][bright] == pytest.approx(want[bright], rel=1e-2)


def test_hadronic_emission_is_linear_in_the_protons_where_they_are_few() -> None:
    few = solved(SOURCE | {"proton_luminosity": 1e44})
    more = solved(SOURCE | {"proton_luminosity": 1e45})
    for name in ("proton_synchrotron", "pion_decay", "bethe_heitler", "photopion"):
        assert more.components[name].max() == pytest.approx(
            10.0 * few.components[name].max(), rel=1e-2
        )
    assert more.powers["neutrinos"] == pytest.approx(10.0 * few.powers["neutrinos"], rel=1e-2)


def test_secondaries_feed_back_where_protons_are_many() -> None:
    """A hundred times the protons make far more than a hundred times the neutrinos."""
    few = solved(COMPACT | {"proton_luminosity": 1e48})
    many = solved(COMPACT)
    assert many.powers["neutrinos"] > 200.0 * few.powers["neutrinos"]
    assert many.residual < 1e-3


def test_neutrinos_are_as_energetic_as_the_kinematics_says() -> None:
    """Half of the neutrinos' power comes out near a twentieth of the energy of the protons."""
    emission = solved(SOURCE)
    flux = sum(emission.neutrinos.values())
    peak = emission.neutrino_energy[np.argmax(flux)]
    cut = 1e7 * 938.272e6 * 1.602176634e-12
    assert 0.02 * cut < peak < 0.3 * cut


def test_flavours_at_the_source() -> None:
    """Pion decay gives twice as many muon as electron neutrinos, of about the same energy."""
    neutrinos = solved(SOURCE).neutrinos
    power = {name: np.sum(f) for name, f in neutrinos.items()}
    muon = power["nu_mu"] + power["antinu_mu"]
    electron = power["nu_e"] + power["antinu_e"]
    assert 1.7 < muon / electron < 2.5


def test_external_photons_are_targets() -> None:
    alone = solved(SOURCE)
    eps = np.logspace(-6.0, -4.0, 41)
    field = (eps, 1e9 * np.exp(-((np.log(eps / 1e-5)) ** 2)) / eps)
    lit = solved(SOURCE, external=field)
    assert lit.powers["neutrinos"] > 1.5 * alone.powers["neutrinos"]
    assert lit.components["ssc"].max() > alone.components["ssc"].max()
    assert abs(balance(lit)) < 2e-2


def test_a_finer_grid_agrees() -> None:
    """The default grid is within 3 per cent of one twice as fine, around each peak."""
    default, fine = solved(SOURCE), solved(SOURCE, Options(per_decade=20))
    for name, values in default.components.items():
        other = fine.components[name][::2]
        bright = values > 0.1 * values.max()
        assert values[bright] == pytest.approx(other[bright], rel=0.03), name
    total = sum(default.neutrinos.values())
    other = np.asarray(sum(fine.neutrinos.values()))[::2][: total.size]
    bright = total > 0.1 * total.max()
    assert total[bright] == pytest.approx(other[bright], rel=0.03)


def test_escape_of_protons_scales_their_number() -> None:
    short = solved(SOURCE, proton_escape=1.0)
    longer = solved(SOURCE, proton_escape=3.0)
    assert longer.u_p == pytest.approx(3.0 * short.u_p, rel=1e-2)


def test_options_switch_processes_off() -> None:
    plain = solved(COMPACT, Options(pairs=False, ssa=False))
    assert not plain.components["gamma_gamma"].any()
    assert plain.components["pion_decay"].max() > 0.0
    low = plain.grid.eps < 1e-11
    absorbed = solved(COMPACT)
    assert np.all(absorbed.total[low] < plain.total[low])


def test_mmdc_normalization_takes_its_constants() -> None:
    textbook = solved(SOURCE)
    service = solved(SOURCE, Options(normalization="mmdc"))
    assert service.u_p == pytest.approx(1.7 * textbook.u_p, rel=1e-2)
    assert service.powers["injected"] != pytest.approx(textbook.powers["injected"], rel=1e-2)


def test_evolution_is_refused() -> None:
    with pytest.raises(ValueError, match="evolution"):
        solved(SOURCE, Options(evolution=1.0))


@pytest.mark.parametrize("photon_escape", [0.5, 1.0, 1.65])
def test_energy_is_conserved_whatever_the_density_of_photons(photon_escape: float) -> None:
    emission = solved(COMPACT, Options(photon_escape=photon_escape))
    assert abs(balance(emission)) < 2e-2


@pytest.mark.parametrize("name", ["luminosity", "proton_luminosity", "magnetic_field"])
def test_nothing_of_one_kind(name: str) -> None:
    """Without electrons, protons or a field the rest is computed, and nothing is NaN."""
    emission = solved(SOURCE | {name: 0.0})
    for values in [*emission.components.values(), *emission.neutrinos.values()]:
        assert np.isfinite(values).all()
    assert np.isfinite(list(emission.powers.values())).all()


def test_too_few_steps_are_told() -> None:
    with pytest.warns(IncompleteResultWarning, match="max_iterations"):
        emission = solved(COMPACT, Options(max_iterations=1))
    assert np.isfinite(emission.total).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(numbers=boxes(BOX))
def test_whole_box_is_finite_positive_and_conserves_energy(numbers: dict[str, float]) -> None:
    source = physical(numbers)
    more = {name: 1.3 * source[name] for name in ("luminosity", "proton_luminosity")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteResultWarning)
        emission, brighter = solved(source), solved(source | more)
    spectra = [*emission.components.values(), *emission.neutrinos.values()]
    for values in [*spectra, emission.photons, emission.electrons, emission.protons]:
        assert np.isfinite(values).all()
        assert np.all(values >= 0.0)
    # Where electrons cool to rest, the kernels of gamma >> 1 miss some of the power.
    if emission.residual < Options().tolerance:
        assert abs(balance(emission)) < 5e-2
    assert emission.u_b == pytest.approx(
        10.0 ** (2 * numbers["log_magnetic_field"]) / (8.0 * np.pi)
    )
    assert emission.neutrino_energy[0] >= ME_C2
    for name in ("radiated", "neutrinos"):
        assert brighter.powers[name] > 0.999 * emission.powers[name]
