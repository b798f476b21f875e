"""Annotated notebooks as instruments: read here, executed in processes of their own."""

from __future__ import annotations

from astroquery_mmdc.notebooks.notebook import Notebook, Output, instrument_of, read_notebook
from astroquery_mmdc.notebooks.run import RunLimits, run_notebook

__all__ = [
    "Notebook",
    "Output",
    "RunLimits",
    "instrument_of",
    "read_notebook",
    "run_notebook",
]
