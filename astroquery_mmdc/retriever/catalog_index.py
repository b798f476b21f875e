"""Finding sources of a catalogue by name and by position, in a million as in ten."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError

__all__ = ["NameIndex", "SkyIndex", "unique_names"]

_SHOWN = 3
_PIECE = 1 << 14


class NameIndex:
    """Names of sources, and the way back from a name to its row.

    Parameters
    ----------
    values : array
        Names, each once: texts, or integers as large surveys number their sources. Those stay
        integers, because a million texts take a hundred megabytes.
    """

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self._texts: NDArray[np.str_] | None = None if values.dtype.kind in "iu" else values
        self._rows: dict[str, int] | None = None
        self._order: NDArray[np.intp] | None = None

    @property
    def names(self) -> NDArray[np.str_]:
        """All names."""
        if self._texts is None:
            self._texts = self._values.astype(str)
        return self._texts

    def pieces(self) -> Iterator[list[str] | list[int]]:
        """Yield all names in order, some thousands at a time."""
        for begin in range(0, len(self._values), _PIECE):
            yield self._values[begin : begin + _PIECE].tolist()

    def name_of(self, index: int) -> str:
        """Return the name of a row."""
        return str(self._values[index])

    def has(self, name: str) -> bool:
        """Return whether there is a source of that name."""
        return self._find(name) is not None

    def index_of(self, name: str) -> int:
        """Return the row of a name; KeyError if there is none."""
        found = self._find(name)
        if found is None:
            msg = f"name: {name!r} is not in the catalogue"
            raise KeyError(msg)
        return found

    def _find(self, name: str) -> int | None:
        if self._values.dtype.kind in "iu":
            return self._find_number(name)
        if self._rows is None:
            self._rows = {text: row for row, text in enumerate(self._values.tolist())}
        return self._rows.get(name)

    def _find_number(self, name: str) -> int | None:
        if not name.lstrip("-").isdecimal() or len(name) > len("-9223372036854775808"):
            return None
        number = int(name)
        limits = np.iinfo(self._values.dtype)
        if not limits.min <= number <= limits.max or str(number) != name:
            return None
        if self._order is None:
            self._order = np.argsort(self._values, kind="stable")
        place = int(np.searchsorted(self._values, number, sorter=self._order))
        if place == len(self._order) or int(self._values[self._order[place]]) != number:
            return None
        return int(self._order[place])


def unique_names(values: NDArray[Any]) -> NameIndex:
    """Return an index of names, in which repeated ones got a number.

    Warns
    -----
    InputWarning
        Names occur twice; all rows are kept.

    Raises
    ------
    InvalidRequestError
        A name is empty.
    """
    if values.dtype.kind in "iu":
        native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        in_order = np.sort(native)
        if not (in_order[1:] == in_order[:-1]).any():
            return NameIndex(native)
        values = native.astype(str)
    texts = values.tolist()
    if "" in (known := set(texts)):
        msg = f"name_column: row {texts.index('')} has no name; give every source one"
        raise InvalidRequestError(msg, parameter="name_column")
    return NameIndex(values if len(known) == len(texts) else _numbered(texts, known))


def _numbered(texts: list[str], known: set[str]) -> NDArray[np.str_]:
    repeated = [name for name, count in Counter(texts).items() if count > 1]
    warnings.warn(
        f"name_column: {len(repeated)} names occur more than once, such as {repeated[:_SHOWN]}; "
        "the later rows are named with a number: 'X_2'",
        InputWarning,
        stacklevel=2,
    )
    used, counts, result = set(known), Counter[str](), []
    for text in texts:
        counts[text] += 1
        name = text
        while counts[text] > 1 and name in used:
            name = f"{text}_{counts[text]}"
            if name in used:
                counts[text] += 1
        used.add(name)
        result.append(name)
    return np.array(result)


class SkyIndex:
    """Positions sorted by their HEALPix index of order 29.

    Parameters
    ----------
    ra, dec : array
        In degrees, ICRS; those that are not numbers are never found.
    """

    def __init__(self, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> None:
        from astroquery_mmdc.cache.cells import ORDER, ang2pix_nest

        good = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        keys = np.empty(len(good), dtype=np.int64)
        # In pieces that stay in the processor's cache: half the time, and little memory.
        for begin in range(0, len(good), _PIECE):
            rows = good[begin : begin + _PIECE]
            keys[begin : begin + _PIECE] = ang2pix_nest(ORDER, ra[rows], dec[rows])
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._rows = good[order]

    def around(self, ra: float, dec: float, radius_arcsec: float) -> NDArray[np.intp]:
        """Return the rows of all sources in a cone, and perhaps some beside it."""
        from astroquery_mmdc.cache.cells import cone_ranges

        bounds = np.searchsorted(self._keys, cone_ranges(ra, dec, radius_arcsec).ravel())
        parts = [self._rows[low:high] for low, high in bounds.reshape(-1, 2)]
        return np.concatenate(parts)
