from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.efficiency import EFFICIENCY_COORDS, efficiency, wilson_interval
from astroquery_mmdc.retriever.histogram import Histogram


def events(amplitudes, widths, mags=16.0):
    histogram = Histogram(**EFFICIENCY_COORDS)
    size = len(amplitudes)
    histogram.add_data(
        {
            "amplitude": np.array(amplitudes, dtype=float),
            "log_width": np.log10(widths),
            "mag_change": np.full(size, np.nan),
            "mag": np.full(size, mags),
        }
    )
    return histogram


def test_a9_5_efficiency_is_recovered_over_injected():
    injected = events([4, 4, 10, 10, 10, 10], [1, 1, 1, 1, 10, 10])
    recovered = events([10, 10, 10], [1, 1, 10])
    found = efficiency(injected, recovered)
    assert found.efficiency.dims == ("log_width", "amplitude")
    assert found.efficiency.sel(log_width=0, amplitude=4) == 0
    assert found.efficiency.sel(log_width=0, amplitude=10) == 1
    assert found.efficiency.sel(log_width=1, amplitude=10) == 0.5
    assert np.isnan(found.efficiency.sel(log_width=1, amplitude=4))
    assert (found.injected.sum(), found.recovered.sum()) == (6, 3)
    assert found.lower.sel(log_width=1, amplitude=10) < 0.5
    assert found.upper.sel(log_width=0, amplitude=4) > 0


def test_efficiency_over_other_axes():
    injected = events([4, 10], [1, 1]) + events([10, 10], [1, 1], mags=18.0)
    recovered = events([10], [1])
    found = efficiency(injected, recovered, over=("mag",))
    assert found.efficiency.dims == ("mag", "amplitude")
    assert found.efficiency.sel(mag=16, amplitude=10) == 1
    assert found.efficiency.sel(mag=18, amplitude=10) == 0
    swapped = efficiency(injected, recovered, over=("log_width", "mag")).injected
    assert swapped.dims == ("log_width", "mag", "amplitude")
    with pytest.raises(InvalidRequestError, match="filter"):
        efficiency(injected, recovered, over=("filter",))


def test_more_recovered_than_injected_is_an_error():
    with pytest.raises(InvalidRequestError, match="recovered"):
        efficiency(events([4], [1]), events([4, 4], [1, 1]))


@given(st.integers(0, 200), st.integers(1, 200))
def test_intervals_hold_the_value(hits, trials):
    hits = min(hits, trials)
    lower, upper = wilson_interval(np.array([hits]), np.array([trials]))
    assert 0 <= lower[0] <= hits / trials <= upper[0] <= 1
    assert lower[0] < upper[0]
