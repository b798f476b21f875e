"""Figures of spectral energy distributions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.plotting.style import (
    Look,
    flux_label,
    looks,
    new_figure,
    one_at_a_time,
    spectral_label,
)
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.schema.units import flux_unit, nufnu_to, spectral_to, spectral_unit
from astroquery_mmdc.sed import SED
from astroquery_mmdc.sed.windows import intervals

__all__ = ["plot_sed", "top_axis"]

_COLOR_BY = ("catalog", "band", "epoch")
_LEGEND_ROWS = 24
_LIMIT_LENGTH = 0.45
"""Length of the arrow of an upper limit, as a part of its value."""
_MODEL_LINES = ("-", "--", "-.", ":")
_HEAVY = 3000
"""Number of points above which they are drawn as pixels and with more transparency."""


@dataclass(frozen=True, slots=True)
class _Points:
    """What is drawn, as plain arrays in the units of the axes."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    limit: NDArray[np.bool_]
    undated: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Any) -> _Points:
        return _Points(*(getattr(self, name)[rows] for name in self.__slots__))


@one_at_a_time
def plot_sed(
    sed: SED,
    *,
    x: Any = "Hz",
    y: Any = "erg cm-2 s-1",
    color_by: str = "catalog",
    ax: Any = None,
    models: Iterable[Any] = (),
    title: str | None = None,
    legend: bool = True,
) -> Any:
    """Draw an SED.

    Parameters
    ----------
    sed : SED
        Points with a flux of 0 and less have no place on a logarithmic axis; a note counts them.
    x, y : str or unit, optional
        Units of the axes, as in `SED.converted`.
    color_by : str, optional
        ``"catalog"``, ``"band"`` or ``"epoch"`` (the middle of each measurement).
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure that pyplot does not know of.
    models : iterable, optional
        Curves: `~astroquery_mmdc.modeling.ModelSpectrum`, or tuples ``(nu, nufnu)`` and
        ``(nu, nufnu, label)`` of Quantities.
    title : str, optional
        By default the name of the source.
    legend : bool, optional
        Whether to explain colours and markers.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Its ``figure`` can be given to `save_figure`.

    Raises
    ------
    InvalidRequestError
        A unit or ``color_by`` that is not known.

    Notes
    -----
    Upper limits are arrows, hollow markers have no date, error bars never reach 0.

    Examples
    --------
    >>> from astropy import units as u
    >>> sed = SED.from_columns(nu=[5e14, 2e17] * u.Hz, nufnu=[4, 9] * u.Unit("1e-11 erg s-1 cm-2"))
    >>> plot_sed(sed).get_xlabel()
    'Frequency [Hz]'
    """
    if color_by not in _COLOR_BY:
        msg = f"color_by: {color_by!r} is not known; use one of {list(_COLOR_BY)}"
        raise InvalidRequestError(msg, parameter="color_by")
    x_unit, y_unit = spectral_unit(x), flux_unit(y)
    points, shown = _points(sed, x_unit, y_unit)
    groups = _groups(sed[shown], color_by)
    by_epoch = color_by == "epoch"
    if ax is None:
        ax = _new_axes(len(groups) if legend else 0)
    handles = _draw_models(ax, models, x_unit, y_unit)
    if by_epoch:
        handles += _draw_epochs(ax, points, sed[shown])
    else:
        handles += _draw_groups(ax, points, groups)
    _dress(ax, points, x_unit, y_unit)
    _note(ax, sed, shown)
    ax.set_title(str(sed.source.get("name") or "") if title is None else title)
    if legend:
        _legend(ax, handles + _keys(points, by_epoch), outside=not by_epoch)
    return ax


# ---------------------------------------------------------------- what is drawn


def _points(sed: SED, x_unit: u.UnitBase, y_unit: u.UnitBase) -> tuple[_Points, Any]:
    """Return the points that can be drawn, and which rows they are."""
    table = sed.converted(x_unit, y_unit)
    plain = {name: _filled(table[name]) for name in table.colnames}
    shown = (plain["x"] > 0) & (plain["y"] > 0)
    error = plain["y_err"]
    low, high = (
        np.where(np.isnan(plain[name]), error, plain[name]) if name in plain else error
        for name in ("y_errn", "y_errp")
    )
    points = _Points(
        x=plain["x"],
        y=plain["y"],
        # A bar may leave the figure downwards, but has no end at 0 on a logarithmic axis.
        low=np.minimum(np.nan_to_num(np.abs(low)), 0.9999 * plain["y"]),
        high=np.nan_to_num(np.abs(high)),
        limit=np.asarray(sed["is_upper_limit"], dtype=bool),
        undated=np.asarray(sed["undated"], dtype=bool),
    )
    return points.take(shown), shown


