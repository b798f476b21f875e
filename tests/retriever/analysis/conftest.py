"""Light curves of known content for the analysis."""

from __future__ import annotations

import numpy as np
import pytest

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.reduction.reduce import reduce_demo
from astroquery_mmdc.retriever.reduction.target import Target
from astroquery_mmdc.retriever.results import SourceData


@pytest.fixture
def quiet():
    """Function that makes a reduced light curve of noise, with events where they are wanted."""

    def make(events=None, *, name="source", size=100, seed=1, band="r", flagged=(), gaps=()):
        rng = np.random.default_rng(seed)
        mjd = 59000.0 + np.arange(size)
        flux = 1000.0 + rng.uniform(-8, 8, size)
        for row, scatters in (events or {}).items():
            flux[row] += 10.0 * scatters
        flag = np.zeros(size, dtype=bool)
        flag[list(flagged)] = True
        flux[list(gaps)] = np.nan
        raw = LightCurve(
            {
                "mjd": mjd,
                "flux": flux,
                "flux_err": np.full(size, 10.0),
                "exptime": np.full(size, 30.0),
                "filter": np.full(size, band),
                "flag": flag,
                "ra": 10.0 + rng.uniform(-1e-4, 1e-4, size),
                "dec": 20.0 + rng.uniform(-1e-4, 1e-4, size),
            },
            name,
            "DEMO",
        )
        return reduce_demo(raw, Target(name, 10.0, 20.0, 16.4))[0]

    return make


@pytest.fixture
def make_source(quiet):
    """Function that makes a source with one such light curve."""

    def make(name="source", events=None, **options):
        return SourceData(name, [quiet(events, name=name, **options)], mag=16.4)

    return make
