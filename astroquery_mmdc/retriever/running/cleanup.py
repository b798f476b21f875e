"""Deleting what a project made."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.retriever import database
from astroquery_mmdc.retriever.running.runs import project_session
from astroquery_mmdc.retriever.storage import LightCurveStore, Location, open_store

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.project import Project

__all__ = ["delete_folder", "delete_sources"]

_OF_PROJECTS = ("*_reduced.*", "*_processed.*", "histograms_*.nc", "config.yaml")
_RESULTS = (database.HistogramPart, database.Batch, database.Failure, database.Claim)


def delete_sources(
    project: Project, session: Any, *, data: bool, raw: bool, detections: bool
) -> int:
    """Delete the sources of a project; see `Project.delete_all_sources`."""
    with project_session(project, session) as db:
        own = {"project": project.name, "cfg_hash": project.cfg_hash}
        if not detections:
            _refuse_detections(db, own)
        places = _places(db, database.Lightcurve, own) if data else []
        if raw:
            places += _places(db, database.RawPhotometry, own)
        number = _delete_rows(db, own, raw=raw)
        # The rows first: a row without a file would be an error, a file without a row is found.
        db.commit()
    _delete_files(places)
    return number


def _refuse_detections(db: Any, own: dict[str, str]) -> None:
    found = db.scalar(sa.select(sa.func.count(database.Detection.id)).filter_by(**own))
    if found:
        msg = (
            f"remove_detections: {found} detections belong to these sources and cannot be without "
            "them; pass remove_detections=True to delete them, too"
        )
        raise InvalidRequestError(msg, parameter="remove_detections")


def _places(db: Any, table: Any, own: dict[str, str]) -> list[Location]:
    columns = (table.folder, table.filename, table.filekey, table.format)
    chosen = sa.select(*columns)
    if table is database.RawPhotometry:
        chosen = chosen.where(table.id.in_(_raw_ids(own)))
    else:
        chosen = chosen.filter_by(**own)
    return [Location(*place) for place in db.execute(chosen) if place.filename]


def _raw_ids(own: dict[str, str]) -> Any:
    source = database.Source
    linked = sa.select(database.RawPhotometry.id).join(database.RawPhotometry.sources)
    return linked.where(source.project == own["project"], source.cfg_hash == own["cfg_hash"])


def _delete_rows(db: Any, own: dict[str, str], *, raw: bool) -> int:
    at_once = {"synchronize_session": False}
    if raw:
        table = database.RawPhotometry
        ids = list(db.scalars(_raw_ids(own)))
        for first in range(0, len(ids), 500):
            part = sa.delete(table).where(table.id.in_(ids[first : first + 500]))
            db.execute(part, execution_options=at_once)
    # Light curves, detections and properties go with their source.
    gone = db.execute(sa.delete(database.Source).filter_by(**own), execution_options=at_once)
    for result in _RESULTS:
        db.execute(sa.delete(result).filter_by(**own), execution_options=at_once)
    return int(gone.rowcount)


def _delete_files(places: Iterable[Location]) -> None:
    stores: dict[str, LightCurveStore] = {}
    for place in places:
        store = stores.setdefault(place.format, open_store(place.format))
        try:
            store.delete(place)
        except CacheError:
            continue  # it cannot be read, or is gone already
    for store in stores.values():
        store.flush()


def delete_folder(folder: Path) -> None:
    """Delete the folder of a project; raw data in there stay.

    They are there if a project has the name of an observatory.
    """
    if not folder.is_dir():
        return
    products = [path for pattern in _OF_PROJECTS for path in folder.rglob(pattern)]
    if {path for path in folder.rglob("*") if path.is_file()} == set(products):
        shutil.rmtree(folder)
        return
    for path in products:
        path.unlink(missing_ok=True)
