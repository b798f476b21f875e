"""Swift analyses: what the store holds is answered, the rest ends without data."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.schema.wire import JobState, Limit
from astroquery_mmdc.server.fields import FieldReader
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.store import ObservationStore

__all__ = ["SwiftJob", "SwiftJobs", "SwiftRequest"]

_UVOT = ("MMDCOUV",)
_XRT = ("MMDCXRT", "MMDCXRT_ORBIT")
_CATALOGS = {"uvot": _UVOT, "xrt": _XRT, "swift": _UVOT + _XRT}


@dataclass(frozen=True, slots=True)
class SwiftRequest:
    """What an analysis is about: a window of time or a list of observations."""

    ra: float
    dec: float
    instrument: str
    mjd_start: float | None = None
    mjd_end: float | None = None
    obsids: tuple[str, ...] = ()
    orbit: bool | None = None
    source_name: str | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> SwiftRequest:
        """Read the body of a request.

        Raises
        ------
        InvalidRequestError
            With one message for each wrong field.
        """
        reader = FieldReader(body)
        position = reader.position(required=True) or (0.0, 0.0)
        start, end = reader.window("mjd_start", "mjd_end")
        wanted = cls(
            *position,
            instrument=reader.text("instrument") or "uvot",
            mjd_start=start,
            mjd_end=end,
            obsids=_obsids(body.get("obsids"), reader.errors),
            orbit=reader.truth("orbit"),
            source_name=reader.text("source_name"),
        )
        wanted._check(reader.errors)
        reader.finish()
        return wanted

    @property
    def mode(self) -> str:
        """How the service names the two kinds of request."""
        return "obsid" if self.obsids else "time_range"

    @property
    def has_xrt(self) -> bool:
        """Whether X-ray data are asked for."""
        return self.instrument != "uvot"

    def _check(self, errors: dict[str, str]) -> None:
        if self.instrument not in _CATALOGS:
            errors["instrument"] = f"{self.instrument!r} is none of {', '.join(_CATALOGS)}"
        if self.orbit is not None and self.instrument != "xrt":
            errors["orbit"] = "is for the instrument xrt only"
        if len(self.obsids) > Limit.SWIFT_OBSIDS:
            errors["obsids"] = f"{len(self.obsids)} are more than {Limit.SWIFT_OBSIDS}"
        if not {"mjd_start", "mjd_end"} & errors.keys():
            self._check_window(errors)

    def _check_window(self, errors: dict[str, str]) -> None:
        given = [end is not None for end in (self.mjd_start, self.mjd_end)]
        if any(given) == bool(self.obsids):
            errors.setdefault("mjd_start", "give either mjd_start and mjd_end, or obsids")
            return
        if any(given) and not all(given):
            errors["mjd_end" if given[0] else "mjd_start"] = "goes with the other"
        if self.mjd_start is None or self.mjd_end is None:
            return
        if self.mjd_start < Limit.SWIFT_MJD_MIN:
            errors["mjd_start"] = f"{self.mjd_start:g} is before {Limit.SWIFT_MJD_MIN}"
        if self.has_xrt and self.mjd_end - self.mjd_start > Limit.SWIFT_DAYS:
            errors["mjd_end"] = f"an X-ray window may last {Limit.SWIFT_DAYS:g} days at most"


@dataclass(slots=True, eq=False)
class SwiftJob:
    """One analysis."""

    request: SwiftRequest
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = JobState.PROCESSING
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in JobState.ENDED

    def finish(self, status: str) -> None:
        """End the analysis."""
        self.status = status
        self.finished = datetime.now(UTC)

    def as_json(self) -> dict[str, Any]:
        """Return the state of the analysis, without its rows."""
        wanted = self.request
        return {
            "uuid": self.id,
            "status": self.status,
            "source_name": wanted.source_name,
            "ra": wanted.ra,
            "dec": wanted.dec,
            "sky_identifier": int(sky_identifier(wanted.ra, wanted.dec)),
            "mode": wanted.mode,
            "instrument": wanted.instrument,
            "orbit": wanted.orbit is not False,
            "mjd_start": wanted.mjd_start,
            "mjd_end": wanted.mjd_end,
            "obsids": list(wanted.obsids) or None,
            "xrt_fits": [] if wanted.has_xrt and self.has_ended else None,
            "rows_ingested": len(self.rows) if self.has_ended else None,
            "exit_code": 0 if self.has_ended else None,
            "created_at": self.created.isoformat(),
            "finished_at": self.finished.isoformat() if self.finished else None,
        }

    def results(self, limit: int | None) -> dict[str, Any]:
        """Return the rows of an ended analysis in the service's two forms."""
        results: dict[str, Any] = {"count": len(self.rows), "results": self.rows[:limit]}
        if self.request.has_xrt:
            results["xrt_observations"] = _by_obsid(self.rows)
        return results


