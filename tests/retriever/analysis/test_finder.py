from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astroquery_mmdc.retriever.detections import detection_of
from astroquery_mmdc.retriever.finder import Finder, find_events
from astroquery_mmdc.retriever.quality import QualityChecker


def search(lightcurve, **pars):
    finder = Finder(**pars)
    return finder.detect(finder.process(QualityChecker().process([lightcurve]))[0])


def rows(events):
    return [event.rows.tolist() for event in events]


def test_a9_3_nothing_in_noise(quiet):
    found, events = search(quiet())
    assert events == []
    assert not found["detected"].any()


def test_a9_3_a_flare_is_found_with_its_neighbours(quiet):
    found, events = search(quiet({50: 20, 51: 8, 49: 5, 80: 4}))
    assert rows(events) == [[49, 50, 51]]
    assert events[0].peak == 50
    assert events[0].score == pytest.approx(20, abs=1)
    assert np.flatnonzero(found["detected"]).tolist() == [49, 50, 51]


def test_a9_3_a_lone_dip_is_found_unless_not_wanted(quiet):
    dip = quiet({30: -12})
    found, events = search(dip)
    assert rows(events) == [[30]]
    assert events[0].is_dip
    assert found["snr"][30] < -11
    assert search(dip, abs_snr=False)[1] == []


def test_a9_3_two_flares_are_two_events(quiet):
    two = quiet({10: 20, 80: 15, 81: 9})
    assert rows(search(two, max_det_per_lc=5)[1]) == [[10], [80, 81]]
    assert rows(search(two)[1]) == [[10]]


def test_a9_3_flagged_epochs_and_those_without_a_flux_never_detect(quiet):
    found, events = search(quiet({20: 50, 21: 20, 22: 20}, flagged=[20], gaps=[60]))
    assert rows(events) == [[21, 22]]
    assert not found["detected"][[20, 60]].any()


def test_a9_3_epochs_that_fail_the_quality_check_may_be_left_out(quiet):
    displaced = quiet({40: 30})
    displaced.data["ra"][40] += 1.0
    found, events = search(displaced)
    assert rows(events) == [[40]]
    assert detection_of(found, events[0]).quality_flag == 1
    assert search(displaced, remove_failed=True)[1] == []


def test_a9_3_sidebands_are_relative_or_absolute(quiet):
    wide = quiet({50: 20, 51: 4.2, 52: 2.2})
    assert rows(search(wide)[1]) == [[50, 51]]
    assert rows(search(wide, snr_threshold_sidebands=1.0)[1])[0][:3] == [50, 51, 52]
    assert rows(search(wide, snr_threshold_sidebands=9.0)[1]) == [[50]]


def test_a9_3_scores_are_those_of_the_definition(quiet):
    found, _ = search(quiet({50: 20}))
    others = np.delete(np.arange(100), 50)
    mean, rms = found["flux"][others].mean(), found["flux"][others].std()
    np.testing.assert_allclose(found["snr"], (found["flux"] - mean) / max(rms, 10.0))
    assert found["dmag"][50] == pytest.approx(2.5 * np.log10(1.2), abs=0.01)


def test_a9_4_the_finder_has_no_memory(quiet):
    finder = Finder()
    lightcurve = QualityChecker().process([quiet({50: 20})])[0]
    before = lightcurve.data.tobytes()
    once = finder.detect(finder.process([lightcurve])[0])[0]
    again = finder.detect(finder.process([once])[0])[0]
    assert lightcurve.data.tobytes() == before
    assert once.data.tobytes() == again.data.tobytes()


def expected_events(scores, usable, threshold, sidebands, most):
    """The definition, epoch by epoch."""
    left = [row for row in range(len(scores)) if usable[row] and np.isfinite(scores[row])]
    taken, events = set(), []
    while len(events) < most:
        free = [row for row in left if row not in taken and abs(scores[row]) > threshold]
        if not free:
            break
        peak = max(free, key=lambda row: (abs(scores[row]), -row))
        members = [peak]
        for step in (-1, 1):
            place = left.index(peak) + step
            while 0 <= place < len(left):
                row = left[place]
                alike = (scores[row] < 0) == (scores[peak] < 0)
                if row in taken or not (abs(scores[row]) > sidebands and alike):
                    break
                members.append(row)
                place += step
        taken.update(members)
        events.append(sorted(members))
    return events


values = st.one_of(st.integers(-9, 9).map(float), st.just(np.nan))


@given(
    arrays(np.float64, st.integers(0, 30), elements=values),
    st.lists(st.booleans(), min_size=30, max_size=30),
    st.sampled_from([2.0, 5.0]),
    st.sampled_from([0.0, 3.0, 6.0]),
    st.integers(0, 4),
)
def test_events_against_brute_force(scores, flags, threshold, sidebands, most):
    usable = np.array(flags[: len(scores)], dtype=bool)
    events = find_events(scores, usable, threshold=threshold, sidebands=sidebands, most=most)
    assert rows(events) == expected_events(scores, usable, threshold, sidebands, most)
    for event in events:
        assert event.peak in event.rows
        assert abs(scores[event.peak]) == np.abs(scores[event.rows]).max()


def test_records_hold_what_is_known_of_an_event(quiet):
    found, events = search(quiet({50: 20, 51: 8}))
    record = detection_of(found, events[0])
    row = record.to_row()
    assert (row["source_name"], row["observatory"]) == ("source", "DEMO")
    assert (row["series_number"], row["simulation_number"], row["simulated"]) == (1, 0, False)
    assert row["peak_mjd"] == 59050.0
    assert row["peak_time"].isoformat() == "2020-07-20T00:00:00+00:00"
    assert (row["time_end"] - row["time_start"]).days == 1
    assert row["data_ranges"] == {"1": [50, 51]}
    assert row["peak_mag_diff"] == pytest.approx(2.5 * np.log10(1.2), abs=0.01)
    assert row["data_types"] == ["photometry"]
    assert row["extra_scores"]["dmag"] > 0
    assert row["sim_pars"] == {}


def test_records_of_light_curves_without_magnitudes(quiet):
    lightcurve = quiet({50: -200})
    found, events = search(lightcurve)
    record = detection_of(found, events[0])
    assert record.peak_mag is None
    assert record.peak_mag_diff is None
    assert record.snr < 0
