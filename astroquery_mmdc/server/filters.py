"""Reading what a request asks of the observations and of an SED."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import ORDERINGS, Limit

__all__ = ["FieldReader", "ObservationFilter", "SedFilter"]

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class FieldReader:
    """Reads typed fields and collects what is wrong with them.

    Parameters
    ----------
    values : mapping
        Query parameters, a form or a JSON object.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.errors: dict[str, str] = {}

    def text(self, name: str) -> str | None:
        """Return a string; None where it is absent or empty."""
        value = self._values.get(name)
        return None if value is None or value == "" else str(value)

    def number(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> float | None:
        """Return a finite number within limits, ends included."""
        value = self._parsed(name, float, "is not a number")
        if value is None:
            return None
        if not math.isfinite(value) or not low <= value <= high:
            self.errors[name] = f"{value!r} is outside {low:g} to {high:g}"
            return None
        return value

    def whole(self, name: str, *, low: int = 0) -> int | None:
        """Return a whole number, not below ``low``."""
        value = self._parsed(name, int, "is not a whole number")
        if value is not None and value < low:
            self.errors[name] = f"{value} is below {low}"
            return None
        return value

    def truth(self, name: str) -> bool | None:
        """Return a boolean, written true or false in any case."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        self.errors[name] = f"{value!r} is neither true nor false"
        return None

    def position(self, *, required: bool) -> tuple[float, float] | None:
        """Return ``ra`` (0 to 360) and ``dec`` in degrees; one does not come without the other."""
        ra = self.number("ra", low=-360, high=360)
        dec = self.number("dec", low=-90, high=90)
        needed = required or "ra" in self._values or "dec" in self._values
        for name, value in (("ra", ra), ("dec", dec)):
            if needed and value is None:
                self.errors.setdefault(name, "is required" if required else "goes with the other")
        return None if ra is None or dec is None else (ra % 360, dec)

    def window(self, start: str, end: str) -> tuple[float | None, float | None]:
        """Return both ends of a window of MJDs; either may be open."""
        low, high = self.number(start), self.number(end)
        if low is not None and high is not None and low > high:
            self.errors[start] = f"{low:g} is after {end} = {high:g}"
        return low, high

    def finish(self) -> None:
        """Raise if anything was wrong."""
        if self.errors:
            msg = "; ".join(f"{name}: {text}" for name, text in self.errors.items())
            raise InvalidRequestError(msg, fields=self.errors)

    def _parsed(self, name: str, kind: Callable[[Any], Any], complaint: str) -> Any:
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool):
                raise TypeError  # noqa: TRY301
            return kind(value)
        except (TypeError, ValueError, OverflowError):
            self.errors[name] = f"{value!r} {complaint}"
            return None


@dataclass(frozen=True, slots=True)
class ObservationFilter:
    """What ``/api/observations/`` was asked for; None means no such condition.

    A row's date is ``mjd_mid`` for a light-curve row and the middle of its interval for an SED row;
    it must lie in [``mjd_min``, ``mjd_max``], ends included. Once a window is given, rows without a
    date are left out.
    """

    ra: float | None = None
    dec: float | None = None
    radius_arcsec: float = Limit.CONE_RADIUS_ARCSEC
    catalog: str | None = None
    filter_band: str | None = None
    is_lightcurve: bool | None = None
    is_upper_limit: bool | None = None
    obsid: str | None = None
    mjd_min: float | None = None
    mjd_max: float | None = None
    ordering: str | None = None
    limit: int | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> ObservationFilter:
        """Read query parameters; those that the service does not know are ignored, as it does.

        Raises
        ------
        InvalidRequestError
            With one message for each wrong field.
        """
        reader = FieldReader(values)
        position = reader.position(required=False)
        radius = reader.number("radius_arcsec", low=0, high=180 * 3600)
        mjd_min, mjd_max = reader.window("mjd_min", "mjd_max")
        wanted = cls(
            ra=position[0] if position else None,
            dec=position[1] if position else None,
            radius_arcsec=Limit.CONE_RADIUS_ARCSEC if radius is None else radius,
            catalog=reader.text("catalog"),
            filter_band=reader.text("filter_band"),
            is_lightcurve=reader.truth("is_lightcurve"),
            is_upper_limit=reader.truth("is_upper_limit"),
            obsid=reader.text("obsid"),
            mjd_min=mjd_min,
            mjd_max=mjd_max,
            ordering=reader.text("ordering"),
            limit=reader.whole("limit"),
        )
        wanted._check_ordering(reader.errors)
        reader.finish()
        return wanted

    def _check_ordering(self, errors: dict[str, str]) -> None:
        key = (self.ordering or "").removeprefix("-")
        if key and key not in ORDERINGS:
            errors["ordering"] = f"{self.ordering!r} is none of {', '.join(ORDERINGS)}"
        elif key == "sep_arcsec" and not self.is_cone:
            errors["ordering"] = "sep_arcsec needs a cone: give ra and dec"

    @property
    def is_cone(self) -> bool:
        """Whether a position was given."""
        return self.ra is not None and self.dec is not None


@dataclass(frozen=True, slots=True)
class SedFilter:
    """Which points of an SED were asked for.

    A point counts when the middle of its interval lies in [``mjd_start``, ``mjd_end``], ends
    included. Undated points are dropped once a window is given, unless ``undated`` says otherwise.
    """

    mjd_start: float | None = None
    mjd_end: float | None = None
    catalogs: tuple[str, ...] | None = None
    undated: bool | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> SedFilter:
        """Read query parameters."""
        reader = FieldReader(values)
        start, end = reader.window("mjd_start", "mjd_end")
        catalogs = reader.text("catalogs")
        wanted = cls(
            mjd_start=start,
            mjd_end=end,
            catalogs=None if catalogs is None else tuple(filter(None, catalogs.split(","))),
            undated=reader.truth("undated"),
        )
        reader.finish()
        return wanted

    @property
    def keeps_undated(self) -> bool:
        """Whether undated points stay."""
        if self.undated is not None:
            return self.undated
        return self.mjd_start is None and self.mjd_end is None

    def as_json(self) -> dict[str, Any]:
        """Return the filter in the form that answers repeat."""
        return {
            "mjd_start": self.mjd_start,
            "mjd_end": self.mjd_end,
            "catalogs": None if self.catalogs is None else list(self.catalogs),
            "undated": self.keeps_undated,
        }
