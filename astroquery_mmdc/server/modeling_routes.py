"""``/api/modeling/``: model spectra, fits, and checks of their input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.parameters import (
    check_fixed_parameters,
    check_model_type,
    check_parameters,
    check_redshift,
)
from astroquery_mmdc.schema.wire import Header, Limit, Path
from astroquery_mmdc.server.answers import answer, json_bytes, json_object
from astroquery_mmdc.server.emission_engine import missing_packages
from astroquery_mmdc.server.engine import FitRequest, InferenceRequest
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.fit_csv import CsvError, read_fit_csv, read_limits, summary
from astroquery_mmdc.server.fit_jobs import FitJob
from astroquery_mmdc.server.identification import identified
from astroquery_mmdc.server.site import Site, site_of
from astroquery_mmdc.server.waiting import hold

__all__ = ["ROUTES"]

_FILE_TYPES = {"pdf": "application/pdf"}
_FILE = Path.FIT_RESULT + "{name}/"


@identified
async def validate_csv(request: Request) -> Response:
    """POST: whether a CSV can be fitted."""
    try:
        return answer(summary(read_fit_csv(await _uploaded(request))))
    except CsvError as err:
        return answer(err.body, 422)


@identified
async def csv_to_json(request: Request) -> Response:
    """POST: the points of a CSV, in the form in which fits repeat them."""
    try:
        return answer(read_fit_csv(await _uploaded(request)).as_json())
    except CsvError as err:
        return answer(err.body, 422)


@identified
async def infer(request: Request) -> Response:
    """POST: one model spectrum."""
    site = site_of(request)
    body = await json_object(request)
    try:
        wanted = _read_inference(body)
    except InvalidRequestError as err:
        return _invalid(err)
    if site.options.engine is None:
        return _not_implemented()
    if site.inferences >= Limit.INFERENCES:
        return _too_many("inferences", Limit.INFERENCES, Limit.INFERENCE_RETRY_AFTER)
    site.inferences += 1
    try:
        best = await run_in_threadpool(site.options.engine.infer, wanted)
    finally:
        site.inferences -= 1
    return answer({"data": {"best": dict(best)}})


@identified
async def submit(request: Request) -> Response:
    """POST: start a fit."""
    site = site_of(request)
    client, key = site.client(request), request.headers.get(Header.IDEMPOTENCY_KEY)
    async with request.form() as form:
        try:
            wanted = _read_fit(form, await _content(form))
        except CsvError as err:
            return answer(err.body, 422)
        except InvalidRequestError as err:
            return _invalid(err)
    if site.options.engine is None:
        return _not_implemented()
    job = site.fits.replay(client, key)
    if job is None:
        allowed = site.fits_allowed(request)
        if site.fits.in_flight(client) >= allowed:
            return _too_many("fits", allowed, Limit.FIT_RETRY_AFTER)
        try:
            job = site.fits.submit(client, wanted, key)
        except OSError as err:
            return _no_room(err)
    return answer({"batch_result_id": job.id, "status": job.status}, 202)


async def result(request: Request) -> Response:
    """GET: state and result of a fit; anybody who knows its id may ask."""
    site = site_of(request)
    job = _job(request)
    headers = await hold(request, job.released, site.fit_waits, site.client(request))
    body = await run_in_threadpool(_result_bytes, site, job, _links(request, job))
    return answer(body, 200, headers)


def _result_bytes(site: Site, job: FitJob, links: Mapping[str, str]) -> bytes:
    """Return the answer about a fit; a posterior is large, so this is for a thread."""
    body = job.as_json(links, site.fits.result(job))
    position = site.fits.queue_position(job)
    return json_bytes({**body, "queue_position": position} if position else body)


async def file(request: Request) -> Response:
    """GET: a file of a finished fit."""
    name = request.path_params["name"]
    content = await run_in_threadpool(site_of(request).fits.file, _job(request), name)
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=_FILE_TYPES.get(name, "text/csv"))


# ---------------------------------------------------------------- reading


async def _uploaded(request: Request) -> bytes:
    async with request.form() as form:
        return await _content(form)


async def _content(form: FormData) -> bytes:
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        msg = "file: is required; send the CSV as multipart/form-data"
        raise InvalidRequestError(msg, parameter="file")
    return await upload.read()


def _read_inference(body: Mapping[str, Any]) -> InferenceRequest:
    model_type, z, ebl = _read_model(body)
    parameters = body.get("parameters")
    if not isinstance(parameters, Mapping):
        msg = f"parameters: {parameters!r} is no object of names and values"
        raise InvalidRequestError(msg, parameter="parameters")
    return InferenceRequest(model_type, z, ebl, check_parameters(model_type, parameters))


def _read_fit(form: FormData, content: bytes) -> FitRequest:
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    model_type, z, ebl = _read_model(fields)
    reader = FieldReader(fields)
    wanted = FitRequest(
        model_type,
        z,
        ebl,
        points=read_fit_csv(content),
        limits=read_limits(content),
        fixed_parameters=check_fixed_parameters(model_type, _fixed(fields)),
        likelihood_type=_likelihood(reader),
        n_icecube=reader.whole("n_icecube"),
        dt=reader.number("dt", low=0),
        x1=reader.number("x1", low=0),
        x2=reader.number("x2", low=0),
        y=reader.number("y"),
    )
    _check_neutrinos(wanted, reader.errors)
    reader.finish()
    return wanted


def _read_model(fields: Mapping[str, Any]) -> tuple[str, float, bool]:
    model_type = check_model_type(str(fields.get("model_type", "")))
    reader = FieldReader(fields)
    ebl = reader.truth("ebl")
    if ebl is None:
        reader.errors.setdefault("ebl", "is required, true or false")
    reader.finish()
    return model_type, check_redshift(fields.get("z"), ebl=ebl is True), ebl is True


def _fixed(fields: Mapping[str, str]) -> Mapping[str, Any]:
    text = fields.get("fixed_parameters") or "{}"
    try:
        fixed = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as err:
        msg = f"fixed_parameters: not JSON ({err})"
        raise InvalidRequestError(msg, parameter="fixed_parameters") from err
    if not isinstance(fixed, dict):
        msg = "fixed_parameters: no object of names and values"
        raise InvalidRequestError(msg, parameter="fixed_parameters")
    return fixed


def _likelihood(reader: FieldReader) -> str | None:
    value = reader.text("likelihood_type")
    if value not in (None, "poisson", "chi2"):
        reader.errors["likelihood_type"] = f"{value!r} is neither poisson nor chi2"
    return value


def _check_neutrinos(wanted: FitRequest, errors: dict[str, str]) -> None:
    needed = {"poisson": ("n_icecube", "dt"), "chi2": ("x1", "x2", "y")}
    if wanted.model_type != "HADRONIC":
        return
    if wanted.likelihood_type is None:
        errors.setdefault("likelihood_type", "a hadronic fit needs it: poisson or chi2")
    for name in needed.get(wanted.likelihood_type or "", ()):
        if getattr(wanted, name) is None:
            errors.setdefault(name, f"the {wanted.likelihood_type} likelihood needs it")


# ---------------------------------------------------------------- answering


def _invalid(error: InvalidRequestError) -> Response:
    fields = error.fields or ({error.parameter: str(error)} if error.parameter else {})
    body = {"error": str(error), "validation_type": "invalid_parameters", "fields": fields}
    return answer(body, 422)


def _not_implemented() -> Response:
    missing = missing_packages()
    detail = "This server was started without an engine that computes models."
    if missing:
        detail = (
            f"This server computes no models: {', '.join(missing)} is not installed. Install "
            "'astroquery_mmdc[model]' where the server runs, and start it again."
        )
    return answer({"error": "not_implemented", "detail": detail}, 501)


def _no_room(error: OSError) -> Response:
    detail = f"The fit cannot be kept: {error.strerror}. Make room on the disk of the server."
    headers = {Header.RETRY_AFTER: str(Limit.FIT_RETRY_AFTER)}
    return answer({"error": "no_room", "detail": detail}, 507, headers)


def _too_many(what: str, allowed: int, retry_after: int) -> Response:
    detail = f"{allowed} {what} are in flight; try again in {retry_after} s."
    body = {"error": "too_many_requests", "detail": detail}
    return answer(body, 429, {Header.RETRY_AFTER: str(retry_after)})


def _job(request: Request) -> FitJob:
    job = site_of(request).fits.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404)
    return job


def _links(request: Request, job: FitJob) -> dict[str, str]:
    base = str(request.base_url).rstrip("/")
    return {name: base + _FILE.format(id=job.id, name=name) for name in job.files}


ROUTES = [
    Route(Path.VALIDATE_CSV, validate_csv, methods=["POST"]),
    Route(Path.CSV_TO_JSON, csv_to_json, methods=["POST"]),
    Route(Path.INFERENCE, infer, methods=["POST"]),
    Route(Path.FIT, submit, methods=["POST"]),
    Route(Path.FIT_RESULT, result, methods=["GET"]),
    Route(_FILE, file, methods=["GET"]),
]
"""To be mounted by the application."""
