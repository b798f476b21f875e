"""The sources that the local server knows by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from astropy.coordinates import SkyCoord

from astroquery_mmdc.cache.cells import unit_vectors
from astroquery_mmdc.cache.search import separation_arcsec

__all__ = ["Peak", "Source", "SourceList", "galactic", "normal_name"]

_MARKARIAN = re.compile(r"^(?:markarian|mrk|mkn|mk)\.?0*(?=\d)")


@dataclass(frozen=True, slots=True)
class Peak:
    """Frequency of the synchrotron peak: log10 of it in Hz."""

    log_nu: float
    err: float | None = None
    limit: str | None = None

    @property
    def text(self) -> str:
        """The peak as the older interface writes it."""
        sign = {"lower": "> ", "upper": "< "}.get(self.limit or "", "")
        error = "" if self.err is None else f" +/- {self.err:g}"
        return f"{sign}{self.log_nu:g}{error}"


@dataclass(frozen=True, slots=True)
class Source:
    """A named position.

    Parameters
    ----------
    name : str
        How the data call it.
    ra, dec : float
        ICRS position in degrees.
    redshift : float, optional
        None where it is not known.
    aliases : tuple of str
        Other names that find it.
    peak : Peak, optional
        Synchrotron peak, where the data tell it.
    catalog : str
        Where the position is from.
    """

    name: str
    ra: float
    dec: float
    redshift: float | None = None
    aliases: tuple[str, ...] = ()
    peak: Peak | None = None
    catalog: str = "sample"

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)


def normal_name(name: str) -> str:
    """Return a name in the form in which names are compared.

    Case, blanks and underscores do not count, and the spellings of Markarian are one.

    Examples
    --------
    >>> normal_name("Markarian 421") == normal_name("mkn_421")
    True
    """
    plain = re.sub(r"[\s_]+", "", name).lower().replace("\N{MINUS SIGN}", "-").rstrip(".")
    return _MARKARIAN.sub("mrk", plain)


@lru_cache(maxsize=4096)
def galactic(ra: float, dec: float) -> tuple[float, float]:
    """Return galactic longitude and latitude in degrees."""
    position = SkyCoord(ra, dec, unit="deg").galactic
    return float(position.l.deg), float(position.b.deg)


class SourceList:
    """Sources, found by name or by position.

    Parameters
    ----------
    sources : iterable of Source
        In the order in which lists are answered.
    """

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources = tuple(sources)
        self._names = [
            (normal_name(name), source) for source in self._sources for name in source.names
        ]

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    @cached_property
    def vectors(self) -> np.ndarray:
        """Unit vectors of all sources, shape (n, 3)."""
        ra = [source.ra for source in self._sources]
        dec = [source.dec for source in self._sources]
        return unit_vectors(ra, dec)

    def nearest(self, ra: float, dec: float, within_arcsec: float) -> Source | None:
        """Return the source next to a position, or None if there is none within a radius."""
        if not self._sources:
            return None
        separation = separation_arcsec(unit_vectors(ra, dec), self.vectors)
        best = int(separation.argmin())
        return self._sources[best] if separation[best] <= within_arcsec else None

    def search(self, name: str, *, limit: int = 10) -> list[Source]:
        """Return the sources with a name that begins so; whole names come first."""
        wanted = normal_name(name)
        if not wanted:
            return []
        exact = [source for key, source in self._names if key == wanted]
        begins = [source for key, source in self._names if key.startswith(wanted)]
        return list(dict.fromkeys([*exact, *begins]))[:limit]
