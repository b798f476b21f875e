"""External Compton: time and memory of a spectrum, and where the time goes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.external import eic
from astroquery_mmdc.modeling.external.geometry import Motion
from astroquery_mmdc.modeling.external.headon import scatter
from astroquery_mmdc.modeling.external.host import Host
from astroquery_mmdc.modeling.kernels import ssc
from astroquery_mmdc.modeling.kernels.grid import Grid

BLOB = {
    "magnetic_field": 1.0,
    "radius": 2e16,
    "lorentz_factor": 20.0,
    "luminosity": 1e45,
    "gamma_min": 100.0,
    "gamma_cut": 1e4,
    "index": 2.2,
}
MEMORY = """
import resource
from astroquery_mmdc.modeling import eic
for geometry in ("simple", "finke"):
    eic.solve(**{blob}, disk_luminosity=1e46, black_hole_mass=1e9, geometry=geometry)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
fields = open("/proc/self/smaps_rollup").read().split("Anonymous:")
print(int(fields[1].split()[0]) / 1024)
"""


def seen(emission, doppler=20.0):
    """Return the total at 100 observed frequencies."""
    nu = np.logspace(9, 27, 100)
    return np.interp(np.log(nu), np.log(emission.grid.nu * doppler / 1.5), emission.total)


@pytest.mark.parametrize("geometry", ["simple", "finke"])
def test_self_consistent(benchmark, interleaved, report, geometry):
    """Disk, broad line region, torus and SSC, electrons in balance; every call another disk."""
    luminosity = (1e46 * (1.0 + 1e-6 * i) for i in itertools.count())

    def external():
        host = {"disk_luminosity": next(luminosity), "black_hole_mass": 1e9, "geometry": geometry}
        seen(eic.solve(**BLOB, **host))

    medians = interleaved({"eic": external, "ssc": lambda: seen(ssc.solve(**BLOB))}, rounds=41)
    benchmark.pedantic(external, rounds=15)
    report(f"EIC, {geometry}, ms of CPU", medians["eic"][0] * 1e3, "<= 3")


def test_parts(benchmark, interleaved):
    """Fields of a host, and one contraction of each."""
    grid = Grid.default()
    host, motion = Host(1e46, 1e9, geometry="finke", cmb=True), Motion.critical(20.0)
    fields = eic.external_fields(grid, host, motion, 0.5)
    cut = electrons.ExponentialCutoffPowerLaw(1.0, 2.2, 1e4, 1.0)
    density = electrons.sample(cut, grid.gamma_fine)
    calls = {"fields": lambda: eic.external_fields(grid, host, motion, 0.5)}
    for name, field in fields.items():
        calls[f"scatter {name}"] = lambda field=field: scatter(grid, density, field.headon)
    interleaved(calls, rounds=41)
    benchmark.pedantic(calls["fields"], rounds=15)


def test_memory(benchmark, report):
    """Peak of a whole process, numba and astropy included, and the private part of it."""

    def run():
        done = subprocess.run(
            [sys.executable, "-c", MEMORY.format(blob=BLOB)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[1],
        )
        return [float(line) for line in done.stdout.split()]

    peak, private = benchmark.pedantic(run, rounds=1)
    report("EIC, MB at the peak", peak, "<= 200")
    report("EIC, private MB", private, "<= 200")
