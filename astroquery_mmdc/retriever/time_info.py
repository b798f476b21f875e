"""When an epoch was: from the times that a survey states to MJD (UTC) at mid-exposure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["TimeInfo", "as_datetime", "as_datetimes"]

_MJD_OF_UNIX = 40587.0
_ZERO = {"mjd": 0.0, "jd": -2400000.5}
_SECONDS = 86400.0
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeInfo:
    """What the numbers in a column of times mean.

    Parameters
    ----------
    column : str
        Name of the column.
    format : {"mjd", "jd", "unix", "datetime"}
        How its values count.
    offset : float
        What to add to a value before it is read in that format, in the units of the column:
        2457000 for "BJD - 2457000".
    scale : str
        Time scale as astropy names it: ``"utc"``, ``"tai"``, ``"tt"``, ``"tdb"``, ``"tcb"``.
    position : {"mid", "start"}
        To which instant of the exposure it refers.
    exptime_column : str
        Name of the column of exposure times in seconds, needed for ``position="start"``.

    Examples
    --------
    >>> info = TimeInfo("TIME", "jd", offset=2457000, scale="tdb")
    >>> info.mjd_utc({"TIME": np.array([1325.0])})
    array([58324.4991992])
    """

    column: str = "time"
    format: str = "mjd"
    offset: float = 0.0
    scale: str = "utc"
    position: str = "mid"
    exptime_column: str = "exptime"

    def __post_init__(self) -> None:
        choices = {"format": ("mjd", "jd", "unix", "datetime"), "position": ("mid", "start")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                msg = f"{name}: {getattr(self, name)!r} is not known; choose from {known}"
                raise InvalidRequestError(msg, parameter=name)

    def mjd(self, data: Any) -> np.ndarray:
        """Return MJD at mid-exposure in the scale of the column, as float64.

        Parameters
        ----------
        data : structured array or mapping
            Holds the columns.
        """
        mjd = self._stated(np.asarray(data[self.column]))
        if self.position == "start":
            mjd = mjd + np.asarray(data[self.exptime_column], dtype=float) / (2 * _SECONDS)
        return mjd

    def mjd_utc(self, data: Any) -> np.ndarray:
        """Return MJD (UTC) at mid-exposure; times that are not a number stay so."""
        mjd = self.mjd(data)
        good = np.isfinite(mjd)
        if self.scale == "utc" or not good.any():
            return mjd
        from astropy.time import Time

        result = np.full(mjd.shape, np.nan)
        result[good] = Time(mjd[good], format="mjd", scale=self.scale).utc.mjd
        return result

    def _stated(self, values: np.ndarray) -> np.ndarray:
        if self.format == "datetime":
            stamps = values.astype("datetime64[us]")
            seconds = stamps.astype(np.int64) / 1e6
            mjd = np.where(np.isnat(stamps), np.nan, seconds / _SECONDS + _MJD_OF_UNIX)
            return mjd + self.offset
        numbers = np.asarray(values, dtype=float)
        if self.format == "unix":
            return (numbers + self.offset) / _SECONDS + _MJD_OF_UNIX
        # Both constants first: the sum of large numbers would cost digits.
        return numbers + (self.offset + _ZERO[self.format])

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able metadata; ``TimeInfo(**dict)`` reads it back."""
        return {name: getattr(self, name) for name in self.__slots__}


def as_datetime(mjd: float) -> datetime:
    """Return an MJD (UTC) as an aware `~datetime.datetime`.

    Examples
    --------
    >>> as_datetime(59000.5).isoformat()
    '2020-05-31T12:00:00+00:00'
    """
    return _UNIX + timedelta(microseconds=round((mjd - _MJD_OF_UNIX) * (_SECONDS * 1e6)))


def as_datetimes(mjd: np.ndarray) -> np.ndarray:
    """Return MJD (UTC) as an array of aware `~datetime.datetime`, None for not-a-number.

    Examples
    --------
    >>> as_datetimes(np.array([59000.5]))[0].isoformat()
    '2020-05-31T12:00:00+00:00'
    """
    mjd = np.asarray(mjd, dtype=float)
    good = np.isfinite(mjd)
    micro = np.full(mjd.shape, np.iinfo(np.int64).min, dtype=np.int64)  # numpy's not-a-time
    micro[good] = np.round((mjd[good] - _MJD_OF_UNIX) * (_SECONDS * 1e6)).astype(np.int64)
    naive = micro.astype("datetime64[us]").astype(object)
    result = np.empty(mjd.shape, dtype=object)
    result[...] = [None if t is None else t.replace(tzinfo=UTC) for t in naive]
    return result
