"""Where the sources of a catalogue are: frames and proper motions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.coordinates import separation_arcsec

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.catalog_parameters import ParsCatalog
    from astroquery_mmdc.retriever.catalog_roles import Roles

__all__ = ["Positions", "as_year", "moved"]

Angles = NDArray[np.float64]

_MAS = math.pi / 180 / 3_600_000


def as_year(obstime: Any) -> float | None:
    """Return a time as a Julian year; None stays None.

    Examples
    --------
    >>> as_year("2016-01-01T12:00:00"), as_year(2020.5)
    (2016.0, 2020.5)
    """
    if obstime is None or isinstance(obstime, int | float):
        return None if obstime is None else float(obstime)
    from astropy.time import Time

    try:
        return float(Time(obstime).jyear)
    except (ValueError, TypeError) as err:
        msg = f"obstime: {obstime!r} is no time; give a Time, a date, or a Julian year"
        raise InvalidRequestError(msg, parameter="obstime") from err


def moved(
    ra: Any, dec: Any, pmra: Any, pmdec: Any, years: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions after some years of proper motion.

    Parameters
    ----------
    ra, dec : array_like
        Positions in degrees.
    pmra, pmdec : array_like
        Proper motions in mas/yr, that in ra times cos(dec).
    years : float
        How long; negative goes back.

    Returns
    -------
    tuple of arrays
        Longitudes and latitudes in degrees.

    Notes
    -----
    A straight line in space, seen without its distance and radial velocity: the unit vector moves
    along the tangent and is normalised, as in ESA SP-1200, vol. 1, section 1.2.8.
    """
    lon, lat = np.radians(ra), np.radians(dec)
    along, up = (np.asarray(pm, dtype=float) * (_MAS * years) for pm in (pmra, pmdec))
    sin_lon, cos_lon, sin_lat, cos_lat = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    radial = cos_lat - up * sin_lat
    x = radial * cos_lon - along * sin_lon
    y = radial * sin_lon + along * cos_lon
    z = sin_lat + up * cos_lat
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions of a catalogue at its epoch.

    Parameters
    ----------
    data, output, icrs : tuple of arrays
        Longitudes and latitudes in degrees, in the frame of the file, of the rows that are
        given out, and in ICRS.
    motions : tuple of arrays or None
        Proper motions in mas/yr, in the frame of the file.
    epoch : float
        Julian year of the positions.
    frames : tuple of str
        Frames of ``data`` and ``output``.
    fastest : float
        The largest proper motion in mas/yr.
    """

    data: tuple[Angles, Angles]
    output: tuple[Angles, Angles]
    icrs: tuple[Angles, Angles]
    motions: tuple[Angles, Angles] | None
    epoch: float
    frames: tuple[str, str]
    fastest: float

    @classmethod
    def of(cls, roles: Roles, pars: ParsCatalog) -> Positions:
        """Read the positions of a catalogue and transform them where that is asked for."""
        frames = (pars.coord_frame_data.lower(), pars.coord_frame_output.lower())
        data = roles.angles()
        beyond = np.flatnonzero(np.abs(data[1]) > 90)
        if len(beyond):
            value = data[1][beyond[0]]
            msg = f"dec_column: row {beyond[0]} has {value}; declinations are within -90 to 90 deg"
            raise InvalidRequestError(msg, parameter="dec_column")
        motions = roles.motions()
        return cls(
            data,
            _transformed(*data, frames[0], frames[1]),
            _transformed(*data, frames[0], "icrs"),
            motions,
            pars.catalog_observation_year,
            frames,
            float(np.hypot(*motions).max()) if motions is not None else 0.0,
        )

    def at(self, index: int, year: float | None) -> tuple[float, float]:
        """Return a position in the frame of the output, at a time if one is given."""
        if year is None or self.motions is None:
            return float(self.output[0][index]), float(self.output[1][index])
        lon, lat = self._moved(index, year)
        if self.frames[0] != self.frames[1]:
            lon, lat = _transformed(lon, lat, *self.frames)
        return float(lon), float(lat)

    def _moved(self, index: Any, year: float) -> tuple[Angles, Angles]:
        assert self.motions is not None
        (lon, lat), (along, up) = self.data, self.motions
        return moved(lon[index], lat[index], along[index], up[index], year - self.epoch)

    def motion(self, index: int) -> tuple[float, float] | None:
        """Return the proper motion of a source, None if the catalogue has none."""
        if self.motions is None:
            return None
        return float(self.motions[0][index]), float(self.motions[1][index])

    def largest_motion(self, year: float | None) -> float:
        """Return how far any source has moved until then, in arcsec."""
        return 0.0 if year is None else self.fastest / 1000 * abs(year - self.epoch)

    def distances(
        self, rows: NDArray[np.intp], ra: float, dec: float, year: float | None
    ) -> NDArray[np.float64]:
        """Return the distances of sources from a position in ICRS, in arcsec."""
        lon, lat = self.icrs[0][rows], self.icrs[1][rows]
        if year is not None and self.motions is not None:
            lon, lat = _transformed(*self._moved(rows, year), self.frames[0], "icrs")
        return separation_arcsec(lon, lat, ra, dec)


def _transformed(lon: Any, lat: Any, frame: str, target: str) -> tuple[Angles, Angles]:
    if frame == target:
        return lon, lat
    from astropy.coordinates import SkyCoord

    try:
        places = SkyCoord(lon, lat, unit="deg", frame=frame).transform_to(target)
    except ValueError as err:
        msg = f"coord_frame_data, coord_frame_output: {frame!r} to {target!r} is not known ({err})"
        raise InvalidRequestError(msg, parameter="coord_frame_data") from err
    sphere = places.spherical
    return np.asarray(sphere.lon.deg), np.asarray(sphere.lat.deg)
