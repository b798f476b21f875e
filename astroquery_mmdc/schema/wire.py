"""Paths, headers, states and limits of the MMDC service.

Client and server meet only here, so that they cannot drift apart unseen.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "FIT_CSV_HEADER",
    "LEGACY_CSV_HEADER",
    "ORDERINGS",
    "SED_CSV_HEADER",
    "UNDATED_MJD",
    "UNDATED_MJD_LEGACY",
    "FitState",
    "Header",
    "JobState",
    "Limit",
    "Path",
]


class Path:
    """Paths below the address of the service; ``{id}`` stands for a job's id."""

    OBSERVATIONS: Final = "/api/observations/"
    SED: Final = "/api/sed/"
    SED_RESULT: Final = "/api/sed/{id}/"
    SED_JOB: Final = "/api/sed/jobs/{id}/"
    LEGACY_SED: Final = "/api/vou_json/"
    LEGACY_SED_STATUS: Final = "/api/vou_json/{id}/"
    LEGACY_SED_DATA: Final = "/api/freq_flux_data/{id}/"
    LEGACY_SED_CSV: Final = "/api/csv/{id}/"
    LEGACY_SOURCE: Final = "/api/source_info/{id}/"
    INFERENCE: Final = "/api/modeling/inference/"
    VALIDATE_CSV: Final = "/api/modeling/validate_csv/"
    CSV_TO_JSON: Final = "/api/modeling/csv_to_json/"
    FIT: Final = "/api/modeling/batch_inference/"
    FIT_RESULT: Final = "/api/modeling/batch_result/{id}/"
    SWIFT: Final = "/api/madam_analysis/"
    SWIFT_JOB: Final = "/api/madam_analysis/{id}/"
    AUTOCOMPLETE: Final = "/api/autocomplete/"
    KNOWN_SOURCES: Final = "/api/known_sources/"
    GAMMA_RAY_SOURCES: Final = "/api/gamma_ray_sources/"


class Header:
    """Names of HTTP headers with a meaning of their own at the service."""

    CLIENT: Final = "X-MMDC-Client"
    API_KEY: Final = "X-API-Key"
    END_USER: Final = "X-MMDC-End-User"
    MIN_VERSION: Final = "X-MMDC-Min-Version"
    IDEMPOTENCY_KEY: Final = "Idempotency-Key"
    PREFER: Final = "Prefer"
    PREFERENCE_APPLIED: Final = "Preference-Applied"
    RETRY_AFTER: Final = "Retry-After"


class JobState:
    """States of an SED job and of a Swift analysis."""

    QUEUED: Final = "queued"
    RUNNING: Final = "running"
    PROCESSING: Final = "processing"
    DONE: Final = "done"
    NO_DATA: Final = "no_data"
    FAILED: Final = "failed"
    ERROR: Final = "error"
    ENDED: Final = frozenset({"done", "no_data", "failed", "error"})


class FitState:
    """States of a fit; a result is also complete when ``pdf_link`` is there."""

    DONE: Final = "done"
    FAILED: Final = frozenset({"error", "cancelled", "failed"})


class Limit:
    """Limits that the service documents."""

    WAIT_MAX: Final = 25
    """Longest ``Prefer: wait=N`` in seconds."""
    WAITERS_PER_CLIENT: Final = 2
    WAITERS_PER_SITE: Final = 4
    FIT_WAITERS_PER_SITE: Final = 3
    JOBS_IN_FLIGHT: Final = 2
    FITS_PER_CLIENT: Final = 2
    INFERENCES: Final = 4
    FIT_RETRY_AFTER: Final = 120
    INFERENCE_RETRY_AFTER: Final = 10
    WAIT_RETRY_AFTER: Final = 2
    ENQUEUE_RETRY_AFTER: Final = 30
    FAILED_RETRY_AFTER: Final = 1800
    RESULT_DAYS: Final = 15
    REUSE_RADIUS_ARCSEC: Final = 2.0
    REDSHIFT_MAX: Final = 10.0
    REDSHIFT_MAX_EBL: Final = 4.99
    SWIFT_OBSIDS: Final = 60
    SWIFT_DAYS: Final = 365.0
    SWIFT_MJD_MIN: Final = 54682.6553
    SKY_ORDER: Final = 15
    CONE_RADIUS_ARCSEC: Final = 5.0


UNDATED_MJD: Final = 50000.0
"""Placeholder of both MJDs of an undated point, today."""

UNDATED_MJD_LEGACY: Final = 55000.0
"""The same in answers of the older interface."""

ORDERINGS: Final = (
    "mjd_mid",
    "mjd_start",
    "mjd_end",
    "flux",
    "flux_err",
    "spectral_index",
    "sep_arcsec",
    "created_at",
)

SED_CSV_HEADER: Final = (
    "freq_hz",
    "nufnu",
    "nufnu_err",
    "is_ul",
    "mjd_start",
    "mjd_end",
    "catalog",
    "band",
    "reference",
)

LEGACY_CSV_HEADER: Final = (
    "frequency",
    "flux",
    "flux_err",
    "MJD_start",
    "MJD_end",
    "flag",
    "catalog",
    "reference",
)

FIT_CSV_HEADER: Final = ("frequency", "flux", "flux_err")
