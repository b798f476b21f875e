"""Rows as JSON text, each made once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.snapshot import Snapshot
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.columns import REFERENCE_FIELDS
from astroquery_mmdc.schema.rows import ObservationRow

__all__ = ["Fragments"]

# Rows that are kept in their JSON form: about 100 MB at most.
_FRAGMENTS = 200_000


class Fragments:
    """The texts of rows of the newest snapshot."""

    def __init__(self) -> None:
        self._held: tuple[Snapshot | None, dict[int, bytes]] = (None, {})

    def array(self, snapshot: Snapshot, rows: NDArray[np.int64]) -> bytes:
        """Return rows, given by their numbers, as a JSON array."""
        numbers = rows.tolist()
        of, texts = self._held
        if of is not snapshot:
            texts = {}
        missing = [row for row in numbers if row not in texts]
        if missing:
            texts = self._more(snapshot, texts, numbers, sorted(missing))
        return b"[" + b",".join([texts[row] for row in numbers]) + b"]"

    def _more(
        self, snapshot: Snapshot, texts: dict[int, bytes], wanted: list[int], missing: list[int]
    ) -> dict[int, bytes]:
        table = snapshot.read(snapshot.runs_of(np.array(missing)), OBSERVATION_SCHEMA.names)
        if len(texts) + len(missing) > _FRAGMENTS:
            # Others may be reading the old ones: replaced, never emptied.
            texts = {row: texts[row] for row in wanted if row in texts}
        texts.update(zip(missing, _encoded(table), strict=True))
        self._held = snapshot, texts
        return texts


def _encoded(table: pa.Table) -> Iterator[bytes]:
    columns = [_values(table.column(name)) for name in OBSERVATION_SCHEMA.names]
    # Records take half the time of dictionaries.
    records = (ObservationRow(*values) for values in zip(*columns, strict=True))
    return map(msgspec.json.Encoder().encode, records)


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_struct(column.type):
        return [value for chunk in column.chunks for value in _references(chunk)]
    if pa.types.is_dictionary(column.type):
        return [value for chunk in column.chunks for value in _words(chunk)]
    return list(column.to_pylist())


def _words(chunk: pa.DictionaryArray) -> list[str | None]:
    words = [*chunk.dictionary.to_pylist(), None]
    codes = chunk.indices.fill_null(len(words) - 1) if chunk.null_count else chunk.indices
    return [words[code] for code in codes.to_numpy().tolist()]


def _references(chunk: pa.StructArray) -> list[dict[str, Any] | None]:
    """Return the references; each different one is made once."""
    made: dict[tuple[Any, ...], dict[str, Any]] = {}
    found: list[dict[str, Any] | None] = []
    for parts in zip(*(_words(chunk.field(name)) for name in REFERENCE_FIELDS), strict=True):
        reference = made.get(parts)
        if reference is None:
            reference = made[parts] = dict(zip(REFERENCE_FIELDS, parts, strict=True))
        found.append(reference)
    for place in np.flatnonzero(np.asarray(chunk.is_null())).tolist() if chunk.null_count else ():
        found[place] = None
    return found
