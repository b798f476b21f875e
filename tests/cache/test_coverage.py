from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.coverage import (
    EMPTY,
    Coverage,
    Timeline,
    answers,
    contains,
    intersect,
    merge,
    moc_from_ranges,
    ranges_from_moc,
    subtract,
    union,
)

ZTF = '{"catalog":"ZTF"}'
ZTF_G = '{"catalog":"ZTF","filter_band":"zg"}'
NEOWISE = '{"catalog":"NEOWISE"}'

PAIRS = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)
RANGES = st.lists(PAIRS, max_size=8).map(lambda pairs: np.array(pairs, dtype=np.int64))
SETS = RANGES.map(merge)


def members(ranges):
    return {value for low, high in ranges.tolist() for value in range(low, high)}


def is_a_set(ranges):
    return (ranges[:, 0] < ranges[:, 1]).all() and (ranges[1:, 0] > ranges[:-1, 1]).all()


@given(RANGES)
def test_merging_keeps_every_member(ranges):
    merged = merge(ranges)
    assert is_a_set(merged)
    assert members(merged) == members(ranges.reshape(-1, 2))


@given(SETS, SETS)
def test_sets_behave_like_sets(first, second):
    for ours, theirs in [
        (union, set.__or__),
        (intersect, set.__and__),
        (subtract, set.__sub__),
    ]:
        result = ours(first, second)
        assert is_a_set(result)
        assert result.dtype == np.int64
        assert members(result) == theirs(members(first), members(second))


@given(SETS)
def test_membership(ranges):
    expected = [value in members(ranges) for value in range(-1, 62)]
    np.testing.assert_array_equal(contains(ranges, np.arange(-1, 62)), expected)


def test_the_largest_index_fits():
    whole = np.array([[0, 12 << 58]])
    left = subtract(whole, np.array([[(12 << 58) - 1, 12 << 58]]))
    assert left.tolist() == [[0, (12 << 58) - 1]]


# ---------------------------------------------------------------- times

FETCHES = st.lists(st.tuples(SETS, st.integers(1, 9).map(float)), max_size=8)


def newest(fetches):
    times = {}
    for ranges, fetched in fetches:
        for value in members(ranges):
            times[value] = max(fetched, times.get(value, 0.0))
    return times


def spread_out(timeline):
    assert (timeline.ranges[1:, 0] >= timeline.ranges[:-1, 1]).all()
    pieces = zip(timeline.ranges.tolist(), timeline.fetched.tolist(), strict=True)
    return {value: time for (low, high), time in pieces for value in range(low, high)}


@given(FETCHES)
def test_the_newest_fetch_counts(fetches):
    rows = [(low, high, time) for ranges, time in fetches for low, high in ranges.tolist()]
    assert spread_out(Timeline.from_rows(rows)) == newest(fetches)
    step_by_step = Timeline()
    for ranges, time in fetches:
        step_by_step = step_by_step.adding(ranges, time)
    assert spread_out(step_by_step) == newest(fetches)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(["", ZTF, ZTF_G, NEOWISE]), SETS, st.floats(1, 9))),
    st.sampled_from(["", ZTF, ZTF_G, NEOWISE]),
    SETS,
    st.none() | st.floats(0, 10),
)
def test_missing_is_what_no_looser_key_knows(fetches, key, wanted, newer_than):
    useful = [(ranges, time) for held, ranges, time in fetches if answers(held, key)]
    known = {
        value for value, time in newest(useful).items() if newer_than is None or time > newer_than
    }
    coverage = Coverage()
    for held, ranges, time in fetches:
        coverage = coverage.adding(held, ranges, time)
    rows = [(held, low, high, time) for held, part, time in fetches for low, high in part.tolist()]
    for built in (coverage, Coverage.from_rows(rows)):
        missing = built.missing(key, wanted, newer_than)
        assert is_a_set(missing)
        assert members(missing) == members(wanted) - known
        assert members(built.ranges(key, newer_than)) == known


@given(FETCHES, SETS)
def test_the_oldest_part_of_an_answer(fetches, wanted):
    coverage = Coverage()
    for number, (ranges, time) in enumerate(fetches):
        coverage = coverage.adding("" if number % 2 else ZTF, ranges, time)
    times = newest(fetches)
    expected = min((times[value] for value in members(wanted) if value in times), default=None)
    assert coverage.oldest(ZTF, wanted) == expected


@pytest.mark.parametrize(
    ("loose", "tight", "expected"),
    [
        ("", "", True),
        ("", ZTF_G, True),
        (ZTF, ZTF_G, True),
        (ZTF_G, ZTF, False),
        (ZTF, "", False),
        (ZTF, NEOWISE, False),
        ('{"is_lightcurve":true}', '{"catalog":"ZTF","is_lightcurve":true}', True),
        ('{"is_lightcurve":true}', '{"is_lightcurve":false}', False),
    ],
)
def test_looser_keys_answer_tighter_ones(loose, tight, expected):
    assert answers(loose, tight) is expected


def test_nothing_known_and_nothing_wanted():
    wanted = np.array([[3, 8]])
    assert Coverage().missing("", wanted).tolist() == [[3, 8]]
    assert Coverage().oldest("", wanted) is None
    assert len(Coverage().ranges()) == 0
    assert len(Coverage().adding("", wanted, 1.0).missing("", EMPTY)) == 0
    assert Coverage().adding(ZTF, EMPTY, 1.0).missing(ZTF, wanted).tolist() == [[3, 8]]


def test_the_boundary_of_age_is_not_fresh():
    coverage = Coverage().adding("", [[0, 10]], 5.0)
    assert len(coverage.missing("", np.array([[0, 10]]), 4.9)) == 0
    assert len(coverage.missing("", np.array([[0, 10]]), 5.0)) == 1


# ---------------------------------------------------------------- MOC


def test_ranges_come_back_from_a_moc():
    pytest.importorskip("mocpy", reason="needs mocpy, part of the scale extra")
    ranges = np.array([[0, 1 << 58], [(7 << 58) + 3, (7 << 58) + 90]])
    np.testing.assert_array_equal(ranges_from_moc(moc_from_ranges(ranges)), ranges)


def test_the_moc_of_a_coverage():
    pytest.importorskip("mocpy", reason="needs mocpy, part of the scale extra")
    coverage = Coverage().adding("", [[0, 1 << 58]], 1.0).adding(ZTF, [[1 << 58, 2 << 58]], 2.0)
    assert coverage.to_moc().sky_fraction == pytest.approx(1 / 12)
    assert coverage.to_moc(ZTF).sky_fraction == pytest.approx(2 / 12)
    assert coverage.to_moc(ZTF, newer_than=1.5).sky_fraction == pytest.approx(1 / 12)
    assert Coverage().to_moc().empty()
    assert len(ranges_from_moc(Coverage().to_moc())) == 0
