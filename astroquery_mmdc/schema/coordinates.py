"""Targets: sky positions, names, radii, HEALPix indices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import (
    Angle,
    BaseCoordinateFrame,
    SkyCoord,
    SphericalRepresentation,
    UnitSphericalRepresentation,
    angular_separation,
)
from astropy.table import Row, Table
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import Limit

__all__ = [
    "Targets",
    "as_mjd",
    "as_radius",
    "as_targets",
    "coordinate_from_string",
    "separation_arcsec",
    "sky_identifier",
]

_POSITION = re.compile(r"^[\s\d.,:+\-hmsdr°'\"]+$", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"[:hms'\"]|\d+\s+\d+\s+\d", re.IGNORECASE)
_LETTER = re.compile(r"[a-z]", re.IGNORECASE)
_RA_NAMES = ("ra", "raj2000", "_raj2000", "ra_icrs")
_DEC_NAMES = ("dec", "dej2000", "decj2000", "_dej2000", "de_icrs")


@dataclass(frozen=True)
class Targets:
    """What a query is about: positions, or names that still need one.

    Parameters
    ----------
    given : `~astropy.coordinates.SkyCoord` or None
        ICRS positions of any shape; None where names have to be resolved first.
    names : tuple of (str or None)
        One for each target.
    is_scalar : bool
        Whether a single target was given, so that the answer has no ``query_index``.
    """

    given: SkyCoord | None
    names: tuple[str | None, ...]
    is_scalar: bool

    @cached_property
    def coordinates(self) -> SkyCoord | None:
        """The positions as an array of one dimension; None where there are names only."""
        # Not before it is asked for: to reshape a SkyCoord takes longer than a query of the cache.
        return None if self.given is None else np.atleast_1d(self.given).ravel()

    @cached_property
    def degrees(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Right ascensions and declinations of targets that are resolved."""
        sphere = self._resolved().data
        if not isinstance(sphere, UnitSphericalRepresentation | SphericalRepresentation):
            sphere = sphere.represent_as(UnitSphericalRepresentation)
        ra, dec = (np.ravel(angle.to_value(u.deg)) for angle in (sphere.lon, sphere.lat))
        return ra, dec

    @property
    def positions(self) -> SkyCoord:
        """The coordinates of targets that are resolved."""
        self._resolved()
        return self.coordinates

    def _resolved(self) -> SkyCoord:
        if self.given is None:
            msg = f"coordinates: the names {self.names} have no positions yet"
            raise InvalidRequestError(msg, parameter="coordinates")
        return self.given


def as_targets(value: Any, *, parameter: str = "coordinates") -> Targets:
    """Read what a user may give as targets.

    Parameters
    ----------
    value : SkyCoord, frame, Table, Row, str or iterable of these
        Strings are sexagesimal or decimal positions (degrees, ICRS) or names of sources.
    parameter : str
        Name of the parameter, for error messages.

    Returns
    -------
    Targets

    Raises
    ------
    InvalidRequestError
        Nothing to read, a declination beyond the poles, or a position that is not a number.

    Examples
    --------
    >>> as_targets("166.11 +38.21").coordinates[0].to_string("decimal")
    '166.11 38.21'
    >>> as_targets("Mrk 421").names
    ('Mrk 421',)
    """
    if isinstance(value, BaseCoordinateFrame):
        value = SkyCoord(value)
    if isinstance(value, SkyCoord):
        names = (None,) * (1 if value.isscalar else value.size)
        return _checked(Targets(value.icrs, names, value.isscalar), parameter)
    if isinstance(value, Table | Row):
        return _from_table(value, parameter)
    if isinstance(value, str):
        return _from_strings([value], parameter, is_scalar=True)
    if isinstance(value, Iterable):
        return _from_list(list(value), parameter)
    msg = (
        f"{parameter}: cannot read a position from {value!r}; "
        "give a SkyCoord, a name, a text such as '11h04m27s +38d12m32s', or a Table with ra, dec"
    )
    raise InvalidRequestError(msg, parameter=parameter)


def _from_list(values: list[Any], parameter: str) -> Targets:
    if not values:
        msg = f"{parameter}: the list is empty; give at least one position or name"
        raise InvalidRequestError(msg, parameter=parameter)
    if all(isinstance(value, str) for value in values):
        return _from_strings(values, parameter, is_scalar=False)
    if all(isinstance(value, SkyCoord) and value.isscalar for value in values):
        coordinates = SkyCoord([value.icrs for value in values])
        return _checked(Targets(coordinates, (None,) * len(values), False), parameter)
    msg = (
        f"{parameter}: a list may hold names or scalar SkyCoord objects, not {values[0]!r}; "
        "bare numbers have no unit, write SkyCoord(ra, dec, unit='deg')"
    )
    raise InvalidRequestError(msg, parameter=parameter)


def _from_strings(values: list[str], parameter: str, *, is_scalar: bool) -> Targets:
    blank = [value for value in values if not value.strip()]
    if blank:
        msg = f"{parameter}: {blank[0]!r} is empty; give a name or a position"
        raise InvalidRequestError(msg, parameter=parameter)
    positions = [coordinate_from_string(value, parameter=parameter) for value in values]
    names = tuple(
        None if position is not None else value.strip()
        for value, position in zip(values, positions, strict=True)
    )
    if any(position is None for position in positions):
        if any(position is not None for position in positions):
            return Targets(None, tuple(value.strip() for value in values), is_scalar)
        return Targets(None, names, is_scalar)
    return Targets(SkyCoord(positions), names, is_scalar)


