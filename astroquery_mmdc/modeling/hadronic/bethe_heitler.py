"""Bethe-Heitler production of electron-positron pairs by protons."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling.hadronic.photohadronic import ResponseTable, spread
from astroquery_mmdc.modeling.kernels.constants import ALPHA, MP_ME, R_E, C
from astroquery_mmdc.modeling.kernels.grid import Grid

__all__ = ["chodorowski_loss", "pairs", "table"]

Array = NDArray[np.float64]

_UNIT = ALPHA * R_E**2 * C  # cm^3 / s
# Fits of the loss integral, Chodorowski, Zdziarski & Sikora (1992), equations 3.14 and 3.18.
_NEAR = (0.8048, 0.1459, 1.137e-3, -3.879e-6)
_FAR_LOGARITHMS = (-86.07, 50.96, -14.45, 8.0 / 3.0)
_FAR_POWERS = (2.910, 78.35, 1837.0)


@lru_cache(maxsize=1)
def _spectra() -> tuple[Array, Array, Array]:
    """Return the shipped table: log10 kappa, log10 y and 4 H / kappa^2."""
    path = files("astroquery_mmdc.modeling") / "data" / "bethe_heitler.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
        return data["log_kappa"], data["log_y"], data["spectrum"].astype(float)


def _bracket(nodes: Array, wanted: Array) -> tuple[NDArray[np.intp], Array, Array]:
    """Return the lower node beside each place, the share of the upper one, and 1 if inside."""
    place = (wanted - nodes[0]) / (nodes[1] - nodes[0])
    low = np.clip(place.astype(int), 0, nodes.size - 2)
    inside = ((place >= 0.0) & (place <= nodes.size - 1.0)).astype(float)
    return low, np.clip(place - low, 0.0, 1.0), inside


def _sample(log_product: Array, log_ratio: Array) -> Array:
    """Return pairs per unit y at gamma_p epsilon and gamma / gamma_p, bilinear in logarithms."""
    log_kappa, log_y, spectrum = _spectra()
    i, f, row_inside = _bracket(log_kappa, log_product.ravel() + np.log10(2.0))
    j, g, column_inside = _bracket(log_y, log_ratio)
    rows = (1.0 - f)[:, None] * spectrum[i] + f[:, None] * spectrum[i + 1]
    values = (1.0 - g) * rows[:, j] + g * rows[:, j + 1]
    return _UNIT * (values * np.outer(row_inside, column_inside))[:, None, :]


@lru_cache(maxsize=8)
def table(grid: Grid) -> ResponseTable:
    """Return the spectrum of electrons and positrons together as a table on one grid.

    Notes
    -----
    Kelner & Aharonian (2008), equation 62, over the differential cross-section of Blumenthal
    (1970), equation 10: a function of kappa = 2 gamma_p epsilon and gamma / gamma_p. Beyond
    kappa = 1e6, where the loss is below 1e-2 of its largest, there are no pairs.
    """
    log_kappa, log_y, _ = _spectra()
    per_decade = grid.per_decade
    lowest = (log_kappa[0] - np.log10(2.0)) * per_decade
    highest = (log_kappa[-1] - np.log10(2.0)) * per_decade
    sums = range(int(np.floor(lowest)), int(np.ceil(highest)) + 1)
    widest = int(np.ceil(log_y[-1] * per_decade))
    differences = range(-widest, widest + 1)
    return ResponseTable.of(_sample, per_decade, sums, differences, held=False)


def pairs(grid: Grid, rate: Array, protons: Array) -> Array:
    """Return electrons and positrons together [cm^-3 s^-1 per unit gamma] on ``grid.gamma``.

    Parameters
    ----------
    grid, rate, protons
        As in `~astroquery_mmdc.modeling.hadronic.photohadronic.spread`.
    """
    return spread(table(grid), grid, rate, protons, first=0, size=grid.gamma.size)[0]


def _phi(kappa: Array) -> Array:
    """Return the loss integral phi(kappa); accurate to half a per cent."""
    near = np.minimum(kappa, 25.0) - 2.0
    denominator = 1.0 + sum(c * near ** (i + 1) for i, c in enumerate(_NEAR))
    low = np.pi / 12.0 * np.maximum(near, 0.0) ** 4 / denominator
    far = np.maximum(kappa, 25.0)
    logarithms = sum(d * np.log(far) ** i for i, d in enumerate(_FAR_LOGARITHMS))
    powers = 1.0 - sum(f * far ** -(i + 1) for i, f in enumerate(_FAR_POWERS))
    return np.where(kappa < 25.0, low, far * logarithms / powers)


def chodorowski_loss(grid: Grid, n: Array) -> Array:
    """Return d gamma_p / dt (negative) of the analytic fit [s^-1].

    Parameters
    ----------
    grid, n
        As in `~astroquery_mmdc.modeling.hadronic.photohadronic.rates`.

    Notes
    -----
    A check of the loss that follows from the pairs, which the models use. Blumenthal (1970),
    Chodorowski, Zdziarski & Sikora (1992): gamma_dot = - alpha r_e^2 c (m_e/m_p)
    integral from 2 of n(kappa / 2 gamma) phi(kappa) / kappa^2 d kappa.
    """
    kappa = 2.0 * np.outer(grid.gamma, grid.eps)
    integrand = _phi(kappa) / kappa
    return np.asarray(-_UNIT / MP_ME * (integrand @ n) * grid.step)
