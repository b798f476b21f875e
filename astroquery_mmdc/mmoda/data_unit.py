"""One array with its header: table, image or spectrum, seen as objects of astropy."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.fits_units import fits_header, make_hdu
from astroquery_mmdc.mmoda.table_units import unit_from_text, with_unit

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.time import Time
    from astropy.timeseries import TimeSeries
    from astropy.wcs import WCS

__all__ = ["HDU_TYPES", "DataUnit"]

HDU_TYPES = ("primary", "image", "table", "bintable")
# The year 2132: a sum beyond it means that the reference date was already in the times.
_LATEST_MJD = 100_000.0
_SCALES = {"tt", "utc", "tai", "tdb", "tcb", "tcg", "ut1"}


@dataclass(frozen=True, slots=True, eq=False)
class DataUnit:
    """An array with its header, as a dispatcher sends it.

    Parameters
    ----------
    data : ndarray or None
        Record array of a table or plain array of an image; values as they were sent.
    name : str
        Name of the HDU.
    header : dict
        Keywords of the FITS header.
    meta_data : dict
        What else is said about it.
    hdu_type : str or None
        ``"primary"``, ``"image"``, ``"table"``, ``"bintable"`` or None.
    units_dict : dict or None
        Unit by column, where they are sent beside the header.
    """

    data: NDArray[Any] | None
    name: str = "table"
    header: dict[str, Any] = field(default_factory=dict)
    meta_data: dict[str, Any] = field(default_factory=dict)
    hdu_type: str | None = None
    units_dict: dict[str, str] | None = None

    @property
    def is_table(self) -> bool:
        """Whether the data have columns."""
        return self.data is not None and self.data.dtype.names is not None

    @property
    def is_image(self) -> bool:
        """Whether the data are an image or a cube."""
        return self.data is not None and self.data.dtype.names is None and self.data.ndim >= 2

    @property
    def units(self) -> dict[str, str]:
        """Unit by column, as written: beside the header, else in it."""
        names = {
            str(value): str(self.header[f"TUNIT{key[5:]}"])
            for key, value in self.header.items()
            if key.startswith("TTYPE") and self.header.get(f"TUNIT{key[5:]}")
        }
        beside = {str(key): str(value) for key, value in (self.units_dict or {}).items() if value}
        return {**names, **beside}

    @property
    def table(self) -> QTable:
        """Columns with their units; ``meta`` is the header.

        Raises
        ------
        InvalidRequestError
            The unit is an image or empty.
        """
        data = self._columns("table")
        units = self.units
        if "TIME" in (data.dtype.names or ()) and self.header.get("TIMEUNIT"):
            units.setdefault("TIME", str(self.header["TIMEUNIT"]))
        out = QTable(meta=dict(self.header))
        for name in data.dtype.names or ():
            out[name] = with_unit(_native(data[name]), unit_from_text(units.get(name)))
        return out

    @property
    def times(self) -> Time:
        """Times of the column ``TIME``, from the header's reference date, unit and scale.

        Where the sum of reference date and times would lie beyond the year 2132, the times hold
        the reference date already.
        """
        from astropy.time import Time

        data = self._columns("timeseries")
        if "TIME" not in (data.dtype.names or ()):
            msg = f"data unit {self.name!r}: no column TIME among {list(data.dtype.names or ())}"
            raise InvalidRequestError(msg, parameter="timeseries")
        unit = unit_from_text(self.units.get("TIME") or self.header.get("TIMEUNIT")) or u.day
        days = (_native(data["TIME"]).astype(np.float64) * unit).to_value(u.day)
        reference = self._reference_mjd()
        if days.size and np.nanmax(days) + reference > _LATEST_MJD:
            reference = 0.0
        scale = str(self.header.get("TIMESYS") or "utc").strip().lower()
        return Time(reference, days, format="mjd", scale=scale if scale in _SCALES else "utc")

    def _reference_mjd(self) -> float:
        whole = self.header.get("MJDREFI")
        if isinstance(whole, int | float):
            return float(whole) + float(self.header.get("MJDREFF") or 0.0)
        given = self.header.get("MJDREF")
        return float(given) if isinstance(given, int | float) else 0.0

    @property
    def timeseries(self) -> TimeSeries:
        """The light curve: times, and all other columns with their units."""
        from astropy.timeseries import TimeSeries

        table = self.table
        times = self.times
        table.remove_column("TIME")
        return TimeSeries(table, time=times)

    @property
    def wcs(self) -> WCS:
        """World coordinates of the image."""
        from astropy.wcs import WCS, FITSFixedWarning

        axes = None if self.data is None else max(self.data.ndim, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            return WCS(fits_header(self.header), naxis=axes)

    @property
    def ccd(self) -> CCDData:
        """The image with its unit and world coordinates."""
        from astropy.nddata import CCDData

        if not self.is_image or self.data is None:
            msg = f"data unit {self.name!r} is no image; use .table or .data"
            raise InvalidRequestError(msg, parameter="ccd")
        unit = unit_from_text(self.header.get("BUNIT")) or u.dimensionless_unscaled
        wcs = self.wcs
        has_sky = any(wcs.wcs.ctype)
        meta = dict(self.header)
        return CCDData(_native(self.data), unit=unit, wcs=wcs if has_sky else None, meta=meta)

    @property
    def hdu(self) -> Any:
        """The HDU of a FITS file with these data."""
        return make_hdu(
            self.data, self.header, name=self.name, kind=self.hdu_type, units=self.units
        )

    def _columns(self, wanted: str) -> NDArray[Any]:
        if not self.is_table or self.data is None:
            msg = f"data unit {self.name!r} has no columns; use .data or .ccd"
            raise InvalidRequestError(msg, parameter=wanted)
        return self.data


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Return the same values in this machine's byte order, which most libraries want."""
    return values.astype(values.dtype.newbyteorder("="), copy=True)
