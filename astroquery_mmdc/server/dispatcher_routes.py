"""``/dispatch-data/``: our data, models and notebooks as a MMODA dispatcher offers them."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.dispatcher import DispatcherPath, QueryStatus, new_session
from astroquery_mmdc.schema.instruments import (
    api_code,
    meta_data,
    parameter_names,
    read_values,
    source_meta_data,
)
from astroquery_mmdc.server.answers import answer
from astroquery_mmdc.server.dispatcher_jobs import ProductJob, ProductJobs
from astroquery_mmdc.server.site import site_of
from astroquery_mmdc.server.sources import normal_name
from astroquery_mmdc.server.uploads import read_fields

__all__ = ["ROUTES"]

# How long a request waits for its product: what is quick comes with the first answer.
_NEW_SECONDS = 5.0
_POLL_SECONDS = 0.5
_ID_PART = 8
_SAME_ARCSEC = 60.0

Handler = Callable[[Request], Awaitable[Response]]


def _with_errors(handler: Handler) -> Handler:
    """Answer wrong parameters in the form of dispatchers."""

    @functools.wraps(handler)
    async def wrapper(request: Request) -> Response:
        try:
            return await handler(request)
        except InvalidRequestError as err:
            body = {
                "error_message": str(err),
                "error": f"RequestNotUnderstood():{err}",
                "installed_instruments": list(site_of(request).products.instruments),
            }
            return answer(body, 400)

    return wrapper


async def list_instruments(request: Request) -> Response:
    """GET: names of the instruments."""
    return answer(list(site_of(request).products.instruments))


@_with_errors
async def describe(request: Request) -> Response:
    """GET: products and parameters of an instrument, or of one product."""
    wanted = request.query_params
    instrument = site_of(request).products.instrument(wanted.get("instrument"))
    return answer(meta_data(instrument.spec, wanted.get("product_type")))


@_with_errors
async def describe_source(request: Request) -> Response:
    """GET: the parameters of the source."""
    instrument = site_of(request).products.instrument(request.query_params.get("instrument"))
    return answer(source_meta_data(instrument.spec))


@_with_errors
async def names(request: Request) -> Response:
    """GET: names of the parameters of a product."""
    wanted = request.query_params
    instrument = site_of(request).products.instrument(wanted.get("instrument"))
    return answer(parameter_names(instrument.spec.product(wanted.get("product_type"))))


@_with_errors
async def run_analysis(request: Request) -> Response:
    """GET and POST: a product, made at once or on its way."""
    site = site_of(request)
    given = await read_fields(request, file_bytes=site.options.max_upload)
    jobs = site.products
    instrument = jobs.instrument(given.get("instrument"))
    product = instrument.spec.product(given.get("product_type"))
    values, unknown = read_values(product, _located(request, given))
    session_id = given.get("session_id") or new_session()
    job = jobs.submit(instrument, product.name, values, session_id)
    is_new = given.get("query_status", QueryStatus.NEW) == QueryStatus.NEW
    if not is_new and given.get("job_id") not in (None, job.id):
        msg = (
            f"job_id: {given['job_id']} is not the job of these parameters; send all of them with "
            "each question"
        )
        raise InvalidRequestError(msg, parameter="job_id")
    await job.ended(_NEW_SECONDS if is_new else _POLL_SECONDS)
    comment = f"not used: {', '.join(unknown)}" if unknown else ""
    return answer(_answer(request, job, session_id, comment))


def _located(request: Request, given: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with the position of a known source, or the name of one at a position."""
    fields = dict(given)
    name = fields.get("src_name")
    if name and not fields.keys() & {"RA", "DEC"}:
        found = _source(request, name)
        return fields if found is None else {**fields, "RA": str(found.ra), "DEC": str(found.dec)}
    if not name and fields.keys() >= {"RA", "DEC"}:
        # The name that the product has by default is that of another source.
        fields["src_name"] = _name_at(request, fields["RA"], fields["DEC"])
    return fields


def _name_at(request: Request, ra: str, dec: str) -> str:
    label = f"{ra} {dec}"
    try:
        near = site_of(request).store.sources().nearest(float(ra), float(dec), _SAME_ARCSEC)
    except ValueError:
        return label  # reading the parameters says what is wrong with them
    return near.name if near else label


