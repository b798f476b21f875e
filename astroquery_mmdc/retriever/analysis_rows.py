"""Results of an analysis as rows of the database, for sources that are rows themselves."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from astroquery_mmdc.retriever.histogram import Histogram
from astroquery_mmdc.retriever.results import SourceResult

__all__ = ["is_row", "save_results"]


def is_row(source: Any) -> bool:
    """Return whether a source is one of the database, that was not analysed yet."""
    return hasattr(source, "__table__") and source.properties is None


def save_results(
    done: Sequence[tuple[Any, SourceResult]], histograms: Mapping[str, Histogram], session: Any
) -> None:
    """Append results to their sources, and write all of them in one transaction.

    Parameters
    ----------
    done : sequence of (Source, SourceResult)
        Sources of the database, see `is_row`, and their results.
    histograms : mapping
        What these sources add to the histograms.
    session : Session, None or False
        As `SmartSession` takes it; with False nothing is written.
    """
    from astroquery_mmdc.retriever.database import NullSession, SmartSession

    if not done:
        return
    with SmartSession(session) as opened:
        if isinstance(opened, NullSession):
            return
        opened.add_all([source for source, _ in done])
        # Rows are complete only when all of them are there.
        with opened.no_autoflush:
            for source, result in done:
                opened.add_all(_appended(source, result))
        # Parts belong to a version of a project: so do the sources of one analysis.
        opened.add_all(_parts(done[0][0], len(done), histograms))
        opened.commit()


def _appended(source: Any, result: SourceResult) -> list[Any]:
    """Append the rows of a result to its source, and return those of the light curves."""
    from astroquery_mmdc.retriever.database import Detection, Lightcurve, Properties

    own = {"project": source.project, "cfg_hash": source.cfg_hash}
    rows = {}
    for lightcurve in (*result.processed, *result.simulated):
        raw = _raw_of(source, lightcurve.observatory)
        row = Lightcurve.from_lightcurve(lightcurve, source=source, raw_data=raw, **own)
        row.save()
        rows[lightcurve.observatory, lightcurve.series, lightcurve.simulation] = row
    for found in result.detections:
        place = (found.observatory, found.series_number, found.simulation_number)
        source.detections.append(Detection(**found.to_row(), **own, lightcurve=rows.get(place)))
    source.properties = Properties(**result.properties.to_row(), **own)
    return list(rows.values())


def _raw_of(source: Any, observatory: str) -> Any:
    return next((raw for raw in source.raw_photometry if raw.observatory == observatory), None)


def _parts(source: Any, size: int, histograms: Mapping[str, Histogram]) -> Iterable[Any]:
    from astroquery_mmdc.retriever.database import Batch, HistogramPart

    own = {"project": source.project, "cfg_hash": source.cfg_hash, "batch_id": uuid.uuid4().hex}
    yield Batch(num_sources=size, **own)
    for name, histogram in histograms.items():
        yield HistogramPart(name=name, content=histogram.to_bytes(), **own)
