"""Observations around positions: from disk where they are known, else from the service."""

from __future__ import annotations

from collections.abc import Coroutine
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.mmdc.answers import Answer, Payload, Question, asked, finished
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.mmdc.names import resolve_targets
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.coordinates import Targets

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["cones"]


def cones(
    self: MMDCClass,
    job: Job,
    targets: Targets,
    radius: u.Quantity,
    filters: Filters,
    *options: bool | None,
) -> Any:
    """Return the observations around targets, or a coroutine that gets them.

    Parameters
    ----------
    self, job, targets, radius, filters
        Where to ask, what is known of the query, and what it asks for.
    *options : bool or None
        ``get_query_payload``, ``cache`` and ``refresh`` of the verbs.
    """
    if targets.given is None:
        return _resolved_cones(self, job, targets, radius, filters, *options)
    question = Question(_payloads(targets, radius, filters), filters, targets)
    get_query_payload, cache, refresh = options
    if get_query_payload:
        return question.payloads[0] if targets.is_scalar else question.payloads
    if self.remembers(cache):
        # Only here: it loads pyarrow, which a client that remembers nothing does not need.
        from astroquery_mmdc.mmdc import remembered

        wanted = remembered.Cones.of(targets, radius, filters)
        outcome = remembered.known_or_fetched(self, job, wanted, refresh=bool(refresh))
        if isinstance(outcome, Answer):
            return finished(self, job, question, outcome)
        if outcome is not None:
            return _finished_later(self, job, question, outcome)
    return asked(self, job, question)


async def _finished_later(
    self: MMDCClass, job: Job, question: Question, answer: Coroutine[Any, Any, Answer]
) -> QTable:
    return finished(self, job, question, await answer)


async def _resolved_cones(
    self: MMDCClass, job: Job, targets: Targets, *args: Any
) -> QTable | Payload | list[Payload]:
    outcome = cones(self, job, await resolve_targets(self, job, targets), *args)
    return await outcome if iscoroutine(outcome) else outcome


def _payloads(targets: Targets, radius: u.Quantity, filters: Filters) -> list[Payload]:
    arcsec = float(radius.value)
    return [
        {"ra": ra, "dec": dec, "radius_arcsec": arcsec, **filters.payload}
        for ra, dec in zip(*(degrees.tolist() for degrees in targets.degrees), strict=True)
    ]
