"""Which points of an SED belong to a window of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.coordinates import as_mjd

__all__ = ["RULES", "Window", "intervals", "window_mask"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time, the rule that was applied and what it did.

    Parameters
    ----------
    start, end : float or None
        MJD (UTC), both included; None where the window is open.
    rule : str
        A key of `RULES`.
    kept : int
        Points that were kept.
    straddling : int
        Dated points that reach over an end of the window, whether kept or not.
    undated : int
        Points without a date.
    outside : int
        Dated points that do not touch the window.
    """

    start: float | None
    end: float | None
    rule: str
    kept: int
    straddling: int
    undated: int
    outside: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for the table's meta."""
        return asdict(self)


def _midpoint(low: Floats, high: Floats, start: float, end: float) -> Flags:
    middle = 0.5 * (low + high)
    return (middle >= start) & (middle <= end)


def _overlap(low: Floats, high: Floats, start: float, end: float) -> Flags:
    return (high >= start) & (low <= end)


def _contained(low: Floats, high: Floats, start: float, end: float) -> Flags:
    return (low >= start) & (high <= end)


RULES: dict[str, Callable[[Floats, Floats, float, float], Flags]] = {
    "midpoint": _midpoint,
    "overlap": _overlap,
    "contained": _contained,
}
"""When an interval belongs to a window: its middle does, a part of it does, or all of it does."""


def intervals(mjd_start: Floats, mjd_end: Floats) -> tuple[Floats, Floats]:
    """Return lower and upper ends; an end that is not known is set to the other one.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = intervals(np.array([2.0, np.nan]), np.array([1.0, 5.0]))
    >>> low.tolist(), high.tolist()
    ([1.0, 5.0], [2.0, 5.0])
    """
    return np.fmin(mjd_start, mjd_end), np.fmax(mjd_start, mjd_end)


def window_mask(
    mjd_start: Floats,
    mjd_end: Floats,
    start: Any,
    end: Any,
    *,
    rule: str = "midpoint",
    undated: bool | None = None,
) -> tuple[Flags, Window]:
    """Return which intervals belong to a window, and the counts.

    Parameters
    ----------
    mjd_start, mjd_end : array of float
        MJD (UTC); both NaN for a point without a date.
    start, end : Time, float, Quantity, str or None
        The window, both ends included; None leaves it open.
    rule : str, optional
        ``"midpoint"`` (the service's own), ``"overlap"`` or ``"contained"``.
    undated : bool, optional
        Whether points without a date are kept; by default only where no window is given.

    Returns
    -------
    mask : array of bool
        True where a point is kept.
    window : Window
        What was done.
    """
    if rule not in RULES:
        msg = f"rule: {rule!r} is not known; use one of {sorted(RULES)}"
        raise InvalidRequestError(msg, parameter="rule")
    first, last = _bounds(start, end)
    low, high = intervals(mjd_start, mjd_end)
    dateless = np.isnan(low)
    touching = _overlap(low, high, first, last)
    straddling = touching & ~_contained(low, high, first, last)
    keep_undated = (start is None and end is None) if undated is None else undated
    kept = RULES[rule](low, high, first, last) | (dateless & keep_undated)
    window = Window(
        start=None if start is None else first,
        end=None if end is None else last,
        rule=rule,
        kept=int(kept.sum()),
        straddling=int(straddling.sum()),
        undated=int(dateless.sum()),
        outside=int((~dateless & ~touching).sum()),
    )
    return kept, window


def _bounds(start: Any, end: Any) -> tuple[float, float]:
    first = as_mjd(start, parameter="start")
    last = as_mjd(end, parameter="end")
    if first is not None and last is not None and first > last:
        msg = f"start: {first} is later than end, {last}; exchange them"
        raise InvalidRequestError(msg, parameter="start")
    return (-np.inf if first is None else first), (np.inf if last is None else last)
