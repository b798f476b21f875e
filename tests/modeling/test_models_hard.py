"""The whole boxes of parameters, and the sources that are hard to solve."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning
from astroquery_mmdc.modeling import EIC, MODELS, SSC, Hadronic
from tests.modeling.model_sets import ALL, EIC_SET, HADRONIC_SET, NU, SET


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_set_of_the_box_is_computed(data):
    """Finite, not negative, and louder with more power, wherever in the ranges of runs."""
    numbers = {
        name: data.draw(st.floats(one.low, one.high), label=name)
        for name, one in MODELS["SSC"].items()
    }
    low = numbers["log_gamma_min"]
    numbers["log_gamma_cut"] = max(numbers["log_gamma_cut"], low + 0.1)
    # Beyond this the source is a Compton catastrophe, which the solver's own tests look at.
    numbers["log_electron_luminosity"] = min(numbers["log_electron_luminosity"], 45.0)
    model = SSC(z=0.1, **numbers)
    with warnings.catch_warnings():
        # In some corners electrons and photons agree slowly, which the solver says.
        warnings.simplefilter("ignore", IncompleteResultWarning)
        flux = model(NU).value
    assert np.all(np.isfinite(flux))
    assert np.all(flux >= 0)


@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("kind", [EIC, Hadronic])
@given(data=st.data())
def test_any_set_of_the_other_boxes(kind, data):
    ranges = MODELS[kind.model_type]
    numbers = {name: data.draw(st.floats(p.low, p.high), label=name) for name, p in ranges.items()}
    for low, high in (("log_gamma_min", "log_gamma_cut"), ("log_gamma_e_min", "log_gamma_e_cut")):
        if low in numbers:
            numbers[high] = max(numbers[high], numbers[low] + 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteResultWarning)
        # Beyond some densities more power goes elsewhere: into pairs, and electrons at rest.
        warnings.simplefilter("ignore", InputWarning)
        model = kind(z=0.1, **numbers)
        spectrum = model.spectrum()
        flux = model(NU).value
    assert np.all(np.isfinite(flux))
    assert np.all(flux >= 0)
    assert flux.max() > 0
    assert all(np.all(np.isfinite(part)) for part in spectrum.components.values())
    assert np.all(np.isfinite(list(model.emission.powers.values())))


@pytest.mark.parametrize(
    "changes",
    [
        # Electrons of nearly one energy that make pairs of the same: slow to settle.
        {"log_B": 0, "log_electron_luminosity": 43, "log_gamma_min": 5, "log_gamma_cut": 5.1},
        # Compton catastrophes.
        {"log_B": -2, "log_electron_luminosity": 45, "log_gamma_cut": 6},
        {"log_B": -2, "log_electron_luminosity": 48, "log_gamma_cut": 6},
    ],
)
@pytest.mark.parametrize(("kind", "parameters"), ALL[:2])
def test_hard_sources_settle(kind, parameters, changes):
    hard = {"log_radius": 15, "lorentz_factor": 3, "spectral_index": 2.0}
    model = kind(**{**parameters, **hard, **changes})
    assert model.emission.residual < 3e-3
    radiated = model.emission.powers["radiated"]
    assert 0 < radiated < 1.02 * 10 ** changes["log_electron_luminosity"] / 9
    assert np.all(np.isfinite(model(NU)))


def test_no_light_from_a_region_or_dust():
    """A covering factor of nothing is a choice, unlike a negative one."""
    components = EIC(**EIC_SET, xi_BLR=0, xi_DT=0).spectrum().components
    lit = {name for name, flux in components.items() if flux.max() > 0}
    assert lit == {"ec_disk", "disk", "ssc", "synchrotron"}


def test_an_index_of_two_lies_between_its_neighbours():
    for kind, parameters, name in (
        (SSC, SET, "spectral_index"),
        (EIC, EIC_SET, "spectral_index"),
        (Hadronic, HADRONIC_SET, "pp"),
    ):
        below, at, above = (
            kind(**{**parameters, name: index})(NU[::6]).value for index in (2 - 1e-6, 2, 2 + 1e-6)
        )
        assert np.allclose(at, below, rtol=1e-4)
        assert np.allclose(at, above, rtol=1e-4)