def _filled(column: Any) -> NDArray[np.float64]:
    values = np.array(getattr(column, "unmasked", column), dtype=float)
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = np.nan
    return values


def _groups(sed: SED, color_by: str) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each catalogue or band, in the order of their frequencies."""
    if color_by == "epoch" or not len(sed):
        return {}
    names = np.array([str(name) if name else "unknown" for name in _texts(sed[color_by])])
    found = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}
    nu = _filled(sed["nu"])
    return dict(sorted(found.items(), key=lambda item: float(np.median(nu[item[1]]))))


def _texts(column: Any) -> list[str]:
    return list(column.filled("") if hasattr(column, "filled") else column)


# ---------------------------------------------------------------- drawing


def _new_axes(n_entries: int) -> Any:
    columns = -(-n_entries // _LEGEND_ROWS)
    return new_figure(7.0 + 1.5 * columns, 5.0).add_subplot()


def _size(points: _Points) -> float:
    """Return the size of markers: many points need smaller ones."""
    return float(np.interp(np.log10(max(len(points), 1)), [2, 3, 4.5], [5.0, 3.5, 2.0]))


def _draw_groups(ax: Any, points: _Points, groups: dict[str, NDArray[np.int64]]) -> list[Any]:
    """Draw each group in its own look, and return what the legend shows of it."""
    are_bands = set(groups) <= set(BANDS)
    # A band keeps its place and colour, whichever others are there.
    names = [name for name in BANDS if name in groups] if are_bands else list(groups)
    chosen = looks(list(BANDS) if are_bands else names)
    hollow = _hollow(points)
    handles = []
    for name in names:
        rows, look = groups[name], chosen[name]
        group, limit = points.take(rows), points.limit[rows]
        for is_hollow in (False, True):
            part = group.take((hollow[rows] == is_hollow) & ~limit)
            if len(part):
                _markers(ax, part, look, _size(points), is_hollow, len(points) > _HEAVY)
        if limit.any():
            _arrows(ax, group.take(limit), look.color, _size(points), len(points) > _HEAVY)
        label = name.replace("_", " ") if are_bands else name
        all_hollow = bool(hollow[rows][~limit].all())
        handles.append(_handle(look, label, is_limit=bool(limit.all()), is_hollow=all_hollow))
    return handles


def _hollow(points: _Points) -> NDArray[np.bool_]:
    """Return which markers are hollow: without any date, the difference says nothing."""
    return points.undated & (not points.undated.all())


def _handle(look: Look, label: str, *, is_limit: bool = False, is_hollow: bool = False) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=look.color,
        marker=r"$\downarrow$" if is_limit else look.marker,
        markerfacecolor="white" if is_hollow else look.color,
        markersize=7 if is_limit else 5,
        linestyle="none",
        label=label,
    )


def _markers(
    ax: Any, part: _Points, look: Look, size: float, is_hollow: bool, is_heavy: bool
) -> None:
    ax.errorbar(
        part.x,
        part.y,
        yerr=np.stack([part.low, part.high]),
        fmt=look.marker,
        color=look.color,
        markerfacecolor="white" if is_hollow else look.color,
        markeredgewidth=0.8,
        markersize=size,
        elinewidth=0.8,
        alpha=0.6 if is_heavy else 0.9,
        # Thousands of vector markers make a file that no viewer likes.
        rasterized=is_heavy,
    )


def _arrows(ax: Any, part: _Points, color: Any, size: float, is_heavy: bool) -> None:
    """Draw a bar at each limit and an arrow down from it."""
    from matplotlib.markers import CARETDOWN

    tip = (1 - _LIMIT_LENGTH) * part.y
    style = {"linewidth": 0.8, "rasterized": is_heavy}
    ax.vlines(part.x, tip, part.y, colors=color, **style)
    ax.scatter(part.x, part.y, s=(1.2 * size) ** 2, marker="_", c=color, **style)
    ax.scatter(part.x, tip, s=(0.8 * size) ** 2, marker=CARETDOWN, c=color, **style)


def _draw_epochs(ax: Any, points: _Points, sed: SED) -> list[Any]:
    """Draw points in the colour of their date, undated ones grey and behind."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    dates = np.mean(intervals(_filled(sed["mjd_start"]), _filled(sed["mjd_end"])), axis=0)
    size, is_heavy = _size(points), len(points) > _HEAVY
    unknown = np.isnan(dates)
    grey = Look("#8C8C8C", "o")
    if unknown.any():
        _markers(ax, points.take(unknown & ~points.limit), grey, size, True, is_heavy)
        _arrows(ax, points.take(unknown & points.limit), grey.color, size, is_heavy)
    if not unknown.all():
        mappable = ScalarMappable(Normalize(np.nanmin(dates), np.nanmax(dates)), "viridis")
        colors = mappable.to_rgba(np.where(unknown, 0.0, dates))
        rows = ~unknown & ~points.limit
        part = points.take(rows)
        bars = np.stack([part.low, part.high])
        ax.errorbar(part.x, part.y, bars, fmt="none", ecolor=colors[rows], elinewidth=0.8, zorder=2)
        ax.scatter(part.x, part.y, s=size**2, c=colors[rows], zorder=2.5, rasterized=is_heavy)
        rows = ~unknown & points.limit
        _arrows(ax, points.take(rows), colors[rows], size, is_heavy)
        ax.figure.colorbar(mappable, ax=ax, label="MJD", pad=0.02, format="%.0f")
    return [_handle(grey, "no date", is_hollow=True)] if unknown.any() else []


