"""Figures for files: SEDs, models, fits and light curves, drawn by matplotlib without pyplot."""

from __future__ import annotations

from astroquery_mmdc.plotting.corner import plot_corner
from astroquery_mmdc.plotting.files import save_figure
from astroquery_mmdc.plotting.fit import plot_fit
from astroquery_mmdc.plotting.lightcurve import plot_lightcurve
from astroquery_mmdc.plotting.model import plot_spectrum
from astroquery_mmdc.plotting.report import report_pdf, write_report
from astroquery_mmdc.plotting.spectrum import plot_sed

__all__ = [
    "plot_corner",
    "plot_fit",
    "plot_lightcurve",
    "plot_sed",
    "plot_spectrum",
    "report_pdf",
    "save_figure",
    "write_report",
]
