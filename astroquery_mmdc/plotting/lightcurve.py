"""Figures of light curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.plotting.style import flux_label, looks, new_figure, one_at_a_time

__all__ = ["plot_lightcurve"]

_PANEL_BY = ("catalog", "band")
_FLUXES = ("flux", "photon_flux")
# Matplotlib counts days from 1970-01-01, which is this MJD.
_MJD_OF_1970 = 40587.0


@one_at_a_time
def plot_lightcurve(
    table: QTable, *, panel_by: str = "catalog", figure: Any = None, title: str | None = None
) -> Any:
    """Draw light curves in panels above each other, high energies on top.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        As `MMDC.query_lightcurve` returns it: ``time``, ``flux`` or ``photon_flux`` with their
        errors, ``catalog``, ``filter_band``.
    panel_by : str, optional
        ``"catalog"``: a panel for each catalogue, its bands in colours; ``"band"``: a panel for
        each band of each catalogue.
    figure : `~matplotlib.figure.Figure`, optional
        An empty figure to draw in; by default a new one that pyplot does not know of.
    title : str, optional
        Words above the panels.

    Returns
    -------
    `~matplotlib.figure.Figure`
        One Axes for each panel; MJD below, the calendar above.

    Raises
    ------
    InvalidRequestError
        ``panel_by`` is not known, or a column is missing.

    Notes
    -----
    Upper limits are arrows. Fluxes are divided by a power of ten, which the axis names.

    Examples
    --------
    >>> from astropy.time import Time
    >>> curve = QTable({"time": Time([58001.0, 58002.0], format="mjd"),
    ...                 "flux": [1e-11, 2e-11] * u.Unit("erg s-1 cm-2"), "catalog": ["ZTF", "ZTF"]})
    >>> len(plot_lightcurve(curve).axes)
    1
    """
    if panel_by not in _PANEL_BY:
        msg = f"panel_by: {panel_by!r} is not known; use one of {list(_PANEL_BY)}"
        raise InvalidRequestError(msg, parameter="panel_by")
    if "time" not in table.colnames or not set(_FLUXES) & set(table.colnames):
        msg = f"table: time and flux are needed, the columns are {table.colnames}"
        raise InvalidRequestError(msg, parameter="table")
    panels = _panels(table, panel_by)
    figure = figure or new_figure(8.0, 1.2 + 1.7 * max(len(panels), 1))
    axes = figure.subplots(max(len(panels), 1), sharex=True, squeeze=False)[:, 0]
    for ax, (name, rows) in zip(axes, panels.items(), strict=False):
        _draw_panel(ax, table[rows], name)
    _dress(axes)
    if title:
        figure.suptitle(title)
    return figure


def _panels(table: QTable, panel_by: str) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each panel, highest frequency first."""
    catalogs, bands = _texts(table, "catalog"), _texts(table, "filter_band")
    names = [
        " ".join(filter(None, (catalog, band if panel_by == "band" else ""))) or "unknown"
        for catalog, band in zip(catalogs, bands, strict=True)
    ]
    rows = {name: np.flatnonzero(np.array(names) == name) for name in dict.fromkeys(names)}
    nu = _numbers(table, "nu", u.Hz)
    # A photon flux comes without a frequency, and from the highest energies.
    nu = np.where(np.isnan(nu), np.inf, nu)
    return dict(sorted(rows.items(), key=lambda item: (-np.median(nu[item[1]]), item[0])))


def _texts(table: QTable, name: str) -> list[str]:
    if name not in table.colnames:
        return [""] * len(table)
    column = table[name]
    return [str(value) for value in (column.filled("") if hasattr(column, "filled") else column)]


