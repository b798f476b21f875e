"""Every error and warning of the package.

Errors::

    MMDCError
      x InvalidRequestError       a parameter is wrong    (InvalidQueryError, ValueError)
      x ResolverError             nobody knows the name   (ResolverError)
      x OfflineError              not held here, and the network is switched off
      x AuthError                 a key is missing or refused          (LoginError)
      x CacheError                what is kept on disk cannot be used
      x ParseError                the answer cannot be understood      (TableParseError)
      x ServiceError              the service answered with an error   (RemoteServiceError)
          - ServiceUnavailableError   no connection, time-out, 502, 503, 504
          - NotFoundError             404
          - RateLimitError            429, with ``retry_after``
          - NotReadyError             409, the job is not finished
          - UpgradeRequiredError      426, the client did not identify itself
      x JobError
          - JobFailedError            the job ended badly, with ``code`` and ``logs``
          - JobTimeoutError           the wait ended, the job goes on  (TimeoutError)

In brackets: the error of astroquery or Python that it is as well.

Warnings: `StaleResultWarning`, `IncompleteResultWarning`, and astroquery's `NoResultsWarning`,
`MaxResultsWarning` and `InputWarning`.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from astropy.utils.exceptions import AstropyUserWarning
from astroquery import exceptions as _astroquery
from astroquery.exceptions import InputWarning, MaxResultsWarning, NoResultsWarning

__all__ = [
    "AuthError",
    "CacheError",
    "IncompleteResultWarning",
    "InputWarning",
    "InvalidRequestError",
    "JobError",
    "JobFailedError",
    "JobTimeoutError",
    "MMDCError",
    "MaxResultsWarning",
    "NoResultsWarning",
    "NotFoundError",
    "NotReadyError",
    "OfflineError",
    "ParseError",
    "RateLimitError",
    "ResolverError",
    "ServiceError",
    "ServiceUnavailableError",
    "StaleResultWarning",
    "UpgradeRequiredError",
]


class MMDCError(Exception):
    """Base of every error raised by this package."""


class InvalidRequestError(MMDCError, _astroquery.InvalidQueryError, ValueError):
    """A parameter is wrong.

    Parameters
    ----------
    message : str
        What is wrong, with the value and the way out.
    parameter : str, optional
        Name of the parameter at fault.
    fields : mapping, optional
        Messages by field, as a service reports them.
    """

    def __init__(
        self,
        message: str,
        *,
        parameter: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.fields = dict(fields or {})


class ResolverError(MMDCError, _astroquery.ResolverError):
    """No service could turn a name into a position."""


class OfflineError(MMDCError):
    """The answer is not held locally and ``conf.offline`` forbids to ask for it."""


class CacheError(MMDCError):
    """What is kept on disk is damaged, locked, full, or of a version that is not known."""


class AuthError(MMDCError, _astroquery.LoginError):
    """A key or token is missing, expired or refused."""


class ParseError(MMDCError, _astroquery.TableParseError):
    """An answer arrived but could not be understood.

    Parameters
    ----------
    message : str
        What was expected and what came.
    excerpt : str, optional
        The beginning of the answer.
    """

    def __init__(self, message: str, *, excerpt: str = "") -> None:
        super().__init__(message)
        self.excerpt = excerpt


class ServiceError(MMDCError, _astroquery.RemoteServiceError):
    """The service answered with an error.

    Parameters
    ----------
    message : str
        One line for the reader.
    status_code : int, optional
        HTTP status; None when no answer arrived.
    url : str, optional
        What was asked, without its query.
    detail : str, optional
        The service's own words.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        url: str | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.url = url
        self.detail = detail


class ServiceUnavailableError(ServiceError):
    """The service could not be reached or said that it is unavailable."""


class NotFoundError(ServiceError):
    """The service does not know this resource (404)."""


class RateLimitError(ServiceError):
    """The service asks to slow down (429); ``retry_after`` is in seconds or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_after = retry_after


class NotReadyError(ServiceError):
    """The job is not finished yet (409)."""


class UpgradeRequiredError(ServiceError):
    """The service wants the client to identify itself or to be newer (426)."""


class JobError(MMDCError):
    """Something about a job on the service; ``job_id`` names it."""

    def __init__(self, message: str, *, job_id: str = "") -> None:
        super().__init__(message)
        self.job_id = job_id


class JobFailedError(JobError):
    """A job ended without a result.

    Parameters
    ----------
    message : str
        One line for the reader.
    job_id : str
        The service's id of the job.
    code : str, optional
        The service's reason, for example ``"pipeline"`` or ``"timeout"``.
    logs : str, optional
        Tail of the job's log.
    retry_after : float, optional
        Seconds after which a new try makes sense.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str = "",
        code: str = "failed",
        logs: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.code = code
        self.logs = logs
        self.retry_after = retry_after


class JobTimeoutError(JobError, _astroquery.TimeoutError, builtins.TimeoutError):
    """The wait for a job ended; the job itself goes on and ``job_id`` finds it again."""


class IncompleteResultWarning(AstropyUserWarning):
    """Part of the answer is missing, for example a catalogue that could not be asked."""


class StaleResultWarning(AstropyUserWarning):
    """An older result is returned because a newer one could not be had."""
