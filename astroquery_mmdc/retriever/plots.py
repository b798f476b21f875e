"""Figures of light curves, with what was found in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.plotting.style import Look, looks, new_figure, one_at_a_time
from astroquery_mmdc.retriever.lightcurve import LightCurve

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.database import Source

__all__ = ["plot_lightcurve", "plot_photometry"]

_TIMES = {"mjd": "MJD (UTC)", "times": "UTC"}
_FLUXES = ("mag", "flux")
_MJD_OF_UNIX = 40587.0
_EVENT = "#D55E00"
_REFUSED = "#888888"


@one_at_a_time
def plot_lightcurve(
    lightcurve: LightCurve,
    *,
    ttype: str = "mjd",
    ftype: str = "mag",
    threshold: float | None = None,
    detections: Iterable[Any] = (),
    font_size: float = 10.0,
    ax: Any = None,
    look: Look | None = None,
) -> Any:
    """Draw a light curve, with what was found in it.

    Parameters
    ----------
    lightcurve : LightCurve
        Of any level; raw ones need ``mag`` or ``flux`` under a known name.
    ttype : {"mjd", "times"}, optional
        Days, or dates.
    ftype : {"mag", "flux"}, optional
        Magnitudes, bright ones on top, or fluxes.
    threshold : float, optional
        Draws the robust mean and lines so many standard deviations above and below it.
    detections : iterable of Detection, optional
        Their time ranges are shaded, dashed for injected events.
    font_size : float, optional
        Of the labels, in points.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure that pyplot does not know of.
    look : Look, optional
        Colour and marker.

    Returns
    -------
    `~matplotlib.axes.Axes`

    Raises
    ------
    InvalidRequestError
        ``ttype`` or ``ftype`` is not known, or the column is missing.

    Notes
    -----
    Epochs that the survey or the quality check refuses are grey crosses, and those of a detected
    event are circled.

    Examples
    --------
    >>> lc = LightCurve({"mjd": [59000.0, 59001.0], "mag": [17.2, 17.1]}, "BL Lac", "ZTF",
    ...                 level="reduced")
    >>> plot_lightcurve(lc).get_xlabel()
    'MJD (UTC)'
    """
    check_choice("ttype", ttype, tuple(_TIMES))
    check_choice("ftype", ftype, _FLUXES)
    if ftype not in lightcurve:
        msg = f"ftype: {lightcurve!r} has no column {ftype}; it has {list(lightcurve.colnames)}"
        raise InvalidRequestError(msg, parameter="ftype")
    own = ax is None
    ax = new_figure(8.0, 3.6).subplots() if own else ax
    look = look or looks([""])[""]
    _draw_epochs(ax, lightcurve, ttype, ftype, look)
    for detection in detections:
        _shade(ax, detection, ttype)
    if threshold is not None:
        _draw_threshold(ax, lightcurve, ftype, threshold, look)
    _label(ax, lightcurve, ttype, ftype, font_size, with_title=own)
    return ax


def check_choice(parameter: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word that is not among the known ones."""
    if value not in known:
        msg = f"{parameter}: {value!r} is not known; choose from {tuple(known)}"
        raise InvalidRequestError(msg, parameter=parameter)


def _times(lightcurve: LightCurve, ttype: str) -> NDArray[Any]:
    return lightcurve.mjds if ttype == "mjd" else lightcurve.times


def _errors(lightcurve: LightCurve, ftype: str) -> NDArray[np.float64] | None:
    name = f"{ftype}_err"
    if name not in lightcurve:
        return None
    return np.abs(np.nan_to_num(lightcurve[name]))


def _draw_epochs(ax: Any, lightcurve: LightCurve, ttype: str, ftype: str, look: Look) -> None:
    times, values, good = _times(lightcurve, ttype), lightcurve[ftype], lightcurve.good
    errors = _errors(lightcurve, ftype)
    ax.errorbar(
        times[good],
        values[good],
        yerr=None if errors is None else errors[good],
        fmt=look.marker,
        color=look.color,
        markersize=3.5,
        elinewidth=0.7,
        label=" ".join(lightcurve.filters) or None,
    )
    if not good.all():
        ax.plot(times[~good], values[~good], "x", color=_REFUSED, markersize=4, label="refused")
    if "detected" in lightcurve and lightcurve["detected"].any():
        found = lightcurve["detected"].astype(bool)
        circles = {"markersize": 9, "markerfacecolor": "none", "color": _EVENT}
        ax.plot(times[found], values[found], "o", label="detected", **circles)


