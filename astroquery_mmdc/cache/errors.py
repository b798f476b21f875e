"""Errors of the store."""

from __future__ import annotations

from astroquery_mmdc.exceptions import MMDCError

__all__ = ["CacheError"]


class CacheError(MMDCError):
    """The local store is damaged, locked, full, or of a version that is not known."""