def _from_table(table: Table | Row, parameter: str) -> Targets:
    columns = {name.lower(): name for name in table.colnames}
    ra = next((columns[name] for name in _RA_NAMES if name in columns), None)
    dec = next((columns[name] for name in _DEC_NAMES if name in columns), None)
    if "skycoord" in columns:
        return as_targets(table[columns["skycoord"]], parameter=parameter)
    if ra is None or dec is None:
        msg = f"{parameter}: the table has no columns ra and dec, only {table.colnames}"
        raise InvalidRequestError(msg, parameter=parameter)
    coordinates = SkyCoord(_degrees(table[ra]), _degrees(table[dec]))
    return as_targets(coordinates, parameter=parameter)


def _degrees(values: Any) -> u.Quantity:
    unit = getattr(values, "unit", None) or u.deg
    return u.Quantity(np.ma.filled(np.ma.asarray(getattr(values, "value", values)), np.nan), unit)


def coordinate_from_string(text: str, *, parameter: str = "coordinates") -> SkyCoord | None:
    """Return the ICRS position that a string spells out, or None if it looks like a name.

    Two decimal numbers are degrees; with colons, letters or six numbers the right ascension is
    in hours.

    Examples
    --------
    >>> coordinate_from_string("11h04m27.3s +38d12m31.8s").to_string("decimal", precision=4)
    '166.1137 38.2088'
    >>> coordinate_from_string("3C 273") is None
    True
    """
    if not _POSITION.match(text) or not any(char.isdigit() for char in text):
        return None
    unit = (u.hourangle, u.deg) if _SEXAGESIMAL.search(text) else (u.deg, u.deg)
    if re.match(r"^\s*[+-]?\d+(\.\d*)?d", text):
        unit = (u.deg, u.deg)
    try:
        return SkyCoord(text.replace(",", " "), unit=unit, frame="icrs")
    except ValueError as err:
        if _LETTER.search(text) and "Latitude" not in str(err):
            # Names can look like hours: "1H 0323+342", "S5 0716+714".
            return None
        msg = f"{parameter}: {text!r} is no position ({err}); a declination is within -90 to 90 deg"
        raise InvalidRequestError(msg, parameter=parameter) from err


def _checked(targets: Targets, parameter: str) -> Targets:
    ra, dec = targets.degrees
    finite = np.isfinite(ra) & np.isfinite(dec)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        msg = f"{parameter}: position {first} is not a number; remove it or give its coordinates"
        raise InvalidRequestError(msg, parameter=parameter)
    return targets


def as_radius(value: Any, *, parameter: str = "radius") -> u.Quantity:
    """Return a radius in arcsec.

    Parameters
    ----------
    value : Quantity, Angle or str
        An angle with a unit, such as ``5 * u.arcsec`` or ``"5 arcsec"``.
    parameter : str
        Name of the parameter, for error messages.

    Raises
    ------
    InvalidRequestError
        A bare number, a quantity that is no angle, or an angle outside 0 to 180 degrees.

    Examples
    --------
    >>> as_radius("0.5 arcmin")
    <Quantity 30. arcsec>
    """
    try:
        angle = value if isinstance(value, u.Quantity) else Angle(value)
        degrees = angle.to_value(u.deg)
    except (u.UnitsError, TypeError, ValueError) as err:
        msg = f"{parameter}: {value!r} is not an angle; give a unit, for example 5 * u.arcsec"
        raise InvalidRequestError(msg, parameter=parameter) from err
    if not angle.isscalar or not 0 <= degrees <= 180:
        msg = f"{parameter}: {value} is outside 0 to 180 deg; give one angle in that range"
        raise InvalidRequestError(msg, parameter=parameter)
    return u.Quantity(angle.to_value(u.arcsec), u.arcsec)


def as_mjd(value: Any, *, parameter: str) -> float | None:
    """Return a date as MJD (UTC), from a Time, a number of days or a Quantity; None stays None."""
    if value is None:
        return None
    from astropy.time import Time

    try:
        value = Time(value) if isinstance(value, str) else value
        mjd = float(value.utc.mjd if isinstance(value, Time) else u.Quantity(value, u.d).value)
    except (u.UnitsError, TypeError, ValueError) as err:
        raise _no_date(value, parameter) from err
    if not np.isfinite(mjd):
        raise _no_date(value, parameter)
    return mjd


def _no_date(value: Any, parameter: str) -> InvalidRequestError:
    msg = f"{parameter}: {value!r} is no date; give a Time or an MJD such as 58849.0"
    return InvalidRequestError(msg, parameter=parameter)


def separation_arcsec(
    ra: ArrayLike, dec: ArrayLike, other_ra: ArrayLike, other_dec: ArrayLike
) -> NDArray[np.float64]:
    """Return the distances of positions from others, all in degrees, in arcsec.

    Examples
    --------
    >>> round(float(separation_arcsec(10, 60, 10.001, 60)), 6)
    1.8
    """
    angles = (np.radians(angle) for angle in (ra, dec, other_ra, other_dec))
    return np.asarray(np.degrees(angular_separation(*angles)) * 3600, dtype=np.float64)


def sky_identifier(
    ra: ArrayLike, dec: ArrayLike, order: int = Limit.SKY_ORDER
) -> NDArray[np.int64]:
    """Return the HEALPix index, NESTED, of positions in degrees.

    Examples
    --------
    >>> int(sky_identifier(299.99958, 65.14861))
    4186406942
    """
    import healpy

    index = healpy.ang2pix(1 << order, np.asarray(ra), np.asarray(dec), nest=True, lonlat=True)
    return np.asarray(index, dtype=np.int64)
