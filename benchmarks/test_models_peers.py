"""The models beside agnpy, JetSeT and naima, evaluated in turn in environments of their own.

A program of each peer prepares a model, then evaluates it once for every line that it reads, and
writes the CPU seconds of that. ``MMDC_PEERS`` names the folder of their environments.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from typing import Any

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.modeling import EIC, SSC, BrokenPowerLaw, LogParabola
from tests.peers import peer_python

_LOOP = """
import sys, time, json
def serve(evaluate):
    evaluate()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.process_time()
        evaluate()
        used = time.process_time() - started
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        memory = int(status["VmHWM"].split()[0]) / 1024
        print(json.dumps({"seconds": used, "megabytes": memory}), flush=True)
"""

AGNPY_SSC = """
import numpy as np, astropy.units as u
from agnpy.spectra import BrokenPowerLaw
from agnpy.emission_regions import Blob
from agnpy.synchrotron import Synchrotron
from agnpy.compton import SynchrotronSelfCompton
nu = np.geomspace(1e8, 1e29, 100) * u.Hz
n_e = BrokenPowerLaw(k=1.5e-9 / u.cm**3, p1=2.2, p2=4.0, gamma_b=2e5, gamma_min=8e2, gamma_max=1e7)
blob = Blob(R_b=5.2e16 * u.cm, z=0.0308, delta_D=21, Gamma=21, B=0.038 * u.G, n_e=n_e)
syn, ssc = Synchrotron(blob, ssa=True), SynchrotronSelfCompton(blob, ssa=True)
serve(lambda: syn.sed_flux(nu) + ssc.sed_flux(nu))
"""

NAIMA_SSC = """
import numpy as np, astropy.units as u, astropy.constants as const
import logging; logging.disable(logging.CRITICAL)
import naima
from naima.models import BrokenPowerLaw, InverseCompton, Synchrotron
nu = np.geomspace(1e8, 1e29, 100) * u.Hz
energy = nu.to(u.eV, u.spectral()) * 1.0308 / 21
radius, rest = 5.2e16 * u.cm, (const.m_e * const.c**2).to(u.eV)
volume = 4 / 3 * np.pi * radius**3
amplitude = (1.5e-9 / u.cm**3 * volume / rest).to(1 / u.eV)
def evaluate():
    spectrum = BrokenPowerLaw(amplitude, 2e5 * rest, 2e5 * rest, 2.2, 4.0)
    ends = {"Eemin": 8e2 * rest, "Eemax": 1e7 * rest}
    syn = Synchrotron(spectrum, B=0.038 * u.G, **ends)
    seeds = np.geomspace(1e-7, 1e7, 100) * u.eV
    light = syn.flux(seeds, distance=0 * u.cm) / (4 * np.pi * radius**2 * const.c) * 2.24
    ic = InverseCompton(spectrum, seed_photon_fields=[["SSC", seeds, light]], **ends)
    return syn.sed(energy, distance=1 * u.Mpc) + ic.sed(energy, distance=1 * u.Mpc)
serve(evaluate)
"""

JETSET_SSC = """
import warnings; warnings.simplefilter("ignore")
import contextlib, io, math
with contextlib.redirect_stdout(io.StringIO()):
    from jetset.jet_model import Jet
    jet = Jet(electron_distribution="bkn")
    jet.set_nu_grid(1e8, 1e29, 100)
    low, high, knot = 8e2, 1e7, 2e5
    number = 1.5e-9 * knot * (((low / knot) ** -1.2 - 1) / 1.2 + (1 - (high / knot) ** -3) / 3)
    values = dict(B=0.038, R=5.2e16, beam_obj=21, z_cosm=0.0308, gmin=low, gmax=high, p=2.2,
                  p_1=4.0, gamma_break=knot, N=number)
    for name, value in values.items():
        jet.set_par(name, val=value)
def evaluate():
    with contextlib.redirect_stdout(io.StringIO()):
        jet.eval()
serve(evaluate)
"""

AGNPY_EC = """
import numpy as np, astropy.units as u, astropy.constants as const
from agnpy.spectra import LogParabola
from agnpy.emission_regions import Blob
from agnpy.synchrotron import Synchrotron
from agnpy.compton import ExternalCompton, SynchrotronSelfCompton
from agnpy.targets import RingDustTorus, SphericalShellBLR, SSDisk
nu = np.geomspace(1e8, 1e29, 100) * u.Hz
n_e = LogParabola(k=1 / u.cm**3, p=2.0, q=0.2, gamma_0=100, gamma_min=1, gamma_max=3e4)
blob = Blob(R_b=2.4e16 * u.cm, z=0.361, delta_D=25, Gamma=20, B=0.35 * u.G, n_e=n_e)
light, mass, r = 6.7e45 * u.erg / u.s, 5.71e8 * u.Msun, 1e17 * u.cm
targets = [
    SSDisk(mass, light, 1 / 12, 6, 3e4, R_g_units=True),
    SphericalShellBLR(light, 0.1, "Lyalpha", 2.588e17 * u.cm),
    RingDustTorus(light, 0.6, 1000 * u.K, 6.47e18 * u.cm),
]
parts = [Synchrotron(blob, ssa=True), SynchrotronSelfCompton(blob, ssa=True)]
parts += [ExternalCompton(blob, target, r) for target in targets]
serve(lambda: sum(part.sed_flux(nu) for part in parts))
"""

JETSET_EC = """
import warnings; warnings.simplefilter("ignore")
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    from jetset.jet_model import Jet
    jet = Jet(electron_distribution="lp", beaming_expr="bulk_theta")
    jet.add_EC_component(["EC_BLR", "EC_Disk", "EC_DT"], disk_type="MultiBB")
    jet.set_nu_grid(1e8, 1e29, 100)
    values = dict(B=0.35, R=2.4e16, z_cosm=0.361, BulkFactor=20, theta=2.22, gmin=1, gmax=3e4,
                  s=2.0, r=0.2, gamma0_log_parab=100, N=100, L_Disk=6.7e45, M_BH=5.71e8,
                  R_BLR_in=2.588e17, R_BLR_out=2.6e17, tau_BLR=0.1, tau_DT=0.6, T_DT=1000,
                  R_DT=6.47e18, R_H=1e17)
    for name, value in values.items():
        if name in jet.parameters.names:
            jet.set_par(name, val=value)
