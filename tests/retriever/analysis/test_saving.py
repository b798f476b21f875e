from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy")

import sqlalchemy as sa

from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.analysis import Analysis
from astroquery_mmdc.retriever.database import Lightcurve, Session, Source
from astroquery_mmdc.retriever.histogram import Histogram

STRONG = {"num_injections": 2, "min_amplitude": 30.0, "min_width": 3.0, "max_width": 6.0}


@pytest.fixture
def session(database_url):
    with Session(database_url) as opened:
        yield opened


@pytest.fixture
def row(quiet, session):
    """A source of the database with a reduced light curve that has a flare."""
    source = Source(name="flare", ra=10.0, dec=20.0, mag=16.4)
    lightcurve = Lightcurve.from_lightcurve(quiet({50: 20}, name="flare"), source=source)
    lightcurve.save()
    session.add(source)
    session.commit()
    return source


def test_a9_1_results_are_appended_to_sources_of_the_database(row, session):
    Analysis(**STRONG).analyze_sources(row, session)
    session.expunge_all()
    found = session.scalars(sa.select(Source)).one()
    assert found.properties.has_data
    assert [each.simulated for each in found.detections].count(False) == 1
    assert len(found.processed_lightcurves) == 1
    assert len(found.simulated_lightcurves) == 2
    (real,) = [each for each in found.detections if not each.simulated]
    assert real.peak_mjd == 59050.0
    assert real.lightcurve is found.processed_lightcurves[0]
    assert found.processed_lightcurves[0].data["detected"].sum() == 1


def test_a9_9_a_source_is_counted_once_in_the_histograms_of_the_database(row, session):
    analysis = Analysis(**STRONG)
    analysis.analyze_sources(row, session)
    analysis.analyze_sources([row], session)
    found = session.scalars(sa.select(database.HistogramPart)).all()
    parts = [Histogram.from_bytes(each.content) for each in found if each.name == "all_scores"]
    assert [part.get_sum_scores("dmag") for part in parts] == [100]
    assert len(row.processed_lightcurves) == 1


def test_a9_11_nothing_is_written_if_nothing_is_to_be_saved(row, session):
    Analysis(**STRONG, save_anything=False).analyze_sources(row, session)
    Analysis(**STRONG).analyze_sources(row, False)
    assert row.properties is None
    assert session.scalars(sa.select(database.HistogramPart)).all() == []


def test_a7_3_no_database_at_all(row, monkeypatch):
    monkeypatch.setattr(database, "NO_DB_SESSION", True)
    (result,) = Analysis(**STRONG).analyze_sources(row)
    assert result.properties.has_data
    assert row.properties is None


def test_a9_6_sources_without_data(session):
    source = Source(name="nothing", ra=10.0, dec=20.0)
    session.add(source)
    Analysis().analyze_sources(source, session)
    assert source.properties.has_data is False


def test_a9_12_an_analysis_can_be_taken_back_and_repeated(row, session):
    analysis = Analysis(**STRONG)
    first = analysis.analyze_sources(row, session)
    row.reset_analysis(session)
    assert row.properties is None
    assert row.detections == []
    assert len(row.processed_lightcurves) == 0
    again = analysis.analyze_sources(row, session)
    assert [each.to_row() for each in again[0].detections] == [
        each.to_row() for each in first[0].detections
    ]
    session.expunge_all()
    found = session.scalars(sa.select(Source)).one()
    assert (len(found.processed_lightcurves), len(found.simulated_lightcurves)) == (1, 2)
    assert found.processed_lightcurves[0].data["detected"].sum() == 1
