"""What is kept of every source: summary statistics, and that it was analysed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.reduction.statistics import mean_std

__all__ = ["PropertiesRecord", "fractional_variability", "summary"]

_FROM_STATISTICS = (
    "num_good",
    "mag_mean_robust",
    "mag_rms_robust",
    "mag_brightest",
    "mag_faintest",
    "flux_mean_robust",
    "flux_rms_robust",
    "snr_median",
)


@dataclass(frozen=True, slots=True)
class PropertiesRecord:
    """Summary of a source. That there is one says that the source was analysed.

    Parameters
    ----------
    source_name : str
        The source.
    has_data : bool
        Whether there was any light curve.
    props : dict
        See `summary`.
    """

    source_name: str
    has_data: bool
    props: Mapping[str, Any] = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """Return the columns of the database by name."""
        return {
            "source_name": self.source_name,
            "has_data": self.has_data,
            "props": dict(self.props),
        }


def summary(lightcurves: Sequence[LightCurve]) -> dict[str, Any]:
    """Return summary statistics of the light curves of a source.

    Parameters
    ----------
    lightcurves : sequence of LightCurve
        Level processed.

    Returns
    -------
    dict
        ``num_lightcurves``, ``num_epochs``, ``num_good``, ``mjd_start``, ``mjd_end``, ``filters``,
        and ``series``: for each light curve its observatory, number, filter, epochs, robust means
        and scatters, extremes, and ``fractional_variability``.
    """
    series = [_of_series(lightcurve) for lightcurve in lightcurves]
    starts = [each["mjd_start"] for each in series if each["mjd_start"] is not None]
    ends = [each["mjd_end"] for each in series if each["mjd_end"] is not None]
    return {
        "num_lightcurves": len(series),
        "num_epochs": sum(each["num_epochs"] for each in series),
        "num_good": sum(each["num_good"] or 0 for each in series),
        "mjd_start": min(starts, default=None),
        "mjd_end": max(ends, default=None),
        "filters": sorted({each["filter"] for each in series}),
        "series": series,
    }


def _of_series(lightcurve: LightCurve) -> dict[str, Any]:
    statistics = lightcurve.meta.get("statistics") or {}
    mjds = lightcurve.mjds
    return {
        "observatory": lightcurve.observatory,
        "series": lightcurve.series,
        "filter": str(lightcurve.meta.get("filter") or ""),
        "num_epochs": len(lightcurve),
        "mjd_start": float(mjds[0]) if mjds.size else None,
        "mjd_end": float(mjds[-1]) if mjds.size else None,
        **{name: statistics.get(name) for name in _FROM_STATISTICS},
        "fractional_variability": fractional_variability(lightcurve),
    }


def fractional_variability(lightcurve: LightCurve) -> float | None:
    """Return the scatter of the flux beyond its errors, over the mean flux.

    Returns
    -------
    float or None
        None if there are fewer than two good epochs with an error, or the mean is not positive; 0
        if the errors explain the scatter.

    Notes
    -----
    F_var = sqrt(S**2 - <err**2>) / <F> with the sample variance S**2 (Vaughan et al. 2003,
    MNRAS 345, 1271, equation 10). Flagged epochs are left out.
    """
    data = lightcurve.data
    errors = data["flux_err"]
    good = lightcurve.good & np.isfinite(data["flux"]) & np.isfinite(errors)
    flux, errors = data["flux"][good], errors[good]
    size = flux.size
    mean, std = mean_std(flux)
    if size < 2 or not mean > 0:
        return None
    excess = std * std * size / (size - 1) - float(errors @ errors) / size
    return math.sqrt(max(excess, 0.0)) / mean
