"""A batch is written whole and once, on both engines."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database import (
    Batch,
    BatchConflictError,
    Claim,
    Detection,
    Failure,
    HistogramPart,
    Lightcurve,
    NullSession,
    Properties,
    RawPhotometry,
    Session,
    Source,
    claim,
    commit_batch,
    failures_of,
    finished,
    histogram_parts,
    merge_parts,
    raw_status,
    release,
    transaction,
)
from astroquery_mmdc.retriever.storage import Location, open_store

TABLES = (Source, RawPhotometry, Lightcurve, Detection, Properties, HistogramPart, Failure, Batch)


@pytest.fixture
def content(make_lightcurve):
    """Function that makes what comes out of a batch of sources."""

    def make(names, batch_id="b1", *, level="processed", **other):
        lightcurves, detections = [], []
        for name in names:
            raw = make_lightcurve(name, "raw")
            reduced, processed = make_lightcurve(name), make_lightcurve(name, level)
            simulated = make_lightcurve(name, "simulated", simulation=1, simulations=1)
            for lightcurve in (processed, raw, simulated, reduced):
                place = Location("F", f"{name}.h5", f"{name}-{lightcurve.level}", size=3)
                lightcurves.append((lightcurve, place))
            detections.append({"source_name": name, "observatory": "DEMO", "snr": 9.5})
            detections.append(
                {
                    "source_name": name,
                    "observatory": "DEMO",
                    "simulated": True,
                    "simulation_number": 1,
                    "sim_pars": {"width": 0.2, "bad": math.nan},
                }
            )
        return {
            "batch_id": batch_id,
            "project": "P",
            "sources": [{"name": name, "ra": 10.0, "dec": -5.0} for name in names],
            "lightcurves": lightcurves,
            "detections": detections,
            "properties": [{"source_name": name, "props": {"best": 1.5}} for name in names],
            "histogram_deltas": {"all_scores": batch_id.encode()},
            **other,
        }

    return make


def commit(url, batch):
    return transaction(lambda session: commit_batch(session, **batch), url)


def counts(url):
    with Session(url) as session:
        return [session.scalar(sa.select(sa.func.count()).select_from(t)) for t in TABLES]


def test_everything_of_a_batch_is_there_with_its_relations(database_url, content):
    assert commit(database_url, content(["a", "b"]))
    assert counts(database_url) == [2, 2, 6, 4, 2, 1, 0, 1]
    with Session(database_url) as session:
        source = session.scalars(sa.select(Source).filter_by(name="a")).one()
        assert [raw.source_name for raw in source.raw_photometry] == ["a"]
        assert {lc.level for lc in source.lightcurves} == {"reduced", "processed", "simulated"}
        assert all(lc.raw_data is source.raw_photometry[0] for lc in source.lightcurves)
        real, injected = sorted(source.detections, key=lambda found: found.simulated)
        assert real.lightcurve is source.processed_lightcurves[0]
        assert injected.lightcurve is source.simulated_lightcurves[0]
        assert injected.sim_pars == {"width": 0.2, "bad": None}
        assert (real.sim_pars, real.data_types) == ({}, ["photometry"])
        assert source.properties.props == {"best": 1.5}
        assert source.reduced_lightcurves[0].num_good == 20
        assert source.healpix > 0


def test_a_batch_is_written_once(database_url, content):
    assert commit(database_url, content(["a", "b"]))
    before = counts(database_url)
    assert not commit(database_url, content(["a", "b"]))
    assert counts(database_url) == before


def test_a_source_is_finished_by_one_session_only(database_url, content):
    commit(database_url, content(["a", "b"]))
    before = counts(database_url)
    with pytest.raises(BatchConflictError, match="without them") as caught:
        commit(database_url, content(["b", "c"], "b2"))
    assert caught.value.names == ["b"]
    assert counts(database_url) == before
    assert commit(database_url, content(["c"], "b2"))


def test_an_error_leaves_nothing_behind(database_url, content):
    batch = content(["a"])
    batch["properties"].append({"source_name": "b", "props": {}})
    with pytest.raises(InvalidRequestError, match="'b' has results but is not among"):
        commit(database_url, batch)
    assert sum(counts(database_url)) == 0


def test_unknown_columns_are_named(database_url, content):
    batch = content(["a"])
    batch["sources"][0]["colour"] = "red"
    with pytest.raises(InvalidRequestError, match="colour"):
        commit(database_url, batch)


def test_fetched_first_and_analysed_later(database_url, content):
    whole = content(["a"], "later")
    raw = [pair for pair in whole["lightcurves"] if pair[0].level == "raw"]
    sources = [{**whole["sources"][0], "mag": 17.5, "cat_row": {"z": 0.03}}]
    fetched = {"batch_id": "fetch", "project": "P", "sources": sources, "lightcurves": raw}
    assert commit(database_url, fetched)
    rest = [pair for pair in whole["lightcurves"] if pair[0].level != "raw"]
    assert commit(database_url, {**whole, "lightcurves": rest})
    with Session(database_url) as session:
        source = session.scalars(sa.select(Source)).one()
        assert (source.mag, source.cat_row) == (17.5, {"z": 0.03})
        assert all(lc.raw_data_id for lc in source.lightcurves)


def test_a1_5_raw_data_are_shared_by_projects(database_url, content):
    commit(database_url, content(["a"], "one"))
    other = content(["a"], "two", project="Q")
    other["lightcurves"] = [p for p in other["lightcurves"] if p[0].level != "raw"]
    commit(database_url, other)
    with Session(database_url) as session:
        one, two = session.scalars(sa.select(Source).order_by(Source.project))
        assert one.raw_photometry[0] is two.raw_photometry[0]
        assert two.lightcurves[0].raw_data is two.raw_photometry[0]
        found = session.scalars(sa.select(RawPhotometry).where(RawPhotometry.source_id == two.id))
        assert found.one().sources == [one, two]


def test_reduced_again_takes_the_place(database_url, content, make_lightcurve):
    commit(database_url, content(["a"]))
    place = Location("F", "a.h5", "new")
    again = [(make_lightcurve("a", rows=4), place), (make_lightcurve("a", series=2), place)]
    batch = {"project": "P", "sources": [{"name": "a", "ra": 10.0, "dec": -5.0}]}
    commit(database_url, {"batch_id": "again", **batch, "lightcurves": again})
    with Session(database_url) as session:
        source = session.scalars(sa.select(Source)).one()
        assert [lc.number for lc in source.reduced_lightcurves] == [4, 20]
        assert len(source.processed_lightcurves) == 1


def test_a7_6_an_empty_answer_is_remembered(database_url, make_lightcurve):
    empty = make_lightcurve("dark", "raw", rows=0)
    batch = {
        "batch_id": "x",
        "project": "P",
        "sources": [{"name": "dark", "ra": 1.0, "dec": 1.0}],
        "lightcurves": [(empty, Location("DEMO", "RA001/x.h5", "photometry_dark"))],
    }
    commit(database_url, batch)
    with Session(database_url) as session:
        assert raw_status(session, "demo", ["dark", "other"]) == {"dark": None}
        assert session.scalars(sa.select(RawPhotometry)).one().is_empty


def test_where_raw_data_lie(database_url, content):
    commit(database_url, content(["a"]))
    with Session(database_url) as session:
        place = raw_status(session, "DEMO", ["a"])["a"]
    assert (place.folder, place.filename, place.filekey) == ("F", "a.h5", "a-raw")


def test_finished_sources(database_url, content):
    commit(database_url, content(["a", "b"]))
    with Session(database_url) as session:
        assert finished(session, "P") == {"a", "b"}
        assert finished(session, "P", "", ["b", "c"]) == {"b"}
        assert finished(session, "P", "otherhash") == set()


def failure(name, step="fetch"):
    return {"source_name": name, "observatory": "DEMO", "step": step, "error": "503"}


def test_failures_are_counted_and_forgotten_on_success(database_url, content):
    for number in range(2):
        batch = {"batch_id": f"f{number}", "project": "P", "sources": []}
        commit(database_url, {**batch, "failures": [failure("a"), failure("b")]})
    with Session(database_url) as session:
        found = failures_of(session, "P")
        assert [(row.source_name, row.attempts) for row in found] == [("a", 2), ("b", 2)]
        assert failures_of(session, "P", step="reduce") == []
    commit(database_url, content(["a"], failures=[failure("a", "analyse")]))
    with Session(database_url) as session:
        found = failures_of(session, "P")
        assert [(row.source_name, row.step) for row in found] == [("a", "analyse"), ("b", "fetch")]


def test_claims_are_exclusive_until_they_expire(database_url):
    def ask(names, owner, seconds=600):
        return transaction(lambda s: claim(s, "P", "", names, owner, seconds), database_url)

    assert ask(["c", "a", "b"], "one") == ["c", "a", "b"]
    assert ask(["a", "d"], "two") == ["d"]
    assert ask(["a"], "one", seconds=-1) == ["a"]
    assert ask(["a"], "two") == ["a"]
    transaction(lambda s: release(s, "P", "", ["b", "d"], "one"), database_url)
    assert ask(["b", "d"], "three") == ["b"]


def test_committed_sources_are_no_longer_claimed(database_url, content):
    transaction(lambda s: claim(s, "P", "", ["a", "z"], "one"), database_url)
    commit(database_url, content(["a"]))
    with Session(database_url) as session:
        assert [row.source_name for row in session.scalars(sa.select(Claim))] == ["z"]


def test_histogram_parts_are_summed_once(database_url, content):
    for name in "abc":
        commit(database_url, content([name], f"batch-{name}"))

    def parts():
        with Session(database_url) as session:
            return histogram_parts(session, "P", "", "all_scores")

    found = parts()
    assert [content for _, content in found] == [b"batch-a", b"batch-b", b"batch-c"]
    ids = [at for at, _ in found[:2]]

    def merge(session):
        return merge_parts(session, "P", "", "all_scores", ids, b"a+b")

    assert transaction(merge, database_url)
    assert not transaction(merge, database_url)
    assert sorted(content for _, content in parts()) == [b"a+b", b"batch-c"]


def test_without_a_database_everything_is_accepted(content):
    session = NullSession()
    assert commit_batch(session, **content(["a"]))
    assert claim(session, "P", "", ["a"], "one") == ["a"]
    assert finished(session, "P") == set()
    assert histogram_parts(session, "P", "", "x") == []
    assert not merge_parts(session, "P", "", "x", [1], b"")


def test_four_sessions_at_once(database_url, content):
    """Each writes its own batches and tries to write those of its neighbour."""
    names = [f"s{number:02d}" for number in range(32)]

    def work(worker):
        refused = 0
        for start in range(0, 32, 4):
            chosen = names[start : start + 4] if worker % 2 else names[start : start + 4][::-1]
            try:
                commit(database_url, content(chosen, f"{worker}-{start}"))
            except BatchConflictError as err:
                refused += 1
                rest = [name for name in chosen if name not in err.names]
                assert not rest or commit(database_url, content(rest, f"{worker}-{start}-again"))
        return refused

    with ThreadPoolExecutor(4) as pool:
        refused = sum(pool.map(work, range(4)))
    assert refused == 24
    assert counts(database_url) == [32, 32, 96, 64, 32, 8, 0, 8]


def test_deleting_a_source_takes_its_rows_along(database_url, content):
    commit(database_url, content(["a", "b"]))
    with Session(database_url) as session:
        session.execute(sa.delete(Source).filter_by(name="a"))
        session.commit()
    # Raw data stay: they may be needed by others.
    assert counts(database_url) == [1, 2, 3, 2, 1, 1, 0, 1]


def test_real_files_are_found_through_rows(database_url, content, make_lightcurve, data_root):
    store = open_store("hdf5", data_root, project="P")
    reduced = [make_lightcurve("a", series=number, total=2, rows=9) for number in (1, 2)]
    places = store.write(reduced, ra=10.0, dec=-5.0)
    store.flush()
    batch = content(["a"])
    commit(database_url, {**batch, "lightcurves": list(zip(reduced, places, strict=True))})
    with Session(database_url) as session:
        second = session.scalars(sa.select(Lightcurve).filter_by(series_number=2)).one()
        assert second.get_fullname() == str(data_root / "P/RA010/DEMO_photometry_a_reduced.h5")
        assert (second.mags == reduced[1].mags).all()
