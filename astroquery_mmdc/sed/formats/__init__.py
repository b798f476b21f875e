"""File formats of SEDs, one small module for each dialect; importing this registers them.

``SED.read(path)`` finds the format from the content, ``sed.write(path)`` from the ending;
``format="jetset"`` and the like choose one.
"""

from __future__ import annotations

from astroquery_mmdc.sed.formats import (
    archives,
    bjet,
    gadf,
    ivoa,
    jetset,
    mmdc_csv,
    mmdc_json,
    naima,
    plain,
    ssdc,
    vou,
    xspec,
)
from astroquery_mmdc.sed.formats.base import FormatLossWarning
from astroquery_mmdc.sed.formats.gadf import to_gammapy_groups, write_gammapy_groups
from astroquery_mmdc.sed.formats.xspec import write_xspec_groups

__all__ = [
    "FormatLossWarning",
    "archives",
    "bjet",
    "gadf",
    "ivoa",
    "jetset",
    "mmdc_csv",
    "mmdc_json",
    "naima",
    "plain",
    "ssdc",
    "to_gammapy_groups",
    "vou",
    "write_gammapy_groups",
    "write_xspec_groups",
    "xspec",
]
