from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.quality import ParsQuality, QualityChecker, position_offsets


def table(**columns):
    return LightCurve(columns, "source", "DEMO", level="reduced")


def test_a9_2_flagged_and_displaced_epochs_are_bad(quiet):
    lightcurve = quiet(flagged=[3])
    lightcurve.data["ra"][10] += 1e-2
    lightcurve.data["dec"][20] = np.nan
    checked = QualityChecker(offset_threshold=10.0).process([lightcurve])[0]
    assert np.flatnonzero(checked["qflag"]).tolist() == [3, 10, 20]
    assert checked["offset"][10] > 10
    assert np.isnan(checked["offset"][20])
    assert checked.level == "processed"


def test_a9_2_the_positions_stay_as_they_are(quiet):
    lightcurve = quiet()
    before = lightcurve.data.copy()
    checked = QualityChecker().process([lightcurve])[0]
    assert lightcurve.data.tobytes() == before.tobytes()
    np.testing.assert_array_equal(checked["ra"], before["ra"])
    np.testing.assert_array_equal(checked["dec"], before["dec"])


def test_a9_4_doing_it_again_gives_the_same(quiet):
    checker = QualityChecker()
    once = checker.process([quiet()])
    twice = checker.process(once)
    assert once[0].data.tobytes() == twice[0].data.tobytes()


def test_no_position_in_any_epoch_is_bad_but_no_positions_at_all_are_not():
    absent = table(mjd=np.arange(4.0), flag=np.zeros(4, dtype=bool))
    assert not QualityChecker().process([absent])[0]["qflag"].any()
    nowhere = table(mjd=np.arange(4.0), ra=np.full(4, np.nan), dec=np.full(4, np.nan))
    assert QualityChecker().process([nowhere])[0]["qflag"].all()


def test_positions_on_the_detector_come_first():
    data = table(
        ra=np.zeros(5), dec=np.zeros(5), pos1=np.array([0, 1, 0, -1, 50.0]), pos2=np.zeros(5)
    ).data
    assert position_offsets(data)[4] == pytest.approx(49.0)


@given(arrays(np.float64, (2, 9), elements=st.floats(-1e-3, 1e-3)), st.sampled_from([0.0, 180.0]))
def test_offsets_follow_the_definition_also_across_zero_hours(shift, ra):
    data = table(ra=(ra + shift[0]) % 360, dec=60.0 + shift[1]).data
    x = (shift[0] - np.median(shift[0])) * np.cos(np.radians(np.median(data["dec"])))
    y = shift[1] - np.median(shift[1])
    distance = np.hypot(x, y)
    scatter = np.median(np.abs(distance - np.median(distance)))
    found = position_offsets(data)
    if scatter > 1e-8:
        np.testing.assert_allclose(
            found, (distance - np.median(distance)) / scatter, atol=1e-9 / scatter
        )


def test_identical_positions_have_no_offset():
    data = table(ra=np.array([1.0, 1.0, 1.0, 1.1]), dec=np.zeros(4)).data
    np.testing.assert_array_equal(position_offsets(data), 0.0)


class ParsBright(ParsQuality):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.cut_names = self.add_par("cut_names", ["offset", "bg"], list, "cuts")
        self.bg_threshold = self.add_par("bg_threshold", 5.0, float, "largest background")


class Background(QualityChecker):
    def __init__(self, **kwargs):
        super().__init__()
        self.pars = ParsBright(**kwargs)

    def measure(self, data):
        return {**super().measure(data), "bg": data["flux"] - 1000.0}


def test_a_subclass_measures_more(quiet):
    checker = Background(bg_threshold=50.0)
    checked = checker.process([quiet({5: 10})])[0]
    assert checked["qflag"][5]
    assert checked["bg"][5] == pytest.approx(100, abs=10)
    assert checker.recheck([checked])[0] is not checked
    assert QualityChecker().recheck([checked])[0] is checked
