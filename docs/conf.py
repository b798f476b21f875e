"""Sphinx settings: the shared ones of sphinx-astropy and what is special here."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

from sphinx_astropy.conf.v3 import *

from astroquery_mmdc import __version__ as release

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# --- project ---

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
copyright = f"2026, {author}"
version = release.partition("+")[0]

# --- sources ---

extensions += ["generated", "myst_nb", "sphinx_copybutton", "sphinx_design"]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["_build", "**/jupyter_execute", "**.ipynb_checkpoints"]
automodapi_toctreedirnm = "reference/api"
autodoc_typehints = "none"  # the numpydoc sections already say types and units
html_title = f"{project} {version}"
html_theme = "astropy-unified"
html_static_path = ["_static"]
html_css_files = ["wide.css"]

# --- notebooks: MyST-Markdown without outputs, executed against the package's own server ---

nb_execution_mode = "force" if os.environ.get("CI") else "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]

# --- references ---

nitpicky = True


def _nitpick_exceptions(path: Path) -> list[tuple[str, str]]:
    lines = (
        line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()
    )
    return [(role, target) for role, target in filter(None, lines)]


nitpick_ignore = _nitpick_exceptions(DOCS / "nitpick-exceptions.txt")

# The build needs no network unless it is asked to link to other projects' pages.
if os.environ.get("INTERSPHINX") or os.environ.get("READTHEDOCS"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "astropy": ("https://docs.astropy.org/en/stable/", None),
        "astroquery": ("https://astroquery.readthedocs.io/en/stable/", None),
    }
else:
    intersphinx_mapping = {}
    # Whatever is not ours cannot be resolved then; what is ours must be.
    nitpick_ignore_regex = [(r"py:.*", r"(?!astroquery_mmdc).*")]
