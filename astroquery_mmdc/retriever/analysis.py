"""`Analysis`: from the light curves of a source to detections, injections and a summary."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.analysis_histograms import (
    analysis_histograms,
    count_injections,
    count_lightcurves,
)
from astroquery_mmdc.retriever.analysis_pars import ParsAnalysis
from astroquery_mmdc.retriever.analysis_rows import is_row, save_results
from astroquery_mmdc.retriever.config import import_class
from astroquery_mmdc.retriever.detections import DetectionRecord, detection_of
from astroquery_mmdc.retriever.finder import Event
from astroquery_mmdc.retriever.histogram import Histogram, merged
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.properties import PropertiesRecord, summary
from astroquery_mmdc.retriever.results import (
    AnalysisFailure,
    BatchResult,
    InjectionResult,
    PhotometryResult,
    SourceResult,
)
from astroquery_mmdc.retriever.simulator import Injection, generator_for

__all__ = ["Analysis", "ParsAnalysis"]

_log = logging.getLogger(__name__)


class Analysis:
    """Quality check, search for events, injection of events, summary, histograms.

    A subclass replaces `analyze_photometry`, or the smaller steps `process`, `make_detection` and
    `calc_properties`. It is chosen by ``analysis_module`` and ``analysis_class`` of a project.

    Parameters
    ----------
    **kwargs
        Values of `ParsAnalysis`. Those of quality checker, finder and simulator may be given
        here, too: ``snr_threshold=8.5``.

    Notes
    -----
    Nothing is remembered from one source to the next but the sums in ``histograms``, and the
    random numbers of a source depend on its name and the settings alone: sources may be analysed
    in any order, by any number of processes, any number of times.

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_demo
    >>> from astroquery_mmdc.retriever.results import SourceData
    >>> mag = np.tile([18.0, 18.1, 17.9, 18.05, 17.95], 4)
    >>> mag[7] = 16.0
    >>> raw = LightCurve({"mjd": 59000.0 + np.arange(20), "mag": mag, "mag_err": np.full(20, 0.1),
    ...                   "filter": ["r"] * 20}, "flare", "DEMO")
    >>> source = SourceData("flare", reduce_demo(raw, Target("flare")))
    >>> result = Analysis(num_injections=0).analyze_source(source)
    >>> [(event.peak_mjd, event.peak_mag) for event in result.detections]
    [(59007.0, 16.0)]
    """

    def __init__(self, **kwargs: Any) -> None:
        # A subclass may know more, and makes its own parameters after this.
        is_final = type(self) is Analysis
        self.pars = ParsAnalysis(**kwargs) if is_final else ParsAnalysis.partly(**kwargs)[0]
        self.quality_checker = self._component("quality")
        self.finder = self._component("finder")
        self.simulator = self._component("simulator")
        self.initialize()

    def _component(self, name: str) -> Any:
        pars = self.pars
        chosen = import_class(
            pars[f"{name}_module"], pars[f"{name}_class"], parameter=f"{name}_class"
        )
        return chosen(**{**pars.get_propagated(), **pars[f"{name}_kwargs"]})

    def initialize(self) -> None:
        """Begin new histograms, after the parameters of them or of the parts were changed."""
        self.histograms = analysis_histograms(
            self.quality_checker.pars.cut_names,
            list(dict.fromkeys([*self.finder.pars.score_names, "dmag"])),
            **self.pars.get_propagated(),
            **self.pars.histogram_kwargs,
        )

    def new_histograms(self) -> dict[str, Histogram]:
        """Return histograms like those of this analysis, empty."""
        return {name: histogram.emptied() for name, histogram in self.histograms.items()}

    # ---------------------------------------------------------------- sources

    def analyze_sources(self, sources: Any, session: Any = None) -> list[SourceResult]:
        """Analyse one source or several, and add them to ``histograms``.

        Parameters
        ----------
        sources : source or iterable of them
            Anything with ``name`` and ``reduced_lightcurves``: `SourceData`, or a source of the
            database.
        session : Session, None or False
            For sources of the database: results are appended to them and committed, in one
            transaction for all. None opens a session, False writes nothing. Sources that were
            analysed before stay as they are: nothing is counted twice.

        Returns
        -------
        list of SourceResult
            Of those that went well. Errors of the others are logged.
        """
        done, failures = self._analyzed([sources] if hasattr(sources, "name") else sources)
        if session is not False and self.pars.save_anything:
            new = [(source, result) for source, result in done if is_row(source)]
            saved = [(source, self._saved(result)) for source, result in new]
            save_results(saved, self.count(new), session)
        self.histograms = merged(self.histograms, self.count(done))
        for failure in failures:
            _log.warning("source %s: %s", failure.source_name, failure.error)
        return [self._saved(result) for _, result in done]

    def analyze_batch(self, sources: Iterable[Any]) -> BatchResult:
        """Return what some sources give, for one transaction; this object stays as it is.

        Parameters
        ----------
        sources : iterable
            As in `analyze_sources`.

        Returns
        -------
        BatchResult
            A source whose analysis ends with an error is a failure, and in none of the
            histograms.
        """
        done, failures = self._analyzed(sources)
        return BatchResult([self._saved(result) for _, result in done], self.count(done), failures)

    def _analyzed(
        self, sources: Iterable[Any]
    ) -> tuple[list[tuple[Any, SourceResult]], list[AnalysisFailure]]:
        done: list[tuple[Any, SourceResult]] = []
        failures = []
        for source in sources:
            try:
                done.append((source, self.analyze_source(source)))
            except Exception as err:
                error = f"{type(err).__name__}: {err}"
                failures.append(AnalysisFailure(source.name, error, traceback.format_exc()))
        return done, failures

    def analyze_source(self, source: Any) -> SourceResult:
        """Return what one source gives.

        Parameters
        ----------
        source : object
            As in `analyze_sources`.
        """
        # Subclasses made for other versions call their method with an underscore.
        method = getattr(self, "_analyze_photometry", self.analyze_photometry)
        found = _as_result(method(source))
        return SourceResult(source.name, found, self.calc_properties(source, found))

    def count(self, done: Iterable[tuple[Any, SourceResult]]) -> dict[str, Histogram]:
        """Return new histograms of some sources and their results; none if they are not saved."""
        if not self._saves("histograms"):
            return {}
        done = list(done)
        histograms = self.new_histograms()
        count_lightcurves(
            histograms, [(source, each) for source, result in done for each in result.processed]
        )
        count_injections(
            histograms,
            [
                (source, _usual_mag(result), each)
                for source, result in done
                for each in result.injections
            ],
        )
        return histograms

    # ---------------------------------------------------------------- steps

    def analyze_photometry(
        self, source: Any
    ) -> PhotometryResult | Iterable[DetectionRecord] | None:
        """Return what the light curves of a source give.

        A subclass may return detections alone, or nothing: the source counts as analysed.

        Parameters
        ----------
        source : object
            As in `analyze_sources`.
        """
        lightcurves, detections, events = [], [], []
        for lightcurve in self.process(_lightcurves(source)):
            found, in_it = self.finder.detect(lightcurve)
            lightcurves.append(found)
            events.append(in_it)
            detections += [self.make_detection(found, event) for event in in_it]
        simulated, injections, recovered = self.simulate(source, lightcurves, events)
        return PhotometryResult(lightcurves, [*detections, *recovered], simulated, injections)

    def process(self, lightcurves: Iterable[LightCurve]) -> list[LightCurve]:
        """Return light curves with quality flags and scores."""
        return self.finder.process(self.quality_checker.process(lightcurves))

    def make_detection(
        self, lightcurve: LightCurve, event: Event, sim_pars: Mapping[str, Any] | None = None
    ) -> DetectionRecord:
        """Return the record of an event.

        Parameters
        ----------
        lightcurve : LightCurve
            In which it is.
        event : Event
            The event.
        sim_pars : mapping, optional
            The truth, if it was injected.
        """
        return detection_of(lightcurve, event, sim_pars=sim_pars)

    def calc_properties(self, source: Any, found: PhotometryResult) -> PropertiesRecord:
        """Return the summary of a source."""
        reduced = _lightcurves(source)
        props = {
            # A subclass need not return light curves.
            **summary(found.processed or reduced),
            "num_detections": sum(not each.simulated for each in found.detections),
            "num_injected": len(found.injections),
            "num_recovered": sum(each.recovered for each in found.injections),
            "injections": [each.to_dict() for each in found.injections],
        }
        return PropertiesRecord(source.name, any(map(len, reduced)), props)

    # ---------------------------------------------------------------- injections

    def simulate(
        self, source: Any, lightcurves: Sequence[LightCurve], events: Sequence[Sequence[Event]]
    ) -> tuple[list[LightCurve], list[InjectionResult], list[DetectionRecord]]:
        """Inject events into light curves and look for them as for real ones.

        Parameters
        ----------
        source : object
            The source, on whose name and ``cfg_hash`` the random numbers depend.
        lightcurves : sequence of LightCurve
            Processed, without injections.
        events : sequence of sequences of Event
            The real events in each of them, which are no recoveries.

        Returns
        -------
        simulated : list of LightCurve
            The light curves that the events changed.
        injections : list of InjectionResult
            All events.
        detections : list of DetectionRecord
            Those that were found, with the truth.
        """
        generator = generator_for(getattr(source, "cfg_hash", "") or "", source.name)
        number = _whole(self.pars.num_injections, generator)
        drawn = self.simulator.draw(lightcurves, generator, number) if number else []
        real = {
            (lightcurve.observatory, lightcurve.series): {event.peak for event in in_it}
            for lightcurve, in_it in zip(lightcurves, events, strict=True)
        }
        simulated: list[LightCurve] = []
        results: list[InjectionResult] = []
        detections: list[DetectionRecord] = []
        for count, injection in enumerate(drawn, 1):
            changed = self.simulator.inject(
                lightcurves, injection, simulation=count, simulations=len(drawn)
            )
            searched, found = self._recovered(changed, injection, real)
            simulated += searched
            detections += found
            results.append(InjectionResult(injection, bool(found)))
        return simulated, results, detections

    def _recovered(
        self,
        changed: Iterable[LightCurve],
        injection: Injection,
        real: Mapping[tuple[str, int], set[int]],
    ) -> tuple[list[LightCurve], list[DetectionRecord]]:
        """Return light curves with an injected event after the search, and where it was found."""
        searched, detections = [], []
        for lightcurve in self.finder.process(self.quality_checker.recheck(changed)):
            found, events = self.finder.detect(lightcurve)
            searched.append(found)
            known = real[found.observatory, found.series]
            detections += [
                self.make_detection(found, event, sim_pars=injection.to_dict())
                for event in events
                if event.peak not in known and is_recovery(found, event, injection)
            ]
        return searched, detections

    # ---------------------------------------------------------------- what is saved

    def _saves(self, what: str) -> bool:
        return bool(self.pars.save_anything and self.pars[f"save_{what}"])

    def _saved(self, result: SourceResult) -> SourceResult:
        """Return a result without what is not to be saved."""
        photometry = PhotometryResult(
            processed=result.processed if self._saves("processed") else (),
            simulated=result.simulated if self._saves("simulated") else (),
            detections=result.detections if self._saves("detections") else (),
            injections=result.injections,
        )
        return SourceResult(result.name, photometry, result.properties)


def is_recovery(lightcurve: LightCurve, event: Event, injection: Injection) -> bool:
    """Return whether an event is the injected one.

    It has to go in the same direction, and its epochs to reach into the full width at half
    maximum on either side of the injected peak.
    """
    mjds = lightcurve.data["mjd"]
    first, last = mjds[event.rows[0]], mjds[event.rows[-1]]
    overlaps = first <= injection.mjd + injection.width and last >= injection.mjd - injection.width
    return bool(overlaps and event.is_dip == (injection.flux < 0))


def _lightcurves(source: Any) -> list[LightCurve]:
    """Return the reduced light curves of a source, also of one of the database."""
    return [getattr(each, "lightcurve", each) for each in source.reduced_lightcurves]


def _as_result(found: Any) -> PhotometryResult:
    if isinstance(found, PhotometryResult):
        return found
    if found is None:
        return PhotometryResult()
    detections = list(found)
    if not all(isinstance(each, DetectionRecord) for each in detections):
        kinds = sorted({type(each).__name__ for each in detections})
        msg = f"analyze_photometry: it returned {kinds}; return detections or a PhotometryResult"
        raise InvalidRequestError(msg, parameter="analyze_photometry")
    return PhotometryResult(detections=detections)


def _whole(number: float, generator: np.random.Generator) -> int:
    """Return a number of injections: itself if whole, else a Poisson number of that mean."""
    return int(number) if float(number).is_integer() else int(generator.poisson(number))


def _usual_mag(result: SourceResult) -> float | None:
    mags = [
        each.meta["statistics"].get("mag_mean_robust")
        for each in result.processed
        if "statistics" in each.meta
    ]
    return next((mag for mag in mags if mag is not None), None)
