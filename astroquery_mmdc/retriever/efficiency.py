"""Which part of injected events is found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.axes import Axis
from astroquery_mmdc.retriever.histogram import Histogram

if TYPE_CHECKING:
    import xarray

__all__ = ["EFFICIENCY_COORDS", "efficiency", "wilson_interval"]

EFFICIENCY_COORDS: Mapping[str, Any] = {
    "score_names": ["amplitude", "mag_change"],
    "score_coords": {"amplitude": (0, 2), "mag_change": (0, 0.25, "mag")},
    "source_coords": {"mag": (15, 0.5, "mag")},
    "obs_coords": {"log_width": (0, 0.25, "dex(d)")},
}
"""Settings of the histograms of injected and recovered events: absolute S/N of the amplitude and
magnitudes of the change, over the magnitude of the source and the decimal logarithm of the width
(FWHM). All axes grow: no event may be lost, or the ratio would be wrong."""


def efficiency(
    injected: Histogram,
    recovered: Histogram,
    *,
    score: str = "amplitude",
    over: Sequence[str] = ("log_width",),
) -> xarray.Dataset:
    """Return the part of the injected events that was recovered, over some axes.

    Parameters
    ----------
    injected, recovered : Histogram
        Of the same axes, as an `Analysis` makes them.
    score : str, optional
        ``"amplitude"`` or ``"mag_change"``, the last axis of the map.
    over : sequence of str, optional
        Further axes of the map; the others are summed.

    Returns
    -------
    `xarray.Dataset`
        ``efficiency``, NaN where nothing was injected; ``lower`` and ``upper``, its 68 % interval
        (see `wilson_interval`); ``injected`` and ``recovered``.

    Raises
    ------
    InvalidRequestError
        An axis is not there, or more was recovered than injected.
    """
    import xarray

    axes = {axis.name: axis for axis in injected.all_axes(score)}
    unknown = set(over) - set(axes)
    if unknown:
        msg = f"over: {sorted(unknown)} are no axes; choose from {list(axes)}"
        raise InvalidRequestError(msg, parameter="over")
    # Growing axes get the bins of both.
    found, all_of_them = recovered + _emptied(injected), injected + _emptied(recovered)
    names = [*over, score]
    tried, hit = (_summed(histogram, score, names) for histogram in (all_of_them, found))
    if (hit > tried).any():
        msg = "recovered: it holds more events than injected; give both of the same analysis"
        raise InvalidRequestError(msg, parameter="recovered")
    lower, upper = wilson_interval(hit, tried)
    part = np.divide(hit, tried, out=np.full(hit.shape, np.nan), where=tried > 0)
    values = {
        "efficiency": part,
        "lower": lower,
        "upper": upper,
        "injected": tried,
        "recovered": hit,
    }
    centres = {axis.name: axis for axis in all_of_them.all_axes(score)}
    coords = {name: (name, centres[name].centres, _about(centres[name])) for name in names}
    return xarray.Dataset({name: (names, value) for name, value in values.items()}, coords=coords)


def _about(axis: Axis) -> dict[str, Any]:
    return {"units": axis.unit, "step": axis.step}


def _emptied(histogram: Histogram) -> Histogram:
    """Return a histogram with the same axes and nothing in them."""
    made = histogram.copy()
    made.cells = {name: cells.emptied() for name, cells in made.cells.items()}
    made.source_names = set()
    return made


def _summed(histogram: Histogram, score: str, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the counts over the named axes, in their order."""
    axes = [axis.name for axis in histogram.all_axes(score)]
    others = tuple(place for place, name in enumerate(axes) if name not in names)
    left = [name for name in axes if name in names]
    counts = histogram.counts(score).astype(np.int64).sum(axis=others)
    return counts.transpose([left.index(name) for name in names])


def wilson_interval(
    hits: NDArray[np.integer], trials: NDArray[np.integer], sigmas: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interval of a probability of which some trials were hits.

    Parameters
    ----------
    hits, trials : array of int
        Of the same shape.
    sigmas : float, optional
        Standard deviations of a normal distribution: 1 for 68 %.

    Returns
    -------
    lower, upper : array of float
        Between 0 and 1, and not empty for none or all of the trials; NaN without trials.

    Notes
    -----
    The score interval of Wilson (1927, J. Am. Stat. Assoc. 22, 209).

    Examples
    --------
    >>> import numpy as np
    >>> lower, upper = wilson_interval(np.array([0, 5]), np.array([10, 10]))
    >>> lower.round(3), upper.round(3)
    (array([0.   , 0.349]), array([0.091, 0.651]))
    """
    number = np.where(trials > 0, trials, np.nan).astype(float)
    part, square = hits / number, sigmas * sigmas
    centre = (part + square / (2 * number)) / (1 + square / number)
    spread = np.sqrt(part * (1 - part) / number + square / (4 * number * number))
    half = sigmas * spread / (1 + square / number)
    # Rounding must not push none or all of the trials out of their own interval.
    return np.clip(centre - half, 0.0, part), np.clip(centre + half, part, 1.0)
