from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.simulator import Injection, Simulator, generator_for
from astroquery_mmdc.retriever.templates import box, gaussian, template_bank


def injection(**changes):
    values = {
        "shape": "gaussian", "kernel_index": 0, "width": 4.0, "mjd": 59050.0, "flux": 500.0,
        "snr": 50.0, "mag_change": None, "observatory": "DEMO",
    }  # fmt: skip
    return Injection(**{**values, **changes})


@pytest.mark.parametrize("shape", ["gaussian", "box"])
@pytest.mark.parametrize("width", [0.01, 0.3, 30.0])
def test_a9_5_the_width_is_the_full_width_at_half_maximum(shape, width):
    days, values = Simulator(template_shape=shape, cadence=width * 86400 / 500).template(width)
    above = days[values >= 0.5]
    assert above[-1] - above[0] == pytest.approx(width, rel=0.01)
    assert values.max() == 1.0
    assert days[values.argmax()] == pytest.approx(0.0, abs=width / 2)


@given(st.floats(0.5, 0.99), st.floats(1.1, 1e4))
def test_neighbours_of_the_bank_overlap_as_required(overlap, span):
    bank = template_bank(gaussian, 1.0, span, overlap)
    assert (bank[0], bank[-1]) == (1.0, pytest.approx(span))
    ratio = bank[1:] / bank[:-1]
    found = np.sqrt(2 * ratio / (1 + ratio**2))  # of two Gaussians, in closed form
    assert (found >= overlap - 1e-3).all()
    wider = (span ** (1 / max(len(bank) - 2, 1))) if len(bank) > 2 else None
    if wider:  # one template fewer would not do
        assert math.sqrt(2 * wider / (1 + wider**2)) < overlap + 1e-3


def test_a_bank_of_boxes():
    ratio = template_bank(box, 1.0, 100.0, 0.9)[1]
    assert math.sqrt(1 / ratio) >= 0.9 - 1e-3


@pytest.mark.parametrize(
    ("pars", "name"),
    [
        ({"min_width": 3.0, "max_width": 1.0}, "min_width"),
        ({"overlap_required": 1.0}, "overlap_required"),
        ({"template_shape": "triangle"}, "template_shape"),
    ],
)
def test_impossible_banks_are_errors(pars, name):
    with pytest.raises(InvalidRequestError, match=name):
        _ = Simulator(**pars).widths


def test_impossible_choices_are_errors():
    with pytest.raises(InvalidRequestError, match="dimensionality"):
        Simulator(dimensionality="multi")


def test_units_of_the_widths():
    hours = Simulator(selection_method="grid", width_grid=[24.0, 12.0], time_units="hours")
    np.testing.assert_allclose(hours.widths, [1.0, 0.5])


def test_a9_5_the_event_is_really_there(quiet):
    lightcurve = quiet()
    before = lightcurve.data.copy()
    (simulated,) = Simulator().inject([lightcurve], injection(), simulation=2, simulations=3)
    added = simulated["flux"] - before["flux"]
    assert added[50] == pytest.approx(500.0)
    assert added[[48, 52]] == pytest.approx(250.0)
    assert added[10] == pytest.approx(0.0, abs=1e-9)
    assert lightcurve.data.tobytes() == before.tobytes()
    assert (simulated.level, simulated.simulation, simulated.simulations) == ("simulated", 2, 3)
    assert simulated.meta["sim_pars"]["flux"] == 500.0
    np.testing.assert_allclose(simulated["mag"], 23.9 - 2.5 * np.log10(simulated["flux"]))
    relative = simulated["flux_err"] / simulated["flux"]
    np.testing.assert_allclose(simulated["mag_err"], relative * 2.5 / math.log(10))


def test_events_between_the_epochs_or_of_another_observatory_change_nothing(quiet):
    simulator = Simulator()
    assert simulator.inject([quiet()], injection(width=0.01, mjd=59050.5)) == []
    assert simulator.inject([quiet()], injection(observatory="ZTF")) == []


