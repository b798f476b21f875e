"""Made-up observations for the examples: a blazar with two flares, and a population.

No telescope took any of this. The shapes are two log-parabolas and a few bursts, good enough to
show what can be done with real data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from astroquery_mmdc.cache.selection import Selection
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.server import ObservationStore, load
from astroquery_mmdc.server.sources import Source, SourceList

__all__ = ["FLARING", "POPULATION", "store"]

FLARING = Source("Example flaring blazar", 180.0, 30.0, redshift=0.1, catalog="made up")
_FLARES = ((59450.0, 2.5, 8.0), (59800.0, 5.0, 10.0))  # MJD, height, width in days
_CAMPAIGNS = (59060.0, 59180.0, 59450.0, 59800.0)
_VISIBLE = {"V": 5.45e14, "g": 6.23e14}
_UVOT = {"W1": 1.153e15, "M2": 1.335e15, "W2": 1.555e15}
_ARCHIVE = {"NVSS": 1.4e9, "GB6": 4.85e9, "WISE": 8.8e13, "2MASS": 1.389e14, "4FGL-DR4": 1.2e24}
_REFERENCE = {"citation": "made up for this example", "bibcode": None, "url": None}

Row = dict[str, Any]


def _population(number: int = 40) -> tuple[Source, ...]:
    rng = np.random.default_rng(2)
    ra = rng.uniform(0, 360, number)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, number)))
    redshift = rng.gamma(4.0, 0.15, number)
    facts = (column.tolist() for column in (ra.round(5), dec.round(5), redshift.round(3)))
    return tuple(
        Source(f"Example {index:02d}", *values, catalog="made up")
        for index, values in enumerate(zip(*facts, strict=True))
    )


POPULATION = _population()


def store() -> ObservationStore:
    """Return the sample of the local server and the made-up observations in one store."""
    sample = load()
    rows = [*_flaring_rows(), *_population_rows()]
    for number, row in enumerate(rows, start=1_000_000):
        row["id"] = number
    made_up = pa.Table.from_pylist(
        [dict.fromkeys(OBSERVATION_SCHEMA.names) | row for row in rows], schema=OBSERVATION_SCHEMA
    )
    known = sample.arrow(Selection())
    table = pa.concat_tables([known, made_up])
    return ObservationStore(table, SourceList([*sample.sources(), FLARING, *POPULATION]))


# ---------------------------------------------------------------- a blazar with two flares


def _state(mjd: float) -> float:
    return 1.0 + sum(h * float(np.exp(-(((mjd - t) / w) ** 2))) for t, h, w in _FLARES)


def _nufnu(nu: float, state: float = 1.0, peak: float = 15.0) -> float:
    """Return two log-parabolas in erg/s/cm2; the second one follows the square of the state."""
    log_nu = np.log10(nu)
    low = 1e-11 * state * 10 ** (-0.12 * (log_nu - peak) ** 2)
    high = 8e-12 * state**1.6 * 10 ** (-0.10 * (log_nu - peak - 9.0) ** 2)
    return float(low + high)


def _row(source: Source, catalog: str, nu: float | None, flux: float, error: float) -> Row:
    return {
        "catalog": catalog,
        "ra": source.ra,
        "dec": source.dec,
        "sky_identifier": 0,  # the store computes it
        "is_lightcurve": False,
        "is_upper_limit": False,
        "frequency": nu,
        "flux": float(f"{flux:.4g}"),
        "flux_err": float(f"{error:.2g}"),
        "reference": _REFERENCE,
        "created_at": "2026-01-01T00:00:00+00:00",
    }


def _dated(row: Row, start: float, end: float, **more: Any) -> Row:
    middle = round((start + end) / 2, 4)
    return row | {"mjd_start": start, "mjd_end": round(end, 3), "mjd_mid": middle} | more


def _flaring_rows() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    yield from _archive(FLARING, rng)
    yield from _optical(rng)
    for middle in _CAMPAIGNS:
        yield from _campaign(middle, rng)
    yield from _weekly_gamma_rays(rng)


def _archive(source: Source, rng: np.random.Generator, peak: float = 15.0) -> Iterator[Row]:
    """Catalogue values without a date."""
    for catalog, nu in _ARCHIVE.items():
        flux = _nufnu(nu, peak=peak) * rng.normal(1, 0.05)
        yield _row(source, catalog, nu, flux, 0.08 * flux)


def _optical(rng: np.random.Generator) -> Iterator[Row]:
    """Nightly monitoring, with a gap each year when the Sun is near."""
    for year in (59000.0, 59365.0, 59730.0):
        for night in np.sort(year + rng.uniform(0, 240, 70)).round(3).tolist():
            band = str(rng.choice(list(_VISIBLE)))
            flux = _nufnu(_VISIBLE[band], _state(night)) * rng.normal(1, 0.06)
            row = _row(FLARING, "ASAS-SN", _VISIBLE[band], flux, 0.06 * flux)
            yield _dated(row, night, night + 0.002, is_lightcurve=True, filter_band=band)


def _campaign(middle: float, rng: np.random.Generator) -> Iterator[Row]:
    """Four days of Swift pointings and one gamma-ray spectrum of ten days."""
    for number, offset in enumerate((-2.0, -0.5, 0.7, 2.2)):
        day = middle + offset
        obsid = f"{int(middle) % 100000:08d}{number:03d}"
        for nu in (1.2e17, 2.4e17, 4.8e17, 1.2e18):
            flux = _nufnu(nu, _state(day)) * rng.normal(1, 0.08)
            row = _row(FLARING, "MMDCXRT", nu, flux, 0.1 * flux)
            yield _dated(row, day, day + 0.02, obsid=obsid)
        for band, nu in _UVOT.items():
            flux = _nufnu(nu, _state(day)) * rng.normal(1, 0.04)
            row = _dated(_row(FLARING, "MMDCOUV", nu, flux, 0.05 * flux), day, day + 0.01)
            yield row | {"filter_band": band, "obsid": obsid}
    for nu in (4e22, 2.2e23, 1.3e24, 7e24, 4e25):
        flux = _nufnu(nu, _state(middle)) * rng.normal(1, 0.12)
        row = _dated(_row(FLARING, "MMDCGR", nu, flux, 0.2 * flux), middle - 5, middle + 5)
        is_limit = nu > 3e25 and _state(middle) < 2
        yield row | ({"is_upper_limit": True, "flux_err": None} if is_limit else {})


def _weekly_gamma_rays(rng: np.random.Generator) -> Iterator[Row]:
    for start in np.arange(59000.0, 59970.0, 7.0).tolist():
        flux = 4e-8 * _state(start + 3.5) ** 1.6 * rng.normal(1, 0.12)
        row = _row(FLARING, "MMDCGR", None, flux, 0.15 * flux)
        yield _dated(row, start, start + 7.0, is_lightcurve=True)


# ---------------------------------------------------------------- a population


def _population_rows() -> Iterator[Row]:
    """Catalogue values of each source, with peaks between the infrared and the X-rays."""
    rng = np.random.default_rng(3)
    for source in POPULATION:
        peak = rng.uniform(13.0, 17.0)
        yield from _archive(source, rng, peak)
        for catalog, nu in (("GAIA-DR3", 4.5e14), ("GALEX", 1.3e15), ("RASS", 2.4e17)):
            flux = _nufnu(nu, peak=peak) * rng.normal(1, 0.1)
            yield _row(source, catalog, nu, flux, 0.15 * flux)
