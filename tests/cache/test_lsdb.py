"""LSDB, in an environment of its own, reads what the store writes."""

from __future__ import annotations

import json
import subprocess
import venv

import numpy as np
import pytest

from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest
from astroquery_mmdc.cache.store import ObservationCache

from .helpers import observations, points_around

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LSDB = "lsdb==0.11.*"
# Catalogues and cones come in, and the ids of the rows go out, as JSON.
SCRIPT = """
import json, sys
import dask
from hats.io.validation import is_valid_catalog
import lsdb

dask.config.set(scheduler="synchronous")
order = json.loads(sys.stdin.read())
answer = {}
for path in order["catalogs"]:
    catalog = lsdb.open_catalog(path)
    columns = {name: str(kind) for name, kind in catalog.dtypes.items()}
    found = [
        sorted(catalog.cone_search(ra=ra, dec=dec, radius_arcsec=radius).compute()["id"].tolist())
        for ra, dec, radius in order["cones"]
    ]
    answer[path] = {"rows": len(catalog), "columns": columns, "found": found}
for path in order["generations"]:
    assert is_valid_catalog(path, strict=True, verbose=False), path
print(json.dumps(answer))
"""


@pytest.fixture(scope="session")
def lsdb_python(request, tmp_path_factory):
    """The interpreter of an environment that holds LSDB."""
    cache = getattr(request.config, "cache", None)
    folder = (cache.mkdir if cache is not None else tmp_path_factory.mktemp)("lsdb")
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", LSDB]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"pip cannot install {LSDB}: {done.stderr[-200:]}")
        ready.touch()
    return str(python)


def positions():
    """Return crowds of positions; LSDB itself loses rows next to the poles, so none is there."""
    rng = np.random.default_rng(5)
    centers = [(0.0, 0.0), (359.9999, 20.0), (45.0, -41.81), (166.1, 38.2), (253.5, 39.8)]
    crowds = [points_around(*center, 0.05, 400, rng) for center in centers]
    return centers, *np.concatenate(crowds, axis=1)


def test_lsdb_gives_the_same_rows(tmp_path, lsdb_python):
    centers, ra, dec = positions()
    table = observations(ra, dec)
    cones = [(*center, radius) for center in centers for radius in (5.0, 90.0, 400.0)]
    folder = tmp_path / "store"
    catalogs = [str(folder)]
    with ObservationCache(folder) as store:
        store.ingest(table.slice(0, 1500))
        catalogs.append(str(current(folder)))
        half = np.array([[0, 6 << 2 * ORDER]])
        inside = ang2pix_nest(ORDER, ra, dec) < half[0, 1]
        store.put(table.filter(inside), key="", ranges=half, fetched=1.0)
        store.compact()
        catalogs.append(str(current(folder)))
        order = {"catalogs": catalogs, "generations": catalogs[1:], "cones": cones}
        done = subprocess.run(
            [lsdb_python, "-c", SCRIPT],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        answer = json.loads(done.stdout.splitlines()[-1])
        expected = [sorted(store.cone(*cone).column("id").to_pylist()) for cone in cones]
        assert answer[catalogs[0]]["rows"] == store.info()["rows"]
    assert answer[catalogs[0]]["found"] == answer[catalogs[2]]["found"] == expected
    assert sum(map(len, expected)) > 500
    # The generation before is still there for those who have it open.
    assert answer[catalogs[1]]["rows"] == 1500
    assert {"id", "catalog", "reference", "flux"} <= set(answer[catalogs[0]]["columns"])


def current(folder):
    """Return the generation that the collection names."""
    lines = (folder / "collection.properties").read_text().splitlines()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return folder / facts["hats_primary_table_url"]
