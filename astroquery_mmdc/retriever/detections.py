"""What is kept of an event: a record that goes to the database as a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.retriever.finder import Event
from astroquery_mmdc.retriever.lightcurve import LightCurve

__all__ = ["DetectionRecord", "detection_of"]

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DetectionRecord:
    """An event in a light curve, real or injected.

    Parameters
    ----------
    source_name, observatory : str
        Where it is.
    series_number, simulation_number : int
        In which of the light curves; 0 for no simulation.
    time_start, time_end, peak_time : datetime
        First and last epoch, and the strongest one, UTC.
    peak_start, peak_end : datetime
        The same as ``time_start`` and ``time_end`` unless a finder knows better.
    peak_mjd : float
        MJD (UTC) of the strongest epoch.
    peak_number : int
        Row of the strongest epoch.
    data_ranges : dict
        Number of the light curve -> first and last row.
    snr, score : float
        Signal-to-noise ratio of the strongest epoch, and the score that it was found by; negative
        for dips.
    peak_mag, peak_mag_diff : float or None
        Magnitude of the strongest epoch, and by how much it is brighter than the mean.
    quality_flag : int
        1 if the quality check refuses any of the epochs.
    quality_values : dict
        Largest absolute value of each quality value.
    simulated : bool
        Whether the event was injected.
    sim_pars : dict
        What was injected.
    extra_scores : dict
        Further scores of the strongest epoch.
    method : str
        How it was found.
    """

    source_name: str
    observatory: str
    series_number: int
    simulation_number: int
    time_start: datetime
    time_end: datetime
    peak_time: datetime
    peak_start: datetime
    peak_end: datetime
    peak_mjd: float
    peak_number: int
    data_ranges: Mapping[str, list[int]]
    snr: float
    score: float
    peak_mag: float | None
    peak_mag_diff: float | None
    quality_flag: int
    quality_values: Mapping[str, float]
    simulated: bool = False
    sim_pars: Mapping[str, Any] = field(default_factory=dict)
    extra_scores: Mapping[str, float] = field(default_factory=dict)
    method: str = "peak finding"
    data_types: tuple[str, ...] = ("photometry",)
    matched_filter_kernel_index: int | None = None
    match_filter_bank_name: str | None = None
    matched_filter_kernel_props: Mapping[str, Any] = field(default_factory=dict)

    def to_row(self) -> dict[str, Any]:
        """Return the columns of the database by name."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in {**row, "data_types": list(self.data_types)}.items()
        }


def detection_of(
    lightcurve: LightCurve, event: Event, *, sim_pars: Mapping[str, Any] | None = None
) -> DetectionRecord:
    """Return the record of an event.

    Parameters
    ----------
    lightcurve : LightCurve
        In which the event is, as the finder returns it.
    event : Event
        The event.
    sim_pars : mapping, optional
        What was injected, if that is what was found.
    """
    data, rows = lightcurve.data, event.rows
    first, last = int(rows[0]), int(rows[-1])
    start, peak, end = (_datetime(data["mjd"][row]) for row in (first, event.peak, last))
    mag, mag_diff = _magnitudes(lightcurve, event)
    return DetectionRecord(
        source_name=lightcurve.source,
        observatory=lightcurve.observatory,
        series_number=lightcurve.series,
        simulation_number=lightcurve.simulation,
        time_start=start,
        time_end=end,
        peak_time=peak,
        peak_start=start,
        peak_end=end,
        peak_mjd=float(data["mjd"][event.peak]),
        peak_number=event.peak,
        data_ranges={str(lightcurve.series): [first, last]},
        snr=float(data["snr"][event.peak]),
        score=event.score,
        peak_mag=mag,
        peak_mag_diff=mag_diff,
        quality_flag=int(_column(data, "qflag", rows).any()),
        quality_values=_finite(offset=np.abs(_column(data, "offset", rows)).max()),
        simulated=sim_pars is not None,
        sim_pars=dict(sim_pars or {}),
        extra_scores=_finite(dmag=_column(data, "dmag", rows)[rows == event.peak].max()),
    )


def _column(data: NDArray[Any], name: str, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return a column at some rows; not a number for one that there is not."""
    if name in (data.dtype.names or ()):
        return data[name][rows]
    return np.full(rows.shape, False if name == "qflag" else math.nan)


def _datetime(mjd: float) -> datetime:
    return _MJD_ZERO + timedelta(days=float(mjd))


def _magnitudes(lightcurve: LightCurve, event: Event) -> tuple[float | None, float | None]:
    """Return the magnitude of the peak, and by how much it is brighter than the mean."""
    if "mag" not in lightcurve.colnames:
        return None, None
    mag = float(lightcurve.data["mag"][event.peak])
    mean = (lightcurve.meta.get("statistics") or {}).get("mag_mean_robust")
    found = _finite(mag=mag, diff=math.nan if mean is None else mean - mag)
    return found.get("mag"), found.get("diff")


def _finite(**values: float) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}
