"""Which column of a survey's table is which: by the names that surveys give their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["column_map", "mapped_filters", "time_info_of"]

# Simplified spellings, the preferred one first.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "exptime": ("exptime", "exposuretime", "exposure"),
    "ra": ("ra",),
    "dec": ("dec", "declination"),
    "mag": ("mag", "magnitude"),
    "mag_err": ("magerr", "magerror", "magnitudeerror"),
    "flux": ("flux", "fluxe", "count"),
    "flux_err": ("fluxerr", "fluxerror", "counterr", "counterror"),
    "filter": ("filter", "filt", "filtername", "filtercode", "photfilter"),
    "flag": ("flag", "catflag", "baddata", "quality"),
}
# Format and scale of a column of times with such a name.
_TIMES: Mapping[str, tuple[str, str]] = {
    "mjd": ("mjd", "utc"),
    "jd": ("jd", "utc"),
    "juliandate": ("jd", "utc"),
    "bjd": ("jd", "tdb"),
    "time": ("mjd", "utc"),
    "datetime": ("datetime", "utc"),
    "unix": ("unix", "utc"),
    "timestamp": ("unix", "utc"),
}
_OFFSET = re.compile(r"([+-])\s*(\d+(?:\.\d+)?)")
_DROPPED = re.compile(r"[\s_\-+.\d]")


@lru_cache(maxsize=256)
def _simplified(name: str) -> str:
    return _DROPPED.sub("", name.partition(",")[0].lower()).removesuffix("s")


@lru_cache(maxsize=256)
def _recognised(names: tuple[str, ...]) -> dict[str, str]:
    by_spelling = {_simplified(name): name for name in reversed(names)}
    found = {}
    for meaning, spellings in _SPELLINGS.items():
        name = next((by_spelling[each] for each in spellings if each in by_spelling), None)
        if name is not None:
            found[meaning] = name
    return found


def column_map(
    names: tuple[str, ...], given: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Return the names of the columns by their meaning.

    Parameters
    ----------
    names : tuple of str
        The columns there are. Capitals, blanks, digits, ``_``, ``-``, a final ``s``, and what
        follows a comma make no difference.
    given : mapping, optional
        Meaning -> name where the names do not tell, or None for a column that must not be used.

    Returns
    -------
    dict
        Keys ``exptime``, ``ra``, ``dec``, ``mag``, ``mag_err``, ``flux``, ``flux_err``,
        ``filter``, ``flag``: those that were found.

    Raises
    ------
    InvalidRequestError
        A given column is not there.

    Examples
    --------
    >>> column_map(("MJD", "mag", "magerr", "filtercode", "catflags"))
    {'mag': 'mag', 'mag_err': 'magerr', 'filter': 'filtercode', 'flag': 'catflags'}
    """
    found = _recognised(names)
    if not given:
        return found
    missing = [name for name in given.values() if name is not None and name not in names]
    if missing:
        msg = f"colmap: there is no column {missing[0]!r}; there are {list(names)}"
        raise InvalidRequestError(msg, parameter="colmap")
    return {key: name for key, name in {**found, **given}.items() if name is not None}


@lru_cache(maxsize=256)
def time_info_of(names: tuple[str, ...], exptime: str = "exptime") -> TimeInfo:
    """Return what the times of a table mean, as far as the name of the column tells.

    Parameters
    ----------
    names : tuple of str
        The columns there are.
    exptime : str, optional
        Name of the column of exposure times.

    Raises
    ------
    InvalidRequestError
        No column is called like a time.

    Examples
    --------
    >>> info = time_info_of(("BJD - 2457000, days", "flux"))
    >>> info.format, info.offset, info.scale
    ('jd', 2457000.0, 'tdb')
    """
    by_spelling = {_simplified(name): name for name in reversed(names)}
    spelling = next((each for each in _TIMES if each in by_spelling), None)
    if spelling is None:
        msg = f"time_info: none of {list(names)} is called like a time; say which, as a TimeInfo"
        raise InvalidRequestError(msg, parameter="time_info")
    name = by_spelling[spelling]
    kind, scale = _TIMES[spelling]
    return TimeInfo(name, kind, _offset(name), scale, "mid", exptime)


def _offset(name: str) -> float:
    """Return what was taken off the times, as in "BJD - 2457000"."""
    found = _OFFSET.search(name)
    if found is None:
        return 0.0
    sign = 1 if found[1] == "-" else -1
    return sign * float(found[2])


def mapped_filters(
    filters: np.ndarray, observatory: str, filtmap: Mapping[str, str] | str | None
) -> np.ndarray:
    """Return other names for filters.

    Parameters
    ----------
    filters : array of str
        As the survey calls them.
    observatory : str
        Name of the observatory.
    filtmap : mapping or str or None
        New name by old name, where a filter that is not listed keeps its name; or a pattern such
        as ``"<observatory>-<filter>"``.

    Examples
    --------
    >>> mapped_filters(np.array(["zg", "zr"]), "ZTF", "<observatory>-<filter>")
    array(['ZTF-zg', 'ZTF-zr'], dtype='<U6')
    """
    if not filtmap:
        return filters
    unique, where = np.unique(filters, return_inverse=True)
    return np.array([_renamed(str(name), observatory, filtmap) for name in unique])[where]


def _renamed(name: str, observatory: str, filtmap: Any) -> str:
    if isinstance(filtmap, str):
        return filtmap.replace("<observatory>", observatory).replace("<filter>", name)
    return str(filtmap.get(name, name))
