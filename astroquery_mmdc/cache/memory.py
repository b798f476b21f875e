"""Observations in memory, to be read like a store on disk."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from astroquery_mmdc.cache.coverage import Coverage
from astroquery_mmdc.cache.layout import STORE_SCHEMA
from astroquery_mmdc.cache.part import Codes, Part
from astroquery_mmdc.cache.rows import normalised, sort_rows
from astroquery_mmdc.cache.snapshot import Snapshot, Where

__all__ = ["HeldRows"]


class HeldRows:
    """What a `~astroquery_mmdc.cache.reading.Reader` reads where there are not many rows.

    Parameters
    ----------
    tables : iterable of `pyarrow.Table`
        Observations in the service's columns.

    Raises
    ------
    InvalidRequestError
        A row has no position or lacks a required value.
    """

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        found = [STORE_SCHEMA.empty_table(), *map(normalised, tables)]
        rows = sort_rows(pa.concat_tables(found).combine_chunks())
        self._snapshot = Snapshot((Part.of(rows, Codes(), Codes()),), (None,), None, ())

    def snapshot(self, where: Where | None = None) -> Snapshot:
        """Return the rows, always the same."""
        return self._snapshot

    def coverage(self) -> Coverage:
        """Return that nothing is known of the sky: there may be more rows elsewhere."""
        return Coverage()

    def forget(self) -> None:
        """Keep them: there is nothing to read them from again."""

    def close(self) -> None:
        """Keep them: nothing is open."""