def evaluate():
    with contextlib.redirect_stdout(io.StringIO()):
        jet.eval()
serve(evaluate)
"""


class Peer:
    """A peer in a process of its own, ready to be measured."""

    def __init__(self, venv: str, program: str) -> None:
        python = peer_python(venv)
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", _LOOP + program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads, "PYTHONPATH": ""},
        )
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        pytest.skip(f"{venv} does not run: {self.process.stderr.read()[-300:]}")

    def measure(self) -> dict[str, Any]:
        """Return CPU seconds of one evaluation and the memory of the process."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()


NU = np.geomspace(1e8, 1e29, 100) * u.Hz
SSC_CASE = SSC(
    z=0.0308,
    B=0.038 * u.G,
    R=5.2e16 * u.cm,
    delta=21,
    electrons=BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7),
    ebl=False,
    pairs=False,
)
EIC_CASE = EIC(
    z=0.361,
    B=0.35 * u.G,
    R=2.4e16 * u.cm,
    Gamma=20,
    delta=25,
    electrons=LogParabola(1.0, 2.0, 0.2, 100, 1, 3e4),
    L_d=6.7e45 * u.erg / u.s,
    M_BH=5.71e8 * u.Msun,
    R_BLR=2.588e17 * u.cm,
    R_DT=6.47e18 * u.cm,
    xi_BLR=0.1,
    xi_DT=0.6,
    distance=1e17 * u.cm,
    geometry="finke",
    ebl=False,
    pairs=False,
)
INJECTED = SSC(
    z=0.031,
    log_B=-1.5,
    log_L_e=44,
    gamma_cut=1e5,
    gamma_min=100,
    log_R=16,
    delta=20,
    p=2.2,
    ebl=False,
)


def ours(model, repeat=20):
    """Return CPU seconds of one evaluation of a model that was never solved before."""
    low = model.parameters["log_B"]
    started = time.process_time()
    for step in range(repeat):
        model.replace(log_B=low + 1e-6 * step)(NU)
    return (time.process_time() - started) / repeat


def compare(model, programs, rounds):
    """Evaluate everything in turn, and return the median of each in milliseconds."""
    ours(model)
    running = {name: Peer(*program) for name, program in programs.items()}
    seconds = {name: [] for name in ("ours", *running)}
    memory = {}
    for _ in range(rounds):
        seconds["ours"].append(ours(model))
        for name, peer in running.items():
            answer = peer.measure()
            seconds[name].append(answer["seconds"])
            memory[name] = answer["megabytes"]
    for peer in running.values():
        peer.close()
    medians = {name: 1e3 * statistics.median(values) for name, values in seconds.items()}
    print()
    for name, value in medians.items():
        ratio = value / medians["ours"]
        extra = f"  {memory[name]:6.0f} MB" if name in memory else ""
        print(f"  {name:10s} {value:10.3f} ms CPU  {ratio:10.1f} x{extra}")
    return medians


def test_ssc_given_electrons(benchmark, report):
    programs = {
        "JetSeT": ("jetset", JETSET_SSC),
        "agnpy": ("agnpy", AGNPY_SSC),
        "naima": ("naima", NAIMA_SSC),
    }
    medians = compare(SSC_CASE, programs, rounds=5)
    benchmark.pedantic(lambda: ours(SSC_CASE), rounds=3)
    report("given electrons [ms]", medians["ours"], "<= 0.5")


def test_ssc_injected(benchmark, report):
    medians = compare(INJECTED, {}, rounds=5)
    benchmark.pedantic(lambda: ours(INJECTED), rounds=3)
    report("injected electrons [ms]", medians["ours"], "<= 1.5")


def test_external_compton(benchmark, report):
    programs = {"JetSeT": ("jetset", JETSET_EC), "agnpy": ("agnpy", AGNPY_EC)}
    medians = compare(EIC_CASE, programs, rounds=2)
    benchmark.pedantic(lambda: ours(EIC_CASE), rounds=3)
    report("disk, lines and torus [ms]", medians["ours"], "<= 3")


def test_the_face_costs_next_to_nothing(benchmark, report):
    """What units, checks, boosting and interpolation add to the solver."""

    def loop(call, repeat=200):
        started = time.process_time()
        for step in range(repeat):
            call(step)
        return (time.process_time() - started) / repeat

    def whole(step):
        return SSC_CASE.replace(log_B=-1.4 + 1e-6 * step)(NU)

    def kernels(step):
        return SSC_CASE.replace(log_B=-1.4 + 1e-6 * step)._solve()

    loop(whole), loop(kernels)
    pairs = [(loop(whole), loop(kernels)) for _ in range(5)]
    cost = 1e3 * statistics.median(a - b for a, b in pairs)
    cost += 1e3 * loop(lambda step: SSC_CASE.replace(log_B=-1.4 + 1e-6 * step))
    benchmark.pedantic(lambda: loop(whole, 20), rounds=3)
    report("face above the solver [ms]", cost, "<= 0.1")