def _numbers(table: QTable, name: str, unit: Any) -> NDArray[np.float64]:
    """Return a column as plain numbers, NaN where it is masked or missing."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = table[name].to(unit)
    values = np.array(getattr(column, "unmasked", column).value, dtype=float)
    values[np.broadcast_to(getattr(column, "mask", False), values.shape)] = np.nan
    return values


def _mjd(table: QTable) -> NDArray[np.float64]:
    time = table["time"].utc
    missing = np.broadcast_to(np.asarray(time.mask), len(table))
    return np.where(missing, np.nan, np.ma.getdata(np.ma.asarray(_plain(time))))


def _plain(time: Any) -> Any:
    return time.unmasked.mjd if hasattr(time, "unmasked") else np.ma.filled(time.mjd, np.nan)


def _draw_panel(ax: Any, table: QTable, name: str) -> None:
    flux, error, unit = _flux(table)
    mjd, limit = _mjd(table), _limits(table)
    finite = np.isfinite(flux) & np.isfinite(mjd)
    exponent = _exponent(flux[finite])
    scaled, bars = flux / 10.0**exponent, error / 10.0**exponent
    # The arrow of a limit has the same length everywhere in a panel.
    bars[limit] = 0.1 * np.ptp(scaled[finite]) if finite.any() else 0.0
    bands = _bands(table)
    names = np.array(_texts(table, "filter_band"))
    for band, look in looks(bands).items():
        for is_limit in (False, True):
            rows = finite & (names == band) & (limit == is_limit)
            if not rows.any():
                continue
            ax.errorbar(
                mjd[rows],
                scaled[rows],
                yerr=bars[rows],
                uplims=is_limit,
                fmt="_" if is_limit else look.marker,
                color=look.color,
                markersize=float(np.interp(len(table), [100, 2000], [4, 2])),
                elinewidth=0.7,
                alpha=0.9,
                rasterized=len(table) > 3000,
                label=None if is_limit else band,
            )
    _label_panel(ax, name, unit, exponent, several=len(bands) > 1)


def _limits(table: QTable) -> NDArray[np.bool_]:
    if "is_upper_limit" not in table.colnames:
        return np.zeros(len(table), dtype=bool)
    return np.asarray(table["is_upper_limit"], dtype=bool)


def _bands(table: QTable) -> list[str]:
    """Return the bands of a panel, highest frequency first."""
    names = np.array(_texts(table, "filter_band"))
    nu = np.nan_to_num(_numbers(table, "nu", u.Hz))
    return sorted(set(names.tolist()), key=lambda name: (-np.median(nu[names == name]), name))


def _flux(table: QTable) -> tuple[NDArray[np.float64], NDArray[np.float64], u.UnitBase]:
    """Return flux, error and unit: of the photon flux where there is no other."""
    for name in _FLUXES:
        if name in table.colnames:
            unit = table[name].unit
            flux = _numbers(table, name, unit)
            if np.isfinite(flux).any():
                return flux, np.nan_to_num(np.abs(_numbers(table, f"{name}_err", unit))), unit
    return np.full(len(table), np.nan), np.zeros(len(table)), u.dimensionless_unscaled


def _exponent(flux: NDArray[np.float64]) -> int:
    largest = np.abs(flux).max() if len(flux) else 0.0
    return int(np.floor(np.log10(largest))) if largest > 0 else 0


def _label_panel(ax: Any, name: str, unit: u.UnitBase, exponent: int, *, several: bool) -> None:
    scale = rf"$10^{{{exponent}}}$ " if exponent else ""
    ax.set_ylabel(flux_label(unit).replace("[", f"[{scale}"), fontsize="small")
    ax.text(0.01, 0.95, name, transform=ax.transAxes, va="top", fontweight="bold", fontsize="small")
    ax.tick_params(which="both", direction="in", right=True)
    ax.minorticks_on()
    # Room for the name and the legend.
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.15 * (high - low))
    if several:
        handles, labels = ax.get_legend_handles_labels()
        points = [getattr(handle, "lines", [handle])[0] for handle in handles]
        style = {"fontsize": "x-small", "ncols": 6, "frameon": False, "handletextpad": 0.2}
        ax.legend(points, labels, loc="upper right", **style)


def _dress(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes[-1].set_xlabel("MJD (UTC)")
    axes[-1].ticklabel_format(axis="x", useOffset=False, style="plain")
    top = axes[0].secondary_xaxis(
        "top", functions=(lambda mjd: mjd - _MJD_OF_1970, lambda days: days + _MJD_OF_1970)
    )
    locator = AutoDateLocator()
    top.xaxis.set_major_locator(locator)
    top.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    top.tick_params(direction="in")
