"""The histograms of an analysis: quality, scores, and injected and recovered events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.retriever.efficiency import EFFICIENCY_COORDS
from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.results import InjectionResult

__all__ = ["HISTOGRAMS", "analysis_histograms", "count_injections", "count_lightcurves"]

HISTOGRAMS = ("quality_values", "all_scores", "good_scores", "injected", "recovered")
"""Names of the histograms of an analysis."""


def analysis_histograms(
    quality_names: Sequence[str], score_names: Sequence[str], **settings: Any
) -> dict[str, Histogram]:
    """Return the empty histograms of an analysis.

    Parameters
    ----------
    quality_names, score_names : sequence of str
        Which values are counted; those that have no axis are not.
    **settings
        Values of `ParsHistogram` for all of them.

    Returns
    -------
    dict
        ``quality_values`` and ``all_scores`` count every epoch, ``good_scores`` those without
        ``qflag``, ``injected`` and ``recovered`` one event each.
    """
    axes = Histogram(**settings).pars.score_coords
    names = {
        "quality_values": [name for name in quality_names if name in axes],
        "all_scores": [name for name in score_names if name in axes],
        "good_scores": [name for name in score_names if name in axes],
    }
    made = {
        name: Histogram(**{**settings, "name": name, "score_names": scores})
        for name, scores in names.items()
    }
    for name in ("injected", "recovered"):
        made[name] = Histogram(**{**settings, **EFFICIENCY_COORDS, "name": name})
    return made


def count_lightcurves(
    histograms: Mapping[str, Histogram], lightcurves: Iterable[tuple[Any, LightCurve]]
) -> None:
    """Count the epochs of light curves, given with their sources, in the first three histograms."""
    pairs = [(source, lightcurve) for source, lightcurve in lightcurves if len(lightcurve)]
    if not pairs:
        return
    chosen = [histograms[name] for name in HISTOGRAMS[:3]]
    columns = {
        name: np.concatenate([_values(name, *pair, kind=kind) for pair in pairs])
        for name, kind in _wanted(chosen).items()
    }
    good = np.concatenate([lightcurve.good for _, lightcurve in pairs])
    for name in ("quality_values", "all_scores"):
        histograms[name].add_data(columns)
    histograms["good_scores"].add_data({name: each[good] for name, each in columns.items()})


def _wanted(histograms: Iterable[Histogram]) -> dict[str, str]:
    """Return the kinds of the axes by name; those of sources are marked."""
    kinds: dict[str, str] = {}
    for histogram in histograms:
        for name, axis in {**histogram.axes, **histogram.score_axes}.items():
            of_source = "source " if name in histogram.pars.source_coords else ""
            kinds[name] = of_source + axis.kind
    return kinds


def _values(name: str, source: Any, lightcurve: LightCurve, *, kind: str) -> NDArray[Any]:
    """Return what a light curve has along an axis; not a number, or no word, if nothing."""
    if name in lightcurve.colnames and not kind.startswith("source"):
        return lightcurve.data[name]
    value = getattr(source, name, None)
    if value is None:
        statistics = lightcurve.meta.get("statistics") or {}
        value = lightcurve.meta.get(name, statistics.get(f"{name}_mean_robust"))
    if value is None:
        value = "" if kind.endswith("text") else math.nan
    return np.full(len(lightcurve), value)


def count_injections(
    histograms: Mapping[str, Histogram],
    injections: Iterable[tuple[Any, float | None, InjectionResult]],
) -> None:
    """Count injected events, and those that were found, in the last two histograms.

    Parameters
    ----------
    histograms : mapping
        Of the analysis.
    injections : iterable of (source, float, InjectionResult)
        Source, its magnitude should the catalogue have none, and event.
    """
    given = list(injections)
    if not given:
        return
    events = [each.injection for *_, each in given]
    columns = {
        "amplitude": np.array([abs(event.snr) for event in events]),
        "mag_change": np.array([_number(event.mag_change) for event in events]),
        "log_width": np.log10([event.width for event in events]),
    }
    for name in histograms["injected"].axes:
        if name not in columns:
            columns[name] = np.array([_of_source(name, source, mag) for source, mag, _ in given])
    found = np.array([each.recovered for *_, each in given])
    histograms["injected"].add_data(columns)
    histograms["recovered"].add_data({name: each[found] for name, each in columns.items()})


def _of_source(name: str, source: Any, mag: float | None) -> float:
    value = getattr(source, name, None)
    return _number(mag if value is None and name == "mag" else value)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
