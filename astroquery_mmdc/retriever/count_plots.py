"""Figures of counts: which part of injected events was found again, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.plotting.style import COLORS, new_figure, one_at_a_time
from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.plots import check_choice

if TYPE_CHECKING:
    import xarray

__all__ = ["plot_efficiency", "plot_histogram"]

_WORDS = {
    "amplitude": "Amplitude [S/N]",
    "mag_change": "Change [mag]",
    "mag": "Magnitude of the source",
    "log_width": r"$\log_{10}$ FWHM [d]",
    "snr": "S/N",
    "dmag": "Change [mag]",
}
_MOST_NUMBERS = 600


@one_at_a_time
def plot_efficiency(efficiency: xarray.Dataset, *, ax: Any = None, title: str | None = None) -> Any:
    """Draw which part of injected events was found again.

    Parameters
    ----------
    efficiency : `xarray.Dataset`
        From `~astroquery_mmdc.retriever.efficiency.efficiency`: over two axes a map with the
        numbers of injected events written in, over one axis points with their 68 % intervals.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure that pyplot does not know of.
    title : str, optional
        By default none.

    Returns
    -------
    `~matplotlib.axes.Axes`

    Raises
    ------
    InvalidRequestError
        There are more than two axes.
    """
    names = [str(name) for name in efficiency["efficiency"].dims]
    if len(names) not in (1, 2):
        msg = f"efficiency: one or two axes can be drawn, these are {names}; choose with over="
        raise InvalidRequestError(msg, parameter="efficiency")
    tight = _where_injected(efficiency, names)
    ax = ax or new_figure(7.0, 4.5).subplots()
    draw = _draw_curve if len(names) == 1 else _draw_map
    draw(ax, tight, names)
    if title:
        ax.set_title(title)
    return ax


def _where_injected(efficiency: xarray.Dataset, names: Sequence[str]) -> xarray.Dataset:
    """Leave out rows and columns in which nothing was injected, at the edges."""
    filled = efficiency["injected"].values > 0
    for axis, name in enumerate(names):
        others = tuple(place for place in range(filled.ndim) if place != axis)
        (used,) = np.nonzero(filled.any(axis=others))
        if used.size:
            efficiency = efficiency.isel({name: slice(used[0], used[-1] + 1)})
            filled = efficiency["injected"].values > 0
    return efficiency


def _axis_label(efficiency: xarray.Dataset | xarray.DataArray, name: str) -> str:
    unit = efficiency[name].attrs.get("units")
    return _WORDS.get(name, f"{name} [{unit}]" if unit else name)


def _edges(coordinate: xarray.DataArray) -> NDArray[np.float64]:
    centres = coordinate.values
    # One bin does not tell how wide it is.
    step = centres[1] - centres[0] if len(centres) > 1 else coordinate.attrs.get("step", 1.0)
    return np.append(centres - step / 2, centres[-1] + step / 2)


def _draw_curve(ax: Any, efficiency: xarray.Dataset, names: Sequence[str]) -> None:
    (name,) = names
    part = efficiency["efficiency"].values
    below = part - efficiency["lower"].values
    above = efficiency["upper"].values - part
    ax.errorbar(efficiency[name], part, yerr=[below, above], fmt="o", color="#0072B2", capsize=2)
    ax.set(xlabel=_axis_label(efficiency, name), ylabel="Recovered / injected", ylim=(-0.03, 1.03))


def _draw_map(ax: Any, efficiency: xarray.Dataset, names: Sequence[str]) -> None:
    down, across = names
    values = np.ma.masked_invalid(efficiency["efficiency"].values)
    edges = _edges(efficiency[across]), _edges(efficiency[down])
    mesh = ax.pcolormesh(*edges, values, vmin=0, vmax=1, cmap="cividis")
    ax.set_facecolor("#e8e8e8")  # nothing was injected here
    ax.set(xlabel=_axis_label(efficiency, across), ylabel=_axis_label(efficiency, down))
    counts = efficiency["injected"].values
    is_numbered = counts.size <= _MOST_NUMBERS
    label = "Recovered / injected" + "   (numbers: injected events)" * is_numbered
    ax.get_figure().colorbar(mesh, ax=ax, label=label)
    if is_numbered:
        _write_numbers(ax, efficiency, names)


def _write_numbers(ax: Any, efficiency: xarray.Dataset, names: Sequence[str]) -> None:
    y, x = (efficiency[name].values for name in names)
    counts, values = efficiency["injected"].values, efficiency["efficiency"].values
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = "white" if values[row, column] < 0.5 else "black"
        text = {"ha": "center", "va": "center", "fontsize": 6, "color": shade}
        ax.text(x[column], y[row], str(counts[row, column]), **text)


@one_at_a_time
def plot_histogram(
    histogram: Histogram, score: str | None = None, *, by: str | None = None, ax: Any = None
) -> Any:
    """Draw how often a score took which value.

    Parameters
    ----------
    histogram : Histogram
        For example ``project.get_histograms()["good_scores"]``.
    score : str, optional
        Which one; by default the first.
    by : str, optional
        Another axis, such as ``"filter"``: a line for each of its bins that is not empty.
        Otherwise all are summed.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure that pyplot does not know of.

    Returns
    -------
    `~matplotlib.axes.Axes`

    Raises
    ------
    InvalidRequestError
        There is no such score or axis.
    """
    score = score or next(iter(histogram.score_axes))
    check_choice("score", score, tuple(histogram.score_axes))
    counts = histogram.data[f"{score}_counts"]
    others = [str(name) for name in counts.dims if name != score]
    if by is not None:
        check_choice("by", by, others)
    summed = counts.sum([name for name in others if name != by])
    ax = ax or new_figure(7.0, 4.0).subplots()
    lines = {"all": summed} if by is None else _lines(summed, by)
    edges = _edges(counts[score])
    for color, (label, line) in zip(_line_colors(len(lines)), lines.items(), strict=True):
        ax.stairs(line.values, edges, label=label, color=color)
    (filled,) = np.nonzero(np.sum([line.values for line in lines.values()], axis=0))
    if filled.size:
        ax.set_xlim(edges[max(filled[0] - 5, 0)], edges[min(filled[-1] + 6, len(edges) - 1)])
    ax.set(xlabel=_axis_label(counts, score), ylabel="Epochs", yscale="log")
    if by is not None:
        ax.legend(title=by, fontsize=8)
    return ax


def _line_colors(number: int) -> Any:
    """Few lines in hues that are told apart, many in the order of a scale."""
    if number <= len(COLORS):
        return COLORS[:number]
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.95, number))


def _lines(summed: xarray.DataArray, by: str) -> dict[str, xarray.DataArray]:
    parts = {_bin_name(value): summed.sel({by: value}) for value in summed[by].values}
    return {name: part for name, part in parts.items() if int(part.sum())}


def _bin_name(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
