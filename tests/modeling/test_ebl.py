"""Absorption by the extragalactic background light."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling import EBL_MODELS, ebl, optical_depth
from astroquery_mmdc.modeling.ebl import absorption, ebl_name

HZ_PER_TEV = u.TeV.to(u.Hz, equivalencies=u.spectral())


@pytest.mark.parametrize(
    ("model", "tau"),
    [
        # Values of two independent copies of the same tables.
        ("dominguez_2011", 2.4350),
        ("finke_2010", 2.683),
        ("saldana_lopez_2021", 2.4104),
        ("franceschini_2008", 2.358),
    ],
)
def test_depths_of_two_copies_of_the_tables(model, tau):
    assert optical_depth(0.5 * u.TeV, 0.36, model) == pytest.approx(tau, rel=1.5e-3)


@pytest.mark.parametrize("model", EBL_MODELS)
def test_every_model_is_finite_and_rises(model):
    energy = np.geomspace(1e-9, 1e6, 400) * u.TeV
    for redshift in (0.001, 0.03, 0.5, 1.9):
        tau = optical_depth(energy, redshift, model)
        assert not np.isnan(tau).any()
        assert tau[0] == 0
        assert tau[-1] == np.inf
        known = tau[np.isfinite(tau)]
        assert np.all(np.diff(known[energy[: len(known)] < 1 * u.TeV]) >= -1e-9)
    near, far = (optical_depth(0.3 * u.TeV, z, model) for z in (0.1, 0.5))
    assert 0 < near < far


def test_no_step_at_the_lower_end():
    """Some tables begin where there is absorption already."""
    energy = np.geomspace(0.5, 40, 500) * u.GeV
    tau = optical_depth(energy, 1.8, "franceschini_2008")
    assert np.max(np.diff(tau)) < 0.02
    assert tau[0] < 1e-4


def test_names():
    assert ebl_name(True) == "finke_2010"
    assert ebl_name(False) is None
    assert ebl_name("Dominguez-2011") == "dominguez_2011"
    with pytest.raises(InvalidRequestError, match="ebl: 'franceschini2017' is not offered"):
        ebl_name("franceschini2017")
    with pytest.raises(InvalidRequestError, match="ebl: 'gilmor' is unknown; use True, False or"):
        ebl_name("gilmor")


def test_beyond_the_table():
    with pytest.raises(InvalidRequestError, match=r"z: 5 is outside 0 < z <= 4.99, where the EBL"):
        absorption(True, 5.0)
    assert absorption("inoue_2013", 9.0).tau.max() > 1
    assert absorption(False, 9.0) is None
    assert optical_depth(1 * u.TeV, 1.0, False) == 0


def test_light_above_the_table_is_counted():
    towards = absorption("finke_2010", 0.001)
    nu = np.array([1e27, 1e29, 1e30])
    with pytest.warns(IncompleteResultWarning, match="ends at 79.4 TeV .* 2 fluxes above it"):
        towards.warn_above_table(nu, np.array([1.0, 1.0, 1.0]))
    # Where next to nothing is left at the end of the table, or nothing was there: no warning.
    towards.warn_above_table(nu, np.array([1.0, 0.0, 0.0]))
    absorption("finke_2010", 1.0).warn_above_table(nu, np.ones(3))


def test_without_the_tables_it_says_what_to_install(python_env):
    code = """
import sys
import warnings
sys.modules["ebltable"] = None
from astroquery_mmdc.exceptions import MMDCError
from astroquery_mmdc.modeling.ebl import absorption
assert absorption(False, 0.1) is None
try:
    absorption(True, 0.1)
except MMDCError as err:
    print(err)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=python_env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "pip install 'astroquery_mmdc[model]'" in done.stdout


@pytest.mark.parametrize("model", EBL_MODELS)
def test_files_are_read_as_their_package_reads_them(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ebl._reader()(EBL_MODELS[model].key)
    energy, redshifts, tau = ebl._table(model)
    assert np.allclose(np.log10(energy), theirs.x)
    assert np.allclose(redshifts, theirs.y)
    assert np.array_equal(tau, theirs.Z)


def test_a_file_that_is_elsewhere_is_left_to_the_package(monkeypatch):
    expected = ebl._table("gilmore_2012")
    monkeypatch.setattr(ebl, "_file", lambda name: None)
    found = ebl._table.__wrapped__("gilmore_2012")
    assert all(np.allclose(one, other) for one, other in zip(found, expected, strict=True))
