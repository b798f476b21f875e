"""Unbeamed emission of the host."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.modeling.external.disk import Disk, gravitational_radius
from astroquery_mmdc.modeling.external.host import Host
from astroquery_mmdc.modeling.external.thermal import THERMAL_NU, black_body_cgs, disk_cgs, line_cgs
from astroquery_mmdc.modeling.kernels.constants import H_PLANCK, K_B, ME_C2, SIGMA_SB
from astroquery_mmdc.modeling.kernels.planck import MEAN_ENERGY, theta_of_peak, theta_of_temperature


def power(values: np.ndarray) -> float:
    return float(np.trapezoid(values, np.log(THERMAL_NU)))


@pytest.mark.parametrize("luminosity", [10**43.5, 1e47])
@pytest.mark.parametrize("mass", [1e7, 1e8, 1e10])
def test_every_component_integrates_to_its_luminosity(luminosity: float, mass: float) -> None:
    host = Host(luminosity, mass)
    found = {name: power(values) for name, values in host.thermal().items()}
    assert found["disk"] == pytest.approx(luminosity, rel=1e-3)
    assert found["blr"] == pytest.approx(0.1 * luminosity, rel=1e-3)
    assert found["torus"] == pytest.approx(0.5 * luminosity, rel=1e-3)


def test_efficiency_of_one_twelfth_is_an_endless_disk() -> None:
    r_g = gravitational_radius(1e9)
    endless = Disk.standard(1e46, 1e9, outer=1e6 * r_g, eta=1.0 / 12.0)
    assert power(disk_cgs(THERMAL_NU, endless)) == pytest.approx(1e46, rel=1e-3)
    # 3 to 500 Schwarzschild radii hold 98.3 % of it.
    cut = Disk.standard(1e46, 1e9, eta=1.0 / 12.0)
    assert power(disk_cgs(THERMAL_NU, cut)) == pytest.approx(0.9829e46, rel=1e-3)


def test_temperature_of_the_disk() -> None:
    """The temperature peaks at 49/36 of the inner radius."""
    disk = Disk.standard(1e46, 1e9, eta=1.0 / 12.0)
    radius = 49.0 / 36.0 * disk.inner
    flux = disk.scale / radius**3 / 7.0
    expected = K_B / ME_C2 * (flux / SIGMA_SB) ** 0.25
    assert disk.theta(np.array([radius]))[0] == pytest.approx(expected, rel=1e-12)
    around = disk.theta(radius * np.array([0.99, 1.0, 1.01]))
    assert np.argmax(around) == 1


def test_low_frequencies_of_the_disk_go_as_the_third_power() -> None:
    values = disk_cgs(THERMAL_NU, Disk.standard(1e46, 1e9))
    assert np.log10(values[20] / values[0]) == pytest.approx(3.0, abs=0.01)


def test_peaks() -> None:
    torus = black_body_cgs(THERMAL_NU, 1.0, theta_of_peak(3e13))
    assert THERMAL_NU[np.argmax(torus)] == pytest.approx(3e13, rel=0.1)
    line = line_cgs(THERMAL_NU, 1.0, 2.47e15)
    assert THERMAL_NU[np.argmax(line)] == pytest.approx(2.47e15, rel=0.1)
    assert theta_of_peak(3e13) == pytest.approx(theta_of_temperature(367.2), rel=1e-3)


def test_mean_energy() -> None:
    x = np.logspace(-6, 2, 4001)
    photons, energy = x**3 / np.expm1(x), x**4 / np.expm1(x)
    assert energy.sum() / photons.sum() == pytest.approx(MEAN_ENERGY, rel=1e-9)


def test_the_service_ignores_the_frequencies() -> None:
    default, told = Host(1e46, 1e9), Host(1e46, 1e9, nu_blr=1e15, nu_torus=1e13)
    used = Host(1e46, 1e9, nu_blr=1e15, nu_torus=1e13, use_frequencies=True)
    assert (told.line, told.torus_theta) == (default.line, default.torus_theta)
    assert used.line == pytest.approx(1e15 * H_PLANCK / ME_C2)
    assert used.torus_theta == pytest.approx(default.torus_theta / 3.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"geometry": "finkee"}, r"geometry: 'finkee' is unknown; use one of 'simple', 'finke'"),
        ({"disk_pattern": "x"}, "disk_pattern: 'x' is unknown"),
        ({"torus_spectrum": "x"}, "torus_spectrum: 'x' is unknown"),
        ({"xi_blr": 1.2}, "xi_blr: 1.2 is no part of the disk's light"),
        ({"xi_torus": float("nan")}, "xi_torus: nan is no part"),
        ({"distance": -1.0}, r"distance: -1.0 is not above 0"),
        ({"disk_luminosity": float("nan")}, "disk_luminosity: nan is not above 0"),
        ({"black_hole_mass": float("inf")}, "black_hole_mass: inf is not above 0"),
    ],
)
def test_wrong_values_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Host(**({"disk_luminosity": 1e46, "black_hole_mass": 1e9} | wrong))


def test_radii_of_the_disk_are_in_order() -> None:
    with pytest.raises(ValueError, match="R_in < R_out"):
        _ = Host(1e46, 1e9, disk_inner=1e17, disk_outer=1e16).disk
