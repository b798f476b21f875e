"""The local store of observations: what was asked once is answered from disk."""

from astroquery_mmdc.cache.coverage import Coverage
from astroquery_mmdc.cache.errors import CacheError
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.regions import Box, MOCRegion, Polygon, Region
from astroquery_mmdc.cache.store import ObservationCache

__all__ = [
    "Box",
    "CacheError",
    "Coverage",
    "Filters",
    "MOCRegion",
    "ObservationCache",
    "Polygon",
    "Region",
]
