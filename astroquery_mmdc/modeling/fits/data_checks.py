"""Whether points can stand for one state of a source and constrain a model, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.data_columns import Columns
from astroquery_mmdc.schema.catalogs import band_of

__all__ = ["advice", "binned"]

Array = NDArray[np.float64]

# The service refuses points that spread by more than 3 in 3 bins of 0.1 dex.
_BIN_DEX, _SPREAD, _BINS = 0.1, 3.0, 3
_LOG_LOW, _LOG_HIGH = 11.0, 28.0
_EPOCH_DAYS = 30.0

# One band of each group pins down a synchrotron and a Compton hump.
_COVERAGE = {
    "infrared, visible or ultraviolet": ("infrared", "visible", "ultraviolet"),
    "X-ray": ("x_rays",),
    "gamma-ray": ("gamma_rays",),
}


def advice(columns: Columns) -> list[str]:
    """Return what a careful reader would say of the points; nothing where all is well."""
    found = [_duplicates(columns), _variability(columns), _epochs(columns), _coverage(columns)]
    return [text for text in found if text]


def _duplicates(columns: Columns) -> str:
    rows = np.column_stack([columns.nu, columns.flux, columns.error_low, columns.mjd_start])
    _, counts = np.unique(np.nan_to_num(rows, nan=-1.0), axis=0, return_counts=True)
    again = int(np.sum(counts - 1))
    if not again:
        return ""
    return (
        f"{again} of the points repeat others and count that often; "
        "drop them (astropy.table.unique) unless they are separate measurements"
    )


def _variability(columns: Columns) -> str:
    seen = ~columns.is_limit
    place = np.floor(np.round((np.log10(columns.nu[seen]) - _LOG_LOW) / _BIN_DEX, 9)).astype(int)
    log_flux = np.log10(columns.flux[seen])
    last = round((_LOG_HIGH - _LOG_LOW) / _BIN_DEX)
    spread = [
        _LOG_LOW + _BIN_DEX * index
        for index in np.unique(place)
        if 0 <= index < last and np.ptp(log_flux[place == index]) > np.log10(_SPREAD)
    ]
    if len(spread) < _BINS:
        return ""
    where = ", ".join(f"{low:.1f}" for low in spread[:6]) + (", ..." if len(spread) > 6 else "")
    return (
        f"the fluxes spread by more than a factor {_SPREAD:g} in {len(spread)} bins of 0.1 dex "
        f"(log10 nu/Hz = {where}): one state of the source cannot explain them, the service would "
        "refuse; choose an epoch (sed.epochs()), or let the fit find the scatter "
        "(systematic='free')"
    )


def _epochs(columns: Columns) -> str:
    start, end = columns.mjd_start, columns.mjd_end
    dated = np.isfinite(start) & np.isfinite(end)
    # A mean over months belongs to any epoch inside; short measurements tell epochs apart.
    short = dated & (end - start <= _EPOCH_DAYS)
    middle = np.sort(0.5 * (start[short] + end[short]))
    if len(middle) < 2 or np.max(np.diff(middle)) <= _EPOCH_DAYS:
        return ""
    count = 1 + int(np.sum(np.diff(middle) > _EPOCH_DAYS))
    return (
        f"the points are of {count} epochs more than {_EPOCH_DAYS:g} days apart, MJD "
        f"{middle[0]:.0f} to {middle[-1]:.0f}; fit one at a time (sed.epoch(), mjd_min, mjd_max), "
        "or all together with joint_fit"
    )


def _coverage(columns: Columns) -> str:
    bands = set(band_of(columns.nu[~columns.is_limit]).tolist())
    missing = [name for name, group in _COVERAGE.items() if not bands & set(group)]
    if not missing:
        return ""
    return (
        f"there is no {' and no '.join(missing)} detection: parameters that rest on it will be "
        "those of the prior; fix some of them, or add data"
    )


def binned(columns: Columns, width: float) -> Columns:
    """Average the detections of each catalogue in bins of log frequency, in log flux.

    Weights are 1 / sigma^2; the error is the larger of the combined error and that which the
    scatter in the bin asks for. Upper limits stay as they are.
    """
    if not 0 < width <= 2:
        msg = f"bin_dex: {width} is no width of a bin; use 0.1, for example"
        raise InvalidRequestError(msg, parameter="bin_dex")
    place = np.floor(np.log10(columns.nu) / width).astype(int)
    groups: dict[tuple[str, int, bool, bool], list[int]] = {}
    for row, key in enumerate(zip(columns.catalog, place, columns.is_unabsorbed, strict=True)):
        single = row if columns.is_limit[row] else -1
        groups.setdefault((*key, single), []).append(row)  # type: ignore[arg-type]
    first = np.array([rows[0] for rows in groups.values()])
    out = columns.rows(first)
    for index, rows in enumerate(groups.values()):
        if len(rows) > 1:
            _average(columns, np.array(rows), out, index)
    return out


def _average(columns: Columns, rows: NDArray[np.int_], out: Columns, index: int) -> None:
    flux = columns.flux[rows]
    sigma = 0.5 * (columns.error_low[rows] + columns.error_high[rows]) / flux
    weight = sigma**-2 / np.sum(sigma**-2)
    log_flux = float(np.sum(weight * np.log(flux)))
    scatter = np.sum((np.log(flux) - log_flux) ** 2 / sigma**2) / (len(rows) - 1)
    error = float(np.sum(sigma**-2) ** -0.5 * np.sqrt(max(1.0, scatter)))
    out.nu[index] = np.exp(np.sum(weight * np.log(columns.nu[rows])))
    out.flux[index] = np.exp(log_flux)
    out.error_low[index] = out.error_high[index] = error * np.exp(log_flux)
    out.systematic[index] = np.mean(columns.systematic[rows])
    out.mjd_start[index] = np.min(columns.mjd_start[rows])
    out.mjd_end[index] = np.max(columns.mjd_end[rows])