def _draw_models(
    ax: Any, models: Iterable[Any], x_unit: u.UnitBase, y_unit: u.UnitBase
) -> list[Any]:
    lines: list[Any] = []
    for index, model in enumerate(models):
        nu, nufnu, label = _curve(model, index)
        lines += ax.plot(
            spectral_to(nu, x_unit).value,
            nufnu_to(nufnu, nu, y_unit).value,
            color="black",
            linestyle=_MODEL_LINES[index % len(_MODEL_LINES)],
            linewidth=1.3,
            label=label,
            zorder=3,
        )
    return lines


def _curve(model: Any, index: int) -> tuple[u.Quantity, u.Quantity, str]:
    default = f"model {index + 1}" if index else "model"
    if isinstance(model, tuple):
        nu, nufnu, *label = model
        return nu, nufnu, str(label[0]) if label else default
    return model.nu, model.nuFnu, str(model.meta.get("model_type") or default)


# ---------------------------------------------------------------- around the points


def _dress(ax: Any, points: _Points, x_unit: u.UnitBase, y_unit: u.UnitBase) -> None:
    ax.set(xscale="log", yscale="log", xlabel=spectral_label(x_unit), ylabel=flux_label(y_unit))
    if len(points):
        # Error bars may leave the figure; points may not.
        low, high = points.y.min(), (points.y + points.high * ~points.limit).max()
        ax.set_ylim(low / 4, max(high, points.y.max()) * 3)
        ax.set_xlim(points.x.min() / 5, points.x.max() * 5)
    ax.tick_params(which="both", direction="in", right=True)
    top_axis(ax, x_unit)


def top_axis(ax: Any, x_unit: u.UnitBase) -> None:
    """Add the energy above a frequency, or the frequency above anything else."""
    other = u.eV if x_unit.is_equivalent(u.Hz) else u.Hz
    top = ax.secondary_xaxis(
        "top", functions=(_converter(x_unit, other), _converter(other, x_unit))
    )
    top.set_xlabel(spectral_label(other))
    top.tick_params(which="both", direction="in")


def _converter(unit: u.UnitBase, other: u.UnitBase) -> Any:
    to_hertz = unit.is_equivalent(u.m) or other.is_equivalent(u.m)
    factor = (1 * unit).to_value(other, equivalencies=u.spectral())

    def convert(values: Any) -> Any:
        # Matplotlib tries 0 and less too, before it knows the limits of the axis.
        with np.errstate(all="ignore"):
            return factor / np.asarray(values) if to_hertz else factor * np.asarray(values)

    return convert


def _note(ax: Any, sed: SED, shown: Any) -> None:
    """Say how many points are not in the figure, and why."""
    flux = _filled(sed["nufnu"])
    negative = int((~shown & (flux <= 0)).sum())
    missing = int((~shown).sum()) - negative
    notes = [f"{negative} points with flux ≤ 0 not shown"] if negative else []
    notes += [f"{missing} points without a value not shown"] if missing else []
    if notes:
        style = {"fontsize": "x-small", "color": "0.35", "transform": ax.transAxes}
        ax.text(0.01, 0.01, "; ".join(notes), ha="left", va="bottom", **style)


def _keys(points: _Points, by_epoch: bool) -> list[Any]:
    """Return what the legend says about arrows and hollow markers."""
    grey = Look("#4D4D4D", "o")
    keys = []
    if points.limit.any():
        keys.append(_handle(grey, "upper limit", is_limit=True))
    if not by_epoch and _hollow(points).any():
        keys.append(_handle(grey, "hollow: no date", is_hollow=True))
    return keys


def _legend(ax: Any, handles: list[Any], *, outside: bool) -> None:
    if not handles:
        return
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)} if outside else {"loc": "best"}
    ax.legend(
        handles=handles,
        ncols=-(-len(handles) // _LEGEND_ROWS),
        fontsize="x-small",
        frameon=not outside,
        borderaxespad=0.0 if outside else 0.5,
        handletextpad=0.4,
        columnspacing=1.0,
        **place,
    )
