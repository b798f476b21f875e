"""Figures for files: SEDs, models and light curves, drawn by matplotlib without pyplot."""

from __future__ import annotations

from astroquery_mmdc.plotting.files import save_figure
from astroquery_mmdc.plotting.lightcurve import plot_lightcurve
from astroquery_mmdc.plotting.model import plot_spectrum
from astroquery_mmdc.plotting.spectrum import plot_sed

__all__ = ["plot_lightcurve", "plot_sed", "plot_spectrum", "save_figure"]
