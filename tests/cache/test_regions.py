from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest
from astroquery_mmdc.cache.coverage import contains
from astroquery_mmdc.cache.healpix import WHOLE_SKY
from astroquery_mmdc.cache.regions import Box, MOCRegion, Polygon
from astroquery_mmdc.exceptions import InvalidRequestError

from .helpers import CENTERS, sky

RA, DEC = sky(4000)
KEYS = ang2pix_nest(ORDER, RA, DEC)


def covers(region):
    """Whether every point inside is in the ranges of a region."""
    inside = region.contains(RA, DEC)
    return contains(region.ranges(), KEYS[inside]).all()


def area(ranges):
    return float((ranges[:, 1] - ranges[:, 0]).astype(float).sum()) / WHOLE_SKY[1]


# ---------------------------------------------------------------- box

ANGLES = st.one_of(st.floats(0, 360), st.sampled_from([0.0, 45.0, 90.0, 180.0, 359.999, 360.0]))
LATITUDES = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, 0.0, 41.8103149, 89.9, 90.0]))


@settings(max_examples=200, deadline=None)
@given(ANGLES, ANGLES, LATITUDES, LATITUDES)
@example(350.0, 10.0, 80.0, 90.0)
@example(0.0, 360.0, -90.0, -89.99)
@example(10.0, 9.0, -90.0, 90.0)
@example(10.0, 10.0, 0.0, 0.0)
def test_a_box_holds_its_points(start, stop, first, second):
    box = Box(start, stop, min(first, second), max(first, second))
    east = (RA - start) % 360
    in_ra = (east <= (stop - start) % 360) | (stop - start >= 360) | (np.abs(DEC) == 90)
    inside = in_ra & (box.dec_min <= DEC) & (box.dec_max >= DEC)
    # Subtracting the first border rounds; points next to the border are left to the other tests.
    clear = np.minimum(east, 360 - east) > 1e-9
    clear &= np.abs((RA - stop + 180) % 360 - 180) > 1e-9
    np.testing.assert_array_equal(box.contains(RA, DEC)[clear], inside[clear])
    assert covers(box)


def test_borders_of_a_box_are_inside():
    box = Box(350, 10, -5, 5)
    assert box.contains([350, 10, 0, 360, 0, 0], [0, 0, 5, -5, 5.0001, 0]).tolist() == [
        *[True] * 4,
        False,
        True,
    ]
    assert box.contains([349.999, 10.001], [0, 0]).tolist() == [False, False]


def test_a_pole_has_every_right_ascension():
    assert Box(10, 20, 80, 90).contains(200, 90)
    assert not Box(10, 20, 80, 89).contains(200, 90)


def test_the_ranges_of_a_box_are_little_larger_than_it():
    for box, share in [
        (Box(0, 360, -90, 90), 1.0),
        (Box(0, 90, 0, 90), 0.125),
        (Box(355, 5, -5, 5), 10 / 360 * np.sin(np.radians(5))),
    ]:
        assert share * 0.999 <= area(box.ranges()) <= share * 1.2


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ((np.nan, 1, 0, 1), "ra_min: nan is not a number"),
        ((0, 1, 2, 1), "dec_min: 2 to dec_max 1 is no range"),
        ((0, 1, -91, 1), "within -90 to 90"),
        ((0, 1, 0, np.inf), "dec_max: inf is not a number"),
    ],
)
def test_a_wrong_box_is_refused(values, match):
    with pytest.raises(InvalidRequestError, match=match):
        Box(*values)


# ---------------------------------------------------------------- polygon


def star(center, radii):
    """Return a polygon around a centre, whose vertices have these distances from it in degrees."""
    turn = np.arange(len(radii)) * 360 / len(radii) * u.deg
    corners = SkyCoord(*center, unit="deg").directional_offset_by(turn, radii * u.deg)
    return corners.ra.deg, corners.dec.deg


