"""Observations and names of sources."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.schema.wire import Path
from astroquery_mmdc.server.answers import answer, json_object
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.site import site_of
from astroquery_mmdc.server.sources import Source
from astroquery_mmdc.server.wanted import read_selection

__all__ = ["ROUTES"]

# A narrower cone, or a store of fewer rows, is answered faster than a thread is found for it.
_QUICK_ARCSEC = 600.0
_QUICK_ROWS = 1000


async def observations(request: Request) -> Response:
    """GET: rows of the observations table."""
    wanted = read_selection(request.query_params)
    store = site_of(request).store
    narrow = wanted.cone is not None and wanted.cone.radius_arcsec <= _QUICK_ARCSEC
    if narrow or len(store) <= _QUICK_ROWS:
        return answer(store.json(wanted))
    return answer(await run_in_threadpool(store.json, wanted))


async def autocomplete(request: Request) -> Response:
    """POST: sources whose name begins so."""
    reader = FieldReader(await json_object(request))
    query = reader.text("query")
    if query is None:
        reader.errors["query"] = "is required"
    reader.finish()
    found = site_of(request).store.sources().search(query or "")
    return answer({"results": [_hit(source) for source in found]})


async def known_sources(request: Request) -> Response:
    """GET: all sources."""
    return answer([_entry(source) for source in site_of(request).store.sources()])


async def gamma_ray_sources(request: Request) -> Response:
    """GET: the sources that have gamma-ray data."""
    bright = await run_in_threadpool(site_of(request).store.gamma_ray_sources)
    return answer([_entry(source) for source in bright])


def _hit(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "ra": source.ra,
        "dec": source.dec,
        "refcatalog": source.catalog,
    }


def _entry(source: Source) -> dict[str, Any]:
    # The service does not document what its lists hold: these are the fields that are sure to help.
    return {
        "name": source.name,
        "ra": source.ra,
        "dec": source.dec,
        "redshift": source.redshift,
        "aliases": list(source.aliases),
    }


ROUTES = [
    Route(Path.OBSERVATIONS, observations, methods=["GET"]),
    Route(Path.AUTOCOMPLETE, autocomplete, methods=["POST"]),
    Route(Path.KNOWN_SOURCES, known_sources, methods=["GET"]),
    Route(Path.GAMMA_RAY_SOURCES, gamma_ray_sources, methods=["GET"]),
]
"""To be mounted by the application."""
