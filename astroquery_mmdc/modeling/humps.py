"""The two humps of a spectrum and the peaks of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.spectrum import ModelSpectrum

__all__ = ["peak_table"]

Array = NDArray[np.float64]

_LOW = ("synchrotron",)
_THERMAL = ("disk", "blr", "torus")
_DIP = 0.9
"""Between two humps the flux falls below this part of the lower one."""


def peak_table(spectrum: ModelSpectrum) -> QTable:
    """Return ``component``, ``nu``, ``nufnu`` of every process and of both humps."""
    log_nu = np.log(spectrum.nu.to_value(u.Hz))
    curves = _curves(spectrum, log_nu)
    rows = [(name, *_top(log_nu, flux)) for name, flux in curves.items() if np.any(flux > 0)]
    return QTable(
        {
            "component": np.array([name for name, _, _ in rows], dtype=str),
            "nu": np.array([nu for _, nu, _ in rows]) * u.Hz,
            "nufnu": np.array([flux for _, _, flux in rows]) * NUFNU,
        }
    )


def _curves(spectrum: ModelSpectrum, log_nu: Array) -> dict[str, Array]:
    whole = (spectrum.nuFnu if spectrum.intrinsic is None else spectrum.intrinsic).to_value(NUFNU)
    processes = {name: flux.to_value(NUFNU) for name, flux in spectrum.components.items()}
    if not processes:
        return _split(whole)
    after = spectrum.nuFnu.to_value(NUFNU)
    # Components are given after the EBL; their peaks are those before it.
    restore = np.divide(whole, after, out=np.ones_like(whole), where=after > 1e-8 * whole)
    processes = {name: flux * restore for name, flux in processes.items()}
    low = sum((processes[name] for name in _LOW if name in processes), np.zeros_like(whole))
    thermal = sum((f for name, f in processes.items() if name in _THERMAL), np.zeros_like(whole))
    humps = {"low": low, "high": np.maximum(whole - low - thermal, 0.0)}
    return {**processes, **humps}


def _split(flux: Array) -> dict[str, Array]:
    """Return both humps of a spectrum whose processes are not known, parted at the dip."""
    if not np.any(flux > 0):
        return {}
    left, right = np.maximum.accumulate(flux), np.maximum.accumulate(flux[::-1])[::-1]
    depth = flux / np.minimum(left, right)
    dip = int(np.argmin(np.where(flux > 0, depth, 1.0)))
    if depth[dip] > _DIP:
        return {"low": flux}
    index = np.arange(len(flux))
    return {"low": np.where(index <= dip, flux, 0.0), "high": np.where(index >= dip, flux, 0.0)}


def _top(log_nu: Array, flux: Array) -> tuple[float, float]:
    """Return the top of the parabola through the highest point and its neighbours."""
    top = int(np.argmax(flux))
    if not 0 < top < len(flux) - 1 or np.min(flux[top - 1 : top + 2]) <= 0:
        return float(np.exp(log_nu[top])), float(flux[top])
    x, y = log_nu[top - 1 : top + 2] - log_nu[top], np.log(flux[top - 1 : top + 2])
    curvature, slope, height = np.polyfit(x, y, 2)
    if curvature >= 0:
        return float(np.exp(log_nu[top])), float(flux[top])
    best = float(np.clip(-0.5 * slope / curvature, x[0], x[2]))
    log_flux = height + slope * best + curvature * best**2
    return float(np.exp(log_nu[top] + best)), float(np.exp(log_flux))
