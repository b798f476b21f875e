"""Spectra of many sets of parameters."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling import SSC

NU = [1e12, 1e17, 1e24] * u.Hz
CHOICES = {"gamma_cut": 1e5, "gamma_min": 100, "log_R": 16, "delta": 20, "p": 2.2, "ebl": False}


def table(n=12):
    return Table(
        {"z": np.linspace(0.03, 0.3, n), "log_B": np.linspace(-2, 0, n), "log_L_e": [44] * n}
    )


def test_the_order_is_kept_whatever_the_number_of_processes():
    one = SSC.many(table(), NU, processes=1, **CHOICES)
    two = SSC.many(table(), NU, processes=2, **CHOICES)
    assert np.array_equal(one["nufnu"], two["nufnu"])
    assert one["nufnu"].unit == u.erg / u.s / u.cm**2
    assert one["nufnu"].shape == (12, 3)
    assert np.array_equal(one.meta["nu"], NU)
    assert one["log_B"].tolist() == table()["log_B"].tolist()
    assert one["failure"].mask.all()
    for row in (0, 7):
        values = dict(zip(table().colnames, table()[row], strict=True))
        assert np.array_equal(one["nufnu"][row], SSC(**values, **CHOICES)(NU))


def test_units_in_columns():
    natural = QTable({"z": [0.1, 0.1], "B": [100, 1000] * u.mG})
    made = SSC.many(natural, NU, log_L_e=44, **CHOICES)
    single = SSC(z=0.1, B=0.1 * u.G, log_L_e=44, **CHOICES)(NU)
    assert np.allclose(made["nufnu"][0], single)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_fails_is_masked_and_counted(processes):
    wrong = table(5)
    wrong["log_B"][[1, 3]] = [99, np.nan]
    message = "2 of 5 models could not be computed; the first: log_B: 99.0 is outside -3 to 2"
    with pytest.warns(IncompleteResultWarning, match=message):
        made = SSC.many(wrong, NU, processes=processes, **CHOICES)
    assert made["nufnu"].mask.any(axis=1).tolist() == [False, True, False, True, False]
    assert made["failure"].mask.tolist() == [True, False, True, False, True]
    assert "nan is not a finite number" in made["failure"][3]
    assert np.all(np.isfinite(made["nufnu"].unmasked))


def test_a_masked_value_is_a_failure():
    masked = table(2)
    masked["log_B"] = MaskedColumn([-1.0, -1.0], mask=[False, True])
    with pytest.warns(IncompleteResultWarning, match="1 of 2 models"):
        made = SSC.many(masked, NU, **CHOICES)
    assert made["failure"].mask.tolist() == [True, False]


@pytest.mark.parametrize(
    ("columns", "choices", "message"),
    [
        ({"magnetic": [1]}, {}, "parameters: the column 'magnetic' is no keyword of SSC"),
        ({"ebl": [True]}, {}, "parameters: 'ebl' is both a column and a choice for all"),
        ({}, {"processes": 0}, "processes: 0 is no number of processes; use 1 or more"),
        ({}, {"processes": 1.5}, "processes: 1.5 is no number"),
    ],
)
def test_a_wrong_call(columns, choices, message):
    with pytest.raises(InvalidRequestError, match=message):
        SSC.many(Table({"z": [0.1], **columns}), NU, **CHOICES, **choices)


def test_no_rows():
    made = SSC.many(table()[:0], NU, **CHOICES)
    assert len(made) == 0
    assert made["nufnu"].shape == (0, 3)
