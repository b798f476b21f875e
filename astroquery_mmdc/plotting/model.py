"""Figures of model spectra: the whole, its processes, its neutrinos."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.plotting.spectrum import plot_sed, top_axis
from astroquery_mmdc.plotting.style import (
    flux_label,
    new_figure,
    one_at_a_time,
    spectral_label,
)
from astroquery_mmdc.schema.units import flux_unit, nufnu_to, spectral_to, spectral_unit
from astroquery_mmdc.sed import SED

__all__ = ["plot_spectrum"]

_LINES = ("-", "--", "-.", ":")
# What a process is called and how it is drawn, the same in every figure: hues that all kinds of
# colour vision tell apart, and dashes for what comes from outside or from secondary particles.
_LOOKS = {
    "synchrotron": ("synchrotron", "#0072B2", "-"),
    "ssc": ("self-Compton", "#D55E00", "-"),
    "ec_disk": ("Compton, disk", "#332288", "--"),
    "ec_blr": ("Compton, broad lines", "#009E73", "--"),
    "ec_torus": ("Compton, torus", "#CC79A7", "--"),
    "ec_cmb": ("Compton, CMB", "#999933", "--"),
    "disk": ("disk", "#332288", ":"),
    "blr": ("broad lines", "#009E73", ":"),
    "torus": ("torus", "#CC79A7", ":"),
    "proton_synchrotron": ("proton synchrotron", "#882255", "-"),
    "pion_decay": ("pion decay", "#56B4E9", "-"),
    "bethe_heitler": ("Bethe–Heitler pairs", "#E69F00", "--"),
    "photopion": ("photopion pairs", "#56B4E9", "--"),
    "gamma_gamma": ("γγ pairs", "#117733", "--"),
}
_LEGEND_ROWS = 28
_DECADES = 6.0
"""How far below its highest point a spectrum is shown."""


@one_at_a_time
def plot_spectrum(
    spectra: ModelSpectrum | Iterable[ModelSpectrum],
    *,
    sed: SED | None = None,
    x: Any = "Hz",
    y: Any = "erg cm-2 s-1",
    components: bool | None = None,
    labels: Iterable[str] | None = None,
    ax: Any = None,
    title: str | None = None,
    legend: bool = True,
) -> Any:
    r"""Draw the spectra of models, computed here or by the service.

    Parameters
    ----------
    spectra : ModelSpectrum or iterable of ModelSpectrum
        The first one is drawn with its processes and, in grey, as it is before the EBL.
    sed : SED, optional
        Points to draw behind.
    x, y : str or unit, optional
        Units of the axes.
    components : bool, optional
        Whether to draw processes; by default where there is one spectrum.
    labels : iterable of str, optional
        Names of the spectra in the legend.
    ax : `~matplotlib.axes.Axes`, optional
        Where to draw; by default a new figure that pyplot does not know of.
    title : str, optional
        By default none.
    legend : bool, optional
        Whether to explain lines and colours.

    Returns
    -------
    `~matplotlib.axes.Axes`
        Its ``figure`` can be given to `save_figure`.

    Examples
    --------
    >>> from astropy import units as u
    >>> spectrum = ModelSpectrum([1e10, 1e12] * u.Hz, [1, 3] * u.Unit("1e-12 erg s-1 cm-2"))
    >>> plot_spectrum(spectrum).get_ylabel()
    '$\\nu F_\\nu$ [$\\mathrm{erg\\,s^{-1}\\,cm^{-2}}$]'
    """
    spectra = [spectra] if isinstance(spectra, ModelSpectrum) else list(spectra)
    names = _labels(spectra, labels)
    x_unit, y_unit = spectral_unit(x), flux_unit(y)
    if ax is None:
        ax = new_figure(9.0 if legend else 7.0, 5.0).add_subplot()
    if sed is not None:
        plot_sed(sed, x=x, y=y, ax=ax, legend=legend)
    if components or (components is None and len(spectra) == 1):
        _draw_components(ax, spectra[0], x_unit, y_unit)
    for index, (spectrum, name) in enumerate(zip(spectra, names, strict=True)):
        _draw(ax, spectrum, name, index, x_unit, y_unit)
    _dress(ax, spectra, sed, x_unit, y_unit)
    ax.set_title(title or "")
    if legend:
        _legend(ax)
    return ax


def _legend(ax: Any) -> None:
    """Explain beside the figure what is seen inside it, and the points if there are any."""
    points = ax.get_legend()
    low, high = ax.get_ylim()
    left, right = ax.get_xlim()
    seen = []
    for line in ax.get_lines():
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        inside = (y >= low) & (y <= high) & (x >= left) & (x <= right)
        if inside.any() and not line.get_label().startswith("_"):
            seen.append(line)
    seen += points.legend_handles if points is not None else []
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    columns = -(-len(seen) // _LEGEND_ROWS)
    ax.legend(handles=seen, fontsize="x-small", frameon=False, ncols=columns, **place)


def _labels(spectra: list[ModelSpectrum], labels: Iterable[str] | None) -> list[str]:
    if not spectra:
        msg = "spectra: there is none to draw; give at least one ModelSpectrum"
        raise InvalidRequestError(msg, parameter="spectra")
    if labels is None:
        return [_own_label(spectrum, len(spectra) == 1) for spectrum in spectra]
    names = list(labels)
    if len(names) != len(spectra):
        msg = f"labels: {len(names)} labels for {len(spectra)} spectra; give one for each"
        raise InvalidRequestError(msg, parameter="labels")
    return names


def _own_label(spectrum: ModelSpectrum, is_alone: bool) -> str:
    name = str(spectrum.meta.get("model_type", "model"))
    if is_alone:
        return f"{name}, all processes" if spectrum.components else name
    place = spectrum.meta.get("mmdc", {}).get("service")
    return f"{name} ({'local' if place in (None, 'local') else 'service'})"


def _draw(
    ax: Any, spectrum: ModelSpectrum, name: str, index: int, x: u.UnitBase, y: u.UnitBase
) -> None:
    line = _LINES[index % len(_LINES)]
    style = {"color": "black", "linestyle": line, "linewidth": 1.6, "zorder": 3}
    _line(ax, spectrum.nu, spectrum.nuFnu, x, y, label=name, **style)
    energy, flux = spectrum.neutrino_energy, spectrum.neutrino_flux
    # The service states no unit for its neutrinos, so they have no place on this axis.
    if isinstance(energy, u.Quantity) and flux is not None:
        style = {"color": "#CC3311", "linestyle": line, "linewidth": 1.4, "zorder": 2.9}
        nu = energy.to(u.Hz, u.spectral())
        _line(ax, nu, flux, x, y, label="neutrinos, all flavours", **style)


def _draw_components(ax: Any, spectrum: ModelSpectrum, x: u.UnitBase, y: u.UnitBase) -> None:
    if spectrum.intrinsic is not None and _is_absorbed(spectrum):
        style = {"color": "0.6", "linewidth": 1.0, "linestyle": "--", "zorder": 2}
        _line(ax, spectrum.nu, spectrum.intrinsic, x, y, label="before the EBL", **style)
    for name, flux in spectrum.components.items():
        label, color, line = _LOOKS.get(name, (name, "#555555", "-"))
        style = {"color": color, "linestyle": line, "linewidth": 1.2, "zorder": 2.5}
        _line(ax, spectrum.nu, flux, x, y, label=label, **style)


def _is_absorbed(spectrum: ModelSpectrum) -> bool:
    """Return whether the EBL takes away what can be seen in the figure."""
    before, after = spectrum.intrinsic, spectrum.nuFnu
    return bool(np.any((before > 1.05 * after) & (before > 10.0**-_DECADES * after.max())))


def _line(
    ax: Any, nu: u.Quantity, flux: u.Quantity, x: u.UnitBase, y: u.UnitBase, **style: Any
) -> None:
    values = nufnu_to(flux, nu, y).value
    # Nothing is drawn where there is no flux, not a fall to the bottom of the figure.
    shown = np.where(values > 0, values, np.nan)
    if np.any(values > 0):
        ax.plot(spectral_to(nu, x).value, shown, **style)


def _dress(
    ax: Any, spectra: list[ModelSpectrum], sed: SED | None, x: u.UnitBase, y: u.UnitBase
) -> None:
    ax.set(xscale="log", yscale="log", xlabel=spectral_label(x), ylabel=flux_label(y))
    low, high = _limits(spectra, x, y)
    if sed is not None:
        below, above = ax.get_ylim()
        high = (min(high[0], below), max(high[1], above))
    ax.set_xlim(*low)
    ax.set_ylim(*high)
    ax.tick_params(which="both", direction="in", right=True)
    if sed is None:
        top_axis(ax, x)


def _limits(
    spectra: list[ModelSpectrum], x: u.UnitBase, y: u.UnitBase
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of both axes: some decades below the highest point."""
    curves = [(one.nu, one.nuFnu) for one in spectra]
    values = np.concatenate([nufnu_to(flux, nu, y).value for nu, flux in curves])
    top = np.max(values, initial=0.0) or 1.0
    bottom = top * 10.0**-_DECADES
    curves += [
        (one.neutrino_energy.to(u.Hz, u.spectral()), one.neutrino_flux)
        for one in spectra
        if isinstance(one.neutrino_energy, u.Quantity) and one.neutrino_flux is not None
    ]
    values = np.concatenate([nufnu_to(flux, nu, y).value for nu, flux in curves])
    places = np.concatenate([spectral_to(nu, x).value for nu, _ in curves])
    seen = places[values > bottom]
    if not len(seen):
        return (places.min(), places.max()), (bottom, top)
    return (seen.min() / 3, seen.max() * 10), (bottom, top * 4)
