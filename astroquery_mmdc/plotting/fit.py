"""Figures of fits: points, best model, bands of the posterior, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.plotting.model import plot_spectrum
from astroquery_mmdc.plotting.style import looks, new_figure, one_at_a_time, spectral_label
from astroquery_mmdc.schema.units import NUFNU, flux_unit, nufnu_to, spectral_to, spectral_unit
from astroquery_mmdc.sed import SED

__all__ = ["plot_fit"]

_BAND, _NEUTRINOS = "#0072B2", "#CC3311"
_LEGEND_ROWS = 34
_DECADES = 3.0
"""How far below the faintest point the model is shown."""
_LN10 = float(np.log(10.0))


@one_at_a_time
def plot_fit(
    result: FitResult,
    *,
    x: Any = "Hz",
    y: Any = "erg cm-2 s-1",
    components: bool = True,
    residuals: bool = True,
    title: str | None = None,
    figure: Any = None,
) -> Any:
    """Draw a fit: the points, the best model, the bands of the posterior and the residuals.

    Parameters
    ----------
    result : FitResult
        With points; of a fit made here or by the service.
    x, y : str or unit, optional
        Units of the axes.
    components : bool, optional
        Whether to draw the processes of the best fit.
    residuals : bool, optional
        Whether to draw the residuals below, in units of sigma.
    title : str, optional
        By default none.
    figure : `~matplotlib.figure.Figure` or SubFigure, optional
        Where to draw; by default a new figure that pyplot does not know of.

    Returns
    -------
    `~matplotlib.figure.Figure`

    Notes
    -----
    The bands hold 68 % and 95 % of the models of the posterior at each frequency. Residuals are
    (log10 F - log10 F_model) / sigma, sigma with the systematic error of the likelihood.
    """
    if result.data is None or result.best is None:
        msg = "result: it has no points or no best spectrum to draw"
        raise InvalidRequestError(msg, parameter="result")
    units = spectral_unit(x), flux_unit(y)
    if figure is None:
        figure = new_figure(9.5, 6.8 if residuals else 5.2)
    ax, below = _axes(figure, residuals)
    sed = _sed(result)
    plot_spectrum(result.best, sed=sed, x=x, y=y, components=components, ax=ax, title=title)
    _limit(ax, result, *units)
    bands = _draw_bands(ax, result, *units)
    _legend(ax, bands)
    if below is not None:
        _draw_residuals(below, result, sed, units[0])
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
        below.set_xlim(ax.get_xlim())
    return figure


def _axes(figure: Any, residuals: bool) -> tuple[Any, Any]:
    if not residuals:
        return figure.subplots(), None
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.6, 1.0))
    return ax, below


def _sed(result: FitResult) -> SED:
    data = result.data
    assert data is not None
    names = ("nufnu_err", "nufnu_errn", "nufnu_errp", "is_upper_limit", "catalog")
    columns = {name: data[name] for name in names if name in data.colnames}
    return SED.from_columns(nu=data["nu"], nufnu=data["nufnu"], **columns)


# ---------------------------------------------------------------- bands


def _draw_bands(ax: Any, result: FitResult, x: u.UnitBase, y: u.UnitBase) -> list[Any]:
    """Draw the bands and return what the legend shows of them."""
    if result.bands is None:
        return []
    handles = _fill(ax, result.bands, result.bands["nu"], _BAND, (x, y))
    neutrinos = result.neutrino_bands
    if neutrinos is not None and isinstance(neutrinos["energy"], u.Quantity):
        nu = neutrinos["energy"].to(u.Hz, u.spectral())
        _fill(ax, neutrinos, nu, _NEUTRINOS, (x, y))
    return handles


def _fill(
    ax: Any, bands: QTable, nu: u.Quantity, color: str, units: tuple[u.UnitBase, u.UnitBase]
) -> list[Any]:
    place = spectral_to(nu, units[0]).value
    order = np.argsort(place)
    handles = []
    for level, alpha in (("95", 0.15), ("68", 0.3)):
        low, high = (
            nufnu_to(u.Quantity(bands[f"{end}{level}"]), nu, units[1]).value[order]
            for end in ("low", "high")
        )
        shown = high > 0
        handles.append(
            ax.fill_between(
                place[order],
                # A band that reaches no flux goes down to the bottom of the figure.
                np.where(low > 0, low, 1e-300),
                np.where(shown, high, np.nan),
                where=shown,
                color=color,
                alpha=alpha,
                linewidth=0,
                zorder=1.5,
                label=f"{level} % of the posterior",
            )
        )
    return handles


def _limit(ax: Any, result: FitResult, x: u.UnitBase, y: u.UnitBase) -> None:
    """Show the points, the humps around them, and neutrinos that are as bright."""
    data, best = result.data, result.best
    assert data is not None
    assert best is not None
    flux = nufnu_to(u.Quantity(data["nufnu"]), data["nu"], y).value
    place = spectral_to(data["nu"], x).value
    there = (flux > 0) & np.isfinite(flux)
    bottom, top = flux[there].min() / 10.0, flux[there].max()
    near = (place[there].min() / 30.0, place[there].max() * 30.0)
    model = nufnu_to(best.nuFnu, best.nu, y).value
    where = spectral_to(best.nu, x).value
    seen = (where > near[0]) & (where < near[1])
    top = max(top, float(np.max(model[seen], initial=0.0)))
    energy, neutrinos = best.neutrino_energy, best.neutrino_flux
    if isinstance(energy, u.Quantity) and neutrinos is not None:
        nu = energy.to(u.Hz, u.spectral())
        bright = nufnu_to(neutrinos, nu, y).value > bottom
        if bright.any():
            places = spectral_to(nu[bright], x).value
            near = (min(near[0], places.min()), max(near[1], places.max() * 3.0))
    ax.set_xlim(*near)
    ax.set_ylim(max(bottom, top * 10.0 ** -(2 * _DECADES + 2)), top * 4.0)


def _legend(ax: Any, bands: list[Any]) -> None:
    old = ax.get_legend()
    handles = [*bands[::-1], *(old.legend_handles if old is not None else [])]
    columns = -(-len(handles) // _LEGEND_ROWS)
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    ax.legend(handles=handles, fontsize="x-small", frameon=False, ncols=columns, **place)


# ---------------------------------------------------------------- residuals


def _draw_residuals(ax: Any, result: FitResult, sed: SED, x: u.UnitBase) -> None:
    pull, place = _pulls(result), spectral_to(sed["nu"], x).value
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    names = np.array([str(name) or "unknown" for name in _texts(sed["catalog"])])
    nu = sed["nu"].value
    # The order in which the points above got their looks.
    order = sorted(dict.fromkeys(names.tolist()), key=lambda name: np.median(nu[names == name]))
    for name, look in looks(order).items():
        rows = (names == name) & ~limit
        ax.plot(place[rows], pull[rows], look.marker, color=look.color, markersize=4, alpha=0.9)
        rows = (names == name) & limit
        ax.plot(place[rows], pull[rows], marker="v", ls="none", color=look.color, markersize=4)
    ax.axhspan(-1, 1, color="0.9", zorder=0)
    ax.axhline(0, color="black", linewidth=0.8, zorder=1)
    # Limits may be far above the model; what counts is detections.
    far = max(3.5, 1.15 * float(np.max(np.abs(pull[~limit]), initial=0.0)))
    ax.set_ylim(-far, far)
    ax.set(xscale="log", xlabel=spectral_label(x), ylabel=r"residual [$\sigma$]")
    ax.tick_params(which="both", direction="in", right=True, top=True)


def _pulls(result: FitResult) -> Any:
    """Return the residuals in units of sigma; with the errors alone where nothing else is known."""
    data, best = result.data, result.best
    assert data is not None
    assert best is not None
    if "pull" in data.colnames:
        return np.asarray(data["pull"], dtype=float)
    flux, error = (data[name].to_value(NUFNU) for name in ("nufnu", "nufnu_err"))
    model = best.interpolate(data["nu"]).to_value(NUFNU)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.log10(flux / model) * flux * _LN10 / error
    return np.where(np.isfinite(pull), pull, np.nan)


def _texts(column: Any) -> list[Any]:
    return list(column.filled("") if hasattr(column, "filled") else column)
