"""A region of a store as one file that can be given to others.

It is a zip archive with the rows (``rows.parquet``, one HATS tile's columns), what is known of
which part of the sky since when (``coverage.json``), and what to cite (``references.bib``).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astropy.table import Table
from numpy.typing import NDArray

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.cache.commit import Fetch
from astroquery_mmdc.cache.coverage import Coverage, contains, intersect, merge
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.layout import KEY
from astroquery_mmdc.cache.manifest import CoverRow
from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.provenance import cite

__all__ = ["bibliography", "fetches", "read_bundle", "uncovered", "write_bundle"]

_FORMAT = 1
_NO_BUNDLE = (
    OSError,
    KeyError,
    TypeError,
    ValueError,
    RecursionError,
    zipfile.BadZipFile,
    pa.ArrowException,
)
_ROWS, _COVERAGE, _REFERENCES = "rows.parquet", "coverage.json", "references.bib"


def write_bundle(
    path: str | Path,
    rows: pa.Table,
    coverage: Coverage,
    ranges: NDArray[np.int64],
    *,
    overwrite: bool = False,
) -> None:
    """Write rows and the coverage of ranges as one file; see the module for the format."""
    table = rows.cast(OBSERVATION_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", store_schema=False)
    known = [
        [key, low, high, fetched]
        for key, timeline in coverage.timelines.items()
        for piece, fetched in zip(timeline.ranges, timeline.fetched.tolist(), strict=True)
        for low, high in intersect(piece[None], ranges).tolist()
    ]
    facts = {"format": _FORMAT, "rows": table.num_rows, "cover": known}
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr(_ROWS, sink.getvalue())
        archive.writestr(_COVERAGE, json.dumps(facts))
        archive.writestr(_REFERENCES, bibliography(table))


def read_bundle(path: str | Path) -> tuple[pa.Table, list[CoverRow]]:
    """Return the rows and the coverage of a bundle.

    Raises
    ------
    InvalidRequestError
        It is no bundle, or one of a newer version of the package.
    CacheError
        It is damaged.
    """
    try:
        with zipfile.ZipFile(Path(path).expanduser()) as archive:
            facts: dict[str, Any] = json.loads(archive.read(_COVERAGE))
            if facts["format"] > _FORMAT:
                msg = f"path: {path} is of a newer version of the package; upgrade it"
                raise InvalidRequestError(msg, parameter="path")
            table = pq.read_table(pa.BufferReader(archive.read(_ROWS)))
    except _NO_BUNDLE as err:
        if isinstance(err, InvalidRequestError):
            raise
        msg = f"path: {path} is no bundle of observations ({err}); give a file made by export"
        raise InvalidRequestError(msg, parameter="path") from err
    if table.num_rows != facts["rows"]:
        msg = f"path: {path} should hold {facts['rows']} rows, not {table.num_rows}; get it again"
        raise CacheError(msg)
    cover = [
        (str(key), int(low), int(high), float(when)) for key, low, high, when in facts["cover"]
    ]
    return table, cover


def fetches(table: pa.Table, cover: list[CoverRow]) -> Iterator[Fetch]:
    """Give what a bundle knows, the oldest first, as it was fetched."""
    keys = table.column(KEY).to_numpy()
    pieces: dict[tuple[float, str], list[tuple[int, int]]] = {}
    for key, low, high, fetched in cover:
        pieces.setdefault((fetched, key), []).append((low, high))
    for (fetched, key), ranges in sorted(pieces.items()):
        some = table.filter(pa.array(contains(merge(ranges), keys)))
        some = some.filter(pa.array(Filters.from_key(key).mask(some)))
        yield Fetch(some, key, merge(ranges), fetched)


def uncovered(table: pa.Table, cover: list[CoverRow]) -> pa.Table:
    """Return the rows of a bundle whose places are not known to be complete."""
    known = merge([(low, high) for _, low, high, _ in cover])
    return table.filter(pa.array(~contains(known, table.column(KEY).to_numpy())))


def bibliography(table: pa.Table) -> str:
    """Return BibTeX entries of the references of rows, each once."""
    references = table.column("reference").combine_chunks()
    columns = {
        "catalog": table.column("catalog"),
        "bibcode": pc.struct_field(references, "bibcode"),
        "reference": pc.struct_field(references, "citation"),
    }
    distinct = pa.table(columns).group_by(list(columns)).aggregate([]).to_pylist()
    rows = sorted([value or "" for value in row.values()] for row in distinct)
    return cite(Table(rows=rows, names=list(columns))) if rows else ""
