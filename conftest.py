from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from pytest_astropy_header.display import TESTED_VERSIONS

# Read by Sphinx and made by it: no tests in there.
collect_ignore_glob = [
    "docs/conf.py",
    "docs/_build/*",
    "docs/_ext/*",
    "docs/reference/api/*",
    "docs/notebooks/*",
]

try:
    TESTED_VERSIONS["astroquery_mmdc"] = version("astroquery_mmdc")
except PackageNotFoundError:
    TESTED_VERSIONS["astroquery_mmdc"] = "of the checkout (not installed)"


# Examples run without a network: on a local server, in a folder of their own.


@pytest.fixture(scope="session")
def _doctest_server() -> Iterator[str]:
    from astroquery_mmdc.server import serving

    with serving() as url:
        yield url


@pytest.fixture(autouse=True)
def _doctest_environment(request: pytest.FixtureRequest) -> None:
    # Tests choose their servers themselves.
    if not isinstance(request.node, pytest.DoctestItem):
        return
    monkeypatch = request.getfixturevalue("monkeypatch")
    folder: Path = request.getfixturevalue("tmp_path")
    monkeypatch.setenv("MMDC_SERVER", request.getfixturevalue("_doctest_server"))
    monkeypatch.setenv("MMDC_CACHE_DIR", str(folder / "cache"))
    monkeypatch.delenv("MMDC_API_KEY", raising=False)
    monkeypatch.chdir(folder)
