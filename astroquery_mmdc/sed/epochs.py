"""Quasi-simultaneous windows of an SED, and whether a source varies too much for one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.windows import intervals, window_mask

if TYPE_CHECKING:
    from astroquery_mmdc.sed.core import SED

__all__ = ["COVERAGE", "Epoch", "Variability", "find_epochs", "variability"]

COVERAGE: tuple[tuple[str, ...], ...] = (
    ("infrared", "visible", "ultraviolet"),
    ("x_rays",),
    ("gamma_rays",),
)
"""Groups of bands that constrain a synchrotron self-Compton model: one band of each is enough."""

# The service's test before it fits a file.
_BIN_DEX = 0.1
_LOG_NU_MIN, _LOG_NU_MAX = 11.0, 28.0
_SPREAD_MAX = 3.0
_BINS_MIN = 3


@dataclass(frozen=True, slots=True)
class Epoch:
    """A window in which a source was measured quasi-simultaneously.

    Parameters
    ----------
    start, end : `~astropy.time.Time`
        First and last moment of the measurements that define it, UTC.
    score : float
        Part of the groups of bands that is covered, 0 to 1.
    bands : tuple of str
        Parts of the spectrum with at least one point.
    n_points : int
        Points that `select` returns.
    rule : str
        Which points belong to the window: ``"midpoint"``, ``"overlap"`` or ``"contained"``.
    longest : `~astropy.units.Quantity`
        Points that took longer do not belong to the epoch.
    """

    start: Time
    end: Time
    score: float
    bands: tuple[str, ...]
    n_points: int
    rule: str
    longest: u.Quantity

    def select(self, sed: SED) -> SED:
        """Return the points of ``sed`` that belong to this epoch.

        Parameters
        ----------
        sed : SED
            Usually the one in which the epoch was found.

        Returns
        -------
        SED
            With the window and its counts in ``meta["mmdc"]["window"]``.
        """
        low, high = _intervals(sed)
        short = ~(high - low > self.longest.to_value(u.d))
        return sed[short].between(self.start, self.end, rule=self.rule)


def find_epochs(
    sed: SED,
    *,
    gap: u.Quantity = 3 * u.d,
    max_length: u.Quantity = 30 * u.d,
    longest: u.Quantity = 100 * u.d,
    min_points: int = 3,
    rule: str = "overlap",
    coverage: Sequence[Sequence[str]] = COVERAGE,
    blocks: str | None = None,
) -> list[Epoch]:
    """Find windows in which a source was measured in many bands at about the same time.

    Parameters
    ----------
    sed : SED
        Points without a date are ignored.
    gap : `~astropy.units.Quantity`, optional
        A silence longer than this separates two epochs.
    max_length : `~astropy.units.Quantity`, optional
        Longer epochs are split at their largest gap. Measurements longer than this, such as
        yearly means, do not define epochs but may belong to one.
    longest : `~astropy.units.Quantity`, optional
        Measurements longer than this never belong to an epoch.
    min_points : int, optional
        Epochs with fewer points are left out.
    rule : str, optional
        Which points belong to an epoch, as in `SED.between`.
    coverage : sequence of sequences of str, optional
        Groups of bands; the score is the part of them that has a point.
    blocks : str, optional
        A part of the spectrum, such as ``"gamma_rays"``: the source's states there, found by
        Bayesian blocks at its best sampled frequency, replace the clusters of ``gap``.

    Returns
    -------
    list of Epoch
        Best score first, then most points, then earliest.

    Raises
    ------
    InvalidRequestError
        A parameter has no unit of time, or names no known band.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import SED
    >>> sed = SED.from_columns(nu=[5e14, 2e17, 2e23, 5e14] * u.Hz,
    ...                        nufnu=[4, 9, 5, 3] * u.Unit("1e-11 erg s-1 cm-2"),
    ...                        mjd_start=[58001.2, 58001.4, 57999.0, 58100.0],
    ...                        mjd_end=[58001.2, 58001.5, 58003.0, 58100.0])
    >>> best = find_epochs(sed)[0]
    >>> best.score, best.n_points
    (1.0, 3)
    """
    days = {
        name: _days(value, name)
        for name, value in (("gap", gap), ("max_length", max_length), ("longest", longest))
    }
    groups = [tuple(_known_band(name, "coverage") for name in group) for group in coverage]
    low, high = _intervals(sed)
    anchors = ~np.isnan(low) & ~(high - low > days["max_length"])
    if blocks is None:
        spans = _clusters(low[anchors], high[anchors], days["gap"], days["max_length"])
    else:
        spans = _block_spans(sed, low, high, _known_band(blocks, "blocks"))
    usable = ~(high - low > days["longest"])
    bands = text(sed["band"])
    found = []
    for span in spans:
        mask, _ = window_mask(low, high, *span, rule=rule, undated=False)
        mask &= usable
        if mask.sum() >= min_points:
            found.append(_epoch(span, bands[mask], groups, rule, days["longest"]))
    return sorted(found, key=lambda epoch: (-epoch.score, -epoch.n_points, epoch.start.mjd))


def _epoch(span: tuple[float, float], bands: Any, groups: Any, rule: str, longest: float) -> Epoch:
    present = set(bands.tolist())
    covered = sum(1 for group in groups if present & set(group))
    start, end = Time(span, format="mjd", scale="utc")
    return Epoch(
        start=start,
        end=end,
        score=covered / max(len(groups), 1),
        bands=tuple(name for name in BANDS if name in present),
        n_points=len(bands),
        rule=rule,
        longest=longest * u.d,
    )


def _days(value: Any, name: str) -> float:
    try:
        days = float(value.to_value(u.d))
    except (AttributeError, TypeError, u.UnitConversionError) as err:
        msg = f"{name}: {value!r} is no time; give a unit, for example 3 * u.d"
        raise InvalidRequestError(msg, parameter=name) from err
    if not days >= 0:
        msg = f"{name}: {value} is negative; give a length of time"
        raise InvalidRequestError(msg, parameter=name)
    return days


def _known_band(name: str, parameter: str) -> str:
    if name not in BANDS:
        msg = f"{parameter}: {name!r} is no part of the spectrum; use one of {list(BANDS)}"
        raise InvalidRequestError(msg, parameter=parameter)
    return name


def _intervals(sed: SED) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return intervals(filled(sed["mjd_start"]), filled(sed["mjd_end"]))


# ---------------------------------------------------------------- clusters


def _clusters(low: Any, high: Any, gap: float, max_length: float) -> list[tuple[float, float]]:
    """Return the spans between silences, none longer than it has to be."""
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    # An interval may outlast the ones that begin after it.
    reached = np.maximum.accumulate(high) if len(high) else high
    cuts = np.flatnonzero(low[1:] - reached[:-1] > gap) + 1
    spans: list[tuple[float, float]] = []
    stack = list(zip([0, *cuts], [*cuts, len(low)], strict=True)) if len(low) else []
    while stack:
        first, last = stack.pop()
        if last - first > 1 and high[first:last].max() - low[first] > max_length:
            cut = first + _best_cut(low[first:last], high[first:last])
            stack += [(first, cut), (cut, last)]
        else:
            spans.append((float(low[first]), float(high[first:last].max())))
    return sorted(spans)


def _best_cut(low: Any, high: Any) -> int:
    """Return where the largest gap ends; of equal ones, the gap nearest the middle."""
    gaps = low[1:] - np.maximum.accumulate(high)[:-1]
    largest = np.flatnonzero(gaps >= gaps.max())
    return int(largest[np.argmin(np.abs(largest - len(gaps) / 2))]) + 1


# ---------------------------------------------------------------- Bayesian blocks


def _block_spans(sed: SED, low: Any, high: Any, band: str) -> list[tuple[float, float]]:
    """Return the states of a source in one band, at the frequency that was measured most."""
    from astropy.stats import bayesian_blocks

    flux, error = filled(sed["nufnu"]), filled(sed["nufnu_err"])
    usable = (text(sed["band"]) == band) & ~np.isnan(low) & np.isfinite(flux) & (error > 0)
    usable &= ~np.asarray(sed["is_upper_limit"], dtype=bool)
    bins = np.floor(np.log10(filled(sed["nu"])) / _BIN_DEX)
    if usable.any():
        values, counts = np.unique(bins[usable], return_counts=True)
        usable &= bins == values[np.argmax(counts)]
    middle = 0.5 * (low + high)
    # Blocks need distinct times: of several points at one moment the most precise one counts.
    order = np.lexsort((error, middle))
    order = order[usable[order]]
    times, first = np.unique(middle[order], return_index=True)
    if len(times) < 2:
        return [(float(low[row]), float(high[row])) for row in order[first]]
    rows = order[first]
    edges = bayesian_blocks(times, flux[rows], error[rows], fitness="measures")
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


# ---------------------------------------------------------------- variability


@dataclass(frozen=True, slots=True)
class Variability:
    """Verdict on whether the points of an SED can stand for one state of the source.

    Parameters
    ----------
    is_variable : bool
        True where the service would refuse to fit the points: spread in too many bins.
    n_bins : int
        Bins in which the flux spreads by more than a factor 3.
    bins : `~astropy.table.QTable`
        ``nu_min``, ``nu_max``, ``n_points`` and ``spread`` (largest over smallest flux) of each
        bin with at least two points.
    """

    is_variable: bool
    n_bins: int
    bins: QTable


def variability(sed: SED) -> Variability:
    """Tell whether the detections of an SED vary too much for one model.

    Parameters
    ----------
    sed : SED
        Upper limits and fluxes that are not positive do not count.

    Returns
    -------
    Variability

    Notes
    -----
    The service's test before a fit: the range 1e11 to 1e28 Hz is divided into bins of 0.1 dex; a
    source is too variable when in 3 bins or more the largest flux is more than 3 times the
    smallest. The way out is to choose one epoch, see `find_epochs`.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import SED
    >>> sed = SED.from_columns(nu=[1e15, 1e15, 1e17] * u.Hz,
    ...                        nufnu=[1, 5, 1] * u.Unit("1e-11 erg s-1 cm-2"))
    >>> verdict = variability(sed)
    >>> verdict.is_variable, verdict.n_bins
    (False, 1)
    """
    nu, flux = filled(sed["nu"]), filled(sed["nufnu"])
    usable = (flux > 0) & ~np.asarray(sed["is_upper_limit"], dtype=bool)
    usable &= (nu >= 10**_LOG_NU_MIN) & (nu < 10**_LOG_NU_MAX)
    # Rounded, so that a decade does not fall below its own edge.
    position = np.round((np.log10(nu[usable]) - _LOG_NU_MIN) / _BIN_DEX, 9)
    index = np.floor(position).astype(int)
    n_bins = round((_LOG_NU_MAX - _LOG_NU_MIN) / _BIN_DEX)
    low, high = np.full(n_bins, np.inf), np.zeros(n_bins)
    np.minimum.at(low, index, flux[usable])
    np.maximum.at(high, index, flux[usable])
    counts = np.bincount(index, minlength=n_bins)
    several = np.flatnonzero(counts > 1)
    edges = 10 ** (_LOG_NU_MIN + _BIN_DEX * np.arange(n_bins + 1)) * u.Hz
    bins = QTable(
        {
            "nu_min": edges[several],
            "nu_max": edges[several + 1],
            "n_points": counts[several],
            "spread": high[several] / low[several],
        }
    )
    spread = int((bins["spread"] > _SPREAD_MAX).sum())
    return Variability(is_variable=spread >= _BINS_MIN, n_bins=spread, bins=bins)
