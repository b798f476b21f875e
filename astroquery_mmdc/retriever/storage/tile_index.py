"""Which source lies in which shard of a tile, remembered while its folder does not change."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["TileIndex"]


class TileIndex:
    """Sources of the shards in a folder.

    Parameters
    ----------
    folder : Path
        The tile; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = -1
        self._known: dict[str, tuple[int, int]] = {}
        self._places: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def of(self, source: str) -> dict[str, str]:
        """Return the keys of a source with the name of the newest shard that has each."""
        self._refresh()
        return dict(self._places.get(source, {}))

    def _refresh(self) -> None:
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed = 0
        if changed == self._changed:
            return
        stats = {path.name: path.stat() for path in self._folder.glob("*.parquet")}
        there = {name: (stat.st_mtime_ns, stat.st_size) for name, stat in stats.items()}
        if any(there.get(name) != version for name, version in self._known.items()):
            # A shard was removed or written anew.
            self._known.clear()
            self._places.clear()
        new = [name for name in there if name not in self._known]
        for name in sorted(new, key=lambda name: there[name]):
            self._enter(name)
        self._known.update(there)
        self._changed = changed

    def _enter(self, name: str) -> None:
        try:
            table = pq.read_table(
                self._folder / name, columns=["source", "filekey"], partitioning=None
            )
        except (OSError, KeyError, pa.ArrowException):
            return  # a damaged shard has no light curves
        if table.num_columns < 2:
            return
        pairs = zip(table["source"].to_pylist(), table["filekey"].to_pylist(), strict=True)
        for source, key in pairs:
            self._places[source][key] = name
