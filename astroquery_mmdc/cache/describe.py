"""What a store holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from astroquery_mmdc.cache.coverage import Coverage
from astroquery_mmdc.cache.layout import MAX_KEY, Layout
from astroquery_mmdc.cache.loading import Loader
from astroquery_mmdc.cache.manifest import SCHEMA_VERSION, Manifest

__all__ = ["coverage_facts", "describe"]


def describe(layout: Layout, manifest: Manifest, loader: Loader) -> dict[str, Any]:
    """Return what a store holds.

    Returns
    -------
    dict
        ``folder``, ``schema_version``, ``rows`` (those that queries can find), ``generation`` and
        its ``tiles``, ``open_segments`` (fetches since), ``bytes`` of ``data``, ``index`` and
        ``manifest``, ``coverage`` (for each filter key the fraction of the ``sky`` and the
        ``oldest`` and ``newest`` fetch, in seconds since 1970), ``segments`` and ``ranges``.
    """
    snapshot = loader.snapshot()
    state = manifest.state()
    generation = snapshot.generation
    folders = [layout.deltas, *([layout.generation(generation.path)] if generation else [])]
    return {
        "folder": str(layout.root),
        "schema_version": SCHEMA_VERSION,
        "rows": snapshot.size,
        "generation": generation.path if generation else None,
        "tiles": len(snapshot.tiles),
        "open_segments": len(state.segments),
        "bytes": {
            "data": _bytes(folders),
            "index": _bytes([layout.indexes]),
            "manifest": layout.manifest.stat().st_size,
        },
        "coverage": coverage_facts(loader.coverage()),
        **manifest.counts(),
    }


def _bytes(folders: Iterable[Path]) -> int:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    # A file may have several names, one in each generation.
    return sum({stat.st_ino: stat.st_size for stat in (path.stat() for path in files)}.values())


def coverage_facts(coverage: Coverage) -> dict[str, dict[str, float]]:
    """Return for each filter key how much of the sky is known, and since when."""
    return {
        key: {
            "sky": float((timeline.ranges[:, 1] - timeline.ranges[:, 0]).sum() / MAX_KEY),
            "oldest": float(timeline.fetched.min()),
            "newest": float(timeline.fetched.max()),
        }
        for key, timeline in coverage.timelines.items()
        if len(timeline.ranges)
    }
