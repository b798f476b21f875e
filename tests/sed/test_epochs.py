from __future__ import annotations

import time

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed import SED, find_epochs, variability

FLUX = u.Unit("erg s-1 cm-2")


def sed_of(nu: list[float], start: list[float], end: list[float], **columns: object) -> SED:
    return SED.from_columns(
        nu=nu * u.Hz,
        nufnu=columns.pop("nufnu", np.ones(len(nu))) * FLUX,
        mjd_start=start,
        mjd_end=end,
        **columns,
    )


@pytest.fixture
def campaign() -> SED:
    """Return a campaign in all bands, an optical night alone, and yearly and undated points."""
    return sed_of(
        nu=[5e14, 2e17, 2e23, 5e14, 5e14, 5e14, 2e23, 1.4e9],
        start=[58001.2, 58001.4, 57999.0, 58100.0, 58100.1, 58100.2, 57900.0, np.nan],
        end=[58001.2, 58001.5, 58003.0, 58100.0, 58100.1, 58100.2, 58300.0, np.nan],
    )


def test_the_best_covered_epoch_comes_first(campaign):
    best, second = find_epochs(campaign)
    assert best.score == 1.0
    assert best.bands == ("visible", "x_rays", "gamma_rays")
    assert (best.start.mjd, best.end.mjd) == (57999.0, 58003.0)
    assert best.n_points == 3
    assert second.score == pytest.approx(1 / 3)
    assert second.n_points == 3


def test_an_epoch_selects_its_points_and_records_the_window(campaign):
    part = campaign.epoch()
    assert part["nu"].value.tolist() == [5e14, 2e17, 2e23]
    assert part.meta["mmdc"]["window"]["rule"] == "overlap"
    assert part.meta["mmdc"]["window"]["undated"] == 1
    again = campaign.epoch(campaign.epochs()[0])
    assert len(again) == 3
    assert len(campaign.epoch(-1)) == 3


def test_long_measurements_join_only_where_allowed(campaign):
    best = find_epochs(campaign, longest=500 * u.d)[0]
    assert best.n_points == 4


def test_long_campaigns_are_split_at_the_largest_gap():
    days = [*np.arange(0, 20.0), *np.arange(22.0, 40.0)]
    sed = sed_of([5e14] * len(days), [58000 + day for day in days], [58000 + day for day in days])
    found = sorted(find_epochs(sed, gap=5 * u.d), key=lambda epoch: epoch.start.mjd)
    assert [(epoch.start.mjd, epoch.end.mjd) for epoch in found] == [
        (58000.0, 58019.0),
        (58022.0, 58039.0),
    ]


def test_bayesian_blocks_follow_the_states():
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(58000, 58100, 120))
    level = np.where(times < 58050, 1e-10, 5e-10)
    sed = sed_of(
        [2e17] * 120,
        times.tolist(),
        times.tolist(),
        nufnu=rng.normal(level, 1e-11),
        nufnu_err=np.full(120, 1e-11) * FLUX,
    )
    found = sorted(find_epochs(sed, blocks="x_rays"), key=lambda epoch: epoch.start.mjd)
    assert len(found) == 2
    assert found[0].end.mjd == pytest.approx(58050, abs=2)
    assert find_epochs(sed, blocks="gamma_rays") == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=25),
    st.integers(0, 8),
    st.integers(5, 30),
)
def test_every_short_dated_point_is_in_an_epoch(points, gap, max_length):
    start = [58000.0 + day for day, _ in points]
    end = [58000.0 + day + length for day, length in points]
    sed = sed_of([5e14] * len(points), start, end)
    found = find_epochs(sed, gap=gap * u.d, max_length=max_length * u.d, min_points=1)
    for low, high in zip(start, end, strict=True):
        assert any(epoch.start.mjd <= low and high <= epoch.end.mjd for epoch in found)
    for epoch in found:
        inside = [a for a in start if epoch.start.mjd <= a <= epoch.end.mjd]
        assert inside
        assert epoch.end.mjd - epoch.start.mjd <= max_length
        assert len(epoch.select(sed)) == epoch.n_points


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gap": 3}, "gap: 3 is no time"),
        ({"gap": 3 * u.m}, "is no time"),
        ({"longest": -1 * u.d}, "negative"),
        ({"blocks": "xrays"}, "no part of the spectrum"),
        ({"coverage": [["optical"]]}, "no part of the spectrum"),
        ({"rule": "touch"}, "rule"),
    ],
)
def test_wrong_parameters_are_refused(campaign, options, words):
    with pytest.raises(InvalidRequestError, match=words):
        find_epochs(campaign, **options)


def test_an_epoch_that_is_not_there():
    sed = sed_of([5e14], [np.nan], [np.nan])
    assert sed.epochs() == []
    with pytest.raises(InvalidRequestError, match="0 found; widen gap"):
        sed.epoch()


def test_large_seds_are_fast():
    rng = np.random.default_rng(3)
    start = rng.uniform(54000, 60000, 25_000)
    sed = sed_of(10 ** rng.uniform(9, 27, 25_000), start, start + rng.exponential(1, 25_000))
    begin = time.perf_counter()
    assert find_epochs(sed)
    assert time.perf_counter() - begin < 5


# ---------------------------------------------------------------- variability


def test_three_bins_with_a_spread_above_three_are_too_many():
    pairs = [1e15, 1e15, 1e17, 1e17, 1e19, 1e19]
    steady = sed_of(pairs, [1.0] * 6, [1.0] * 6, nufnu=np.array([1, 3, 1, 3.1, 1, 3.1]))
    verdict = variability(steady)
    assert (verdict.is_variable, verdict.n_bins) == (False, 2)
    assert verdict.bins["n_points"].tolist() == [2, 2, 2]
    assert verdict.bins["spread"].tolist() == [3, 3.1, 3.1]
    assert (verdict.bins["nu_min"].value <= [1.0001e15, 1.0001e17, 1.0001e19]).all()
    wild = sed_of(pairs, [1.0] * 6, [1.0] * 6, nufnu=np.array([1, 3.1] * 3))
    assert variability(wild).is_variable


def test_limits_radio_and_negative_fluxes_do_not_count():
    sed = sed_of(
        [1e10, 1e10, 1e15, 1e15, 1e17, 1e17, 1e28],
        [1.0] * 7,
        [1.0] * 7,
        nufnu=np.array([1, 10, 1, 10, 1, -10, 1.0]),
        is_upper_limit=[False, False, True, False, False, False, False],
    )
    assert len(variability(sed).bins) == 0


@given(st.lists(st.tuples(st.floats(11, 27.99), st.floats(-14, -9)), max_size=30))
def test_variability_agrees_with_brute_force(points):
    nu = [10**log for log, _ in points]
    flux = np.array([10**log for _, log in points])
    bins: dict[int, list[float]] = {}
    for value, size in zip(nu, flux, strict=True):
        index = int(np.floor(np.round((np.log10(value) - 11) / 0.1, 9)))
        bins.setdefault(index, []).append(size)
    expected = sum(max(sizes) / min(sizes) > 3 for sizes in bins.values())
    verdict = variability(sed_of(nu, [1.0] * len(nu), [1.0] * len(nu), nufnu=flux))
    assert verdict.n_bins == expected
    assert verdict.is_variable == (expected >= 3)
