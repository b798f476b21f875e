"""What a reduction has to know about a source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """What the reduction has to know about a source.

    Parameters
    ----------
    name : str
        As the catalogue calls it.
    ra, dec : float
        In degrees, at the time of the observations; NaN where not known.
    mag : float
        In the catalogue; NaN where not known.
    """

    name: str = ""
    ra: float = math.nan
    dec: float = math.nan
    mag: float = math.nan

    @classmethod
    def of(cls, source: Any) -> Target:
        """Return the target of a name, a row of a catalogue, or an object with such attributes.

        Examples
        --------
        >>> Target.of({"name": "BL Lac", "ra": 330.68, "dec": 42.28, "mag": None})
        Target(name='BL Lac', ra=330.68, dec=42.28, mag=nan)
        """
        if isinstance(source, Target):
            return source
        if isinstance(source, str):
            return cls(source)
        if isinstance(source, Mapping):
            found = [source.get(key) for key in ("name", "ra", "dec", "mag")]
        else:
            found = [getattr(source, key, None) for key in ("name", "ra", "dec", "mag")]
        name, *numbers = found
        return cls(str(name or ""), *(math.nan if x is None else float(x) for x in numbers))
