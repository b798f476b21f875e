"""Shapes of events, and banks of widths that leave no gap between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Shape", "box", "gaussian", "template_bank"]

Shape = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Function of (t - t0) / FWHM whose peak is 1 at 0."""

_REACH, _SAMPLES = 8.0, 8001
_LARGEST_STEP = 16.0


def gaussian(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Gaussian of full width at half maximum 1.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian(np.array([-0.5, 0.0, 0.5]))
    array([0.5, 1. , 0.5])
    """
    return np.exp(-4 * math.log(2) * x * x)


def box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 within a width of 1, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> box(np.array([-0.6, -0.4, 0.0, 0.6]))
    array([0., 1., 1., 0.])
    """
    return np.where(np.abs(x) < 0.5, 1.0, 0.0)


@lru_cache(maxsize=32)
def template_bank(
    shape: Shape, shortest: float, longest: float, overlap: float
) -> NDArray[np.float64]:
    """Return widths from the shortest to the longest, neighbours of which overlap enough.

    Parameters
    ----------
    shape : callable
        See `Shape`.
    shortest, longest : float
        Limits, both are part of the bank.
    overlap : float
        Smallest overlap of neighbours, between 0 and 1.

    Returns
    -------
    array of float
        A geometric series, read-only.

    Raises
    ------
    InvalidRequestError
        The limits or the overlap make no bank.

    Notes
    -----
    The overlap of two templates is the integral of their product over the root of the product of
    the integrals of their squares. It depends on the ratio of the widths alone. Neighbours differ
    by a factor of 16 at most, whatever the overlap.

    Examples
    --------
    >>> template_bank(box, 1.0, 4.0, 0.7).round(3)
    array([1., 2., 4.])
    """
    if not 0 < shortest <= longest < math.inf:
        msg = f"min_width: {shortest} to max_width {longest} is no range; give 0 < min <= max"
        raise InvalidRequestError(msg, parameter="min_width")
    if not 0 < overlap < 1:
        msg = f"overlap_required: {overlap} is not between 0 and 1; 0.95 is usual"
        raise InvalidRequestError(msg, parameter="overlap_required")
    steps = math.ceil(math.log(longest / shortest) / math.log(_ratio(shape, overlap)) - 1e-3)
    bank = np.geomspace(shortest, longest, max(steps, 0) + 1)
    bank.setflags(write=False)
    return bank


def _ratio(shape: Shape, wanted: float) -> float:
    """Return the ratio of two widths that overlap as wanted, by bisection."""
    low, high = 1.0, _LARGEST_STEP
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _overlap(shape, middle) > wanted else (low, middle)
    return high


def _overlap(shape: Shape, ratio: float) -> float:
    # Each width reaches as far as the shape, the grid is fine enough for the shorter one.
    x = np.linspace(-_REACH, _REACH, _SAMPLES) * math.sqrt(ratio)
    short, long = shape(x * math.sqrt(ratio)), shape(x / math.sqrt(ratio))
    return float(short @ long / math.sqrt((short @ short) * (long @ long)))
