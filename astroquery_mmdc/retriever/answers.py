"""Answers of surveys as structured arrays; what is damaged or no table raises `ParseError`."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.net import Reply
from astroquery_mmdc.retriever.arrays import structured, units_of
from astroquery_mmdc.retriever.fetch import refuse_page
from astroquery_mmdc.retriever.quiet import filtered_warnings

__all__ = ["read_csv", "read_parquet", "read_votable"]

_SHOWN = 200


def read_votable(reply: Reply) -> tuple[np.ndarray, dict[str, str]]:
    """Return the first table of a VOTable, and its units.

    Raises
    ------
    ParseError
        It is a page, is cut short, or tells of an error of the service.
    """
    from astropy.io.votable import parse

    refuse_page(reply, "a VOTable")
    try:
        # Services are lax about the standard; what cannot be read raises all the same.
        with filtered_warnings("ignore"):
            document = parse(io.BytesIO(reply.content), verify="ignore")
    except (ValueError, IndexError, TypeError, OSError) as err:
        raise _damaged(reply, "a VOTable", err) from err
    for resource in document.resources:
        for info in resource.infos:
            if info.name == "QUERY_STATUS" and str(info.value).upper() == "ERROR":
                msg = f"{reply.url} answered with an error: {info.content or 'no reason given'}"
                raise ParseError(msg)
    if not reply.content.rstrip().upper().endswith(b"VOTABLE>"):
        raise _damaged(reply, "a VOTable", "it ends too early")
    tables = list(document.iter_tables())
    if not tables:
        raise _damaged(reply, "a VOTable", "it has no table")
    table = tables[0].to_table(use_names_over_ids=True)
    return structured(table), units_of(table)


def read_csv(reply: Reply) -> np.ndarray:
    """Return a table of comma-separated values with a line of names.

    Raises
    ------
    ParseError
        It is a page or cut short. An empty answer is a table without rows.
    """
    import pyarrow as pa
    from pyarrow import csv

    refuse_page(reply, "CSV")
    if not reply.content.strip():
        return structured(None)
    if not reply.content.endswith(b"\n"):
        raise _damaged(reply, "CSV", "it ends in the middle of a line")
    try:
        table = csv.read_csv(io.BytesIO(reply.content))
    except pa.ArrowInvalid as err:
        raise _damaged(reply, "CSV", err) from err
    return structured(_columns(table))


def read_parquet(reply: Reply) -> np.ndarray:
    """Return a Parquet file.

    Raises
    ------
    ParseError
        It is a page or damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    refuse_page(reply, "Parquet")
    try:
        table = parquet.read_table(io.BytesIO(reply.content))
    except (pa.ArrowInvalid, OSError) as err:
        raise _damaged(reply, "Parquet", err) from err
    return structured(_columns(table))


def _columns(table: Any) -> dict[str, Any]:
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _damaged(reply: Reply, expected: str, reason: object) -> ParseError:
    msg = f"{reply.url}: expected {expected}, but it cannot be read ({reason}); try again later"
    return ParseError(msg, excerpt=reply.content[:_SHOWN].decode("utf-8", "replace"))
