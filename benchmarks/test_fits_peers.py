"""The optimum of an SSC fit beside JetSeT and agnpy, on the same points in their environments.

Each peer starts from numbers near the published ones (Abdo et al. 2011), where ours starts from
its prior alone; seven parameters of the source are free, of a broken power law there and of
injected electrons here. A peer that takes longer than ``MMDC_PEER_SECONDS`` of CPU time (120) is
stopped: what it reached by then is printed. JetSeT minimises with minuit; agnpy with least squares
of scipy, as its own minimisers are those of gammapy and sherpa, which share no environment with it
here.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import numpy as np
import pytest

from astroquery_mmdc.modeling import SSC
from astroquery_mmdc.modeling.fits.data import prepare
from benchmarks.test_fits import measured, problem, sample
from tests.peers import peer_python

SECONDS = int(os.environ.get("MMDC_PEER_SECONDS", "120"))

_COMMON = """
import warnings; warnings.simplefilter("ignore")
import contextlib, io, json, logging, resource, sys, time
import numpy as np
given = json.load(sys.stdin)
nu, flux, error = (np.array(given[name]) for name in ("nu", "flux", "error"))
calls, best = [], [np.inf]
class Enough(Exception):
    pass
def tell(chi_square):
    calls.append(1)
    best[0] = min(best[0], chi_square)
    if time.process_time() - begun > given["seconds"]:
        raise Enough
def answer(ended):
    used = time.process_time() - begun
    found = {"seconds": used, "evaluations": len(calls), "chi_square": best[0], "ended": ended}
    print("answer " + json.dumps(found), flush=True)
"""

AGNPY = """
import astropy.units as u
from scipy.optimize import least_squares
from agnpy.spectra import BrokenPowerLaw
from agnpy.emission_regions import Blob
from agnpy.synchrotron import Synchrotron
from agnpy.compton import SynchrotronSelfCompton
x, z = nu * u.Hz, given["z"]
def residuals(v):
    k, p1, p2, knot, b, delta, radius = v
    n_e = BrokenPowerLaw(k=10**k / u.cm**3, p1=p1, p2=p2, gamma_b=10**knot, gamma_min=5e2,
                         gamma_max=1e7)
    blob = Blob(R_b=10**radius * u.cm, z=z, delta_D=delta, Gamma=delta, B=10**b * u.G, n_e=n_e)
    model = Synchrotron(blob).sed_flux(x) + SynchrotronSelfCompton(blob).sed_flux(x)
    found = (model.to_value("erg cm-2 s-1") - flux) / error
    tell(float(found @ found))
    return found
begun = time.process_time()
low, high = [-12, 1.5, 2.5, 4, -3, 5, 15], [-4, 3, 6, 6, 0, 60, 18]
try:
    least_squares(residuals, [-8.5, 2.2, 4.0, 5.2, -1.4, 20, 16.7], bounds=(low, high),
                  x_scale=np.subtract(high, low), ftol=1e-5, xtol=1e-5)
    answer(True)
except Enough:
    answer(False)
"""

JETSET = """
logging.disable(logging.CRITICAL)
with contextlib.redirect_stdout(io.StringIO()):
    from jetset.data_loader import Data, ObsData
    from jetset.jet_model import Jet
    from jetset.minimizer import ModelMinimizer
    from jetset.model_manager import FitModel
    table = Data(n_rows=len(nu))
    for name, values in (("x", nu), ("y", flux), ("dy", error), ("UL", np.zeros(len(nu), bool))):
        table.set_field(name, values)
    table.set_meta_data("z", given["z"])
    data = ObsData(data_table=table)
    jet = Jet(electron_distribution="bkn")
    start = dict(z_cosm=given["z"], gmin=5e2, gmax=1e7, gamma_break=1.6e5, p=2.2, p_1=4.0, N=0.5,
                 B=0.04, R=5e16, beam_obj=20)
    for name, value in start.items():
        jet.set_par(name, val=value)
    ranges = dict(gamma_break=(1e4, 1e6), p=(1.5, 3), p_1=(2.5, 6), N=(1e-4, 1e3), B=(1e-3, 1),
                  R=(1e15, 1e18), beam_obj=(5, 60))
    model = FitModel(jet=jet, name="ssc")
    part = jet.name
    for name, ends in ranges.items():
        model.parameters.get_par_by_name(part, name).fit_range = list(ends)
    for name in ("z_cosm", "gmin", "gmax", "R_H"):
        if name in jet.parameters.names:
            model.freeze(part, name)
    evaluate = jet.eval
    def counted(*args, **keywords):
        found = evaluate(*args, **keywords)
        calls.append(1)
        if time.process_time() - begun > given["seconds"]:
            raise Enough
        return found
    jet.eval = counted
    begun, ended = time.process_time(), True
    try:
        result = ModelMinimizer("minuit").fit(model, data, 1e11, 1e29, fitname="fit", silent=True)
    except Enough:
        ended = False
    spent = time.process_time() - begun
    jet.eval = evaluate
    jet.eval()
    seen = np.array([jet.eval(nu=np.array([one]), get_model=True)[0] for one in nu])
    best[0] = float(np.sum(((seen - flux) / error) ** 2))
    begun = time.process_time() - spent
answer(ended)
"""


def points() -> dict[str, Any]:
    """Return detections with a systematic error of 10 %, as ours are fitted."""
    table, redshift = sample("Mrk 421")
    data = prepare(table, warn=False)
    seen = ~data.is_limit
    error = np.hypot(0.5 * (data.error_low + data.error_high), 0.1 * data.flux)[seen]
    lists = {"nu": data.nu[seen], "flux": data.flux[seen], "error": error}
    return {name: values.tolist() for name, values in lists.items()} | {"z": redshift}


def ran(venv: str, program: str) -> dict[str, Any]:
    """Return what the program of a peer answers."""
    python = peer_python(venv)
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    run = subprocess.run(
        [python, "-c", _COMMON + program],
        input=json.dumps(points() | {"seconds": SECONDS}),
        capture_output=True,
        text=True,
        env={**os.environ, **threads, "PYTHONPATH": ""},
        check=False,
    )
    for line in run.stdout.splitlines():
        if line.startswith("answer "):
            return json.loads(line.removeprefix("answer "))
    pytest.skip(f"{venv} does not run: {run.stderr[-500:]}")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "venv", "program"),
    [("JetSeT and minuit", "jetset", JETSET), ("agnpy and least squares", "agnpy", AGNPY)],
)
def test_optimum_beside_a_peer(benchmark, name, venv, program):
    peer = ran(venv, program)
    ready = problem(SSC)
    state, _, cpu = measured(ready)
    benchmark.extra_info[name] = ratio = peer["seconds"] / cpu
    benchmark(lambda: None)
    reached = "" if peer["ended"] else " when it was stopped"
    print(
        f"\n  {name:26s} {peer['seconds']:7.1f} CPU s  {peer['evaluations']:6d} evaluations"
        f"  chi2 {peer['chi_square']:.1f}{reached}"
        f"\n  {'here, from the prior':26s} {cpu:7.1f} CPU s  {state.evaluations:6d} evaluations"
        f"  -2 ln L {-2 * state.log_likelihood:.1f}  ratio {ratio:.0f}"
    )
    assert ratio > 5
