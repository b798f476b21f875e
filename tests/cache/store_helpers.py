"""Observations made up for the tests of the store."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from astroquery_mmdc.cache.cells import (
    cells_to_ranges,
    enclosing_cone,
    fetch_cells,
    unit_vectors,
)
from astroquery_mmdc.cache.store import ObservationCache

CATALOGS = ["ZTF", "NVSS", "Swift-XRT", "4FGL"]
BANDS = ["zg", "zr", None]


def observations(ra, dec, *, first_id=0, seed=0):
    """Return rows at positions, with the service's columns."""
    rng = np.random.default_rng(seed)
    ra, dec = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
    n = len(ra)
    lightcurve = rng.random(n) < 0.6
    mjd = np.round(rng.uniform(55000, 60000, n), 3)
    dated = rng.random(n) < 0.8
    code = rng.integers(0, len(CATALOGS), n)
    return pa.table(
        {
            "id": np.arange(first_id, first_id + n),
            "catalog": [CATALOGS[number] for number in code],
            "ra": ra,
            "dec": dec,
            "frequency": 10 ** rng.uniform(9, 25, n),
            "flux": 10 ** rng.normal(-11, 1, n),
            "flux_err": pa.array(10 ** rng.normal(-12, 1, n), mask=rng.random(n) < 0.2),
            "is_upper_limit": rng.random(n) < 0.3,
            "is_lightcurve": lightcurve,
            "mjd_start": pa.array(mjd, mask=lightcurve | ~dated),
            "mjd_end": pa.array(mjd + 1, mask=lightcurve | ~dated),
            "mjd_mid": pa.array(mjd, mask=~lightcurve),
            "filter_band": [BANDS[number] for number in rng.integers(0, len(BANDS), n)],
            "obsid": [f"obs-{number}" for number in rng.integers(0, 20, n)],
            "reference": [
                {"citation": f"{CATALOGS[number]} et al.", "bibcode": None, "url": None}
                for number in code
            ],
            "created_at": ["2024-01-01T00:00:00Z"] * n,
        }
    )


PLACES = [(166.1, 38.2), (0.0, 0.0), (359.9999, -12.0), (45.0, 90.0), (10.0, -90.0), (123, 41.81)]


FAR = (200.0, 10.0, 300.0)
"""A cone in the middle of many others, so that few of the row groups are needed."""


def crowded_sky():
    """Return rows around `PLACES` and all over the sky, some of them light curves."""
    positions = [around(*place, 300, 20, seed=n) for n, place in enumerate(PLACES)]
    rng = np.random.default_rng(9)
    positions.append((rng.uniform(0, 360, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))))
    ra, dec = (np.concatenate(parts) for parts in zip(*positions, strict=True))
    # Light curves: many rows at one position.
    ra, dec = (
        np.concatenate([ra, np.repeat(ra[:40], 30)]),
        np.concatenate([dec, np.repeat(dec[:40], 30)]),
    )
    return observations(ra, dec, seed=1)


PLACE, OTHER = (166.1, 38.2), (200.0, -5.0)


def two_places():
    """Return rows around `PLACE` and `OTHER`."""
    first, second = around(*PLACE, 300, 20), around(*OTHER, 300, 20, seed=1)
    ra, dec = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    return observations(ra, dec)


def stored(path, sky):
    """Make a store with a generation of `two_places`, and a fetch after it; return its path."""
    with ObservationCache(path) as cache:
        fetch(cache, sky, *PLACE)
        fetch(cache, sky, *OTHER)
        cache.compact()
        fetch(cache, sky, *PLACE, at=2000.0)
    return path


def around(ra, dec, n, arcsec, *, seed=0):
    """Return n positions scattered around one."""
    rng = np.random.default_rng(seed)
    dx, dy = rng.normal(0, arcsec / 3600, (2, n))
    lat = np.clip(dec + dy, -90, 90)
    return (ra + dx / np.maximum(np.cos(np.radians(lat)), 1e-9)) % 360, lat


def brute(table, ra, dec, radius_arcsec):
    """Return which rows lie within a radius."""
    vectors = unit_vectors(table["ra"].to_numpy(), table["dec"].to_numpy())
    center = unit_vectors(ra, dec)
    cross = np.linalg.norm(np.cross(vectors, center), axis=1)
    return np.degrees(np.arctan2(cross, vectors @ center)) * 3600 <= radius_arcsec + 1e-9


def ids(table):
    """Return the sorted ids of rows."""
    return np.sort(table["id"].to_numpy()).tolist()


def fetch(cache: ObservationCache, sky: pa.Table, ra, dec, radius=30.0, *, key="", at=1000.0):
    """Do what a query does: ask for whole cells, and put what came. Return the ranges."""
    from astroquery_mmdc.cache.filters import Filters

    order, cells = fetch_cells(ra, dec, radius)
    ranges = cells_to_ranges(order, cells)
    answer = sky.filter(pa.array(brute(sky, *enclosing_cone(order, cells))))
    answer = answer.filter(pa.array(Filters.from_key(key).mask(answer)))
    cache.put(answer, key=key, ranges=ranges, fetched=at)
    return ranges
