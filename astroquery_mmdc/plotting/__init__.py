"""Figures for files: SEDs and light curves, drawn by matplotlib without pyplot."""

from __future__ import annotations

from astroquery_mmdc.plotting.files import save_figure
from astroquery_mmdc.plotting.lightcurve import plot_lightcurve
from astroquery_mmdc.plotting.spectrum import plot_sed

__all__ = ["plot_lightcurve", "plot_sed", "save_figure"]
