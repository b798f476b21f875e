"""The local store of observations: what was asked once is answered from disk."""

from astroquery_mmdc.cache.coverage import Coverage
from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.regions import Box, MOCRegion, Polygon, Region
from astroquery_mmdc.cache.remote import RemoteCache
from astroquery_mmdc.cache.store import ObservationCache
from astroquery_mmdc.exceptions import CacheError

__all__ = [
    "Box",
    "CacheError",
    "Coverage",
    "Filters",
    "MOCRegion",
    "ObservationCache",
    "Polygon",
    "Region",
    "RemoteCache",
]
