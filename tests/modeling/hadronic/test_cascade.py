"""The electromagnetic cascade: its matrices equal the kernels, and it keeps the energy."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.modeling.hadronic import cascade
from astroquery_mmdc.modeling.kernels import absorption, compton, responses, synchrotron
from astroquery_mmdc.modeling.kernels.constants import C
from astroquery_mmdc.modeling.kernels.grid import Grid

GRID = Grid(10, gamma_decades=12, eps_high=12)
FIELD = np.where((GRID.eps > 1e-11) & (GRID.eps < 1e6), 1e3 * GRID.eps**-1.8, 0.0)
ELECTRONS = np.where(GRID.gamma < 1e10, GRID.gamma**-2.2, 0.0)


def test_synchrotron_matrix_equals_the_kernel() -> None:
    emission, opacity = responses.synchrotron_response(GRID, 0.3)
    q, alpha = synchrotron.emission(GRID, ELECTRONS, 0.3)
    assert ELECTRONS @ emission == pytest.approx(q, rel=1e-10)
    assert ELECTRONS @ opacity == pytest.approx(alpha, rel=1e-10)


def test_compton_matrix_equals_the_kernel() -> None:
    response = compton.response(GRID, FIELD)
    expected = compton.emissivity(GRID, ELECTRONS, FIELD)
    assert np.maximum(ELECTRONS @ response, 0.0) == pytest.approx(expected, rel=1e-8)


def test_pair_matrix_equals_the_kernel() -> None:
    response, opacity = responses.pair_response(GRID, FIELD)
    assert opacity == pytest.approx(absorption.opacity(GRID, FIELD))
    assert FIELD @ response == pytest.approx(absorption.pairs(GRID, FIELD), rel=1e-8)


@pytest.mark.parametrize("magnetic_field", [1e-3, 1.0, 3e3])
def test_no_photon_has_more_energy_than_its_electron(magnetic_field: float) -> None:
    grid = Grid.hadronic()
    emission, _ = responses.synchrotron_response(grid, magnetic_field)
    power = emission @ grid.eps**2
    lost = -synchrotron.cooling(grid.gamma, magnetic_field) * grid.gamma
    bright = grid.gamma > 1e3
    assert power[bright] == pytest.approx(lost[bright], rel=1e-2)
    quantum = grid.gamma > 0.02 * 4.414e13 / magnetic_field
    assert not emission[quantum][grid.eps > grid.gamma[quantum][:, None]].any()


def medium(photons: np.ndarray, radius: float, magnetic_field: float) -> cascade.Medium:
    leptons, kappa = responses.pair_response(GRID, photons)
    return cascade.Medium(
        GRID,
        emission=responses.synchrotron_response(GRID, magnetic_field)[0]
        + compton.response(GRID, photons),
        leptons=leptons,
        exposure=0.75 * radius / C * absorption.residence(2.0 * radius * kappa),
        gamma_dot=synchrotron.cooling(GRID.gamma, magnetic_field) + compton.cooling(GRID, photons),
        t_esc=radius / C,
    )


@pytest.mark.parametrize("brightness", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("magnetic_field", [1e-2, 10.0])
def test_energy_is_conserved(brightness: float, magnetic_field: float) -> None:
    """Gamma rays at 1e8: what escapes as photons or pairs is what was injected, to 1 per cent."""
    radius = 1e16
    soft = np.where((GRID.eps > 1e-9) & (GRID.eps < 1e-2), brightness * GRID.eps**-2.0, 0.0)
    around = medium(soft, radius, magnetic_field)
    injected = np.where(np.abs(np.log10(GRID.eps) - 8.0) < 0.01, 1.0, 0.0)
    source, pairs = cascade.annihilation_pairs(around, injected)
    photons = injected + around.emitted(pairs)
    _, kappa = responses.pair_response(GRID, soft)
    # The photons of the field are not followed: their energy in the pairs is an extra input.
    absorbed = photons * around.exposure * C * kappa
    extra = np.sum(source * GRID.gamma**2) - np.sum(absorbed * GRID.eps**2)
    out = np.sum(photons * (1.0 - C * kappa * around.exposure) * GRID.eps**2)
    escaped = np.sum(pairs * GRID.gamma**2) / around.t_esc
    at_rest = -around.gamma_dot[0] * pairs[0] / GRID.step
    energy = np.sum(injected * GRID.eps**2)
    assert out + escaped + at_rest == pytest.approx(energy + extra, rel=1e-2)
    assert abs(extra) < 1e-2 * energy


def test_a_transparent_source_has_no_cascade() -> None:
    soft = np.where((GRID.eps > 1e-9) & (GRID.eps < 1e-2), 1e-12 * GRID.eps**-2.0, 0.0)
    around = medium(soft, 1e15, 1.0)
    injected = np.where(np.abs(np.log10(GRID.eps) - 6.0) < 0.01, 1.0, 0.0)
    source, pairs = cascade.annihilation_pairs(around, injected)
    assert np.sum(source * GRID.gamma**2) < 1e-6 * np.sum(injected * GRID.eps**2)
    assert np.all(np.isfinite(pairs))


def test_nothing_in_nothing_out() -> None:
    around = medium(FIELD, 1e15, 1.0)
    source, pairs = cascade.annihilation_pairs(around, np.zeros_like(GRID.eps))
    assert not source.any()
    assert not pairs.any()
