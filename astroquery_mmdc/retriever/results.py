"""What goes into an analysis and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astroquery_mmdc.retriever.detections import DetectionRecord
from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.properties import PropertiesRecord
from astroquery_mmdc.retriever.simulator import Injection

__all__ = [
    "AnalysisFailure",
    "BatchResult",
    "InjectionResult",
    "PhotometryResult",
    "SourceData",
    "SourceResult",
]


@dataclass(frozen=True, slots=True, eq=False)
class SourceData:
    """A source with its reduced light curves: what an analysis needs, and no database.

    Parameters
    ----------
    name : str
        Name of the source.
    reduced_lightcurves : sequence of LightCurve
        Level reduced, of any number of observatories.
    mag, ra, dec : float, optional
        As the catalogue has them, for the axes of histograms.
    cfg_hash : str, optional
        Of the settings, on which the random numbers of injections depend.
    cat_row : mapping, optional
        The whole row of the catalogue.
    """

    name: str
    reduced_lightcurves: Sequence[LightCurve]
    mag: float | None = None
    ra: float | None = None
    dec: float | None = None
    cfg_hash: str = ""
    cat_row: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InjectionResult:
    """An injected event, and whether the analysis found it."""

    injection: Injection
    recovered: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able metadata."""
        return {**self.injection.to_dict(), "recovered": self.recovered}


@dataclass(frozen=True, slots=True, eq=False)
class PhotometryResult:
    """What the photometry of a source gave.

    Parameters
    ----------
    processed : sequence of LightCurve
        With quality flags, scores and ``detected``.
    detections : sequence of DetectionRecord
        Real events, and injected ones that were found, which are marked ``simulated``.
    simulated : sequence of LightCurve
        Those with an injected event in them.
    injections : sequence of InjectionResult
        All injected events, found or not.
    """

    processed: Sequence[LightCurve] = ()
    detections: Sequence[DetectionRecord] = ()
    simulated: Sequence[LightCurve] = ()
    injections: Sequence[InjectionResult] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SourceResult:
    """What the analysis of a source gave: its photometry, and its summary."""

    name: str
    photometry: PhotometryResult
    properties: PropertiesRecord

    @property
    def processed(self) -> Sequence[LightCurve]:
        """Light curves with quality flags and scores."""
        return self.photometry.processed

    @property
    def simulated(self) -> Sequence[LightCurve]:
        """Light curves with injected events."""
        return self.photometry.simulated

    @property
    def detections(self) -> Sequence[DetectionRecord]:
        """Events, real and injected."""
        return self.photometry.detections

    @property
    def injections(self) -> Sequence[InjectionResult]:
        """Injected events, found or not."""
        return self.photometry.injections


@dataclass(frozen=True, slots=True)
class AnalysisFailure:
    """A source whose analysis ended with an error."""

    source_name: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """What the analysis of some sources gave, to be committed in one transaction.

    Parameters
    ----------
    results : sequence of SourceResult
        Of the sources that went well, without what is not to be saved.
    histograms : dict
        Name -> counts of these sources alone.
    failures : sequence of AnalysisFailure
        The other sources.
    """

    results: Sequence[SourceResult]
    histograms: Mapping[str, Histogram]
    failures: Sequence[AnalysisFailure] = field(default=())
