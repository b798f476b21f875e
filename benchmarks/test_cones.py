from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from astro_mmdc import MMDC as SDK
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc import MMDCClass

SHARED = Path(__file__).parents[2] / "shared"
CONES = 200
SERVER = """
import sys
from astroquery_mmdc.server import serving
with serving(sys.argv[1] or None) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module", params=["287 blazars", "sample"])
def url(request):
    """A server in a process of its own, as a user has it."""
    data = SHARED / "data" / "blazar_seds"
    if request.param == "287 blazars" and not data.is_dir():
        pytest.skip("the folder ../shared with real measurements is not there")
    folder = str(data) if request.param == "287 blazars" else ""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait()


def test_cones(benchmark, interleaved, report, url):
    sources = httpx.get(url + "/api/known_sources/").json()
    sources = (sources * CONES)[:CONES]
    positions = [(source["ra"], source["dec"]) for source in sources]
    coordinates = SkyCoord(positions, unit="deg")
    ours, official = MMDCClass(url), SDK(base_url=url)
    rows = len(ours.query_region(coordinates, 10 * u.arcsec))
    print(f"\n  {CONES} cones, {rows / CONES:.0f} rows each", end="")

    def at_once():
        return ours.query_region(coordinates, 10 * u.arcsec)

    def handles():
        started = [ours.query_region_async(position, 10 * u.arcsec) for position in coordinates]
        return [handle.get_data() for handle in started]

    def loop():
        return [
            official.observations.cone_search(ra=ra, dec=dec, radius_arcsec=10)
            for ra, dec in positions
        ]

    assert rows == sum(len(found) for found in loop())
    medians = interleaved({"one call": at_once, "200 handles": handles, "SDK loop": loop}, rounds=5)
    benchmark.pedantic(at_once, rounds=3)
    report("throughput, one call / SDK", medians["SDK loop"][1] / medians["one call"][1], ">= 3")
    report("throughput, handles / SDK", medians["SDK loop"][1] / medians["200 handles"][1], "")
