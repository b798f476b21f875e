from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed import SED
from astroquery_mmdc.sed.windows import RULES, window_mask

FLUX = u.Unit("erg s-1 cm-2")
DAY = st.integers(0, 12).map(float)
INTERVAL = st.one_of(
    st.tuples(DAY, DAY), st.tuples(DAY, st.just(np.nan)), st.just((np.nan, np.nan))
)


def keeps(rule: str, low: float, high: float, first: float, last: float) -> bool:
    """Say in the plainest way whether an interval belongs to a window."""
    if rule == "midpoint":
        return first <= (low + high) / 2 <= last
    if rule == "overlap":
        return not (high < first or low > last)
    return first <= low and high <= last


@given(
    st.lists(INTERVAL, max_size=12),
    st.one_of(st.none(), DAY),
    st.one_of(st.none(), DAY),
    st.sampled_from(sorted(RULES)),
    st.sampled_from([None, True, False]),
)
def test_rules_agree_with_brute_force(intervals, start, end, rule, undated):
    if start is not None and end is not None and start > end:
        start, end = end, start
    lows = np.array([a for a, _ in intervals], dtype=float)
    highs = np.array([b for _, b in intervals], dtype=float)
    mask, window = window_mask(lows, highs, start, end, rule=rule, undated=undated)
    first = -np.inf if start is None else start
    last = np.inf if end is None else end
    keep_undated = (start is None and end is None) if undated is None else undated
    expected, straddling, outside, dateless = [], 0, 0, 0
    for low, high in intervals:
        if np.isnan(low) and np.isnan(high):
            dateless += 1
            expected.append(keep_undated)
            continue
        known = [value for value in (low, high) if not np.isnan(value)]
        low, high = min(known), max(known)
        expected.append(keeps(rule, low, high, first, last))
        if not keeps("overlap", low, high, first, last):
            outside += 1
        elif not keeps("contained", low, high, first, last):
            straddling += 1
    assert mask.tolist() == expected
    assert window.as_dict() == {
        "start": start,
        "end": end,
        "rule": rule,
        "kept": sum(expected),
        "straddling": straddling,
        "undated": dateless,
        "outside": outside,
    }


@pytest.fixture
def sed() -> SED:
    return SED.from_columns(
        nu=[1, 2, 3, 4] * u.keV,
        nufnu=[1, 1, 1, 1] * FLUX,
        mjd_start=[58000.0, 58005.0, 58020.0, np.nan],
        mjd_end=[58000.0, 58015.0, 58021.0, np.nan],
        meta={"mmdc": {"service": "x"}},
    )


def test_ends_are_included_and_every_kind_of_time_is_taken(sed):
    for start, end in (
        (58000, 58010),
        (Time(58000, format="mjd"), Time(58010, format="mjd")),
        (58000 * u.d, "2017-09-14"),
        (None, 58010.0),
    ):
        part = sed.between(start, end)
        assert filled_energies(part) == [1, 2]


def filled_energies(sed: SED) -> list[int]:
    return [round(value) for value in sed["nu"].to_value(u.keV, equivalencies=u.spectral())]


def test_the_window_is_recorded_without_touching_the_original(sed):
    part = sed.between(58000, 58012, rule="contained")
    assert part.meta["mmdc"] == {
        "service": "x",
        "window": {
            "start": 58000.0,
            "end": 58012.0,
            "rule": "contained",
            "kept": 1,
            "straddling": 1,
            "undated": 1,
            "outside": 1,
        },
    }
    assert sed.meta == {"mmdc": {"service": "x"}}


def test_undated_points(sed):
    assert filled_energies(sed.between()) == [1, 2, 3, 4]
    assert filled_energies(sed.between(undated=False)) == [1, 2, 3]
    assert filled_energies(sed.between(58000, 58001)) == [1]
    assert filled_energies(sed.between(58000, 58001, undated=True)) == [1, 4]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((2, 1), {}, "later than end"),
        ((1, 2), {"rule": "touching"}, "midpoint"),
        (("yesterday", 2), {}, "yesterday"),
        ((1 * u.m, 2), {}, "no date"),
    ],
)
def test_wrong_windows_are_refused(sed, arguments, options, words):
    with pytest.raises((InvalidRequestError, ValueError), match=words):
        sed.between(*arguments, **options)
