from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import example, given, settings
from hypothesis import strategies as st

from astroquery_mmdc.cache.cells import unit_vectors
from astroquery_mmdc.cache.search import separation_arcsec
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.server.store import ObservationStore

from .conftest import make_observations


def _sky(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points everywhere, and crowds at the poles, at the wrap and in one small place."""
    rng = np.random.default_rng(7)
    ra = rng.uniform(0, 360, size)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, size)))
    crowds = [(0.0, 0.0, 0.01), (359.999, 45.0, 0.01), (10.0, 89.999, 0.002), (200.0, -90.0, 0.01)]
    for lon, lat, width in [*crowds, (166.11, 38.21, 0.003)]:
        ra = np.append(
            ra, lon + rng.normal(0, width / np.cos(np.radians(min(abs(lat), 89.99))), 60)
        )
        dec = np.append(dec, np.clip(lat + rng.normal(0, width, 60), -90, 90))
    ra = np.append(ra, [0.0, 360.0 - 1e-9, 0.0, 123.0])
    dec = np.append(dec, [0.0, 0.0, 90.0, -90.0])
    return ra % 360, dec


RA, DEC = _sky(800)
COORDINATES = SkyCoord(RA, DEC, unit="deg")
STORE = ObservationStore(make_observations(ra=RA, dec=DEC))

CENTERS = st.one_of(
    st.tuples(st.floats(0, 360), st.floats(-90, 90)),
    st.tuples(st.floats(0, 360), st.floats(89.99, 90)),
    st.tuples(st.floats(0, 360), st.floats(-90, -89.99)),
    st.tuples(st.sampled_from([0.0, 360.0, 359.9999, 1e-7]), st.floats(-1, 46)),
    st.integers(0, len(RA) - 1).map(lambda index: (float(RA[index]), float(DEC[index]))),
)
RADII = st.floats(-2, np.log10(180 * 3600)).map(lambda exponent: 10**exponent)


@settings(max_examples=150, deadline=None)
@given(center=CENTERS, radius=RADII)
@example(center=(0.0, 90.0), radius=5.0)
@example(center=(77.0, -90.0), radius=40.0)
@example(center=(0.0, 0.0), radius=1e-2)
@example(center=(360.0, 0.0), radius=60.0)
@example(center=(10.0, 20.0), radius=180 * 3600.0)
@example(center=(0.0, 0.0), radius=156.2 * 3600)
def test_cone_matches_brute_force(center: tuple[float, float], radius: float) -> None:
    separation = SkyCoord(*center, unit="deg").separation(COORDINATES).arcsec
    ids = np.arange(1, len(RA) + 1)
    rows = STORE.rows(Selection(cone=Cone(center[0] % 360, center[1], radius)))
    found = {row["id"] for row in rows}
    # On the very edge the last bits of two formulas may differ.
    edge = max(1e-8, 1e-11 * radius)
    assert set(ids[separation <= radius - edge]) <= found
    assert found <= set(ids[separation <= radius + edge])


def test_zero_radius_finds_the_position_itself() -> None:
    wanted = Selection(cone=Cone(float(RA[3]), float(DEC[3]), 0.0))
    assert [row["id"] for row in STORE.rows(wanted)] == [4]


@pytest.mark.parametrize("offset", [1e-9, 1e-6, 1e-3, 1.0])
def test_tiny_and_antipodal_angles_keep_their_precision(offset: float) -> None:
    center = unit_vectors(30.0, 0.0)
    near = separation_arcsec(center, unit_vectors([30.0 + offset / 3600], [0.0]))
    assert near[0] == pytest.approx(offset, rel=1e-4, abs=5e-11)
    far = separation_arcsec(center, unit_vectors([210.0 + offset / 3600], [0.0]))
    assert (180 * u.deg).to_value(u.arcsec) - far[0] == pytest.approx(offset, abs=1e-9 * 648000)


def test_the_sky_identifier_is_computed_anew() -> None:
    row = STORE.rows(Selection(cone=Cone(float(RA[0]), float(DEC[0]), 0.01)))[0]
    assert row["sky_identifier"] == int(sky_identifier(RA[0], DEC[0]))
