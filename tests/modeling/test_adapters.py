"""Local models in the hands of other packages, each where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.fitting import LevMarLSQFitter, TRFLSQFitter

import astroquery_mmdc
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import SSC
from astroquery_mmdc.modeling.adapters import to_astropy, to_naima, to_sherpa
from tests.peers import peer_python
from tests.ssc_parameters import SSC as PLAIN

SET = {**PLAIN, "z": 0.1, "log_B": -1.0}
NU = np.geomspace(1e11, 1e26, 30) * u.Hz


@pytest.fixture(scope="module")
def model():
    return SSC(**SET)


# ---------------------------------------------------------------- astropy


def test_astropy_gets_the_same_flux(model):
    fittable = to_astropy(model)
    assert np.allclose(fittable(NU), model(NU), rtol=1e-12)
    assert fittable(NU).unit == model(NU).unit
    assert np.allclose(fittable(NU.value), model(NU).value, rtol=1e-12)
    assert np.allclose(fittable(NU.to(u.keV, u.spectral())), model(NU), rtol=1e-9)
    assert fittable(1e15) == pytest.approx(model(1e15 * u.Hz).value)
    assert fittable.log_B.bounds == (-2.95, 1.98)
    fittable.log_B = -0.5
    assert np.allclose(fittable(NU), model.replace(log_B=-0.5)(NU), rtol=1e-12)


@pytest.mark.parametrize("fitter", [TRFLSQFitter, LevMarLSQFitter])
def test_astropy_finds_the_parameters_again(model, fitter):
    start = to_astropy(model, free=["log_B", "log_electron_luminosity"])
    truth = model.replace(log_B=-0.8, log_electron_luminosity=44.2)(NU).value
    start.log_B, start.log_electron_luminosity = -0.85, 44.15
    found = fitter()(start, NU.value, truth, weights=1 / truth, epsilon=1e-4)
    assert found.log_B.value == pytest.approx(-0.8, abs=2e-3)
    assert found.log_electron_luminosity.value == pytest.approx(44.2, abs=2e-3)
    assert found.spectral_index.value == 2.2


def test_parameters_that_are_not_there(model):
    with pytest.raises(InvalidRequestError, match="free: SSC has no 'B'; it has log_B"):
        to_astropy(model, free=["B"])


# ---------------------------------------------------------------- functions


def test_sherpa_gets_frequencies_or_photons(model):
    function = to_sherpa(model, free=["log_B", "spectral_index"])
    assert function.names == ("log_B", "spectral_index")
    assert function.start == (-1.0, 2.2)
    assert function.low == (-2.95, 1.8)
    assert np.allclose(function([-1.0, 2.2], NU.value), model(NU).value)
    energy = np.array([0.5, 1.0, 2.0])
    density = to_sherpa(model, free=[], frequencies=False)([], energy)
    expected = (model(energy * u.keV) / (energy * u.keV) ** 2).to_value("1 / (keV cm2 s)")
    assert np.allclose(density, expected)
    binned = to_sherpa(model, free=[], frequencies=False)([], energy, energy * 1.01)
    assert np.allclose(binned, expected * 0.01 * energy, rtol=2e-2)


def test_where_there_is_no_model_fitters_get_nan(model):
    function = to_sherpa(model, free=["log_gamma_cut"])
    assert np.isnan(function([1.0], NU.value)).all()
    assert np.isnan(function([np.nan], NU.value)).all()


def test_naima_gets_an_sed(model):
    function = to_naima(model, free=["log_B"])
    data = {"energy": [1, 10] * u.keV}
    assert np.allclose(function([-1.0], data), model(data["energy"]))


# ---------------------------------------------------------------- other environments

SCRIPT = """
import json, sys, warnings
import numpy as np
from astropy import units as u
from astroquery_mmdc.modeling import SSC
from astroquery_mmdc.modeling.adapters import to_gammapy, to_naima
model = SSC(ebl=False, **json.loads(sys.argv[1]))
nu = np.geomspace(1e11, 1e26, 30) * u.Hz
"""
GAMMAPY = """
from gammapy.modeling.models import SkyModel
from gammapy.estimators import FluxPoints
from gammapy.datasets import FluxPointsDataset
from gammapy.modeling import Fit
from astropy.table import Table

spectral = to_gammapy(model, free=["log_B", "log_electron_luminosity"])
energy = nu.to(u.eV, u.spectral())
sed = (spectral(energy) * energy**2).to("erg cm-2 s-1")
assert np.allclose(sed, model(nu), rtol=1e-9), (sed / model(nu)).value
assert spectral.parameters["spectral_index"].frozen
assert spectral(energy.reshape(6, 5)).shape == (6, 5)
flux = spectral.integral(1 * u.GeV, 10 * u.GeV)
assert flux.unit.is_equivalent("cm-2 s-1") and flux > 0

truth = model.replace(log_B=-0.8)(nu)
table = Table({"e_ref": energy[5:25], "e2dnde": truth[5:25], "e2dnde_err": 0.05 * truth[5:25]})
table.meta["SED_TYPE"] = "e2dnde"
points = FluxPoints.from_table(table, sed_type="e2dnde")
data = FluxPointsDataset(data=points, models=SkyModel(spectral_model=spectral))
result = Fit().run(data)
assert abs(spectral.log_B.value + 0.8) < 0.01, spectral.log_B
print(json.dumps({"log_B": spectral.log_B.value}))
"""
NAIMA = """
import naima
function = to_naima(model, free=["log_B"])
data = {"energy": nu.to(u.eV, u.spectral())}
flux = function([-1.0], data)
assert np.allclose(flux, model(nu), rtol=1e-9)
from astropy.table import QTable
table = QTable({"energy": data["energy"], "flux": flux, "flux_error": 0.1 * flux})
sampler = naima.get_sampler(
    data_table=table, p0=np.array([-0.95]), labels=["log_B"], model=function,
    prior=lambda p: naima.uniform_prior(p[0], -3, 2), nwalkers=4, nburn=3, prefit=False, threads=1)
print(json.dumps({"log_B": float(sampler[1].coords[:, 0].mean())}))
"""


def run(venv, script):
    python = peer_python(venv)
    root = str(Path(astroquery_mmdc.__file__).parents[1])
    done = subprocess.run(
        [python, "-W", "ignore", "-c", SCRIPT + script, json.dumps(SET)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=280,
    )
    if "No module named 'numba'" in done.stderr or "not installed" in done.stderr:
        pytest.skip(f"the environment of {venv} lacks what the models need")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_gammapy_fits_flux_points():
    assert run("gammapy", GAMMAPY)["log_B"] == pytest.approx(-0.8, abs=0.01)


@pytest.mark.slow
def test_naima_samples():
    assert run("naima", NAIMA)["log_B"] == pytest.approx(-1, abs=0.1)
