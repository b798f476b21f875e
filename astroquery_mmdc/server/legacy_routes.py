"""The older SED interface: ``/api/vou_json/`` and what belongs to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.schema.units import NUFNU, nufnu_to, spectral_to
from astroquery_mmdc.schema.wire import LEGACY_CSV_HEADER, UNDATED_MJD_LEGACY, JobState, Path
from astroquery_mmdc.server.answers import answer, json_object
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.points import SedPoints, catalog_color
from astroquery_mmdc.server.sed_jobs import SedJob
from astroquery_mmdc.server.sed_routes import read_position
from astroquery_mmdc.server.sed_views import log_text, source_json
from astroquery_mmdc.server.site import site_of

__all__ = ["ROUTES"]

_X_AXES = ("freq_ev",)
_Y_AXES = ("flux_ev", "flux_norm", "flux_jyhz", "flux_wm2", "nufnu_fnu_jy")
_STATES = {
    JobState.QUEUED: JobState.PROCESSING,
    JobState.RUNNING: JobState.PROCESSING,
    JobState.FAILED: JobState.ERROR,
}


@dataclass(frozen=True, slots=True)
class LegacyView:
    """Points in the units that a request of the older interface asks for."""

    points: SedPoints
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    error: NDArray[np.float64]

    def select(self, mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Return one block of ``range_data``."""
        return {"freq": self.x[mask], "flux": self.y[mask], "err_flux": self.error[mask]}


async def prepare(request: Request) -> Response:
    """POST: start a job (201), or show the one that is there (200)."""
    site = site_of(request)
    reader = FieldReader(request.query_params)
    force = reader.truth("force")
    reader.finish()
    ra, dec, (database, name) = read_position(
        await json_object(request), "database_name", "source_name"
    )
    job, reused = site.seds.submit(ra, dec, name=name, database=database, refresh=force is True)
    if reused:
        return answer(_position(job))
    return answer({"status": "created", "uuid": job.id}, 201)


async def status(request: Request) -> Response:
    """GET: state of a job."""
    return answer(_position(_job(request)))


async def data(request: Request) -> Response:
    """GET: the points, nested by band, catalogue and kind."""
    job = _finished(request)
    view = _view(request, job)
    position = _position(job)
    body = {name: position[name] for name in ("uuid", "source_name", "database_name", "ra", "dec")}
    return answer({**body, "data": {"range_data": _nested(view), "min_max": _min_max(view)}})


async def table(request: Request) -> Response:
    """GET: the points as CSV."""
    job = _finished(request)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LEGACY_CSV_HEADER)
    writer.writerows(_csv_rows(_view(request, job)))
    headers = {"Content-Disposition": f'attachment; filename="{job.id}.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")


async def source(request: Request) -> Response:
    """GET: what is known about the source."""
    job = _job(request)
    facts = source_json(job)
    return answer(
        {
            "source_name": job.name or facts["name"],
            "ra": facts["ra"],
            "dec": facts["dec"],
            "gal_lat": facts["gal_b"],
            "gal_long": facts["gal_l"],
            "redshift": facts["redshift"],
            "W_peak": facts["w_peak"]["text"] if facts["w_peak"] else "N/A",
        }
    )


# ---------------------------------------------------------------- jobs


def _job(request: Request) -> SedJob:
    jobs = site_of(request).seds
    job = jobs.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404)
    return jobs.successor(job)


def _finished(request: Request) -> SedJob:
    job = _job(request)
    if job.points is None:
        raise HTTPException(409, f"the data are not ready ({_position(job)['status']})")
    return job


def _position(job: SedJob) -> dict[str, Any]:
    return {
        "uuid": job.id,
        "source_name": job.name or (job.source.name if job.source else None),
        "database_name": job.database_name or job.name or job.id,
        "ra": job.ra,
        "dec": job.dec,
        "status": _STATES.get(job.status, job.status),
        "logs": log_text(job),
    }


# ---------------------------------------------------------------- points


