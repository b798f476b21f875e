from __future__ import annotations

import json

import numpy as np
import pytest
from astro_mmdc.models.sed import SED as SDK_SED

from astroquery_mmdc import SED
from astroquery_mmdc.schema.tables import decode_json, sed_columns

POINTS = 25_000
CATALOGS = 80


@pytest.fixture(scope="module")
def envelope():
    """An answer like that of a well-observed source, with numbers of full length."""
    rng = np.random.default_rng(1)
    start = rng.uniform(54000, 60000, POINTS)
    return {
        "id": "x",
        "status": "done",
        "source": {"name": "Mrk 421", "ra": 166.1, "dec": 38.2},
        "sed": {
            "points": POINTS,
            "units": {},
            "filters": {},
            "catalogs": [
                {
                    "name": f"CAT{i}",
                    "band": "x_rays",
                    "reference": f"Author {i}",
                    "color": "#123456",
                }
                for i in range(CATALOGS)
            ],
            "freq_hz": (10 ** rng.uniform(9, 26, POINTS)).tolist(),
            "nufnu": (10 ** rng.uniform(-14, -9, POINTS)).tolist(),
            "nufnu_err": [None if x < 0.03 else x * 1e-12 for x in rng.random(POINTS)],
            "is_ul": (rng.random(POINTS) < 0.05).tolist(),
            "mjd_start": start.tolist(),
            "mjd_end": (start + 0.01).tolist(),
            "undated": [False] * POINTS,
            "catalog_idx": rng.integers(0, CATALOGS, POINTS).tolist(),
        },
    }


@pytest.mark.parametrize("indent", [None, 8], ids=["compact, 3 MB", "indented, 8 MB"])
def test_parse(benchmark, interleaved, report, envelope, indent):
    body = json.dumps(envelope, indent=indent).encode()
    print(f"\n  {len(body) / 1e6:.1f} MB", end="")

    def ours():
        columns = sed_columns(decode_json(body)["sed"])
        return SED(list(columns.values()), names=list(columns), copy=False)

    def official():
        return SDK_SED.from_api(json.loads(body))

    assert len(ours()) == len(official()) == POINTS
    medians = interleaved({"astroquery_mmdc": ours, "astro-mmdc 0.2.13": official}, rounds=15)
    benchmark(ours)
    ratio = medians["astroquery_mmdc"][0] / medians["astro-mmdc 0.2.13"][0]
    report("parse / SDK, CPU", ratio, "<= 0.5")
