"""SED jobs as the answers of ``/api/sed/`` show them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from astroquery_mmdc.schema.wire import JobState, Path
from astroquery_mmdc.server.sed_jobs import SedJob
from astroquery_mmdc.server.sources import Peak, galactic
from astroquery_mmdc.server.wanted import SedFilter

__all__ = ["envelope", "job_info", "log_text", "source_json"]


def envelope(
    job: SedJob, wanted: SedFilter, *, with_points: bool = True, reused: bool | None = None
) -> dict[str, Any]:
    """Return the answer to a POST or to a GET of an SED.

    Parameters
    ----------
    job : SedJob
        The job that stands for the SED.
    wanted : SedFilter
        Which points to show.
    with_points : bool
        Whether a finished SED is included.
    reused : bool, optional
        Whether the job was there already, where that is known.
    """
    refresher = job.refresher
    body: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "stale": refresher is not None and refresher.status == JobState.FAILED,
        "refresh": _refresh(refresher) if refresher else None,
        "source": source_json(job),
        "job": job_info(job),
        "links": _links(job),
        "error": _error(job),
    }
    if reused is not None:
        body["reused"] = reused
    if with_points and job.points is not None:
        body["sed"] = job.points.filtered(wanted).as_json(wanted)
    return body


def job_info(job: SedJob, events_since: int = 0) -> dict[str, Any]:
    """Return the state of a job with its events from a number on."""
    return {
        "id": job.id,
        "status": job.status,
        "created_at": _iso(job.created),
        "started_at": _iso(job.started),
        "finished_at": _iso(job.finished),
        "elapsed_s": round(job.elapsed, 3),
        "refresh_of": job.refresh_of,
        "replaced_by": job.replaced_by,
        "progress": _progress(job),
        "events": job.events[events_since:],
        "events_next": len(job.events),
        "events_truncated": False,
        "missed_catalogs": list(job.missed),
        "error": _error(job),
        "links": _links(job),
    }


def source_json(job: SedJob) -> dict[str, Any]:
    """Return what is known about the source of a job."""
    source = job.source
    ra, dec = (source.ra, source.dec) if source else (job.ra, job.dec)
    longitude, latitude = galactic(ra, dec)
    return {
        "name": source.name if source else job.name,
        "ra": ra,
        "dec": dec,
        "gal_l": longitude,
        "gal_b": latitude,
        "redshift": source.redshift if source else None,
        "w_peak": _peak(source.peak) if source and source.peak else None,
    }


def log_text(job: SedJob) -> str:
    """Return the events of a job as lines of text."""
    return "\n".join(
        f"[{event['t']:.1f} s] {event['level'].upper()} {event['subject']}: {event['text']}"
        for event in job.events
    )


def _peak(peak: Peak) -> dict[str, Any]:
    return {"log_nu": peak.log_nu, "err": peak.err, "limit": peak.limit, "text": peak.text}


def _error(job: SedJob) -> dict[str, Any] | None:
    if job.error is None:
        return None
    return {"retry_after_s": job.may_run_again_after, **job.error}


def _refresh(refresher: SedJob) -> dict[str, Any]:
    return {
        "id": refresher.id,
        "status": refresher.status,
        "error": _error(refresher),
        "links": _links(refresher),
    }


def _progress(job: SedJob) -> dict[str, Any] | None:
    if job.stage is None:
        return None
    return {"stage": job.stage, **job.stages[job.stage], "stages": job.stages}


def _links(job: SedJob) -> dict[str, str]:
    sed = Path.SED_RESULT.format(id=job.id)
    return {"self": sed, "job": Path.SED_JOB.format(id=job.id), "csv": f"{sed}?format=csv"}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
