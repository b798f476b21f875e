"""The service's older SED interface, for servers that have no newer one.

Its JSON carries no dates, so the points are read from its CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc.exceptions import JobFailedError, NoResultsWarning, ParseError
from astroquery_mmdc.mmdc.progress import watcher
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.jobs import poll
from astroquery_mmdc.net.journal import JournalEntry
from astroquery_mmdc.schema.catalogs import band_of
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.sources import Source, source_from_json
from astroquery_mmdc.schema.tables import sed_columns
from astroquery_mmdc.schema.wire import LEGACY_CSV_HEADER, JobState, Path
from astroquery_mmdc.sed import SED

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass
    from astroquery_mmdc.mmdc.sed_jobs import SedRequest

__all__ = ["legacy_sed", "legacy_source", "read_legacy_csv"]


async def legacy_sed(
    self: MMDCClass, job: Job, query: Mapping[str, Any], request: SedRequest, deadline: float
) -> SED:
    """Return an SED through ``/api/vou_json/`` and ``/api/csv/``."""
    await _prepared(self, job, query, request, deadline)
    source = await _source(self, job, deadline)
    if job.status == JobState.NO_DATA:
        job.warn("the service has no SED points at this position", NoResultsWarning)
        columns = sed_columns({})
    else:
        path = Path.LEGACY_SED_CSV.format(id=job.job_id)
        reply = await self.client.request("GET", path, deadline=deadline)
        columns = sed_columns(read_legacy_csv(reply.content), legacy=True)
    sed = SED(columns, copy=False)
    sed.meta["source"] = source.to_meta()
    sed.meta["mmdc"] = provenance(
        service=self.client.server,
        endpoint=Path.LEGACY_SED,
        query={**query, **request.params},
        job_id=job.job_id,
    )
    return _filtered(sed, request)


def _filtered(sed: SED, request: SedRequest) -> SED:
    """Filter here: the older service keeps whatever overlaps a window."""
    start, end = request.window()
    undated = request.params.get("undated")
    if start is not None or end is not None or undated is not None:
        sed = sed.between(start, end, undated=None if undated is None else undated == "true")
    wanted = request.params.get("catalogs")
    if wanted or request.exclude:
        sed = sed.select(
            catalogs=wanted.split(",") if wanted else None, exclude=request.exclude or None
        )
    return sed


async def legacy_source(
    self: MMDCClass, job: Job, query: Mapping[str, Any], request: SedRequest, deadline: float
) -> Source:
    """Return what the older interface knows about a source."""
    await _prepared(self, job, query, request, deadline)
    return await _source(self, job, deadline)


async def _prepared(
    self: MMDCClass, job: Job, query: Mapping[str, Any], request: SedRequest, deadline: float
) -> None:
    body = {"ra": query["ra"], "dec": query["dec"]}
    name = query.get("name") or f"{query['ra']:.5f}{query['dec']:+.5f}"
    body |= {"database_name": name.replace(" ", ""), "source_name": name}
    reply = await self.client.request(
        "POST",
        Path.LEGACY_SED,
        json=body,
        params={"force": "true" if request.refresh else None},
        idempotent=not request.refresh,
        deadline=deadline,
    )
    answer = reply.json_object()
    job.job_id, job.status = str(answer.get("uuid")), str(answer.get("status"))
    entry = JournalEntry(
        job.job_id, "legacy_sed", self.client.server, job.status, query=dict(query)
    )
    self.journal.record(entry)
    if job.status not in JobState.ENDED:
        answer = await poll(
            self.client,
            Path.LEGACY_SED_STATUS.format(id=job.job_id),
            job=job,
            is_ended=lambda state: state.get("status") in JobState.ENDED,
            deadline=deadline,
            notify=watcher(request.progress, job),
        )
    if job.status == JobState.ERROR:
        logs = str(answer.get("logs") or "")
        msg = f"SED job {job.job_id} failed: {logs.strip()[-200:] or 'no reason given'}"
        raise JobFailedError(msg, job_id=job.job_id, code="pipeline", logs=logs)


async def _source(self: MMDCClass, job: Job, deadline: float) -> Source:
    path = Path.LEGACY_SOURCE.format(id=job.job_id)
    reply = await self.client.request("GET", path, deadline=deadline)
    return source_from_json(reply.json_object())


def read_legacy_csv(content: bytes) -> dict[str, Any]:
    r"""Return the older CSV in the form of today's ``sed`` object.

    Parameters
    ----------
    content : bytes
        With the header frequency, flux, flux_err, MJD_start, MJD_end, flag, catalog, reference.

    Examples
    --------
    >>> text = (b"frequency,flux,flux_err,MJD_start,MJD_end,flag,catalog,reference\n"
    ...         b"1e9,2e-14,,55000,55000,UL,NVSS,Condon")
    >>> read_legacy_csv(text)["is_ul"]
    [True]
    """
    reader = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
    header = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in LEGACY_CSV_HEADER if name not in header]
    if missing:
        msg = f"the CSV of the SED has no column {', '.join(missing)}; it has {header}"
        raise ParseError(msg)
    reader.fieldnames = header
    rows = list(reader)
    nu = [_number(row["frequency"]) for row in rows]
    bands = band_of(np.nan_to_num(np.array(nu, dtype=float))).tolist()
    keys = [
        (row["catalog"].strip(), band, (row["reference"] or "").strip().rstrip("!"))
        for row, band in zip(rows, bands, strict=True)
    ]
    catalogs = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return {
        "freq_hz": nu,
        "nufnu": [_number(row["flux"]) for row in rows],
        "nufnu_err": [_number(row["flux_err"]) for row in rows],
        "is_ul": [(row["flag"] or "").strip().upper() == "UL" for row in rows],
        "mjd_start": [_number(row["MJD_start"]) for row in rows],
        "mjd_end": [_number(row["MJD_end"]) for row in rows],
        "catalog_idx": [catalogs[key] for key in keys],
        "catalogs": [
            {"name": name, "band": band, "reference": reference or None}
            for name, band, reference in catalogs
        ],
    }


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    if not text or text.lower() in ("nan", "none", "null"):
        return None
    try:
        return float(text)
    except ValueError as err:
        msg = f"the CSV of the SED holds {text!r} where a number should be"
        raise ParseError(msg) from err
