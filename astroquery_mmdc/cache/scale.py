"""A store as an LSDB catalogue, for work on many cores or machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import CacheError

if TYPE_CHECKING:
    from astroquery_mmdc.cache.remote import RemoteCache
    from astroquery_mmdc.cache.store import ObservationCache

__all__ = ["open_lsdb"]

# Another process may be compacting, which takes seconds.
_PATIENCE = 60.0


def open_lsdb(store: ObservationCache | RemoteCache, **options: Any) -> Any:
    """Return a store as an LSDB catalogue that holds every committed row.

    Parameters
    ----------
    store : ObservationCache or RemoteCache
        What was fetched since the last generation is merged first, where it can be written to.
    **options
        For ``lsdb.open_catalog``.

    Raises
    ------
    CacheError
        There are no rows, or some cannot be merged now and would be missing.
    """
    import lsdb

    return lsdb.open_catalog(_complete(store), **options)


def _complete(store: ObservationCache | RemoteCache) -> str:
    """Return where a generation with every committed row is."""
    merged = not store.is_read_only and store.compact(wait=_PATIENCE)
    facts = store.info()
    place = str(facts.get("url") or facts["folder"])
    if not facts["rows"]:
        msg = f"{place} holds no rows; prefetch or ingest some first"
        raise CacheError(msg)
    # After a merge, what is open was fetched since.
    if facts["open_segments"] and not merged:
        why = "it is for reading only" if store.is_read_only else "another process works on it"
        msg = (
            f"{place} has {facts['open_segments']} fetches that LSDB would not see, and {why}; "
            "run compact() where it can be written to"
        )
        raise CacheError(msg)
    return place