def _view(request: Request, job: SedJob) -> LegacyView:
    assert job.points is not None
    points = job.points.take(np.flatnonzero(_wanted(request, job.points)))
    reader = FieldReader(request.query_params)
    axes = [
        _axis(reader, name, known) for name, known in (("x_axis", _X_AXES), ("y_axis", _Y_AXES))
    ]
    reader.finish()
    nu, x_unit, y_unit = points.nu * u.Hz, axes[0] or "Hz", axes[1] or "nufnu"
    fluxes = [nufnu_to(values * NUFNU, nu, y_unit).value for values in (points.nufnu, points.error)]
    return LegacyView(points, spectral_to(nu, x_unit).value, *fluxes)


def _axis(reader: FieldReader, name: str, known: tuple[str, ...]) -> str | None:
    value = reader.text(name)
    if value is not None and value not in known:
        reader.errors[name] = f"{value!r} is none of {', '.join(known)}"
    return value


def _wanted(request: Request, points: SedPoints) -> NDArray[np.bool_]:
    reader = FieldReader(request.query_params)
    start, end = reader.window("mjd_start", "mjd_end")
    reader.finish()
    # The older interface keeps what overlaps the window, and an undated point lies at its
    # placeholder: a window around that date catches it, as it does at the service.
    mask = np.ones(len(points), dtype=bool)
    if start is not None:
        mask &= points.dates(points.end, UNDATED_MJD_LEGACY) >= start
    if end is not None:
        mask &= points.dates(points.start, UNDATED_MJD_LEGACY) <= end
    catalogs = set(_listed(request, "exclude_catalogs"))
    bands = {band for name in _listed(request, "exclude_freq_ranges") for band in _bands(name)}
    excluded = [entry.name in catalogs or entry.band in bands for entry in points.catalogs]
    return mask & ~np.array(excluded, dtype=bool)[points.entry] if len(points) else mask


def _listed(request: Request, name: str) -> list[str]:
    # Clients write lists with and without the brackets.
    query = request.query_params
    return [*query.getlist(name), *query.getlist(f"{name}[]")]


def _bands(name: str) -> list[str]:
    found = [band for band in BANDS if band.startswith(name.lower())] if name else []
    if not found:
        msg = f"exclude_freq_ranges: {name!r} is none of {', '.join(BANDS)}"
        raise InvalidRequestError(msg, parameter="exclude_freq_ranges")
    return found


def _nested(view: LegacyView) -> dict[str, Any]:
    points = view.points
    nested: dict[str, Any] = {band: {} for band in BANDS}
    for number, entry in enumerate(points.catalogs):
        mine = points.entry == number
        block = nested[entry.band].setdefault(entry.name, {})
        for kind, mask in (("UL", mine & points.is_limit), ("Other", mine & ~points.is_limit)):
            fresh = {**view.select(mask), "color": catalog_color(entry.name)}
            block[kind] = _joined(block[kind], fresh) if kind in block else fresh
    return nested


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    # One catalogue may stand in the list more than once, with different references.
    return {
        name: np.concatenate([values, second[name]]) if name != "color" else values
        for name, values in first.items()
    }


def _min_max(view: LegacyView) -> dict[str, list[float]] | None:
    # The service does not document the names in here.
    if not len(view.points):
        return None
    axes = {"freq": view.x, "flux": view.y}
    return {name: [float(values.min()), float(values.max())] for name, values in axes.items()}


def _csv_rows(view: LegacyView) -> Iterator[tuple[Any, ...]]:
    points = view.points
    starts, ends = (
        points.dates(values, UNDATED_MJD_LEGACY) for values in (points.start, points.end)
    )
    columns = (view.x, view.y, view.error, starts, ends, points.is_limit, points.entry)
    for nu, flux, error, start, end, limit, entry in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        catalog = points.catalogs[entry]
        flag = "UL" if limit else "Det"
        known = "" if np.isnan(error) else error
        yield nu, flux, known, start, end, flag, catalog.name, catalog.reference or ""


ROUTES = [
    Route(Path.LEGACY_SED, prepare, methods=["POST"]),
    Route(Path.LEGACY_SED_STATUS, status, methods=["GET"]),
    Route(Path.LEGACY_SED_DATA, data, methods=["GET"]),
    Route(Path.LEGACY_SED_CSV, table, methods=["GET"]),
    Route(Path.LEGACY_SOURCE, source, methods=["GET"]),
]
"""To be mounted by the application."""
