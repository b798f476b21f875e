"""Projects on made-up sources, and what there is of one in database and files."""

from __future__ import annotations

import os

import numpy as np
import sqlalchemy as sa

from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.analysis import Analysis
from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.project import Project
from astroquery_mmdc.retriever.running.runs import project_session
from astroquery_mmdc.retriever.storage import open_store


class DeadlyAnalysis(Analysis):
    """Ends its process at the seventh source."""

    def analyze_photometry(self, source):
        if source.name == "S00006":
            os._exit(1)
        return super().analyze_photometry(source)


QUICK = {"progress": False}


def made_catalog(size=12, first=0):
    """Return a catalogue of so many sources all over the sky; the same for the same numbers."""
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, first + size), rng.uniform(-80, 80, first + size)
    mag = rng.uniform(15, 21, first + size)
    names = [f"S{number:05d}" for number in range(first + size)]
    chosen = slice(first, first + size)
    return Catalog(
        {"name": names[chosen], "ra": ra[chosen], "dec": dec[chosen], "mag": mag[chosen]}
    )


def made_project(size=12, **kwargs):
    """Return a project of so many sources with few epochs, which finds events in some."""
    kwargs.setdefault("catalog", made_catalog(size))
    kwargs.setdefault("source_batch_size", 4)
    kwargs.setdefault("analysis_kwargs", {"num_injections": 2, "snr_threshold": 2.5})
    kwargs.setdefault("DEMO", {"sim_args": {"num_points": 30}})
    return Project("study", **kwargs)


def contents(project):
    """Return all that came out of a project, without numbers of rows and dates.

    Whatever is in the database is checked to be on the disk as well.
    """
    with project_session(project) as session:
        own = {"project": project.name, "cfg_hash": project.cfg_hash}
        found = {
            "properties": _rows(session, database.Properties, own, "source_name"),
            "detections": _rows(
                session,
                database.Detection,
                own,
                "source_name",
                "observatory",
                "series_number",
                "simulation_number",
                "peak_number",
            ),
            "lightcurves": _lightcurves(session, own),
            "sources": sorted(session.scalars(sa.select(database.Source.name).filter_by(**own))),
        }
    histograms = project.get_histograms()
    return {**found, "histograms": {name: _counts(each) for name, each in histograms.items()}}


def _rows(session, table, own, *key):
    hidden = {"id", "created_at", "modified", "source_id", "lightcurve_id", "test_hash"}
    names = [column.name for column in table.__table__.columns if column.name not in hidden]
    rows = session.scalars(sa.select(table).filter_by(**own)).all()
    made = {tuple(getattr(row, name) for name in key): row for row in rows}
    assert len(made) == len(rows)
    return {
        where: {name: getattr(row, name) for name in names} for where, row in sorted(made.items())
    }


def _lightcurves(session, own):
    found = []
    stores = {}
    for row in session.scalars(sa.select(database.Lightcurve).filter_by(**own)):
        store = stores.setdefault(row.format, open_store(row.format))
        lightcurve = store.read(row.location)
        number = (row.series_number, row.simulation_number)
        assert (lightcurve.source, lightcurve.level) == (row.source_name, row.level), (
            row,
            row.location,
        )
        sums = tuple(round(float(np.nansum(lightcurve[name])), 6) for name in ("mjd", "mag"))
        found.append((row.source_name, row.observatory, row.level, *number, len(lightcurve), sums))
    assert len(set(found)) == len(found)
    return sorted(found)


def _counts(histogram):
    return {
        score: (histogram.get_sum_scores(score), histogram.counts(score).tolist())
        for score in histogram.score_axes
    }
