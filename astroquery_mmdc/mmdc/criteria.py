"""Observations anywhere in the sky: from a complete mirror, else from the service."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from astropy.table import QTable

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import (
    RateLimitError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.mmdc.answers import Question, asked, finished
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.net import Job

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["observations"]


def observations(
    self: MMDCClass, job: Job, filters: Filters, cache: bool | None, *, refresh: bool
) -> QTable | Coroutine[Any, Any, QTable]:
    """Return the observations that filters let through, or a coroutine that gets them."""
    question = Question([filters.payload], filters)
    if not self.remembers(cache):
        return asked(self, job, question)
    from astroquery_mmdc.mmdc import remembered

    answer = remembered.everywhere(self, job, filters, refresh=refresh)
    if answer is None:
        return _asked_or_recalled(self, job, question)
    return finished(self, job, question, answer)


async def _asked_or_recalled(self: MMDCClass, job: Job, question: Question) -> QTable:
    try:
        return await asked(self, job, question)
    except (ServiceUnavailableError, RateLimitError) as err:
        from astroquery_mmdc.mmdc import remembered

        older = remembered.everywhere_of_any_age(self, job, question.filters)
        if older is None or not conf.stale_if_error:
            raise
        job.warn(f"{err}; what is known from before is returned", StaleResultWarning)
        return finished(self, job, question, older)
