"""Corner plots of posteriors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.results.latex_table import latex_interval, latex_symbol
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.plotting.style import COLORS, new_figure, one_at_a_time

__all__ = ["plot_corner"]

_CONTOURS = (0.393, 0.865)
"""Probability inside one and two sigma of a two-dimensional Gaussian."""
_PAD = 0.08


@one_at_a_time
def plot_corner(
    result: FitResult, *, names: Sequence[str] | None = None, figure: Any = None
) -> Any:
    """Draw the posterior of a fit: each parameter, and each pair of them.

    Parameters
    ----------
    result : FitResult
        With a posterior.
    names : sequence of str, optional
        Columns of the posterior to draw; by default all that vary.
    figure : `~matplotlib.figure.Figure`, optional
        Where to draw; by default a new one that pyplot does not know of.

    Returns
    -------
    `~matplotlib.figure.Figure`

    Raises
    ------
    InvalidRequestError
        There is no posterior, or it has no such column.

    Notes
    -----
    Contours hold 39.3 % and 86.5 % of the probability, one and two sigma in two dimensions; the
    dashed lines of the histograms are the median and the 68 % interval, the other lines the best
    fit.
    """
    names = _names(result, names)
    assert result.posterior is not None
    samples = np.stack([np.asarray(result.posterior[name], dtype=float) for name in names], axis=1)
    best = {str(row["name"]): float(row["value"]) for row in result.parameters}
    if figure is None:
        figure = _figure(len(names))
    with _silent():
        _draw(figure, result, samples, names, best)
    return figure


def _names(result: FitResult, names: Sequence[str] | None) -> list[str]:
    posterior = result.posterior
    if posterior is None:
        msg = 'result: it has no posterior to draw; fit with method="importance"'
        raise InvalidRequestError(msg, parameter="result")
    columns = [name for name in posterior.colnames if name != "log_likelihood"]
    if names is None:
        names = [name for name in columns if np.ptp(np.asarray(posterior[name])) > 0]
    unknown = [name for name in names if name not in posterior.colnames]
    if unknown or not names:
        what = f"the posterior has no {', '.join(unknown)}" if unknown else "nothing varies"
        msg = f"names: {what}; it has {', '.join(columns)}"
        raise InvalidRequestError(msg, parameter="names")
    return list(names)


def _figure(size: int) -> Any:
    side = max(3.5, 1.1 * size + 1.0)
    # The package corner places the axes itself.
    return new_figure(side, side, layout=None)


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the package corner from telling the root logger of contours with few samples."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def _draw(
    figure: Any, result: FitResult, samples: Any, names: list[str], best: dict[str, float]
) -> None:
    import corner

    ranges = [_range(samples[:, index], best.get(name)) for index, name in enumerate(names)]
    is_single = len(names) == 1
    if is_single:
        # The package takes a single panel only where it is there already.
        figure.subplots()
    small = {"fontsize": 7 if len(names) > 5 else 9}
    corner.corner(
        samples,
        fig=figure,
        labels=[f"${latex_symbol(result.model_type, name)}$" for name in names],
        range=ranges,
        # Nor can it mark the best value in a single panel.
        truths=None if is_single else [best.get(name) for name in names],
        truth_color=COLORS[1],
        color=COLORS[0],
        quantiles=(0.16, 0.5, 0.84),
        levels=_CONTOURS,
        smooth=1.0 if len(samples) > 300 else None,
        bins=25,
        max_n_ticks=3,
        label_kwargs=small,
        plot_datapoints=len(samples) < 1000,
        hist_kwargs={"linewidth": 1.0},
        contour_kwargs={"linewidths": 0.8},
    )
    axes = np.array(figure.axes).reshape(len(names), len(names))
    for index in range(len(names)):
        low, median, high = np.quantile(samples[:, index], [0.16, 0.5, 0.84]).tolist()
        axes[index, index].set_title(f"${latex_interval(median, low, high)}$", **small)
        axes[index, index].set_xlim(*ranges[index])
    if is_single and names[0] in best:
        axes[0, 0].axvline(best[names[0]], color=COLORS[1])
    for ax in figure.axes:
        ax.tick_params(labelsize=small["fontsize"] - 1.5, pad=1)


def _range(values: Any, best: float | None) -> tuple[float, float]:
    """Return where samples lie, but for the outermost, with the best fit inside."""
    low, high = np.quantile(values, [0.001, 0.999]).tolist()
    if best is not None and np.isfinite(best):
        low, high = min(low, best), max(high, best)
    # A parameter that does not vary has a width of its own.
    pad = _PAD * (high - low) or 1e-3 * abs(low) or 1e-3
    return low - pad, high + pad
