from __future__ import annotations

import healpy
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.cells import (
    ORDER,
    ang2pix_nest,
    cells_to_ranges,
    cone_ranges,
    cones_cells,
    disc_cells,
    enclosing_cone,
    fetch_cells,
    needed_ranges,
    ranges_to_cells,
    unit_vectors,
)
from astroquery_mmdc.cache.coverage import contains, subtract
from astroquery_mmdc.cache.healpix import STEEPEST, cell_centers, cell_points, cell_radius

from .helpers import CENTERS, CORNERS, RADII, points_around, separations, sky

RA, DEC = sky(4000)


@pytest.mark.parametrize("order", [0, 1, 6, 15, 29])
def test_cells_are_those_of_healpy(order):
    expected = healpy.ang2pix(1 << order, RA, DEC, nest=True, lonlat=True)
    np.testing.assert_array_equal(ang2pix_nest(order, RA, DEC), expected)
    centers = np.stack(healpy.pix2vec(1 << order, expected, nest=True), axis=-1)
    np.testing.assert_allclose(cell_centers(order, expected), centers, atol=1e-14)


def test_any_right_ascension_is_taken():
    turns = ang2pix_nest(20, [10.0, 370.0, -350.0], 5.0)
    assert len(set(turns.tolist())) == 1
    assert ang2pix_nest(29, -1e-20, 41.8103148957786) >> 58 in (0, 4)


@pytest.mark.parametrize("order", range(7))
def test_no_corner_is_beyond_the_radius_of_a_cell(order):
    cells = np.arange(12 << 2 * order)
    marks = np.linspace(0, 1, 5)
    middle = cell_centers(order, cells)
    points = [cell_points(order, cells, x, y) for x in marks for y in marks if {x, y} & {0, 1}]
    chord = max(np.linalg.norm(point - middle, axis=1).max() for point in points)
    assert 0.75 * cell_radius(order) < 2 * np.arcsin(chord / 2) < cell_radius(order)


def test_no_coordinate_changes_faster_than_the_bound():
    side = 1 << 10
    cells = np.arange(0, 12 << 20, 7)
    for along in [(1, 0), (0, 1), (1, 1), (1, -1), (1, 0.3), (0.3, 1)]:
        width = np.linalg.norm(
            cell_points(10, cells, *along) - cell_points(10, cells, 0, 0), axis=-1
        )
        assert (max(np.abs(along)) / side / width).max() < STEEPEST * 1.001


@settings(max_examples=300, deadline=None)
@given(center=CENTERS, radius=RADII, seed=st.integers(0, 99))
@example(center=(0.0, 90.0), radius=0.0, seed=0)
@example(center=(359.9999999999, -90.0), radius=5.0, seed=0)
@example(center=(45.0, 0.0), radius=648000.0, seed=0)
def test_a_cone_lies_within_its_cells(center, radius, seed):
    rng = np.random.default_rng(seed)
    inside = points_around(*center, radius / 3600, 200, rng)
    ranges = cone_ranges(*center, radius)
    assert (ranges[:, 0] < ranges[:, 1]).all()
    assert (ranges[1:, 0] > ranges[:-1, 1]).all()
    assert contains(ranges, ang2pix_nest(ORDER, *inside)).all()
    near = separations(*center, RA, DEC) <= radius
    assert contains(ranges, ang2pix_nest(ORDER, RA[near], DEC[near])).all()
    order = min(12, int(np.log2(4 / max(radius / 206264.8, 1e-4))))
    middles = healpy.query_disc(
        1 << order, unit_vectors(*center), min(radius / 206264.8063, np.pi), nest=True
    )
    marks = healpy.pix2ang(1 << order, middles, nest=True, lonlat=True)
    assert contains(ranges, ang2pix_nest(ORDER, *marks)).all()


@settings(max_examples=200, deadline=None)
@given(center=CENTERS, radius=RADII, order=st.integers(0, 6), seed=st.integers(0, 99))
def test_a_disc_lies_within_its_cells_of_any_order(center, radius, order, seed):
    inside = points_around(*center, radius / 3600, 200, np.random.default_rng(seed))
    cells = disc_cells(order, *center, radius)
    assert np.isin(ang2pix_nest(order, *inside), cells).all()
    # Nothing far away is in the cover either.
    away = 2 * np.arcsin(
        np.linalg.norm(cell_centers(order, cells) - unit_vectors(*center), axis=1).clip(0, 2) / 2
    )
    assert (away <= radius / 206264.8 + cell_radius(order) + 1e-6).all()


@settings(max_examples=200, deadline=None)
@given(center=CENTERS, radius=RADII)
def test_what_was_fetched_answers_the_question(center, radius):
    fetched = cells_to_ranges(*fetch_cells(*center, radius))
    needed = needed_ranges(*center, radius)
    assert len(subtract(needed, fetched)) == 0
    inside = points_around(*center, radius / 3600, 100, np.random.default_rng(1))
    assert contains(needed, ang2pix_nest(ORDER, *inside)).all()


