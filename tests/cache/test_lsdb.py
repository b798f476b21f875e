"""LSDB, in an environment of its own, reads what the store writes."""

from __future__ import annotations

import json
import subprocess
import textwrap
import tomllib
import venv
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest
from astroquery_mmdc.cache.layout import MAX_KEY, Layout
from astroquery_mmdc.cache.maintenance import exclusive
from astroquery_mmdc.cache.store import ObservationCache

from .helpers import observations, points_around

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LSDB = "lsdb==0.11.*"
ROOT = Path(__file__).parents[2]
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
    """The interpreter of an environment that holds LSDB, and what this package needs."""
    cache = getattr(request.config, "cache", None)
    folder = (cache.mkdir if cache is not None else tmp_path_factory.mktemp)("lsdb-and-all")
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        facts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = facts["optional-dependencies"]
        needed = [*facts["dependencies"], *extras["scale"], *extras["remote"], *extras["server"]]
        command = [str(python), "-m", "pip", "install", "--quiet", LSDB, *needed]
        done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
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


# ---------------------------------------------------------------- MMDC.cache.open_lsdb


OPEN = """
import json
import dask
from astroquery_mmdc import MMDC, conf

conf.offline = True
dask.config.set(scheduler="synchronous")
try:
    found = sorted(MMDC.cache.open_lsdb(columns=["id", "ra", "dec"]).compute()["id"].tolist())
except Exception as err:
    found = f"{type(err).__name__}: {err}"
print(json.dumps(found))
"""


@pytest.fixture
def cached(tmp_path):
    """A cache of https://mmdc.am with a generation, and fetches since that add and take away."""
    ra, dec = positions()[1:]
    table = observations(ra, dec)
    folder = tmp_path / "observations" / "mmdc.am"
    half = np.array([[0, 6 << 2 * ORDER]])
    inside = ang2pix_nest(ORDER, ra, dec) < half[0, 1]
    with ObservationCache(folder) as store:
        store.ingest(table.slice(0, 1500))
        store.put(table.filter(inside).slice(100), key="", ranges=half, fetched=1.0)
        expected = sorted(store.region(np.array([[0, MAX_KEY]])).column("id").to_pylist())
    assert len(expected) not in (1500, len(table))
    return folder, expected


def run(python, code, folder, **env):
    """Run code in LSDB's environment, with a folder as the place of caches."""
    done = subprocess.run(
        [python, "-c", code] if "\n" in code else [python, code],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT), **env},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def opened(python, folder, place):
    answer = run(python, OPEN, folder, MMDC_CACHE_DIR=str(place))
    return json.loads(answer.splitlines()[-1])


def test_open_lsdb_gives_every_committed_row(cached, lsdb_python, tmp_path):
    folder, expected = cached
    assert opened(lsdb_python, tmp_path, tmp_path) == expected
    generation = current(folder)
    # Nothing is left to merge: the next time nothing is written.
    assert opened(lsdb_python, tmp_path, tmp_path) == expected
    assert current(folder) == generation


def test_open_lsdb_does_not_lose_rows_silently(cached, lsdb_python, tmp_path):
    folder, expected = cached
    url = tmp_path.as_uri()
    answer = opened(lsdb_python, tmp_path, url)
    assert answer.startswith("CacheError")
    assert "1 fetches that LSDB would not see, and it is for reading only" in answer
    with ObservationCache(folder) as store:
        store.compact()
    assert opened(lsdb_python, tmp_path, url) == expected


def test_open_lsdb_while_another_process_works_on_it(cached, lsdb_python, tmp_path):
    folder, expected = cached
    impatient = OPEN.replace(
        "try:", "from astroquery_mmdc.cache import scale\nscale._PATIENCE = 0.1\ntry:"
    )
    with ObservationCache(folder) as store, exclusive(Layout(folder), wait=0):
        answer = json.loads(run(lsdb_python, impatient, tmp_path, MMDC_CACHE_DIR=str(tmp_path)))
        assert "another process works on it" in answer
        assert store.info()["open_segments"] == 1
    assert opened(lsdb_python, tmp_path, tmp_path) == expected


def test_open_lsdb_without_rows(lsdb_python, tmp_path):
    assert "holds no rows; prefetch or ingest some first" in opened(lsdb_python, tmp_path, tmp_path)


def test_the_documented_crossmatch_runs_on_a_cluster(lsdb_python, tmp_path):
    """Exactly as it is printed."""
    page = (ROOT / "docs" / "user_guide" / "cache.rst").read_text(encoding="utf-8")
    block = page.split(":name: dask-crossmatch\n", 1)[1]
    lines = list(takewhile(lambda line: not line or line.startswith("    "), block.splitlines()))
    (tmp_path / "crossmatch.py").write_text(textwrap.dedent("\n".join(lines)), encoding="utf-8")
    centers = [(166.11381, 38.20883), (253.46757, 39.76017), (166.3, 38.2)]
    rng = np.random.default_rng(4)
    ra, dec = np.concatenate([points_around(*c, 1 / 3600, 50, rng) for c in centers], axis=1)
    with ObservationCache(tmp_path / "observations" / "mmdc.am") as store:
        store.put(observations(ra, dec), key="", ranges=np.array([[0, MAX_KEY]]), fetched=1.0)
    printed = run(lsdb_python, "crossmatch.py", tmp_path, MMDC_CACHE_DIR=str(tmp_path))
    counts = dict(line.rsplit(maxsplit=1) for line in printed.splitlines() if line[:3] == "Mrk")
    assert counts == {"Mrk 421": "50", "Mrk 501": "50"}
    assert (tmp_path / "matched.parquet").exists()
