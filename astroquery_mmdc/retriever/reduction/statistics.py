"""Means that outliers do not move, magnitudes and fluxes, and the summary of a light curve.

Everything here is a pure function of plain arrays: nothing is changed in place, and a result
depends on nothing but the arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AB_ZERO_POINT",
    "brightening",
    "exposure_statistics",
    "flux_from_mag",
    "flux_statistics",
    "mag_from_flux",
    "mean_std",
    "median",
    "median_degrees",
    "noise_of",
    "robust_mean_std",
    "wrapped_degrees",
]

AB_ZERO_POINT = 23.9
"""Zero point of AB magnitudes when the flux density is in µJy."""

_POGSON = 2.5 / math.log(10)  # magnitudes per relative change of flux
_CLIP_SIGMA, _CLIP_ROUNDS, _CLIP_LEAST = 3.0, 3, 5
_SECONDS_PER_DAY = 86400.0

Floats = NDArray[np.float64]


def median(values: Floats) -> float:
    """Return the median of finite numbers, NaN of none.

    Several times faster than `numpy.median` on the short arrays that light curves are.
    """
    if not values.size:
        return math.nan
    middle = values.size // 2
    ordered = values.copy()
    ordered.partition(middle)
    upper = float(ordered[middle])
    return upper if values.size % 2 else 0.5 * (float(ordered[:middle].max()) + upper)


def wrapped_degrees(angle: Floats | float) -> Any:
    """Return differences of angles as from -180 to 180 degrees: 359.9 and 0.1 are 0.2 apart."""
    return (angle + 180.0) % 360.0 - 180.0


def median_degrees(angles: Floats) -> float:
    """Return the median, 0 to 360 degrees, of angles that lie close together on the circle."""
    if not angles.size:
        return math.nan
    first = float(angles[0])
    return (first + median(wrapped_degrees(angles - first))) % 360.0


def mean_std(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of finite numbers, NaN of none."""
    if not values.size:
        return math.nan, math.nan
    mean = float(values.sum()) / values.size
    away = values - mean
    return mean, math.sqrt(float(away @ away) / values.size)


