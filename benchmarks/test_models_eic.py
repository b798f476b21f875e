"""External Compton: time of a spectrum, and where the time goes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.external import eic
from astroquery_mmdc.modeling.external.geometry import Motion
from astroquery_mmdc.modeling.external.headon import scatter
from astroquery_mmdc.modeling.external.host import Host
from astroquery_mmdc.modeling.kernels import ssc
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.grid import Grid

BLOB = Blob(1.0, 2e16, 20.0, 1e45, 1e2, 1e4, 2.2)


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
        seen(eic.solve(BLOB, **host))

    medians = interleaved({"eic": external, "ssc": lambda: seen(ssc.solve(BLOB))}, rounds=41)
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
