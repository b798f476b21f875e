"""The first spectrum of a new process, compiled kernels on disk: CPU seconds and memory.

The processes of the models take turns. Before the clock starts, units and parameters are imported
and the model is made; what is measured is numba, the kernels, their tables and one spectrum.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

MODELS = {
    "SSC, given electrons": """SSC(z=0.0308, B=0.038*u.G, R=5.2e16*u.cm, delta=21,
        electrons=BrokenPowerLaw(1.5e-9, 2.2, 4.0, 2e5, 8e2, 1e7))""",
    "SSC": """SSC(z=0.031, log_B=-1.5, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16,
        delta=20, p=2.2)""",
    "EIC": """EIC(z=0.361, B=1*u.G, log_L_e=45, gamma_cut=1e4, gamma_min=100, p=2.2, R=2e16*u.cm,
        delta=20, L_d=1e46*u.erg/u.s, M_BH=1e9*u.Msun, geometry="finke")""",
    "hadronic": """Hadronic(z=0.3, log_B=1.0, log_Le=43, log_gamma_e_min=1.8, log_gamma_e_cut=4,
        log_gamma_p_cut=8, log_Lp=46, log_R=15.5, lorentz_factor=20, pe=2.2, pp=2)""",
}
PROGRAM = """
import time
import numpy as np
from astropy import units as u
from astroquery_mmdc.modeling import EIC, SSC, BrokenPowerLaw, Hadronic
model = {model}
nu = np.geomspace(1e9, 1e27, 100) * u.Hz
started = time.process_time()
model(nu)
used = time.process_time() - started
# Not ru_maxrss, which begins with the memory of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(used, int(status["VmHWM"].split()[0]) / 1024)
"""
ROUNDS = 7


@pytest.fixture(scope="module")
def measured():
    """Return CPU seconds and peak megabytes of every model, in turns."""
    found = {name: [] for name in MODELS}
    for turn in range(ROUNDS + 1):
        for name, model in MODELS.items():
            program = PROGRAM.format(model=" ".join(model.split()))
            answer = subprocess.check_output([sys.executable, "-c", program], text=True)
            if turn:  # the first fills the cache of compiled code
                found[name].append([float(number) for number in answer.split()])
    return found


@pytest.mark.parametrize("name", MODELS)
def test_first_call(benchmark, report, measured, name):
    benchmark.pedantic(lambda: None, rounds=1)
    report(f"{name}: s of CPU", statistics.median(one[0] for one in measured[name]), "<= 0.6")
    report(f"{name}: MB at the peak", max(one[1] for one in measured[name]), "<= 200")