class SwiftJobs:
    """All analyses of a server.

    Parameters
    ----------
    store : ObservationStore
        Its Swift rows are what is covered.
    options : Options
        How long an analysis takes.

    Notes
    -----
    The real analysis needs HEASoft and the Swift archive, and neither is here: what the store does
    not hold ends as ``no_data``.
    """

    def __init__(self, store: ObservationStore, options: Options) -> None:
        self._store = store
        self._seconds = options.swift_seconds
        self._jobs: dict[str, SwiftJob] = {}
        self._latest: dict[SwiftRequest, SwiftJob] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, job_id: str) -> SwiftJob | None:
        """Return the analysis with an id."""
        return self._jobs.get(job_id)

    def submit(self, wanted: SwiftRequest, *, force: bool) -> tuple[SwiftJob, bool]:
        """Return an analysis and whether its rows are there already."""
        key = replace(wanted, source_name=None)
        known = None if force else self._latest.get(key)
        if known is not None:
            return known, known.has_ended
        job = SwiftJob(wanted)
        self._jobs[job.id] = self._latest[key] = job
        rows = [] if force else self._covered(wanted)
        if rows:
            job.rows = rows
            job.finish(JobState.DONE)
            return job, True
        self._start(job)
        return job, False

    def close(self) -> None:
        """Stop every analysis that still runs."""
        for task in self._tasks:
            task.cancel()

    def _start(self, job: SwiftJob) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: SwiftJob) -> None:
        await asyncio.sleep(self._seconds)
        job.finish(JobState.NO_DATA)

    def _covered(self, wanted: SwiftRequest) -> list[dict[str, Any]]:
        catalogs = _CATALOGS[wanted.instrument]
        if wanted.orbit is False:
            catalogs = catalogs[:1]
        selection = Selection(
            Filters(mjd_min=wanted.mjd_start, mjd_max=wanted.mjd_end),
            Cone(wanted.ra, wanted.dec, Limit.CONE_RADIUS_ARCSEC),
        )
        rows = [row for row in self._store.rows(selection) if row["catalog"] in catalogs]
        if not wanted.obsids:
            return rows
        rows = [row for row in rows if row["obsid"] in wanted.obsids]
        found = {row["obsid"] for row in rows}
        return rows if found == set(wanted.obsids) else []


def _obsids(value: Any, errors: dict[str, str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        errors["obsids"] = "is no list of observation ids"
        return ()
    # Stored with leading zeros, eleven digits in all.
    return tuple(str(item).zfill(11) for item in value)


def _by_obsid(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["catalog"] in _XRT:
            groups.setdefault(row["obsid"] or "", []).append(row)
    return [_xrt_observation(obsid, points) for obsid, points in groups.items()]


def _xrt_observation(obsid: str, points: list[dict[str, Any]]) -> dict[str, Any]:
    dates = [row["mjd_mid"] or row["mjd_start"] for row in points]
    known = [date for date in dates if date is not None]
    return {
        "obsid": obsid,
        "mjd": min(known) if known else None,
        "datamode": None,
        "stat_type": None,
        "delta_stat": None,
        "preferred_model": None,
        "fits": None,  # the spectral fits are not part of the observations
        "points": points,
    }
