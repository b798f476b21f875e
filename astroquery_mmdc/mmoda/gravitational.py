"""Products of gravitational-wave events: strain, spectrogram, sky maps and contours."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.mmoda.products import NumpyProduct, Product

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astropy.timeseries import TimeSeries

__all__ = ["ContoursProduct", "SkyMapProduct", "SpectrogramProduct", "StrainProduct"]


@dataclass(slots=True, eq=False, kw_only=True)
class _Table(Product):
    """A product that is saved as the table of its values."""

    @property
    def extension(self) -> str:
        """Ending of the file: a table as text, with units."""
        return "ecsv"

    @property
    @abstractmethod
    def table(self) -> QTable:
        """The values as a table."""

    def _write_to(self, path: Path) -> None:
        self.table.write(path)


@dataclass(slots=True, eq=False, kw_only=True)
class StrainProduct(_Table):
    """Strain of a detector, evenly spaced in time.

    Parameters
    ----------
    value : ndarray
        Strain.
    t0 : float
        GPS time of the first sample in seconds.
    dt : float
        Seconds between samples.
    """

    value: NDArray[np.float64]
    t0: float
    dt: float

    @property
    def times(self) -> Time:
        """Time of each sample."""
        return _gps(self.t0, self.dt, len(self.value))

    @property
    def timeseries(self) -> TimeSeries:
        """The strain over time."""
        from astropy.timeseries import TimeSeries

        return TimeSeries({"strain": self.value}, time=self.times)

    @property
    def table(self) -> QTable:
        """GPS time and strain."""
        seconds = self.t0 + self.dt * np.arange(len(self.value))
        meta = {"t0": self.t0, "dt": self.dt, "name": self.name}
        return QTable({"gps": seconds * u.s, "strain": self.value}, meta=meta)


@dataclass(slots=True, eq=False, kw_only=True)
class SpectrogramProduct(_Table):
    """Power over time and frequency.

    Parameters
    ----------
    value : ndarray
        Power, one row for each time, one column for each frequency.
    t0 : float
        GPS time of the first row in seconds.
    dt : float
        Seconds between rows.
    frequencies : `~astropy.units.Quantity`
        Frequency of each column.
    """

    value: NDArray[np.float64]
    t0: float
    dt: float
    frequencies: u.Quantity

    @property
    def times(self) -> Time:
        """Time of each row."""
        return _gps(self.t0, self.dt, len(self.value))

    @property
    def table(self) -> QTable:
        """GPS time and the power at all frequencies, which are in ``meta["frequencies"]``."""
        seconds = self.t0 + self.dt * np.arange(len(self.value))
        meta = {"frequencies": self.frequencies.to_value(u.Hz).tolist()}
        return QTable({"gps": seconds * u.s, "power": self.value}, meta=meta)


def _gps(start: float, step: float, count: int) -> Time:
    from astropy.time import Time

    # In two parts: a GPS time in seconds has too few digits left for fast sampling.
    return Time(start, step * np.arange(count), format="gps")


@dataclass(slots=True, eq=False, kw_only=True)
class SkyMapProduct(NumpyProduct):
    """Where on the sky an event happened; `table` is a HEALPix map where the data are one.

    Parameters
    ----------
    event : str
        Name of the event.
    """

    event: str = ""

    @property
    def is_healpix(self) -> bool:
        """Whether the map is a HEALPix table (and no plain image)."""
        return self._healpix_header() is not None

    @property
    def nside(self) -> int:
        """HEALPix resolution."""
        header = self._healpix_header() or {}
        rows = self.table["PROB"].size if "PROB" in self.table.colnames else len(self.table)
        return int(header.get("NSIDE") or round((rows / 12) ** 0.5))

    def probability_at(self, coordinates: SkyCoord) -> NDArray[np.float64]:
        """Return the probability of the pixels at these positions.

        Parameters
        ----------
        coordinates : `~astropy.coordinates.SkyCoord`
            Where.
        """
        import healpy

        header = self._healpix_header() or {}
        nested = str(header.get("ORDERING", "RING")).upper().startswith("NEST")
        position = coordinates.galactic if header.get("COORDSYS") == "G" else coordinates.icrs
        lon, lat = position.spherical.lon.deg, position.spherical.lat.deg
        pixels = healpy.ang2pix(self.nside, lon, lat, nest=nested, lonlat=True)
        name = "PROB" if "PROB" in self.table.colnames else self.table.colnames[0]
        return np.asarray(self.table[name], dtype=np.float64).ravel()[pixels]

    def _healpix_header(self) -> dict[str, Any] | None:
        for unit in self.data_unit:
            if unit.is_table and str(unit.header.get("PIXTYPE", "")).upper() == "HEALPIX":
                return unit.header
        return None


@dataclass(slots=True, eq=False, kw_only=True)
class ContoursProduct(_Table):
    """Lines around the most probable regions of the sky, by event and level.

    Parameters
    ----------
    contours : dict
        For each event ``levels`` (percent) and ``contours`` (for each level a list of lines, each
        a list of right ascension and declination in degrees).
    """

    contours: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def event_list(self) -> list[str]:
        """Names of the events."""
        return list(self.contours)

    def lines(self, event: str, level: float) -> list[SkyCoord]:
        """Return the lines of one event at one level, for example 90 (percent)."""
        from astropy.coordinates import SkyCoord

        entry = self.contours[event]
        place = list(entry["levels"]).index(level)
        return [
            SkyCoord(np.array(line, dtype=np.float64) * u.deg) for line in entry["contours"][place]
        ]

    @property
    def table(self) -> QTable:
        """All points: event, level, number of the line, right ascension and declination."""
        rows = [
            (event, float(level), number, float(point[0]), float(point[1]))
            for event, entry in self.contours.items()
            for level, lines in zip(entry["levels"], entry["contours"], strict=True)
            for number, line in enumerate(lines)
            for point in line
        ]
        names = ("event", "level", "line", "ra", "dec")
        types = ("U64", "f8", "i8", "f8", "f8")
        table = QTable(rows=rows or None, names=names, dtype=types)
        for name, unit in (("level", u.percent), ("ra", u.deg), ("dec", u.deg)):
            table[name].unit = unit
        return QTable(table)
