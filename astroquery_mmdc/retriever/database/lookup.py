"""What a source has: found, checked, and removed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database.collections import UniqueList
from astroquery_mmdc.retriever.database.datasets import Lightcurve, RawPhotometry
from astroquery_mmdc.retriever.database.null import NullSession
from astroquery_mmdc.retriever.database.session import SmartSession
from astroquery_mmdc.retriever.database.source import Source
from astroquery_mmdc.retriever.lightcurve import LEVELS

__all__ = ["data_of", "forget_analysis"]


def data_of(
    source: Source,
    observatory: str,
    data_type: str,
    level: str,
    session: Any,
    *,
    check_data: bool,
    delete_missing: bool,
    append: bool,
) -> UniqueList[Any]:
    """Return the data of a source: see `Source.get_data`."""
    if data_type != "photometry":
        msg = f"data_type: {data_type!r} is not known; 'photometry' is the only one"
        raise InvalidRequestError(msg, parameter="data_type")
    if level not in LEVELS:
        msg = f"level: {level!r} is not known; choose from {LEVELS}"
        raise InvalidRequestError(msg, parameter="level")
    with SmartSession(session) as opened:
        rows = _rows(opened, source, observatory.upper(), level)
        missing = [row for row in rows if check_data and not row.check_data_exists()]
        if delete_missing:
            for row in missing:
                opened.delete(row)
            opened.commit()
        found = UniqueList(row for row in rows if row not in missing)
        if append and level == "raw":
            new = [row for row in found if row not in source.raw_photometry]
            source.raw_photometry.extend(new)
    return found


def _rows(session: Any, source: Source, observatory: str, level: str) -> list[Any]:
    if isinstance(session, NullSession):
        held = source.raw_photometry if level == "raw" else source.lightcurves
        return [row for row in held if (row.observatory, row.level) == (observatory, level)]
    if level == "raw":
        query = sa.select(RawPhotometry).filter_by(source_name=source.name)
        return list(session.scalars(query.filter_by(observatory=observatory)))
    lightcurves = sa.select(Lightcurve).join(Source).where(
        Source.name == source.name,
        Source.project == source.project,
        Source.cfg_hash == source.cfg_hash,
        Lightcurve.observatory == observatory,
        Lightcurve.level == level,
    )  # fmt: skip
    order = (Lightcurve.series_number, Lightcurve.simulation_number)
    return list(session.scalars(lightcurves.order_by(*order)))


def forget_analysis(source: Source, session: Any) -> None:
    """Remove the results of a source: see `Source.reset_analysis`."""
    with SmartSession(session) as opened:
        if not isinstance(opened, NullSession) and source not in opened:
            source = opened.merge(source)
        made = [*source.processed_lightcurves, *source.simulated_lightcurves]
        for lightcurve in made:
            source.lightcurves.remove(lightcurve)
        source.detections.clear()
        source.properties = None
        if isinstance(opened, NullSession):
            for lightcurve in made:
                lightcurve.delete_data_from_disk()
        opened.commit()
