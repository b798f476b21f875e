from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from pytest_astropy_header.display import TESTED_VERSIONS

# Read by Sphinx and made by it: no tests in there.
collect_ignore_glob = ["docs/conf.py", "docs/_build/*", "docs/reference/api/*", "docs/notebooks/*"]

try:
    TESTED_VERSIONS["astroquery_mmdc"] = version("astroquery_mmdc")
except PackageNotFoundError:
    TESTED_VERSIONS["astroquery_mmdc"] = "of the checkout (not installed)"