def winding(center, ra, dec):
    """Return whether points are inside a star, by the side of each of its triangles they are on."""
    middle = SkyCoord(*center, unit="deg").cartesian.xyz.value
    corners = SkyCoord(ra, dec, unit="deg").cartesian.xyz.value.T
    points = SkyCoord(RA, DEC, unit="deg").cartesian.xyz.value.T
    inside, doubtful = np.zeros(len(RA), dtype=bool), np.zeros(len(RA), dtype=bool)
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        sides = [
            points @ np.cross(a, b) for a, b in [(middle, first), (first, second), (second, middle)]
        ]
        turn = np.sign(np.cross(middle, first) @ second)
        inside |= np.all([side * turn >= 0 for side in sides], axis=0)
        doubtful |= np.any([np.abs(side) < 1e-12 for side in sides], axis=0)
    return inside, ~doubtful


@settings(max_examples=150, deadline=None)
@given(
    CENTERS,
    st.lists(st.floats(0.2, 1.0), min_size=4, max_size=9),
    st.sampled_from([0.01, 1.0, 20.0, 60.0]),
    st.booleans(),
)
def test_a_polygon_holds_its_points(center, shape, size, backwards):
    center = (center[0], float(np.clip(center[1], -89.99999, 89.99999)))
    ra, dec = star(center, np.array(shape) * size)
    inside, clear = winding(center, ra, dec)
    polygon = Polygon(ra[::-1], dec[::-1]) if backwards else Polygon(ra, dec)
    np.testing.assert_array_equal(polygon.contains(RA, DEC)[clear], inside[clear])
    assert covers(polygon)


def test_a_concave_polygon_has_a_notch():
    polygon = Polygon([0, 10, 10, 5, 0], [0, 0, 10, 2, 10])
    assert polygon.contains([5, 1, 9], [1, 7, 7]).all()
    assert not polygon.contains([5, 185, -1], [7, -1, 5]).any()


def test_a_polygon_may_hold_a_pole():
    polygon = Polygon([0, 90, 180, 270], [80, 80, 80, 80])
    assert polygon.contains(12, 90)
    assert not polygon.contains(12, -90)
    # The arcs between the vertices bend towards the pole.
    assert polygon.contains([45, 45], [83.0, 82.9]).all()
    assert not polygon.contains(45, 82.8)


def test_the_ranges_of_a_polygon_are_little_larger_than_it():
    octant = Polygon([0, 90, 0], [0, 0, 90])
    assert 0.125 <= area(octant.ranges()) < 0.135


def test_repeated_vertices_do_no_harm():
    plain, doubled = Polygon([0, 10, 5], [0, 0, 9]), Polygon([0, 10, 10, 5, 0], [0, 0, 0, 9, 0])
    np.testing.assert_array_equal(plain.contains(RA, DEC), doubled.contains(RA, DEC))
    np.testing.assert_array_equal(plain.ranges(), doubled.ranges())


@pytest.mark.parametrize(
    ("ra", "dec", "match"),
    [
        ([0, 1], [0, 1], "three positions or more"),
        ([0, 1, 2], [0, 1], "three positions or more"),
        ([0, 1, np.nan], [0, 1, 0], "a vertex is no position"),
        ([0, 1, 2], [0, 91, 0], "a vertex is no position"),
        ([0, 120, 240], [0, 0, 0], "wider than 89 deg"),
        ([0, 180, 90], [0, 0, 10], "wider than 89 deg"),
    ],
)
def test_a_wrong_polygon_is_refused(ra, dec, match):
    with pytest.raises(InvalidRequestError, match=match):
        Polygon(ra, dec)


# ---------------------------------------------------------------- MOC


@given(st.lists(st.integers(0, 48 * 16 - 1), max_size=9), st.integers(0, 8))
def test_a_moc_holds_the_points_of_its_cells(cells, shift):
    assume(cells)
    low = np.array(cells, dtype=np.int64) << 2 * (ORDER - 3)
    region = MOCRegion(np.stack([low, low + (1 << 2 * (ORDER - 3)) // (shift + 1)], axis=-1))
    if shift == 0:
        expected = np.isin(ang2pix_nest(3, RA, DEC), cells)
        np.testing.assert_array_equal(region.contains(RA, DEC), expected)
    assert covers(region)


def test_a_moc_of_mocpy():
    mocpy = pytest.importorskip("mocpy", reason="needs mocpy, part of the scale extra")
    moc = mocpy.MOC.from_string("3/12-14 5/700")
    region = MOCRegion(moc)
    expected = moc.contains_lonlat(RA * u.deg, DEC * u.deg)
    np.testing.assert_array_equal(region.contains(RA, DEC), expected)
    assert covers(region)
