"""What a source has: found, checked, removed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database import (
    Detection,
    Lightcurve,
    Properties,
    RawPhotometry,
    Session,
    Source,
    dispose,
)


@pytest.fixture
def session():
    with Session() as opened:
        yield opened
    dispose()


@pytest.fixture
def source(session, make_lightcurve):
    """A source with everything, on disk and in the database."""
    source = Source(name="a", project="P", ra=10.0, dec=2.0)
    raw = RawPhotometry({"mjd": [1.0]}, source=source, observatory="DEMO")
    raw.save()
    for level, number in (("reduced", 0), ("processed", 0), ("simulated", 1)):
        made = make_lightcurve("a", level, simulation=number, simulations=number)
        row = Lightcurve.from_lightcurve(made, source=source, raw_data=raw, project="P")
        row.save()
    source.detections.append(Detection(source_name="a", project="P"))
    source.properties = Properties(source_name="a", project="P")
    session.add(source)
    session.commit()
    return source


@pytest.mark.parametrize("level", ["raw", "reduced", "processed", "simulated"])
@pytest.mark.parametrize("connected", [True, False])
def test_a7_13_data_of_an_observatory(session, source, level, connected):
    found = source.get_data("demo", level=level, session=session if connected else False)
    assert [row.level for row in found] == [level]
    assert found["demo"].lightcurve.level == level
    assert source.get_data("ztf", level=level, session=session) == []


def test_a7_13_missing_data_are_left_out_and_deleted(session, source):
    (reduced,) = source.get_data("demo", level="reduced", session=session)
    reduced.delete_data_from_disk()
    assert source.get_data("demo", level="reduced", session=session) == []
    kept = source.get_data("demo", level="reduced", session=session, check_data=False)
    assert kept == [reduced]
    source.get_data("demo", level="reduced", session=session, delete_missing=True)
    levels = session.scalars(sa.select(Lightcurve.level).order_by(Lightcurve.level)).all()
    assert levels == ["processed", "simulated"]


def test_a7_13_raw_data_of_another_project_are_appended(session, source):
    other = Source(name="a", project="Q", ra=10.0, dec=2.0)
    session.add(other)
    assert other.get_data("demo", session=session, append=False) != []
    assert other.raw_photometry == []
    other.get_data("demo", session=session)
    assert other.raw_photometry == source.raw_photometry


def test_a7_13_what_is_not_known_is_refused(session, source):
    with pytest.raises(InvalidRequestError, match="photometry"):
        source.get_data("demo", "spectra", session=session)
    with pytest.raises(InvalidRequestError, match="level"):
        source.get_data("demo", level="cooked", session=session)


def test_a7_11_check_duplicates(session, source):
    near = Source(name="b", project="P", ra=10.0001, dec=2.0)
    session.add_all([near, Source(name="c", project="Q", ra=10.0001, dec=2.0)])
    session.commit()
    assert source.check_duplicates(session) == [near]


def test_a9_12_reset_analysis(session, source):
    paths = [row.get_fullname() for row in (*source.pl, *source.sl)]
    source.reset_analysis(session)
    session.expire_all()
    source = session.scalars(sa.select(Source)).one()
    assert [row.level for row in source.lightcurves] == ["reduced"]
    assert (source.detections, source.properties) == ([], None)
    assert source.rl[0].check_data_exists()
    assert len(set(paths)) == 1
    assert session.scalars(sa.select(Detection)).all() == []
    processed = RawPhotometry(filename=paths[0])
    assert not processed.check_file_exists()


def test_a9_12_reset_with_a_session_of_its_own(session, source):
    session.expunge_all()
    source.reset_analysis()
    assert session.scalars(sa.select(Properties)).all() == []
