"""``/api/sed/``: spectral energy distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.schema.wire import Header, JobState, Limit, Path
from astroquery_mmdc.server.answers import answer, json_object, sed_error
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.sed_jobs import SedJob
from astroquery_mmdc.server.sed_views import envelope, job_info
from astroquery_mmdc.server.site import site_of
from astroquery_mmdc.server.waiting import hold
from astroquery_mmdc.server.wanted import SedFilter

__all__ = ["ROUTES", "read_position"]


def read_position(body: Mapping[str, Any], *texts: str) -> tuple[float, float, list[str]]:
    """Return position and texts of a request's body.

    Parameters
    ----------
    body : mapping
        With ``ra`` and ``dec`` in degrees.
    *texts : str
        Names of fields with text; an absent one reads as empty.
    """
    reader = FieldReader(body)
    position = reader.position(required=True)
    words = [reader.text(name) or "" for name in texts]
    reader.finish()
    assert position is not None  # a missing one is an error that finish raises
    return *position, words


async def submit(request: Request) -> Response:
    """POST: start or reuse the job of a position."""
    site = site_of(request)
    wanted, with_points = _read_query(request)
    body = await json_object(request)
    ra, dec, (name,) = read_position(body, "name")
    job, reused = site.seds.submit(ra, dec, name=name, refresh=body.get("refresh") is True)
    if job.error is not None and job.error["code"] == "enqueue":
        headers = {Header.RETRY_AFTER: str(Limit.ENQUEUE_RETRY_AFTER)}
        return answer(envelope(job, wanted, reused=False), 503, headers)
    headers = await hold(request, job.ended, site.sed_waits, site.client(request))
    view = envelope(job, wanted, with_points=with_points, reused=reused)
    return answer(view, 200 if job.has_ended else 202, headers)


async def fetch(request: Request) -> Response:
    """GET: the SED of a job, or of the refresh that took its place."""
    site = site_of(request)
    wanted, with_points = _read_query(request)
    job = site.seds.successor(_job(request))
    if request.query_params.get("format") == "csv":
        return _csv(job, wanted)
    headers = await hold(request, job.ended, site.sed_waits, site.client(request))
    view = envelope(job, wanted, with_points=with_points)
    return answer(view, 200 if job.has_ended else 202, headers)


async def status(request: Request) -> Response:
    """GET: state, progress and events of a job."""
    site = site_of(request)
    reader = FieldReader(request.query_params)
    since = reader.whole("events_since") or 0
    reader.finish()
    job = _job(request)
    headers = await hold(request, job.ended, site.sed_waits, site.client(request))
    return answer(job_info(job, since), 200, headers)


def _job(request: Request) -> SedJob:
    job = site_of(request).seds.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404)
    return job


def _read_query(request: Request) -> tuple[SedFilter, bool]:
    reader = FieldReader(request.query_params)
    with_points = reader.truth("sed")
    reader.finish()
    return SedFilter.read(request.query_params), with_points is not False


def _csv(job: SedJob, wanted: SedFilter) -> Response:
    if job.status == JobState.FAILED:
        return answer(sed_error("failed", (job.error or {})["message"]), 409)
    if job.points is None:
        return answer(sed_error("not_ready", f"The SED is not ready ({job.status})."), 409)
    headers = {"Content-Disposition": f'attachment; filename="sed_{job.id}.csv"'}
    return Response(job.points.filtered(wanted).csv(), headers=headers, media_type="text/csv")


ROUTES = [
    Route(Path.SED, submit, methods=["POST"]),
    Route(Path.SED_JOB, status, methods=["GET"]),
    Route(Path.SED_RESULT, fetch, methods=["GET"]),
]
"""To be mounted where the server has these endpoints."""