def _shade(ax: Any, detection: Any, ttype: str) -> None:
    start, end = detection.time_start, detection.time_end
    if ttype == "mjd":
        start, end = (moment.timestamp() / 86400 + _MJD_OF_UNIX for moment in (start, end))
    line, label = ("--", "injected event") if detection.simulated else ("-", "event")
    # An event of one epoch has no width: its edge is what can be seen.
    drawn = {"facecolor": _EVENT + "33", "edgecolor": _EVENT, "linewidth": 0.8}
    ax.axvspan(start, end, linestyle=line, label=label, **drawn)


def _draw_threshold(
    ax: Any, lightcurve: LightCurve, ftype: str, threshold: float, look: Look
) -> None:
    known = lightcurve.meta.get("statistics") or {}
    mean, scatter = known.get(f"{ftype}_mean_robust"), known.get(f"{ftype}_rms_robust")
    if mean is None or scatter is None:
        return
    label = f"mean ± {threshold:g} standard deviations"
    ax.axhline(mean, color=look.color, linewidth=0.8, label=label)
    for side in (-threshold, threshold):
        ax.axhline(mean + side * scatter, color=look.color, linewidth=0.8, linestyle="--")


def _label(
    ax: Any, lightcurve: LightCurve, ttype: str, ftype: str, font_size: float, *, with_title: bool
) -> None:
    unit = "mag" if ftype == "mag" else lightcurve.meta.get("flux_unit")
    ax.set_xlabel(_TIMES[ttype], fontsize=font_size)
    word = "Magnitude" if ftype == "mag" else "Flux"
    ax.set_ylabel(f"{word} [{unit}]" if unit else word, fontsize=font_size)
    ax.tick_params(labelsize=font_size)
    if ftype == "mag" and not ax.yaxis_inverted():
        ax.invert_yaxis()
    if ttype == "mjd":
        ax.ticklabel_format(axis="x", useOffset=False)
    if with_title:
        ax.set_title(f"{lightcurve.observatory}  {lightcurve.source}", fontsize=font_size)
        _legend(ax, font_size)


@one_at_a_time
def plot_photometry(
    source: Source | Iterable[LightCurve],
    *,
    level: str = "processed",
    ttype: str = "mjd",
    ftype: str = "mag",
    detections: Iterable[Any] | None = None,
    font_size: float = 10.0,
    title: str | None = None,
) -> Any:
    """Draw all light curves of a source, a panel for each observatory, a colour for each filter.

    Parameters
    ----------
    source : Source or iterable of LightCurve
        A row of the database, in its session, or light curves.
    level : {"processed", "reduced", "simulated"}, optional
        Which ones of a `Source`; the reduced ones if there are none.
    ttype, ftype, font_size
        See `plot_lightcurve`.
    detections : iterable of Detection, optional
        What is shaded; by default the real detections of a `Source`.
    title : str, optional
        By default the name of the source.

    Returns
    -------
    `~matplotlib.figure.Figure`

    Raises
    ------
    InvalidRequestError
        There is nothing to draw.
    """
    curves, found = _of_source(source, level)
    if not curves:
        msg = f"source: {source!r} has no light curves; run the project, or reduce its raw data"
        raise InvalidRequestError(msg, parameter="source")
    found = list(found if detections is None else detections)
    panels = sorted({curve.observatory for curve in curves})
    bands = looks(sorted({" ".join(curve.filters) for curve in curves}))
    figure = new_figure(8.0, 1.0 + 2.4 * len(panels))
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(axes, panels, strict=True):
        for curve in (each for each in curves if each.observatory == name):
            look = bands[" ".join(curve.filters)]
            plot_lightcurve(curve, ttype=ttype, ftype=ftype, font_size=font_size, ax=ax, look=look)
        for detection in (each for each in found if each.observatory == name):
            _shade(ax, detection, ttype)
        ax.set_title(name, fontsize=font_size, loc="left")
        _legend(ax, font_size)
        ax.set_xlabel(_TIMES[ttype] if ax is axes[-1] else "")
    figure.suptitle(title or curves[0].source, fontsize=1.2 * font_size)
    return figure


def _legend(ax: Any, font_size: float) -> None:
    """Name each filter once, though it has many seasons."""
    once = {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    if once:
        ax.legend(once.values(), once.keys(), fontsize=0.8 * font_size)


def _of_source(source: Any, level: str) -> tuple[list[LightCurve], Iterable[Any]]:
    if not hasattr(source, "lightcurves"):
        return list(source), ()
    rows = [row for row in source.lightcurves if row.level == level]
    rows = rows or [row for row in source.lightcurves if row.level == "reduced"]
    return [row.lightcurve for row in rows], (
        each for each in source.detections if not each.simulated
    )
