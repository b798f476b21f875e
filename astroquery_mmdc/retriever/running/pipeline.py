"""What is done with a batch of sources: reduce, analyse, write files. No database, no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.retriever.analysis import Analysis
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.keeping import SourceDraft
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.results import SourceData
from astroquery_mmdc.retriever.running.batches import Batch, Holding, Outcome
from astroquery_mmdc.retriever.running.failures import Failure
from astroquery_mmdc.retriever.storage import LightCurveStore

__all__ = ["Pipeline"]

_COLUMNS = ("mag", "mag_err", "mag_filter", "cat_index")


class Pipeline:
    """Turns batches into outcomes.

    Parameters
    ----------
    observatories : mapping of str to VirtualObservatory
        By name; each reduces its own data.
    stores : mapping of str to LightCurveStore
        Where the light curves of each go.
    analysis : Analysis
        What is done with reduced light curves.
    cfg_hash : str
        Version of the project, on which the random numbers of injections depend.

    Notes
    -----
    The same batch gives the same outcome and the same files wherever and however often it is
    processed. That is what makes it safe to kill a run and to begin it again.
    """

    def __init__(
        self,
        observatories: Mapping[str, Any],
        stores: Mapping[str, LightCurveStore],
        analysis: Analysis,
        *,
        cfg_hash: str,
    ) -> None:
        self._observatories, self._stores, self._analysis = observatories, stores, analysis
        self._cfg_hash = cfg_hash

    def process(self, batch: Batch) -> Outcome:
        """Reduce and analyse the sources of a batch, and write their files.

        Raises
        ------
        CacheError
            The files cannot be written. Nothing of the batch may be committed then.
        """
        try:
            outcome = self._process(batch)
            for store in self._stores.values():
                store.flush()
        except BaseException:
            for store in self._stores.values():
                store.discard()
            raise
        return outcome

    def _process(self, batch: Batch) -> Outcome:
        outcome = Outcome(batch.id, failures=list(batch.failures))
        reduced = self._reduced(batch, outcome)
        failed = {failure.name for failure in outcome.failures}
        local_names = self._local_names(batch)
        outcome.sources = [
            _source_row(row, local_names.get(name, {}))
            for name, row in batch.rows.items()
            if "ra" in row
        ]
        ready = [
            _source_data(name, row, reduced[name], self._cfg_hash)
            for name, row in batch.rows.items()
            if name not in failed
        ]
        self._analyse(ready, outcome)
        return outcome

    def _local_names(self, batch: Batch) -> dict[str, dict[str, Any]]:
        """Return what surveys call the sources."""
        found: dict[str, dict[str, Any]] = {}
        for (name, observatory), holding in batch.holdings.items():
            if holding.raw is not None:
                draft = SourceDraft(name, *position_of(batch.rows[name]), holding.raw)
                self._observatories[observatory]._append_local_name(draft)
                found.setdefault(name, {}).update(draft.local_names)
        return found

    # ---------------------------------------------------------------- reduce

    def _reduced(self, batch: Batch, outcome: Outcome) -> dict[str, list[LightCurve]]:
        reduced: dict[str, list[LightCurve]] = {name: [] for name in batch.rows}
        for (name, observatory), holding in batch.holdings.items():
            row = batch.rows[name]
            self._keep_raw(holding, row, observatory, outcome)
            try:
                reduced[name] += self._reduce(holding, row, observatory, outcome)
            except Exception as err:
                if _is_of_disk(err):
                    raise
                outcome.failures.append(Failure.of(err, name, "reduce", observatory))
        return reduced

    def _keep_raw(
        self, holding: Holding, row: Mapping[str, Any], observatory: str, outcome: Outcome
    ) -> None:
        if holding.raw is None:
            return
        if holding.is_new:
            self._write(observatory, [holding.raw], row, outcome)
        elif holding.location is not None:
            outcome.lightcurves.append((holding.raw, holding.location))

    def _reduce(
        self, holding: Holding, row: Mapping[str, Any], observatory: str, outcome: Outcome
    ) -> Sequence[LightCurve]:
        if holding.reduced:
            return holding.reduced
        if holding.raw is None or holding.raw.is_empty:
            return []
        virtual = self._observatories[observatory]
        made: list[LightCurve] = virtual.reduce_raw(holding.raw, row)
        if made and virtual.pars.save_reduced:
            self._write(observatory, made, row, outcome)
        return made

    def _write(
        self,
        observatory: str,
        lightcurves: Sequence[LightCurve],
        row: Mapping[str, Any],
        outcome: Outcome,
    ) -> None:
        store = self._stores[observatory]
        ra, dec = position_of(row)
        places = store.write(lightcurves, ra=ra, dec=dec)
        outcome.lightcurves += zip(lightcurves, places, strict=True)

    # ---------------------------------------------------------------- analyse

    def _analyse(self, sources: Sequence[SourceData], outcome: Outcome) -> None:
        result = self._analysis.analyze_batch(sources)
        outcome.failures += [
            Failure(each.source_name, "", "analyse", each.error, each.traceback)
            for each in result.failures
        ]
        rows = {source.name: source.cat_row or {} for source in sources}
        for one in result.results:
            self._keep_processed([*one.processed, *one.simulated], rows[one.name], outcome)
            outcome.properties.append(one.properties.to_row())
            outcome.detections += [found.to_row() for found in one.detections]
        outcome.histograms = {
            name: histogram.to_bytes() for name, histogram in result.histograms.items()
        }

    def _keep_processed(
        self, lightcurves: Iterable[LightCurve], row: Mapping[str, Any], outcome: Outcome
    ) -> None:
        by_observatory: dict[str, list[LightCurve]] = {}
        for lightcurve in lightcurves:
            by_observatory.setdefault(lightcurve.observatory, []).append(lightcurve)
        for observatory, chosen in by_observatory.items():
            self._write(observatory, chosen, row, outcome)


def _is_of_disk(error: BaseException) -> bool:
    """Whether it is the disk that fails, and not the data of one source."""
    return isinstance(error, CacheError | OSError)


def _source_row(row: Mapping[str, Any], local_names: Mapping[str, Any]) -> dict[str, Any]:
    ra, dec = position_of(row)
    alias = row.get("alias") or []
    return {
        "name": row["name"],
        "ra": ra,
        "dec": dec,
        **{name: row.get(name) for name in _COLUMNS},
        "local_names": dict(local_names),
        "cat_name": row["name"],
        "cat_row": dict(row),
        "aliases": [alias] if isinstance(alias, str) else list(alias),
    }


def _source_data(
    name: str, row: Mapping[str, Any], lightcurves: Sequence[LightCurve], cfg_hash: str
) -> SourceData:
    mag = row.get("mag")
    return SourceData(
        name,
        list(lightcurves),
        mag=None if mag is None or math.isnan(mag) else mag,
        ra=row.get("ra"),
        dec=row.get("dec"),
        cfg_hash=cfg_hash,
        cat_row=dict(row),
    )
