"""Protons: injection, balance, synchrotron emission beside agnpy, and the muons' limit."""

from __future__ import annotations

import json
import subprocess
import warnings

import numpy as np
import pytest

from astroquery_mmdc.exceptions import IncompleteResultWarning
from astroquery_mmdc.modeling.hadronic import protons
from astroquery_mmdc.modeling.kernels import synchrotron
from astroquery_mmdc.modeling.kernels.constants import HZ, ME_C2, MP_C2, MP_ME
from astroquery_mmdc.modeling.kernels.grid import Grid
from tests.peers import peer_python

GRID = Grid.hadronic()
AGNPY = """
import json, sys
import astropy.units as u
import numpy as np
from astropy.constants import m_p
from agnpy.emission_regions import Blob
from agnpy.spectra import ExpCutoffPowerLaw
from agnpy.synchrotron import ProtonSynchrotron
given = json.loads(sys.argv[1])
n_p = ExpCutoffPowerLaw(k=12e4 / u.cm**3, p=2.2, gamma_c=given["gamma_cut"], gamma_min=1,
                        gamma_max=1e20, mass=m_p)
blob = Blob(R_b=given["radius"] * u.cm, z=0.32, delta_D=30, Gamma=16, B=given["field"] * u.G,
            n_p=n_p)
gamma = np.logspace(0, np.log10(given["gamma_cut"]) + 2, 2000)
flux = ProtonSynchrotron.evaluate_sed_flux(np.array(given["nu"]) * u.Hz, blob.z, blob.d_L,
    blob.delta_D, blob.B, blob.R_b, n_p, *n_p.parameters, gamma=gamma)
to_source = 4 * np.pi * blob.d_L**2 / blob.delta_D**4
print(json.dumps((flux * to_source).to_value("erg/s").tolist()))
"""


@pytest.mark.parametrize("index", [1.65, 2.0, 2.5, 3.45])
@pytest.mark.parametrize("cut", [1e3, 1e7, 1e11])
def test_injection_carries_its_power(index: float, cut: float) -> None:
    source = protons.injection(GRID, 3.0, index, 1.0, cut)
    assert MP_C2 * GRID.step * np.sum(source * GRID.gamma**2) == pytest.approx(3.0)


@pytest.mark.parametrize("magnetic_field", [1e-2, 1.0, 1e3])
def test_balance_of_injection_losses_and_escape(magnetic_field: float) -> None:
    """Injected power is lost or escapes, to 1 per cent, from slow to fast cooling."""
    source = protons.injection(GRID, 1.0, 2.0, 1.0, 1e10)
    gamma_dot = protons.cooling(GRID, magnetic_field, np.zeros_like(GRID.gamma))
    t_esc = 1e6
    density = protons.steady(GRID, source, gamma_dot, t_esc)
    lost = -np.sum(gamma_dot * density * GRID.gamma)
    escaped = np.sum(density * GRID.gamma**2) / t_esc
    assert MP_C2 * GRID.step * (lost + escaped) == pytest.approx(1.0, rel=1e-2)


def test_synchrotron_power_is_the_loss() -> None:
    density = protons.injection(GRID, 1.0, 2.0, 1.0, 1e9)
    emitted = synchrotron.emissivity(GRID, density, 10.0, mass=MP_ME)
    power = ME_C2 * GRID.step * np.sum(emitted * GRID.eps**2)
    lost = (
        -MP_C2
        * GRID.step
        * np.sum(synchrotron.cooling(GRID.gamma, 10.0, mass=MP_ME) * density * GRID.gamma)
    )
    assert power == pytest.approx(lost, rel=1e-2)


@pytest.mark.parametrize(("field", "gamma_cut"), [(10.0, 2.5e9), (100.0, 1e8)])
def test_synchrotron_agrees_with_agnpy(field: float, gamma_cut: float) -> None:
    """Within 2 per cent over three decades below the peak and to where it falls off."""
    python = peer_python("agnpy")
    radius = 1e16
    density = 12e4 * GRID.gamma**-2.2 * np.exp(-GRID.gamma / gamma_cut)
    q = synchrotron.emissivity(GRID, density, field, mass=MP_ME)
    luminosity = 4.0 / 3.0 * np.pi * radius**3 * ME_C2 * q * GRID.eps**2
    peak = int(np.argmax(luminosity))
    nodes = slice(peak - 30, peak + 8)
    nu = GRID.eps[nodes] * HZ * 30.0 / 1.32
    given = {"nu": nu.tolist(), "gamma_cut": gamma_cut, "radius": radius, "field": field}
    run = subprocess.run(
        [python, "-c", AGNPY, json.dumps(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    expected = np.array(json.loads(run.stdout))
    assert luminosity[nodes] == pytest.approx(expected, rel=0.02)


def test_warning_where_muons_cool() -> None:
    with pytest.warns(IncompleteResultWarning, match="muons"):
        protons.warn_about_muons(100.0, 1e9, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        protons.warn_about_muons(1.0, 1e9, 1.0)
        protons.warn_about_muons(100.0, 1e9, 0.0)