def _source(request: Request, name: str) -> Any:
    found = site_of(request).store.sources().search(name, limit=1)
    wanted = normal_name(name)
    exact = (one for one in found if wanted in map(normal_name, one.names))
    return next(exact, None)


def _answer(request: Request, job: ProductJob, session_id: str, comment: str) -> dict[str, Any]:
    has_failed = job.status == QueryStatus.FAILED
    monitor: dict[str, Any] = {
        "job_id": job.id,
        "session_id": job.session_id,
        "status": job.status,
    }
    if job.report:
        monitor["full_report_dict"] = {"action": "progress", **job.report}
    return {
        "query_status": job.status,
        "job_status": job.status,
        "session_id": session_id,
        "time_request": job.created,
        "exit_status": {
            "status": int(has_failed),
            "job_status": job.status,
            "message": job.error,
            "error_message": job.details,
            "debug_message": "",
            "comment": "; ".join(filter(None, (job.made.comment, comment))),
            "warning": "",
        },
        "job_monitor": monitor,
        "products": _products(request, job) if job.has_ended else {},
    }


def _products(request: Request, job: ProductJob) -> dict[str, Any]:
    asked = {"instrument": job.instrument, **job.values}
    base = str(request.base_url).rstrip("/") + DispatcherPath.PREFIX
    return {
        **job.made.products,
        "analysis_parameters": {**asked, "product_type": job.product},
        "api_code": api_code(base, {**asked, "product": job.product}),
        "input_prod_list": [],
        "session_id": job.session_id,
        "job_id": job.id,
    }


async def resolve_name(request: Request) -> Response:
    """GET: the position of a source by its name."""
    name = request.query_params.get("name", "")
    found = _source(request, name)
    if found is None:
        return answer({"name": name, "message": f"{name} could not be resolved"})
    return answer(
        {
            "name": name,
            "RA": found.ra,
            "DEC": found.dec,
            "object_ids": list(found.names),
            "object_type": None,
            "have_coordinates": True,
            "message": f"{name} successfully resolved",
        }
    )


async def inspect(request: Request) -> Response:
    """GET: the jobs of this server."""
    wanted = request.query_params
    part = wanted.get("job_id", "")[:_ID_PART]
    chosen = [job for job in _jobs(request) if job.id.startswith(part)]
    if wanted.get("group_by_job", "").lower() in ("true", "1"):
        return answer({"records": [_group(job) for job in chosen]})
    return answer({"records": [_record(job) for job in chosen]})


def _jobs(request: Request) -> ProductJobs:
    return site_of(request).products


def _record(job: ProductJob) -> dict[str, Any]:
    return {
        "mtime": job.changed,
        "ctime": job.created,
        "session_id": job.session_id,
        "job_id": job.id,
        "request_completed": job.has_ended,
        "token_expired": False,
        "analysis_parameters": {
            "instrument": job.instrument,
            "product_type": job.product,
            **job.values,
        },
        "job_monitor": [{"status": job.status, **job.report}],
        "file_list": [],
        "email_history": [],
        "matrix_message_history": [],
    }


def _group(job: ProductJob) -> dict[str, Any]:
    status = {
        **_record(job),
        "scratch_dir_fn": f"scratch_sid_{job.session_id}_jid_{job.id}",
    }
    return {"job_id": job.id, "job_status_data": [status]}


def _route(path: str, handler: Handler, *methods: str) -> Route:
    return Route(DispatcherPath.PREFIX + path, handler, methods=methods or ("GET",))


ROUTES = [
    _route(DispatcherPath.INSTRUMENTS, list_instruments),
    _route(DispatcherPath.INSTRUMENTS_OLD, list_instruments),
    _route(DispatcherPath.META_DATA, describe),
    _route(DispatcherPath.META_DATA_OLD, describe),
    _route(DispatcherPath.META_DATA_SOURCE, describe_source),
    _route(DispatcherPath.PARAMETER_NAMES, names),
    _route(DispatcherPath.PARAMETER_NAMES_OLD, names),
    _route(DispatcherPath.RUN, run_analysis, "GET", "POST"),
    _route(DispatcherPath.RESOLVE_NAME, resolve_name),
    _route(DispatcherPath.INSPECT, inspect),
    _route(DispatcherPath.INSPECT_OWN, inspect),
]
"""To be mounted by the application."""
