"""`SED` and what belongs to it: windows, epochs, corrections, light curves and files."""

from __future__ import annotations

from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.corrections import CORRECTIONS, is_corrected, mark_corrected
from astroquery_mmdc.sed.epochs import COVERAGE, Epoch, Variability, find_epochs, variability
from astroquery_mmdc.sed.formats import (
    FormatLossWarning,
    to_gammapy_groups,
    write_gammapy_groups,
    write_xspec_groups,
)
from astroquery_mmdc.sed.lightcurve import to_timeseries

__all__ = [
    "CORRECTIONS",
    "COVERAGE",
    "SED",
    "Epoch",
    "FormatLossWarning",
    "Variability",
    "find_epochs",
    "is_corrected",
    "mark_corrected",
    "to_gammapy_groups",
    "to_timeseries",
    "variability",
    "write_gammapy_groups",
    "write_xspec_groups",
]
