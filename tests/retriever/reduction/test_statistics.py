from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astroquery_mmdc.retriever.reduction.statistics import (
    brightening,
    exposure_statistics,
    flux_from_mag,
    flux_statistics,
    mag_from_flux,
    mean_std,
    median,
    median_degrees,
    noise_of,
    robust_mean_std,
)

numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32)
samples = arrays(np.float64, st.integers(1, 60), elements=numbers)


@given(samples)
def test_median_and_mean_agree_with_numpy(values):
    assert median(values) == pytest.approx(np.median(values), abs=1e-9)
    mean, std = mean_std(values)
    assert mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert std == pytest.approx(np.std(values), rel=1e-6, abs=1e-4)


def documented_robust_mean(values):
    """The documented steps, one by one, without any care for speed."""
    values = np.array(values, dtype=float)
    centre, scatter = np.median(values), np.std(values)
    if len(values) < 5:
        return centre, scatter
    for _ in range(3):
        outlying = np.abs(values - centre) > 3 * scatter
        values[outlying] = np.nan
        centre, scatter = np.nanmean(values), np.nanstd(values)
        if not outlying.any() or np.isfinite(values).sum() < 5:
            break
    return centre, scatter


@given(samples)
def test_robust_mean_follows_the_documented_steps(values):
    expected = documented_robust_mean(values)
    assert robust_mean_std(values) == pytest.approx(expected, rel=1e-6, abs=1e-3)


def test_nothing_gives_not_a_number():
    nothing = np.empty(0)
    assert np.isnan([median(nothing), *mean_std(nothing), *robust_mean_std(nothing)]).all()


@pytest.mark.parametrize(("angles", "expected"), [([359.9, 0.1, 0.0], 0.0), ([10, 11, 30], 11)])
def test_median_of_angles_across_zero(angles, expected):
    difference = median_degrees(np.array(angles, dtype=float)) - expected
    assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


@given(arrays(np.float64, 5, elements=st.floats(8, 25)), st.floats(10, 30))
def test_magnitudes_and_fluxes_lead_back(mag, zero_point):
    flux, flux_err = flux_from_mag(mag, np.full(5, 0.1), zero_point)
    again, error = mag_from_flux(flux, flux_err, zero_point)
    np.testing.assert_allclose(again, mag)
    np.testing.assert_allclose(error, 0.1)


def test_a_flux_of_one_microjansky_is_23_9():
    flux, _ = flux_from_mag(np.array([23.9, 16.4]), np.array([0.1, 0.1]))
    np.testing.assert_allclose(flux, [1.0, 1000.0])


def test_no_magnitude_where_the_flux_is_not_positive():
    mag, error = mag_from_flux(np.array([-1.0, 0.0]), np.array([1.0, 1.0]))
    assert np.isnan([mag, error]).all()


def test_brightening_is_positive_if_brighter_and_that_of_magnitudes_far_above_the_noise():
    flux, noise = np.array([1000.0, 2000.0, 500.0, -3.0]), np.full(4, 1e-3)
    found = brightening(flux[:3], 1000.0, noise[:3])
    np.testing.assert_allclose(found, [0, 2.5 * np.log10(2), -2.5 * np.log10(2)], atol=1e-6)
    assert np.isfinite(brightening(flux, 1000.0, noise)).all()


def test_noise_is_the_larger_of_error_and_scatter():
    errors = np.array([1.0, 3.0, np.nan, 0.0])
    np.testing.assert_allclose(noise_of(errors, 2.0), [2, 3, 2, 2])
    np.testing.assert_array_equal(noise_of(errors, None), [1, 3, np.nan, np.nan])


def test_statistics_count_good_epochs_alone():
    flux = np.array([1.0, 2.0, 3.0, 1e9, np.nan])
    good = np.array([True, True, True, False, True])
    found = flux_statistics(flux, np.full(5, np.nan), good)
    assert found["num_good"] == 3
    assert (found["flux_mean"], found["flux_min"], found["flux_max"]) == (2.0, 1.0, 3.0)
    assert found["mag_mean"] is None


def test_sampling():
    even = exposure_statistics(np.arange(100) / 720, np.full(100, 120.0))
    assert even["frame_rate"] == pytest.approx(1 / 120)
    assert (even["exp_time"], even["is_uniformly_sampled"]) == (120.0, True)
    uneven = exposure_statistics(np.array([0.0, 1.0, 5.0]), np.full(3, np.nan))
    assert (uneven["exp_time"], uneven["is_uniformly_sampled"]) == (None, False)
    single = exposure_statistics(np.array([0.0]), np.array([30.0]))
    assert (single["frame_rate"], single["is_uniformly_sampled"]) == (None, False)
