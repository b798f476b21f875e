"""With the server stopped, every example of the documentation that ran once runs again."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from astroquery_mmdc.server import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WORKER = Path(__file__).with_name("docs_worker.py")

# Examples that need a server by nature: page, beginning, reason. What follows on the page and
# uses their results may miss these.
_OWN = "starts a server of its own, which nobody asked before"
NEEDS_A_SERVER = {
    ("installation.rst", "with serving() as url:"): _OWN,
    ("astro_mmdc.rst", "with serving() as url, OfficialClient"): _OWN,
    ("jobs.rst", "with serving(sed_seconds=3) as url:"): _OWN,
    ("local_server.rst", "with serving() as url:"): _OWN,
    ("local_server.rst", 'with serving("mine.parquet")'): _OWN,
    ("local_server.rst", "with LocalServer("): _OWN,
    ("models.rst", 'report = MMDC.validate_csv(io.StringIO("frequency,flux,flux_err'): (
        "the file is checked by the service's own reader"
    ),
    ("models.rst", "with serving() as url:"): _OWN,
    ("mmoda_notebooks.rst", "mmoda.list_instruments()"): "what a dispatcher offers, it says itself",
    ("mmoda_notebooks.rst", "sed = mmoda.get_product("): "a job at a dispatcher",
    ("observations.rst", "brightest = MMDC.query_criteria("): (
        "asks for the whole sky, of which only cones are held; a complete mirror answers it"
    ),
    ("swift.rst", "result = MMDC.analyze_swift("): "an analysis at the service",
}
# Examples that show something else the second time, and why that is right.
OTHERWISE = {
    ("errors.rst", 'with conf.set_temp("offline", True):\n    MMDC.query_region("Mrk 421")\n'): (
        "shows the error of what is not held; later examples of the page have asked for it"
    ),
    (
        "local_server.rst",
        "with serving(store=mmdc.cache.folder) as url:\n"
        '    table = MMDCClass(url).query_region("166.1138 38.2088", "10 arcsec")\n',
    ): "serves the folder that the example before it would have filled",
}


def pages():
    """Return the pages with examples."""
    found = [*sorted(DOCS.rglob("*.rst")), *sorted(DOCS.glob("notebooks/*.md"))]
    kept = [page for page in found if not {"_build", "api"} & set(page.parts)]
    return [p for p in kept if any(mark in p.read_text("utf-8") for mark in (">>>", "{code-cell}"))]


def run(page, mode, folder, cache, url):
    """Run a page in a process of its own; return its examples with what they showed."""
    folder.mkdir(exist_ok=True)
    answer = folder.with_suffix(".json")
    env = {
        **{name: value for name, value in os.environ.items() if name != "MMDC_API_KEY"},
        "MMDC_SERVER": url,
        "MMDC_CACHE_DIR": str(cache),
        "RETRIEVER_DATA": str(folder / "retriever"),
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(WORKER), str(page), mode, str(answer)]
    done = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(answer.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What the examples of each page showed with the server, and what without it."""
    folder = tmp_path_factory.mktemp("docs")
    made_up = runpy.run_path(str(DOCS / "notebooks" / "made_up.py"))
    found = {}
    with LocalServer(made_up["store"]()) as server:
        for number, page in enumerate(pages()):
            place = folder / f"{number}"
            found[page] = [run(page, "online", place, place / "cache", server.url)]
        url = server.url
    for number, page in enumerate(found):
        again = folder / f"{number}-again"
        again.mkdir()
        # A folder for the cache that an example names itself.
        if (folder / f"{number}" / "kept").exists():
            shutil.copytree(folder / f"{number}" / "kept", again / "kept")
        found[page].append(run(page, "offline", again, folder / f"{number}" / "cache", url))
    return found


def test_every_example_runs_with_the_server(runs):
    for page, (first, _) in runs.items():
        for each in first:
            assert bool(each["error"]) == each["is_error"], (page.name, each)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_it_runs_again_without(runs, page):
    first, second = runs[page]
    needy = False
    for before, after in zip(first, second, strict=True):
        if reason(page, before["source"]) is not None:
            assert after["error"][0] == "OfflineError", after
            assert "conf.offline" in after["error"][1]
            needy = True
        elif (page.name, before["source"]) not in OTHERWISE and not (
            needy and (after["error"] or [""])[0] == "NameError"
        ):
            for what in ("output", "warnings", "error"):
                assert after[what] == before[what], after


def test_what_is_listed_is_there(runs):
    sources = {(page.name, each["source"]) for page, (first, _) in runs.items() for each in first}
    assert set(OTHERWISE) <= sources
    for name, beginning in NEEDS_A_SERVER:
        assert any(page == name and source.startswith(beginning) for page, source in sources)


def reason(page, source):
    """Return why an example needs a server, None if it does not."""
    for (name, beginning), why in NEEDS_A_SERVER.items():
        if page.name == name and source.startswith(beginning):
            return why
    return None
