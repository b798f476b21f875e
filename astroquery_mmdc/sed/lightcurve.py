"""Light curves as astropy time series."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import QTable
from astropy.timeseries import TimeSeries

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed.build import text

__all__ = ["to_timeseries"]


def to_timeseries(
    lightcurve: QTable, *, catalog: str | None = None, band: str | None = None
) -> TimeSeries:
    """Return a light curve as a time series, sorted by time.

    Parameters
    ----------
    lightcurve : `~astropy.table.QTable`
        As `MMDC.query_lightcurve` returns it, with a column ``time``.
    catalog : str, optional
        Keep the points of this catalogue only.
    band : str, optional
        Keep the points of this photometric band only.

    Returns
    -------
    `~astropy.timeseries.TimeSeries`
        The same columns; points without a time are left out; the scale of time is UTC.

    Raises
    ------
    InvalidRequestError
        There is no column ``time``, or a catalogue or band that is not in the table.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from astropy.time import Time
    >>> curve = QTable({"time": Time([58002.0, 58001.0], format="mjd"), "catalog": ["ZTF", "ZTF"]})
    >>> to_timeseries(curve, catalog="ZTF").time.mjd.tolist()
    [58001.0, 58002.0]
    """
    if "time" not in lightcurve.colnames:
        msg = f"lightcurve: no column time among {lightcurve.colnames}; use query_lightcurve"
        raise InvalidRequestError(msg, parameter="lightcurve")
    mask = ~np.broadcast_to(np.asarray(lightcurve["time"].mask), len(lightcurve))
    for column, value, parameter in (
        ("catalog", catalog, "catalog"),
        ("filter_band", band, "band"),
    ):
        if value is not None:
            mask = mask & _is(lightcurve, column, value, parameter)
    # A masked Time stays masked after slicing, and TimeSeries wants plain times.
    chosen = lightcurve[mask]
    time = (
        chosen["time"].unmasked.utc if hasattr(chosen["time"], "unmasked") else chosen["time"].utc
    )
    order = np.argsort(time.mjd, kind="stable")
    others = {name: chosen[name][order] for name in chosen.colnames if name != "time"}
    series = TimeSeries(time=time[order], data=QTable(others) if others else None)
    series.meta.update(lightcurve.meta)
    return series


def _is(table: QTable, column: str, value: str, parameter: str) -> Any:
    present = text(table[column]) if column in table.colnames else np.full(len(table), "")
    matches = present == value
    if len(table) and not matches.any():
        there = sorted(set(present.tolist()) - {""})
        msg = f"{parameter}: {value!r} is not in the light curve; it has {there}"
        raise InvalidRequestError(msg, parameter=parameter)
    return matches
