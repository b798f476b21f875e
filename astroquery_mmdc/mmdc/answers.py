"""Tables of observations, with what the rows themselves do not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import NoResultsWarning, ParseError
from astroquery_mmdc.mmdc.filters import Filters
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.schema.coordinates import Targets, separation_arcsec
from astroquery_mmdc.schema.provenance import provenance
from astroquery_mmdc.schema.rows import decode_rows
from astroquery_mmdc.schema.tables import observations_from_rows
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["Answer", "Question", "asked", "finished", "separation"]

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A query for observations.

    Parameters
    ----------
    payloads : list of dict
        What is sent for each of the targets.
    filters : Filters
        Their filters.
    targets : Targets, optional
        Cones around these; None for the whole sky.
    """

    payloads: list[Payload]
    filters: Filters
    targets: Targets | None = None

    @property
    def is_scalar(self) -> bool:
        """Whether the answer has no ``query_index``."""
        return self.targets is None or self.targets.is_scalar

    def facts(self) -> dict[str, Any]:
        """Return what the provenance says of it."""
        first, names = self.payloads[0], self.targets.names if self.targets else ()
        if not self.is_scalar:
            first = {name: value for name, value in first.items() if name not in ("ra", "dec")}
            first["targets"] = len(self.payloads)
        return {"query": first, "names": [name for name in names if name] or None}


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of all targets.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        The rows.
    index : ndarray of int64
        For each row which target it is of.
    facts : dict
        What else its provenance says.
    """

    table: QTable
    index: NDArray[np.int64]
    facts: dict[str, Any] = field(default_factory=dict)


async def asked(self: MMDCClass, job: Job, question: Question) -> QTable:
    """Ask the service and return its answer."""
    answers = await gather(
        _rows(self, job, payload, question.filters) for payload in question.payloads
    )
    table = observations_from_rows([row for rows in answers for row in rows])
    index = np.repeat(np.arange(len(answers)), [len(rows) for rows in answers])
    if question.targets is not None:
        ra, dec = (degrees[index] for degrees in question.targets.degrees)
        table["separation"] = separation(ra, dec, table["ra"].value, table["dec"].value)
    return finished(self, job, question, Answer(table, index))


async def _rows(self: MMDCClass, job: Job, payload: Payload, filters: Filters) -> list[Any]:
    reply = await self.client.request("GET", Path.OBSERVATIONS, params=payload)
    try:
        rows = decode_rows(reply.content)
    except ParseError as err:
        msg = f"{reply.url}: {err}"
        raise ParseError(msg, excerpt=err.excerpt) from err
    return rows[filters.within_limit(len(rows), job)]


def separation(ra: Any, dec: Any, other_ra: Any, other_dec: Any) -> u.Quantity:
    """Return the column of the distances from the positions of a query, given all in degrees."""
    column = u.Quantity(separation_arcsec(ra, dec, other_ra, other_dec), u.arcsec, copy=False)
    column.info.description = "Distance from the position of the query"
    return column


def finished(self: MMDCClass, job: Job, question: Question, answer: Answer) -> QTable:
    """Add the number of the target that a row is of, and the provenance, to an answer."""
    table = answer.table
    if not question.is_scalar:
        table.add_column(answer.index, name="query_index", index=0)
        table["query_index"].info.description = "Index of the position in the query"
    table.meta["mmdc"] = provenance(
        service=self.client.server,
        endpoint=Path.OBSERVATIONS,
        **question.facts(),
        **answer.facts,
    )
    if not len(answer.index):
        job.warn(_nothing_found(question.payloads), NoResultsWarning)
    return table


def _nothing_found(payloads: list[Payload]) -> str:
    first = payloads[0]
    where = f" within {first['radius_arcsec']:g} arcsec" if "radius_arcsec" in first else ""
    many = f" of {len(payloads)} positions" if len(payloads) > 1 else ""
    at = f" of {first['ra']:.5f} {first['dec']:+.5f}" if where and not many else many
    return f"the service has no observation{where}{at} for these filters"
