"""What the service knows about a source: name, position, redshift, synchrotron peak."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import Column
from astroquery_mmdc.schema.tables import build_column

__all__ = ["Source", "source_from_json", "sources_table"]

_NUMBERS = re.compile(r"([<>]?)\s*(\d+(?:\.\d+)?)(?:\s*(?:\+/-|±)\s*(\d+(?:\.\d+)?))?\s*$")


@dataclass(frozen=True, slots=True)
class Source:
    """A source as the service describes it.

    Parameters
    ----------
    name : str
    coordinates : `~astropy.coordinates.SkyCoord`
        ICRS.
    redshift : float or None
    log_nu_peak : float or None
        log10 of the frequency of the synchrotron peak in Hz.
    log_nu_peak_err : float or None
    nu_peak_limit : str
        ``"lower"`` or ``"upper"`` where the peak is only a limit, else empty.
    """

    name: str
    coordinates: SkyCoord
    redshift: float | None = None
    log_nu_peak: float | None = None
    log_nu_peak_err: float | None = None
    nu_peak_limit: str = ""

    @property
    def nu_peak(self) -> u.Quantity | None:
        """Frequency of the synchrotron peak, or None."""
        return None if self.log_nu_peak is None else 10**self.log_nu_peak * u.Hz

    def to_meta(self) -> dict[str, Any]:
        """Return plain values for the ``meta`` of a table."""
        return {
            "name": self.name,
            "ra": float(self.coordinates.ra.deg),
            "dec": float(self.coordinates.dec.deg),
            "redshift": self.redshift,
            "log_nu_peak": self.log_nu_peak,
            "log_nu_peak_err": self.log_nu_peak_err,
            "nu_peak_limit": self.nu_peak_limit,
        }


def source_from_json(answer: Mapping[str, Any]) -> Source:
    """Return the source of an answer, in today's form or that of the older interface.

    Examples
    --------
    >>> answer = {"source_name": "x", "ra": 10, "dec": 20, "W_peak": "Log(Nu_peak): 15.2 +/- 0.3"}
    >>> source_from_json(answer).log_nu_peak
    15.2
    """
    try:
        coordinates = SkyCoord(float(answer["ra"]), float(answer["dec"]), unit="deg")
    except (KeyError, TypeError, ValueError) as err:
        msg = f"the source has no readable position ({err!r})"
        raise ParseError(msg) from err
    peak = answer.get("w_peak")
    if not isinstance(peak, Mapping):
        peak = _peak_from_text(str(answer.get("W_peak") or peak or ""))
    redshift = answer.get("redshift")
    return Source(
        name=str(answer.get("name") or answer.get("source_name") or ""),
        coordinates=coordinates,
        redshift=None if redshift is None else float(redshift),
        log_nu_peak=peak.get("log_nu"),
        log_nu_peak_err=peak.get("err"),
        nu_peak_limit=str(peak.get("limit") or ""),
    )


def _peak_from_text(text: str) -> dict[str, Any]:
    match = _NUMBERS.search(text)
    if match is None:
        return {}
    sign, value, error = match.groups()
    limit = {"<": "upper", ">": "lower"}.get(sign, "")
    return {"log_nu": float(value), "err": float(error) if error else None, "limit": limit}


_COLUMNS = (
    Column("name", "name", "str", None, "meta.id;meta.main", "Name of the source"),
    Column("ra", "ra", "float", "deg", "pos.eq.ra", "Right ascension, ICRS"),
    Column("dec", "dec", "float", "deg", "pos.eq.dec", "Declination, ICRS"),
    Column("redshift", "redshift", "float", None, "src.redshift", "Redshift"),
    Column("", "nu_peak", "float", "Hz", "em.freq;stat.max", "Synchrotron peak frequency"),
    Column("", "log_nu_peak_err", "float", None, "stat.error", "Error of log10 nu_peak"),
    Column("", "nu_peak_limit", "str", None, "meta.code", "lower or upper, for a limit"),
)


def sources_table(sources: Iterable[Source]) -> QTable:
    """Return sources as a table, one row each."""
    sources = list(sources)
    values = {
        "name": [source.name for source in sources],
        "ra": [source.coordinates.ra.deg for source in sources],
        "dec": [source.coordinates.dec.deg for source in sources],
        "redshift": [source.redshift for source in sources],
        "nu_peak": [
            np.nan if source.nu_peak is None else source.nu_peak.value for source in sources
        ],
        "log_nu_peak_err": [source.log_nu_peak_err for source in sources],
        "nu_peak_limit": [source.nu_peak_limit for source in sources],
    }
    table = QTable()
    for column in _COLUMNS:
        table[column.name] = build_column(column, values[column.name])
    return table
