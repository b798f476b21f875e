from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed import CORRECTIONS, SED, is_corrected, mark_corrected

FLUX = u.Unit("erg s-1 cm-2")


@pytest.fixture
def sed() -> SED:
    return SED.from_columns(
        nu=[5e14, 2.4e17, 2.4e25] * u.Hz, nufnu=[1, 2, 3] * FLUX, catalog=["SDSS", "RASS", "DEBL"]
    )


def test_marks_are_kept_by_row_and_the_original_is_left(sed):
    marked = mark_corrected(sed, "deredden", [0])
    marked = mark_corrected(marked, "host", [True, False, False])
    marked = mark_corrected(marked, "nh", slice(1, 2))
    assert marked["corrections"].tolist() == ["deredden,host", "nh", ""]
    assert "corrections" not in sed.colnames
    assert is_corrected(marked, "host").tolist() == [True, False, False]
    assert is_corrected(marked[1:], "nh").tolist() == [True, False]


def test_nothing_is_corrected_twice(sed):
    marked = mark_corrected(sed, "k")
    with pytest.raises(InvalidRequestError, match="3 of them, first row 0, are corrected for k"):
        mark_corrected(marked, "k")


def test_points_without_ebl_absorption_by_their_making(sed):
    assert is_corrected(sed, "ebl").tolist() == [False, False, True]
    with pytest.raises(InvalidRequestError, match="first row 2"):
        mark_corrected(sed, "ebl")
    assert is_corrected(mark_corrected(sed, "ebl", [0, 1]), "ebl").all()


def test_unknown_corrections_are_refused(sed):
    with pytest.raises(InvalidRequestError, match="what: 'dust' is no known correction"):
        mark_corrected(sed, "dust")
    assert set(CORRECTIONS) == {"deredden", "nh", "ebl", "host", "k"}


def test_an_empty_table(sed):
    empty = mark_corrected(sed[:0], "nh")
    assert is_corrected(empty, "nh").tolist() == []
    assert np.asarray(empty["corrections"]).tolist() == []