def robust_mean_std(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation with the outliers left out.

    Parameters
    ----------
    values : array of float
        Finite numbers; filter NaN and flagged epochs before.

    Returns
    -------
    mean, std : float
        NaN if there are no values.

    Notes
    -----
    It begins with the median and the standard deviation of all. At most three times, values more
    than three standard deviations away are dropped and both are taken anew from the rest, until
    nothing is dropped or fewer than five are left. Fewer than five values give their median and
    their standard deviation.

    Examples
    --------
    >>> import numpy as np
    >>> robust_mean_std(np.array([1.0, 2.0, 3.0] * 10 + [1000.0]))
    (2.0, 0.816496580927726)
    """
    centre = median(values)
    mean, std = mean_std(values)
    if values.size < _CLIP_LEAST:
        return centre, std
    for _ in range(_CLIP_ROUNDS):
        inside = np.abs(values - centre) <= _CLIP_SIGMA * std
        if inside.all():
            break
        values = values[inside]
        mean, std = mean_std(values)
        centre = mean
        if values.size < _CLIP_LEAST:
            break
    return mean, std


def flux_from_mag(
    mag: Floats, mag_err: Floats, zero_point: float = AB_ZERO_POINT
) -> tuple[Floats, Floats]:
    """Return flux and error of magnitudes; µJy for AB magnitudes.

    Examples
    --------
    >>> import numpy as np
    >>> flux, error = flux_from_mag(np.array([23.9]), np.array([0.1]))
    >>> print(flux, error)
    [1.] [0.0921034]
    """
    flux = 10.0 ** (0.4 * (zero_point - mag))
    return flux, flux * mag_err / _POGSON


def mag_from_flux(
    flux: Floats, flux_err: Floats, zero_point: float = AB_ZERO_POINT
) -> tuple[Floats, Floats]:
    """Return magnitudes and errors of fluxes, NaN where the flux is not positive."""
    positive = np.where(flux > 0, flux, np.nan)
    return zero_point - 2.5 * np.log10(positive), _POGSON * flux_err / positive


def brightening(flux: Floats, mean: float, noise: Floats) -> Floats:
    """Return by how many magnitudes a flux is brighter than the mean, for any sign of the flux.

    Parameters
    ----------
    flux : array of float
        Fluxes.
    mean : float
        What they are compared with.
    noise : array of float
        Noise of the flux, positive.

    Notes
    -----
    The difference of two asinh magnitudes (Lupton, Gunn & Szalay 1999, AJ 118, 1406): far above
    the noise that of two magnitudes, within the noise linear in flux. Positive is brighter.
    """
    return _POGSON * (np.arcsinh(flux / (2 * noise)) - np.arcsinh(mean / (2 * noise)))


def noise_of(flux_err: Floats, rms: float | None) -> Floats:
    """Return the noise of each epoch: its error or the scatter of all, whichever is larger.

    Parameters
    ----------
    flux_err : array of float
        NaN where not known.
    rms : float or None
        Robust scatter of the light curve, None where there is none.

    Returns
    -------
    array of float
        NaN where nothing is known, or all that is known is zero: no score follows from that.
    """
    noise = np.fmax(flux_err, math.nan if rms is None else rms)
    return np.where(noise > 0, noise, np.nan)


def flux_statistics(flux: Floats, mag: Floats, good: NDArray[np.bool_]) -> dict[str, Any]:
    """Return means, scatters and extremes of the epochs that are good.

    Parameters
    ----------
    flux, mag : array of float
        One value per epoch; NaN where there is none.
    good : array of bool
        Epochs that count. Those without a flux are left out in any case.

    Returns
    -------
    dict
        ``num_good``; ``flux_mean``, ``flux_rms``, their ``_robust`` twins, ``flux_max`` and
        ``flux_min``; ``mag_mean``, ``mag_rms``, the robust ones, ``mag_brightest`` and
        ``mag_faintest``. None where nothing is good, so that it can be written as JSON.
    """
    counted = flux[good & np.isfinite(flux)]
    mags = mag[good & np.isfinite(mag)]
    result = {"num_good": int(counted.size)}
    return (
        result
        | _means("flux", counted, ("min", "max"))
        | _means("mag", mags, ("brightest", "faintest"))
    )


def _means(name: str, values: Floats, extremes: tuple[str, str]) -> dict[str, float | None]:
    mean, rms = mean_std(values)
    robust_mean, robust_rms = robust_mean_std(values)
    lowest, highest = (values.min(), values.max()) if values.size else (math.nan, math.nan)
    found = {
        f"{name}_mean": mean,
        f"{name}_rms": rms,
        f"{name}_mean_robust": robust_mean,
        f"{name}_rms_robust": robust_rms,
        f"{name}_{extremes[0]}": float(lowest),
        f"{name}_{extremes[1]}": float(highest),
    }
    return {key: None if math.isnan(value) else value for key, value in found.items()}


def exposure_statistics(times: Floats, exptimes: Floats) -> dict[str, Any]:
    """Return typical exposure and sampling of sorted times.

    Parameters
    ----------
    times : array of float
        Sorted, in days.
    exptimes : array of float
        In seconds; NaN where not known.

    Returns
    -------
    dict
        ``exp_time`` in s, ``frame_rate`` in Hz (one over the median step), and
        ``is_uniformly_sampled``: 90 % of the steps lie within 1 % of the median step.
    """
    known = exptimes[np.isfinite(exptimes)]
    steps = np.sort(np.diff(times)) * _SECONDS_PER_DAY
    step = median(steps)
    is_uniform = False
    if steps.size:
        low, high = steps[int(0.05 * (steps.size - 1))], steps[math.ceil(0.95 * (steps.size - 1))]
        is_uniform = bool(high - low < 0.01 * step)
    return {
        "exp_time": median(known) if known.size else None,
        "frame_rate": 1 / step if steps.size and step > 0 else None,
        "is_uniformly_sampled": is_uniform,
    }
