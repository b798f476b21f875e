"""Places and observations that the tests of the cache share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from astroquery_mmdc.cache.cells import ang2pix_nest, unit_vectors
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA

# Poles, the wrap of the right ascension, corners and borders of base cells.
CORNERS = [
    (0.0, 90.0),
    (123.4, -90.0),
    (45.0, 89.9999),
    (0.0, 0.0),
    (359.9999999, 0.0),
    (45.0, 0.0),
    (90.0, 41.8103148957786),
    (0.0, 41.8103148957786),
    (180.0, -41.8103148957786),
    (45.0, 41.8103148957786),
    (90.0, 66.0),
    (270.0, -75.0),
]

CENTERS = st.one_of(
    st.sampled_from(CORNERS),
    st.tuples(st.floats(0, 360), st.floats(-90, 90)),
    st.tuples(st.sampled_from([0.0, 45.0, 90.0, 359.9999]), st.floats(-90, 90)),
)
RADII = st.one_of(
    st.sampled_from([0.0, 5.0, 30.0, 3600.0, 90 * 3600.0, 180 * 3600.0]),
    st.floats(0, 600),
    st.floats(0, 10 * 3600),
    st.floats(0, 180 * 3600),
)

CATALOGS = ["ZTF", "NVSS", "Swift-XRT", "4FGL"]
BANDS = ["zg", "zr", "V"]


def points_around(ra, dec, radius_deg, number, rng):
    """Return positions within a radius, many of them close to the border."""
    distance = np.radians(radius_deg) * np.sqrt(rng.uniform(size=number))
    distance[: number // 2] = np.radians(radius_deg) * (1 - 1e-9)
    direction = rng.uniform(0, 2 * np.pi, number)
    lon, lat = np.radians(ra), np.radians(dec)
    center = unit_vectors(ra, dec)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    side = np.cos(direction)[:, None] * north + np.sin(direction)[:, None] * east
    x, y, z = (np.cos(distance)[:, None] * center + np.sin(distance)[:, None] * side).T
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def sky(number, seed=0):
    """Return positions all over the sky, and after them some around each of the corners."""
    rng = np.random.default_rng(seed)
    ra = rng.uniform(0, 360, number)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, number)))
    crowds = [points_around(*corner, 0.02, 20, rng) for corner in CORNERS]
    lon, lat = np.concatenate(crowds, axis=1)
    return np.concatenate([ra, lon]), np.concatenate([dec, lat])


def separations(ra, dec, lon, lat):
    """Return the angles between one position and others, in arcsec."""
    center, vectors = unit_vectors(ra, dec), unit_vectors(lon, lat)
    cross = np.linalg.norm(np.cross(center, vectors), axis=-1)
    return np.degrees(np.arctan2(cross, vectors @ center)) * 3600


def observations(ra, dec, seed=0):
    """Return rows at positions, with ids from 1 on."""
    rng = np.random.default_rng(seed)
    number = len(ra)
    catalog = rng.integers(0, len(CATALOGS), number)
    lightcurve = rng.uniform(size=number) < 0.5
    mjd = np.round(rng.uniform(55000, 60000, number), 2)

    def sometimes(values, where):
        return pa.array(values, mask=~where)

    def mostly(values):
        return sometimes(values, rng.uniform(size=number) < 0.8)

    columns = {
        "id": np.arange(1, number + 1),
        "catalog": [CATALOGS[code] for code in catalog],
        "ra": ra,
        "dec": dec,
        "frequency": mostly(10 ** rng.uniform(9, 25, number)),
        "flux": 10 ** rng.normal(-11, 1, number),
        "flux_err": mostly(10 ** rng.normal(-12, 1, number)),
        "is_upper_limit": rng.uniform(size=number) < 0.3,
        "mjd_start": sometimes(mjd, ~lightcurve & (rng.uniform(size=number) < 0.8)),
        "mjd_end": sometimes(mjd + 1, ~lightcurve & (rng.uniform(size=number) < 0.8)),
        "mjd_mid": sometimes(mjd, lightcurve & (rng.uniform(size=number) < 0.9)),
        "is_lightcurve": lightcurve,
        "filter_band": mostly(np.array(BANDS)[rng.integers(0, len(BANDS), number)]),
        "obsid": mostly(np.char.add("obs-", rng.integers(0, 20, number).astype(str))),
        "spectral_index": mostly(rng.normal(2, 0.3, number)),
        "spectral_index_err": mostly(rng.uniform(0, 1, number)),
        "sky_identifier": ang2pix_nest(15, ra, dec),
        "created_at": np.char.add("2024-01-", rng.integers(10, 30, number).astype(str)),
        "reference": [
            {"citation": f"{CATALOGS[code]} et al.", "bibcode": None, "url": None}
            for code in catalog
        ],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in OBSERVATION_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=OBSERVATION_SCHEMA)


# ---------------------------------------------------------------- the rules of the service, plainly


def chosen(rows, filters, ordering=None, *, cone=None, limit=None):
    """Return the ids of the rows that the service answers with, looked at one by one.

    Parameters
    ----------
    rows : list of dict
        All rows there are.
    filters : Filters
    ordering : str, optional
    cone : tuple, optional
        Right ascension and declination in degrees, radius in arcsec.
    limit : int, optional
    """
    keyed = []
    for row in rows:
        away = _away(row, cone)
        if _passes(row, filters) and (cone is None or away <= cone[2]):
            keyed.append((_place(row, ordering, away), row["id"]))
    return [number for _, number in sorted(keyed)][:limit]


def _away(row, cone):
    return 0.0 if cone is None else separations(*cone[:2], row["ra"], row["dec"]).item()


def _passes(row, filters):
    for name in ("catalog", "filter_band", "is_lightcurve", "is_upper_limit", "obsid"):
        wanted = getattr(filters, name)
        if wanted not in (None, "") and row[name] != wanted:
            return False
    if filters.mjd_min is None and filters.mjd_max is None:
        return True
    ends = [end for end in (row["mjd_start"], row["mjd_end"]) if end is not None]
    date = row["mjd_mid"] if row["is_lightcurve"] else sum(ends) / len(ends) if ends else None
    if date is None:
        return False
    low = -np.inf if filters.mjd_min is None else filters.mjd_min
    high = np.inf if filters.mjd_max is None else filters.mjd_max
    return low <= date <= high


def _place(row, ordering, away):
    """Return what rows are sorted by: those without a value last, in either direction."""
    if not ordering:
        return ()
    name = ordering.removeprefix("-")
    value = away if name == "sep_arcsec" else row[name]
    if value is None:
        return (1, 0.0)
    # Days of one month and year, as far as these rows go.
    number = float(value[-2:]) if isinstance(value, str) else value
    return (0, -number if ordering.startswith("-") else number)
