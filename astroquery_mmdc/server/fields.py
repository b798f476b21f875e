"""Reading typed fields out of requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["FieldReader"]

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
