"""Raw data on disk without a row in the database: found, and given back to their sources."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.keeping import Keeper, Task
from astroquery_mmdc.retriever.observatories.rows import checked_row, position_of
from astroquery_mmdc.retriever.paths import unescape
from astroquery_mmdc.retriever.storage import Location

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.observatories.fetching import Fetching

__all__ = ["adopt_orphans"]

_log = logging.getLogger(__name__)
_KEY = "photometry_"


def adopt_orphans(
    observatory: Fetching,
    pattern: str,
    num_files: int | None,
    num_sources: int | None,
    session: Any,
) -> int:
    """Give rows to raw data that have none; see `Fetching.populate_sources`."""
    keeper = Keeper(observatory, session, save=True)
    adopted = 0
    places = _places(keeper, pattern, num_files)
    while num_sources is None or adopted < num_sources:
        left = None if num_sources is None else num_sources - adopted
        batch = _next_batch(keeper, places, left)
        if batch is None:
            break
        keeper.commit(batch)
        keeper.present(batch, {})
        for task in batch:
            observatory._remember(task)
        adopted += len(batch)
    return adopted


def _next_batch(keeper: Keeper, places: Iterator[Location], left: int | None) -> list[Task] | None:
    """Return the next sources without rows; None if there are no more files to look into."""
    size = keeper.observatory.sources.maxlen or 1
    found = list(itertools.islice(places, size))
    if not found:
        return None
    tasks = [task for place in found if (task := _task_at(keeper, place)) is not None]
    keeper.look_up(tasks)
    return [task for task in tasks if task.source is None or task.raw_row is None][:left]


def _places(keeper: Keeper, pattern: str, num_files: int | None) -> Iterator[Location]:
    files: set[str] = set()
    for place in keeper.store.scan(keeper.observatory.name, "raw"):
        if not PurePosixPath(place.filename).match(pattern):
            continue
        files.add(place.filename)
        if num_files is not None and len(files) > num_files:
            return
        yield place


def _task_at(keeper: Keeper, place: Location) -> Task | None:
    """Return the source of raw data, None if none is found for them."""
    try:
        raw = keeper.store.read(place)
        row = checked_row(_row_of(keeper.observatory, raw, place))
    except (CacheError, InvalidRequestError, KeyError, IndexError) as err:
        _log.warning("%s: %s is left alone: %s", keeper.observatory.name, place.filename, err)
        return None
    task = Task(0, row, *position_of(row))
    task.raw, task.place = raw.replace(source=task.name), place
    return task


def _row_of(observatory: Fetching, raw: LightCurve, place: Location) -> dict[str, Any]:
    identity = _identity(observatory, raw, place)
    if observatory.catalog is not None:
        by_name = observatory.pars.catalog_matching == "name"
        kind = "name" if by_name else "number"
        try:
            return dict(observatory.catalog.get_row(identity, kind, "dict"))  # type: ignore[arg-type]
        except KeyError:
            if "cat_row" not in raw.meta:
                raise
    return dict(raw.meta.get("cat_row") or {})


def _identity(observatory: Fetching, raw: LightCurve, place: Location) -> str:
    pars = observatory.pars
    if pars.dataset_identifier == "attribute":
        found = raw.meta.get(pars.dataset_attribute)
        if found is None and pars.dataset_attribute == "source_name":
            found = raw.source
        if found is None:
            msg = f"dataset_attribute: the data have no {pars.dataset_attribute!r}; name another"
            raise InvalidRequestError(msg, parameter="dataset_attribute")
        return str(found)
    key = place.filekey.removeprefix(pars.filekey_prefix).removesuffix(pars.filekey_suffix)
    return unescape(key.removeprefix(_KEY))
