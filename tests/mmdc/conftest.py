"""A server whose engine computes something simple that can be checked by hand."""

from __future__ import annotations

import time

import pytest

from astroquery_mmdc import MMDCClass
from astroquery_mmdc.modeling import MODELS
from astroquery_mmdc.server import LocalServer
from astroquery_mmdc.server.engine import FitOutcome

CURVE = {"nu": [1e10, 1e15, 1e20], "nuFnu": [1e-14, 1e-11, 1e-12]}


class PowerLawEngine:
    """Returns fixed curves; a fit with z above 9 fails."""

    seconds = 0.0

    def infer(self, request):
        time.sleep(self.seconds)
        neutrinos = {"neutrino_energy": [1e3, 1e6], "eFe_nu_tot": [1e-13, 1e-12]}
        return {**CURVE, **(neutrinos if request.model_type == "HADRONIC" else {})}

    def fit(self, request, run):
        time.sleep(self.seconds)
        if request.z > 9:
            msg = "no convergence"
            raise RuntimeError(msg)
        free = [n for n in ("log_B", "lorentz_factor") if n not in request.fixed_parameters]
        best = {name: {"value": 1.0 + i, "error": 0.1} for i, name in enumerate(free)}
        return FitOutcome(
            {
                "data": {"best": CURVE, "0": CURVE, "1": CURVE},
                "best_parameters": best,
                "equal_weighted_posterior": [
                    [0.1 * k for k in range(len(MODELS[request.model_type]))]
                ]
                * 20,
                "multinest_stats": {"logZ": -12.5, "logZ_err": 0.1, "best_loglike": -3.0},
            },
            {"pdf": b"%PDF-1.4", "csv_best_parameters": b"a", "csv_best_model": b"b"},
        )


@pytest.fixture
def engine():
    return PowerLawEngine()


@pytest.fixture
def modelling(engine, faults):
    with LocalServer(engine=engine, faults=faults) as running:
        yield running


@pytest.fixture
def modeller(modelling):
    return MMDCClass(modelling.url, app="tests")


@pytest.fixture
def remembering(server, tmp_path):
    """A client with a folder of its own, which therefore remembers a local server too."""
    mmdc = MMDCClass(server.url, cache_dir=tmp_path)
    yield mmdc
    mmdc.cache.close()
