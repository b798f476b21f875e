"""The face of the models: they are values, and cheap to make."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import SSC, Hadronic, model_class
from tests.modeling.model_sets import MRK421, NU, natural, of


def test_a_model_does_not_change():
    model = of()
    with pytest.raises(
        AttributeError, match=r"SSC does not change; use model.replace\(log_B=...\)"
    ):
        model.log_B = 1
    with pytest.raises(AttributeError):
        del model.z
    model.parameters["log_B"] = 99
    assert model.parameters["log_B"] == -1.5
    assert hash(model) == hash(of())
    assert model == of()
    assert model != of(ssa=False)
    assert model != 3
    assert len({model, of(), natural(), of(z=0.1)}) in (2, 3)
    assert copy.copy(model) == model
    assert pickle.loads(pickle.dumps(model)) == model


def test_replace():
    model = of(ssa=False, viewing_angle=1 * u.deg)
    other = model.replace(log_B=-1)
    assert other.parameters == {**model.parameters, "log_B": -1.0}
    assert other == of(ssa=False, viewing_angle=1 * u.deg, log_B=-1)
    assert model.replace(B=0.1 * u.G).parameters["log_B"] == pytest.approx(-1)
    assert model.replace(z=0.2).observer.redshift == 0.2
    assert model.replace(ssa=True) == of(viewing_angle=1 * u.deg)
    assert model.replace(viewing_angle=None) == of(ssa=False)
    assert np.array_equal(model.replace(log_B=-1)(NU), other(NU))
    with pytest.raises(InvalidRequestError, match=r"log_B: 9.0 is outside"):
        model.replace(log_B=9)
    with pytest.raises(InvalidRequestError, match="log_gamma_min: 2 is not below log_gamma_cut"):
        model.replace(log_gamma_cut=2)
    with pytest.raises(InvalidRequestError, match="nonsense: SSC has no such parameter"):
        model.replace(nonsense=1)


def test_a_step_of_a_fit_may_leave_the_ranges():
    assert of().stepped({"log_B": 2.5}).parameters["log_B"] == 2.5
    with pytest.raises(InvalidRequestError, match="log_B: nan is not a finite number"):
        of().stepped({"log_B": math.nan})
    with pytest.raises(InvalidRequestError, match="is not below"):
        of().stepped({"log_gamma_cut": 1.0})


def test_repr_makes_the_model_again():
    model = of(ssa=False, points_per_decade=12, ebl="gilmore_2012")
    assert repr(model).startswith("SSC(z=0.03179, log_B=-1.5, log_electron_luminosity=44,")
    assert eval(repr(model)) == model  # noqa: S307 - our own text
    assert repr(of()).endswith("spectral_index=2.2)")
    given = SSC(z=0.1, B=1 * u.G, R=1e16 * u.cm, delta=10, electrons=MRK421)
    assert "electrons=BrokenPowerLaw(k=1.5e-09" in repr(given)


def test_names_of_models():
    assert model_class("Ssc") is SSC
    assert model_class("hadronic") is Hadronic
    with pytest.raises(InvalidRequestError, match="model_type: 'x' is no model"):
        model_class("x")


def test_threads_get_the_same():
    model = of(log_B=-1.234)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model(NU))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(one, found[0]) for one in found)


def test_parameters_cost_no_compiler(python_env):
    code = """
import sys
from astroquery_mmdc.modeling import SSC
SSC(z=0.1, ebl=False, log_B=0, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16, delta=9, p=2)
assert not {"numba", "scipy", "matplotlib", "ebltable"} & set(sys.modules), sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_without_numba_it_says_what_to_install(python_env):
    code = """
import sys
sys.modules["numba"] = None
from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling import SSC
model = SSC(z=0.1, ebl=False, log_B=0, log_L_e=44, gamma_cut=1e5, gamma_min=100, log_R=16, delta=9,
            p=2)
try:
    model.emission
except MMDCError as err:
    print(err)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (
        "numba, which is not installed; run `pip install 'astroquery_mmdc[model]'`" in done.stdout
    )
