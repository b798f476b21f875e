"""Rows of catalogues, as observatories take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["checked_row", "position_of"]


def checked_row(cat_row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a catalogue with a name and a position that can be used.

    Raises
    ------
    InvalidRequestError
        Name or position are missing, or are none.
    """
    missing = [key for key in ("name", "ra", "dec") if cat_row.get(key) is None]
    if missing:
        msg = f"cat_row: {missing[0]!r} is missing; give name, ra and dec in degrees"
        raise InvalidRequestError(msg, parameter="cat_row")
    try:
        ra, dec = float(cat_row["ra"]), float(cat_row["dec"])
    except (TypeError, ValueError) as err:
        msg = f"cat_row: ra {cat_row['ra']!r}, dec {cat_row['dec']!r} are no numbers of degrees"
        raise InvalidRequestError(msg, parameter="cat_row") from err
    if not (abs(ra) < 1e6 and abs(dec) <= 90):
        msg = f"cat_row: {cat_row['name']!r} is at ra {ra}, dec {dec}; dec is within -90 to 90 deg"
        raise InvalidRequestError(msg, parameter="cat_row")
    return {**cat_row, "name": str(cat_row["name"]), "ra": ra, "dec": dec}


def position_of(cat_row: Mapping[str, Any]) -> tuple[float, float]:
    """Return right ascension and declination in degrees, ICRS, of a row of any frame."""
    ra, dec = float(cat_row["ra"]), float(cat_row["dec"])
    frame = cat_row.get("frame", "icrs")
    if frame == "icrs":
        return ra % 360.0, dec
    from astropy.coordinates import SkyCoord

    place = SkyCoord(ra, dec, unit="deg", frame=frame).icrs
    return float(place.ra.deg), float(place.dec.deg)
