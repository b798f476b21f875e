"""Raw photometry and light curves under their documented address.

Attributes
----------
DATA_ROOT : str
    Set it to move the data; see `astroquery_mmdc.retriever.paths.data_root`.
"""

from __future__ import annotations

from astroquery_mmdc.retriever.database.datasets import Lightcurve, RawPhotometry
from astroquery_mmdc.retriever.database.on_disk import DatasetMixin

__all__ = ["DATA_ROOT", "DatasetMixin", "Lightcurve", "RawPhotometry"]

DATA_ROOT: str | None = None
