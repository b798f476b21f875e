"""`LightCurve`: the photometry of one source, as it goes from survey to analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.arrays import structured
from astroquery_mmdc.retriever.time_info import TimeInfo, as_datetime, as_datetimes

if TYPE_CHECKING:
    from datetime import datetime

    from astropy.table import QTable
    from astropy.timeseries import TimeSeries

__all__ = ["ALIASES", "COLUMNS", "LEVELS", "LightCurve", "LightCurveColumn", "reduced_dtype"]

LEVELS = ("raw", "reduced", "processed", "simulated")
"""How far a light curve has come."""


@dataclass(frozen=True, slots=True)
class LightCurveColumn:
    """One column of a reduced light curve: its name, numpy type, unit and meaning."""

    name: str
    dtype: str
    unit: str | None
    description: str


COLUMNS: tuple[LightCurveColumn, ...] = (
    LightCurveColumn("time", "f8", "d", "MJD at mid-exposure, in the scale of meta['time_scale']"),
    LightCurveColumn("mjd", "f8", "d", "MJD (UTC) at mid-exposure"),
    LightCurveColumn("exptime", "f8", "s", "Exposure time"),
    LightCurveColumn("ra", "f8", "deg", "Right ascension of the measurement, ICRS"),
    LightCurveColumn("dec", "f8", "deg", "Declination of the measurement, ICRS"),
    LightCurveColumn("mag", "f8", "mag", "Magnitude"),
    LightCurveColumn("mag_err", "f8", "mag", "One-sigma error of mag"),
    LightCurveColumn("flux", "f8", None, "Flux, in the unit of meta['flux_unit']"),
    LightCurveColumn("flux_err", "f8", None, "One-sigma error of flux"),
    LightCurveColumn("filter", "U8", None, "Filter"),
    LightCurveColumn("flag", "?", None, "True where the survey says that the epoch is bad"),
    LightCurveColumn("snr", "f8", None, "Flux over its noise; over the noise of the event's"),
    LightCurveColumn("dsnr", "f8", None, "Difference to the mean flux, over the noise"),
    LightCurveColumn("dmag", "f8", "mag", "Brightening against the mean, positive if brighter"),
    LightCurveColumn("qflag", "?", None, "True where the quality check refuses the epoch"),
    LightCurveColumn("offset", "f8", None, "Offset from the median position, in scatters"),
    LightCurveColumn("detected", "?", None, "True inside of a detected event"),
)
"""The columns with a meaning of their own; a light curve may have more and need not have all."""

REQUIRED = ("time", "mjd", "exptime", "mag", "mag_err", "flux", "flux_err", "filter", "flag")
"""The columns that every reduced light curve has."""

ALIASES: Mapping[str, str] = {
    "magerr": "mag_err",
    "fluxerr": "flux_err",
    "exp_time": "exptime",
    "filt": "filter",
    "filtercode": "filter",
}
"""Other spellings that ``lightcurve[name]`` understands where there is no column of that name."""

_BY_NAME = {column.name: column for column in COLUMNS}


def reduced_dtype(*extra: str | tuple[str, str]) -> np.dtype:
    """Return the numpy type of a reduced light curve.

    Parameters
    ----------
    *extra : str or (str, str)
        Further columns: names from `COLUMNS`, or pairs of a name and a numpy type.

    Examples
    --------
    >>> reduced_dtype("ra", ("sector", "i4")).names[-3:]
    ('flag', 'ra', 'sector')
    """
    known = [(name, _BY_NAME[name].dtype) for name in REQUIRED]
    more = [(name, _BY_NAME[name].dtype) if isinstance(name, str) else name for name in extra]
    return np.dtype([*known, *more])


@dataclass(frozen=True, slots=True, eq=False)
class LightCurve:
    """Measurements of one source by one observatory, with what is known about them.

    Parameters
    ----------
    data : structured array or table
        One row per epoch. At level ``"raw"`` as delivered; from ``"reduced"`` on with the columns
        of `COLUMNS`, sorted by time, in one filter.
    source : str
        Name of the source.
    observatory : str
        Name of the observatory, in upper case.
    level : {"raw", "reduced", "processed", "simulated"}
        How far it has come.
    series, total : int
        Number of the light curve, from 1, among those made from the same raw data.
    simulation, simulations : int
        Number of the injection, from 1, among those into the same light curve; 0 where nothing
        was injected.
    meta : dict
        Everything else, JSON-able: what the survey says (altdata), ``"time_info"``
        (`TimeInfo.to_dict`, needed at level raw for `mjds`), ``"colmap"``, ``"time_scale"``,
        ``"flux_unit"``, ``"ra"``, ``"dec"``, ``"series_name"``, ``"statistics"``, and for injected
        light curves ``"sim_pars"``.

    Notes
    -----
    It is a value: functions return a new one (`replace`) and leave ``data`` as it is.

    Examples
    --------
    >>> lc = LightCurve({"mjd": [59000.0], "mag": [17.2]}, "BL Lac", "ZTF", level="reduced")
    >>> len(lc), lc.mags, lc.times[0].year
    (1, array([17.2]), 2020)
    """

    data: np.ndarray
    source: str
    observatory: str
    level: str = "raw"
    series: int = 1
    total: int = 1
    simulation: int = 0
    simulations: int = 0
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            msg = f"level: {self.level!r} is not known; choose from {LEVELS}"
            raise InvalidRequestError(msg, parameter="level")
        if not isinstance(self.data, np.ndarray) or self.data.dtype.names is None:
            object.__setattr__(self, "data", structured(self.data))

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, name: str) -> bool:
        return self._column_name(name) is not None

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column by its name or by one of `ALIASES`."""
        found = self._column_name(name)
        if found is None:
            msg = f"no column {name!r}; there are {list(self.colnames)}"
            raise KeyError(msg)
        return self.data[found]

    def __repr__(self) -> str:
        part = f"{self.series}/{self.total}" + (f" sim {self.simulation}" * bool(self.simulation))
        what = f"{self.observatory} {self.source!r} {self.level} {part}"
        return f"<LightCurve {what}, {len(self)} epochs>"

    def _column_name(self, name: str) -> str | None:
        colmap = self.meta.get("colmap") or {}
        wanted = (name, colmap.get(name), ALIASES.get(name), colmap.get(ALIASES.get(name, "")))
        return next((found for found in wanted if found in self.colnames), None)

    @property
    def colnames(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.data.dtype.names or ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no epoch: asked for, but the survey has nothing."""
        return len(self.data) == 0

    @property
    def time_info(self) -> TimeInfo:
        """What the times in ``data`` mean; MJD (UTC) in column ``mjd`` unless meta says else."""
        stated = self.meta.get("time_info")
        return TimeInfo(**stated) if stated else TimeInfo("mjd")

    @property
    def mjds(self) -> np.ndarray:
        """MJD (UTC) at mid-exposure."""
        if self.level != "raw" and "mjd" in self.colnames:
            return self.data["mjd"]
        if self.is_empty:
            return np.empty(0)
        return self.time_info.mjd_utc(self.data)

    @property
    def times(self) -> np.ndarray:
        """The same as an array of aware `~datetime.datetime`."""
        return as_datetimes(self.mjds)

    @property
    def fluxes(self) -> np.ndarray:
        """Column flux."""
        return self["flux"]

    @property
    def flux_errors(self) -> np.ndarray:
        """Column flux_err."""
        return self["flux_err"]

    @property
    def mags(self) -> np.ndarray:
        """Column mag."""
        return self["mag"]

    @property
    def mag_errors(self) -> np.ndarray:
        """Column mag_err."""
        return self["mag_err"]

    @property
    def good(self) -> np.ndarray:
        """True where neither the survey nor the quality check refuses the epoch."""
        good = np.ones(len(self), dtype=bool)
        for name in ("flag", "qflag"):
            if name in self.colnames and self.data[name].dtype.kind in "biu":
                good &= self.data[name] == 0
        return good

    @property
    def filters(self) -> list[str]:
        """The filters in it; one from level reduced on."""
        return [str(name) for name in np.unique(self["filter"])] if "filter" in self else []

    @property
    def span(self) -> tuple[datetime, datetime] | tuple[None, None]:
        """The first and the last epoch, None and None if there is none."""
        mjd = self.mjds
        low, high = (np.fmin.reduce(mjd), np.fmax.reduce(mjd)) if len(mjd) else (np.nan, np.nan)
        if not np.isfinite(low):
            return None, None
        return as_datetime(float(low)), as_datetime(float(high))

    @property
    def time_start(self) -> datetime | None:
        """The first epoch, None if there is none."""
        return self.span[0]

    @property
    def time_end(self) -> datetime | None:
        """The last epoch, None if there is none."""
        return self.span[1]

    def replace(self, **changes: Any) -> LightCurve:
        """Return another light curve in which some fields differ."""
        return replace(self, **changes)

    @property
    def table(self) -> QTable:
        """The data as a `~astropy.table.QTable` with units, descriptions and ``meta``."""
        from astropy.table import QTable

        table = QTable(self.data, copy=False, meta=dict(self.meta))
        units = dict(self.meta.get("units") or {})
        for name in self.colnames:
            column = _BY_NAME.get(name) if self.level != "raw" else None
            table[name].info.description = column.description if column else ""
            unit = units.get(name) or (column.unit if column else None)
            if unit is None and column and name in ("flux", "flux_err"):
                unit = self.meta.get("flux_unit")
            if unit is not None:
                table[name].unit = unit
        return QTable(table)

    def to_timeseries(self) -> TimeSeries:
        """Return a `~astropy.timeseries.TimeSeries` with the times in UTC."""
        from astropy.time import Time
        from astropy.timeseries import TimeSeries

        table = self.table
        if "time" in table.colnames:
            table.rename_column("time", "time_stated")
        keep = np.isfinite(self.mjds)
        time = Time(self.mjds[keep], format="mjd", scale="utc")
        series = TimeSeries(table[keep], time=time)
        series.meta.update(self.meta)
        return series

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with the columns as they are."""
        import pandas as pd

        frame = pd.DataFrame({name: self.data[name] for name in self.colnames})
        frame.attrs.update(self.meta)
        return frame

    def to_lightkurve(self) -> Any:
        """Return a `lightkurve.LightCurve` with the times in UTC."""
        from astropy.time import Time
        from lightkurve import LightCurve as Lightkurve

        keep = np.isfinite(self.mjds)
        time = Time(self.mjds[keep], format="mjd", scale="utc")
        table = self.table[keep]
        flux = {name: table[name] for name in ("flux", "flux_err") if name in table.colnames}
        return Lightkurve(time=time, **flux, meta={**self.meta, "LABEL": self.source})