def test_magnitudes_are_lost_where_the_flux_is(quiet):
    (simulated,) = Simulator().inject([quiet()], injection(flux=-5000.0))
    assert np.isnan(simulated["mag"][50])
    assert np.isfinite(simulated["mag"][10])


def test_a9_5_every_rerun_draws_the_same(quiet):
    simulator = Simulator()
    draws = [
        simulator.draw([quiet()], generator_for(cfg, name), 5)
        for cfg, name in [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]
    ]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2] != draws[3] != draws[0]
    # The very bits: they must not change from one machine or version to the next.
    assert generator_for("cfg", "source").bit_generator.random_raw() == 8568020713066812984


def test_a9_5_amplitudes_widths_and_times_are_within_their_limits(quiet):
    pars = {"min_amplitude": 5.0, "max_amplitude": 10.0, "dip_fraction": 0.5}
    drawn = Simulator(**pars).draw([quiet(size=50)], generator_for("", "s"), 500)
    sizes = np.abs([each.snr for each in drawn])
    assert 5.0 <= sizes.min() < 5.2
    assert 9.8 < sizes.max() <= 10.0
    assert 0.4 < np.mean([each.flux < 0 for each in drawn]) < 0.6
    times = np.array([each.mjd for each in drawn])
    assert 59000 <= times.min() < 59002
    assert 59047 < times.max() <= 59049
    widths = {each.width for each in drawn}
    assert widths == set(Simulator().widths)


def test_amplitudes_in_other_units(quiet):
    simulator = Simulator(amplitude_units="mag", min_amplitude=0.5, max_amplitude=0.5)
    (drawn,) = simulator.draw([quiet()], generator_for("", "s"))
    assert drawn.mag_change == pytest.approx(0.5)
    simulator = Simulator(amplitude_units="flux", min_amplitude=77.0, max_amplitude=77.0)
    (drawn,) = simulator.draw([quiet()], generator_for("", "s"))
    assert drawn.flux == pytest.approx(77.0)
    simulator = Simulator(amplitude_distribution="uniform", min_amplitude=3.0, max_amplitude=3.0)
    (drawn,) = simulator.draw([quiet()], generator_for("", "s"))
    assert drawn.snr == pytest.approx(3.0)


def test_events_at_epochs(quiet):
    lightcurves = [quiet(size=10), quiet(size=90).replace(series=2)]
    drawn = Simulator(time_distribution="epochs").draw(lightcurves, generator_for("", "s"), 300)
    times = [each.mjd for each in drawn]
    assert all(time.is_integer() for time in times)
    assert max(times) > 59080


def test_time_that_two_filters_share_counts_once(quiet):
    """Two light curves over days 0 to 50, one over 50 to 150: two thirds belong to the last."""
    long = quiet(size=101)
    long = long.replace(data=long.data.copy())
    long.data["mjd"] += 50
    curves = [quiet(size=51), quiet(size=51, band="g"), long]
    drawn = Simulator().draw(curves, generator_for("", "s"), 3000)
    late = np.mean([each.mjd > 59050 for each in drawn])
    assert late == pytest.approx(2 / 3, abs=0.03)


def test_nothing_to_draw_from(quiet):
    flagged = quiet(size=5, flagged=range(5))
    assert Simulator().draw([flagged], generator_for("", "s"), 3) == []
    assert Simulator().draw([], generator_for("", "s"), 3) == []
    single = quiet(size=1)
    assert Simulator().draw([single], generator_for("", "s"))[0].mjd == 59000.0


class Exponential(Simulator):
    shapes = {**Simulator.shapes, "decay": lambda x: np.where(x < 0, 0.0, np.exp(-x))}  # noqa: RUF012


def test_shapes_of_ones_own(quiet):
    simulator = Exponential(template_shape="decay", selection_method="grid")
    (found,) = simulator.inject([quiet()], injection(shape="decay"))
    added = found["flux"] - quiet()["flux"]
    assert added[49] == 0
    assert added[54] == pytest.approx(500 / math.e)
