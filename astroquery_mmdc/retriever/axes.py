"""Axes of histograms: with limits, growing, or of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Axis", "axis_of", "joined"]

_FEW = 16
OUTSIDE_LOW, OUTSIDE_HIGH, MISSING = -1, -2, -3


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a histogram.

    Parameters
    ----------
    name : str
        Name of the values along it.
    kind : {"fixed", "dynamic", "text"}
        With limits and counts of what is outside; growing by whole steps; of words.
    start, step : float
        Centre of the first bin, and the distance of centres.
    first, size : int
        Number of the first bin, counted from ``start``, and how many there are. The first of a
        growing axis may be negative.
    labels : tuple of str
        The words, sorted.
    unit : str
        Unit of the values.
    """

    name: str
    kind: str
    start: float = 0.0
    step: float = 1.0
    first: int = 0
    size: int = 0
    labels: tuple[str, ...] = ()
    unit: str = ""

    @property
    def centres(self) -> NDArray[Any]:
        """Centres of the bins, or the words."""
        if self.kind == "text":
            return np.array(self.labels, dtype=str)
        return self.start + self.step * np.arange(self.first, self.first + self.size)

    def bins(self, values: Any) -> NDArray[np.int64]:
        """Return the number of the bin of each value, counted from 0.

        Values that have none get `OUTSIDE_LOW`, `OUTSIDE_HIGH` or `MISSING`. All values of
        growing axes and of words have to fit in already: see `grown`.
        """
        if self.kind == "text":
            return self._places(np.asarray(values, dtype=str))
        steps = self._steps(values)
        missing = ~np.isfinite(steps)
        found = np.where(missing, 0, np.clip(steps, -(2**60), 2**60)).astype(np.int64) - self.first
        low, high = found < 0, found >= self.size
        found[low], found[high] = OUTSIDE_LOW, OUTSIDE_HIGH
        found[missing] = MISSING
        return found

    def grown(self, values: Any) -> Axis:
        """Return an axis that has a bin for each value as well; those with limits never grow."""
        if self.kind == "fixed":
            return self
        if self.kind == "text":
            words = _distinct(np.asarray(values, dtype=str))
            return self if words <= set(self.labels) else self._with_labels(words)
        steps = self._steps(values)
        steps = steps[np.isfinite(steps)]
        if not steps.size:
            return self
        return self._reaching(float(steps.min()), float(steps.max()))

    def _places(self, words: NDArray[np.str_]) -> NDArray[np.int64]:
        if self.size > _FEW:
            return np.searchsorted(self.labels, words).astype(np.int64)
        places = np.zeros(words.shape, dtype=np.int64)
        for place, label in enumerate(self.labels[1:], 1):
            places[words == label] = place
        return places

    def _steps(self, values: Any) -> NDArray[np.float64]:
        return np.floor((np.asarray(values, dtype=float) - self.start) / self.step + 0.5)

    def _with_labels(self, words: set[str]) -> Axis:
        labels = tuple(sorted(words | set(self.labels)))
        return replace(self, labels=labels, size=len(labels))

    def _reaching(self, low: float, high: float) -> Axis:
        if self.size:
            low, high = min(low, self.first), max(high, self.first + self.size - 1)
        if not high - low < 2**31:
            msg = (
                f"{self.name}: values from {self.start + low * self.step:g} to "
                f"{self.start + high * self.step:g} make too many bins of {self.step:g}; "
                "give the axis limits or a larger step"
            )
            raise InvalidRequestError(msg, parameter=self.name)
        first, size = int(low), int(high - low) + 1
        return (
            self
            if (first, size) == (self.first, self.size)
            else replace(self, first=first, size=size)
        )


def _distinct(words: NDArray[np.str_]) -> set[str]:
    """Return the different words: by comparing, which is faster than sorting if they are few."""
    found: set[str] = set()
    left = words.ravel()
    while left.size and len(found) < _FEW:
        word = left[0]
        found.add(str(word))
        left = left[left != word]
    return found | {str(word) for word in np.unique(left)}


def axis_of(name: str, spec: Sequence[Any]) -> Axis:
    """Return an axis without values yet.

    Parameters
    ----------
    name : str
        Name of the values along it.
    spec : sequence
        ``(start, stop, step)`` for limits, ``(start, step)`` for a growing axis, ``()`` for
        words; a unit may follow. ``start`` and ``stop`` are centres of bins.

    Raises
    ------
    InvalidRequestError
        It is none of these.

    Examples
    --------
    >>> axis_of("mag", (15, 21, 0.5)).centres.size
    13
    >>> axis_of("exptime", (30, 1, "s")).grown([30, 33]).centres
    array([30., 31., 32., 33.])
    """
    numbers = list(spec)
    unit = str(numbers.pop()) if numbers and isinstance(numbers[-1], str) else ""
    if not numbers:
        return Axis(name, "text", unit=unit)
    step = float(numbers[-1])
    if len(numbers) not in (2, 3) or not (step > 0 and all(map(math.isfinite, numbers))):
        msg = f"{name}: {tuple(spec)} is no axis; give (start, stop, step), (start, step) or ()"
        raise InvalidRequestError(msg, parameter=name)
    if len(numbers) == 2:
        return Axis(name, "dynamic", float(numbers[0]), step, unit=unit)
    size = math.floor((numbers[1] - numbers[0]) / step + 1e-9) + 1
    if size < 1:
        msg = f"{name}: {numbers[1]} is below {numbers[0]}; give the limits in order"
        raise InvalidRequestError(msg, parameter=name)
    return Axis(name, "fixed", float(numbers[0]), step, size=size, unit=unit)


def joined(one: Axis, other: Axis) -> Axis:
    """Return an axis with the bins of both.

    Raises
    ------
    InvalidRequestError
        They do not fit together.
    """
    if one == other:
        return one
    places = [(axis.name, axis.kind, axis.start, axis.step, axis.unit) for axis in (one, other)]
    if places[0] != places[1] or one.kind == "fixed":
        msg = f"{one.name}: {one} and {other} differ; add histograms with the same axes only"
        raise InvalidRequestError(msg, parameter=one.name)
    if one.kind == "text":
        return one._with_labels(set(other.labels))
    ends = [
        float(end)
        for axis in (one, other)
        if axis.size
        for end in (axis.first, axis.first + axis.size - 1)
    ]
    return one._reaching(min(ends), max(ends)) if ends else one
