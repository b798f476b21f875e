"""``/api/madam_analysis/``: Swift UVOT and XRT data on demand."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.schema.wire import Path
from astroquery_mmdc.server.answers import answer, json_object
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.site import site_of
from astroquery_mmdc.server.swift_jobs import SwiftRequest

__all__ = ["ROUTES"]


async def submit(request: Request) -> Response:
    """POST: the rows at once if they are there (200), else a job (202)."""
    limit, _ = _read_query(request)
    body = await json_object(request)
    wanted = SwiftRequest.read(body)
    job, cached = site_of(request).swift.submit(wanted, force=body.get("force") is True)
    view = {"uuid": job.id, "status": job.status, "cached": cached}
    return answer({**view, **job.results(limit)} if cached else view, 200 if cached else 202)


async def status(request: Request) -> Response:
    """GET: state of an analysis, with its rows once it has ended."""
    limit, include_results = _read_query(request)
    job = site_of(request).swift.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404)
    rows = job.results(limit) if job.has_ended and include_results else {}
    return answer({**job.as_json(), **rows})


def _read_query(request: Request) -> tuple[int | None, bool]:
    reader = FieldReader(request.query_params)
    limit, include_results = reader.whole("limit"), reader.truth("include_results")
    reader.finish()
    return limit, include_results is not False


ROUTES = [
    Route(Path.SWIFT, submit, methods=["POST"]),
    Route(Path.SWIFT_JOB, status, methods=["GET"]),
]
"""To be mounted by the application."""
