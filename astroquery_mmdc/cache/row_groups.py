"""Checksums of row groups, so that a part of a tile that was read from afar can be trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from astroquery_mmdc.cache.layout import Tile

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["SUMS", "digests", "read_sums", "spans", "sums_text"]

SUMS = "row_groups.csv"
"""File of a generation with the SHA-256 of every row group, in the order of ``_metadata``."""

_HEADER = "Norder,Npix,sha256"


def spans(metadata: pq.FileMetaData) -> list[tuple[int, int]]:
    """Return where each row group begins in its file, and how long it is."""
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        first = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
        found.append((first, sum(column.total_compressed_size for column in columns)))
    return found


def digests(path: Path, metadata: pq.FileMetaData) -> list[str]:
    """Return the SHA-256 of each row group of a tile."""
    found = []
    with path.open("rb") as stream:
        for offset, length in spans(metadata):
            stream.seek(offset)
            found.append(hashlib.sha256(stream.read(length)).hexdigest())
    return found


def sums_text(sums: Iterable[tuple[Tile, Iterable[str]]]) -> str:
    """Return the content of `SUMS`; its last line is the checksum of the lines before it."""
    lines = [_HEADER]
    lines += [f"{tile.order},{tile.pixel},{digest}" for tile, group in sums for digest in group]
    text = "\n".join(lines) + "\n"
    return f"{text}# {_digest(text)}\n"


def read_sums(content: bytes) -> list[tuple[int, int, str]]:
    """Return order, pixel and checksum of each row group; nothing if the content is damaged.

    Examples
    --------
    >>> read_sums(sums_text([(Tile.of(1, 7), ["ab", "cd"])]).encode())
    [(1, 7, 'ab'), (1, 7, 'cd')]
    """
    text, mark, last = content.decode("utf-8", "replace").rpartition("# ")
    if not mark or last.strip() != _digest(text):
        return []
    cells = (line.split(",") for line in text.splitlines()[1:])
    return [(int(order), int(pixel), digest) for order, pixel, digest in cells]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
