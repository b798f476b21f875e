"""Sources of the literature that no other test knows: smooth spectra, with humps where they belong.

Parameters are of the size that papers give for these sources. The estimates are those of a referee:
a synchrotron hump at 4.2e6 Hz gamma^2 B delta / (1 + z) of the electrons that dominate, a Compton
hump at 4/3 gamma^2 of its seeds or where electrons end, and their ratio that of energy densities.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import IncompleteResultWarning
from astroquery_mmdc.modeling import EIC, SSC, BrokenPowerLaw, Hadronic, normalized

MRK_501 = SSC(
    z=0.034,
    B=0.015 * u.G,
    R=1.3e17 * u.cm,
    delta=12,
    electrons=normalized(
        BrokenPowerLaw(1, p1=2.3, p2=3.65, gamma_break=4e5, gamma_min=600, gamma_max=1.5e7),
        u_e=5e-4 * u.erg / u.cm**3,
    ),
    ebl="dominguez_2011",
)
PKS_2155 = SSC(
    z=0.116, B=0.05 * u.G, L_e=6e43 * u.erg / u.s, gamma_min=300, gamma_cut=2e5, p=2.4,
    R=3e16 * u.cm, delta=30,
)  # fmt: skip
HARD = SSC(
    z=0.14, B=0.003 * u.G, L_e=3e43 * u.erg / u.s, gamma_min=3e4, gamma_cut=3e6, p=2.2,
    R=1e16 * u.cm, delta=40,
)  # fmt: skip
QUASAR = EIC(
    z=0.536, B=1 * u.G, L_e=3e45 * u.erg / u.s, gamma_min=150, gamma_cut=2e3, p=2.3,
    R=2e16 * u.cm, delta=22, L_d=2e45 * u.erg / u.s, M_BH=5e8 * u.Msun,
)  # fmt: skip
TXS_0506 = Hadronic(
    z=0.3365, B=0.4 * u.G, L_e=5e44 * u.erg / u.s, gamma_e_min=60, gamma_e_cut=1.3e4, p_e=2,
    L_p=5e49 * u.erg / u.s, gamma_p_cut=1.6e6, p_p=2.1, R=2e16 * u.cm, delta=24.2,
)  # fmt: skip
PROTONS = Hadronic(
    z=0.1, B=50 * u.G, L_e=4e42 * u.erg / u.s, gamma_e_min=100, gamma_e_cut=1.5e4, p_e=2,
    L_p=1e45 * u.erg / u.s, gamma_p_cut=1e9, p_p=1.9, R=1e16 * u.cm, delta=30,
)  # fmt: skip
SOURCES = {
    "Mrk 501": MRK_501,
    "PKS 2155-304": PKS_2155,
    "1ES 0229+200": HARD,
    "3C 279": QUASAR,
    "TXS 0506+056": TXS_0506,
    "proton synchrotron": PROTONS,
}


def peak(model, component):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteResultWarning)
        table = model.replace(ebl=False).spectrum().peaks
    row = next(row for row in table if row["component"] == component)
    return np.log10(row["nu"].value), np.log10(row["nufnu"].value)


def synchrotron_peak(model, gamma, mass=1.0):
    """Return log10 of the peak of nu F_nu of particles of one energy."""
    field = model.values["B"].value
    return np.log10(4.2e6 * field * gamma**2 / mass * model.doppler_factor / (1.0 + model.z))


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_jumps(name):
    """At 190 points per decade no slope changes by more than a kink between processes does."""
    nu = np.geomspace(1e9, 1e28, 3600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteResultWarning)
        flux = SOURCES[name](nu * u.Hz).value
    assert np.all(np.isfinite(flux))
    bright = flux > 1e-4 * flux.max()
    first = np.flatnonzero(bright)[0]
    log = np.log10(flux[first : np.flatnonzero(bright)[-1] + 1])
    assert np.max(np.abs(np.diff(log))) < 0.1
    assert np.max(np.abs(np.diff(log, 2))) < 0.03


def test_synchrotron_humps_are_where_their_electrons_are():
    """At a break with p > 3 beyond it; at about (3 - p) of an exponential cut-off."""
    for model, name, gamma, mass in (
        (MRK_501, "synchrotron", 4e5, 1.0),
        (PKS_2155, "synchrotron", 0.3 * 2e5, 1.0),
        (HARD, "synchrotron", 0.8 * 3e6, 1.0),
        (PROTONS, "proton_synchrotron", 1e9, 1836.15),
    ):
        assert peak(model, name)[0] == pytest.approx(synchrotron_peak(model, gamma, mass), abs=0.4)


def test_compton_humps_are_those_of_thomson_or_where_electrons_end():
    """Not above either, and lower by the Klein-Nishina cross-section, which sets in early."""
    for model in (MRK_501, PKS_2155, HARD):
        nu = peak(model, "synchrotron")[0]
        gamma = 10.0 ** (0.5 * (nu - synchrotron_peak(model, 1.0)))
        thomson = nu + np.log10(4.0 / 3.0 * gamma**2)
        end = np.log10(gamma * 1.2356e20 * model.doppler_factor / (1.0 + model.z))
        assert min(thomson, end) - 1.5 < peak(model, "ssc")[0] < min(thomson, end) + 0.2


def test_compton_dominance_of_a_quasar_is_the_ratio_of_energy_densities():
    """Inside the broad line region u' = (17/12) Gamma^2 / (12 pi), in a field of 1 G."""
    gained = peak(QUASAR, "ec_blr")[1] - peak(QUASAR, "synchrotron")[1]
    densities = 17 / 12 * 22**2 / (12 * np.pi) / (1 / (8 * np.pi))
    assert gained == pytest.approx(np.log10(densities), abs=0.3)


def test_neutrinos_have_a_twentieth_of_the_energy_of_their_protons():
    neutrinos = TXS_0506.spectrum().neutrinos
    at = neutrinos["energy"][np.argmax(neutrinos["flux"])].to_value(u.PeV)
    proton = 1.6e6 * 0.938e-6 * 24.2 / 1.3365  # PeV, as observed
    assert 0.01 < at / proton < 0.25
