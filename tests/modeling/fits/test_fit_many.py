from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.joint import joint_fit
from astroquery_mmdc.modeling.fits.many_fits import fit_many
from astroquery_mmdc.modeling.fits.problem import Problem
from tests.modeling.fit_tools import FLUX, HELD, TRUTH, source, synthetic

SEDS = {"first": synthetic(seed=1), "Mrk 421/b": synthetic(seed=2)}


def test_sources_are_fitted_and_not_again(tmp_path):
    told = []
    found = fit_many(
        SEDS, source(), fixed=HELD, folder=tmp_path, processes=1,
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert list(found.results) == list(SEDS)
    assert told == [("first", ""), ("Mrk 421/b", "")]
    table = found.table()
    np.testing.assert_allclose(table["log_B"], TRUTH["log_B"], atol=0.1)
    assert table["failure"].mask.all()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(before) == 2
    again = fit_many(SEDS, source(), fixed=HELD, folder=tmp_path, processes=1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    np.testing.assert_allclose(again.table()["log_B"], table["log_B"])
    fit_many(SEDS, source(), fixed=HELD, folder=tmp_path, processes=1, seed=2)
    assert len(list(tmp_path.iterdir())) == 4


def test_an_interrupt_ends_all_and_leaves_no_half_result(tmp_path, monkeypatch):
    calls, honest = [], Problem.misfits

    def interrupted(self, x):
        calls.append(1)
        if len(calls) == 50:
            raise KeyboardInterrupt
        return honest(self, x)

    with monkeypatch.context() as patch:
        patch.setattr(Problem, "misfits", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_many(SEDS, source(), fixed=HELD, folder=tmp_path, processes=1)
    assert not list(tmp_path.iterdir())
    assert len(fit_many(SEDS, source(), fixed=HELD, folder=tmp_path, processes=1).results) == 2


def test_one_bad_source_does_not_end_the_others():
    bad = synthetic()
    bad["nufnu_err"] = np.zeros(len(bad)) * FLUX
    with pytest.warns(IncompleteResultWarning, match="1 of 2 sources"):
        found = fit_many({"bad": bad, "good": SEDS["first"]}, source(), fixed=HELD, processes=1)
    assert list(found.results) == ["good"]
    assert "have no error" in found.failures["bad"]
    assert "have no error" in found.table()["failure"][1]


def test_any_client_with_submit_will_do(tmp_path):
    with ThreadPoolExecutor(1) as client:
        found = fit_many(
            {"one": SEDS["first"]}, "SSC", z={"one": 0.03}, client=client, folder=tmp_path,
            fixed={name: TRUTH[name] for name in HELD},
        )  # fmt: skip
    assert found.results["one"].redshift == 0.03


def test_requests_that_make_no_sense():
    with pytest.raises(InvalidRequestError, match="by source"):
        fit_many([], source())
    with pytest.raises(InvalidRequestError, match="a folder that they share"):
        fit_many(SEDS, source(), client=object())
    with pytest.raises(InvalidRequestError, match="two epochs or more"):
        joint_fit({"one": SEDS["first"]}, source(), shared=("log_B",))
    with pytest.raises(InvalidRequestError, match="is not free"):
        joint_fit(SEDS, source(), shared=("log_radius",), fixed=HELD)


@pytest.mark.slow
def test_processes_give_the_same():
    one = fit_many(SEDS, source(), fixed=HELD, processes=1).table()
    two = fit_many(SEDS, source(), fixed=HELD, processes=2).table()
    assert one["log_B"].tolist() == two["log_B"].tolist()


def test_epochs_share_what_they_are_told_to():
    seds = {
        "low": synthetic(source(log_electron_luminosity=43.9), seed=1),
        "high": synthetic(source(log_electron_luminosity=44.4), seed=2),
    }
    joint = joint_fit(
        seds, source(), shared=("log_B",), fixed=HELD, method="importance", n_effective=300,
        processes=1,
    )  # fmt: skip
    value = {
        epoch: dict(zip(one.parameters["name"], one.parameters["value"], strict=True))
        for epoch, one in joint.results.items()
    }
    assert joint.n_free == 3
    assert value["low"]["log_B"] == value["high"]["log_B"]
    assert value["low"]["log_electron_luminosity"] == pytest.approx(43.9, abs=0.1)
    assert value["high"]["log_electron_luminosity"] == pytest.approx(44.4, abs=0.1)
    assert joint.posterior.colnames == [
        "log_B", "log_electron_luminosity[low]", "log_electron_luminosity[high]",
    ]  # fmt: skip
    assert np.isfinite(joint.log_evidence)
    # What two epochs know together is more than each knows alone.
    alone = joint_fit(seds, source(), shared=(), fixed=HELD)
    error = {name: float(one.parameters["error"][0]) for name, one in alone.results.items()}
    together = float(np.std(joint.posterior["log_B"]))
    assert together < min(error.values())
    assert together == pytest.approx(1 / np.sqrt(sum(one**-2 for one in error.values())), rel=0.25)


def test_an_sed_knows_its_redshift():
    from astroquery_mmdc import SED

    sed = SED(synthetic())
    sed.meta["source"] = {"redshift": 0.03}
    found = fit_many({"a": sed}, "ssc", fixed={name: TRUTH[name] for name in HELD}, processes=1)
    assert found.results["a"].redshift == 0.03
    assert u.Hz == sed["nu"].unit