def test_a_fetch_is_about_as_large_as_the_cone():
    # 60 arcsec is pi square arcmin; cells of a fourth of that stick out at the border.
    areas = []
    for center in zip(RA[:200], DEC[:200], strict=True):
        order, cells = fetch_cells(*center, 30)
        areas.append(len(cells) * 4 * np.pi / (12 << 2 * order) * (206264.8 / 60) ** 2)
    assert 5 < np.mean(areas) < 12


@settings(max_examples=100, deadline=None)
@given(radius=RADII.filter(lambda radius: radius < 20 * 3600))
def test_many_cones_are_covered_as_one_is(radius):
    ra, dec = np.append(RA[:40], RA[-60:]), np.append(DEC[:40], DEC[-60:])
    order, cone, cells = cones_cells(ra, dec, radius)
    assert (np.diff(cone) >= 0).all()
    for number in range(len(ra)):
        own = cells[cone == number]
        assert (np.diff(own) > 0).all()
        inside = points_around(
            ra[number], dec[number], radius / 3600, 20, np.random.default_rng(number)
        )
        assert np.isin(ang2pix_nest(order, *inside), own).all()
        away = np.linalg.norm(
            cell_centers(order, own) - unit_vectors(ra[number], dec[number]), axis=-1
        )
        assert (away < radius / 206264.8 + 4 * cell_radius(order)).all()


def test_large_cones_at_once():
    order, cone, cells = cones_cells([10.0, 200.0], [20.0, -90.0], 180 * 3600)
    assert len(cells) == 2 * (12 << 2 * order)
    assert cone[-1] == 1


def test_no_cones_at_once():
    _, cone, cells = cones_cells([], [], 5)
    assert len(cone) == len(cells) == 0


@settings(max_examples=200, deadline=None)
@given(center=CENTERS, radius=RADII, seed=st.integers(0, 99))
def test_the_enclosing_cone_holds_every_cell(center, radius, seed):
    order, cells = fetch_cells(*center, radius)
    ra, dec, around = enclosing_cone(order, cells)
    assert 0 <= around <= 180 * 3600
    rng = np.random.default_rng(seed)
    some = rng.choice(cells, min(len(cells), 50))
    fine = (some[:, None] << 8) + rng.integers(0, 256, 20)
    points = cell_centers(order + 4, fine.ravel())
    lon = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    lat = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    assert (separations(ra, dec, lon, lat) <= around).all()


def test_the_enclosing_cone_of_one_base_cell():
    for cell in range(12):
        ra, dec, radius = enclosing_cone(0, np.array([cell]))
        own = ang2pix_nest(0, RA, DEC) == cell
        assert (separations(ra, dec, RA[own], DEC[own]) <= radius).all()
        assert radius < 55 * 3600


def test_no_cell_has_no_enclosing_cone():
    with pytest.raises(ValueError, match="cells: there are none"):
        enclosing_cone(3, np.empty(0, dtype=np.int64))


@given(st.integers(0, 29), st.sets(st.integers(0, 11), max_size=12))
def test_cells_and_ranges_are_the_same(order, numbers):
    cells = np.array(sorted(numbers), dtype=np.int64)
    ranges = cells_to_ranges(order, cells)
    np.testing.assert_array_equal(ranges_to_cells(order, ranges), cells)
    assert (ranges[1:, 0] > ranges[:-1, 1]).all()
    size = 1 << 2 * (ORDER - order)
    assert (ranges[:, 1] - ranges[:, 0]).sum() == len(cells) * size


def test_part_of_a_cell_is_the_cell():
    ranges = np.array([[5, 6], [(1 << 20) + 3, (1 << 20) + 4]])
    np.testing.assert_array_equal(ranges_to_cells(19, ranges), [0, 1])


def test_corners_of_base_cells_fall_into_a_neighbouring_one():
    for lon, lat in CORNERS:
        inside = points_around(lon, lat, 1e-3, 50, np.random.default_rng(0))
        assert contains(cone_ranges(lon, lat, 3.6), ang2pix_nest(ORDER, *inside)).all()


@pytest.mark.parametrize("radius", [0.1, 5.0, 60.0, 3600.0])
@pytest.mark.parametrize("center", [*CORNERS, (166.11, 38.21)])
def test_a_cover_is_not_much_larger_than_its_cone(center, radius):
    # At most nine cells of a side of up to 2 STEEPEST radii, where a base cell is 1.
    ranges = cone_ranges(*center, radius)
    area = (ranges[:, 1] - ranges[:, 0]).sum() * np.pi / 3 / (1 << 2 * ORDER)
    assert area < 9 * (2 * STEEPEST) ** 2 / 3 * (radius / 206264.8) ** 2 * np.pi
